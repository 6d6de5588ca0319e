use super::lock;
use async_trait::async_trait;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use p256::elliptic_curve::Generate as _;
use proto::b64;
use proto::jose::{Alg, Jwk};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use sha2::{Sha256, Sha384, Sha512};
use shared::ports::{KeyError, Keys, NewKey, Signer};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// Keys by RustCrypto, the same in every run. Every RSA key is the same one, since making one takes seconds.
pub struct RustCryptoKeys {
    rng: Mutex<ChaCha20Rng>,
}

impl RustCryptoKeys {
    /// A provider by its seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { rng: Mutex::new(ChaCha20Rng::seed_from_u64(seed)) }
    }
}

#[async_trait]
impl Keys for RustCryptoKeys {
    async fn generate(&self, alg: Alg) -> Result<NewKey, KeyError> {
        let pkcs8 = match alg {
            Alg::RS256 | Alg::RS384 | Alg::RS512 | Alg::PS256 => Zeroizing::new(RSA_2048.to_vec()),
            Alg::ES256 => der(&p256::SecretKey::generate_from_rng(&mut *lock(&self.rng)).to_pkcs8_der())?,
            Alg::ES384 => der(&p384::SecretKey::generate_from_rng(&mut *lock(&self.rng)).to_pkcs8_der())?,
            Alg::ES512 => der(&p521::SecretKey::generate_from_rng(&mut *lock(&self.rng)).to_pkcs8_der())?,
            Alg::EdDSA => {
                let mut seed = [0; 32];
                lock(&self.rng).fill_bytes(&mut seed);
                der(&ed25519_dalek::SigningKey::from_bytes(&seed).to_pkcs8_der())?
            }
        };
        let public = Private::parse(alg, &pkcs8)?.public();
        Ok(NewKey { pkcs8, public })
    }

    async fn import(&self, alg: Alg, pkcs8: &[u8]) -> Result<Arc<dyn Signer>, KeyError> {
        let mut seed = [0; 32];
        lock(&self.rng).fill_bytes(&mut seed);
        let rng = Mutex::new(ChaCha20Rng::from_seed(seed));
        Ok(Arc::new(RustCryptoSigner { key: Private::parse(alg, pkcs8)?, rng }))
    }
}

const RSA_2048: &[u8] = include_bytes!("../../data/rsa2048.pk8");

struct RustCryptoSigner {
    key: Private,
    /// Salts of PSS.
    rng: Mutex<ChaCha20Rng>,
}

#[async_trait]
impl Signer for RustCryptoSigner {
    async fn sign(&self, input: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(match &self.key {
            Private::Rs256(key) => key.sign(input).to_vec(),
            Private::Rs384(key) => key.sign(input).to_vec(),
            Private::Rs512(key) => key.sign(input).to_vec(),
            Private::Ps256(key) => key.sign_with_rng(&mut *lock(&self.rng), input).to_vec(),
            Private::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            Private::Es384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            Private::Es512(key) => {
                let signature: p521::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            Private::EdDsa(key) => key.sign(input).to_vec(),
        })
    }
}

enum Private {
    Rs256(rsa::pkcs1v15::SigningKey<Sha256>),
    Rs384(rsa::pkcs1v15::SigningKey<Sha384>),
    Rs512(rsa::pkcs1v15::SigningKey<Sha512>),
    Ps256(rsa::pss::SigningKey<Sha256>),
    Es256(p256::ecdsa::SigningKey),
    Es384(p384::ecdsa::SigningKey),
    Es512(p521::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
}

impl Private {
    fn parse(alg: Alg, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let rsa_key = || rsa::PrivateKey::from_pkcs8_der(pkcs8).map_err(|_| KeyError::NotAKey(alg));
        let misfit = |_| KeyError::NotAKey(alg);
        Ok(match alg {
            Alg::RS256 => Self::Rs256(rsa::pkcs1v15::SigningKey::new(rsa_key()?)),
            Alg::RS384 => Self::Rs384(rsa::pkcs1v15::SigningKey::new(rsa_key()?)),
            Alg::RS512 => Self::Rs512(rsa::pkcs1v15::SigningKey::new(rsa_key()?)),
            Alg::PS256 => Self::Ps256(rsa::pss::SigningKey::new(rsa_key()?)),
            Alg::ES256 => Self::Es256(p256::SecretKey::from_pkcs8_der(pkcs8).map_err(misfit)?.into()),
            Alg::ES384 => Self::Es384(p384::SecretKey::from_pkcs8_der(pkcs8).map_err(misfit)?.into()),
            Alg::ES512 => Self::Es512(p521::SecretKey::from_pkcs8_der(pkcs8).map_err(misfit)?.into()),
            Alg::EdDSA => Self::EdDsa(ed25519_dalek::SigningKey::from_pkcs8_der(pkcs8).map_err(misfit)?),
        })
    }

    fn public(&self) -> Jwk {
        match self {
            Self::Rs256(key) => rsa_jwk(key.as_ref()),
            Self::Rs384(key) => rsa_jwk(key.as_ref()),
            Self::Rs512(key) => rsa_jwk(key.as_ref()),
            Self::Ps256(key) => rsa_jwk(key.as_ref()),
            Self::Es256(key) => ec_jwk("P-256", key.verifying_key().to_sec1_point(false).as_bytes()),
            Self::Es384(key) => ec_jwk("P-384", key.verifying_key().to_sec1_point(false).as_bytes()),
            Self::Es512(key) => ec_jwk("P-521", key.verifying_key().to_sec1_point(false).as_bytes()),
            Self::EdDsa(key) => {
                Jwk::OKP { crv: "Ed25519".to_owned(), x: b64::encode(key.verifying_key().as_bytes()) }
            }
        }
    }
}

fn rsa_jwk(key: &rsa::PrivateKey) -> Jwk {
    Jwk::RSA { n: b64::encode(key.n_bytes()), e: b64::encode(key.e_bytes()) }
}

/// `sec1` is an uncompressed point (SEC 1 §2.3.3): 4, then x and y of equal length.
fn ec_jwk(crv: &str, sec1: &[u8]) -> Jwk {
    let coordinates = sec1.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    Jwk::EC { crv: crv.to_owned(), x: b64::encode(x), y: b64::encode(y) }
}

fn der<E: std::fmt::Display>(
    document: &Result<ed25519_dalek::pkcs8::SecretDocument, E>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match document {
        Ok(der) => Ok(Zeroizing::new(der.as_bytes().to_vec())),
        Err(e) => Err(KeyError::Provider(e.to_string())),
    }
}
