//! Public keys of others: a JWK set (RFC 7517 §5), read for verifying signatures.

use super::jws::{JwsError, Unverified, Verified};
use super::{Alg, Jwk, VerifyingKey};
use serde_json::{Map, Value};

/// Most keys of a set that are looked at; further ones are not read.
pub const MAX_KEYS: usize = 50;

/// Most keys that are tried on one token, because each try costs a signature check.
const MAX_TRIES: usize = 3;

/// A key set of somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    kid: Option<String>,
    algs: Vec<Alg>,
    jwk: Jwk,
}

/// The value is no JWK set: it has no array `keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a JWK set")]
pub struct NotAKeySet;

/// Why no key of a set verifies a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// None of the keys has the token's `kid` and algorithm; the set may have changed.
    #[error("token is signed with an unknown key")]
    UnknownKey,
    /// The token or its signature is wrong.
    #[error(transparent)]
    Jws(#[from] JwsError),
}

impl KeySet {
    /// Reads a key set. Keys that are not for signatures, or of a kind that is not known, are left out
    /// (RFC 7517 §5).
    ///
    /// # Errors
    /// [`NotAKeySet`].
    pub fn read(set: &Map<String, Value>) -> Result<Self, NotAKeySet> {
        let keys = set.get("keys").and_then(Value::as_array).ok_or(NotAKeySet)?;
        Ok(Self { keys: keys.iter().take(MAX_KEYS).filter_map(Entry::read).collect() })
    }

    /// Whether no key can be used.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Checks a token's signature. The key is the one that the `kid` names, or one without a `kid`; the algorithm
    /// has to be one that the key itself allows (RFC 8725 §3.1).
    ///
    /// # Errors
    /// [`KeySetError`].
    pub fn verify(&self, token: &Unverified<'_>) -> Result<Verified, KeySetError> {
        let alg = token.alg().ok_or(KeySetError::Jws(JwsError::AlgMismatch))?;
        let named = self.keys.iter().filter(|k| token.kid().is_some() && k.kid.as_deref() == token.kid());
        let unnamed = self.keys.iter().filter(|k| k.kid.is_none() || token.kid().is_none());
        let mut result = Err(KeySetError::UnknownKey);
        for key in named.chain(unnamed).filter(|k| k.algs.contains(&alg)).take(MAX_TRIES) {
            let Ok(key) = VerifyingKey::from_jwk(&key.jwk, alg) else { continue };
            match token.clone().verify(&key) {
                Ok(verified) => return Ok(verified),
                Err(error) => result = Err(error.into()),
            }
        }
        result
    }
}

impl Entry {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let is_for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
        let verifies = value
            .get("key_ops")
            .and_then(Value::as_array)
            .is_none_or(|ops| ops.iter().any(|op| op.as_str() == Some("verify")));
        if !is_for_signatures || !verifies {
            return None;
        }
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let algs = match text("alg") {
            Some(name) => vec![name.parse().ok()?],
            None => possible(&jwk),
        };
        Some(Self { kid: text("kid").map(str::to_owned), algs, jwk })
    }
}

