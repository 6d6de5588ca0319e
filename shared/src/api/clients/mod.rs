//! `/api/oidc/clients`: OIDC clients and their secrets.

pub mod create;
mod dto;
mod logout_deliveries;
mod logout_uris;
pub(crate) mod metadata;
mod secrets;
mod subject_type;

pub(crate) use create::check_algorithms;
pub use create::new_client;
pub use dto::{ApprovalInput, ClientInput, SecretInput};
#[cfg(test)]
pub(super) use logout_deliveries::DeliveryDto;
pub use logout_deliveries::{list_logout_deliveries, retry_logout_delivery};
pub use secrets::{create_secret, delete_secret, list_secrets, new_secret};
pub use subject_type::check_sector;

use super::error::{ApiError, FieldError};
use super::json;
use super::paging::{Listing, Page};
use crate::failure::Failure;
use crate::flow::cimd;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::{DbError, PrivateAddresses};
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client, ClientSecret, Order};
use crate::store::{load, origin, save};
use ::http::StatusCode;
#[cfg(test)]
pub(super) use dto::SecretDto;
pub(super) use dto::{ClientDto, ClientMetaDto};
use std::collections::BTreeMap;

const NOT_FOUND: ApiError = ApiError::NotFound("OIDC client");

/// `GET /api/oidc/clients`.
///
/// # Errors
/// A fault.
pub async fn list(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let listing = Listing::read(&req);
    let pattern = listing.pattern();
    let order = Order::of(listing.sort.as_deref(), listing.descending);
    let stmts = |offset| {
        [
            client::count(&pattern),
            client::page(&pattern, order, listing.limit, offset),
            client::secrets_of_page(&pattern, order, listing.limit, offset),
        ]
    };
    let ([_, rows, secrets], pagination) = listing.load(&cx, stmts).await?;
    let mut by_client: BTreeMap<String, Vec<ClientSecret>> = BTreeMap::new();
    for row in &secrets {
        by_client.entry(row.text("client_id")?).or_default().push(ClientSecret::from_row(row)?);
    }
    let data = rows
        .iter()
        .map(|row| {
            let client = Client::from_row(row)?;
            let secrets = by_client.remove(&client.id).unwrap_or_default();
            Ok(ClientDto::new(&client, &secrets, cx.now).with_group_count(row.int("groups")?))
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination }))
}

async fn find(cx: &Cx, id: &str) -> Result<(Client, Vec<ClientSecret>), Failure> {
    let [client, secrets] = load(&*cx.host.db, [client::by_id(id), client::secrets(id)]).await?;
    let client = Client::from_rows(&client)?.ok_or(NOT_FOUND)?;
    let secrets = secrets.iter().map(ClientSecret::from_row).collect::<Result<_, _>>()?;
    Ok((client, secrets))
}

/// `GET /api/oidc/clients/{id}`.
///
/// # Errors
/// 404, or a fault.
pub async fn get(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (client, secrets) = find(&cx, &json::id(&req, "id")).await?;
    Ok(respond::json(StatusCode::OK, &ClientDto::new(&client, &secrets, cx.now).with_groups()))
}

/// `GET /api/oidc/clients/{id}/meta`: what anybody may know.
///
/// # Errors
/// 404, or a fault.
pub async fn meta(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let rows = cx.host.db.query(client::by_id(&json::id(&req, "id"))).await?;
    let client = Client::from_rows(&rows)?.ok_or(NOT_FOUND)?;
    Ok(respond::json(StatusCode::OK, &ClientMetaDto::new(&client)))
}

/// `POST /api/oidc/clients`.
///
/// # Errors
/// Validation, 409 for a taken id, or a fault.
pub async fn create(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: ClientInput = json::body(&req)?;
    let by = cx.who.as_ref().map(|w| w.user.id.clone());
    let client = new_client(&cx.host, cx.now, input, by.as_deref()).await?;
    Ok(respond::json(StatusCode::CREATED, &ClientDto::new(&client, &[], cx.now).with_groups()))
}

/// `PUT /api/oidc/clients/{id}`: replaces what can be edited.
///
/// # Errors
/// Validation, 404, or a fault.
pub async fn update(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: ClientInput = json::body(&req)?;
    let (before, secrets) = find(&cx, &json::id(&req, "id")).await?;
    let client = input.apply(before.clone())?;
    create::check_algorithms(&cx.host, cx.now, &client).await?;
    check_sector(&cx.host, cx.now, Some(&before), &client, PrivateAddresses::AllowConfigured).await?;
    let mut stmts = vec![client.update(cx.now)];
    stmts.extend(origin::replace(&client));
    if !client.is_group_restricted && before.is_group_restricted {
        stmts.push(client::clear_allowed_groups(&client.id));
    }
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::json(StatusCode::OK, &ClientDto::new(&client, &secrets, cx.now).with_groups()))
}

/// `POST /api/oidc/clients/{id}/refresh`: fetches the metadata document of a client that is known by one.
///
/// # Errors
/// Validation with the reason, 404, or a fault.
pub async fn refresh(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (client, secrets) = find(&cx, &json::id(&req, "id")).await?;
    let client = cimd::refresh(&cx, client).await?.map_err(|reason| {
        ApiError::Validation(vec![FieldError::new("id", "client_metadata_document", reason)])
    })?;
    Ok(respond::json(StatusCode::OK, &ClientDto::new(&client, &secrets, cx.now).with_groups()))
}

/// `POST /api/oidc/clients/{id}/approve`: lets a client that registered itself be used.
///
/// # Errors
/// 404, 409 for a client that does not wait for it or changed since the admin looked at it, or a fault.
pub async fn approve(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: ApprovalInput = json::optional_body(&req)?;
    let (client, secrets) = find(&cx, &json::id(&req, "id")).await?;
    if input.updated_at.is_some_and(|seen| seen != client.updated_at.rfc3339()) {
        return Err(ApiError::ClientChanged.into());
    }
    let by = cx.who.as_ref().map(|who| who.user.id.as_str());
    let data = serde_json::json!({ "clientName": client.name });
    let stmts = vec![
        client::approve(&client.id, client.updated_at),
        audit::record(Event::ClientApproved, by, Some(&client.id), &data, &cx, &req)?,
    ];
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, ApiError::ClientChanged))?;
    let client = Client { is_pending: false, ..client };
    Ok(respond::json(StatusCode::OK, &ClientDto::new(&client, &secrets, cx.now).with_groups()))
}

/// Checks what a client says about the identifiers it wants.
pub(crate) fn check_subject_type(errors: &mut Vec<FieldError>, client: &Client) {
    subject_type::check(errors, &client.metadata, &client.callback_urls);
}

/// Checks the logout addresses of a client.
pub(crate) fn check_logout_uris(errors: &mut Vec<FieldError>, client: &Client) {
    logout_uris::check(errors, &client.metadata, &client.callback_urls);
}

/// `DELETE /api/oidc/clients/{id}`: the client, its secrets, consents and tokens.
///
/// # Errors
/// 404, or a fault.
pub async fn delete(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let gone = save(&*cx.host.db, vec![client::delete(&json::id(&req, "id"))]).await;
    gone.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
