//! `POST /api/oidc/token` (RFC 6749 §3.2).

mod authorization_code;
mod issue;
mod refresh_token;

use super::body;
use crate::db::Rows;
use crate::decide::{claims, client_auth, code};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp};
use crate::refusal::Refusal;
use crate::store::client::{Client, ClientSecret};
use crate::store::user::User;
use ::http::header;
use proto::form::Params;
use proto::oauth::client_auth::{self as wire, ClientAuthError, ClientCredentials};
use proto::oidc::claims::Person;

/// The endpoint: form body only, one client authentication method, one grant.
///
/// # Errors
/// The [`Refusal`] of RFC 6749 §5.2, or a fault.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    // RFC 6749 §3.2: parameters in the query would end up in logs.
    if req.uri.query().is_some_and(|q| !q.is_empty()) {
        return Err(Refusal::QueryParameters.into());
    }
    let params = body(&req)?;
    let credentials = credentials(&req, &params)?;
    match params.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(&cx, &req, &params, &credentials).await,
        Some("refresh_token") => refresh_token::exchange(&cx, &req, &params, &credentials).await,
        Some(_) => Err(Refusal::GrantTypeUnsupported.into()),
        None => Err(Refusal::GrantTypeMissing.into()),
    }
}

fn credentials(req: &Req, params: &Params) -> Result<ClientCredentials, Refusal> {
    // A header that is no text is malformed, not absent.
    let authorization = req.headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or("?"));
    wire::parse(authorization, params).map_err(|error| match error {
        ClientAuthError::Missing => Refusal::ClientAuthMissing,
        ClientAuthError::Multiple | ClientAuthError::IdMismatch => Refusal::SeveralClientAuthMethods,
        ClientAuthError::Unsupported | ClientAuthError::Malformed => Refusal::ClientAuthMalformed,
    })
}

/// Proves the client from the rows that every grant loads first.
fn authenticate(
    cx: &Cx,
    credentials: &ClientCredentials,
    client: &Rows,
    secrets: &Rows,
) -> Result<Client, Failure> {
    let secrets = secrets.iter().map(ClientSecret::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(client_auth::authenticate(credentials, Client::from_rows(client)?, &secrets, cx.now)?)
}

/// The person behind the grant, who must still be allowed to use the client.
fn person(client: &Client, user: &Rows, groups: &Rows, custom: &Rows) -> Result<Person, Failure> {
    let user = user.first().map(User::from_row).transpose()?;
    let groups = claims::groups(groups)?;
    code::person(user.as_ref(), client, groups.is_member)?;
    let user = user.ok_or(Refusal::AccountUnavailable)?;
    Ok(claims::person(&user, groups, custom)?)
}
