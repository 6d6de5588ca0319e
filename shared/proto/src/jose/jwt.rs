//! JSON Web Tokens by purpose (RFC 7519, RFC 8725 §3.11 and §3.12).

use super::jws::{self, JwsError, Unverified, Verified};
use super::{Alg, VerifyingKey};
use crate::json;
use crate::time::UnixTime;
use serde_json::{Map, Value};

/// What a token of ours is for, told apart by its `typ` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenType {
    /// OAuth access token (RFC 9068 §2.1).
    AccessToken,
    /// OpenID Connect ID token.
    IdToken,
    /// Answer of the userinfo endpoint (OpenID Connect Core §5.3.2), which names no type; this one is our own, so that
    /// none of them can pass for an ID token.
    UserInfo,
    /// Back-channel logout token (OpenID Connect Back-Channel Logout §2.4).
    LogoutToken,
    /// Answer of the introspection endpoint (RFC 9701 §5).
    Introspection,
    /// Authorization response (JARM §2.1), which has no `typ` of its own. It is only ever made, and says no `sub`,
    /// without which nobody takes it for an ID token.
    AuthorizationResponse,
}

impl TokenType {
    /// The `typ` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken | Self::AuthorizationResponse => "JWT",
            Self::UserInfo => "userinfo+jwt",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }

    fn is(self, typ: &str) -> bool {
        media_type_is(typ, self.as_str())
    }
}

/// Why a JWT was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// The token is no JWS of the verifying key.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `typ` is missing or another one: a token of another purpose.
    #[error("token is of another type")]
    WrongType,
    /// The payload is not a JSON object with distinct names.
    #[error("token payload is malformed")]
    Malformed,
}

/// What has to be signed for a token of `claims`; [`jws::assemble`] puts the signature to it.
#[must_use]
pub fn signing_input(alg: Alg, kid: &str, typ: TokenType, claims: &Map<String, Value>) -> String {
    let payload = Value::Object(claims.clone()).to_string();
    jws::signing_input(alg, kid, typ.as_str(), payload.as_bytes())
}

/// Checks signature and type of a parsed token. Whose it is and whether it still counts is for
/// [`Claims::check`].
///
/// # Errors
/// [`JwtError`].
pub fn verify(token: Unverified<'_>, key: &VerifyingKey, typ: TokenType) -> Result<Claims, JwtError> {
    read(&token.verify(key)?, |name| name.is_some_and(|name| typ.is(name)))
}

/// The claims of a token of somebody else whose signature was right. `accepts` says whether its `typ` header, if
/// there is one, names the purpose it is used for; [`media_type_is`] compares one.
///
/// # Errors
/// [`JwtError::WrongType`], [`JwtError::Malformed`].
pub fn read(verified: &Verified, accepts: impl Fn(Option<&str>) -> bool) -> Result<Claims, JwtError> {
    if !accepts(verified.typ()) {
        return Err(JwtError::WrongType);
    }
    json::parse_object(verified.payload()).map(Claims).map_err(|_| JwtError::Malformed)
}

/// Whether a `typ` header names a type; case and an `application/` in front do not matter (RFC 7515 §4.1.9).
#[must_use]
pub fn media_type_is(typ: &str, wanted: &str) -> bool {
    let lower = typ.to_ascii_lowercase();
    lower.strip_prefix("application/").unwrap_or(&lower) == wanted.to_ascii_lowercase()
}

/// The claims of a token whose signature and type were right. Only [`verify`] and [`read`] make them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

/// Whether a token has to be unexpired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// `exp` must be there and lie in the future.
    Required,
    /// An old token will do, as for `id_token_hint` (OpenID Connect RP-Initiated Logout §2).
    Ignored,
}

/// What the claims of a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss`, byte for byte.
    pub issuer: &'a str,
    /// One of the values of `aud`, byte for byte; `None` where the audience is compared later.
    pub audience: Option<&'a str>,
    /// Whether the token may have expired.
    pub expiry: Expiry,
    /// The instant of the request.
    pub now: UnixTime,
    /// How many seconds `nbf` and `iat` may lie ahead, because clocks differ. `exp` is held to the second.
    pub leeway: i64,
}

