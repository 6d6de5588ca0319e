//! `/api/signing-keys`: what tokens are signed with. Private halves never leave the store.

use super::error::{ApiError, FieldError};
use super::json;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring::rotation;
use crate::store::signing_key::SigningKey;
use ::http::StatusCode;
use proto::jose::Alg;
use proto::time::UnixTime;
use serde::{Deserialize, Serialize};

/// Body of a new key or a rotation.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SigningKeyInput {
    /// Algorithm; at a rotation `KEYS_ALGORITHM` if absent.
    pub alg: Option<String>,
    /// Whether the key signs from now on, though apps that cached the published keys do not know it.
    pub immediately: bool,
}

/// A signing key as admins see it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyDto {
    /// Names the key in token headers: RFC 7638 thumbprint.
    kid: String,
    /// Algorithm.
    #[cfg_attr(test, schema(value_type = String))]
    alg: Alg,
    /// `active`, `next` or `retired`.
    state: &'static str,
    /// When it was made.
    created_at: String,
    /// When it began to sign, or will.
    activates_at: String,
    /// When another took its place.
    retired_at: Option<String>,
    /// When it will be removed.
    expires_at: Option<String>,
}

impl From<&SigningKey> for SigningKeyDto {
    fn from(key: &SigningKey) -> Self {
        Self {
            kid: key.kid.clone(),
            alg: key.alg,
            state: key.state.as_str(),
            created_at: key.created_at.rfc3339(),
            activates_at: key.activates_at.rfc3339(),
            retired_at: key.retired_at.map(UnixTime::rfc3339),
            expires_at: key.expires_at.map(UnixTime::rfc3339),
        }
    }
}

fn alg(name: &str) -> Result<Alg, ApiError> {
    let known = || Alg::ALL.map(Alg::as_str).join(", ");
    name.parse().map_err(|_| {
        ApiError::Validation(vec![FieldError::new("alg", "unknown", format!("must be one of {}", known()))])
    })
}

/// `GET /api/signing-keys`: all published keys, those that sign first.
///
/// # Errors
/// A fault.
pub async fn list(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let keys = rotation::newest(&cx.host, cx.now).await?;
    let shown: Vec<SigningKeyDto> = keys.iter().map(|k| SigningKeyDto::from(&k.row)).collect();
    Ok(respond::json(StatusCode::OK, &shown))
}

/// `POST /api/signing-keys`: a key of a further algorithm.
///
/// # Errors
/// Validation, 409 if the algorithm has a key, or a fault.
pub async fn add(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: SigningKeyInput = json::body(&req)?;
    let missing = || ApiError::Validation(vec![FieldError::new("alg", "required", "is required")]);
    let alg = alg(input.alg.as_deref().ok_or_else(missing)?)?;
    let key = rotation::add(&cx.host, cx.now, alg, input.immediately, Some((&cx, &req))).await?;
    Ok(respond::json(StatusCode::CREATED, &SigningKeyDto::from(&key.row)))
}

/// `POST /api/signing-keys/rotate`: a successor; asked for again while it waits, the same one.
///
/// # Errors
/// Validation, 404 if the algorithm has no key, or a fault.
pub async fn rotate(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: SigningKeyInput = json::optional_body(&req)?;
    let alg = input.alg.as_deref().map_or(Ok(cx.host.settings.keys_algorithm), alg)?;
    let key = rotation::rotate(&cx.host, cx.now, alg, input.immediately, Some((&cx, &req))).await?;
    Ok(respond::json(StatusCode::OK, &SigningKeyDto::from(&key.row)))
}

/// `DELETE /api/signing-keys/{kid}`: the key is published no more, and its tokens are over.
///
/// # Errors
/// 404, 409 for a key in use, or a fault.
pub async fn revoke(cx: Cx, req: Req) -> Result<Resp, Failure> {
    rotation::revoke(&cx.host, cx.now, req.param("kid"), Some((&cx, &req))).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
