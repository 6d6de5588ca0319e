//! Request objects: the parameters of an authorization request as claims of a JWT that the client signed
//! (RFC 9101, OpenID Connect Core §6.1).

use crate::form::Params;
use crate::jose::jwt::{self, Claims, ClaimsError, Expiry, media_type_is};
use crate::time::UnixTime;
use serde_json::Value;

/// How long a request object may count at most, and how old it may be, in seconds.
pub const MAX_LIFETIME_S: i64 = 3600;

/// By how many seconds the client's clock may be ahead.
const LEEWAY_S: i64 = 10;

/// Claims that are about the token and no parameters of the request (RFC 9101 §4).
const OF_THE_TOKEN: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "jti", "sub"];

/// What a request object asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestObject {
    /// The parameters of the request.
    pub params: Params,
    /// `jti`, if the client wants it to count once.
    pub jti: Option<String>,
    /// `exp`.
    pub expires_at: UnixTime,
}

/// What a request object must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The client that the request names outside of the object.
    pub client_id: &'a str,
    /// Our issuer.
    pub issuer: &'a str,
    /// The instant of the request.
    pub now: UnixTime,
}

/// Why a well-signed request object does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestObjectError {
    /// Issuer, audience or a time is missing or wrong.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// It counts for longer, or is older, than [`MAX_LIFETIME_S`].
    #[error("request object lives too long")]
    LivesTooLong,
    /// `client_id` is missing or another than outside (RFC 9101 §6.3).
    #[error("request object is of another client")]
    WrongClient,
    /// `sub` is the client, as in a token that authenticates it (RFC 9101 §10.8).
    #[error("request object looks like a client assertion")]
    IsAssertion,
    /// It refers to another request object (RFC 9101 §4).
    #[error("request object holds another one")]
    Nested,
    /// A parameter cannot be one of a request.
    #[error("request object has a malformed parameter")]
    Malformed,
}

/// Whether a `typ` header, or its absence, is of a request object (RFC 9101 §10.8; `JWT` and none are what older
/// clients send).
#[must_use]
pub fn is_type(typ: Option<&str>) -> bool {
    typ.is_none_or(|typ| media_type_is(typ, "oauth-authz-req+jwt") || media_type_is(typ, "JWT"))
}

/// Reads the claims of a request object whose signature and type were right.
///
/// # Errors
/// [`RequestObjectError`].
pub fn read(claims: &Claims, expected: &Expected<'_>) -> Result<RequestObject, RequestObjectError> {
    claims.check(&jwt::Expected {
        issuer: expected.client_id,
        audience: Some(expected.issuer),
        expiry: Expiry::Required,
        now: expected.now,
        leeway: LEEWAY_S,
    })?;
    let expires_at = check_lifetime(claims, expected.now)?;
    if claims.text("client_id") != Some(expected.client_id) {
        return Err(RequestObjectError::WrongClient);
    }
    if claims.text("sub") == Some(expected.client_id) {
        return Err(RequestObjectError::IsAssertion);
    }
    if claims.get("request").is_some() || claims.get("request_uri").is_some() {
        return Err(RequestObjectError::Nested);
    }
    let jti = match claims.get("jti") {
        None => None,
        Some(Value::String(jti)) if !jti.is_empty() => Some(jti.clone()),
        Some(_) => return Err(RequestObjectError::Malformed),
    };
    let pairs = claims
        .iter()
        .filter(|(name, _)| !OF_THE_TOKEN.contains(name))
        .map(|(name, value)| Ok((name.to_owned(), parameter(value)?)))
        .collect::<Result<Vec<_>, RequestObjectError>>()?;
    let params = Params::from_pairs(pairs).map_err(|_| RequestObjectError::Malformed)?;
    Ok(RequestObject { params, jti, expires_at })
}

fn check_lifetime(claims: &Claims, now: UnixTime) -> Result<UnixTime, RequestObjectError> {
    let expires_at = claims.instant("exp")?.ok_or(ClaimsError::Expired)?;
    let starts = [claims.instant("nbf")?, claims.instant("iat")?];
    let is_old = starts.into_iter().flatten().any(|start| now.since(start) > MAX_LIFETIME_S);
    if is_old || expires_at.since(now) > MAX_LIFETIME_S {
        return Err(RequestObjectError::LivesTooLong);
    }
    Ok(expires_at)
}

