//! `/api/oidc/clients/{id}/logout-deliveries`: what became of the logout tokens of a client.

use super::NOT_FOUND;
use crate::api::error::ApiError;
use crate::api::json;
use crate::api::paging::{Listing, Page};
use crate::db::Rows;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::jobs;
use crate::store::logout::{self, Delivery, State};
use crate::store::{client, load};
use ::http::StatusCode;
use proto::time::UnixTime;
use serde::Serialize;

/// A delivery as admins see it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct DeliveryDto {
    id: String,
    user_id: String,
    session_id: String,
    /// `pending`, `delivered` or `failed`.
    state: &'static str,
    attempts: i64,
    /// Why the last try failed.
    last_error: Option<String>,
    created_at: String,
    /// When the next try is due; only while pending.
    next_attempt_at: Option<String>,
    /// When it was delivered or given up.
    ended_at: Option<String>,
}

impl From<Delivery> for DeliveryDto {
    fn from(d: Delivery) -> Self {
        let is_pending = d.state == State::Pending;
        Self {
            id: d.id,
            user_id: d.user_id,
            session_id: d.session_id,
            state: d.state.as_str(),
            attempts: d.attempts,
            last_error: d.last_error,
            created_at: d.created_at.rfc3339(),
            next_attempt_at: is_pending.then(|| d.next_attempt_at.rfc3339()),
            ended_at: d.ended_at.map(UnixTime::rfc3339),
        }
    }
}

/// `GET /api/oidc/clients/{id}/logout-deliveries`, newest first.
///
/// # Errors
/// 404, or a fault.
pub async fn list_logout_deliveries(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (id, listing) = (json::id(&req, "id"), Listing::read(&req));
    let read = async |offset: i64| {
        load(&*cx.host.db, [client::by_id(&id), logout::count(&id), logout::page(&id, listing.limit, offset)])
            .await
    };
    let total = |rows: &Rows| rows.first().map_or(Ok(0), |row| row.int("n"));
    let [client, mut count, mut rows] = read(listing.offset()).await?;
    if client.is_empty() {
        return Err(NOT_FOUND.into());
    }
    let mut window = listing.window(total(&count)?);
    if window.offset != listing.offset() {
        // A page behind the last one is the last one.
        [_, count, rows] = read(window.offset).await?;
        window = listing.window(total(&count)?);
    }
    let data = rows.iter().map(|row| Ok(DeliveryDto::from(Delivery::from_row(row)?)));
    let data = data.collect::<Result<Vec<_>, Failure>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination: window.pagination }))
}

/// `POST /api/oidc/clients/{id}/logout-deliveries/{deliveryId}/retry`: tries again at once, and as often as at first.
///
/// # Errors
/// 404 if there is no such delivery or it was delivered, or a fault.
pub async fn retry_logout_delivery(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let id = req.param("deliveryId");
    let again = cx.host.db.query(logout::retry(&json::id(&req, "id"), id, cx.now)).await;
    again.map_err(|e| Failure::or_if_lost(e, ApiError::NotFound("Undelivered logout token")))?;
    jobs::logout::begin(&cx.host, [id.to_owned()]);
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
