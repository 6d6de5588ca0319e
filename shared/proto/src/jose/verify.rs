//! Signature verification (RFC 7518 §3, RFC 8037 §3.1). Signatures are made elsewhere, by a port of the hosts.

use super::{Alg, Jwk};
use crate::b64;
use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::signature::Verifier;
use rsa::{BoxedUint, pkcs1v15, pss};
use sha2::{Sha256, Sha384, Sha512};

/// The shortest RSA modulus that is taken, in bits (RFC 7518 §3.3).
pub const MIN_RSA_BITS: u32 = 2048;

/// The longest RSA modulus that is taken, in bits; longer ones cost too much to verify.
pub const MAX_RSA_BITS: u32 = 8192;

/// Why a public key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is of another type or curve than its algorithm needs.
    #[error("key does not fit its algorithm")]
    WrongType,
    /// A coordinate, modulus or exponent is not canonical base64url of the right length.
    #[error("key is malformed")]
    Malformed,
    /// The point is not on the curve or of small order, or the RSA numbers are not a possible key.
    #[error("key is invalid")]
    Invalid,
    /// The RSA modulus is shorter than [`MIN_RSA_BITS`] or longer than [`MAX_RSA_BITS`].
    #[error("RSA key has an unacceptable size")]
    RsaSize,
}

/// The signature was not made with this key over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature is invalid")]
pub struct BadSignature;

/// A public key together with the one algorithm it verifies.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    alg: Alg,
    key: Key,
}

#[derive(Debug, Clone)]
enum Key {
    Rs256(pkcs1v15::VerifyingKey<Sha256>),
    Rs384(pkcs1v15::VerifyingKey<Sha384>),
    Rs512(pkcs1v15::VerifyingKey<Sha512>),
    Ps256(pss::VerifyingKey<Sha256>),
    Es256(p256::ecdsa::VerifyingKey),
    Es384(p384::ecdsa::VerifyingKey),
    Es512(p521::ecdsa::VerifyingKey),
    EdDsa(Ed25519Key),
}

impl VerifyingKey {
    /// A key from its JWK, for signatures of algorithm `alg`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_jwk(jwk: &Jwk, alg: Alg) -> Result<Self, KeyError> {
        let invalid = |_| KeyError::Invalid;
        let key = match alg {
            Alg::RS256 => Key::Rs256(pkcs1v15::VerifyingKey::new(rsa_key(jwk)?)),
            Alg::RS384 => Key::Rs384(pkcs1v15::VerifyingKey::new(rsa_key(jwk)?)),
            Alg::RS512 => Key::Rs512(pkcs1v15::VerifyingKey::new(rsa_key(jwk)?)),
            Alg::PS256 => Key::Ps256(pss::VerifyingKey::new(rsa_key(jwk)?)),
            Alg::ES256 => Key::Es256(
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1(jwk, "P-256", 32)?).map_err(invalid)?,
            ),
            Alg::ES384 => Key::Es384(
                p384::ecdsa::VerifyingKey::from_sec1_bytes(&sec1(jwk, "P-384", 48)?).map_err(invalid)?,
            ),
            Alg::ES512 => Key::Es512(
                p521::ecdsa::VerifyingKey::from_sec1_bytes(&sec1(jwk, "P-521", 66)?).map_err(invalid)?,
            ),
            Alg::EdDSA => Key::EdDsa(ed25519_key(jwk)?),
        };
        Ok(Self { alg, key })
    }

    /// The algorithm whose signatures this key verifies.
    #[must_use]
    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Checks a JWS signature over `message`: for RSA as long as the modulus, for ECDSA `r ‖ s` of fixed length,
    /// for Ed25519 64 bytes, verified without the leeway of RFC 8032 §8.9 for malleable or small-order values.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.key {
            Key::Rs256(key) => check::<pkcs1v15::Signature>(key, message, signature),
            Key::Rs384(key) => check::<pkcs1v15::Signature>(key, message, signature),
            Key::Rs512(key) => check::<pkcs1v15::Signature>(key, message, signature),
            Key::Ps256(key) => check::<pss::Signature>(key, message, signature),
            Key::Es256(key) => check::<p256::ecdsa::Signature>(key, message, signature),
            Key::Es384(key) => check::<p384::ecdsa::Signature>(key, message, signature),
            Key::Es512(key) => check::<p521::ecdsa::Signature>(key, message, signature),
            Key::EdDsa(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| BadSignature)?;
                key.verify_strict(message, &signature).map_err(|_| BadSignature)
            }
        }
    }
}

/// Reads the signature, which refuses other lengths and zero or oversized `r` and `s`, and verifies it.
fn check<S: for<'a> TryFrom<&'a [u8]>>(
    key: &impl Verifier<S>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let signature = S::try_from(signature).map_err(|_| BadSignature)?;
    key.verify(message, &signature).map_err(|_| BadSignature)
}

