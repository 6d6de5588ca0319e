//! ID tokens (OpenID Connect Core §2 and §3.1.3.6).

use crate::b64;
use crate::jose::Alg;
use crate::time::UnixTime;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The value of the `type` claim, by which some clients know an ID token.
pub const TYPE: &str = "id-token";

/// Everything an ID token says.
#[derive(Debug, Clone)]
pub struct IdToken<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`: the person.
    pub subject: &'a str,
    /// `aud`: the client.
    pub client_id: &'a str,
    /// `sid`: the session at this server (OpenID Connect Front-Channel Logout §3).
    pub session_id: Option<&'a str>,
    /// `jti`.
    pub jti: &'a str,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `exp`.
    pub expires_at: UnixTime,
    /// `rat`: when the client asked.
    pub requested_at: UnixTime,
    /// `auth_time`: when the person last authenticated.
    pub auth_time: UnixTime,
    /// `nonce` of the authorization request, if it had one.
    pub nonce: Option<&'a str>,
    /// `acr`: how strongly the person authenticated, or [`super::acr::NOTHING_KNOWN`].
    pub acr: &'a str,
    /// `amr` (RFC 8176): how the person authenticated; left out if empty.
    pub amr: &'a [&'a str],
    /// `at_hash`, see [`half_hash`].
    pub at_hash: Option<String>,
    /// What the scopes tell about the person, from [`super::claims::told`].
    pub person: Map<String, Value>,
}

impl IdToken<'_> {
    /// The claims to sign. Nothing about the person can replace a claim of the protocol.
    #[must_use]
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = self.person.clone();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(self.issuer));
        put("sub", json!(self.subject));
        put("aud", json!([self.client_id]));
        put("jti", json!(self.jti));
        put("iat", json!(self.issued_at));
        put("exp", json!(self.expires_at));
        put("rat", json!(self.requested_at));
        put("auth_time", json!(self.auth_time));
        put("acr", json!(self.acr));
        put("type", json!(TYPE));
        if let Some(sid) = self.session_id {
            put("sid", json!(sid));
        }
        if let Some(nonce) = self.nonce {
            put("nonce", json!(nonce));
        }
        if !self.amr.is_empty() {
            put("amr", json!(self.amr));
        }
        if let Some(at_hash) = &self.at_hash {
            put("at_hash", json!(at_hash));
        }
        claims
    }
}

/// `at_hash` of an access token or `c_hash` of a code (OpenID Connect Core §3.1.3.6, §3.3.2.11): the left half
/// of its digest, base64url. The digest is the one of the algorithm that signs the ID token; for Ed25519 that
/// is SHA-512.
#[must_use]
pub fn half_hash(alg: Alg, text: &str) -> String {
    let digest = match alg {
        Alg::RS256 | Alg::PS256 | Alg::ES256 => Sha256::digest(text).to_vec(),
        Alg::RS384 | Alg::ES384 => Sha384::digest(text).to_vec(),
        Alg::RS512 | Alg::ES512 | Alg::EdDSA => Sha512::digest(text).to_vec(),
    };
    let half = digest.len() / 2;
    b64::encode(digest.into_iter().take(half).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> IdToken<'static> {
        IdToken {
            issuer: "https://id.example",
            subject: "u1",
            client_id: "app",
            session_id: Some("s1"),
            jti: "j1",
            issued_at: UnixTime(1000),
            expires_at: UnixTime(4600),
            requested_at: UnixTime(990),
            auth_time: UnixTime(900),
            nonce: None,
            acr: "0",
            amr: &[],
            at_hash: None,
            person: Map::new(),
        }
    }

    #[test]
    fn the_least_it_says() {
        assert_eq!(
            Value::Object(token().claims()),
            json!({
                "iss": "https://id.example", "sub": "u1", "aud": ["app"], "sid": "s1", "jti": "j1", "iat": 1000,
                "exp": 4600, "rat": 990, "auth_time": 900, "acr": "0", "type": "id-token",
            })
        );
    }

    #[test]
    fn s25_nothing_about_the_person_replaces_the_protocol() {
        let hostile = json!({"iss": "x", "sub": "x", "aud": "x", "type": "x", "exp": 9, "name": "Ada"});
        let Value::Object(person) = hostile else { panic!("an object") };
        let token = IdToken {
            nonce: Some("n-0S6_WzA2Mj"),
            acr: "phr",
            amr: &["phr"],
            at_hash: Some("h".into()),
            person,
            ..token()
        };
        assert_eq!(
            Value::Object(token.claims()),
            json!({
                "iss": "https://id.example", "sub": "u1", "aud": ["app"], "sid": "s1", "jti": "j1", "iat": 1000,
                "exp": 4600, "rat": 990, "auth_time": 900, "acr": "phr", "type": "id-token", "nonce": "n-0S6_WzA2Mj",
                "amr": ["phr"], "at_hash": "h", "name": "Ada",
            })
        );
    }

    #[test]
    fn half_hash_follows_the_algorithm() {
        // OpenID Connect Core appendix A.4 and A.3
        assert_eq!(
            half_hash(Alg::RS256, "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
        assert_eq!(
            half_hash(Alg::RS256, "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"),
            "77QmUPtjPfzWtF2AnpK9RQ"
        );
        for (alg, length) in [
            (Alg::PS256, 22),
            (Alg::ES256, 22),
            (Alg::RS384, 32),
            (Alg::ES384, 32),
            (Alg::RS512, 43),
            (Alg::ES512, 43),
            (Alg::EdDSA, 43),
        ] {
            assert_eq!(half_hash(alg, "x").len(), length, "{alg}");
        }
    }
}
