//! `POST /api/oidc/par`: pushed authorization requests (RFC 9126).

use super::authorize::checked;
use super::{body, cimd, client, dpop, request};
use crate::decide::authorize::known_client;
use crate::decide::request_source::{self, Source, URN};
use crate::decide::resource::SubjectType;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::api;
use crate::store::client as clients;
use crate::store::pushed_request::{self, LIFETIME_S, PushedRequest};
use crate::store::{load, save};
use http::StatusCode;
use serde::Serialize;

/// RFC 9126 §2.2.
#[derive(Serialize)]
struct Body<'a> {
    request_uri: &'a str,
    expires_in: i64,
}

/// Takes a request from the client itself, checks it as `/authorize` would, and gives a URN for it that counts once,
/// for this client, for 90 seconds. `/authorize` checks it again, since the client may change meanwhile.
///
/// # Errors
/// The [`Refusal`] of client authentication or of the request, or a fault; then nothing is stored.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    // RFC 9126 §2: the parameters are in the body, where no log sees them.
    if req.uri.query().is_some_and(|q| !q.is_empty()) {
        return Err(Refusal::QueryParameters.into());
    }
    let sent = body(&req)?;
    let credentials = client::credentials(&req, &sent)?;
    let id = credentials.id();
    cimd::resolve(&cx, id).await?;
    let [client, secrets, reach] = load(
        &*cx.host.db,
        [clients::by_id(id), clients::secrets(id), api::reach(id, SubjectType::User, None)],
    )
    .await?;
    let client = client::prove(&cx, &credentials, &client, &secrets).await?;
    if sent.get("request_uri").is_some() {
        return Err(Refusal::PushedRequestUri.into());
    }
    let asked = request::open(&cx, &client, &sent, request_source::way(&sent), None).await?;
    let mut stored =
        PushedRequest { params: request_source::to_push(&asked.params)?, is_signed: asked.source.is_signed };
    let known = known_client(&stored.params, Some(client), request::policy(&cx))?;
    let known = known.came_by(Source { is_pushed: true, ..asked.source });
    checked(&cx, &stored.params, &known, &api::read_reach(&reach)?).await?;
    if let Some(jkt) = dpop::pushed(&cx, &req, stored.params.get("dpop_jkt")).await? {
        stored.params = stored.params.with("dpop_jkt", jkt);
    }

    let request_uri = format!("{URN}{}", cx.host.random_token()?);
    let mut stmts: Vec<_> = asked.once.into_iter().collect();
    stmts.push(stored.insert(&request_uri, &known.client.id, cx.now));
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        Err(DbError::Lost) => return Err(lost(&cx, &known.client.id).await?.into()),
        // The client was removed meanwhile.
        Err(DbError::Constraint(_)) => return Err(Refusal::ClientSecretWrong.into()),
        Err(error) => return Err(error.into()),
    }
    Ok(respond::json(StatusCode::CREATED, &Body { request_uri: &request_uri, expires_in: LIFETIME_S }))
}

/// Which guard refused to store a request: there are too many, or its request object was used before.
async fn lost(cx: &Cx, client_id: &str) -> Result<Refusal, Failure> {
    let rows = cx.host.db.query(pushed_request::count(client_id, cx.now)).await?;
    let waiting = rows.first().map_or(Ok(0), |row| row.int("n"))?;
    Ok(if waiting >= pushed_request::MOST {
        Refusal::PushedRequestsFull
    } else {
        Refusal::RequestObjectReplayed
    })
}
