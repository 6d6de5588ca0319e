//! Beginning a session: the rows, the cookies, and what becomes of older sessions of the same browser.

use crate::db::Stmt;
use crate::failure::Failure;
use crate::http::{self, Cx, Req};
use crate::store::passkey::Passkey;
use crate::store::session::{self, SignIn, Who};
use ::http::HeaderMap;
use proto::hash::sha256_b64;
use proto::oidc::Acr;

/// How a passkey signs in: `phr`, phishing-resistant (RFC 8176 has no word for it; this one is from EAP ACR Values),
/// and whether the key is kept in hardware or in software (RFC 8176 §2).
const fn amr(passkey: &Passkey) -> &'static str {
    if passkey.backup_eligible { "phr swk" } else { "phr hwk" }
}

/// A passkey that may be synced to other devices is kept by software somewhere. Every passkey has verified its user:
/// it would not have been accepted otherwise.
const fn acr(passkey: &Passkey) -> Acr {
    if passkey.backup_eligible { Acr::Phr } else { Acr::Phrh }
}

/// A session about to begin.
pub struct Beginning {
    /// What to save, together with what else belongs to the sign-in.
    pub stmts: Vec<Stmt>,
    secret: String,
    accounts: String,
}

/// What the request knows of who is signed in already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before<'a> {
    /// The session of the cookie.
    pub current: Option<&'a Who>,
    /// All live sessions of this browser, see [`session::of_browser`].
    pub accounts: &'a [Who],
}

/// Begins a session of `user_id`. The cookies are always new ones (session fixation). If the person has a live session in
/// this browser, it is renewed, so that what apps hold stays valid; sessions of other people stay beside it.
///
/// # Errors
/// A fault if there is no randomness.
pub fn begin(
    cx: &Cx,
    req: &Req,
    user_id: &str,
    passkey: &Passkey,
    before: Before<'_>,
) -> Result<Beginning, Failure> {
    let (secret, accounts) = (cx.host.random_token()?, cx.host.random_token()?);
    let same_person = before.current.into_iter().chain(before.accounts).find(|who| who.user.id == user_id);
    let sign_in = SignIn {
        id: match same_person {
            Some(who) => who.session.id.clone(),
            None => cx.host.uuid()?,
        },
        secret_hash: sha256_b64(&secret),
        user_id: user_id.to_owned(),
        browser_hash: sha256_b64(&accounts),
        passkey_id: passkey.id.clone(),
        amr: amr(passkey),
        acr: acr(passkey),
        expires_at: cx.now.plus(cx.host.settings.session_duration_s),
        ip: cx.peer.ip.map(|ip| ip.to_string()),
        user_agent: req.user_agent(),
    };
    let mut stmts = vec![match same_person {
        Some(_) => session::renew(&sign_in, cx.now),
        None => session::insert(&sign_in, cx.now),
    }];
    let (hash, current) = (http::accounts_hash(cx, req), before.current.map(|who| who.session.id.as_str()));
    if hash.is_some() || current.is_some() {
        stmts.push(session::rebind(hash.as_deref(), current, &sign_in.browser_hash));
    }
    Ok(Beginning { stmts, secret, accounts })
}

impl Beginning {
    /// Sets the cookies, after the rows are saved.
    pub fn set_cookies(&self, cx: &Cx, headers: &mut HeaderMap) {
        http::set_cookie(headers, &cx.host.settings.app_url, http::SESSION, &self.secret);
        http::set_cookie(headers, &cx.host.settings.app_url, http::ACCOUNTS, &self.accounts);
    }
}
