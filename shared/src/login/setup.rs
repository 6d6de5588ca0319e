//! `GET` and `POST /setup`: the first admin, once.

use super::begin::{self, Before};
use super::ceremony::Fresh;
use super::new_account::{self, Rights};
use crate::db::Stmt;
use crate::failure::{Failure, Fault};
use crate::flow::{body, frame};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, AccountValues, Ceremony, ErrorKind, Problem, SetupPage};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::user;
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
    page(&cx, &req, AccountValues::default(), None, StatusCode::OK).await
}

async fn page(
    cx: &Cx,
    req: &Req,
    values: AccountValues<'_>,
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
    let made = new_account::made(&cx, &params, challenge::read(&challenge)?, Rights::Admin)?;
    let (user, passkey) = match made {
        Ok(made) => made,
        Err(problem) => return again(&cx, &req, &params, problem).await,
    };
    let begin = begin::begin(&cx, &req, &user.id, &passkey, Before::default())?;
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
    begin.set_cookies(&cx, resp.headers_mut());
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

async fn again(cx: &Cx, req: &Req, params: &Params, problem: Problem) -> Result<Resp, Failure> {
    let values = new_account::values(params);
    page(cx, req, values, Some(problem), StatusCode::BAD_REQUEST).await
}
