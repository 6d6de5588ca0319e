//! `grant_type=refresh_token` (RFC 6749 §6).
//!
//! Each use makes a successor. The successor is stored sealed under a key that only the used token gives, so
//! that a client whose answer was lost gets the same one again, and a stolen database gives nobody anything.

use super::issue::{self, Basis, Nonce};
use crate::decide::refresh::{self, Facts, Turn};
use crate::decide::resource::{self, SubjectType};
use crate::failure::{Failure, Fault};
use crate::flow::client::{may_use, prove};
use crate::flow::dpop;
use crate::http::{Cx, Req, Resp};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::client::Client;
use crate::store::grant::{self, By, Grant, RefreshState, RefreshToken};
use crate::store::{api, client, consent, load, save};
use proto::form::Params;
use proto::hash::{self, sha256_b64};
use proto::oauth::client_auth::ClientCredentials;
use serde_json::json;
use zeroize::Zeroizing;

/// Uses a refresh token. Everything it rests on is looked at again: client, person, groups, consent, grant,
/// and what the client may ask for at the API.
///
/// # Errors
/// The rule that was broken, or a fault.
pub(super) async fn exchange(
    cx: &Cx,
    req: &Req,
    params: &Params,
    credentials: &ClientCredentials,
) -> Result<Resp, Failure> {
    let token = params.get("refresh_token").ok_or(Refusal::GrantMissing)?;
    let token_hash = sha256_b64(token);
    let by = By::RefreshHash(&token_hash);
    let [client, secrets, stored, user, groups, custom, given, reach] = load(
        &*cx.host.db,
        [
            client::by_id(credentials.id()),
            client::secrets(credentials.id()),
            grant::by_refresh(&token_hash),
            grant::user(by),
            grant::groups(by),
            grant::custom_claims(by),
            grant::consent(by),
            api::reach(credentials.id(), SubjectType::User, None),
        ],
    )
    .await?;
    let client = prove(cx, credentials, &client, &secrets).await?;
    may_use(&client, "refresh_token")?;
    let bound = dpop::proof(cx, req, &client).await?;
    let jkt = bound.as_ref().map(|b| b.jkt.as_str());
    let stored = grant::read_refresh(&stored)?;
    let given = consent::read(&given)?;
    let has_consent = match &stored {
        Some((_, grant)) => refresh::has_consent(given.as_ref(), grant)?,
        None => false,
    };
    let facts = Facts { stored: stored.as_ref(), client: &client, has_consent, jkt, now: cx.now };
    let turn = match refresh::turn(&facts) {
        Ok(turn) => turn,
        Err(Refusal::RefreshTokenReused) => return Err(revoke(cx, req, stored.as_ref()).await),
        Err(refusal) => return Err(refusal.into()),
    };
    let (_, grant) = stored.ok_or(Refusal::RefreshTokenUnknown)?;
    let person = super::person(&client, &user, &groups, &custom)?;
    let reach = api::read_reach(&reach)?;
    let granted = refresh::narrowed(&grant.scope, None, &reach)?;
    resource::same_resource(grant.resource.as_deref(), params.get("resource"))?;
    resource::still_granted(&granted, grant.resource.as_deref(), &reach)?;
    let scope = refresh::narrowed(&grant.scope, params.get("scope"), &reach)?;

    let basis = Basis {
        client: &client,
        grant: &grant,
        scope: &scope,
        person: Some(&person),
        most_s: None,
        nonce: Nonce::Omitted,
        jkt,
    };
    let tokens = issue::tokens(cx, &basis).await?;
    let successor = match turn {
        Turn::Repeat(sealed) => open(token, &token_hash, &sealed)?,
        Turn::Rotate => rotate(cx, token, &token_hash, &grant.id, &client, jkt).await?,
    };
    Ok(tokens.respond(Some(&successor)))
}

async fn rotate(
    cx: &Cx,
    token: &str,
    token_hash: &str,
    grant_id: &str,
    client: &Client,
    jkt: Option<&str>,
) -> Result<String, Failure> {
    let successor = cx.host.random_token()?;
    let sealed =
        hash::seal(&sealing_key(token), cx.host.random()?, &sealed_for(token_hash), successor.as_bytes())
            .map_err(|_| Fault::Sealed("refresh token"))?;
    let expires_at = cx.now.plus(client.refresh_token_lifetime_s());
    let mut stmts = vec![
        grant::use_refresh(token_hash, &sealed, cx.now),
        grant::insert_refresh(&sha256_b64(&successor), grant_id, cx.now, expires_at),
        grant::extend(grant_id, cx.now.plus(client.longest_lifetime_s())),
    ];
    if let Some(jkt) = jkt.filter(|_| client.is_public) {
        stmts.push(grant::bind_to_key(grant_id, jkt));
    }
    let saved = save(&*cx.host.db, stmts).await;
    match saved {
        Ok(()) => Ok(successor),
        // Another request of the same client was first: both get what that one made.
        Err(DbError::Lost) => {
            let rows = cx.host.db.query(grant::by_refresh(token_hash)).await?;
            match grant::read_refresh(&rows)? {
                Some((RefreshToken { state: RefreshState::Used { successor_sealed, .. }, .. }, _)) => {
                    open(token, token_hash, &successor_sealed)
                }
                _ => Err(Refusal::RefreshTokenUnknown.into()),
            }
        }
        // The grant went away meanwhile, with its client or person.
        Err(DbError::Constraint(_)) => Err(Refusal::GrantRevoked.into()),
        Err(error) => Err(error.into()),
    }
}

fn sealing_key(token: &str) -> Zeroizing<[u8; 32]> {
    hash::hkdf_sha256(token.as_bytes(), b"latchkey/refresh-successor")
}

fn sealed_for(token_hash: &str) -> String {
    format!("refresh_tokens:successor_sealed:{token_hash}")
}

fn open(token: &str, token_hash: &str, sealed: &str) -> Result<String, Failure> {
    let plain = hash::open(&sealing_key(token), &sealed_for(token_hash), sealed)
        .map_err(|_| Fault::Sealed("refresh token"))?;
    String::from_utf8(plain.to_vec()).map_err(|_| Fault::Sealed("refresh token").into())
}

/// RFC 9700 §4.14.2: a used token that comes again was copied, so the whole family dies.
async fn revoke(cx: &Cx, req: &Req, stored: Option<&(RefreshToken, Grant)>) -> Failure {
    let Some((_, grant)) = stored else { return Refusal::RefreshTokenUnknown.into() };
    tracing::warn!(
        request_id = cx.request_id,
        client = grant.client_id,
        grant = grant.id,
        "refresh token reused"
    );
    let data = json!({ "kind": "refresh_token" });
    let written = match audit::record(
        Event::TokenReuse,
        grant.user_id.as_deref(),
        Some(&grant.client_id),
        &data,
        cx,
        req,
    ) {
        Ok(entry) => save(&*cx.host.db, vec![grant::revoke(&grant.id, "refresh_reuse", cx.now), entry]).await,
        Err(failure) => return failure,
    };
    written.map_or_else(Failure::from, |()| Refusal::RefreshTokenReused.into())
}
