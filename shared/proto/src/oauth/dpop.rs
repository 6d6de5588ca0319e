//! DPoP proofs (RFC 9449): that whoever sends a request holds a key, shown by a fresh signature over the request.

use crate::jose::jws::Unverified;
use crate::jose::{Alg, Jwk, VerifyingKey, thumbprint};
use crate::secret::ct_eq;
use crate::time::UnixTime;
use crate::{b64, hash, json};
use serde_json::{Map, Value};
use url::Url;

/// The `typ` of proofs (RFC 9449 §4.2).
pub const TYP: &str = "dpop+jwt";

/// By how many seconds `iat` may differ from our clock.
pub const WINDOW_S: i64 = 60;

/// How long a nonce of ours counts, in seconds.
pub const NONCE_LIFETIME_S: i64 = 300;

/// By how many seconds the clocks of our own nodes may differ.
const NODE_SKEW_S: i64 = 10;

/// Members of a JWK that hold private or secret parts (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a proof was refused. The texts are constants, for developers of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofError {
    /// No JWS, or its payload is no JSON object with distinct names.
    Malformed,
    /// `typ` is another one: a token of another purpose.
    Typ,
    /// `alg` is none, symmetric or unknown.
    Alg,
    /// `jwk` is missing, private, or no key for `alg`.
    Jwk,
    /// The signature is not by the key.
    Signature,
    /// `jti`, `htm`, `htu` or `iat` is missing, or a claim has another type.
    Claims,
    /// The proof is for another method.
    Htm,
    /// The proof is for another address.
    Htu,
    /// The proof is too old, or of the future.
    Iat,
    /// The proof is for another access token, or for none.
    Ath,
}

impl ProofError {
    /// The sentence for developers.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "The DPoP proof is malformed.",
            Self::Typ => "The 'typ' of the DPoP proof must be 'dpop+jwt'.",
            Self::Alg => "The 'alg' of the DPoP proof is not supported.",
            Self::Jwk => "The 'jwk' of the DPoP proof is not a public key for its 'alg'.",
            Self::Signature => "The signature of the DPoP proof is invalid.",
            Self::Claims => "The DPoP proof lacks one of 'jti', 'htm', 'htu' and 'iat'.",
            Self::Htm => "The 'htm' of the DPoP proof is not the method of this request.",
            Self::Htu => "The 'htu' of the DPoP proof is not the address of this request.",
            Self::Iat => "The 'iat' of the DPoP proof is too far from now.",
            Self::Ath => "The 'ath' of the DPoP proof is not the hash of the access token.",
        }
    }
}

impl std::fmt::Display for ProofError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for ProofError {}

/// What a proof has to be about.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// The addresses that the endpoint has, any of which counts. They come from the configuration, never from the
    /// request.
    pub addresses: &'a [String],
    /// The access token that is sent along; `None` where there is none yet.
    pub access_token: Option<&'a str>,
    /// The key of [`nonce`].
    pub nonce_key: &'a [u8; 32],
    /// The instant of the request.
    pub now: UnixTime,
}

/// Whether a proof holds a nonce of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceState {
    /// None.
    Absent,
    /// One that is not ours or no longer counts.
    Stale,
    /// One that counts.
    Fresh,
}

/// A proof whose signature and claims were right. Only [`verify`] makes one. Whether its `jti` is new is for the caller
/// to find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// RFC 7638 thumbprint of the key.
    pub jkt: String,
    /// `jti`.
    pub jti: String,
    /// See [`NonceState`].
    pub nonce: NonceState,
    /// From when on the proof is refused for its age, so that its `jti` may be forgotten.
    pub forget_at: UnixTime,
}

