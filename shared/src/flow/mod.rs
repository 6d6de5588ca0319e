//! The endpoints of OAuth and OpenID Connect, one file each, named as in the specifications: thin shells that
//! load, ask `decide`, and save.

pub mod authorize;
pub mod cimd;
pub mod client;
mod client_assertion;
pub mod client_keys;
pub mod device;
pub mod discovery;
pub mod dpop;
pub mod end_session;
mod federated_keys;
pub mod front_channel;
pub mod grant;
pub mod health;
pub mod interaction;
pub mod introspection;
pub mod jwks;
pub mod oauth_error;
pub mod page_error;
pub mod par;
pub mod register;
pub mod remote;
pub mod request;
pub mod response;
pub mod revocation;
pub mod session_end;
pub mod token;
pub mod userinfo;

use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::pages::{self, Frame, WrongAddress};
use crate::refusal::Refusal;
use http::header;
use proto::form::{self, Params};
use proto::jose::jwt::{Expected, Expiry};

/// What every page has around its content, for this visitor.
#[must_use]
pub fn frame<'a>(cx: &'a Cx, req: &'a Req) -> Frame<'a> {
    let app_url = &cx.host.settings.app_url;
    // A proxy may drop the port; one that differs is another origin, where no passkey works.
    let opened =
        req.header(header::HOST).filter(|h| h.contains(':') && !h.eq_ignore_ascii_case(app_url.authority()));
    Frame {
        messages: pages::negotiate(req.header(header::ACCEPT_LANGUAGE)),
        app_name: &cx.host.settings.app_name,
        theme: None,
        wrong_address: opened.map(|opened| WrongAddress { opened, configured: app_url.as_str() }),
    }
}

/// Parameters of the query.
///
/// # Errors
/// [`Refusal::MalformedParameters`].
pub fn query(req: &Req) -> Result<Params, Failure> {
    Ok(Params::parse(req.uri.query().unwrap_or("")).map_err(|_| Refusal::MalformedParameters)?)
}

/// Parameters of an `application/x-www-form-urlencoded` body.
///
/// # Errors
/// [`Refusal::MalformedParameters`], also for other content types.
pub fn body(req: &Req) -> Result<Params, Failure> {
    if !req.header(header::CONTENT_TYPE).is_some_and(form::is_form) {
        return Err(Refusal::MalformedParameters.into());
    }
    Ok(Params::parse(&req.body).map_err(|_| Refusal::MalformedParameters)?)
}

/// Parameters of the query on GET, of query and body together on POST; one that comes in both is refused.
///
/// # Errors
/// [`Refusal::MalformedParameters`].
pub fn query_and_body(req: &Req) -> Result<Params, Failure> {
    let query = query(req)?;
    if req.method != http::Method::POST || req.body.is_empty() {
        return Ok(query);
    }
    Ok(Params::merge(query, body(req)?).map_err(|_| Refusal::MalformedParameters)?)
}

/// A form that another site posts comes without our cookies (`SameSite=Lax`), but the GET that a redirect makes of
/// it brings them: so such a POST is asked for again that way.
#[must_use]
pub fn with_cookies(cx: &Cx, req: &Req, params: &Params) -> Option<Resp> {
    let has_cookies = req.headers.contains_key(header::COOKIE);
    let foreign = !crate::http::is_own_page(&req.headers, &cx.host.settings.app_url);
    (req.method == http::Method::POST && foreign && !has_cookies)
        .then(|| respond::see_other(&format!("{}?{}", req.uri.path(), params.render())))
}

/// By how many seconds the clocks of our own nodes may differ.
const SKEW_S: i64 = 10;

/// What every token of ours says: our issuer, an `iat` and `nbf` at most ten seconds ahead, and an `exp` that counts
/// to the second.
#[must_use]
pub fn own_token(cx: &Cx, expiry: Expiry) -> Expected<'_> {
    Expected { issuer: cx.issuer(), audience: None, expiry, now: cx.now, leeway: SKEW_S }
}
