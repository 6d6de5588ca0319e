//! Requests of our own, by reqwest. Names are resolved here, every address is vetted, and the connection goes to
//! the vetted addresses alone (`docs/SPECS.md`, security line 50).

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use shared::outbound::{check_target, is_public};
use shared::ports::{FetchError, FetchPolicy, HttpFetch, PrivateAddresses};
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The outgoing client: one for targets from outside, one for targets the operator configured.
pub(crate) struct Outgoing {
    outside: reqwest::Client,
    configured: reqwest::Client,
}

impl Outgoing {
    /// # Errors
    /// If the platform's certificates cannot be read.
    pub(crate) fn new() -> reqwest::Result<Self> {
        Self::with_lookup(Arc::new(System))
    }

    fn with_lookup(lookup: Arc<dyn Lookup>) -> reqwest::Result<Self> {
        let client = |private| {
            reqwest::Client::builder()
                .dns_resolver(Vetting { lookup: Arc::clone(&lookup), private })
                .redirect(Policy::none())
                .no_proxy()
                .referer(false)
                .user_agent("Latchkey")
        };
        Ok(Self {
            outside: client(PrivateAddresses::Refuse).https_only(true).build()?,
            configured: client(PrivateAddresses::AllowConfigured).build()?,
        })
    }
}

#[async_trait]
impl HttpFetch for Outgoing {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        policy: FetchPolicy,
    ) -> Result<http::Response<Bytes>, FetchError> {
        check_target(request.uri(), policy.private)?;
        let client = match policy.private {
            PrivateAddresses::Refuse => &self.outside,
            PrivateAddresses::AllowConfigured => &self.configured,
        };
        let mut request = reqwest::Request::try_from(request).map_err(|_| FetchError::Refused)?;
        *request.timeout_mut() = Some(Duration::from_millis(policy.timeout_ms.into()));
        let answer = client.execute(request).await.map_err(|e| why(&e))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = http::Response::new(read(answer, policy.max_bytes).await?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Reads the body as it comes and stops at the first byte too many, whatever Content-Length says.
async fn read(mut answer: reqwest::Response, max_bytes: usize) -> Result<Bytes, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| why(&e))? {
        if body.len().saturating_add(chunk.len()) > max_bytes {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// The public reason of a failure, without any address.
fn why(e: &reqwest::Error) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(e);
    while let Some(error) = cause {
        if error.is::<NothingAllowed>() {
            return FetchError::Refused;
        }
        cause = error.source();
    }
    if e.is_timeout() { FetchError::Timeout } else { FetchError::Unreachable }
}

/// Name to addresses.
#[async_trait]
trait Lookup: Send + Sync {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
struct System;

#[async_trait]
impl Lookup for System {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|a| a.ip()).collect())
    }
}

/// The resolver reqwest connects by: what it does not return is not connected to.
struct Vetting {
    lookup: Arc<dyn Lookup>,
    private: PrivateAddresses,
}

