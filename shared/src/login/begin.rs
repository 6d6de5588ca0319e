//! Beginning a session: the rows, the cookie, and what becomes of an older session of the same browser.

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
}

/// Begins a session of `user_id`. The cookie is always a new one (session fixation). The same person's live
/// session is renewed, so that what apps hold stays valid; another person's is ended.
///
/// # Errors
/// A fault if there is no randomness.
pub fn begin(
    cx: &Cx,
    req: &Req,
    user_id: &str,
    passkey: &Passkey,
    current: Option<&Who>,
) -> Result<Beginning, Failure> {
    let secret = cx.host.random_token()?;
    let same_person = current.filter(|who| who.user.id == user_id);
    let sign_in = SignIn {
        id: match same_person {
            Some(who) => who.session.id.clone(),
            None => cx.host.uuid()?,
        },
        secret_hash: sha256_b64(&secret),
        user_id: user_id.to_owned(),
        passkey_id: passkey.id.clone(),
        amr: amr(passkey),
        acr: acr(passkey),
        expires_at: cx.now.plus(cx.host.settings.session_duration_s),
        ip: cx.peer.ip.map(|ip| ip.to_string()),
        user_agent: req.user_agent(),
    };
    let stmts = match (same_person, current) {
        (Some(_), _) => vec![session::renew(&sign_in, cx.now)],
        (None, Some(other)) => {
            let mut stmts = session::end(&other.session.id, cx.now);
            stmts.push(session::insert(&sign_in, cx.now));
            stmts
        }
        (None, None) => vec![session::insert(&sign_in, cx.now)],
    };
    Ok(Beginning { stmts, secret })
}

impl Beginning {
    /// Sets the cookie, after the rows are saved.
    pub fn set_cookie(&self, cx: &Cx, headers: &mut HeaderMap) {
        http::set_cookie(headers, &cx.host.settings.app_url, http::SESSION, &self.secret);
    }
}
