//! Small public documents: health, robots, the API description.

use crate::db::Stmt;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

/// `GET /healthz`: 204 if the store answers.
///
/// # Errors
/// A fault if it does not.
pub async fn healthz(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    cx.host.db.query(Stmt::new("SELECT name FROM instance LIMIT 1")).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// `GET /robots.txt`: nothing here is for search engines.
///
/// # Errors
/// None.
pub async fn robots(_cx: Cx, _req: Req) -> Result<Resp, Failure> {
    Ok(respond::text(StatusCode::OK, "User-agent: *\nDisallow: /\n".to_owned()))
}

/// `GET /api/openapi.json`: the document that a test keeps equal to the route table.
///
/// # Errors
/// None.
pub async fn openapi(_cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let mut resp = respond::empty(StatusCode::OK);
    *resp.body_mut() = Bytes::from_static(include_bytes!("../../../docs/openapi.json"));
    resp.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(resp)
}
