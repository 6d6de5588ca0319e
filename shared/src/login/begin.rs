//! Beginning a session: the rows, the cookie, and what becomes of an older session of the same browser.

use crate::db::Stmt;
use crate::failure::Failure;
use crate::http::{self, Cx, Req};
use crate::store::session::{self, SignIn, Who};
use ::http::HeaderMap;
use proto::hash::sha256_b64;

/// How a passkey signs in (RFC 8176 has no exact word; `phr`, phishing-resistant, is that of OpenID Connect EAP ACR Values).
pub const AMR_PASSKEY: &str = "phr";

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
    passkey_id: &str,
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
        passkey_id: passkey_id.to_owned(),
        amr: AMR_PASSKEY,
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
