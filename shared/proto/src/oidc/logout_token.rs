//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).

use crate::time::UnixTime;
use serde_json::{Map, Value, json};

/// The member of `events` that makes a token a logout token.
pub const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// How long a logout token counts, in seconds (§2.4 recommends two minutes at most).
pub const LIFETIME_S: i64 = 120;

/// Everything a logout token says. It has no `nonce`, so that it is never taken for an ID token.
#[derive(Debug, Clone, Copy)]
pub struct LogoutToken<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`: the person, as the client knows them.
    pub subject: &'a str,
    /// `aud`: the client.
    pub client_id: &'a str,
    /// `sid`: the session that ended, as in the client's ID tokens.
    pub session_id: &'a str,
    /// `jti`.
    pub jti: &'a str,
    /// `iat`.
    pub issued_at: UnixTime,
}

impl LogoutToken<'_> {
    /// The claims to sign.
    #[must_use]
    pub fn claims(&self) -> Map<String, Value> {
        let claims = [
            ("iss", json!(self.issuer)),
            ("sub", json!(self.subject)),
            ("aud", json!(self.client_id)),
            ("sid", json!(self.session_id)),
            ("jti", json!(self.jti)),
            ("iat", json!(self.issued_at)),
            ("exp", json!(self.issued_at.plus(LIFETIME_S))),
            ("events", json!({ EVENT: {} })),
        ];
        claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_it_says_what_the_specification_asks_for_and_has_no_nonce() {
        let token = LogoutToken {
            issuer: "https://id.example",
            subject: "u1",
            client_id: "app",
            session_id: "s1",
            jti: "j1",
            issued_at: UnixTime(1000),
        };
        assert_eq!(
            Value::Object(token.claims()),
            json!({
                "iss": "https://id.example", "sub": "u1", "aud": "app", "sid": "s1", "jti": "j1", "iat": 1000,
                "exp": 1120, "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
            })
        );
    }
}