fn rsa_key(jwk: &Jwk) -> Result<rsa::PublicKey, KeyError> {
    let Jwk::RSA { n, e } = jwk else { return Err(KeyError::WrongType) };
    let (n, e) = (uint(n)?, uint(e)?);
    let e_is_even = e.last().is_none_or(|byte| byte & 1 == 0);
    let (n, e) = (BoxedUint::from_be_slice_vartime(&n), BoxedUint::from_be_slice_vartime(&e));
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&n.bit_width_vartime()) {
        return Err(KeyError::RsaSize);
    }
    if e_is_even || e <= BoxedUint::one() {
        return Err(KeyError::Invalid);
    }
    rsa::PublicKey::new(n, e).map_err(|_| KeyError::Invalid)
}

/// The bytes of a number, which has no leading zero bytes (RFC 7518 §2, `Base64urlUInt`).
fn uint(text: &str) -> Result<Vec<u8>, KeyError> {
    match b64::decode(text) {
        Ok(bytes) if bytes.first().is_some_and(|first| *first != 0) => Ok(bytes),
        _ => Err(KeyError::Malformed),
    }
}

/// An uncompressed point (SEC 1 §2.3.3), whose coordinates have to be padded to the field's length
/// (RFC 7518 §6.2.1.2).
fn sec1(jwk: &Jwk, curve: &str, length: usize) -> Result<Vec<u8>, KeyError> {
    let Jwk::EC { crv, x, y } = jwk else { return Err(KeyError::WrongType) };
    if crv != curve {
        return Err(KeyError::WrongType);
    }
    let coordinate = |text: &str| match b64::decode(text) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        _ => Err(KeyError::Malformed),
    };
    Ok([vec![4], coordinate(x)?, coordinate(y)?].concat())
}

