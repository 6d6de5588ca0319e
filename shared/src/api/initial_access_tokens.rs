//! `/api/oidc/initial-access-tokens`: who may register clients.

use super::error::{ApiError, FieldError};
use super::json;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::store::initial_access_token::{self, InitialAccessToken};
use crate::text::nfc;
use ::http::StatusCode;
use proto::hash::sha256_b64;
use proto::time::UnixTime;
use serde::{Deserialize, Serialize};

/// Most clients that one token is for.
const MOST_USES: i64 = 1_000_000;

/// Body of a new token.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct InitialAccessTokenInput {
    /// What it is for, 1 to 50 characters.
    pub name: String,
    /// How many clients can be registered with it; any number if absent.
    pub uses: Option<i64>,
    /// End of life, RFC 3339; none if absent.
    pub expires_at: Option<String>,
}

/// A token as admins see it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct InitialAccessTokenDto {
    id: String,
    name: String,
    /// How many clients can still be registered with it; any number if null.
    uses_left: Option<i64>,
    created_at: String,
    expires_at: Option<String>,
    /// The token, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl InitialAccessTokenDto {
    fn new(token: &InitialAccessToken) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            uses_left: token.uses_left,
            created_at: token.created_at.rfc3339(),
            expires_at: token.expires_at.map(UnixTime::rfc3339),
            token: None,
        }
    }
}

/// `GET`: all tokens, without the tokens.
///
/// # Errors
/// A fault.
pub async fn list(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let rows = cx.host.db.query(initial_access_token::all()).await?;
    let tokens = rows.iter().map(InitialAccessToken::from_row).collect::<Result<Vec<_>, _>>()?;
    let shown: Vec<_> = tokens.iter().map(InitialAccessTokenDto::new).collect();
    Ok(respond::json(StatusCode::OK, &shown))
}

/// `POST`: makes a token and shows it this once.
///
/// # Errors
/// Validation, or a fault.
pub async fn create(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: InitialAccessTokenInput = json::body(&req)?;
    let token = checked(&cx, input)?;
    let plain = cx.host.random_token()?;
    let by = cx.who.as_ref().map(|who| who.user.id.as_str());
    cx.host.db.query(token.insert(&sha256_b64(&plain), by)).await?;
    let shown = InitialAccessTokenDto { token: Some(plain), ..InitialAccessTokenDto::new(&token) };
    Ok(respond::json(StatusCode::CREATED, &shown))
}

fn checked(cx: &Cx, input: InitialAccessTokenInput) -> Result<InitialAccessToken, Failure> {
    let mut errors = Vec::new();
    let name = nfc(input.name.trim());
    if name.is_empty() {
        errors.push(FieldError::new("name", "required", "is required"));
    } else if name.chars().count() > 50 {
        errors.push(FieldError::new("name", "too_long", "must be at most 50 characters long"));
    }
    if input.uses.is_some_and(|uses| !(1..=MOST_USES).contains(&uses)) {
        errors.push(FieldError::new("uses", "invalid_value", "must be at least 1"));
    }
    let expires_at = input.expires_at.as_deref().map(UnixTime::parse_rfc3339);
    if expires_at.is_some_and(|at| at.is_none_or(|at| at <= cx.now)) {
        errors.push(FieldError::new("expiresAt", "invalid_value", "must be in the future"));
    }
    if !errors.is_empty() {
        return Err(ApiError::Validation(errors).into());
    }
    Ok(InitialAccessToken {
        id: cx.host.uuid()?,
        name,
        uses_left: input.uses,
        created_at: cx.now,
        expires_at: expires_at.flatten(),
    })
}

/// `DELETE /api/oidc/initial-access-tokens/{id}`.
///
/// # Errors
/// 404, or a fault.
pub async fn delete(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let gone = cx.host.db.query(initial_access_token::delete(&json::id(&req, "id"))).await;
    gone.map_err(|e| Failure::or_if_lost(e, ApiError::NotFound("Initial access token")))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
