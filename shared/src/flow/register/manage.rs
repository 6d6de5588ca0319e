//! `/api/oidc/register/{id}` (RFC 7592): a client reads, changes and removes itself, with the token that its
//! registration gave it. A change gives it another token.

use super::{answer, bearer, checked, has_secret, lost, new_secret, read};
use crate::api::error::ApiError;
use crate::api::json;
use crate::decide::cimd::is_another;
use crate::decide::client_auth::secret_hash;
use crate::decide::registration::check_update;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::refusal::Refusal;
use crate::settings::Registration;
use crate::store::client::{self, Client, ClientSecret};
use crate::store::{consent, load, origin, save};
use ::http::StatusCode;
use proto::hash::sha256_b64;
use proto::secret::ct_eq;
use serde_json::Value;

/// The client of the path, its secrets, and the hash of the token that proves it. Unknown client and wrong token are
/// one answer (RFC 7592 §2.1).
async fn prove(cx: &Cx, req: &Req) -> Result<(Client, Vec<ClientSecret>, String), Failure> {
    let token_hash = sha256_b64(bearer(req)?);
    if cx.host.settings.registration == Registration::Off {
        return Err(ApiError::NoEndpoint.into());
    }
    let id = json::id(req, "id");
    let [found, secrets] =
        load(&*cx.host.db, [client::by_registration_token(&id, &token_hash), client::secrets(&id)]).await?;
    let client = Client::from_rows(&found)?.ok_or(Refusal::TokenInvalid)?;
    let secrets = secrets.iter().map(ClientSecret::from_row).collect::<Result<_, _>>()?;
    Ok((client, secrets, token_hash))
}

/// `GET`: what is registered. The secret is not kept in clear, so it is not said again.
///
/// # Errors
/// [`Refusal`] without the client's own token, or a fault.
pub async fn get(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (client, _, _) = prove(&cx, &req).await?;
    Ok(answer(&cx, StatusCode::OK, &client, None, None))
}

/// `PUT`: replaces what is registered. When name, addresses, authentication or grants change, tokens end and people
/// are asked again, and where admins approve clients, so are they.
///
/// # Errors
/// [`Refusal`], or a fault.
pub async fn put(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (before, secrets, token_hash) = prove(&cx, &req).await?;
    let request = read(&req)?;
    check_update(&request, &before.id)?;
    if let Some(sent) = request.get("client_secret") {
        let hash = secret_hash(sent.as_str().unwrap_or(""));
        let is_own = secrets.iter().any(|s| ct_eq(s.secret_hash.as_bytes(), hash.as_bytes()));
        if !is_own {
            return Err(Refusal::RegistrationRequestInvalid.into());
        }
    }
    let after = checked(&cx, &request, &before).await?;
    let next_token = cx.host.random_token()?;
    let mut stmts = vec![
        client::rotate_registration_token(&after.id, &token_hash, &sha256_b64(&next_token)),
        after.update_own_words(cx.now),
    ];
    stmts.extend(origin::replace(&after));
    let mut after = after;
    if is_another(&before, &after) {
        stmts.extend(consent::end_all_of_client(&after.id, cx.now));
        stmts.push(client::ask_people(&after.id));
        if cx.host.settings.registration_approval {
            stmts.push(client::set_pending(&after.id));
            after.is_pending = true;
        }
    }
    let mut plain = None;
    if !has_secret(&after) {
        stmts.push(client::delete_secrets(&after.id));
    } else if secrets.is_empty()
        && let Some((row, secret)) = new_secret(&cx, &after)?
    {
        stmts.push(row.insert(&after.id));
        plain = Some(secret);
    }
    save(&*cx.host.db, stmts).await.map_err(lost)?;
    let plain = plain.as_deref().or_else(|| request.get("client_secret").and_then(Value::as_str));
    Ok(answer(&cx, StatusCode::OK, &after, plain, Some(&next_token)))
}

/// `DELETE`: the client, its secrets, consents and tokens.
///
/// # Errors
/// [`Refusal`] without the client's own token, or a fault.
pub async fn delete(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (client, _, _) = prove(&cx, &req).await?;
    save(&*cx.host.db, vec![client::delete(&client.id)]).await.map_err(lost)?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
