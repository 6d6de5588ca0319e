//! The `Keys` port on aws-lc-rs.
//!
//! Signing is done in place: an RSA-2048 signature takes less than a millisecond, less than handing it to
//! another thread and back. Only making an RSA key is long enough for one.

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use proto::b64;
use proto::jose::{Alg, Jwk};
use shared::ports::{KeyError, Keys, NewKey, Signer};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The provider.
pub(crate) struct AwsLc;

/// How an algorithm signs.
enum Scheme {
    Rsa(&'static dyn RsaEncoding),
    Ecdsa { curve: &'static str, algorithm: &'static EcdsaSigningAlgorithm },
    Ed25519,
}

fn scheme(alg: Alg) -> Scheme {
    match alg {
        Alg::RS256 => Scheme::Rsa(&RSA_PKCS1_SHA256),
        Alg::RS384 => Scheme::Rsa(&RSA_PKCS1_SHA384),
        Alg::RS512 => Scheme::Rsa(&RSA_PKCS1_SHA512),
        Alg::PS256 => Scheme::Rsa(&RSA_PSS_SHA256),
        Alg::ES256 => Scheme::Ecdsa { curve: "P-256", algorithm: &ECDSA_P256_SHA256_FIXED_SIGNING },
        Alg::ES384 => Scheme::Ecdsa { curve: "P-384", algorithm: &ECDSA_P384_SHA384_FIXED_SIGNING },
        Alg::ES512 => Scheme::Ecdsa { curve: "P-521", algorithm: &ECDSA_P521_SHA512_FIXED_SIGNING },
        Alg::EdDSA => Scheme::Ed25519,
    }
}

fn provider(what: &'static str) -> impl Fn(aws_lc_rs::error::Unspecified) -> KeyError {
    move |_| KeyError::Provider(what.to_owned())
}

#[async_trait]
impl Keys for AwsLc {
    async fn generate(&self, alg: Alg) -> Result<NewKey, KeyError> {
        tokio::task::spawn_blocking(move || generate(alg))
            .await
            .map_err(|_| KeyError::Provider("key generation was cut off".to_owned()))?
    }

    async fn import(&self, alg: Alg, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, KeyError> {
        let misfit = |_| KeyError::NotAKey(alg);
        Ok(match scheme(alg) {
            Scheme::Rsa(padding) => {
                Arc::new(RsaSigner { key: RsaKeyPair::from_pkcs8(pkcs8).map_err(misfit)?, padding })
            }
            Scheme::Ecdsa { algorithm, .. } => {
                Arc::new(EcdsaSigner(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(misfit)?))
            }
            Scheme::Ed25519 => Arc::new(EdSigner(Ed25519KeyPair::from_pkcs8(pkcs8).map_err(misfit)?)),
        })
    }
}

fn generate(alg: Alg) -> Result<NewKey, KeyError> {
    let made = provider("key generation failed");
    let exported = provider("key export failed");
    match scheme(alg) {
        Scheme::Rsa(_) => {
            let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(made)?;
            let der: Pkcs8V1Der<'_> = key.as_der().map_err(exported)?;
            let public = key.public_key();
            let public = Jwk::RSA {
                n: b64::encode(public.modulus().big_endian_without_leading_zero()),
                e: b64::encode(public.exponent().big_endian_without_leading_zero()),
            };
            Ok(NewKey { pkcs8: Zeroizing::new(der.as_ref().to_vec()), public })
        }
        Scheme::Ecdsa { curve, algorithm } => {
            let key = EcdsaKeyPair::generate(algorithm).map_err(made)?;
            let der = key.to_pkcs8v1().map_err(exported)?;
            let (x, y) = coordinates(key.public_key().as_ref())
                .ok_or_else(|| KeyError::Provider("unexpected form of a public key".to_owned()))?;
            let public = Jwk::EC { crv: curve.to_owned(), x: b64::encode(x), y: b64::encode(y) };
            Ok(NewKey { pkcs8: Zeroizing::new(der.as_ref().to_vec()), public })
        }
        Scheme::Ed25519 => {
            let key = Ed25519KeyPair::generate().map_err(made)?;
            // Version 1 has no public key inside; it is the form that WebCrypto takes too.
            let der = key.to_pkcs8v1().map_err(exported)?;
            let public = Jwk::OKP { crv: "Ed25519".to_owned(), x: b64::encode(key.public_key().as_ref()) };
            Ok(NewKey { pkcs8: Zeroizing::new(der.as_ref().to_vec()), public })
        }
    }
}

/// The halves of an uncompressed point (SEC 1 §2.3.3): `04 ‖ x ‖ y`.
fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    let xy = point.strip_prefix(&[4])?;
    xy.split_at_checked(xy.len() / 2)
}

struct RsaSigner {
    key: RsaKeyPair,
    padding: &'static dyn RsaEncoding,
}

struct EcdsaSigner(EcdsaKeyPair);

struct EdSigner(Ed25519KeyPair);

#[async_trait]
impl Signer for RsaSigner {
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(self.padding, &SystemRandom::new(), input, &mut signature)
            .map_err(provider("RSA signing failed"))?;
        Ok(signature)
    }
}

