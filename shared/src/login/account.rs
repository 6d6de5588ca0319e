//! `GET /settings/account` and `POST /settings/account/passkeys`.

use super::ceremony::{self, Fresh};
use crate::decide::session::is_fresh;
use crate::failure::{Failure, Fault};
use crate::flow::{body, frame};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, AccountPage, AddPasskey, Ceremony, PasskeyKind, PasskeyLine, Problem};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::passkey::{self, Passkey};
use crate::store::session::Who;
use crate::store::{challenge, load, save};
use ::http::StatusCode;
use serde_json::json;

const CONFIRM_URL: &str = "/login?redirect=/settings/account&reauthenticate=1";

fn signed_in(cx: &Cx) -> Result<Who, Failure> {
    // The route table lets nobody else through.
    cx.who.clone().ok_or_else(|| Fault::Bug("an account route without a session").into())
}

/// Shows the person's passkeys.
///
/// # Errors
/// A fault.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    page(&cx, &req, None, StatusCode::OK).await
}

async fn page(cx: &Cx, req: &Req, problem: Option<Problem>, status: StatusCode) -> Result<Resp, Failure> {
    let who = signed_in(cx)?;
    let user = &who.user;
    let browser = http::browser(cx, req)?;
    let fresh = if is_fresh(&who, cx.now) { Some(Fresh::new(cx, Some(&user.id))?) } else { None };
    let mut stmts = vec![passkey::of_user(&user.id)];
    stmts.extend(fresh.as_ref().map(|f| f.insert(cx, &browser, challenge::Ceremony::Create)));
    let rows = cx.host.db.batch(stmts).await?;
    let passkeys = rows.iter().flatten().map(Passkey::from_row).collect::<Result<Vec<_>, _>>()?;
    let names = (user.username.as_str(), user.shown_name());
    let begun = fresh.map(|f| f.create(cx, &user.id, names, &passkeys)).transpose()?;
    let add = begun.as_ref().map_or(AddPasskey::ConfirmFirst(CONFIRM_URL), |begun| {
        AddPasskey::Ceremony(Ceremony {
            action: "/settings/account/passkeys",
            options_json: &begun.options_json,
            challenge_id: &begun.challenge_id,
            fresh_url: "/settings/account",
        })
    });
    let html = pages::render(&AccountPage {
        frame: frame(cx, req),
        name: user.shown_name(),
        username: &user.username,
        email: user.email.as_deref(),
        is_admin: user.is_admin,
        passkeys: passkeys.iter().map(line).collect(),
        add,
        problem,
    });
    let mut resp = respond::page(status, html, Vec::new());
    browser.remember(cx, resp.headers_mut());
    Ok(resp)
}

fn line(passkey: &Passkey) -> PasskeyLine<'_> {
    PasskeyLine {
        name: &passkey.name,
        created: passkey.created_at,
        last_used: passkey.last_used_at,
        kind: if passkey.backup_eligible { PasskeyKind::Synced } else { PasskeyKind::DeviceBound },
    }
}

/// Adds a passkey to the signed-in person, who must have authenticated within the last minutes.
///
/// # Errors
/// A fault; a refused passkey is no error but the same page again.
pub async fn add_passkey(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = signed_in(&cx)?;
    if !is_fresh(&who, cx.now) {
        return page(&cx, &req, Some(Problem::ConfirmFirst), StatusCode::FORBIDDEN).await;
    }
    let params = body(&req)?;
    let browser = http::browser(&cx, &req)?;
    let id = params.get("challenge_id").unwrap_or("");
    let [challenge] =
        load(&*cx.host.db, [challenge::consume(id, challenge::Ceremony::Create, &browser.hash, cx.now)])
            .await?;
    // The challenge is this person's: it must not have been begun by another account in this browser.
    let challenge =
        challenge::read(&challenge)?.filter(|c| c.user_handle.as_deref() == Some(who.user.id.as_str()));
    let problem = match (challenge, params.get("response")) {
        (None, _) => Problem::ChallengeExpired,
        (_, None) => Problem::NoResponse,
        (Some(challenge), Some(response)) => match ceremony::finish_create(&cx, &challenge, response) {
            Ok(credential) => {
                let passkey = ceremony::to_passkey(&cx, &who.user, credential)?;
                let data = json!({ "passkeyName": passkey.name });
                let entry = audit::record(Event::PasskeyAdded, Some(&who.user.id), None, &data, &cx, &req)?;
                match save(&*cx.host.db, vec![passkey.insert(), entry]).await {
                    Ok(()) => return Ok(respond::see_other("/settings/account")),
                    Err(DbError::Unique(_)) => Problem::PasskeyTaken,
                    Err(error) => return Err(Fault::from(error).into()),
                }
            }
            Err(problem) => problem,
        },
    };
    page(&cx, &req, Some(problem), StatusCode::BAD_REQUEST).await
}
