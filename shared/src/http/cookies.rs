//! The two cookies: `session` (who is signed in) and `browser` (which browser began an interaction).

use super::types::{Cx, Req};
use crate::failure::Failure;
use crate::settings::AppUrl;
use http::{HeaderMap, HeaderValue, header};
use proto::hash::sha256_b64;

/// Name of the session cookie, without the `__Host-` prefix.
pub const SESSION: &str = "session";
/// Name of the browser-binding cookie, without the `__Host-` prefix.
pub const BROWSER: &str = "browser";

/// How long browsers keep a cookie, in seconds (30 days). The row in the database decides earlier.
const MAX_AGE_S: i64 = 2_592_000;

fn full_name(app_url: &AppUrl, name: &str) -> String {
    if app_url.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// A cookie's value. A name that comes twice counts as absent: somebody is tossing cookies.
#[must_use]
pub fn cookie<'a>(app_url: &AppUrl, req: &'a Req, name: &str) -> Option<&'a str> {
    let name = full_name(app_url, name);
    let mut found = req
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(n, _)| *n == name)
        .map(|(_, value)| value);
    let value = found.next()?;
    (found.next().is_none() && (1..=128).contains(&value.len())).then_some(value)
}

/// The stored form of the session secret in the request's cookie.
#[must_use]
pub fn session_hash(cx: &Cx, req: &Req) -> Option<String> {
    cookie(&cx.host.settings.app_url, req, SESSION).map(sha256_b64)
}

/// Adds a `Set-Cookie` (RFC 6265bis): `HttpOnly; SameSite=Lax; Path=/`, and `Secure` on https.
pub fn set_cookie(headers: &mut HeaderMap, app_url: &AppUrl, name: &str, value: &str) {
    append(headers, app_url, name, value, MAX_AGE_S);
}

/// Takes the session cookie away.
pub fn clear_session_cookie(headers: &mut HeaderMap, app_url: &AppUrl) {
    append(headers, app_url, SESSION, "", 0);
}

fn append(headers: &mut HeaderMap, app_url: &AppUrl, name: &str, value: &str, max_age_s: i64) {
    let secure = if app_url.is_https() { "; Secure" } else { "" };
    let name = full_name(app_url, name);
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// The browser that asks, known by a random cookie. It is no sign of who the person is.
#[derive(Debug, Clone)]
pub struct Browser {
    /// SHA-256 of the cookie, base64url: what rows are bound to.
    pub hash: String,
    fresh: Option<String>,
}

impl Browser {
    /// Sets the cookie if this response has to introduce it.
    pub fn remember(&self, cx: &Cx, headers: &mut HeaderMap) {
        if let Some(secret) = &self.fresh {
            set_cookie(headers, &cx.host.settings.app_url, BROWSER, secret);
        }
    }
}

/// The browser of this request; a new one if it has no cookie yet.
///
/// # Errors
/// A fault if there is no randomness.
pub fn browser(cx: &Cx, req: &Req) -> Result<Browser, Failure> {
    if let Some(secret) = cookie(&cx.host.settings.app_url, req, BROWSER) {
        return Ok(Browser { hash: sha256_b64(secret), fresh: None });
    }
    let secret = cx.host.random_token()?;
    Ok(Browser { hash: sha256_b64(&secret), fresh: Some(secret) })
}
