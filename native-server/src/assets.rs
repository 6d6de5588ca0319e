//! The files of `ui/build/assets`, inside the binary. Their names carry a hash of the content, so they never change.

use axum::body::Body;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, Method, Response, StatusCode};
use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "../ui/build/assets"]
#[allow_missing = true]
struct Files;

/// The answer to a request below `/assets/`; `None` for other paths.
pub(crate) fn respond(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
    let name = path.strip_prefix("/assets/")?;
    Some(answer(method, name, headers, &|name| Files::get(name).map(|f| f.data)))
}

fn answer(
    method: &Method,
    name: &str,
    headers: &HeaderMap,
    read: &dyn Fn(&str) -> Option<Cow<'static, [u8]>>,
) -> Response<Body> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let squeezed = ENCODINGS
        .into_iter()
        .filter(|(coding, _)| accepts(headers, coding))
        .find_map(|(coding, suffix)| Some((coding, read(&format!("{name}{suffix}"))?)));
    let (coding, data) = match squeezed {
        Some((coding, data)) => (Some(coding), data),
        None => match read(name) {
            Some(data) => (None, data),
            None => return plain(StatusCode::NOT_FOUND),
        },
    };
    let body = match data {
        Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = Response::new(Body::from(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    common(fields);
    if let Some(coding) = coding {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    common(response.headers_mut());
    response
}

fn common(fields: &mut HeaderMap) {
    fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
}

/// Content codings and the suffixes of their files, the smaller one first.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Whether the client takes a coding (RFC 9110 §12.5.3): named, or `*`, and not with weight zero.
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    let mut star = false;
    for item in
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','))
    {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight: f32 = weight.trim().trim_start_matches(['q', 'Q', '=']).parse().unwrap_or(0.0);
        if name.trim().eq_ignore_ascii_case(coding) {
            return weight > 0.0;
        }
        star |= name.trim() == "*" && weight > 0.0;
    }
    star
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Option<Cow<'static, [u8]>> {
        match name {
            "a-1.js" => Some(Cow::Borrowed(b"plain")),
            "a-1.js.br" => Some(Cow::Borrowed(b"brotli")),
            "a-1.js.gz" => Some(Cow::Borrowed(b"gzip")),
            "b-1.png" => Some(Cow::Borrowed(b"png")),
            _ => None,
        }
    }

    fn ask(name: &str, accept: &str) -> Response<Body> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
        answer(&Method::GET, name, &headers, &file)
    }

    #[test]
    fn the_smallest_form_the_client_takes() {
        let coding = |accept: &str| {
            let response = ask("a-1.js", accept);
            assert_eq!(response.status(), StatusCode::OK);
            response.headers().get(CONTENT_ENCODING).map(|v| v.to_str().unwrap().to_owned())
        };
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP;q=0.5", Some("gzip")),
            ("br;q=0, gzip;q=0.1", Some("gzip")),
            ("*", Some("br")),
            ("*;q=0", None),
            ("br;q=0, gzip;q=0.000", None),
            ("identity", None),
            ("", None),
            ("br;q=x", None),
        ] {
            assert_eq!(coding(accept).as_deref(), expected, "{accept}");
        }
        assert_eq!(ask("b-1.png", "br").headers().get(CONTENT_ENCODING), None);
    }

    #[test]
    fn headers_of_a_file() {
        let response = ask("a-1.js", "br");
        let h = response.headers();
        assert_eq!(h[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(h[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(h[VARY], "accept-encoding");
        assert_eq!(h[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }

    #[test]
    fn what_is_not_there_is_not_found_and_not_kept() {
        for name in ["", "c.js", "../manifest.json", "a-1.js/", "%61-1.js"] {
            let response = ask(name, "br");
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{name}");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        }
        let response = answer(&Method::POST, "a-1.js", &HeaderMap::new(), &file);
        assert_eq!(
            (response.status(), &response.headers()[ALLOW]),
            (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static("GET, HEAD"))
        );
        assert!(respond(&Method::GET, "/login", &HeaderMap::new()).is_none());
        assert_eq!(
            respond(&Method::GET, "/assets/../../Cargo.toml", &HeaderMap::new()).unwrap().status(),
            StatusCode::NOT_FOUND
        );
    }
}
