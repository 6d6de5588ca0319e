//! `/api/apis/{id}/clients`: which clients may use an API.

use super::dto::{ApiGrant, CimdGrant};
use super::{NOT_FOUND, find};
use crate::api::error::ApiError;
use crate::api::json;
use crate::api::paging::{Listing, Page};
use crate::decide::resource::SubjectType;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::store::api::{self, Access, Api, Permission};
use crate::store::client::{self, Client, Order};
use crate::store::{load, save};
use ::http::StatusCode;
use serde::Serialize;

const NO_CLIENT: ApiError = ApiError::NotFound("OIDC client");

/// A client as listings of an API show it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ApiClientLine {
    id: String,
    name: String,
    client_type: String,
    is_public: bool,
    has_logo: bool,
    has_dark_logo: bool,
}

impl From<&Client> for ApiClientLine {
    fn from(c: &Client) -> Self {
        Self {
            id: c.id.clone(),
            name: c.name.clone(),
            client_type: c.client_type.clone(),
            is_public: c.is_public,
            has_logo: false,
            has_dark_logo: false,
        }
    }
}

/// A client and what it may do.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(in crate::api) struct ApiClientDto {
    client: ApiClientLine,
    #[serde(flatten)]
    grant: ApiGrant,
    #[serde(flatten)]
    cimd: CimdGrant,
}

/// `GET /api/apis/{id}/clients`: those that may use it.
///
/// # Errors
/// 404, or a fault.
pub async fn clients(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (id, listing) = (json::id(&req, "id"), Listing::read(&req));
    let pattern = listing.pattern();
    let order = Order::of(listing.sort.as_deref(), listing.descending);
    let stmts = |offset| {
        [
            api::count_clients_of_api(&id, &pattern),
            api::clients_of_api(&id, &pattern, order, listing.limit, offset),
            api::access_of_api_page(&id, &pattern, order, listing.limit, offset),
            api::by_id(&id),
            api::permissions(&id),
        ]
    };
    let ([_, rows, access, found, permissions], pagination) = listing.load(&cx, stmts).await?;
    let found = found.first().map(Api::from_row).transpose()?.ok_or(NOT_FOUND)?;
    let permissions = permissions.iter().map(Permission::from_row).collect::<Result<Vec<_>, _>>()?;
    let mut access = Access::by("client_id", &access)?;
    let data = rows
        .iter()
        .map(|row| {
            let client = Client::from_row(row)?;
            Ok(ApiClientDto {
                client: ApiClientLine::from(&client),
                grant: access.remove(&client.id).unwrap_or_default().into(),
                cimd: CimdGrant::new(&client.client_type, &found, &permissions),
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination }))
}

/// `GET /api/apis/{id}/assignable-clients`: those that could be let in.
///
/// # Errors
/// 404, or a fault.
pub async fn assignable(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (id, listing) = (json::id(&req, "id"), Listing::read(&req));
    let pattern = listing.pattern();
    let order = Order::of(listing.sort.as_deref(), listing.descending);
    let stmts = |offset| {
        [
            api::count_assignable_clients(&id, &pattern),
            api::assignable_clients(&id, &pattern, order, listing.limit, offset),
            api::by_id(&id),
        ]
    };
    let ([_, rows, found], pagination) = listing.load(&cx, stmts).await?;
    found.first().ok_or(NOT_FOUND)?;
    let data = rows
        .iter()
        .map(|row| Client::from_row(row).map(|c| ApiClientLine::from(&c)))
        .collect::<Result<Vec<_>, DbError>>()?;
    Ok(respond::json(StatusCode::OK, &Page { data, pagination }))
}

/// `PUT /api/apis/{id}/clients/{clientId}`: lets a client in, or changes what it may do. What it got and may no
/// longer have ends at once.
///
/// # Errors
/// 404, or a fault.
pub async fn replace(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let wish: ApiGrant = json::body(&req)?;
    let (id, client_id) = (json::id(&req, "id"), json::id(&req, "clientId"));
    let [found, permissions, app] =
        load(&*cx.host.db, [api::by_id(&id), api::permissions(&id), client::by_id(&client_id)]).await?;
    found.first().ok_or(NOT_FOUND)?;
    let app = Client::from_rows(&app)?.ok_or(NO_CLIENT)?;
    let permissions = permissions.iter().map(Permission::from_row).collect::<Result<Vec<_>, _>>()?;
    let grant = wish.applied(&permissions, app.is_public);

    let mut stmts = vec![api::touch(&id, cx.now)];
    stmts.extend(api::clear_access(&id, &client_id));
    for (subject, access, permissions) in [
        (SubjectType::User, grant.user_delegated_access, &grant.user_delegated_permission_ids),
        (SubjectType::Client, grant.client_access, &grant.client_permission_ids),
    ] {
        if access {
            stmts.push(api::give_access(&id, &client_id, subject));
        }
        stmts.extend(permissions.iter().map(|p| api::give_permission(&id, p, &client_id, subject)));
    }
    stmts.push(api::end_lost_access(&id, cx.now));
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(respond::json(StatusCode::OK, &grant)),
        Err(DbError::Lost) => Err(NOT_FOUND.into()),
        // The client went away meanwhile.
        Err(DbError::Constraint(_)) => Err(NO_CLIENT.into()),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /api/apis/{id}/clients/{clientId}`: ends a client's access and what it got.
///
/// # Errors
/// 404 for an API that does not exist, or a fault. A client without access is no error.
pub async fn remove(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let (id, client_id) = (json::id(&req, "id"), json::id(&req, "clientId"));
    let (found, _) = find(&cx, &id).await?;
    let mut stmts = vec![api::touch(&found.id, cx.now)];
    stmts.extend(api::clear_access(&id, &client_id));
    stmts.push(api::end_lost_access(&id, cx.now));
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
