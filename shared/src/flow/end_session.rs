//! `GET` and `POST /api/oidc/end-session` (OpenID Connect RP-Initiated Logout 1.0).

use super::{front_channel, own_token, query_and_body, session_end, with_cookies};
use crate::failure::Failure;
use crate::http::{self, Cx, Req, Resp, respond};
use crate::keyring;
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client};
use crate::store::logout::{self, Framed};
use crate::store::session::{self, Who};
use crate::store::session_end::{Which, end};
use crate::store::{grant, load};
use crate::subject;
use proto::form::{Params, render_query};
use proto::jose::jwt::{Claims, Expiry, TokenType};
use proto::uri::{self, RedirectUri};
use serde_json::json;

/// Ends the session that the ID token speaks of. Without a token that fits the session the person is asked
/// first, on `/logout`, so that no other site can sign anybody out.
///
/// # Errors
/// A fault.
pub async fn handle(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query_and_body(&req)?;
    if let Some(again) = with_cookies(&cx, &req, &params) {
        return Ok(again);
    }
    let hint = match params.get("id_token_hint") {
        Some(token) => hint(&cx, token).await?,
        None => None,
    };
    let client_id = hint.as_ref().map(|h| h.client_id.as_str()).or_else(|| params.get("client_id"));
    let (hash, browser) = (http::session_hash(&cx, &req), http::accounts_hash(&cx, &req));
    let [client, who, accounts, framed] = load(
        &*cx.host.db,
        [
            client::by_id(client_id.unwrap_or("")),
            session::live(hash.as_deref(), cx.now),
            session::of_browser(browser.as_deref(), cx.now),
            logout::framed(hash.as_deref(), browser.as_deref()),
        ],
    )
    .await?;
    let client = Client::from_rows(&client)?.filter(|c| !c.is_pending);
    let who = Who::from_rows(&who)?;
    let accounts = Who::all_from_rows(&accounts)?;
    let consistent = params.get("client_id").is_none_or(|id| hint.as_ref().is_none_or(|h| h.client_id == id));
    let (Some(hint), Some(client), true) = (hint, client, consistent) else { return Ok(ask(&params)) };
    let is_current = is_meant(&cx, &client, who.as_ref(), &hint).await?;
    // The app may be signed in to with another account of this browser.
    let other = accounts.iter().find(|a| hint.sid.as_deref() == Some(&a.session.id));
    let ending = match who.as_ref().filter(|_| is_current) {
        Some(who) => Some(who),
        None if is_meant(&cx, &client, other, &hint).await? => other,
        None => None,
    };
    let stmts = match ending {
        Some(ending) => {
            let mut stmts = end(Which::One(&ending.session.id), cx.now);
            let data = json!({ "clientName": client.name });
            let user_id = Some(ending.user.id.as_str());
            stmts.push(audit::record(Event::SignOut, user_id, Some(&client.id), &data, &cx, &req)?);
            stmts
        }
        // The hint must be of this very person: an old token of another account signs nobody out.
        None if who.is_some() => return Ok(ask(&params)),
        None => hint
            .sid
            .as_ref()
            .map(|sid| vec![grant::revoke_of_session_and_client(sid, &client.id, cx.now)])
            .unwrap_or_default(),
    };
    if !stmts.is_empty() {
        session_end::save(&cx, stmts).await?;
    }
    let ended: Vec<&str> = ending.map(|who| who.session.id.as_str()).into_iter().collect();
    let target = after_logout(&client, &params);
    let mut resp = front_channel::go_on(&cx, &req, &Framed::from_rows(&framed)?, &ended, &target);
    if is_current {
        http::clear_session_cookie(resp.headers_mut(), &cx.host.settings.app_url);
    }
    Ok(resp)
}

/// Whether the hint is of this person, as the client knows them.
async fn is_meant(cx: &Cx, client: &Client, who: Option<&Who>, hint: &Hint) -> Result<bool, Failure> {
    match who {
        Some(who) => Ok(subject::of(&cx.host, client, &who.user.id).await? == hint.sub),
        None => Ok(false),
    }
}

struct Hint {
    client_id: String,
    sub: String,
    sid: Option<String>,
}

/// An ID token of ours; expired ones count (RP-Initiated Logout §2).
async fn hint(cx: &Cx, token: &str) -> Result<Option<Hint>, Failure> {
    let claims = keyring::verify(&cx.host, cx.now, TokenType::IdToken, token).await?;
    Ok(claims.filter(|c| c.check(&own_token(cx, Expiry::Ignored)).is_ok()).and_then(|c| read_hint(&c)))
}

fn read_hint(claims: &Claims) -> Option<Hint> {
    let text = |name: &str| claims.text(name).map(str::to_owned);
    let client_id = (*claims.audience().ok()?.first()?).to_owned();
    Some(Hint { client_id, sub: text("sub")?, sid: text("sid") })
}

/// `/logout`, which takes along what is needed to go back to the client afterwards.
fn ask(params: &Params) -> Resp {
    let names = ["client_id", "post_logout_redirect_uri", "state"];
    let kept: Vec<(&str, &str)> = names.into_iter().filter_map(|n| params.get(n).map(|v| (n, v))).collect();
    let query = render_query(&kept);
    respond::see_other(&if query.is_empty() { "/logout".to_owned() } else { format!("/logout?{query}") })
}

/// Where the browser goes after the session has ended: a registered address, else our own page.
/// Without a request for one, the client's first registered address.
#[must_use]
pub fn after_logout(client: &Client, params: &Params) -> String {
    let own = "/logout".to_owned();
    let Some(asked) = params.get("post_logout_redirect_uri") else {
        let first = client.logout_callback_urls.iter().find(|u| !u.contains('*'));
        return first.and_then(|u| RedirectUri::parse(u).ok()).map_or(own, |u| u.as_str().to_owned());
    };
    let patterns = client.logout_callback_urls.iter().map(String::as_str);
    let Some(target) = RedirectUri::parse(asked).ok().and_then(|uri| uri::matches(patterns, &uri)) else {
        return own;
    };
    match params.get("state") {
        Some(state) => {
            let separator = if target.contains('?') { '&' } else { '?' };
            format!("{target}{separator}{}", render_query(&[("state", state)]))
        }
        None => target,
    }
}
