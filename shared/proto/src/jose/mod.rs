//! JOSE: algorithms, keys and signatures (RFC 7515, 7517, 7518, 7519, 7638, 8037, 8725).

pub mod alg;
pub mod jwk;
pub mod jws;
pub mod jwt;
pub mod key_set;
pub mod thumbprint;
#[cfg(test)]
mod vectors;
pub mod verify;

pub use alg::Alg;
pub use jwk::{Jwk, JwkSet, PublishedJwk};
pub use jwt::TokenType;
pub use key_set::KeySet;
pub use thumbprint::thumbprint;
pub use verify::VerifyingKey;