/// Checks a proof as RFC 9449 §4.3 lists it, apart from the `jti`. Its age is right if `iat` is near our clock, or if it
/// holds a nonce of ours that counts: then clients with wrong clocks are served too.
///
/// # Errors
/// [`ProofError`].
pub fn verify(proof: &str, expected: &Expected<'_>) -> Result<Proof, ProofError> {
    let unverified = Unverified::parse(proof).map_err(|_| ProofError::Malformed)?;
    if unverified.header("typ").and_then(Value::as_str) != Some(TYP) {
        return Err(ProofError::Typ);
    }
    let alg = unverified.header("alg").and_then(Value::as_str).and_then(|name| name.parse::<Alg>().ok());
    let alg = alg.ok_or(ProofError::Alg)?;
    let jwk = public_key(unverified.header("jwk")).ok_or(ProofError::Jwk)?;
    let key = VerifyingKey::from_jwk(&jwk, alg).map_err(|_| ProofError::Jwk)?;
    let verified = unverified.verify(&key).map_err(|_| ProofError::Signature)?;
    let claims = json::parse_object(verified.payload()).map_err(|_| ProofError::Malformed)?;

    let jti = text(&claims, "jti").filter(|jti| !jti.is_empty()).ok_or(ProofError::Claims)?;
    let htm = text(&claims, "htm").ok_or(ProofError::Claims)?;
    let htu = text(&claims, "htu").ok_or(ProofError::Claims)?;
    let iat = claims.get("iat").and_then(seconds).ok_or(ProofError::Claims)?;
    if htm != expected.method {
        return Err(ProofError::Htm);
    }
    let asked = normal(htu).ok_or(ProofError::Htu)?;
    if !expected.addresses.iter().any(|own| normal(own).as_deref() == Some(asked.as_str())) {
        return Err(ProofError::Htu);
    }
    let (nonce, until) = match claims.get("nonce") {
        None => (NonceState::Absent, None),
        Some(sent) => match nonce_end(expected, sent.as_str().ok_or(ProofError::Claims)?) {
            Some(end) => (NonceState::Fresh, Some(end)),
            None => (NonceState::Stale, None),
        },
    };
    let near = expected.now.since(iat).saturating_abs() <= WINDOW_S;
    if !near && nonce != NonceState::Fresh {
        return Err(ProofError::Iat);
    }
    if let Some(token) = expected.access_token {
        let ath = text(&claims, "ath").ok_or(ProofError::Ath)?;
        if !ct_eq(ath.as_bytes(), hash::sha256_b64(token).as_bytes()) {
            return Err(ProofError::Ath);
        }
    }
    let too_old = if near { iat.plus(WINDOW_S).plus(1) } else { expected.now };
    Ok(Proof {
        jkt: thumbprint(&jwk),
        jti: jti.to_owned(),
        nonce,
        forget_at: until.map_or(too_old, |end| end.max(too_old)),
    })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// `NumericDate` (RFC 7519 §2) without its fraction.
fn seconds(value: &Value) -> Option<UnixTime> {
    let whole = value.as_i64().or_else(|| value.as_f64().filter(|n| n.abs() < 1e15).map(|n| n as i64));
    whole.map(UnixTime)
}

/// RFC 9449 §4.2: the public key alone. One that comes with its private part is nobody's secret any more.
fn public_key(jwk: Option<&Value>) -> Option<Jwk> {
    let members = jwk?.as_object()?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return None;
    }
    serde_json::from_value(Value::Object(members.clone())).ok()
}

/// An address as it is compared: without query and fragment, normalised by syntax and scheme (RFC 3986 §6.2.2, §6.2.3).
fn normal(address: &str) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = unescaped(url.path());
    url.set_path(&path);
    Some(url.into())
}

/// Percent-encoded octets of unreserved characters decoded (RFC 3986 §6.2.2.2); all others as they are.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let octet = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        match (octet, part.get(2..)) {
            (Some(c), Some(rest)) if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~') => {
                out.push(c);
                out.push_str(rest);
            }
            _ => {
                out.push('%');
                out.push_str(part);
            }
        }
    }
    out
}

/// A nonce of ours (RFC 9449 §8): the time and a MAC over it, so that nothing has to be stored.
#[must_use]
pub fn nonce(key: &[u8; 32], now: UnixTime) -> String {
    let time = now.0.to_be_bytes();
    b64::encode([&time[..], &mac(key, &time)[..]].concat())
}

