//! `/api/apis`: APIs (resource servers) that tokens are issued for.

mod access;
mod dto;
mod permissions;

pub use access::{assignable, clients, remove, replace};
pub use dto::{ApiGrant, ApiInput, CimdAccessInput, CimdGrant, PermissionsInput};
pub use permissions::{cimd_access, replace_permissions};

use super::error::ApiError;
use super::json;
use super::paging::{Listing, Page};
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::store::api::{self, Api, Order, Permission};
use crate::store::{load, save};
use ::http::StatusCode;
#[cfg(test)]
pub(super) use access::{ApiClientDto, ApiClientLine};
pub(super) use dto::ApiDto;

pub(super) const NOT_FOUND: ApiError = ApiError::NotFound("API");

/// `GET /api/apis`.
///
/// # Errors
/// A fault.
pub async fn list(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let listing = Listing::read(&req);
    let pattern = listing.pattern();
    let order = Order::of(listing.sort.as_deref(), listing.descending);
    let stmts = |offset| {
        [
            api::count(&pattern),
            api::page(&pattern, order, listing.limit, offset),
            api::permissions_of_page(&pattern, order, listing.limit, offset),
        ]
    };
    let ([_, rows, permissions], pagination) = listing.load(&cx, stmts).await?;
    let mut permissions = api::by_api(&permissions)?;
    let data = rows
        .iter()
        .map(|row| {
            let api = Api::from_row(row)?;
            let own = permissions.remove(&api.id).unwrap_or_default();
            Ok(ApiDto::new(&api, own))
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination }))
}

/// An API with its permissions.
///
/// # Errors
/// 404, or a fault.
async fn find(cx: &Cx, id: &str) -> Result<(Api, Vec<Permission>), Failure> {
    let [api, permissions] = load(&*cx.host.db, [api::by_id(id), api::permissions(id)]).await?;
    let api = api.first().map(Api::from_row).transpose()?.ok_or(NOT_FOUND)?;
    let permissions = permissions.iter().map(Permission::from_row).collect::<Result<_, _>>()?;
    Ok((api, permissions))
}

/// `GET /api/apis/{id}`.
///
/// # Errors
/// 404, or a fault.
pub async fn get(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (api, permissions) = find(&cx, &json::id(&req, "id")).await?;
    Ok(respond::json(StatusCode::OK, &ApiDto::new(&api, permissions)))
}

/// `POST /api/apis`.
///
/// # Errors
/// Validation, 409 for a taken address, or a fault.
pub async fn create(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: ApiInput = json::body(&req)?;
    let (name, resource) = input.checked(cx.issuer())?;
    let api = Api { id: cx.host.uuid()?, name, resource, allow_cimd_clients: false, created_at: cx.now };
    match cx.host.db.query(api.insert()).await {
        Ok(_) => Ok(respond::json(StatusCode::CREATED, &ApiDto::new(&api, Vec::new()))),
        Err(DbError::Unique(_)) => Err(ApiError::AlreadyInUse("resource").into()),
        Err(error) => Err(error.into()),
    }
}

/// `PUT /api/apis/{id}`: another name. The address stays, since tokens and apps have it.
///
/// # Errors
/// Validation, 404, or a fault.
pub async fn update(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: ApiInput = json::body(&req)?;
    let id = json::id(&req, "id");
    let name = input.checked_name()?;
    let [_, api, permissions] =
        load(&*cx.host.db, [api::rename(&id, &name, cx.now), api::by_id(&id), api::permissions(&id)])
            .await
            .map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    let api = api.first().map(Api::from_row).transpose()?.ok_or(NOT_FOUND)?;
    let permissions = permissions.iter().map(Permission::from_row).collect::<Result<_, _>>()?;
    Ok(respond::json(StatusCode::OK, &ApiDto::new(&api, permissions)))
}

/// `DELETE /api/apis/{id}`: the API, and at once all that was issued for it.
///
/// # Errors
/// 404, or a fault.
pub async fn delete(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let id = json::id(&req, "id");
    let gone = save(&*cx.host.db, vec![api::revoke_all(&id, cx.now), api::delete(&id)]).await;
    gone.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
