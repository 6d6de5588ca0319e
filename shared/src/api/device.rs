//! `/api/oidc/device/…`: entering the code of a device, for pages other than `/device`.

use super::clients::ClientMetaDto;
use super::error::ApiError;
use crate::decide::resource::consent_keys;
use crate::failure::{Failure, Fault};
use crate::flow::device::page::needs_confirmation;
use crate::flow::device::verification::{self, Asked, Entered};
use crate::flow::query;
use crate::http::{Cx, Req, Resp, respond};
use crate::refusal::Refusal;
use crate::store::save;
use crate::store::session::Who;
use ::http::StatusCode;
use serde::Serialize;

/// What a device asks for.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceInfoDto {
    scope: Vec<String>,
    scope_info: Vec<ScopeInfoDto>,
    authorization_required: bool,
    reauthentication_required: bool,
    client: ClientMetaDto,
}

/// A permission of an API in words.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct ScopeInfoDto {
    key: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

fn signed_in(cx: &Cx) -> Result<Who, Failure> {
    cx.who.clone().ok_or_else(|| Fault::Bug("a route for people without a session").into())
}

async fn enter(cx: &Cx, req: &Req, who: &Who) -> Result<Box<Asked>, Failure> {
    let params = query(req).map_err(|_| ApiError::InvalidDeviceCode)?;
    let entered = verification::enter(cx, who, params.get("code").unwrap_or("")).await;
    match entered {
        Ok(Entered::Found(asked)) => Ok(asked),
        Ok(Entered::Unknown) => Err(ApiError::InvalidDeviceCode.into()),
        Ok(Entered::Expired) => Err(ApiError::DeviceCodeExpired.into()),
        Ok(Entered::TooMany { retry_after_s }) => Err(ApiError::RateLimited { retry_after_s }.into()),
        Err(Failure::Refused(Refusal::NotInAllowedGroups)) => Err(ApiError::AccessDenied.into()),
        Err(failure) => Err(failure),
    }
}

/// `GET /api/oidc/device/info?code=`: what the device with this code asks for. Wrong codes count; nothing else
/// changes.
///
/// # Errors
/// 400 for a wrong code, 403 for people who may not use the client, 429 after too many wrong ones, or a fault.
pub async fn info(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = signed_in(&cx)?;
    let asked = enter(&cx, &req, &who).await?;
    save(&*cx.host.db, verification::uncounted(&cx, &who)).await?;
    let scope = asked.scope();
    let api = asked.code.resource.as_deref().and_then(|r| asked.reach.api(r));
    let info = |key: &str| {
        let permission = api?.permission(key)?;
        Some(ScopeInfoDto {
            key: key.to_owned(),
            name: permission.name.clone(),
            description: permission.description.clone(),
        })
    };
    let given = asked.consent.as_ref().map_or(&[][..], |c| &c.scope);
    let needed = consent_keys(&scope, asked.code.resource.as_deref());
    let is_covered = asked.consent.is_some() && needed.iter().all(|key| given.contains(key));
    Ok(respond::json(
        StatusCode::OK,
        &DeviceInfoDto {
            scope: scope.iter().map(str::to_owned).collect(),
            scope_info: scope.iter().filter_map(info).collect(),
            authorization_required: !asked.client.skip_consent && !is_covered,
            reauthentication_required: needs_confirmation(&cx, &who, &asked),
            client: ClientMetaDto::new(&asked.client),
        },
    ))
}

/// `POST /api/oidc/device/verify?code=`: allows it, once.
///
/// # Errors
/// As [`info`], and 401 if the person has to use the passkey again first.
pub async fn verify(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = signed_in(&cx)?;
    let asked = enter(&cx, &req, &who).await?;
    if needs_confirmation(&cx, &who, &asked) {
        save(&*cx.host.db, verification::uncounted(&cx, &who)).await?;
        return Err(ApiError::ReauthenticationRequired.into());
    }
    let right = verification::uncounted(&cx, &who);
    verification::approve(&cx, &req, &who, &asked, right, ApiError::InvalidDeviceCode).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}
