//! Public keys as JSON Web Keys (RFC 7517).

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
