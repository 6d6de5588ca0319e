//! `GET` and `POST /login`, and the sign-in step of `/interaction`.

use super::begin::Before;
use super::ceremony::Fresh;
use super::{accounts, begin, ceremony, sign_up};
use crate::decide::acr::Wanted;
use crate::failure::{Failure, Fault};
use crate::flow::authorize::{Standing, interaction_standing};
use crate::flow::{body, frame, query, response};
use crate::http::{self, Browser, Cx, Req, Resp, respond};
use crate::pages::{self, Ceremony, ErrorKind, Hidden, Problem, Purpose, SignInPage, Strength};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::passkey::{self, Passkey};
use crate::store::session::{self, Who};
use crate::store::user::User;
use crate::store::{challenge, interaction, load, save};
use ::http::StatusCode;
use proto::form::{Params, render_query};
use proto::oidc::Acr;
use proto::uri::local_path;
use proto::webauthn::{
    Authenticated, AuthenticationResponse, Owner, StoredCredential, verify_authentication,
};
use serde_json::json;

/// Where a sign-in without a destination leads.
const HOME: &str = "/settings/account";

/// Where the person goes after signing in.
pub(super) enum Target {
    /// A page of ours.
    Path(String),
    /// An authorization request that waits.
    Interaction(String),
}

/// What a sign-in is for.
pub(super) struct Destination {
    pub(super) target: Target,
    /// Whether another account than the current one is to sign in, beside it.
    pub(super) other: bool,
}

impl Destination {
    /// What a form says.
    pub(super) fn read(params: &Params) -> Self {
        let target = match params.get("interaction") {
            Some(id) => Target::Interaction(id.to_owned()),
            None => Target::Path(redirect_of(params).to_owned()),
        };
        Self { target, other: params.get("other").is_some() }
    }

    pub(super) fn address(&self) -> String {
        match &self.target {
            Target::Path(path) => path.clone(),
            Target::Interaction(id) => format!("/authorize?{}", render_query(&[("interaction", id)])),
        }
    }

    /// The address of the page itself.
    fn page(&self, reauthenticate: bool) -> String {
        let (path, mut params) = match &self.target {
            Target::Path(path) => ("/login", vec![("redirect", path.as_str())]),
            Target::Interaction(id) => ("/interaction", vec![("interaction", id.as_str())]),
        };
        match &self.target {
            _ if self.other => params.push(("other", "1")),
            Target::Path(_) if reauthenticate => params.push(("reauthenticate", "1")),
            _ => {}
        }
        format!("{path}?{}", render_query(&params))
    }

    /// The hidden fields that bring it back.
    pub(super) fn hidden(&self) -> Vec<Hidden<'_>> {
        let mut hidden = vec![match &self.target {
            Target::Path(path) => Hidden { name: "redirect", value: path },
            Target::Interaction(id) => Hidden { name: "interaction", value: id },
        }];
        if self.other {
            hidden.push(Hidden { name: "other", value: "1" });
        }
        hidden
    }
}

/// The page of ours that a query or form names.
pub(super) fn redirect_of(params: &Params) -> &str {
    params.get("redirect").and_then(local_path).unwrap_or(HOME)
}

/// Shows the sign-in page; a person who is signed in goes on at once, unless asked to confirm or to sign in to another
/// account. Who has signed out of one of several accounts chooses among the others.
///
/// # Errors
/// A fault.
pub async fn show(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = query(&req)?;
    let redirect = redirect_of(&params);
    let target = Target::Path(redirect.to_owned());
    let destination = Destination { target, other: params.get("other").is_some() };
    let (who, accounts) = accounts::signed_in(&cx, &req).await?;
    let again = destination.other || params.get("reauthenticate").is_some();
    match &who {
        Some(who) if !again && !who.user.disabled => Ok(respond::see_other(&destination.address())),
        None if !again && !accounts.is_empty() => Ok(respond::see_other(&accounts::address(redirect))),
        _ => page(&cx, &req, &destination, None, who.as_ref(), None, StatusCode::OK).await,
    }
}

