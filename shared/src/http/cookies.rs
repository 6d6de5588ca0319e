//! The three cookies: who is signed in, which other accounts are signed in beside, and which browser began an
//! interaction. Cookies do not know ports, so the names must not be those of the apps beside us on `localhost`.

use super::types::{Cx, Req};
use crate::failure::Failure;
use crate::settings::AppUrl;
use http::{HeaderMap, HeaderValue, header};
use proto::cookie::{Lifetime, Transport};
use proto::hash::sha256_b64;

/// Name of the session cookie, without the `__Host-` prefix.
pub const SESSION: &str = "latchkey_session";
/// Name of the browser-binding cookie, without the `__Host-` prefix.
pub const BROWSER: &str = "latchkey_browser";

/// Name of the cookie that holds the accounts of a browser together, without the `__Host-` prefix. It is replaced at each
/// sign-in, unlike the browser-binding one, which begins before anybody has signed in and so could have been planted.
pub const ACCOUNTS: &str = "latchkey_accounts";

/// How long browsers keep a cookie, in seconds (30 days).
const MAX_AGE_S: i64 = 2_592_000;

fn transport(app_url: &AppUrl) -> Transport {
    if app_url.is_https() { Transport::Https } else { Transport::Http }
}

/// A cookie's value; `None` if it is absent, planted twice, or nothing that we set.
#[must_use]
pub fn cookie<'a>(app_url: &AppUrl, req: &'a Req, name: &str) -> Option<&'a str> {
    let headers = req.headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    proto::cookie::find(headers, name, transport(app_url)).filter(|value| (1..=128).contains(&value.len()))
}

/// The stored form of the session secret in the request's cookie.
#[must_use]
pub fn session_hash(cx: &Cx, req: &Req) -> Option<String> {
    cookie(&cx.host.settings.app_url, req, SESSION).map(sha256_b64)
}

/// The stored form of the request's accounts cookie.
#[must_use]
pub fn accounts_hash(cx: &Cx, req: &Req) -> Option<String> {
    cookie(&cx.host.settings.app_url, req, ACCOUNTS).map(sha256_b64)
}

/// Adds a `Set-Cookie` for 30 days. The row in the database decides earlier.
pub fn set_cookie(headers: &mut HeaderMap, app_url: &AppUrl, name: &str, value: &str) {
    append(headers, app_url, name, value, Lifetime::Seconds(MAX_AGE_S));
}

/// Takes the session cookie away.
pub fn clear_session_cookie(headers: &mut HeaderMap, app_url: &AppUrl) {
    append(headers, app_url, SESSION, "", Lifetime::Gone);
}

/// Takes the accounts cookie away.
pub fn clear_accounts_cookie(headers: &mut HeaderMap, app_url: &AppUrl) {
    append(headers, app_url, ACCOUNTS, "", Lifetime::Gone);
}

fn append(headers: &mut HeaderMap, app_url: &AppUrl, name: &str, value: &str, lifetime: Lifetime) {
    // Values are base64url or empty, which cookies may always hold.
    let text = proto::cookie::set(name, value, transport(app_url), lifetime);
    if let Some(value) = text.ok().and_then(|t| HeaderValue::from_str(&t).ok()) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::{Method, Uri};
    use std::collections::BTreeMap;

    fn req(lines: &[&str]) -> Req {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        Req {
            method: Method::GET,
            uri: Uri::from_static("/"),
            headers,
            body: Bytes::new(),
            params: BTreeMap::new(),
        }
    }

    #[test]
    fn s39_only_values_that_we_could_have_set_are_read() {
        let (https, http) =
            (AppUrl::parse("https://id.example.com").unwrap(), AppUrl::parse("http://localhost").unwrap());
        let long = format!("__Host-latchkey_session={}", "x".repeat(129));
        let longest = format!("__Host-latchkey_session={}", "x".repeat(128));
        let table: [(&[&str], Option<&str>); 12] = [
            (&[], None),
            (&["__Host-latchkey_session=abc"], Some("abc")),
            (&["a=b; __Host-latchkey_session=abc; c=d"], Some("abc")),
            (&["a=b", "__Host-latchkey_session=abc"], Some("abc")),
            (&["latchkey_session=abc"], None),
            (&["__host-latchkey_session=abc"], None),
            (&["__Host-latchkey_session="], None),
            (&["__Host-latchkey_session"], None),
            (&["__Host-latchkey_session=abc; __Host-latchkey_session=def"], None),
            (&["__Host-latchkey_session=abc", "__Host-latchkey_session=abc"], None),
            (&[&long], None),
            (&["__Host-latchkey_session=abc", "é=ü"], Some("abc")),
        ];
        for (lines, want) in table {
            assert_eq!(cookie(&https, &req(lines), SESSION), want, "{lines:?}");
        }
        assert_eq!(cookie(&https, &req(&[&longest]), SESSION).map(str::len), Some(128));
        assert_eq!(cookie(&http, &req(&["latchkey_session=abc"]), SESSION), Some("abc"));
        assert_eq!(cookie(&http, &req(&["__Host-latchkey_session=abc"]), SESSION), None);
    }

    #[test]
    fn a_value_that_cookies_cannot_hold_is_not_sent() {
        let https = AppUrl::parse("https://id.example.com").unwrap();
        let mut headers = HeaderMap::new();
        for bad in ["a;b", "a b", "a\r\nset-cookie: x=y", "é"] {
            set_cookie(&mut headers, &https, SESSION, bad);
        }
        assert_eq!(headers.len(), 0);
        set_cookie(&mut headers, &https, BROWSER, "abc");
        clear_session_cookie(&mut headers, &https);
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(
            lines,
            [
                "__Host-latchkey_browser=abc; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
                "__Host-latchkey_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
            ]
        );
    }
}