#[async_trait]
impl Signer for EcdsaSigner {
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.0.sign(&SystemRandom::new(), input).map_err(provider("ECDSA signing failed"))?;
        Ok(signature.as_ref().to_vec())
    }
}

#[async_trait]
impl Signer for EdSigner {
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.0.try_sign(input).map_err(provider("Ed25519 signing failed"))?;
        Ok(signature.as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
        RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
        RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
    };

    /// Verifies with nothing but what the JWK says.
    fn verifies(alg: Alg, jwk: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        let bytes = |text: &str| b64::decode(text).unwrap();
        match jwk {
            Jwk::RSA { n, e } => {
                let params = match alg {
                    Alg::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    Alg::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                    Alg::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                    _ => &RSA_PSS_2048_8192_SHA256,
                };
                let key = RsaPublicKeyComponents { n: bytes(n), e: bytes(e) };
                key.verify(params, message, signature).is_ok()
            }
            Jwk::EC { x, y, .. } => {
                let algorithm: &'static dyn VerificationAlgorithm = match alg {
                    Alg::ES256 => &ECDSA_P256_SHA256_FIXED,
                    Alg::ES384 => &ECDSA_P384_SHA384_FIXED,
                    _ => &ECDSA_P521_SHA512_FIXED,
                };
                let point = [vec![4], bytes(x), bytes(y)].concat();
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            Jwk::OKP { x, .. } => {
                UnparsedPublicKey::new(&ED25519, bytes(x)).verify(message, signature).is_ok()
            }
        }
    }

    #[tokio::test]
    async fn what_is_signed_verifies_with_the_published_key_only() {
        for (alg, signature_len) in [
            (Alg::RS256, 256),
            (Alg::RS384, 256),
            (Alg::RS512, 256),
            (Alg::PS256, 256),
            (Alg::ES256, 64),
            (Alg::ES384, 96),
            (Alg::ES512, 132),
            (Alg::EdDSA, 64),
        ] {
            let new = AwsLc.generate(alg).await.unwrap();
            let signer = AwsLc.import(alg, &new.pkcs8).await.unwrap();
            let signature = signer.sign(b"message").await.unwrap();
            assert_eq!(signature.len(), signature_len, "{alg}");
            assert!(verifies(alg, &new.public, b"message", &signature), "{alg}");
            assert!(!verifies(alg, &new.public, b"massage", &signature), "{alg}");
            let other = AwsLc.generate(alg).await.unwrap();
            assert!(!verifies(alg, &other.public, b"message", &signature), "{alg}");
        }
    }

    #[tokio::test]
    async fn public_keys_have_full_length() {
        let len = |text: &str| b64::decode(text).unwrap().len();
        for (alg, size) in [(Alg::ES256, 32), (Alg::ES384, 48), (Alg::ES512, 66)] {
            match AwsLc.generate(alg).await.unwrap().public {
                Jwk::EC { x, y, .. } => assert_eq!((len(&x), len(&y)), (size, size), "{alg}"),
                other => panic!("{other:?}"),
            }
        }
        match AwsLc.generate(Alg::RS256).await.unwrap().public {
            Jwk::RSA { n, e } => assert_eq!((len(&n), e.as_str()), (256, "AQAB")),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn keys_of_another_kind_or_curve_are_refused() {
        let p256 = AwsLc.generate(Alg::ES256).await.unwrap();
        for alg in [Alg::RS256, Alg::PS256, Alg::ES384, Alg::ES512, Alg::EdDSA] {
            assert_eq!(AwsLc.import(alg, &p256.pkcs8).await.err(), Some(KeyError::NotAKey(alg)));
        }
        assert_eq!(AwsLc.import(Alg::ES256, b"rubbish").await.err(), Some(KeyError::NotAKey(Alg::ES256)));
        assert_eq!(AwsLc.import(Alg::EdDSA, &[]).await.err(), Some(KeyError::NotAKey(Alg::EdDSA)));
    }
}
