//! The HTTP server: HTTP/1.1 and HTTP/2 without TLS, for a reverse proxy or the same machine.

use crate::assets;
use crate::drained::Drained;
use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, EXPECT, HeaderMap};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use shared::http::Peer;
use shared::http::peer::client_ip;
use shared::settings::TrustProxy;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;
use tower_http::compression::Compression;
use tower_service::Service;

/// Time for the header of a request, and for the first request of a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for one request, its body included, until the answer begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that requests, and the work after them, have to end after the signal to stop.
const GRACE: Duration = Duration::from_secs(5);

type App = Compression<Router, fn(StatusCode, http::Version, &HeaderMap, &http::Extensions) -> bool>;

/// What every connection shares.
struct Shared {
    app: App,
    trust: TrustProxy,
    http: auto::Builder<TokioExecutor>,
}

/// Serves until `stop` is ready, then lets running requests end. Returns the instant by which everything else has to
/// end too.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    trust: TrustProxy,
    stop: impl Future<Output = ()>,
) -> Instant {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(60))
        .keep_alive_timeout(HEADER_TIMEOUT)
        .max_concurrent_streams(100);
    let app = Compression::new(app).compress_when(is_text as fn(_, _, &_, &_) -> _);
    let shared = Arc::new(Shared { app, trust, http });
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => connection(&shared, stream, from, &graceful),
                Err(e) => {
                    // Out of file descriptors, as a rule: connections must end before others can begin.
                    tracing::warn!(error = %e, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let deadline = Instant::now() + GRACE;
    if tokio::time::timeout_at(deadline, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still running were cut off");
    }
    deadline
}

fn connection(shared: &Arc<Shared>, stream: TcpStream, from: SocketAddr, graceful: &GracefulShutdown) {
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(Notify::new());
    let service = {
        let (shared, asked) = (Arc::clone(shared), Arc::clone(&asked));
        service_fn(move |request| {
            asked.notify_one();
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(answer(&shared, request, from).await) }
        })
    };
    let serving = shared.http.serve_connection(TokioIo::new(stream), service).into_owned();
    let serving = graceful.watch(serving);
    tokio::spawn(async move {
        let mut serving = std::pin::pin!(serving);
        // hyper's own timeout begins once it knows the protocol; this one covers the bytes before that.
        let first = tokio::time::timeout(HEADER_TIMEOUT, asked.notified());
        let ended = tokio::select! {
            ended = &mut serving => ended,
            begun = first => match begun {
                Ok(()) => serving.await,
                Err(_) => return,
            },
        };
        if let Err(e) = ended {
            tracing::debug!(error = %e, "connection ended");
        }
    });
}

async fn answer(shared: &Shared, mut request: Request<Incoming>, from: SocketAddr) -> Response<Body> {
    if let Some(file) = assets::respond(request.method(), request.uri().path(), request.headers()) {
        return file;
    }
    let ip = client_ip(Some(from.ip()), request.headers(), &shared.trust);
    request.extensions_mut().insert(Peer { ip, ..Peer::default() });
    // Who expects 100 (Continue) has not begun to send; reading on would ask for what is refused.
    let expects = request.headers().contains_key(EXPECT);
    let request = request.map(|body| if expects { Body::new(body) } else { Body::new(Drained::new(body)) });
    let mut app = shared.app.clone();
    match tokio::time::timeout(REQUEST_TIMEOUT, app.call(request)).await {
        Ok(Ok(response)) => response.map(Body::new),
        Ok(Err(never)) => match never {},
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
            response
        }
    }
}

/// Only text is worth compressing.
fn is_text(_: StatusCode, _: http::Version, headers: &HeaderMap, _: &http::Extensions) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    kind.starts_with("text/") || kind.starts_with("application/json")
}

/// Ready at SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! { () = interrupt => {}, () = terminate => {} }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use std::net::IpAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    struct Running {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        done: tokio::task::JoinHandle<Instant>,
    }

    async fn start(trust: TrustProxy) -> Running {
        let app = Router::new()
            .route(
                "/ip",
                get(|request: Request<Body>| async move {
                    format!("{:?}", request.extensions().get::<Peer>().and_then(|p| p.ip))
                }),
            )
            .route("/long", get(|| async { "text ".repeat(1000) }))
            .route("/refuse", post(async || StatusCode::PAYLOAD_TOO_LARGE))
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    "done"
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(serve(listener, app, trust, async {
            let _ = stopped.await;
        }));
        Running { address, stop, done }
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get_with(path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")
    }

    #[tokio::test]
    async fn s45_the_peer_comes_from_the_socket_unless_a_proxy_is_trusted() {
        let forwarded = get_with("/ip", "X-Forwarded-For: 203.0.113.9\r\n");
        let nobody = start(TrustProxy::Nobody).await;
        assert!(ask(nobody.address, &forwarded).await.ends_with("Some(127.0.0.1)"));
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let proxy = start(TrustProxy::Ranges(vec![(local, 32)])).await;
        assert!(ask(proxy.address, &forwarded).await.ends_with("Some(203.0.113.9)"));
    }

    #[tokio::test]
    async fn text_is_compressed_for_those_who_ask() {
        let server = start(TrustProxy::Nobody).await;
        let squeezed = ask(server.address, &get_with("/long", "Accept-Encoding: gzip\r\n")).await;
        assert!(squeezed.contains("content-encoding: gzip"), "{squeezed}");
        let plain = ask(server.address, &get_with("/long", "")).await;
        assert!(plain.contains("content-length: 5000"), "{plain}");
    }

    #[tokio::test]
    async fn absent_assets_never_reach_the_router() {
        let server = start(TrustProxy::Nobody).await;
        let answer = ask(server.address, &get_with("/assets/none.js", "")).await;
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }

    #[tokio::test]
    async fn s55_a_client_that_sends_too_much_still_gets_its_answer() {
        let server = start(TrustProxy::Nobody).await;
        let body = "x".repeat(2 << 20);
        let length = body.len();
        let head = format!("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n");
        let answer = ask(server.address, &format!("{head}Connection: close\r\n\r\n{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    }

    #[tokio::test]
    async fn http2_without_tls_is_spoken() {
        let server = start(TrustProxy::Nobody).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.unwrap();
        assert_eq!(frame[3], 4, "the server's SETTINGS frame");
    }

    #[tokio::test]
    async fn a_running_request_ends_before_the_server_does() {
        let server = start(TrustProxy::Nobody).await;
        let idle = TcpStream::connect(server.address).await.unwrap();
        let request = tokio::spawn(async move { ask(server.address, &get_with("/slow", "")).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.stop.send(()).unwrap();
        assert!(request.await.unwrap().ends_with("done"));
        tokio::time::timeout(Duration::from_secs(2), server.done).await.unwrap().unwrap();
        drop(idle);
    }
}
