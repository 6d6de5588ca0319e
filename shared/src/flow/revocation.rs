//! `POST /api/oidc/revoke` (RFC 7009).

use super::{body, client, own_token};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::client::Client;
use crate::store::grant::{self, Grant};
use crate::store::{self, load, revoked_token, save};
use ::http::StatusCode;
use proto::hash::sha256_b64;
use proto::jose::jwt::{Expiry, TokenType};
use proto::oidc::access_token::AccessToken;
use serde_json::json;

/// Ends a token for the client it was issued to. A token that is unknown, over, or another client's changes nothing
/// and is answered alike (§2.2). `token_type_hint` is not needed to find the token and is not looked at, whatever
/// it says (§2.1).
///
/// # Errors
/// Client authentication, a missing `token`, `unsupported_token_type` for an ID token, or a fault.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let credentials = client::credentials(&req, &params)?;
    let token = params.get("token").unwrap_or("");
    let [client, secrets, refresh] = load(
        &*cx.host.db,
        [
            store::client::by_id(credentials.id()),
            store::client::secrets(credentials.id()),
            grant::by_refresh(&sha256_b64(token)),
        ],
    )
    .await?;
    let client = client::prove(&cx, &credentials, &client, &secrets).await?;
    if token.is_empty() {
        return Err(Refusal::TokenParameterMissing.into());
    }
    match grant::read_refresh(&refresh)? {
        Some((_, grant)) => end_grant(&cx, &req, &client, &grant).await?,
        None => end_access_token(&cx, &client, token).await?,
    }
    Ok(respond::empty(StatusCode::OK))
}

/// §2.1: with a refresh token goes its whole grant, whichever token of the family it is.
async fn end_grant(cx: &Cx, req: &Req, client: &Client, grant: &Grant) -> Result<(), Failure> {
    if grant.client_id != client.id || grant.revoked_at.is_some() {
        return Ok(());
    }
    let data = json!({ "clientName": client.name });
    let user_id = grant.user_id.as_deref();
    let entry = audit::record(Event::TokenRevocation, user_id, Some(&client.id), &data, cx, req)?;
    Ok(save(&*cx.host.db, vec![grant::revoke(&grant.id, "client_revocation", cx.now), entry]).await?)
}

async fn end_access_token(cx: &Cx, client: &Client, token: &str) -> Result<(), Failure> {
    let Some(claims) = keyring::verify(&cx.host, cx.now, TokenType::AccessToken, token).await? else {
        return match keyring::verify(&cx.host, cx.now, TokenType::IdToken, token).await? {
            Some(_) => Err(Refusal::TokenTypeUnsupported.into()),
            None => Ok(()),
        };
    };
    if claims.check(&own_token(cx, Expiry::Required)).is_err() {
        return Ok(());
    }
    match AccessToken::from_claims(&claims) {
        Ok(token) if token.client_id == client.id => {
            Ok(save(&*cx.host.db, vec![revoked_token::insert(&token.jti, token.expires_at)]).await?)
        }
        _ => Ok(()),
    }
}