fn mac(key: &[u8; 32], time: &[u8; 8]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(hash::hmac_sha256(key, time)) {
        *to = from;
    }
    short
}

/// When a nonce ceases to count; `None` if it is not ours or counts no more.
fn nonce_end(expected: &Expected<'_>, sent: &str) -> Option<UnixTime> {
    let bytes = b64::decode(sent).ok()?;
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    if !ct_eq(rest, &mac(expected.nonce_key, time)) {
        return None;
    }
    let age = expected.now.since(UnixTime(i64::from_be_bytes(*time)));
    (-NODE_SKEW_S..NONCE_LIFETIME_S)
        .contains(&age)
        .then(|| UnixTime(i64::from_be_bytes(*time)).plus(NONCE_LIFETIME_S))
}

/// Whether a text can be a `dpop_jkt` (RFC 9449 §10): a SHA-256 thumbprint in base64url.
#[must_use]
pub fn is_thumbprint(text: &str) -> bool {
    b64::decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;
    use serde_json::json;

    const KEY: [u8; 32] = [9; 32];
    const NOW: UnixTime = UnixTime(1_700_000_000);

    fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn jwk() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(signing_key().verifying_key().as_bytes()) })
    }

    fn header() -> Value {
        json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk() })
    }

    fn claims() -> Value {
        json!({ "jti": "j1", "htm": "POST", "htu": "https://id.example/api/oidc/token", "iat": NOW.0 })
    }

    fn signed(header: &Value, claims: &str) -> String {
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims));
        format!("{input}.{}", b64::encode(signing_key().sign(input.as_bytes()).to_bytes()))
    }

    fn with(base: &Value, changes: &Value) -> Value {
        let mut all = base.clone();
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
            if value.is_null() {
                all.as_object_mut().unwrap().remove(name);
            }
        }
        all
    }

    fn checked(proof: &str, token: Option<&str>) -> Result<Proof, ProofError> {
        let addresses = [
            "https://id.example/api/oidc/token".to_owned(),
            "http://id.internal:1411/api/oidc/token".to_owned(),
        ];
        let access_token = token;
        verify(
            proof,
            &Expected { method: "POST", addresses: &addresses, access_token, nonce_key: &KEY, now: NOW },
        )
    }

    fn of_claims(changes: &Value) -> Result<Proof, ProofError> {
        checked(&signed(&header(), &with(&claims(), changes).to_string()), None)
    }

    #[test]
    fn a_good_proof() {
        let proof = of_claims(&json!({})).unwrap();
        let key: Jwk = serde_json::from_value(jwk()).unwrap();
        let want = Proof {
            jkt: thumbprint(&key),
            jti: "j1".into(),
            nonce: NonceState::Absent,
            forget_at: NOW.plus(61),
        };
        assert_eq!(proof, want);
        assert!(is_thumbprint(&proof.jkt));
    }

    #[test]
    fn rfc9449_section_4_1() {
        // the example of the specification, whose key has this thumbprint (§6.1)
        let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklD\
                     UkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2\
                     R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHB\
                     zOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8ig\
                     iMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
        let addresses = ["https://server.example.com/token".to_owned()];
        let expected = Expected {
            method: "POST",
            addresses: &addresses,
            access_token: None,
            nonce_key: &KEY,
            now: UnixTime(1_562_262_616),
        };
        let proof = verify(proof, &expected).unwrap();
        assert_eq!(proof.jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn s23_the_header() {
        use ProofError::*;
        let symmetric = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "AA" } });
        for (changes, error) in [
            (json!({ "typ": null }), Typ),
            (json!({ "typ": "JWT" }), Typ),
            (json!({ "typ": "at+jwt" }), Typ),
            (json!({ "typ": ["dpop+jwt"] }), Typ),
            (json!({ "alg": null }), Alg),
            (json!({ "alg": "none" }), Alg),
            (json!({ "alg": "HS256" }), Alg),
            (symmetric, Alg),
            (json!({ "alg": "ES256" }), Jwk),
            (json!({ "jwk": null }), Jwk),
            (json!({ "jwk": "x" }), Jwk),
            (json!({ "jwk": [jwk()] }), Jwk),
            (json!({ "jwk": { "kty": "oct", "k": "AA" } }), Jwk),
            (json!({ "jwk": with(&jwk(), &json!({ "x": "AA" })) }), Jwk),
            (json!({ "jwk": with(&jwk(), &json!({ "crv": "X25519" })) }), Jwk),
            (json!({ "jwk": null, "kid": "k1", "jku": "https://evil.example/k" }), Jwk),
            (json!({ "crit": ["exp"] }), Malformed),
            (json!({ "b64": false }), Malformed),
        ] {
            let proof = signed(&with(&header(), &changes), &claims().to_string());
            assert_eq!(checked(&proof, None), Err(error), "{changes}");
        }
        // a key that comes with its private part, whatever that is
        for name in PRIVATE {
            let changes = json!({ "jwk": with(&jwk(), &json!({ name: "AA" })) });
            let proof = signed(&with(&header(), &changes), &claims().to_string());
            assert_eq!(checked(&proof, None), Err(Jwk), "{name}");
        }
        // what else a JWK may say does not matter
        let more =
            json!({ "jwk": with(&jwk(), &json!({ "kid": "a", "use": "sig", "alg": "EdDSA", "ext": true })) });
        assert!(checked(&signed(&with(&header(), &more), &claims().to_string()), None).is_ok());
    }

    #[test]
    fn s23_the_signature_is_by_the_key_that_it_brings() {
        let other = SigningKey::from_bytes(&[8; 32]);
        let changes = json!({ "jwk": { "kty": "OKP", "crv": "Ed25519", "x": b64::encode(other.verifying_key().as_bytes()) } });
        let proof = signed(&with(&header(), &changes), &claims().to_string());
        assert_eq!(checked(&proof, None), Err(ProofError::Signature));
        let good = signed(&header(), &claims().to_string());
        let (input, signature) = good.rsplit_once('.').unwrap();
        let changed = b64::encode(with(&claims(), &json!({ "jti": "j2" })).to_string());
        let (head, _) = input.split_once('.').unwrap();
        assert_eq!(checked(&format!("{head}.{changed}.{signature}"), None), Err(ProofError::Signature));
        for bad in ["", "a", "a.b", "a.b.c", &format!("{good}.x"), &format!("{good}="), &format!("{input}.")]
        {
            assert!(checked(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn s23_the_claims() {
        use ProofError::*;
        for (changes, error) in [
            (json!({ "jti": null }), Claims),
            (json!({ "jti": "" }), Claims),
            (json!({ "jti": 1 }), Claims),
            (json!({ "htm": null }), Claims),
            (json!({ "htu": null }), Claims),
            (json!({ "iat": null }), Claims),
            (json!({ "iat": "1" }), Claims),
            (json!({ "nonce": 1 }), Claims),
            (json!({ "htm": "GET" }), Htm),
            (json!({ "htm": "post" }), Htm),
            (json!({ "iat": NOW.0 - 61 }), Iat),
            (json!({ "iat": NOW.0 + 61 }), Iat),
            (json!({ "iat": 0 }), Iat),
            (json!({ "iat": i64::MAX }), Iat),
            (json!({ "iat": i64::MIN }), Iat),
        ] {
            assert_eq!(of_claims(&changes), Err(error), "{changes}");
        }
        for good in
            [json!({ "iat": NOW.0 - 60 }), json!({ "iat": NOW.0 + 60 }), json!({ "iat": NOW.0 as f64 + 0.5 })]
        {
            assert!(of_claims(&good).is_ok(), "{good}");
        }
        for payload in ["[]", "x", "{}x", r#"{"jti":"a","jti":"b"}"#] {
            assert_eq!(checked(&signed(&header(), payload), None), Err(Malformed), "{payload}");
        }
    }

    #[test]
    fn s23_addresses_are_compared_normalised_and_without_query() {
        for good in [
            "https://id.example/api/oidc/token",
            "https://id.example/api/oidc/token?x=1#y",
            "HTTPS://ID.example:443/api/oidc/token",
            "https://id.example/api/./x/../oidc/token",
            "https://id.example/api/oidc/%74oken",
            "http://id.internal:1411/api/oidc/token",
        ] {
            assert!(of_claims(&json!({ "htu": good })).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/api/oidc/token",
            "https://id.example",
            "https://id.example/",
            "https://id.example/api/oidc/token/",
            "https://id.example/api/oidc/Token",
            "https://id.example/api/oidc/userinfo",
            "https://id.example/auth/api/oidc/token",
            "http://id.example/api/oidc/token",
            "https://id.example:8443/api/oidc/token",
            "https://id.example.evil.example/api/oidc/token",
            "https://user@id.example/api/oidc/token",
            "https://id.example/api%2Foidc/token",
            "https://id.internal:1411/api/oidc/token",
            "ftp://id.example/api/oidc/token",
        ] {
            assert_eq!(of_claims(&json!({ "htu": bad })), Err(ProofError::Htu), "{bad}");
        }
    }

    #[test]
    fn s23_a_proof_at_a_resource_is_for_its_token() {
        let ath = |token: &str| json!({ "ath": hash::sha256_b64(token) });
        let proof = |changes: &Value| signed(&header(), &with(&claims(), changes).to_string());
        assert!(checked(&proof(&ath("token")), Some("token")).is_ok());
        for bad in [json!({}), ath("other"), json!({ "ath": "token" }), json!({ "ath": 1 })] {
            assert_eq!(checked(&proof(&bad), Some("token")), Err(ProofError::Ath), "{bad}");
        }
    }

    #[test]
    fn s23_nonces_are_ours_and_count_for_five_minutes() {
        let state = |nonce: String| of_claims(&json!({ "nonce": nonce })).map(|p| p.nonce);
        assert_eq!(state(nonce(&KEY, NOW)), Ok(NonceState::Fresh));
        assert_eq!(state(nonce(&KEY, NOW.plus(-299))), Ok(NonceState::Fresh));
        assert_eq!(state(nonce(&KEY, NOW.plus(10))), Ok(NonceState::Fresh));
        for stale in [
            nonce(&KEY, NOW.plus(-300)),
            nonce(&KEY, NOW.plus(11)),
            nonce(&[8; 32], NOW),
            String::new(),
            "x".into(),
            nonce(&KEY, NOW).replace('A', "B"),
            format!("{}AAAA", nonce(&KEY, NOW)),
        ] {
            assert_eq!(state(stale.clone()), Ok(NonceState::Stale), "{stale}");
        }
        // with one, the client's clock does not matter; and the jti is kept as long as the nonce counts
        let wrong_clock = json!({ "iat": 5, "nonce": nonce(&KEY, NOW.plus(-100)) });
        assert_eq!(of_claims(&wrong_clock).map(|p| p.forget_at), Ok(NOW.plus(200)));
        let stale = json!({ "iat": 5, "nonce": nonce(&KEY, NOW.plus(-300)) });
        assert_eq!(of_claims(&stale), Err(ProofError::Iat));
        let ahead = json!({ "iat": NOW.0 + 60, "nonce": nonce(&KEY, NOW.plus(-299)) });
        assert_eq!(of_claims(&ahead).map(|p| p.forget_at), Ok(NOW.plus(121)));
    }

    #[test]
    fn thumbprints_have_43_characters() {
        assert!(is_thumbprint("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"));
        for bad in [
            "",
            "x",
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I=",
            "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uigu",
        ] {
            assert!(!is_thumbprint(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}", path in "[%/a-f0-9]{0,30}") {
            let _ = checked(&text, None);
            let _ = of_claims(&json!({ "htu": format!("https://id.example/{path}"), "nonce": text }));
        }
    }
}
