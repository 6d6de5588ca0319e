//! `GET` and `POST /setup`: the first admin, once.

use super::ceremony::Fresh;
use super::{begin, ceremony};
use crate::db::Stmt;
use crate::decide::account_fields::{self, Fields};
use crate::failure::{Failure, Fault};
use crate::flow::{body, frame};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, Ceremony, ErrorKind, Problem, SetupPage, SetupValues};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::user::{self, User};
use crate::store::{challenge, load, save};
use ::http::StatusCode;
use proto::form::Params;
use serde_json::json;

/// Shows the form while nobody has an account.
///
/// # Errors
/// The 404 page afterwards.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    if !cx.host.db.query(user::any()).await?.is_empty() {
        return Err(ErrorKind::NotFound.into());
    }
    page(&cx, &req, SetupValues::default(), None, StatusCode::OK).await
}

async fn page(
    cx: &Cx,
    req: &Req,
    values: SetupValues<'_>,
    problem: Option<Problem>,
    status: StatusCode,
) -> Result<Resp, Failure> {
    let browser = http::browser(cx, req)?;
    let user_id = cx.host.uuid()?;
    let name = if values.username.is_empty() { "admin" } else { values.username };
    let fresh = Fresh::new(cx, Some(&user_id))?;
    cx.host.db.query(fresh.insert(cx, &browser, challenge::Ceremony::Setup)).await?;
    let begun = fresh.create(cx, &user_id, (name, name), &[])?;
    let html = pages::render(&SetupPage {
        frame: frame(cx, req),
        ceremony: Ceremony {
            action: "/setup",
            options_json: &begun.options_json,
            challenge_id: &begun.challenge_id,
            fresh_url: "/setup",
        },
        values,
        problem,
    });
    let mut resp = respond::page(status, html, Vec::new());
    browser.remember(cx, resp.headers_mut());
    Ok(resp)
}

/// Makes the admin, the passkey and the session in one batch whose first statement lets one caller through.
///
/// # Errors
/// The 404 page if somebody has an account already, or a fault.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let browser = http::browser(&cx, &req)?;
    let id = params.get("challenge_id").unwrap_or("");
    let [anybody, challenge] = load(
        &*cx.host.db,
        [user::any(), challenge::consume(id, challenge::Ceremony::Setup, &browser.hash, cx.now)],
    )
    .await?;
    if !anybody.is_empty() {
        return Err(ErrorKind::NotFound.into());
    }
    let fields = match account_fields::check(&read(&params)) {
        Ok(fields) => fields,
        Err(problem) => return again(&cx, &req, &params, problem).await,
    };
    let Some(response) = params.get("response") else {
        return again(&cx, &req, &params, Problem::NoResponse).await;
    };
    let Some(challenge) = challenge::read(&challenge)? else {
        return again(&cx, &req, &params, Problem::ChallengeExpired).await;
    };
    let credential = match ceremony::finish_create(&cx, &challenge, response) {
        Ok(credential) => credential,
        Err(problem) => return again(&cx, &req, &params, problem).await,
    };
    let user = User {
        id: challenge.user_handle.ok_or(Fault::Bug("a set-up challenge without user handle"))?,
        username: fields.username,
        email: Some(fields.email),
        // Nobody has proven the address yet.
        email_verified: false,
        display_name: fields.display_name,
        first_name: fields.first_name,
        last_name: fields.last_name,
        is_admin: true,
        disabled: false,
        locale: None,
        ldap_id: None,
        updated_at: cx.now,
    };
    let passkey = ceremony::to_passkey(&cx, &user, credential)?;
    let begin = begin::begin(&cx, &req, &user.id, &passkey, None)?;
    let mut stmts = vec![claim(cx.now), user.insert(cx.now), passkey.insert()];
    stmts.extend(begin.stmts.clone());
    let data = json!({ "passkeyName": passkey.name });
    stmts.push(audit::record(
        Event::AccountCreated,
        Some(&user.id),
        None,
        &json!({ "method": "setup" }),
        &cx,
        &req,
    )?);
    stmts.push(audit::record(Event::PasskeyAdded, Some(&user.id), None, &data, &cx, &req)?);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        Err(DbError::Lost | DbError::Unique(_)) => return Err(ErrorKind::NotFound.into()),
        Err(error) => return Err(Fault::from(error).into()),
    }
    let mut resp = respond::see_other("/settings/account");
    begin.set_cookie(&cx, resp.headers_mut());
    Ok(resp)
}

/// Only one caller ever inserts this row, and only while there is no user.
fn claim(now: proto::time::UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO instance (name, value) SELECT 'setup_completed_at', CAST(?1 AS TEXT) \
         WHERE NOT EXISTS (SELECT id FROM users)",
    )
    .bind(now.rfc3339())
    .one()
}

fn read(params: &Params) -> Fields {
    let text = |name: &str| params.get(name).unwrap_or("").to_owned();
    Fields {
        username: text("username"),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        display_name: String::new(),
    }
}

async fn again(cx: &Cx, req: &Req, params: &Params, problem: Problem) -> Result<Resp, Failure> {
    let values = SetupValues {
        username: params.get("username").unwrap_or(""),
        email: params.get("email").unwrap_or(""),
        first_name: params.get("firstName").unwrap_or(""),
        last_name: params.get("lastName").unwrap_or(""),
    };
    page(cx, req, values, Some(problem), StatusCode::BAD_REQUEST).await
}