/// The sign-in step of an interaction; `other` if another account than the current one is to sign in.
///
/// # Errors
/// A fault.
pub async fn page_for_interaction(
    cx: &Cx,
    req: &Req,
    id: &str,
    standing: &Standing,
    other: bool,
) -> Result<Resp, Failure> {
    let destination = Destination { target: Target::Interaction(id.to_owned()), other };
    page(cx, req, &destination, Some(standing), standing.who.as_ref(), None, StatusCode::OK).await
}

async fn page(
    cx: &Cx,
    req: &Req,
    destination: &Destination,
    standing: Option<&Standing>,
    who: Option<&Who>,
    problem: Option<Problem>,
    status: StatusCode,
) -> Result<Resp, Failure> {
    let browser = http::browser(cx, req)?;
    let fresh = Fresh::new(cx, None)?;
    cx.host.db.query(fresh.insert(cx, &browser, challenge::Ceremony::Get)).await?;
    let begun = fresh.get(cx)?;
    let reauthenticate = who.is_some() && !destination.other;
    let fresh_url = destination.page(reauthenticate);
    let sign_up = sign_up::address(&destination.target);
    let html = pages::render(&SignInPage {
        frame: standing.map_or_else(|| frame(cx, req), |s| s.frame(cx, req)),
        purpose: if reauthenticate { Purpose::Reauthenticate } else { Purpose::SignIn },
        client: standing.map(|s| s.client.name.as_str()),
        ceremony: Ceremony {
            action: "/login",
            options_json: &begun.options_json,
            challenge_id: &begun.challenge_id,
            fresh_url: &fresh_url,
        },
        hidden: destination.hidden(),
        login_hint: standing.and_then(|s| s.ask.login_hint.as_deref()),
        sign_up: Some(sign_up.as_str()).filter(|_| who.is_none() && sign_up::is_open(cx)),
        strength: standing.map_or(Strength::Any, strength),
        problem,
    });
    let form_action = standing.map(|s| response::form_action(&s.ask.redirect_uri)).unwrap_or_default();
    let mut resp = respond::page(status, html, form_action);
    browser.remember(cx, resp.headers_mut());
    Ok(resp)
}

fn strength(standing: &Standing) -> Strength {
    match Wanted::of(&standing.ask).and_then(|wanted| wanted.weakest()) {
        Some(Acr::Phrh) => Strength::DeviceBound,
        _ => Strength::Any,
    }
}

/// Takes the passkey's answer.
///
/// # Errors
/// A page, or a fault; a refused passkey is no error but the same page again.
pub async fn submit(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let destination = Destination::read(&params);
    let hash = http::session_hash(&cx, &req);
    let current = |rows: &_| Who::from_rows(rows);
    let Some(parsed) = params.get("response").and_then(|r| AuthenticationResponse::parse(r.as_bytes()).ok())
    else {
        let problem =
            if params.get("response").is_some() { Problem::PasskeyRefused } else { Problem::NoResponse };
        let rows = cx.host.db.query(session::live(hash.as_deref(), cx.now)).await?;
        let who = current(&rows)?;
        return again(&cx, &req, &destination, who.as_ref(), problem).await;
    };
    let browser = http::browser(&cx, &req)?;
    let accounts = http::accounts_hash(&cx, &req);
    let [challenge, owned, who, accounts] = load(
        &*cx.host.db,
        [
            challenge::consume(
                params.get("challenge_id").unwrap_or(""),
                challenge::Ceremony::Get,
                &browser.hash,
                cx.now,
            ),
            passkey::with_owner(parsed.credential_id()),
            session::live(hash.as_deref(), cx.now),
            session::of_browser(accounts.as_deref(), cx.now),
        ],
    )
    .await?;
    let who = current(&who)?;
    let Some(challenge) = challenge::read(&challenge)? else {
        return again(&cx, &req, &destination, who.as_ref(), Problem::ChallengeExpired).await;
    };
    let Some((passkey, user)) = passkey::read_with_owner(&owned)? else {
        return again(&cx, &req, &destination, who.as_ref(), Problem::PasskeyUnknown).await;
    };
    let verified = ceremony::expecting(&cx, &challenge, |expected| {
        verify_authentication(&parsed, expected, Owner::Discovered(user.id.as_bytes()), &stored(&passkey))
    });
    let verified = match verified {
        Some(Ok(verified)) => verified,
        other => {
            let error = other.and_then(Result::err);
            tracing::info!(request_id = cx.request_id, user = user.id, ?error, "passkey refused");
            return again(&cx, &req, &destination, who.as_ref(), Problem::PasskeyRefused).await;
        }
    };
    if user.disabled {
        return Err(ErrorKind::Forbidden.into());
    }
    let before = Before { current: who.as_ref(), accounts: &Who::all_from_rows(&accounts)? };
    signed_in(&cx, &req, &destination, (&passkey, &user), verified, (before, &browser)).await
}

