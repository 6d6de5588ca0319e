//! `POST /api/oidc/register` (RFC 7591 §3): clients that register themselves, where
//! `DYNAMIC_CLIENT_REGISTRATION` lets them.

mod manage;

pub use manage::{delete, get, put};

use crate::api::clients::{self, SecretInput, check_algorithms, check_sector, metadata};
use crate::api::error::ApiError;
use crate::api::json;
use crate::decide::registration;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::{DbError, PrivateAddresses};
use crate::refusal::Refusal;
use crate::settings::Registration;
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client, ClientSecret};
use crate::store::{initial_access_token, load, origin, save};
use ::http::{StatusCode, header};
use proto::hash::sha256_b64;
use serde_json::{Map, Value, json};

/// Most clients that can register without a token, all together: a bound on what strangers can store.
const MOST: i64 = 1000;

/// Registers a client. Client, secret and the use of the token are one batch.
///
/// # Errors
/// 404 where nobody may; [`Refusal`] for a token that is missing or used up, and for metadata that breaks a rule; or a
/// fault.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let token_hash = match cx.host.settings.registration {
        Registration::Off => return Err(ApiError::NoEndpoint.into()),
        Registration::Token => Some(sha256_b64(bearer(&req)?)),
        Registration::Open => None,
    };
    let usable = initial_access_token::usable(token_hash.as_deref().unwrap_or(""), cx.now);
    let [usable, count] = load(&*cx.host.db, [usable, client::count_dynamic()]).await?;
    if token_hash.is_some() && usable.is_empty() {
        return Err(Refusal::TokenInvalid.into());
    }
    if token_hash.is_none() && count.first().map_or(Ok(0), |row| row.int("n"))? >= MOST {
        return Err(Refusal::RegistrationFull.into());
    }
    let before = Client {
        is_pending: cx.host.settings.registration_approval,
        ..Client::blank(cx.host.uuid()?, cx.now)
    };
    let client = checked(&cx, &read(&req)?, &before).await?;
    let registration_token = cx.host.random_token()?;
    let secret = new_secret(&cx, &client)?;
    let mut stmts = vec![
        client.insert(None, cx.now),
        client::set_registration_token(&client.id, &sha256_b64(&registration_token)),
    ];
    stmts.extend(secret.as_ref().map(|(row, _)| row.insert(&client.id)));
    stmts.extend(origin::replace(&client));
    stmts.extend(token_hash.map(|hash| initial_access_token::use_one(&hash, cx.now)));
    let data = json!({ "clientName": client.name });
    stmts.push(audit::record(Event::ClientRegistered, None, Some(&client.id), &data, &cx, &req)?);
    // Lost: another registration took the last use.
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, Refusal::TokenInvalid))?;
    let secret = secret.map(|(_, plain)| plain);
    Ok(answer(&cx, StatusCode::CREATED, &client, secret.as_deref(), Some(&registration_token)))
}

/// The token of the `Authorization` header.
fn bearer(req: &Req) -> Result<&str, Refusal> {
    let header = req.headers.get(header::AUTHORIZATION).ok_or(Refusal::TokenMissing)?;
    let value = header.to_str().map_err(|_| Refusal::TokenInvalid)?;
    let (scheme, token) = value.split_once(' ').ok_or(Refusal::TokenInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(Refusal::TokenInvalid) }
}

fn read(req: &Req) -> Result<Map<String, Value>, Refusal> {
    json::body(req).map_err(|_| Refusal::ClientMetadataInvalid("The request is not a JSON object."))
}

/// The client that the request describes, held to every rule.
async fn checked(cx: &Cx, request: &Map<String, Value>, before: &Client) -> Result<Client, Failure> {
    let client = registration::client(request, before.clone())?;
    if let Some((_, rule)) = metadata::broken_rules(&client).first() {
        return Err(Refusal::ClientMetadataInvalid(rule).into());
    }
    let invalid = |failure, rule| match failure {
        Failure::Api(_) => Refusal::ClientMetadataInvalid(rule).into(),
        other => other,
    };
    let mut errors = Vec::new();
    clients::check_subject_type(&mut errors, &client);
    if !errors.is_empty() {
        let rule = "The subject_type is unknown, or its sector cannot be told.";
        return Err(Refusal::ClientMetadataInvalid(rule).into());
    }
    clients::check_logout_uris(&mut errors, &client);
    if !errors.is_empty() {
        let rule = "A logout address is malformed, or not of the origin of a redirect URI.";
        return Err(Refusal::ClientMetadataInvalid(rule).into());
    }
    check_algorithms(&cx.host, cx.now, &client)
        .await
        .map_err(|e| invalid(e, "There is no key of an algorithm that is asked for."))?;
    check_sector(&cx.host, cx.now, Some(before), &client, PrivateAddresses::Refuse)
        .await
        .map_err(|e| invalid(e, "The sector_identifier_uri does not list the redirect_uris."))?;
    Ok(client)
}

/// A secret for a client that authenticates with one, as a row and in clear.
fn new_secret(cx: &Cx, client: &Client) -> Result<Option<(ClientSecret, String)>, Failure> {
    if !has_secret(client) {
        return Ok(None);
    }
    clients::new_secret(&cx.host, cx.now, SecretInput::default()).map(Some)
}

fn has_secret(client: &Client) -> bool {
    let method = client.metadata.token_endpoint_auth_method.as_deref();
    matches!(method, Some("client_secret_basic" | "client_secret_post"))
}

/// RFC 7591 §3.2.1, RFC 7592 §3.
fn answer(
    cx: &Cx,
    status: StatusCode,
    client: &Client,
    secret: Option<&str>,
    registration_token: Option<&str>,
) -> Resp {
    let mut body = registration::described(client);
    let mut say = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    if let Some(secret) = secret {
        say("client_secret", secret.into());
        say("client_secret_expires_at", 0.into());
    }
    if let Some(token) = registration_token {
        say("registration_access_token", token.into());
    }
    let path = format!("/api/oidc/register/{}", client.id);
    say("registration_client_uri", cx.host.settings.app_url.join(&path).into());
    respond::json(status, &body)
}

/// The failure of a batch whose client changed or went away.
fn lost(error: DbError) -> Failure {
    Failure::or_if_lost(error, Refusal::TokenInvalid)
}
