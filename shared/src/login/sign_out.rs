//! `GET` and `POST /logout`, and `GET /`.

use crate::failure::Failure;
use crate::flow::{self, body, end_session, frame, front_channel, query};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, Hidden, SignOutPage, SignedOutPage};
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client};
use crate::store::load;
use crate::store::logout::{self, Framed};
use crate::store::session::{self, Who};
use crate::store::session_end::{self, Which};
use ::http::StatusCode;
use proto::form::Params;
use serde_json::json;

/// `/` leads to the account, or to the sign-in page.
///
/// # Errors
/// A fault.
pub async fn home(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let signed_in = http::signed_in(&cx, &req).await?.is_some();
    Ok(respond::see_other(if signed_in { "/settings/account" } else { "/login" }))
}

/// Asks before signing out. Whoever is not signed in sees that.
///
/// # Errors
/// A fault.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query(&req)?;
    let (hash, accounts) = (http::session_hash(&cx, &req), http::accounts_hash(&cx, &req));
    let [who, accounts, client] = load(
        &*cx.host.db,
        [
            session::live(hash.as_deref(), cx.now),
            session::of_browser(accounts.as_deref(), cx.now),
            client::by_id(params.get("client_id").unwrap_or("")),
        ],
    )
    .await?;
    let Some(who) = Who::from_rows(&who)? else { return Ok(signed_out(&cx, &req)) };
    let has_others = Who::all_from_rows(&accounts)?.iter().any(|other| other.session.id != who.session.id);
    let hidden = ["client_id", "post_logout_redirect_uri", "state"]
        .into_iter()
        .filter_map(|name| params.get(name).map(|value| Hidden { name, value }))
        .collect();
    let html = pages::render(&SignOutPage {
        frame: frame(&cx, &req),
        account: who.user.shown_name(),
        action: "/logout",
        hidden,
        has_others,
        cancel_url: "/settings/account",
    });
    // The answer to the form may lead to the app.
    let client = Client::from_rows(&client)?.filter(|c| !c.is_pending);
    let target = client.map(|c| end_session::after_logout(&c, &params));
    let form_action = target.map(|t| crate::flow::response::form_action(&t)).unwrap_or_default();
    Ok(respond::page(StatusCode::OK, html, form_action))
}

fn signed_out(cx: &Cx, req: &Req) -> Resp {
    let html = pages::render(&SignedOutPage { frame: frame(cx, req), sign_in_url: "/login" });
    respond::page(StatusCode::OK, html, Vec::new())
}

/// Ends the session, or those of all accounts of this browser, and goes back to the app that asked, if its address is
/// registered.
///
/// # Errors
/// A fault.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = if req.body.is_empty() { Params::default() } else { body(&req)? };
    let all = params.get("all").is_some();
    let (hash, browser) = (http::session_hash(&cx, &req), http::accounts_hash(&cx, &req));
    let [who, accounts, framed, client] = load(
        &*cx.host.db,
        [
            session::live(hash.as_deref(), cx.now),
            session::of_browser(browser.as_deref().filter(|_| all), cx.now),
            logout::framed(hash.as_deref(), browser.as_deref()),
            client::by_id(params.get("client_id").unwrap_or("")),
        ],
    )
    .await?;
    let mut ending: Vec<Who> = Who::from_rows(&who)?.into_iter().collect();
    for other in Who::all_from_rows(&accounts)? {
        if !ending.iter().any(|who| who.session.id == other.session.id) {
            ending.push(other);
        }
    }
    let mut stmts = Vec::new();
    for who in &ending {
        stmts.extend(session_end::end(Which::One(&who.session.id), cx.now));
        stmts.push(audit::record(Event::SignOut, Some(&who.user.id), None, &json!({}), &cx, &req)?);
    }
    if !stmts.is_empty() {
        flow::session_end::save(&cx, stmts).await?;
    }
    let target = match Client::from_rows(&client)?.filter(|c| !c.is_pending) {
        Some(client) if params.get("post_logout_redirect_uri").is_some() => {
            Some(end_session::after_logout(&client, &params))
        }
        _ => None,
    };
    let ended: Vec<&str> = ending.iter().map(|who| who.session.id.as_str()).collect();
    let framed = Framed::from_rows(&framed)?;
    let mut resp = match target {
        None if !framed.iter().any(|f| ended.contains(&f.session_id.as_str())) => signed_out(&cx, &req),
        target => front_channel::go_on(&cx, &req, &framed, &ended, target.as_deref().unwrap_or("/logout")),
    };
    http::clear_session_cookie(resp.headers_mut(), &cx.host.settings.app_url);
    if all {
        http::clear_accounts_cookie(resp.headers_mut(), &cx.host.settings.app_url);
    }
    Ok(resp)
}