fn ed25519_key(jwk: &Jwk) -> Result<Ed25519Key, KeyError> {
    let Jwk::OKP { crv, x } = jwk else { return Err(KeyError::WrongType) };
    if crv != "Ed25519" {
        return Err(KeyError::WrongType);
    }
    let bytes = b64::decode(x).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let key = Ed25519Key::from_bytes(&bytes.ok_or(KeyError::Malformed)?).map_err(|_| KeyError::Invalid)?;
    if key.is_weak() { Err(KeyError::Invalid) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::*;
    use super::*;

    fn split(jws: &str) -> (&[u8], Vec<u8>) {
        let (input, signature) = jws.rsplit_once('.').unwrap();
        (input.as_bytes(), b64::decode(signature).unwrap())
    }

    #[test]
    fn s24_published_vectors_verify_and_every_change_breaks_them() {
        for (jwk, alg, jws) in [
            (rsa(), Alg::RS256, RS256_JWS),
            (p256(), Alg::ES256, ES256_JWS),
            (p521(), Alg::ES512, ES512_JWS),
            (ed25519(), Alg::EdDSA, EDDSA_JWS),
        ] {
            let key = VerifyingKey::from_jwk(&jwk, alg).unwrap();
            assert_eq!(key.alg(), alg);
            let (input, signature) = split(jws);
            assert_eq!(key.verify(input, &signature), Ok(()), "{alg}");

            assert_eq!(key.verify(&[input, b"x"].concat(), &signature), Err(BadSignature), "{alg}: message");
            for at in [0, signature.len() / 2, signature.len() - 1] {
                let mut changed = signature.clone();
                changed[at] ^= 1;
                assert_eq!(key.verify(input, &changed), Err(BadSignature), "{alg}: byte {at}");
            }
            let zero = vec![0];
            for (what, other) in [
                ("empty", vec![]),
                ("short", signature[1..].to_vec()),
                ("cut", signature[..signature.len() - 1].to_vec()),
                ("longer", [&signature[..], &zero].concat()),
                ("padded", [&zero, &signature[..]].concat()),
                ("twice", [&signature[..], &signature].concat()),
                ("zeros", vec![0; signature.len()]),
                ("ones", vec![0xff; signature.len()]),
            ] {
                assert_eq!(key.verify(input, &other), Err(BadSignature), "{alg}: {what}");
            }
        }
    }

    #[test]
    fn signatures_of_openssl_verify() {
        let rsa = Jwk::RSA { n: OPENSSL_RSA_N.into(), e: "AQAB".into() };
        let p384 = ec("P-384", OPENSSL_P384_X, OPENSSL_P384_Y);
        for (jwk, alg, signature, expected) in [
            (&rsa, Alg::RS384, OPENSSL_RS384, Ok(())),
            (&rsa, Alg::RS512, OPENSSL_RS512, Ok(())),
            (&rsa, Alg::PS256, OPENSSL_PS256, Ok(())),
            (&rsa, Alg::PS256, OPENSSL_PS256_SALT_20, Err(BadSignature)),
            (&rsa, Alg::RS384, OPENSSL_RS512, Err(BadSignature)),
            (&p384, Alg::ES384, OPENSSL_ES384, Ok(())),
        ] {
            let key = VerifyingKey::from_jwk(jwk, alg).unwrap();
            let signature = b64::decode(signature).unwrap();
            assert_eq!(key.verify(OPENSSL_MESSAGE, &signature), expected, "{alg}");
            assert_eq!(key.verify(b"latchkex", &signature), Err(BadSignature), "{alg}");
        }
    }

    #[test]
    fn s24_ecdsa_refuses_zero_and_oversized_halves_and_der() {
        for (jwk, alg, jws) in [(p256(), Alg::ES256, ES256_JWS), (p521(), Alg::ES512, ES512_JWS)] {
            let key = VerifyingKey::from_jwk(&jwk, alg).unwrap();
            let (input, signature) = split(jws);
            let (r, s) = signature.split_at(signature.len() / 2);
            let (zero, all) = (vec![0; r.len()], vec![0xff; r.len()]);
            for half in [[&zero, s], [r, &zero], [&zero, &zero], [&all, s], [r, &all]] {
                assert_eq!(key.verify(input, &half.concat()), Err(BadSignature), "{alg}");
            }
        }
        let key = VerifyingKey::from_jwk(&p256(), Alg::ES256).unwrap();
        let (input, signature) = split(ES256_JWS);
        let der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
        assert_eq!(key.verify(input, der.as_bytes()), Err(BadSignature));
    }

    #[test]
    fn s24_a_key_verifies_its_own_algorithm_alone() {
        let (input, signature) = split(RS256_JWS);
        for alg in [Alg::RS384, Alg::RS512, Alg::PS256] {
            let key = VerifyingKey::from_jwk(&rsa(), alg).unwrap();
            assert_eq!(key.verify(input, &signature), Err(BadSignature), "{alg}");
        }
        for (jwk, alg) in [
            (rsa(), Alg::ES256),
            (rsa(), Alg::EdDSA),
            (p256(), Alg::RS256),
            (p256(), Alg::PS256),
            (p256(), Alg::ES384),
            (p256(), Alg::EdDSA),
            (p521(), Alg::ES256),
            (ed25519(), Alg::ES256),
            (ed25519(), Alg::RS256),
            (okp("X25519", "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"), Alg::EdDSA),
        ] {
            assert_eq!(VerifyingKey::from_jwk(&jwk, alg).err(), Some(KeyError::WrongType), "{jwk:?} {alg}");
        }
    }

    #[test]
    fn s24_keys_are_checked_when_they_are_read() {
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        let short = b64::encode([7; 31]);
        let off = b64::encode([7; 32]);
        let big = b64::encode([0xff; 32]);
        let rsa_of = |n: &[u8], e: &[u8]| Jwk::RSA { n: b64::encode(n), e: b64::encode(e) };
        let modulus = b64::decode(RSA_N).unwrap();
        let even = [&modulus[..255], &[0xa0]].concat();
        for (jwk, alg, expected) in [
            (ec("P-256", &short, y), Alg::ES256, KeyError::Malformed),
            (ec("P-256", &format!("{x}="), y), Alg::ES256, KeyError::Malformed),
            (ec("P-256", &off, y), Alg::ES256, KeyError::Invalid),
            (ec("P-256", &big, y), Alg::ES256, KeyError::Invalid),
            (ec("P-256", x, x), Alg::ES256, KeyError::Invalid),
            (ec("P-256", &b64::encode([0; 32]), &b64::encode([0; 32])), Alg::ES256, KeyError::Invalid),
            (okp("Ed25519", &short), Alg::EdDSA, KeyError::Malformed),
            // the identity and a point of order 8
            (okp("Ed25519", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Alg::EdDSA, KeyError::Invalid),
            (okp("Ed25519", "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o"), Alg::EdDSA, KeyError::Invalid),
            (rsa_of(&modulus[..128], &[1, 0, 1]), Alg::RS256, KeyError::RsaSize),
            (rsa_of(&modulus[..255], &[1, 0, 1]), Alg::PS256, KeyError::RsaSize),
            (rsa_of(&[0xff; 1025], &[1, 0, 1]), Alg::RS256, KeyError::RsaSize),
            (rsa_of(&[&[0], &modulus[..]].concat(), &[1, 0, 1]), Alg::RS256, KeyError::Malformed),
            (rsa_of(&modulus, &[]), Alg::RS256, KeyError::Malformed),
            (rsa_of(&modulus, &[0]), Alg::RS256, KeyError::Malformed),
            (rsa_of(&modulus, &[1]), Alg::RS256, KeyError::Invalid),
            (rsa_of(&modulus, &[2]), Alg::RS256, KeyError::Invalid),
            (rsa_of(&even, &[1, 0, 1]), Alg::RS256, KeyError::Invalid),
            (rsa_of(&modulus, &modulus), Alg::RS256, KeyError::Invalid),
        ] {
            assert_eq!(VerifyingKey::from_jwk(&jwk, alg).err(), Some(expected), "{jwk:?}");
        }
    }
}
