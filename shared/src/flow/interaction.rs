//! `GET` and `POST /interaction`: the steps between an authorization request and its answer.

use super::authorize::{Standing, interaction_standing};
use super::{body, query, response};
use crate::decide::cimd;
use crate::decide::prompt::{self, Next};
use crate::decide::resource::Api;
use crate::failure::Failure;
use crate::http::{self, Cx, Req, Resp, respond};
use crate::login::{accounts, sign_in, sign_up};
use crate::pages::{self, ConsentApi, ConsentPage, ErrorKind, Hidden, SelectAccountPage};
use crate::refusal::Refusal;
use crate::store::interaction;
use ::http::StatusCode;
use proto::uri::RedirectUri;

fn back_to_authorize(id: &str) -> Resp {
    respond::see_other(&format!("/authorize?interaction={id}"))
}

/// Shows the outstanding step.
///
/// # Errors
/// The page for an interaction that is gone, or what the next step refuses.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query(&req)?;
    let id = params.get("interaction").ok_or(ErrorKind::Interaction)?;
    let standing = interaction_standing(&cx, &req, id).await?;
    if let Some(who) = &standing.who {
        http::slide(&cx, who);
    }
    let wants = |name: &str| params.get(name).is_some();
    let other = wants("other");
    match standing.next(&cx)? {
        Next::SignUp if !wants("sign_in") => sign_up::page_for_interaction(&cx, &req, id, &standing).await,
        Next::Authenticate if wants("sign_up") && standing.who.is_none() && sign_up::is_open(&cx) => {
            sign_up::page_for_interaction(&cx, &req, id, &standing).await
        }
        Next::SignUp | Next::Authenticate => {
            sign_in::page_for_interaction(&cx, &req, id, &standing, other).await
        }
        Next::SelectAccount | Next::Consent if other => {
            sign_in::page_for_interaction(&cx, &req, id, &standing, other).await
        }
        Next::SelectAccount => Ok(select_account_page(&cx, &req, id, &standing)),
        Next::Consent => Ok(consent_page(&cx, &req, id, &standing)),
        Next::Grant | Next::Refuse(_) => Ok(back_to_authorize(id)),
    }
}

fn select_account_page(cx: &Cx, req: &Req, id: &str, standing: &Standing) -> Resp {
    let facts = standing.facts(cx);
    let html = pages::render(&SelectAccountPage {
        frame: standing.frame(cx, req),
        client: Some(&standing.client.name),
        accounts: accounts::lines(prompt::choices(&facts), facts.who),
        action: "/interaction",
        hidden: vec![Hidden { name: "interaction", value: id }],
    });
    respond::page(StatusCode::OK, html, response::form_action(&standing.ask.redirect_uri))
}

fn consent_page<'a>(cx: &'a Cx, req: &'a Req, id: &'a str, standing: &'a Standing) -> Resp {
    let uri = RedirectUri::parse(&standing.ask.redirect_uri).ok();
    let host = uri.as_ref().and_then(|u| {
        u.url().host_str().map(|host| match u.url().port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    });
    let scope = standing.ask.consent_scope();
    let api = standing.ask.resource.as_deref().and_then(|r| standing.reach.api(r));
    let shown = |api: &'a Api| ConsentApi {
        name: &api.name,
        permissions: scope
            .iter()
            .filter_map(|key| api.permission(key))
            .map(|p| (p.name.as_str(), p.description.as_deref()))
            .collect(),
    };
    let known_by = cimd::host_of(&standing.client);
    let html = pages::render(&ConsentPage {
        frame: standing.frame(cx, req),
        client: &standing.client.name,
        known_by: known_by.as_deref(),
        description: Some(standing.client.description.as_str()).filter(|d| !d.is_empty()),
        redirect_host: host.as_deref().unwrap_or(&standing.ask.redirect_uri),
        account: standing.who.as_ref().map_or("", |w| w.user.shown_name()),
        scopes: scope.iter().collect(),
        api: api.map(shown),
        interaction: id,
    });
    respond::page(StatusCode::OK, html, response::form_action(&standing.ask.redirect_uri))
}

/// Takes the person's answer.
///
/// # Errors
/// The page for an interaction that is gone or an answer that fits no step.
pub async fn answer(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let id = params.get("interaction").ok_or(ErrorKind::Interaction)?;
    let standing = interaction_standing(&cx, &req, id).await?;
    if let Some(session_id) = params.get("account") {
        return choose(&cx, &req, id, &standing, session_id).await;
    }
    if params.get("action") == Some("switch_account") {
        return Ok(respond::see_other(&format!("/interaction?interaction={id}&other=1")));
    }
    let Some(who) = &standing.who else {
        return Ok(respond::see_other(&format!("/interaction?interaction={id}")));
    };
    // This is open to everybody, also to people who may not use the app.
    if params.get("action") == Some("deny") {
        save_one(&cx, interaction::finish(id)).await?;
        return response::send_error(&cx, &req, &standing.known(), Refusal::Denied).await;
    }
    match (params.get("action"), standing.next(&cx)?) {
        (Some("allow"), Next::Consent) => save_one(&cx, interaction::give_consent(id, who, cx.now)).await?,
        (Some("continue"), Next::SelectAccount) => {
            save_one(&cx, interaction::select_account(id, who, cx.now)).await?;
        }
        // A double click or the back button: the step is done already.
        (Some("allow" | "continue"), _) => {}
        _ => return Err(ErrorKind::Request.into()),
    }
    Ok(back_to_authorize(id))
}

/// Goes on as another of the accounts that are signed in in this browser.
async fn choose(
    cx: &Cx,
    req: &Req,
    id: &str,
    standing: &Standing,
    session_id: &str,
) -> Result<Resp, Failure> {
    let Some(chosen) = standing.accounts.iter().map(|a| &a.who).find(|who| who.session.id == session_id)
    else {
        // It was signed out of meanwhile: the page shows who is left.
        return Ok(respond::see_other(&format!("/interaction?interaction={id}")));
    };
    let selected = interaction::select_account(id, chosen, cx.now);
    accounts::take_up(cx, req, chosen, vec![selected], back_to_authorize(id)).await
}

async fn save_one(cx: &Cx, stmt: crate::db::Stmt) -> Result<(), Failure> {
    cx.host.db.query(stmt).await.map(drop).map_err(|e| Failure::or_if_lost(e, ErrorKind::Interaction))
}