/// A claim as the parameter it stands for: texts as they are, numbers in decimal, `claims` and other structures as
/// JSON (RFC 9101 §4, OpenID Connect Core §6.1).
fn parameter(value: &Value) -> Result<String, RequestObjectError> {
    match value {
        Value::Null => Err(RequestObjectError::Malformed),
        Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::jws::Unverified;
    use crate::jose::{Alg, Jwk, VerifyingKey, jws};
    use crate::{b64, oauth::request_object};
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::json;

    /// Claims as a well-signed token brings them.
    fn claims(payload: &str) -> Claims {
        let key = SigningKey::from_bytes(&[7; 32]);
        let input = format!("{}.{}", b64::encode(r#"{"alg":"EdDSA"}"#), b64::encode(payload));
        let token = jws::assemble(&input, &key.sign(input.as_bytes()).to_bytes());
        let jwk = Jwk::OKP { crv: "Ed25519".into(), x: b64::encode(key.verifying_key().as_bytes()) };
        let key = VerifyingKey::from_jwk(&jwk, Alg::EdDSA).unwrap();
        let verified = Unverified::parse(&token).unwrap().verify(&key).unwrap();
        jwt::read(&verified, request_object::is_type).unwrap()
    }

    const WANTED: Expected<'static> =
        Expected { client_id: "app", issuer: "https://id.example", now: UnixTime(100_000) };

    /// A good object with changes: `null` takes a member away.
    fn object(changes: Value) -> Result<RequestObject, RequestObjectError> {
        let mut all = json!({
            "iss": "app", "aud": "https://id.example", "exp": 100_060, "client_id": "app",
            "response_type": "code", "scope": "openid",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                _ => all[name] = value.clone(),
            }
        }
        read(&claims(&all.to_string()), &WANTED)
    }

    #[test]
    fn the_parameters_are_those_inside() {
        let all = object(json!({
            "nbf": 99_990, "iat": 100_000, "jti": "j1", "state": "a b&c", "max_age": 60,
            "claims": {"id_token": {"acr": null}},
        }))
        .unwrap();
        let params = Params::from_pairs(
            [
                ("client_id", "app"),
                ("response_type", "code"),
                ("scope", "openid"),
                ("state", "a b&c"),
                ("max_age", "60"),
                ("claims", r#"{"id_token":{"acr":null}}"#),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let want =
            RequestObject { params: params.unwrap(), jti: Some("j1".into()), expires_at: UnixTime(100_060) };
        assert_eq!(all, want);
        assert_eq!(object(json!({})).unwrap().jti, None);
    }

    #[test]
    fn s07_each_claim_has_its_error() {
        use ClaimsError as C;
        use RequestObjectError as E;
        for (changes, expected) in [
            (json!({"iss": null}), E::Claims(C::WrongIssuer)),
            (json!({"iss": "other"}), E::Claims(C::WrongIssuer)),
            (json!({"aud": null}), E::Claims(C::WrongAudience)),
            (json!({"aud": "https://id.example/"}), E::Claims(C::WrongAudience)),
            (json!({"aud": ["https://other.example"]}), E::Claims(C::WrongAudience)),
            (json!({"exp": null}), E::Claims(C::Expired)),
            (json!({"exp": 100_000}), E::Claims(C::Expired)),
            (json!({"exp": "100060"}), E::Claims(C::Malformed)),
            (json!({"exp": 103_601}), E::LivesTooLong),
            (json!({"nbf": 100_011}), E::Claims(C::NotYetValid)),
            (json!({"iat": 100_011}), E::Claims(C::NotYetValid)),
            (json!({"nbf": 96_399}), E::LivesTooLong),
            (json!({"iat": 96_399}), E::LivesTooLong),
            (json!({"client_id": null}), E::WrongClient),
            (json!({"client_id": "other"}), E::WrongClient),
            (json!({"client_id": ["app"]}), E::WrongClient),
            (json!({"sub": "app"}), E::IsAssertion),
            (json!({"request": "x"}), E::Nested),
            (json!({"request_uri": "urn:ietf:params:oauth:request_uri:x"}), E::Nested),
            (json!({"request_uri": ""}), E::Nested),
            (json!({"jti": 1}), E::Malformed),
            (json!({"jti": ""}), E::Malformed),
            (json!({"state": "a\0b"}), E::Malformed),
        ] {
            assert_eq!(object(changes.clone()), Err(expected), "{changes}");
        }
        for good in [
            json!({"aud": ["https://other.example", "https://id.example"]}),
            json!({"exp": 103_600, "nbf": 96_400, "iat": 100_010}),
            json!({"sub": "someone"}),
        ] {
            assert!(object(good.clone()).is_ok(), "{good}");
        }
        let null = r#"{"iss":"app","aud":"https://id.example","exp":100060,"client_id":"app","state":null}"#;
        assert_eq!(read(&claims(null), &WANTED), Err(E::Malformed));
    }

    #[test]
    fn s25_other_types_are_no_request_objects() {
        for typ in [
            None,
            Some("oauth-authz-req+jwt"),
            Some("application/oauth-authz-req+jwt"),
            Some("JWT"),
            Some("jwt"),
        ] {
            assert!(is_type(typ), "{typ:?}");
        }
        for typ in ["", "at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt", "oauth-authz-req"] {
            assert!(!is_type(Some(typ)), "{typ}");
        }
    }
}
