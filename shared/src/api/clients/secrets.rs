//! `/api/oidc/clients/{id}/secrets`.

use super::dto::{SecretDto, SecretInput};
use super::{NOT_FOUND, find};
use crate::api::error::{ApiError, FieldError};
use crate::api::json;
use crate::decide::client_auth::secret_hash;
use crate::failure::Failure;
use crate::host::Host;
use crate::http::{Cx, Req, Resp, respond};
use crate::store::client::{self, ClientSecret, MAX_SECRETS};
use ::http::StatusCode;
use proto::time::UnixTime;

/// `GET`: all secrets, without the secrets.
///
/// # Errors
/// 404, or a fault.
pub async fn list_secrets(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (_, secrets) = find(&cx, &json::id(&req, "id")).await?;
    let shown: Vec<SecretDto> = secrets.iter().map(|s| SecretDto::new(s, cx.now)).collect();
    Ok(respond::json(StatusCode::OK, &shown))
}

/// `POST`: makes a secret and shows it this once.
///
/// # Errors
/// Validation, 404, or a fault.
pub async fn create_secret(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: SecretInput = json::optional_body(&req)?;
    let id = json::id(&req, "id");
    let (client, secrets) = find(&cx, &id).await?;
    if client.is_public {
        return Err(invalid("secret", "invalid_value", "Cannot create a secret for a public client"));
    }
    if secrets.len() >= MAX_SECRETS {
        return Err(invalid("secret", "too_many", "A client can have at most 20 secrets"));
    }
    let (row, plain) = new_secret(&cx.host, cx.now, input)?;
    // Lost: the client went away or filled up meanwhile.
    cx.host.db.query(row.insert(&client.id)).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::json(StatusCode::CREATED, &SecretDto::new(&row, cx.now).with_value(plain)))
}

fn invalid(field: &'static str, code: &'static str, message: &str) -> Failure {
    ApiError::Validation(vec![FieldError::new(field, code, message)]).into()
}

/// A new secret as a row, and in clear.
///
/// # Errors
/// Validation, or a fault if there is no randomness.
pub fn new_secret(host: &Host, now: UnixTime, input: SecretInput) -> Result<(ClientSecret, String), Failure> {
    let plain = match input.secret.filter(|s| !s.is_empty()) {
        Some(own) if !own.bytes().all(|b| (0x20..0x7f).contains(&b)) => {
            return Err(invalid("secret", "printascii", "is invalid"));
        }
        Some(own) if own.len() < 16 => {
            return Err(invalid("secret", "too_short", "must be at least 16 characters long"));
        }
        Some(own) if own.len() > 512 => {
            return Err(invalid("secret", "too_long", "must be at most 512 characters long"));
        }
        Some(own) => own,
        None => host.alphanumeric()?,
    };
    let expires_at = match input.expires_at.as_deref() {
        Some(text) => match UnixTime::parse_rfc3339(text) {
            Some(at) if at > now => Some(at),
            _ => return Err(invalid("expiresAt", "invalid_value", "must be in the future")),
        },
        None => None,
    };
    let row = ClientSecret {
        id: host.uuid()?,
        secret_hash: secret_hash(&plain),
        hash_alg: "sha256".to_owned(),
        prefix: plain.chars().take(4).collect(),
        created_at: now,
        expires_at,
    };
    Ok((row, plain))
}

/// `DELETE /api/oidc/clients/{id}/secrets/{secretId}`.
///
/// # Errors
/// 404, or a fault.
pub async fn delete_secret(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let stmt = client::delete_secret(&json::id(&req, "id"), req.param("secretId"));
    let missing = ApiError::NotFound("Client secret");
    cx.host.db.query(stmt).await.map_err(|e| Failure::or_if_lost(e, missing))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