/// What a key without `alg` may be used with: its type leaves one choice, or those of RSA.
fn possible(jwk: &Jwk) -> Vec<Alg> {
    match jwk {
        Jwk::RSA { .. } => vec![Alg::RS256, Alg::RS384, Alg::RS512, Alg::PS256],
        Jwk::EC { crv, .. } => match crv.as_str() {
            "P-256" => vec![Alg::ES256],
            "P-384" => vec![Alg::ES384],
            "P-521" => vec![Alg::ES512],
            _ => Vec::new(),
        },
        Jwk::OKP { .. } => vec![Alg::EdDSA],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::b64;
    use crate::jose::jws;
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::json;

    fn public(seed: u8) -> String {
        b64::encode(SigningKey::from_bytes(&[seed; 32]).verifying_key().as_bytes())
    }

    fn set(keys: Value) -> KeySet {
        KeySet::read(json!({ "keys": keys }).as_object().unwrap()).unwrap()
    }

    fn signed(seed: u8, header: &Value) -> String {
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode("{}"));
        jws::assemble(&input, &SigningKey::from_bytes(&[seed; 32]).sign(input.as_bytes()).to_bytes())
    }

    fn check(keys: Value, seed: u8, header: Value) -> Result<(), KeySetError> {
        set(keys).verify(&Unverified::parse(&signed(seed, &header)).unwrap()).map(drop)
    }

    #[test]
    fn the_key_is_the_one_that_kid_names() {
        let two = json!([
            {"kty": "OKP", "crv": "Ed25519", "x": public(1), "kid": "a"},
            {"kty": "OKP", "crv": "Ed25519", "x": public(2), "kid": "b"},
        ]);
        let bad = Err(KeySetError::Jws(JwsError::BadSignature));
        for (seed, header, expected) in [
            (1, json!({"alg": "EdDSA", "kid": "a"}), Ok(())),
            (2, json!({"alg": "EdDSA", "kid": "b"}), Ok(())),
            (2, json!({"alg": "EdDSA", "kid": "a"}), bad),
            (1, json!({"alg": "EdDSA", "kid": "c"}), Err(KeySetError::UnknownKey)),
            (2, json!({"alg": "EdDSA"}), Ok(())),
            (3, json!({"alg": "EdDSA"}), bad),
        ] {
            assert_eq!(check(two.clone(), seed, header.clone()), expected, "{seed} {header}");
        }
        let unnamed = json!([{"kty": "OKP", "crv": "Ed25519", "x": public(1)}]);
        assert_eq!(check(unnamed, 1, json!({"alg": "EdDSA", "kid": "whatever"})), Ok(()));
    }

    #[test]
    fn s24_the_key_decides_on_the_algorithm() {
        let rsa_only = json!([{"kty": "OKP", "crv": "Ed25519", "x": public(1), "alg": "RS256"}]);
        assert_eq!(check(rsa_only, 1, json!({"alg": "EdDSA"})), Err(KeySetError::UnknownKey));
        let key = json!([{"kty": "OKP", "crv": "Ed25519", "x": public(1)}]);
        for alg in ["none", "HS256", "RS1", "", "eddsa"] {
            let expected = Err(KeySetError::Jws(JwsError::AlgMismatch));
            assert_eq!(check(key.clone(), 1, json!({ "alg": alg })), expected, "{alg}");
        }
        for alg in ["RS256", "PS256", "ES256"] {
            assert_eq!(check(key.clone(), 1, json!({ "alg": alg })), Err(KeySetError::UnknownKey), "{alg}");
        }
    }

    #[test]
    fn what_cannot_verify_is_left_out() {
        for key in [
            json!({"kty": "oct", "k": "AA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": public(1), "use": "enc"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": public(1), "key_ops": ["sign"]}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": public(1), "alg": "HS256"}),
            json!({"kty": "RSA"}),
            json!("key"),
        ] {
            assert!(set(json!([key])).is_empty(), "{key}");
        }
        for none in [json!({}), json!({"keys": {}}), json!({"keys": null})] {
            assert_eq!(KeySet::read(none.as_object().unwrap()), Err(NotAKeySet), "{none}");
        }
    }

    #[test]
    fn s60_only_a_few_keys_are_tried() {
        let many: Vec<Value> =
            (1..=10).map(|n| json!({"kty": "OKP", "crv": "Ed25519", "x": public(n)})).collect();
        let many = Value::Array(many);
        assert_eq!(check(many.clone(), 3, json!({"alg": "EdDSA"})), Ok(()));
        let expected = Err(KeySetError::Jws(JwsError::BadSignature));
        assert_eq!(check(many, 4, json!({"alg": "EdDSA"})), expected);
    }
}
