//! `GET` and `POST /accounts`: going on as another of the accounts that are signed in in this browser.

use crate::db::Stmt;
use crate::failure::{Failure, Fault};
use crate::flow::{body, frame, query};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, AccountLine, ErrorKind, Hidden, SelectAccountPage};
use crate::ports::DbError;
use crate::store::session::{self, Who};
use crate::store::{load, save};
use ::http::StatusCode;
use proto::form::render_query;
use proto::hash::sha256_b64;
use proto::uri::local_path;

/// Where a choice without a destination leads.
const HOME: &str = "/settings/account";

/// The accounts as the page lists them; that of `current` is marked.
pub fn lines<'a>(accounts: impl Iterator<Item = &'a Who>, current: Option<&'a Who>) -> Vec<AccountLine<'a>> {
    let line = |who: &'a Who, is_current| AccountLine {
        session: &who.session.id,
        name: who.user.shown_name(),
        login: who.user.email.as_deref().unwrap_or(&who.user.username),
        is_current,
    };
    let is_current = |who: &Who| current.is_some_and(|c| c.session.id == who.session.id);
    let mut lines: Vec<_> = accounts.map(|who| line(who, is_current(who))).collect();
    // A session whose accounts cookie was lost is still the one that counts.
    if let Some(who) = current.filter(|_| lines.is_empty()) {
        lines.push(line(who, true));
    }
    lines
}

/// The address of the page that leads to a path of ours.
#[must_use]
pub fn address(redirect: &str) -> String {
    format!("/accounts?{}", render_query(&[("redirect", redirect)]))
}

/// Lists the accounts of this browser. Without any it leads to the sign-in page.
///
/// # Errors
/// A fault.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query(&req)?;
    let redirect = params.get("redirect").and_then(local_path).unwrap_or(HOME);
    let (current, accounts) = signed_in(&cx, &req).await?;
    if current.is_none() && accounts.is_empty() {
        return Ok(respond::see_other(&format!("/login?{}", render_query(&[("redirect", redirect)]))));
    }
    let html = pages::render(&SelectAccountPage {
        frame: frame(&cx, &req),
        client: None,
        accounts: lines(accounts.iter(), current.as_ref()),
        action: "/accounts",
        hidden: vec![Hidden { name: "redirect", value: redirect }],
    });
    Ok(respond::page(StatusCode::OK, html, Vec::new()))
}

/// Who is signed in, and all accounts of this browser; without cookies the store is not asked.
///
/// # Errors
/// A fault if the store fails.
pub async fn signed_in(cx: &Cx, req: &Req) -> Result<(Option<Who>, Vec<Who>), Failure> {
    let (hash, accounts) = (http::session_hash(cx, req), http::accounts_hash(cx, req));
    if hash.is_none() && accounts.is_none() {
        return Ok((None, Vec::new()));
    }
    let [current, accounts] = load(
        &*cx.host.db,
        [session::live(hash.as_deref(), cx.now), session::of_browser(accounts.as_deref(), cx.now)],
    )
    .await?;
    Ok((Who::from_rows(&current)?, Who::all_from_rows(&accounts)?))
}

/// Goes on as the chosen account.
///
/// # Errors
/// The page for an answer that fits no button, or a fault.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let redirect = params.get("redirect").and_then(local_path).unwrap_or(HOME);
    let Some(session_id) = params.get("account") else {
        return match params.get("action") {
            Some("continue") => Ok(respond::see_other(redirect)),
            Some("switch_account") => {
                let query = render_query(&[("redirect", redirect), ("other", "1")]);
                Ok(respond::see_other(&format!("/login?{query}")))
            }
            _ => Err(ErrorKind::Request.into()),
        };
    };
    let (_, accounts) = signed_in(&cx, &req).await?;
    match accounts.iter().find(|who| who.session.id == session_id) {
        Some(chosen) => take_up(&cx, &req, chosen, Vec::new(), respond::see_other(redirect)).await,
        // It was signed out of meanwhile: the page shows who is left.
        None => Ok(respond::see_other(&address(redirect))),
    }
}

/// Makes a session of this browser the current one. Its secret and so the cookie are new; how and when the person
/// authenticated stays as it was. `more` is saved in the same batch, and `resp` is the answer that gets the cookie.
///
/// # Errors
/// The page for an interaction that is gone, or a fault.
pub async fn take_up(
    cx: &Cx,
    req: &Req,
    chosen: &Who,
    more: Vec<Stmt>,
    mut resp: Resp,
) -> Result<Resp, Failure> {
    let Some(browser_hash) = http::accounts_hash(cx, req) else {
        return Err(Fault::Bug("an account was chosen without an accounts cookie").into());
    };
    let secret = cx.host.random_token()?;
    let mut stmts = vec![session::take_up(&chosen.session.id, &browser_hash, &sha256_b64(&secret), cx.now)];
    stmts.extend(more);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        // The session or what waits for it went away meanwhile.
        Err(DbError::Lost) => return Err(ErrorKind::Interaction.into()),
        Err(error) => return Err(Fault::from(error).into()),
    }
    http::set_cookie(resp.headers_mut(), &cx.host.settings.app_url, http::SESSION, &secret);
    Ok(resp)
}
