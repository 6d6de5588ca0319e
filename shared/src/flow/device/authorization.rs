//! `POST /api/oidc/device/authorize` (RFC 8628 §3.1).

use super::verification::user_code_hash;
use crate::decide::device;
use crate::decide::resource::SubjectType;
use crate::failure::{Failure, Fault};
use crate::flow::{body, cimd, client};
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::device_code::{DeviceCode, INTERVAL_S, LIFETIME_S, State};
use crate::store::{self, api, load};
use ::http::StatusCode;
use proto::hash::sha256_b64;
use proto::oauth::UserCode;
use serde::Serialize;

/// How often a user code is drawn anew because another device has it.
const DRAWS: usize = 3;

#[derive(Serialize)]
struct Body<'a> {
    device_code: &'a str,
    user_code: &'a str,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: i64,
    interval: i64,
}

/// Begins a sign-in on a device.
///
/// # Errors
/// Client authentication, a [`Refusal`] of the request, or a fault.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    if req.uri.query().is_some_and(|q| !q.is_empty()) {
        return Err(Refusal::QueryParameters.into());
    }
    let params = body(&req)?;
    let credentials = client::credentials(&req, &params)?;
    let id = credentials.id();
    cimd::resolve(&cx, id).await?;
    let [client, secrets, reach] = load(
        &*cx.host.db,
        [
            store::client::by_id(id),
            store::client::secrets(id),
            api::reach(id, SubjectType::User, params.get("resource")),
        ],
    )
    .await?;
    let client = client::prove(&cx, &credentials, &client, &secrets).await?;
    let ask = device::ask(&params, &client, &api::read_reach(&reach)?)?;
    let code = DeviceCode {
        client_id: client.id.clone(),
        scope: ask.scope,
        resource: ask.resource,
        nonce: ask.nonce,
        state: State::Pending,
        user_id: None,
        tries: 0,
        interval_s: INTERVAL_S,
        last_polled_at: None,
        ip: cx.peer.ip.map(|ip| ip.to_string()),
        country: cx.peer.country.clone(),
        city: cx.peer.city.clone(),
        user_agent: req.user_agent(),
        created_at: cx.now,
        expires_at: cx.now.plus(LIFETIME_S),
    };
    let device_code = cx.host.random_token()?;
    let user_code = store_code(&cx, &code, &device_code).await?;
    let uri = format!("{}/device", cx.issuer());
    Ok(respond::json(
        StatusCode::OK,
        &Body {
            device_code: &device_code,
            user_code: user_code.as_str(),
            verification_uri_complete: format!("{uri}?user_code={}", user_code.as_str()),
            verification_uri: uri,
            expires_in: LIFETIME_S,
            interval: INTERVAL_S,
        },
    ))
}

async fn store_code(cx: &Cx, code: &DeviceCode, device_code: &str) -> Result<UserCode, Failure> {
    for _ in 0..DRAWS {
        let user_code = draw(cx)?;
        let insert = code.insert(&sha256_b64(device_code), &user_code_hash(cx, &user_code));
        match cx.host.db.query(insert).await {
            Ok(_) => return Ok(user_code),
            Err(DbError::Unique(_)) => {}
            // The client went away meanwhile.
            Err(DbError::Constraint(_)) => return Err(Refusal::ClientSecretWrong.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Bug("no free user code").into())
}

fn draw(cx: &Cx) -> Result<UserCode, Failure> {
    let mut drawn = Ok(());
    let code = UserCode::generate(|out| {
        drawn = drawn.and(cx.host.rng.fill(out));
    });
    drawn?;
    Ok(code)
}
