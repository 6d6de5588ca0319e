//! Outgoing requests on the runtime's `fetch`.
//!
//! The compatibility flag `global_fetch_strictly_public` keeps the account's own network out of reach, and
//! Cloudflare's network reaches no private addresses, whatever a name resolves to. What is refused here besides are
//! targets that nobody publishes on purpose: literal addresses, local names, other schemes and ports.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use js_sys::Uint8Array;
use shared::ports::{FetchError, FetchPolicy, HttpFetch, PrivateAddresses};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use worker::send::SendFuture;
use worker::url::Host;
use worker::{
    AbortController, AbortSignal, Body, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect,
    Response, ResponseBody, Url,
};

/// Ends of names that only resolve inside a network.
const LOCAL_NAMES: [&str; 6] = ["localhost", "local", "internal", "home", "lan", "home.arpa"];

/// The runtime's HTTP client.
pub(crate) struct EdgeFetch;

#[async_trait]
impl HttpFetch for EdgeFetch {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        policy: FetchPolicy,
    ) -> Result<http::Response<Bytes>, FetchError> {
        SendFuture::new(send(request, policy)).await
    }
}

async fn send(
    request: http::Request<Bytes>,
    policy: FetchPolicy,
) -> Result<http::Response<Bytes>, FetchError> {
    let url = Url::parse(&request.uri().to_string()).map_err(|_| FetchError::Refused)?;
    if !allowed(&url, policy.private) {
        return Err(FetchError::Refused);
    }
    let request = outgoing(&url, &request).map_err(|_| FetchError::Unreachable)?;
    let controller = AbortController::default();
    let signal = controller.signal();
    let exchange = exchange(request, &signal, policy.max_bytes);
    let outcome = before(policy.timeout_ms, exchange).await.unwrap_or(Err(FetchError::Timeout));
    if outcome.is_err() {
        // Closes a connection that nobody reads from any more.
        controller.abort();
    }
    outcome
}

/// Whether the target may be asked at all.
fn allowed(url: &Url, private: PrivateAddresses) -> bool {
    let plain = url.username().is_empty() && url.password().is_none();
    match private {
        PrivateAddresses::AllowConfigured => plain && matches!(url.scheme(), "https" | "http"),
        PrivateAddresses::Refuse => {
            let public = match url.host() {
                Some(Host::Domain(name)) => {
                    let name = name.trim_end_matches('.');
                    let local = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
                    name.contains('.') && !LOCAL_NAMES.iter().any(|end| local(end))
                }
                // The parser has read every spelling of an IPv4 address (`2130706433`, `0x7f.1`) as one.
                Some(Host::Ipv4(_) | Host::Ipv6(_)) | None => false,
            };
            plain && public && url.scheme() == "https" && matches!(url.port(), None | Some(8443))
        }
    }
}

fn outgoing(url: &Url, request: &http::Request<Bytes>) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in request.headers() {
        headers.append(name.as_str(), std::str::from_utf8(value.as_bytes())?)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method().to_string()))
        .with_headers(headers)
        .with_redirect(RequestRedirect::Manual);
    if !request.body().is_empty() {
        init.with_body(Some(Uint8Array::from(request.body().as_ref()).into()));
    }
    Request::new_with_init(url.as_str(), &init)
}

async fn exchange(
    request: Request,
    signal: &AbortSignal,
    max_bytes: usize,
) -> Result<http::Response<Bytes>, FetchError> {
    let unreachable = |_| FetchError::Unreachable;
    let response: Response = Fetch::Request(request).send_with_signal(signal).await.map_err(unreachable)?;
    let mut builder = http::Response::builder().status(response.status_code());
    for (name, value) in response.headers() {
        builder = builder.header(name, value);
    }
    let mut bytes = BytesMut::new();
    if let ResponseBody::Stream(stream) = response.body() {
        let mut body = Body::new(stream.clone());
        while let Some(frame) = body.frame().await {
            let Ok(chunk) = frame.map_err(unreachable)?.into_data() else { continue };
            if bytes.len().saturating_add(chunk.len()) > max_bytes {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
    }
    builder.body(bytes.freeze()).map_err(|_| FetchError::Unreachable)
}

/// The outcome of `work`, or `None` if it takes longer.
async fn before<T>(ms: u32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut delay = pin!(Delay::from(Duration::from_millis(ms.into())));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => delay.as_mut().poll(cx).map(|()| None),
    })
    .await
}
