//! `/api/api-access/{clientId}`: the same grants, seen from the client.

use super::apis::{ApiDto, ApiGrant, CimdGrant};
use super::error::ApiError;
use super::json;
use super::paging::{Listing, Page};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::store::api::{self, Access, Api, Order};
use crate::store::client::{self, Client};
use crate::store::load;
use ::http::StatusCode;
use serde::Serialize;

const NOT_FOUND: ApiError = ApiError::NotFound("OIDC client");

/// An API and what the client may do there.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ClientApiDto {
    api: ApiDto,
    #[serde(flatten)]
    grant: ApiGrant,
    #[serde(flatten)]
    cimd: CimdGrant,
}

/// `GET /api/api-access/{clientId}/apis`: all that it may use, by name.
///
/// # Errors
/// 404, or a fault.
pub async fn apis(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let id = json::id(&req, "clientId");
    let [app, rows, permissions, access] = load(
        &*cx.host.db,
        [
            client::by_id(&id),
            api::apis_of_client(&id),
            api::permissions_of_client_apis(&id),
            api::access_of_client(&id),
        ],
    )
    .await?;
    let app = Client::from_rows(&app)?.ok_or(NOT_FOUND)?;
    let mut permissions = api::by_api(&permissions)?;
    let mut access = Access::by("api_id", &access)?;
    let shown = rows
        .iter()
        .map(|row| {
            let found = Api::from_row(row)?;
            let own = permissions.remove(&found.id).unwrap_or_default();
            Ok(ClientApiDto {
                cimd: CimdGrant::new(&app.client_type, &found, &own),
                grant: access.remove(&found.id).unwrap_or_default().into(),
                api: ApiDto::new(&found, own),
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &shown))
}

/// `GET /api/api-access/{clientId}/assignable-apis`: those it could be let into.
///
/// # Errors
/// 404, or a fault.
pub async fn assignable(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (id, listing) = (json::id(&req, "clientId"), Listing::read(&req));
    let pattern = listing.pattern();
    let order = Order::of(listing.sort.as_deref(), listing.descending);
    let stmts = |offset| {
        let [page, permissions] = api::assignable_apis(&id, &pattern, order, listing.limit, offset);
        [api::count_assignable_apis(&id, &pattern), page, permissions, client::by_id(&id)]
    };
    let ([_, rows, permissions, app], pagination) = listing.load(&cx, stmts).await?;
    app.first().ok_or(NOT_FOUND)?;
    let mut permissions = api::by_api(&permissions)?;
    let data = rows
        .iter()
        .map(|row| {
            let found = Api::from_row(row)?;
            let own = permissions.remove(&found.id).unwrap_or_default();
            Ok(ApiDto::new(&found, own))
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination }))
}
