//! `GET /.well-known/jwks.json` (RFC 7517 §5).

use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use http::StatusCode;
use proto::jose::jwk::PublishedJwk;
use serde_json::json;

/// All keys that tokens are, were or will soon be signed with.
///
/// # Errors
/// A fault if the store fails.
pub async fn get(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let keys = keyring::keys(&cx.host, cx.now).await?;
    let published: Vec<PublishedJwk> = keys
        .iter()
        .map(|k| &k.row)
        .map(|k| PublishedJwk::new(k.kid.clone(), k.alg, k.public.clone()))
        .collect();
    Ok(respond::json(StatusCode::OK, &json!({ "keys": published })))
}
