//! `GET` and `POST /signup`, and the step of `/interaction` that makes an account (OpenID Connect Initiating User
//! Registration 1.0), where `ALLOW_USER_SIGNUPS` is `open`.

use super::begin::{self, Before};
use super::ceremony::Fresh;
use super::new_account::{self, Rights};
use super::sign_in::{Destination, Target, redirect_of};
use crate::failure::{Failure, Fault};
use crate::flow::authorize::{Standing, interaction_standing};
use crate::flow::{body, frame, query, response};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, AccountValues, Ceremony, ErrorKind, Problem, SignUpPage};
use crate::ports::DbError;
use crate::settings::UserSignups;
use crate::store::audit::{self, Event};
use crate::store::session::{self, Who};
use crate::store::{challenge, interaction, load, save, user};
use ::http::StatusCode;
use proto::form::{Params, render_query};
use serde_json::json;

/// Whether strangers may make an account.
#[must_use]
pub fn is_open(cx: &Cx) -> bool {
    cx.host.settings.allow_user_signups == UserSignups::Open
}

/// Where the form is, for somebody on the way to `target`.
pub(super) fn address(target: &Target) -> String {
    match target {
        Target::Interaction(id) => {
            format!("/interaction?{}", render_query(&[("interaction", id), ("sign_up", "1")]))
        }
        Target::Path(path) => format!("/signup?{}", render_query(&[("redirect", path)])),
    }
}

/// Shows the form, where accounts may be made.
///
/// # Errors
/// The 404 page where they may not.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    if !is_open(&cx) {
        return Err(ErrorKind::NotFound.into());
    }
    let params = query(&req)?;
    let target = Target::Path(redirect_of(&params).to_owned());
    let destination = Destination { target, other: false };
    page(&cx, &req, &destination, None, AccountValues::default(), None, StatusCode::OK).await
}

/// The step of an interaction.
///
/// # Errors
/// A fault.
pub async fn page_for_interaction(
    cx: &Cx,
    req: &Req,
    id: &str,
    standing: &Standing,
) -> Result<Resp, Failure> {
    let destination = Destination { target: Target::Interaction(id.to_owned()), other: false };
    page(cx, req, &destination, Some(standing), AccountValues::default(), None, StatusCode::OK).await
}

async fn page(
    cx: &Cx,
    req: &Req,
    destination: &Destination,
    standing: Option<&Standing>,
    values: AccountValues<'_>,
    problem: Option<Problem>,
    status: StatusCode,
) -> Result<Resp, Failure> {
    let browser = http::browser(cx, req)?;
    let user_id = cx.host.uuid()?;
    let name = if values.username.is_empty() { &cx.host.settings.app_name } else { values.username };
    let fresh = Fresh::new(cx, Some(&user_id))?;
    cx.host.db.query(fresh.insert(cx, &browser, challenge::Ceremony::SignUp)).await?;
    let begun = fresh.create(cx, &user_id, (name, name), &[])?;
    let sign_in = match &destination.target {
        Target::Interaction(id) => {
            format!("/interaction?{}", render_query(&[("interaction", id), ("sign_in", "1")]))
        }
        Target::Path(path) => format!("/login?{}", render_query(&[("redirect", path)])),
    };
    let html = pages::render(&SignUpPage {
        frame: standing.map_or_else(|| frame(cx, req), |s| s.frame(cx, req)),
        client: standing.map(|s| s.client.name.as_str()),
        ceremony: Ceremony {
            action: "/signup",
            options_json: &begun.options_json,
            challenge_id: &begun.challenge_id,
            fresh_url: &address(&destination.target),
        },
        hidden: destination.hidden(),
        values,
        sign_in: &sign_in,
        problem,
    });
    let form_action = standing.map(|s| response::form_action(&s.ask.redirect_uri)).unwrap_or_default();
    let mut resp = respond::page(status, html, form_action);
    browser.remember(cx, resp.headers_mut());
    Ok(resp)
}

/// Makes the account, its passkey and the session in one batch; names and addresses are unique.
///
/// # Errors
/// The 404 page where accounts may not be made or there is no admin yet, or a fault.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    if !is_open(&cx) {
        return Err(ErrorKind::NotFound.into());
    }
    let params = body(&req)?;
    let destination = Destination::read(&params);
    let browser = http::browser(&cx, &req)?;
    let hash = http::session_hash(&cx, &req);
    let id = params.get("challenge_id").unwrap_or("");
    let accounts = http::accounts_hash(&cx, &req);
    let [anybody, challenge, who, accounts] = load(
        &*cx.host.db,
        [
            user::any(),
            challenge::consume(id, challenge::Ceremony::SignUp, &browser.hash, cx.now),
            session::live(hash.as_deref(), cx.now),
            session::of_browser(accounts.as_deref(), cx.now),
        ],
    )
    .await?;
    // The first account is the admin's, or there would never be one.
    if anybody.is_empty() {
        return Err(ErrorKind::NotFound.into());
    }
    let made = new_account::made(&cx, &params, challenge::read(&challenge)?, Rights::Person)?;
    let (user, passkey) = match made {
        Ok(made) => made,
        Err(problem) => return again(&cx, &req, &destination, &params, problem).await,
    };
    let (who, accounts) = (Who::from_rows(&who)?, Who::all_from_rows(&accounts)?);
    let before = Before { current: who.as_ref(), accounts: &accounts };
    let begin = begin::begin(&cx, &req, &user.id, &passkey, before)?;
    let mut stmts = vec![user.insert(cx.now), passkey.insert()];
    stmts.extend(begin.stmts.clone());
    if let Target::Interaction(id) = &destination.target {
        stmts.push(interaction::authenticated(id, &browser.hash, &user.id));
    }
    let method = json!({ "method": "signup" });
    stmts.push(audit::record(Event::AccountCreated, Some(&user.id), None, &method, &cx, &req)?);
    let name = json!({ "passkeyName": passkey.name });
    stmts.push(audit::record(Event::PasskeyAdded, Some(&user.id), None, &name, &cx, &req)?);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        Err(DbError::Unique(_)) => {
            return again(&cx, &req, &destination, &params, Problem::AccountTaken).await;
        }
        // The session of this browser went away meanwhile.
        Err(DbError::Lost) => {
            return again(&cx, &req, &destination, &params, Problem::ChallengeExpired).await;
        }
        Err(error) => return Err(Fault::from(error).into()),
    }
    let mut resp = respond::see_other(&destination.address());
    begin.set_cookies(&cx, resp.headers_mut());
    Ok(resp)
}

/// The same page with a sentence and a fresh challenge.
async fn again(
    cx: &Cx,
    req: &Req,
    destination: &Destination,
    params: &Params,
    problem: Problem,
) -> Result<Resp, Failure> {
    let standing = match &destination.target {
        Target::Interaction(id) => Some(interaction_standing(cx, req, id).await?),
        Target::Path(_) => None,
    };
    let values = new_account::values(params);
    page(cx, req, destination, standing.as_ref(), values, Some(problem), StatusCode::BAD_REQUEST).await
}
