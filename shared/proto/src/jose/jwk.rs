//! Public keys as JSON Web Keys (RFC 7517).

use super::Alg;
use serde::{Deserialize, Serialize};

/// The key material of a public key, one variant per `kty` (RFC 7518 §6, RFC 8037 §2).
/// All values are base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum Jwk {
    /// RSA public key.
    RSA {
        /// Modulus, big endian.
        n: String,
        /// Exponent, big endian.
        e: String,
    },
    /// Elliptic curve public key.
    EC {
        /// `P-256`, `P-384` or `P-521`.
        crv: String,
        /// X coordinate, padded to the field's length.
        x: String,
        /// Y coordinate, padded to the field's length.
        y: String,
    },
    /// Octet key pair.
    OKP {
        /// `Ed25519`.
        crv: String,
        /// Public key.
        x: String,
    },
}

/// A public signing key as it stands in the published key set (RFC 7517 §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedJwk {
    /// Names the key in the headers of what it signed.
    pub kid: String,
    /// What the key is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// The one algorithm the key is used with.
    pub alg: Alg,
    /// The key itself.
    #[serde(flatten)]
    pub jwk: Jwk,
}

/// What a key is for (RFC 7517 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum KeyUse {
    /// Signatures.
    #[serde(rename = "sig")]
    Sig,
}

/// A key set (RFC 7517 §5), the body of `/.well-known/jwks.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JwkSet {
    /// The keys, the one that signs now first.
    pub keys: Vec<PublishedJwk>,
}

impl PublishedJwk {
    /// A signing key to publish.
    #[must_use]
    pub const fn new(kid: String, alg: Alg, jwk: Jwk) -> Self {
        Self { kid, key_use: KeyUse::Sig, alg, jwk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_published_key_is_flat() {
        let jwk = Jwk::OKP { crv: "Ed25519".into(), x: "AA".into() };
        let set = JwkSet { keys: vec![PublishedJwk::new("k1".into(), Alg::EdDSA, jwk)] };
        assert_eq!(
            serde_json::to_value(set).unwrap(),
            json!({"keys": [
                {"kid": "k1", "use": "sig", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519", "x": "AA"}
            ]})
        );
    }

    #[test]
    fn unknown_key_types_are_not_read() {
        assert!(serde_json::from_value::<Jwk>(json!({"kty": "oct", "k": "AA"})).is_err());
        assert!(serde_json::from_value::<Jwk>(json!({"kty": "RSA", "n": "AA"})).is_err());
    }
}
