//! `POST /api/oidc/token` (RFC 6749 §3.2).

mod authorization_code;
mod client_credentials;
mod device_code;
mod issue;
mod refresh_token;
mod token_exchange;

use super::{body, client};
use crate::db::Rows;
use crate::decide::{claims, code, device};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp};
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::user::User;
use proto::oauth::token_exchange::GRANT_TYPE;
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
    let credentials = client::credentials(&req, &params)?;
    match params.get("grant_type") {
        Some("authorization_code") => authorization_code::exchange(&cx, &req, &params, &credentials).await,
        Some("refresh_token") => refresh_token::exchange(&cx, &req, &params, &credentials).await,
        Some(device::GRANT_TYPE) => device_code::exchange(&cx, &req, &params, &credentials).await,
        Some(client_credentials::GRANT_TYPE) => {
            client_credentials::exchange(&cx, &req, &params, &credentials).await
        }
        Some(GRANT_TYPE) => token_exchange::exchange(&cx, &req, &params, &credentials).await,
        Some(_) => Err(Refusal::GrantTypeUnsupported.into()),
        None => Err(Refusal::GrantTypeMissing.into()),
    }
}

/// The person behind the grant, who must still be allowed to use the client.
fn person(client: &Client, user: &Rows, groups: &Rows, custom: &Rows) -> Result<Person, Failure> {
    let user = user.first().map(User::from_row).transpose()?;
    let groups = claims::groups(groups)?;
    code::person(user.as_ref(), client, groups.is_member)?;
    let user = user.ok_or(Refusal::AccountUnavailable)?;
    Ok(claims::person(&user, groups, custom)?)
}
