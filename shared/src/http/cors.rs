//! Which scripts of other origins may read an answer: the `cors` column of the route table.

use super::routes::{Cors, Route};
use super::types::{Cx, Req};
use crate::store::origin;
use http::{HeaderMap, HeaderValue, Method, header};

/// Whether scripts of the asking origin may read the answer. `null` is nobody (sandboxed frames, data: pages).
pub(super) async fn is_readable(cx: &Cx, route: &Route, req: &Req) -> bool {
    let Some(asking) = req.header(header::ORIGIN) else { return route.cors == Cors::Any };
    match route.cors {
        Cors::None => false,
        Cors::Any => asking != "null",
        Cors::Registered => {
            let rows = cx.host.db.query(origin::candidates(asking)).await;
            rows.and_then(|rows| origin::is_registered(&rows, asking)).unwrap_or(false)
        }
    }
}

/// The CORS protocol (Fetch standard §3.2), never with cookies: the routes authenticate by header or body.
pub(super) fn apply(headers: &mut HeaderMap, req: &Req, readable: bool) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if !readable {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate"),
    );
    if req.method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Authorization, Content-Type, DPoP"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}