fn stored(passkey: &Passkey) -> StoredCredential {
    StoredCredential {
        credential_id: passkey.credential_id.clone(),
        public_key: passkey.public_key.clone(),
        sign_count: passkey.sign_count,
        backup_eligible: passkey.backup_eligible,
    }
}

async fn signed_in(
    cx: &Cx,
    req: &Req,
    destination: &Destination,
    (passkey, user): (&Passkey, &User),
    verified: Authenticated,
    (before, browser): (Before<'_>, &Browser),
) -> Result<Resp, Failure> {
    let begin = begin::begin(cx, req, &user.id, passkey, before)?;
    let mut stmts = begin.stmts.clone();
    // A counter that went back is kept: otherwise the copy would look right from now on.
    let sign_count = if verified.clone_suspected { passkey.sign_count } else { verified.sign_count };
    stmts.push(passkey::used(
        &passkey.id,
        sign_count,
        verified.backup_state,
        verified.clone_suspected,
        cx.now,
    ));
    if let Target::Interaction(id) = &destination.target {
        stmts.push(interaction::authenticated(id, &browser.hash, &user.id));
    }
    let data = json!({ "passkeyName": passkey.name });
    stmts.push(audit::record(Event::SignIn, Some(&user.id), None, &data, cx, req)?);
    if verified.clone_suspected {
        tracing::warn!(
            request_id = cx.request_id,
            user = user.id,
            passkey = passkey.id,
            "passkey counter went back"
        );
        stmts.push(audit::record(Event::PasskeyCloneSuspected, Some(&user.id), None, &data, cx, req)?);
    }
    match save(&*cx.host.db, stmts).await {
        Ok(()) => {}
        // The session or the passkey went away meanwhile.
        Err(DbError::Lost) => return again(cx, req, destination, None, Problem::ChallengeExpired).await,
        Err(error) => return Err(Fault::from(error).into()),
    }
    let mut resp = respond::see_other(&destination.address());
    begin.set_cookies(cx, resp.headers_mut());
    Ok(resp)
}

/// The same page with a sentence and a fresh challenge.
async fn again(
    cx: &Cx,
    req: &Req,
    destination: &Destination,
    who: Option<&Who>,
    problem: Problem,
) -> Result<Resp, Failure> {
    let status = match problem {
        Problem::ChallengeExpired | Problem::NoResponse => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNAUTHORIZED,
    };
    if let Target::Interaction(id) = &destination.target {
        match interaction_standing(cx, req, id).await {
            Ok(standing) => {
                return page(cx, req, destination, Some(&standing), who, Some(problem), status).await;
            }
            // It is gone, or another browser's: the person may still sign in.
            Err(Failure::Page(ErrorKind::Interaction)) => {}
            Err(failure) => return Err(failure),
        }
    }
    page(cx, req, destination, None, who, Some(problem), status).await
}
