//! Compact JWS (RFC 7515 §7.1), strictly (RFC 8725).
//!
//! What a token says about its own key is never trusted: `alg` has to be the one the verifying key was bound to,
//! and `jku`, `x5u` and `x5c` are not read. A `jwk` is read for DPoP proofs alone, which prove possession of the key
//! that they bring along and nothing else (RFC 9449 §4.3).

use super::{Alg, VerifyingKey};
use crate::{b64, json};
use serde_json::{Map, Value};

/// The longest token that is read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`MAX_BYTES`].
    #[error("token is too long")]
    TooLong,
    /// Not three parts of canonical base64url, the first of which is a JSON object with distinct names.
    #[error("token is malformed")]
    Malformed,
    /// The header asks for an extension (`crit`, `b64`); none is known (RFC 7515 §4.1.11, RFC 7797 §6).
    #[error("token asks for an unknown extension")]
    Extension,
    /// `alg` is not the algorithm of the verifying key, whatever else it is.
    #[error("token has another algorithm than its key")]
    AlgMismatch,
    /// The signature is wrong.
    #[error("token signature is invalid")]
    BadSignature,
}

/// A parsed token whose signature has not been checked. It tells which key it claims and nothing else.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    signing_input: &'a str,
    header: Map<String, Value>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The content of a token whose signature was right. Only [`Unverified::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    header: Map<String, Value>,
    payload: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Parses a token in compact serialisation.
    ///
    /// # Errors
    /// [`JwsError::TooLong`], [`JwsError::Malformed`], [`JwsError::Extension`].
    pub fn parse(token: &'a str) -> Result<Self, JwsError> {
        if token.len() > MAX_BYTES {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        let part = |text: &str| b64::decode(text).map_err(|_| JwsError::Malformed);
        let header = json::parse_object(&part(header)?).map_err(|_| JwsError::Malformed)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwsError::Extension);
        }
        Ok(Self { signing_input, header, payload: part(payload)?, signature: part(signature)? })
    }

    /// The key the token claims to be signed with, to look it up among the keys that are trusted.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The algorithm the token claims, if it is one that is served. It only serves to find a key that allows it.
    #[must_use]
    pub fn alg(&self) -> Option<Alg> {
        self.header.get("alg").and_then(Value::as_str)?.parse().ok()
    }

    /// A claim of the unverified payload that is a string: who the token says it is of, to look that up.
    #[must_use]
    pub fn claimed(&self, name: &str) -> Option<String> {
        json::parse_object(&self.payload).ok()?.get(name)?.as_str().map(str::to_owned)
    }

    /// A header parameter that names no key to trust: what it says counts only once the signature is right.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`JwsError::AlgMismatch`], [`JwsError::BadSignature`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JwsError> {
        if self.header.get("alg").and_then(Value::as_str) != Some(key.alg().as_str()) {
            return Err(JwsError::AlgMismatch);
        }
        key.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_| JwsError::BadSignature)?;
        Ok(Verified { header: self.header, payload: self.payload })
    }
}

impl Verified {
    /// The `typ` header, if there is one.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.get("typ").and_then(Value::as_str)
    }

    /// The signed bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// What has to be signed: header and payload, encoded and joined (RFC 7515 §5.1).
#[must_use]
pub fn signing_input(alg: Alg, kid: &str, typ: &str, payload: &[u8]) -> String {
    let header = serde_json::json!({ "alg": alg.as_str(), "kid": kid, "typ": typ });
    format!("{}.{}", b64::encode(header.to_string()), b64::encode(payload))
}

/// The token of a signing input and the signature made over it.
#[must_use]
pub fn assemble(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", b64::encode(signature))
}

#[cfg(test)]
mod tests {
    use super::super::vectors::*;
    use super::*;
    use crate::hash;
    use proptest::prelude::*;

    fn read(token: &str) -> Result<Verified, JwsError> {
        let key = VerifyingKey::from_jwk(&rsa(), Alg::RS256).unwrap();
        Unverified::parse(token)?.verify(&key)
    }

    /// The RFC's payload and signature under another header.
    fn with_header(header: &str) -> String {
        let (_, rest) = RS256_JWS.split_once('.').unwrap();
        format!("{}.{rest}", b64::encode(header))
    }

    fn ed25519_signed(header: &str, payload: &str) -> String {
        use ed25519_dalek::Signer;
        let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
        let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(input.as_bytes());
        assemble(&input, &signature.to_bytes())
    }

    fn ed25519_verified(token: &str) -> Result<Verified, JwsError> {
        let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
        let jwk = super::super::Jwk::OKP { crv: "Ed25519".into(), x: b64::encode(public.as_bytes()) };
        Unverified::parse(token)?.verify(&VerifyingKey::from_jwk(&jwk, Alg::EdDSA).unwrap())
    }

    #[test]
    fn rfc7515_appendix_a_2() {
        let verified = read(RS256_JWS).unwrap();
        let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        assert_eq!(verified.payload(), payload.as_bytes());
        assert_eq!(verified.typ(), None);
    }

    #[test]
    fn rfc7515_appendix_a_4_has_a_payload_of_text() {
        let key = VerifyingKey::from_jwk(&p521(), Alg::ES512).unwrap();
        assert_eq!(Unverified::parse(ES512_JWS).unwrap().verify(&key).unwrap().payload(), b"Payload");
    }

    #[test]
    fn s24_the_header_never_chooses_the_algorithm() {
        for header in [
            "{}",
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":""}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"rs256"}"#,
            r#"{"alg":"RS256 "}"#,
            r#"{"alg":"RS384"}"#,
            r#"{"alg":"PS256"}"#,
            r#"{"alg":"ES256"}"#,
            r#"{"alg":"EdDSA"}"#,
        ] {
            assert_eq!(read(&with_header(header)), Err(JwsError::AlgMismatch), "{header}");
        }
    }

    #[test]
    fn s24_hs256_with_the_public_key_as_secret() {
        for secret in [RSA_N.to_owned(), serde_json::to_string(&rsa()).unwrap()] {
            let (_, payload_and_signature) = RS256_JWS.split_once('.').unwrap();
            let (payload, _) = payload_and_signature.split_once('.').unwrap();
            let input = format!("{}.{payload}", b64::encode(r#"{"alg":"HS256","typ":"JWT"}"#));
            let token = assemble(&input, &hash::hmac_sha256(secret.as_bytes(), input.as_bytes()));
            assert_eq!(read(&token), Err(JwsError::AlgMismatch));
            let token = token.replace(&b64::encode(r#"{"alg":"HS256","typ":"JWT"}"#), "eyJhbGciOiJSUzI1NiJ9");
            assert_eq!(read(&token), Err(JwsError::BadSignature));
        }
    }

    #[test]
    fn s24_alg_none_has_no_signature_to_offer() {
        let (input, _) = RS256_JWS.rsplit_once('.').unwrap();
        let (_, payload) = input.split_once('.').unwrap();
        let none = b64::encode(r#"{"alg":"none"}"#);
        assert_eq!(read(&format!("{none}.{payload}.")), Err(JwsError::AlgMismatch));
        assert_eq!(read(&format!("{none}.{payload}")), Err(JwsError::Malformed));
        assert_eq!(read(&format!("{input}.")), Err(JwsError::BadSignature));
    }

    #[test]
    fn s24_extensions_are_refused_even_when_well_signed() {
        for header in [
            r#"{"alg":"EdDSA","b64":false}"#,
            r#"{"alg":"EdDSA","b64":true}"#,
            r#"{"alg":"EdDSA","b64":false,"crit":["b64"]}"#,
            r#"{"alg":"EdDSA","crit":["exp"],"exp":1}"#,
            r#"{"alg":"EdDSA","crit":[]}"#,
            r#"{"alg":"EdDSA","crit":null}"#,
        ] {
            assert_eq!(ed25519_verified(&ed25519_signed(header, "{}")), Err(JwsError::Extension), "{header}");
        }
    }

    #[test]
    fn s24_keys_inside_the_token_are_not_used() {
        use ed25519_dalek::Signer;
        let attacker = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let x = b64::encode(attacker.verifying_key().as_bytes());
        let header = format!(
            r#"{{"alg":"EdDSA","jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}},"jku":"https://evil.com/k","x5u":"https://evil.com/c","x5c":["AA=="]}}"#
        );
        // signed by the key that it brings along
        let input = format!("{}.{}", b64::encode(&header), b64::encode("{}"));
        let token = assemble(&input, &attacker.sign(input.as_bytes()).to_bytes());
        assert_eq!(ed25519_verified(&token), Err(JwsError::BadSignature));
        // signed by the trusted key: what it brings along does not matter
        assert_eq!(ed25519_verified(&ed25519_signed(&header, "{}")).unwrap().payload(), b"{}");
    }

    #[test]
    fn s24_one_spelling_per_token() {
        let [header, payload, signature] = RS256_JWS.split('.').collect::<Vec<_>>()[..] else { panic!() };
        for token in [
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            header.into(),
            format!("{header}.{payload}"),
            format!("{RS256_JWS}."),
            format!(".{RS256_JWS}"),
            format!("{RS256_JWS}.{signature}"),
            format!("{header}..{payload}.{signature}"),
            format!("{RS256_JWS}="),
            format!("{RS256_JWS}=="),
            format!("{header}=.{payload}.{signature}"),
            format!("{RS256_JWS} "),
            format!("{RS256_JWS}\n"),
            format!(" {RS256_JWS}"),
            // the last character has four unused bits
            format!("{header}.{payload}.{}x", signature.strip_suffix('w').unwrap()),
            RS256_JWS.replace('_', "/"),
            RS256_JWS.replace('-', "+"),
            format!("{}.{payload}.{signature}", b64::encode("[]")),
            format!("{}.{payload}.{signature}", b64::encode(r#""RS256""#)),
            format!("{}.{payload}.{signature}", b64::encode(r#"{"alg":"RS256","alg":"none"}"#)),
            format!("{}.{payload}.{signature}", b64::encode(r#"{"alg":"none","alg":"RS256"}"#)),
            format!("{}.{payload}.{signature}", b64::encode(r#"{"alg":"RS256","\u0061lg":"RS256"}"#)),
            format!("{}.{payload}.{signature}", b64::encode(r#"{"alg":"RS256"}x"#)),
            format!("{}.{payload}.{signature}", b64::encode(b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}")),
            format!(r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#),
        ] {
            assert_eq!(read(&token), Err(JwsError::Malformed), "{token}");
        }
    }

    #[test]
    fn s55_the_length_is_limited() {
        let token = ed25519_signed(r#"{"alg":"EdDSA"}"#, &"x".repeat(MAX_BYTES));
        assert_eq!(ed25519_verified(&token), Err(JwsError::TooLong));
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let input = signing_input(Alg::EdDSA, "k1", "at+jwt", br#"{"sub":"u"}"#);
        let (header, _) = input.split_once('.').unwrap();
        assert_eq!(b64::decode(header).unwrap(), br#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#);
        let token = ed25519_signed(r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#, r#"{"sub":"u"}"#);
        assert!(token.starts_with(&input));
        assert_eq!(Unverified::parse(&token).unwrap().kid(), Some("k1"));
        assert_eq!(ed25519_verified(&token).unwrap().typ(), Some("at+jwt"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}", a in "[A-Za-z0-9_-]{0,30}", b in "[A-Za-z0-9_-]{0,30}") {
            let _ = read(&text);
            let _ = read(&format!("eyJhbGciOiJSUzI1NiJ9.{a}.{b}"));
            let _ = read(&format!("{a}.{b}."));
        }
    }
}