/// Why claims do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `iss` is missing or another.
    #[error("token is of another issuer")]
    WrongIssuer,
    /// `aud` is missing or names others.
    #[error("token is for another audience")]
    WrongAudience,
    /// `exp` has passed or is missing.
    #[error("token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("token is not valid yet")]
    NotYetValid,
    /// A time or the audience is of the wrong JSON type.
    #[error("token has a malformed claim")]
    Malformed,
}

impl Claims {
    /// Compares issuer, audience and times (RFC 7519 §4.1).
    ///
    /// # Errors
    /// [`ClaimsError`], the first that applies in the order issuer, audience, `exp`, `nbf`, `iat`.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), ClaimsError> {
        let Expected { issuer, audience, expiry, now, leeway } = *expected;
        if self.text("iss") != Some(issuer) {
            return Err(ClaimsError::WrongIssuer);
        }
        let audiences = self.audience()?;
        if audience.is_some_and(|wanted| !audiences.contains(&wanted)) {
            return Err(ClaimsError::WrongAudience);
        }
        let exp = self.instant("exp")?;
        if expiry == Expiry::Required && exp.is_none_or(|exp| now >= exp) {
            return Err(ClaimsError::Expired);
        }
        for start in [self.instant("nbf")?, self.instant("iat")?] {
            if start.is_some_and(|start| start > now.plus(leeway)) {
                return Err(ClaimsError::NotYetValid);
            }
        }
        Ok(())
    }

    /// A claim that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Every claim, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A claim of any type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The values of `aud`, which may be one string or a list of them; none if it is missing.
    ///
    /// # Errors
    /// [`ClaimsError::Malformed`] for other types.
    pub fn audience(&self) -> Result<Vec<&str>, ClaimsError> {
        match self.0.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one]),
            Some(Value::Array(many)) => {
                many.iter().map(|one| one.as_str().ok_or(ClaimsError::Malformed)).collect()
            }
            Some(_) => Err(ClaimsError::Malformed),
        }
    }

    /// A claim that is a time (`NumericDate`, RFC 7519 §2); fractions of a second are cut off.
    ///
    /// # Errors
    /// [`ClaimsError::Malformed`] for other types.
    pub fn instant(&self, name: &str) -> Result<Option<UnixTime>, ClaimsError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => number
                .as_i64()
                .or_else(|| number.as_f64().filter(|n| n.abs() < 1e15).map(|n| n as i64))
                .map(|seconds| Some(UnixTime(seconds)))
                .ok_or(ClaimsError::Malformed),
            Some(_) => Err(ClaimsError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Jwk;
    use super::*;
    use crate::b64;
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::json;

    fn signed(input: &str) -> String {
        jws::assemble(input, &SigningKey::from_bytes(&[7; 32]).sign(input.as_bytes()).to_bytes())
    }

    fn checked(token: &str, typ: TokenType) -> Result<Claims, JwtError> {
        let public = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let jwk = Jwk::OKP { crv: "Ed25519".into(), x: b64::encode(public.as_bytes()) };
        let key = VerifyingKey::from_jwk(&jwk, Alg::EdDSA).unwrap();
        verify(Unverified::parse(token)?, &key, typ)
    }

    fn claims(value: Value) -> Claims {
        let Value::Object(map) = value else { panic!("an object") };
        Claims(map)
    }

    const TYPES: [TokenType; 4] =
        [TokenType::AccessToken, TokenType::IdToken, TokenType::UserInfo, TokenType::LogoutToken];

    #[test]
    fn s25_a_token_counts_for_its_own_purpose_alone() {
        let body = claims(json!({"sub": "u", "n": [1]}));
        for made in TYPES {
            let token = signed(&signing_input(Alg::EdDSA, "k1", made, &body.0));
            for wanted in TYPES {
                let expected = if made == wanted { Ok(body.clone()) } else { Err(JwtError::WrongType) };
                assert_eq!(checked(&token, wanted), expected, "{made:?} as {wanted:?}");
            }
        }
    }

    #[test]
    fn s25_typ_is_compared_as_a_media_type() {
        for (typ, expected) in [
            (r#""at+jwt""#, true),
            (r#""AT+JWT""#, true),
            (r#""application/at+jwt""#, true),
            (r#""Application/At+Jwt""#, true),
            (r#""jwt""#, false),
            (r#""at""#, false),
            (r#""at+jwt ""#, false),
            (r#""text/at+jwt""#, false),
            (r#""application/application/at+jwt""#, false),
            (r#""""#, false),
            ("null", false),
            ("1", false),
        ] {
            let header = format!(r#"{{"alg":"EdDSA","typ":{typ}}}"#);
            let token = signed(&format!("{}.{}", b64::encode(header), b64::encode("{}")));
            assert_eq!(checked(&token, TokenType::AccessToken).is_ok(), expected, "{typ}");
        }
        let token = signed(&format!("{}.{}", b64::encode(r#"{"alg":"EdDSA"}"#), b64::encode("{}")));
        assert_eq!(checked(&token, TokenType::IdToken), Err(JwtError::WrongType));
    }

    #[test]
    fn s24_payloads_are_objects_with_distinct_names() {
        for payload in ["", "x", "[]", "1", r#"{"sub":"a","sub":"b"}"#, r#"{"a":{"b":1,"b":2}}"#, "{}x"] {
            let token = signed(&jws::signing_input(Alg::EdDSA, "k1", "JWT", payload.as_bytes()));
            assert_eq!(checked(&token, TokenType::IdToken), Err(JwtError::Malformed), "{payload}");
        }
    }

    #[test]
    fn claims_are_compared() {
        use ClaimsError::*;
        for (value, expected) in [
            (json!({"iss": "https://id.example", "aud": "app", "exp": 1001}), Ok(())),
            (json!({"iss": "https://id.example", "aud": ["x", "app"], "exp": 1001, "iat": 1000}), Ok(())),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 1001}), Ok(())),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 1001.9}), Ok(())),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 2000, "nbf": 1010}), Ok(())),
            (json!({"iss": "https://id.example/", "aud": "app", "exp": 1001}), Err(WrongIssuer)),
            (json!({"iss": ["https://id.example"], "aud": "app", "exp": 1001}), Err(WrongIssuer)),
            (json!({"aud": "app", "exp": 1001}), Err(WrongIssuer)),
            (json!({"iss": "https://id.example", "exp": 1001}), Err(WrongAudience)),
            (json!({"iss": "https://id.example", "aud": "App", "exp": 1001}), Err(WrongAudience)),
            (json!({"iss": "https://id.example", "aud": [], "exp": 1001}), Err(WrongAudience)),
            (json!({"iss": "https://id.example", "aud": "app app", "exp": 1001}), Err(WrongAudience)),
            (json!({"iss": "https://id.example", "aud": ["app", 1], "exp": 1001}), Err(Malformed)),
            (json!({"iss": "https://id.example", "aud": {"app": 1}, "exp": 1001}), Err(Malformed)),
            (json!({"iss": "https://id.example", "aud": "app"}), Err(Expired)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 1000}), Err(Expired)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": -1}), Err(Expired)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": "1001"}), Err(Malformed)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": null}), Err(Malformed)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 1e300}), Err(Malformed)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 2000, "nbf": 1011}), Err(NotYetValid)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 2000, "iat": 1011}), Err(NotYetValid)),
            (json!({"iss": "https://id.example", "aud": "app", "exp": 2000, "iat": true}), Err(Malformed)),
        ] {
            let wanted = Expected {
                issuer: "https://id.example",
                audience: Some("app"),
                expiry: Expiry::Required,
                now: UnixTime(1000),
                leeway: 10,
            };
            assert_eq!(claims(value.clone()).check(&wanted), expected, "{value}");
        }
    }

    #[test]
    fn an_id_token_hint_may_be_old_and_for_any_client() {
        let hint = claims(json!({"iss": "i", "aud": ["app"], "exp": 1, "iat": 0}));
        let wanted =
            Expected { issuer: "i", audience: None, expiry: Expiry::Ignored, now: UnixTime(1000), leeway: 0 };
        assert_eq!(hint.check(&wanted), Ok(()));
        assert_eq!(hint.audience(), Ok(vec!["app"]));
        assert_eq!(hint.text("aud"), None);
        assert_eq!(hint.get("exp"), Some(&json!(1)));
    }
}
