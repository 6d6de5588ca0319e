//! `GET` and `POST /logout`, and `GET /`.

use crate::failure::Failure;
use crate::flow::{body, end_session, frame, query};
use crate::http::{self, Cx, Req, Resp, respond};
use crate::pages::{self, Hidden, SignOutPage, SignedOutPage};
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client};
use crate::store::session::{self, Who};
use crate::store::{load, save};
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
    let Some(who) = http::signed_in(&cx, &req).await? else { return Ok(signed_out(&cx, &req)) };
    let hidden = ["client_id", "post_logout_redirect_uri", "state"]
        .into_iter()
        .filter_map(|name| params.get(name).map(|value| Hidden { name, value }))
        .collect();
    let html = pages::render(&SignOutPage {
        frame: frame(&cx, &req),
        account: who.user.shown_name(),
        action: "/logout",
        hidden,
        cancel_url: "/settings/account",
    });
    let client = match params.get("client_id") {
        Some(id) => Client::from_rows(&cx.host.db.query(client::by_id(id)).await?)?,
        None => None,
    };
    // The answer to the form may lead to the app.
    let target = client.map(|c| end_session::after_logout(&c, &params));
    let form_action = target.map(|t| crate::flow::response::form_action(&t)).unwrap_or_default();
    Ok(respond::page(StatusCode::OK, html, form_action))
}

fn signed_out(cx: &Cx, req: &Req) -> Resp {
    let html = pages::render(&SignedOutPage { frame: frame(cx, req), sign_in_url: "/login" });
    respond::page(StatusCode::OK, html, Vec::new())
}

/// Ends the session, and goes back to the app that asked, if its address is registered.
///
/// # Errors
/// A fault.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = if req.body.is_empty() { Params::default() } else { body(&req)? };
    let hash = http::session_hash(&cx, &req);
    let [who, client] = load(
        &*cx.host.db,
        [session::live(hash.as_deref(), cx.now), client::by_id(params.get("client_id").unwrap_or(""))],
    )
    .await?;
    if let Some(who) = Who::from_rows(&who)? {
        let mut stmts = session::end(&who.session.id, cx.now);
        stmts.push(audit::record(Event::SignOut, Some(&who.user.id), None, &json!({}), &cx, &req)?);
        save(&*cx.host.db, stmts).await?;
    }
    let mut resp = match Client::from_rows(&client)? {
        Some(client) if params.get("post_logout_redirect_uri").is_some() => {
            respond::see_other(&end_session::after_logout(&client, &params))
        }
        _ => signed_out(&cx, &req),
    };
    http::clear_session_cookie(resp.headers_mut(), &cx.host.settings.app_url);
    Ok(resp)
}
