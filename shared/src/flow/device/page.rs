//! `GET` and `POST /device` (RFC 8628 §3.3): where a person enters the code that a device shows, and decides.
//!
//! GET changes nothing and tells nothing about codes that this person has not entered: the address with the code
//! in it (§3.3.1) shows the form filled in. Entering it is a POST, and gives the decision to this person alone.

use super::verification::{self, Asked, Entered};
use crate::decide::session::is_fresh;
use crate::failure::{Failure, Fault};
use crate::flow::{body, frame, query};
use crate::http::{Cx, Req, Resp, respond};
use crate::pages::{self, ConsentApi, DeviceCodePage, DeviceDonePage, DevicePage, ErrorKind, Problem};
use crate::store::device_code::State;
use crate::store::session::Who;
use ::http::{HeaderValue, StatusCode, header};
use proto::form::render_query;

fn signed_in(cx: &Cx) -> Result<Who, Failure> {
    // The route table lets nobody else through.
    cx.who.clone().ok_or_else(|| Fault::Bug("the device page without a session").into())
}

fn address(user_code: &str) -> String {
    format!("/device?{}", render_query(&[("user_code", user_code)]))
}

/// Shows the form for the code, or the request whose code this person has entered.
///
/// # Errors
/// The page for people who may not use the app, or a fault.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = signed_in(&cx)?;
    let params = query(&req)?;
    let typed = params.get("user_code").unwrap_or("");
    match verification::entered_before(&cx, &who, typed).await? {
        Some(asked) => match asked.code.state {
            State::Pending | State::Claimed => confirm_page(&cx, &req, &who, &asked, typed),
            State::Denied => Ok(done_page(&cx, &req, &asked, false)),
            State::Approved | State::Redeemed => Ok(done_page(&cx, &req, &asked, true)),
        },
        None => Ok(code_page(&cx, &req, &who, typed, None, StatusCode::OK)),
    }
}

fn code_page(
    cx: &Cx,
    req: &Req,
    who: &Who,
    typed: &str,
    problem: Option<Problem>,
    status: StatusCode,
) -> Resp {
    let html = pages::render(&DeviceCodePage {
        frame: frame(cx, req),
        user_code: typed,
        account: who.user.shown_name(),
        problem,
    });
    respond::page(status, html, Vec::new())
}

fn confirm_page(cx: &Cx, req: &Req, who: &Who, asked: &Asked, typed: &str) -> Result<Resp, Failure> {
    asked.check_group()?;
    let scope = asked.scope();
    let api = asked.code.resource.as_deref().and_then(|r| asked.reach.api(r));
    let api = api.map(|api| ConsentApi {
        name: &api.name,
        permissions: scope
            .iter()
            .filter_map(|key| api.permission(key))
            .map(|p| (p.name.as_str(), p.description.as_deref()))
            .collect(),
    });
    let code = &asked.code;
    let place: Vec<&str> = [&code.city, &code.country].into_iter().filter_map(|p| p.as_deref()).collect();
    let again = format!("/login?{}", render_query(&[("redirect", &address(typed)), ("reauthenticate", "1")]));
    let html = pages::render(&DevicePage {
        frame: frame(cx, req),
        client: &asked.client.name,
        description: Some(asked.client.description.as_str()).filter(|d| !d.is_empty()),
        user_code: typed,
        since: code.created_at,
        ip: code.ip.as_deref(),
        place: &place.join(", "),
        software: &code.user_agent,
        account: who.user.shown_name(),
        scopes: scope.iter().collect(),
        api,
        confirm_first: needs_confirmation(cx, who, asked).then_some(again.as_str()),
    });
    Ok(respond::page(StatusCode::OK, html, Vec::new()))
}

fn done_page(cx: &Cx, req: &Req, asked: &Asked, allowed: bool) -> Resp {
    let html = pages::render(&DeviceDonePage { frame: frame(cx, req), client: &asked.client.name, allowed });
    respond::page(StatusCode::OK, html, Vec::new())
}

/// Whether the person has to use the passkey again first.
#[must_use]
pub fn needs_confirmation(cx: &Cx, who: &Who, asked: &Asked) -> bool {
    asked.client.requires_reauthentication && !is_fresh(who, cx.now)
}

/// Takes a code, or the decision.
///
/// # Errors
/// The page for people who may not use the app, or for a form that fits no step; or a fault. A wrong code is no
/// error but the same page again.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let who = signed_in(&cx)?;
    let params = body(&req)?;
    let typed = params.get("user_code").unwrap_or("");
    match params.get("action") {
        None => enter(&cx, &req, &who, typed).await,
        Some("allow") => {
            let Some(asked) = undecided(&cx, &who, typed).await? else {
                return Ok(respond::see_other(&address(typed)));
            };
            asked.check_group()?;
            if !needs_confirmation(&cx, &who, &asked) {
                verification::approve(&cx, &req, &who, &asked, Vec::new(), ErrorKind::Interaction).await?;
            }
            Ok(respond::see_other(&address(typed)))
        }
        Some("deny") => {
            let Some(asked) = undecided(&cx, &who, typed).await? else {
                return Ok(respond::see_other(&address(typed)));
            };
            verification::deny(&cx, &who, &asked, ErrorKind::Interaction).await?;
            Ok(respond::see_other(&address(typed)))
        }
        Some(_) => Err(ErrorKind::Request.into()),
    }
}

/// The request that this person has entered and not decided. A double click or the back button finds none, and the
/// page says how things stand.
async fn undecided(cx: &Cx, who: &Who, typed: &str) -> Result<Option<Asked>, Failure> {
    let asked = verification::entered_before(cx, who, typed).await?;
    Ok(asked.filter(|a| a.code.state == State::Claimed))
}

async fn enter(cx: &Cx, req: &Req, who: &Who, typed: &str) -> Result<Resp, Failure> {
    match verification::enter(cx, who, typed).await? {
        Entered::Found(asked) => {
            match verification::claim(cx, who, &asked, ErrorKind::Interaction).await {
                Ok(()) => Ok(respond::see_other(&address(typed))),
                // Somebody else was first.
                Err(Failure::Page(ErrorKind::Interaction)) => Ok(unknown(cx, req, who, typed)),
                Err(failure) => Err(failure),
            }
        }
        Entered::Unknown | Entered::Expired => Ok(unknown(cx, req, who, typed)),
        Entered::TooMany { retry_after_s } => {
            let problem = Some(Problem::UserCodeTooMany);
            let mut resp = code_page(cx, req, who, typed, problem, StatusCode::TOO_MANY_REQUESTS);
            resp.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
            Ok(resp)
        }
    }
}

fn unknown(cx: &Cx, req: &Req, who: &Who, typed: &str) -> Resp {
    code_page(cx, req, who, typed, Some(Problem::UserCodeUnknown), StatusCode::BAD_REQUEST)
}
