//! `/api/oidc/users/…/authorized-clients` and `/api/oidc/users/me/clients`: what a person allowed, and may use.

use super::clients::ClientMetaDto;
use super::error::ApiError;
use super::json;
use super::paging::{Listing, Page, Window};
use crate::db::{Rows, Stmt};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::authorized_client::{self as authorized, Order};
use crate::store::client::{self, Client};
use crate::store::{consent, grant, load, save};
use ::http::StatusCode;
use serde::Serialize;
use serde_json::json as object;

const NOT_FOUND: ApiError = ApiError::NotFound("Client authorization");

/// A client that the person allowed something.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct AuthorizedClientDto {
    /// What was allowed, space separated.
    scope: String,
    client: ClientMetaDto,
    last_used_at: String,
}

/// A client that the person may use.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct UsableClientDto {
    #[serde(flatten)]
    client: ClientMetaDto,
    last_used_at: Option<String>,
}

/// `GET /api/oidc/users/me/authorized-clients`.
///
/// # Errors
/// A fault.
pub async fn list_mine(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = cx.who.as_ref().ok_or(ApiError::NotSignedIn)?;
    list_of(&cx, &req, &who.user.id).await
}

/// `GET /api/oidc/users/{id}/authorized-clients`, for admins.
///
/// # Errors
/// A fault.
pub async fn list(cx: Cx, req: Req) -> Result<Resp, Failure> {
    list_of(&cx, &req, req.param("id")).await
}

async fn list_of(cx: &Cx, req: &Req, user_id: &str) -> Result<Resp, Failure> {
    let listing = Listing::read(req);
    let launch = listing.flag("hasLaunchURL");
    let order = order(&listing, Order::LastUsedDescending);
    let page = |offset| authorized::authorized(user_id, launch, order, listing.limit, offset);
    let (rows, window) = read(cx, &listing, || authorized::count_authorized(user_id, launch), page).await?;
    let data = rows
        .iter()
        .map(|row| {
            Ok(AuthorizedClientDto {
                scope: consent::scope_text(&row.text("consent_scope")?)?,
                client: ClientMetaDto::new(&Client::from_row(row)?),
                last_used_at: row.time("last_used_at")?.rfc3339(),
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination: window.pagination }))
}

/// `GET /api/oidc/users/me/clients`.
///
/// # Errors
/// A fault.
pub async fn usable(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let user_id = &cx.who.as_ref().ok_or(ApiError::NotSignedIn)?.user.id;
    let listing = Listing::read(&req);
    let launch = listing.flag("hasLaunchURL");
    let order = order(&listing, Order::NameAscending);
    let page = |offset| authorized::usable(user_id, launch, order, listing.limit, offset);
    let (rows, window) = read(&cx, &listing, || authorized::count_usable(user_id, launch), page).await?;
    let data = rows
        .iter()
        .map(|row| {
            Ok(UsableClientDto {
                client: ClientMetaDto::new(&Client::from_row(row)?),
                last_used_at: row.opt_time("last_used_at")?.map(proto::time::UnixTime::rfc3339),
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination: window.pagination }))
}

fn order(listing: &Listing, otherwise: Order) -> Order {
    match (listing.sort.as_deref(), listing.descending) {
        (Some("lastUsedAt"), false) => Order::LastUsedAscending,
        (Some("lastUsedAt"), true) => Order::LastUsedDescending,
        (Some("name"), false) => Order::NameAscending,
        (Some("name"), true) => Order::NameDescending,
        (Some("createdAt"), false) => Order::CreatedAscending,
        (Some("createdAt"), true) => Order::CreatedDescending,
        _ => otherwise,
    }
}

/// One page; one behind the last is the last.
async fn read(
    cx: &Cx,
    listing: &Listing,
    count: impl Fn() -> Stmt,
    page: impl Fn(i64) -> Stmt,
) -> Result<(Rows, Window), Failure> {
    let total = |rows: &Rows| rows.first().map_or(Ok(0), |row| row.int("n"));
    let [found, rows] = load(&*cx.host.db, [count(), page(listing.offset())]).await?;
    let window = listing.window(total(&found)?);
    if window.offset == listing.offset() {
        return Ok((rows, window));
    }
    let [found, rows] = load(&*cx.host.db, [count(), page(window.offset)]).await?;
    Ok((rows, listing.window(total(&found)?)))
}

/// `DELETE /api/oidc/users/me/authorized-clients/{clientId}`: takes the consent back, and with it at once all that
/// the client holds from this person.
///
/// # Errors
/// 404, or a fault.
pub async fn withdraw(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let user_id = &cx.who.as_ref().ok_or(ApiError::NotSignedIn)?.user.id;
    let id = json::id(&req, "clientId");
    let client = Client::from_rows(&cx.host.db.query(client::by_id(&id)).await?)?.ok_or(NOT_FOUND)?;
    let data = object!({ "clientName": client.name });
    let stmts = vec![
        consent::delete(user_id, &client.id),
        grant::revoke_of_user_and_client(user_id, &client.id, "consent_withdrawn", cx.now),
        audit::record(Event::ClientAuthorizationRevoked, Some(user_id), Some(&client.id), &data, &cx, &req)?,
    ];
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
