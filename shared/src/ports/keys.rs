//! Private keys: making and using them. Verification is a pure function of `proto`.

use async_trait::async_trait;
use proto::jose::{Alg, Jwk};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Why a key could not be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The PKCS#8 bytes are not a key for the algorithm.
    #[error("not a private key for {0}")]
    NotAKey(Alg),
    /// The host does not offer the algorithm.
    #[error("{0} is not offered by this host")]
    Unsupported(Alg),
    /// The crypto provider failed.
    #[error("crypto provider failed: {0}")]
    Provider(String),
}

/// A freshly made key pair.
pub struct NewKey {
    /// Private key, PKCS#8 DER (RFC 5958).
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// The public half.
    pub public: Jwk,
}

/// A private key ready to sign.
#[async_trait]
pub trait Signer: Send + Sync {
    /// Signs `input` and returns the signature in JWS form (RFC 7515; ECDSA as `r ‖ s`, RFC 7518 §3.4).
    ///
    /// # Errors
    /// [`KeyError::Provider`] if the provider fails.
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// The crypto provider of the host.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Makes a key pair; RSA keys have 2048 bits.
    ///
    /// # Errors
    /// [`KeyError`] if the host cannot.
    async fn generate(&self, alg: Alg) -> Result<NewKey, KeyError>;

    /// Takes a PKCS#8 private key into use. Hosts that can make it non-extractable do.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] if the bytes do not fit the algorithm.
    async fn import(&self, alg: Alg, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, KeyError>;
}
