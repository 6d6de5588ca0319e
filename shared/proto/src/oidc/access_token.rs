//! Access tokens (RFC 9068).

use crate::jose::jwt::Claims;
use crate::oauth::Scope;
use crate::time::UnixTime;
use serde_json::{Map, Value, json};

/// What an access token says, apart from who issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// `sub`: the person, or `client-<client_id>` where no person is involved.
    pub subject: String,
    /// `client_id`: who may use it.
    pub client_id: String,
    /// `aud`: who may accept it.
    pub audience: Vec<String>,
    /// `scope`, and once more as the list `scp`; left out if empty.
    pub scope: Scope,
    /// `auth_time`: when the person authenticated (§2.2.1), if there is one.
    pub auth_time: Option<UnixTime>,
    /// `acr`: how strongly, if it is known.
    pub acr: Option<String>,
    /// `jti`.
    pub jti: String,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`.
    pub expires_at: UnixTime,
    /// `cnf.jkt`: thumbprint of the key whose holder alone may use it (RFC 9449 §6.1).
    pub jkt: Option<String>,
    /// `act`: who acts in the subject's name (RFC 8693 §4.1).
    pub actor: Option<Value>,
}

/// A claim that access tokens have is missing or malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("access token lacks a claim")]
pub struct NotAnAccessToken;

impl AccessToken {
    /// The claims to sign (RFC 9068 §2.2).
    #[must_use]
    pub fn claims(&self, issuer: &str) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(issuer));
        put("sub", json!(self.subject));
        put("aud", json!(self.audience));
        put("client_id", json!(self.client_id));
        put("jti", json!(self.jti));
        put("iat", json!(self.issued_at));
        put("exp", json!(self.expires_at));
        if let Some(auth_time) = self.auth_time {
            put("auth_time", json!(auth_time));
        }
        if let Some(acr) = &self.acr {
            put("acr", json!(acr));
        }
        if let Some(actor) = &self.actor {
            put("act", actor.clone());
        }
        if !self.scope.is_empty() {
            put("scope", json!(self.scope.to_string()));
            put("scp", json!(self.scope.iter().collect::<Vec<_>>()));
        }
        if let Some(jkt) = &self.jkt {
            put("cnf", json!({ "jkt": jkt }));
        }
        claims
    }

    /// Reads the claims of a verified token; [`Claims::check`] tells whether it still counts.
    ///
    /// # Errors
    /// [`NotAnAccessToken`].
    pub fn from_claims(claims: &Claims) -> Result<Self, NotAnAccessToken> {
        let text = |name| claims.text(name).map(str::to_owned).ok_or(NotAnAccessToken);
        let instant = |name| claims.instant(name).ok().flatten().ok_or(NotAnAccessToken);
        let audience = claims.audience().map_err(|_| NotAnAccessToken)?;
        Ok(Self {
            subject: text("sub")?,
            client_id: text("client_id")?,
            audience: audience.into_iter().map(str::to_owned).collect(),
            scope: Scope::parse(claims.text("scope").unwrap_or_default()).map_err(|_| NotAnAccessToken)?,
            auth_time: claims.instant("auth_time").map_err(|_| NotAnAccessToken)?,
            acr: claims.text("acr").map(str::to_owned),
            jti: text("jti")?,
            issued_at: instant("iat")?,
            expires_at: instant("exp")?,
            jkt: confirmation(claims.get("cnf"))?,
            actor: claims.get("act").cloned(),
        })
    }
}

/// RFC 7800 §3.1: a confirmation that is not understood must not be taken for none.
fn confirmation(cnf: Option<&Value>) -> Result<Option<String>, NotAnAccessToken> {
    let Some(cnf) = cnf else { return Ok(None) };
    cnf.get("jkt").and_then(Value::as_str).map(|jkt| Some(jkt.to_owned())).ok_or(NotAnAccessToken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jws::{self, Unverified};
    use crate::jose::{Alg, Jwk, TokenType, VerifyingKey, jwt};

    fn token(scope: &str) -> AccessToken {
        AccessToken {
            subject: "u1".into(),
            client_id: "app".into(),
            audience: vec!["app".into(), "https://id.example".into()],
            scope: Scope::parse(scope).unwrap(),
            auth_time: Some(UnixTime(900)),
            acr: Some("phr".into()),
            jti: "j1".into(),
            issued_at: UnixTime(1000),
            expires_at: UnixTime(4600),
            jkt: None,
            actor: None,
        }
    }

    fn read(claims: &Map<String, Value>) -> Result<AccessToken, NotAnAccessToken> {
        use ed25519_dalek::Signer;
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let input = jwt::signing_input(Alg::EdDSA, "k1", TokenType::AccessToken, claims);
        let jws = jws::assemble(&input, &key.sign(input.as_bytes()).to_bytes());
        let jwk = Jwk::OKP { crv: "Ed25519".into(), x: crate::b64::encode(key.verifying_key().as_bytes()) };
        let key = VerifyingKey::from_jwk(&jwk, Alg::EdDSA).unwrap();
        let verified = jwt::verify(Unverified::parse(&jws).unwrap(), &key, TokenType::AccessToken);
        AccessToken::from_claims(&verified.unwrap())
    }

    #[test]
    fn rfc9068_claims() {
        assert_eq!(
            Value::Object(token("openid email").claims("https://id.example")),
            json!({
                "iss": "https://id.example", "sub": "u1", "aud": ["app", "https://id.example"],
                "client_id": "app", "jti": "j1", "iat": 1000, "exp": 4600, "auth_time": 900, "acr": "phr",
                "scope": "openid email", "scp": ["openid", "email"],
            })
        );
        let bare = token("").claims("https://id.example");
        assert!(!bare.contains_key("scope") && !bare.contains_key("scp"));
    }

    #[test]
    fn what_is_written_is_read_back() {
        for scope in ["", "openid email"] {
            assert_eq!(read(&token(scope).claims("i")), Ok(token(scope)));
        }
        let bound = AccessToken { jkt: Some("k".into()), ..token("openid") };
        assert_eq!(bound.claims("i")["cnf"], json!({ "jkt": "k" }));
        assert_eq!(read(&bound.claims("i")), Ok(bound.clone()));
        for cnf in [json!({}), json!({ "x5t#S256": "k" }), json!("k"), json!(null)] {
            let mut claims = bound.claims("i");
            claims.insert("cnf".into(), cnf);
            assert_eq!(read(&claims), Err(NotAnAccessToken));
        }
        let acting = AccessToken { actor: Some(json!({ "sub": "client-b" })), ..token("") };
        assert_eq!(acting.claims("i")["act"], json!({ "sub": "client-b" }));
        assert_eq!(read(&acting.claims("i")), Ok(acting));
        for name in ["sub", "client_id", "jti", "iat", "exp"] {
            let mut claims = token("openid").claims("i");
            claims.remove(name);
            assert_eq!(read(&claims), Err(NotAnAccessToken), "{name}");
        }
    }
}
