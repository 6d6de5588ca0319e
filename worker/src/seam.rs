//! Requests and responses between the runtime's objects and the `http` crate's.

use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use shared::http::Resp;
use worker::{Body, Headers, ResponseBuilder};

/// The runtime's request as ours, with the target in origin form (RFC 9112 §3.2.1) as on the native host. `None` if it
/// has no such form.
pub(crate) fn request(from: &worker::Request) -> Option<Request<Body>> {
    let raw = from.inner();
    let url = raw.url();
    let (_, rest) = url.split_once("://")?;
    let target = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let body = raw.body().map_or_else(Body::empty, Body::new);
    let mut request = Request::builder()
        .method(Method::from_bytes(raw.method().as_bytes()).ok()?)
        .uri(target)
        .body(body)
        .ok()?;
    for (name, value) in from.headers() {
        // A JavaScript header value has one character per byte; one that has others is left out.
        let bytes: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        let value = bytes.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

/// Our response as the runtime's, in one piece, so that it goes out with its length.
///
/// # Errors
/// If a header is none that the runtime takes.
pub(crate) fn response(from: Resp) -> worker::Result<worker::Response> {
    let (parts, body) = from.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH {
            headers.append(name.as_str(), std::str::from_utf8(value.as_bytes())?)?;
        }
    }
    let builder = ResponseBuilder::new().with_status(parts.status.as_u16()).with_headers(headers);
    let bodiless = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Ok(if bodiless { builder.empty() } else { builder.fixed(body.to_vec()) })
}