/// Every address of the name is of a refused class.
#[derive(Debug, thiserror::Error)]
#[error("no address allowed")]
struct NothingAllowed;

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, private) = (Arc::clone(&self.lookup), self.private);
        Box::pin(async move {
            let mut found = lookup.addresses(name.as_str()).await?;
            if private == PrivateAddresses::Refuse {
                found.retain(|ip| is_public(*ip));
                if found.is_empty() {
                    return Err(NothingAllowed.into());
                }
            }
            // Port 0 stands for the port of the URL.
            Ok(Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers each lookup with the next list, the last one for ever.
    struct Script(Mutex<Vec<Vec<IpAddr>>>);

    #[async_trait]
    impl Lookup for Script {
        async fn addresses(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
            let mut lists = self.0.lock().unwrap();
            Ok(if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() })
        }
    }

    fn scripted(lists: &[&[&str]]) -> Outgoing {
        let lists = lists.iter().map(|l| l.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Outgoing::with_lookup(Arc::new(Script(Mutex::new(lists)))).unwrap()
    }

    const OUTSIDE: FetchPolicy =
        FetchPolicy { timeout_ms: 2000, max_bytes: 64, private: PrivateAddresses::Refuse };
    const CONFIGURED: FetchPolicy = FetchPolicy { private: PrivateAddresses::AllowConfigured, ..OUTSIDE };

    fn get(url: &str) -> http::Request<Bytes> {
        http::Request::get(url).body(Bytes::new()).unwrap()
    }

    /// A server that gives every connection the same bytes, and counts connections.
    async fn server(answer: &'static str, hold: bool) -> (u16, Arc<Mutex<u32>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(0));
        let count = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                if hold {
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                        drop(stream);
                    });
                }
            }
        });
        (port, seen)
    }

    #[tokio::test]
    async fn s50_the_connection_goes_to_the_resolved_address() {
        let (port, seen) = server("HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi", false).await;
        let answer = scripted(&[&["127.0.0.1"]])
            .send(get(&format!("http://app.example:{port}/")), CONFIGURED)
            .await
            .unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, &b"hi"[..]));
        assert_eq!(answer.headers()["x-a"], "b");
        assert_eq!(*seen.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn s50_names_of_private_addresses_are_refused() {
        for ip in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
        ] {
            let refused = scripted(&[&[ip]]).send(get("https://app.example/"), OUTSIDE).await;
            assert_eq!(refused.err(), Some(FetchError::Refused), "{ip}");
        }
    }

    #[tokio::test]
    async fn s50_a_rebinding_name_never_gives_the_private_address() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let lists = vec![vec![ip("1.1.1.1"), ip("10.0.0.1")], vec![ip("127.0.0.1")]];
        let vetting =
            Vetting { lookup: Arc::new(Script(Mutex::new(lists))), private: PrivateAddresses::Refuse };
        let name = || "app.example".parse::<Name>().unwrap();
        // each connection looks once and gets nothing but what was vetted in that look
        let first: Vec<_> = vetting.resolve(name()).await.unwrap().collect();
        assert_eq!(first, [SocketAddr::new(ip("1.1.1.1"), 0)]);
        assert!(vetting.resolve(name()).await.err().unwrap().is::<NothingAllowed>());
    }

    #[tokio::test]
    async fn s50_literal_private_addresses_and_plain_http_are_refused() {
        let client = scripted(&[&["1.1.1.1"]]);
        for url in ["http://app.example/", "https://127.0.0.1/", "https://[::1]/", "https://app.example:25/"]
        {
            assert_eq!(client.send(get(url), OUTSIDE).await.err(), Some(FetchError::Refused), "{url}");
        }
    }

    #[tokio::test]
    async fn s50_redirects_are_answers_not_followed() {
        let (port, seen) =
            server("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n", false).await;
        let client = scripted(&[&["127.0.0.1"]]);
        let answer = client.send(get(&format!("http://app.example:{port}/")), CONFIGURED).await.unwrap();
        assert_eq!(answer.status().as_u16(), 302);
        assert_eq!(*seen.lock().unwrap(), 1);
    }

    #[tokio::test]
    async fn s50_bodies_are_cut_at_the_limit() {
        let long = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n\
            0123456789012345678901234567890123456789012345678901234567890123456789";
        let (port, _) = server(long, false).await;
        let url = format!("http://app.example:{port}/");
        let client = scripted(&[&["127.0.0.1"]]);
        assert_eq!(client.send(get(&url), CONFIGURED).await.err(), Some(FetchError::TooLarge));
        let more = FetchPolicy { max_bytes: 70, ..CONFIGURED };
        assert_eq!(client.send(get(&url), more).await.unwrap().body().len(), 70);
    }

    #[tokio::test]
    async fn s50_a_slow_answer_times_out() {
        let (port, _) = server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", true).await;
        let quick = FetchPolicy { timeout_ms: 200, ..CONFIGURED };
        let answer =
            scripted(&[&["127.0.0.1"]]).send(get(&format!("http://app.example:{port}/")), quick).await;
        assert_eq!(answer.err(), Some(FetchError::Timeout));
    }
}
