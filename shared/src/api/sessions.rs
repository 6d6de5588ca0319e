//! `/api/users/…/sessions`: where somebody is signed in, and ending that.

use super::error::ApiError;
use crate::failure::Failure;
use crate::flow::session_end::save;
use crate::http::{Cx, Req, Resp, respond};
use crate::store::audit::{self, Event};
use crate::store::session::{self, Seen, Who};
use crate::store::session_end::{Which, end};
use ::http::StatusCode;
use serde::Serialize;
use serde_json::json;

/// A session as its owner and admins see it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionDto {
    id: String,
    created_at: String,
    /// Last use, to within a minute.
    last_seen_at: String,
    ip: Option<String>,
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

fn me(cx: &Cx) -> Result<&Who, ApiError> {
    cx.who.as_ref().ok_or(ApiError::NotSignedIn)
}

async fn list(cx: &Cx, user_id: &str) -> Result<Resp, Failure> {
    let current = &me(cx)?.session.id;
    let rows = cx.host.db.query(session::of_user(user_id, cx.now)).await?;
    let sessions = rows
        .iter()
        .map(|row| {
            let seen = Seen::from_row(row)?;
            Ok(SessionDto {
                current: seen.id == *current,
                id: seen.id,
                created_at: seen.created_at.rfc3339(),
                last_seen_at: seen.last_seen_at.rfc3339(),
                ip: seen.ip,
                user_agent: seen.user_agent,
            })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    Ok(respond::json(StatusCode::OK, &sessions))
}

async fn end_one(cx: &Cx, req: &Req, user_id: &str) -> Result<Resp, Failure> {
    let id = req.param("sessionId");
    let mut stmts = vec![session::held(id, user_id, cx.now)];
    stmts.extend(end(Which::One(id), cx.now));
    let data = json!({ "sessionId": id });
    stmts.push(audit::record(Event::SessionEnded, Some(user_id), None, &data, cx, req)?);
    save(cx, stmts).await.map_err(|e| Failure::or_if_lost(e, ApiError::NotFound("Session")))?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

async fn end_many(cx: &Cx, req: &Req, which: Which<'_>, user_id: &str) -> Result<Resp, Failure> {
    let mut stmts = end(which, cx.now);
    stmts.push(audit::record(Event::SessionEnded, Some(user_id), None, &json!({}), cx, req)?);
    save(cx, stmts).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// `GET /api/users/me/sessions`, the one used last first.
///
/// # Errors
/// A fault.
pub async fn list_own(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    list(&cx, &me(&cx)?.user.id).await
}

/// `DELETE /api/users/me/sessions/{sessionId}`; ending the current one is signing out.
///
/// # Errors
/// 404, or a fault.
pub async fn end_own(cx: Cx, req: Req) -> Result<Resp, Failure> {
    end_one(&cx, &req, &me(&cx)?.user.id).await
}

/// `DELETE /api/users/me/sessions`: all but the current one.
///
/// # Errors
/// A fault.
pub async fn end_others(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = me(&cx)?;
    let which = Which::Others { user_id: &who.user.id, but: &who.session.id };
    end_many(&cx, &req, which, &who.user.id).await
}

/// `GET /api/users/{id}/sessions`.
///
/// # Errors
/// A fault.
pub async fn list_of_user(cx: Cx, req: Req) -> Result<Resp, Failure> {
    list(&cx, req.param("id")).await
}

/// `DELETE /api/users/{id}/sessions/{sessionId}`.
///
/// # Errors
/// 404, or a fault.
pub async fn end_of_user(cx: Cx, req: Req) -> Result<Resp, Failure> {
    end_one(&cx, &req, req.param("id")).await
}

/// `DELETE /api/users/{id}/sessions`: all of them.
///
/// # Errors
/// A fault.
pub async fn end_all_of_user(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let user_id = req.param("id");
    end_many(&cx, &req, Which::User(user_id), user_id).await
}
