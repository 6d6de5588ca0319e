//! Credential public keys: `COSE_Key` (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4) as WebAuthn §5.8.5 and §6.5.1
//! narrow it, and the signatures they verify (WebAuthn §6.5.5).

use super::cbor::{self, CborError};
use ciborium::Value;
use coset::iana::{self, EnumI64};
use coset::{AsCborValue, CoseError, CoseKey, KeyType, Label, RegisteredLabelWithPrivate};
use p256::ecdsa::signature::Verifier;
use rsa::BoxedUint;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::ops::RangeInclusive;

/// A signature algorithm we offer for credentials, by its COSE number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "i64", try_from = "i64")]
pub enum CoseAlgorithm {
    /// −7: ECDSA on P-256 with SHA-256.
    ES256,
    /// −8: EdDSA, on Ed25519 alone (WebAuthn §5.8.5).
    EdDSA,
    /// −257: RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
}

impl CoseAlgorithm {
    /// What we offer, most wanted first: ES256 is what practically every authenticator has.
    pub const OFFERED: [Self; 3] = [Self::ES256, Self::EdDSA, Self::RS256];

    /// The number in the IANA "COSE Algorithms" registry.
    #[must_use]
    pub const fn id(self) -> i64 {
        match self {
            Self::ES256 => -7,
            Self::EdDSA => -8,
            Self::RS256 => -257,
        }
    }
}

impl From<CoseAlgorithm> for i64 {
    fn from(algorithm: CoseAlgorithm) -> Self {
        algorithm.id()
    }
}

impl TryFrom<i64> for CoseAlgorithm {
    type Error = CoseKeyError;

    fn try_from(id: i64) -> Result<Self, CoseKeyError> {
        Self::OFFERED.into_iter().find(|a| a.id() == id).ok_or(CoseKeyError::UnsupportedAlgorithm)
    }
}

/// Why bytes are not a credential public key we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CoseKeyError {
    /// Not CBOR in canonical form.
    #[error("key is not canonical CBOR: {0}")]
    Cbor(#[from] CborError),
    /// CBOR, but not a `COSE_Key`, or one with a parameter that has the wrong type.
    #[error("not a COSE key")]
    NotAKey,
    /// `alg` is missing, though WebAuthn requires it.
    #[error("key does not name its algorithm")]
    MissingAlgorithm,
    /// `alg` is none of −7, −8, −257.
    #[error("key is for an algorithm that is not supported")]
    UnsupportedAlgorithm,
    /// `kty` does not go with `alg`.
    #[error("key type does not match its algorithm")]
    WrongKeyType,
    /// `crv` is missing or does not go with `alg`.
    #[error("curve does not match the algorithm")]
    WrongCurve,
    /// A parameter the algorithm needs is missing, or one it does not need is there.
    #[error("key has missing or superfluous parameters")]
    WrongParameters,
    /// The coordinates have the wrong length or name no point of the curve, or one of small order.
    #[error("not a usable point of the curve")]
    InvalidPoint,
    /// The RSA modulus is even, shorter than 2048 or longer than 4096 bits, or has leading zeros.
    #[error("RSA modulus is not acceptable")]
    InvalidModulus,
    /// The RSA exponent is even, less than 3, longer than 33 bits, or has leading zeros.
    #[error("RSA exponent is not acceptable")]
    InvalidExponent,
}

/// The signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// A credential public key that passed every check.
#[derive(Debug, Clone)]
pub enum CosePublicKey {
    /// Verifies ES256.
    P256(p256::ecdsa::VerifyingKey),
    /// Verifies EdDSA.
    Ed25519(ed25519_dalek::VerifyingKey),
    /// Verifies RS256.
    Rsa(Box<rsa::pkcs1v15::VerifyingKey<Sha256>>),
}

impl CosePublicKey {
    /// Parses the bytes of a `COSE_Key`.
    ///
    /// # Errors
    /// [`CoseKeyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseKeyError> {
        let key = CoseKey::from_cbor_value(cbor::decode(bytes)?).map_err(|error| match error {
            // The one parameter read from a registry with a private range is `alg`.
            CoseError::UnregisteredIanaNonPrivateValue => CoseKeyError::UnsupportedAlgorithm,
            _ => CoseKeyError::NotAKey,
        })?;
        // WebAuthn §6.5.1: no optional parameter but `alg`.
        if !(key.key_id.is_empty() && key.key_ops.is_empty() && key.base_iv.is_empty()) {
            return Err(CoseKeyError::WrongParameters);
        }
        match algorithm(&key)? {
            CoseAlgorithm::ES256 => p256_key(&key),
            CoseAlgorithm::EdDSA => ed25519_key(&key),
            CoseAlgorithm::RS256 => rsa_key(&key),
        }
    }

    /// The algorithm of the key, and so of every signature it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> CoseAlgorithm {
        match self {
            Self::P256(_) => CoseAlgorithm::ES256,
            Self::Ed25519(_) => CoseAlgorithm::EdDSA,
            Self::Rsa(_) => CoseAlgorithm::RS256,
        }
    }

    /// Verifies `signature` over `message`: a DER `ECDSA-Sig-Value` for ES256, raw bytes otherwise (§6.5.5).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let verified = match self {
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .and_then(|signature| key.verify(message, &signature)),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(message, &signature)),
            Self::Rsa(key) => rsa::pkcs1v15::Signature::try_from(signature)
                .and_then(|signature| key.verify(message, &signature)),
        };
        verified.map_err(|_| BadSignature)
    }
}

fn algorithm(key: &CoseKey) -> Result<CoseAlgorithm, CoseKeyError> {
    match &key.alg {
        None => Err(CoseKeyError::MissingAlgorithm),
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => algorithm.to_i64().try_into(),
        Some(_) => Err(CoseKeyError::UnsupportedAlgorithm),
    }
}

fn p256_key(key: &CoseKey) -> Result<CosePublicKey, CoseKeyError> {
    use iana::Ec2KeyParameter::{Crv, X, Y};
    require_type(key, iana::KeyType::EC2)?;
    require_curve(key, Crv.to_i64(), iana::EllipticCurve::P_256)?;
    require_parameters(key, 3)?;
    // A compressed point, with a boolean as `y`, is not allowed (WebAuthn §5.8.5).
    let (x, y) = (coordinate(key, X.to_i64())?, coordinate(key, Y.to_i64())?);
    let uncompressed = [&[4], x.as_slice(), y.as_slice()].concat();
    p256::ecdsa::VerifyingKey::from_sec1_bytes(&uncompressed)
        .map(CosePublicKey::P256)
        .map_err(|_| CoseKeyError::InvalidPoint)
}

fn ed25519_key(key: &CoseKey) -> Result<CosePublicKey, CoseKeyError> {
    use iana::OkpKeyParameter::{Crv, X};
    require_type(key, iana::KeyType::OKP)?;
    require_curve(key, Crv.to_i64(), iana::EllipticCurve::Ed25519)?;
    require_parameters(key, 2)?;
    let x = coordinate(key, X.to_i64())?;
    ed25519_dalek::VerifyingKey::from_bytes(x)
        .ok()
        // A point of small order verifies nearly anything; a second spelling of a point is nobody's key.
        .filter(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == x)
        .map(CosePublicKey::Ed25519)
        .ok_or(CoseKeyError::InvalidPoint)
}

fn rsa_key(key: &CoseKey) -> Result<CosePublicKey, CoseKeyError> {
    use CoseKeyError::{InvalidExponent, InvalidModulus};
    use iana::RsaKeyParameter::{E, N};
    require_type(key, iana::KeyType::RSA)?;
    require_parameters(key, 2)?;
    let n = odd_integer(key, N.to_i64(), RSA_MIN_BITS..=RSA_MAX_BITS, InvalidModulus)?;
    // Odd and of two bits at least is 3 at least.
    let e = odd_integer(key, E.to_i64(), 2..=RSA_EXPONENT_MAX_BITS, InvalidExponent)?;
    let key = rsa::PublicKey::new(n, e).map_err(|_| InvalidExponent)?;
    Ok(CosePublicKey::Rsa(Box::new(rsa::pkcs1v15::VerifyingKey::new(key))))
}

fn require_type(key: &CoseKey, kty: iana::KeyType) -> Result<(), CoseKeyError> {
    if key.kty == KeyType::Assigned(kty) { Ok(()) } else { Err(CoseKeyError::WrongKeyType) }
}

fn require_curve(key: &CoseKey, label: i64, curve: iana::EllipticCurve) -> Result<(), CoseKeyError> {
    if parameter(key, label) == Some(&Value::from(curve.to_i64())) {
        Ok(())
    } else {
        Err(CoseKeyError::WrongCurve)
    }
}

/// With the named ones looked up one by one, their number leaves no room for others.
fn require_parameters(key: &CoseKey, count: usize) -> Result<(), CoseKeyError> {
    if key.params.len() == count { Ok(()) } else { Err(CoseKeyError::WrongParameters) }
}

fn parameter(key: &CoseKey, label: i64) -> Option<&Value> {
    key.params.iter().find(|(name, _)| *name == Label::Int(label)).map(|(_, value)| value)
}

fn bytes(key: &CoseKey, label: i64) -> Result<&[u8], CoseKeyError> {
    parameter(key, label).and_then(Value::as_bytes).map(Vec::as_slice).ok_or(CoseKeyError::WrongParameters)
}

fn coordinate(key: &CoseKey, label: i64) -> Result<&[u8; 32], CoseKeyError> {
    bytes(key, label)?.try_into().map_err(|_| CoseKeyError::InvalidPoint)
}

fn odd_integer(
    key: &CoseKey,
    label: i64,
    bits: RangeInclusive<u32>,
    error: CoseKeyError,
) -> Result<BoxedUint, CoseKeyError> {
    let bytes = bytes(key, label)?;
    let is_minimal = bytes.first().is_some_and(|first| *first != 0);
    let is_odd = bytes.last().is_some_and(|last| last & 1 == 1);
    BoxedUint::from_be_slice(bytes, *bits.end())
        .ok()
        .filter(|n| is_minimal && is_odd && bits.contains(&n.bit_width()))
        .ok_or(error)
}

const RSA_MIN_BITS: u32 = 2048;
/// Verifying takes time with the square of the length; no authenticator makes longer keys.
const RSA_MAX_BITS: u32 = 4096;
/// The bound that rsa, ring and BoringSSL share.
const RSA_EXPONENT_MAX_BITS: u32 = 33;

#[cfg(test)]
mod tests {
    use super::*;
    use CoseKeyError::*;
    use p256::ecdsa::signature::Signer;
    use proptest::prelude::*;

    fn encode(map: &[(i64, Value)]) -> Vec<u8> {
        let map = map.iter().map(|(label, value)| ((*label).into(), value.clone())).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(map), &mut bytes).unwrap();
        bytes
    }

    fn p256_map(x: &[u8], y: &[u8]) -> Vec<(i64, Value)> {
        let (x, y) = (Value::Bytes(x.to_vec()), Value::Bytes(y.to_vec()));
        vec![(1, 2.into()), (3, (-7).into()), (-1, 1.into()), (-2, x), (-3, y)]
    }

    fn ed25519_map(x: &[u8]) -> Vec<(i64, Value)> {
        vec![(1, 1.into()), (3, (-8).into()), (-1, 6.into()), (-2, Value::Bytes(x.to_vec()))]
    }

    fn rsa_map(n: &[u8], e: &[u8]) -> Vec<(i64, Value)> {
        let (n, e) = (Value::Bytes(n.to_vec()), Value::Bytes(e.to_vec()));
        vec![(1, 3.into()), (3, (-257).into()), (-1, n), (-2, e)]
    }

    fn p256_signer() -> (p256::ecdsa::SigningKey, Vec<(i64, Value)>) {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let point = key.verifying_key().to_sec1_point(false);
        let (x, y) = point.as_bytes()[1..].split_at(32);
        let map = p256_map(x, y);
        (key, map)
    }

    fn error(map: &[(i64, Value)]) -> CoseKeyError {
        CosePublicKey::parse(&encode(map)).unwrap_err()
    }

    fn with(map: &[(i64, Value)], label: i64, value: impl Into<Value>) -> Vec<(i64, Value)> {
        let value = value.into();
        map.iter().map(|(l, v)| (*l, if *l == label { value.clone() } else { v.clone() })).collect()
    }

    fn without(map: &[(i64, Value)], label: i64) -> Vec<(i64, Value)> {
        map.iter().filter(|(l, _)| *l != label).cloned().collect()
    }

    #[test]
    fn s35_offered_algorithms_in_order() {
        assert_eq!(CoseAlgorithm::OFFERED.map(CoseAlgorithm::id), [-7, -8, -257]);
        assert_eq!(serde_json::to_string(&CoseAlgorithm::OFFERED).unwrap(), "[-7,-8,-257]");
        assert_eq!(CoseAlgorithm::try_from(-257), Ok(CoseAlgorithm::RS256));
        for other in [-9, -35, -36, -37, -47, -65535, 0, 7] {
            assert_eq!(CoseAlgorithm::try_from(other), Err(UnsupportedAlgorithm), "{other}");
        }
    }

    #[test]
    fn es256_verifies_its_own_signatures_only() {
        let (signer, map) = p256_signer();
        let key = CosePublicKey::parse(&encode(&map)).unwrap();
        assert_eq!(key.algorithm(), CoseAlgorithm::ES256);
        let signature: p256::ecdsa::Signature = signer.sign(b"message");
        let der = signature.to_der();
        assert_eq!(key.verify(b"message", der.as_bytes()), Ok(()));
        assert_eq!(key.verify(b"massage", der.as_bytes()), Err(BadSignature));
        assert_eq!(key.verify(b"message", &signature.to_bytes()), Err(BadSignature));
        assert_eq!(key.verify(b"message", &[]), Err(BadSignature));
        let trailing = [der.as_bytes(), &[0]].concat();
        assert_eq!(key.verify(b"message", &trailing), Err(BadSignature));
    }

    #[test]
    fn eddsa_verifies_its_own_signatures_only() {
        let signer = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let map = ed25519_map(signer.verifying_key().as_bytes());
        let key = CosePublicKey::parse(&encode(&map)).unwrap();
        assert_eq!(key.algorithm(), CoseAlgorithm::EdDSA);
        let signature = signer.sign(b"message").to_bytes();
        assert_eq!(key.verify(b"message", &signature), Ok(()));
        assert_eq!(key.verify(b"massage", &signature), Err(BadSignature));
        assert_eq!(key.verify(b"message", &signature[..63]), Err(BadSignature));
    }

    #[test]
    fn s35_parameters_are_exactly_those_of_the_algorithm() {
        let (_, map) = p256_signer();
        assert_eq!(error(&without(&map, 1)), NotAKey);
        assert_eq!(error(&without(&map, 3)), MissingAlgorithm);
        assert_eq!(error(&without(&map, -1)), WrongCurve);
        assert_eq!(error(&without(&map, -2)), WrongParameters);
        assert_eq!(error(&with(&map, -3, true)), WrongParameters);
        assert_eq!(error(&[map.clone(), vec![(-4, Value::Bytes(vec![1]))]].concat()), WrongParameters);
        let mut with_kid = map.clone();
        with_kid.insert(1, (2, Value::Bytes(vec![1])));
        assert_eq!(error(&with_kid), WrongParameters);
        assert_eq!(CosePublicKey::parse(&[0x80]).unwrap_err(), NotAKey);
        assert_eq!(CosePublicKey::parse(&[0xbf, 0xff]).unwrap_err(), Cbor(CborError::Indefinite));
        let trailing = [encode(&map), vec![0]].concat();
        assert_eq!(CosePublicKey::parse(&trailing).unwrap_err(), Cbor(CborError::Trailing));
    }

    #[test]
    fn s35_algorithm_type_and_curve_must_go_together() {
        let (_, map) = p256_signer();
        for alg in [-9, -35, -36, -37, -47, -258, -65535, -100_000, 5, 1000] {
            assert_eq!(error(&with(&map, 3, alg)), UnsupportedAlgorithm, "{alg}");
        }
        assert_eq!(error(&with(&map, 3, "ES256")), UnsupportedAlgorithm);
        assert_eq!(error(&with(&map, 3, true)), NotAKey);
        assert_eq!(error(&with(&map, 3, -8)), WrongKeyType);
        assert_eq!(error(&with(&map, 3, -257)), WrongKeyType);
        assert_eq!(error(&with(&map, 1, 1)), WrongKeyType);
        for curve in [2, 3, 6, 8, 0] {
            assert_eq!(error(&with(&map, -1, curve)), WrongCurve, "{curve}");
        }
        assert_eq!(error(&with(&ed25519_map(&[7; 32]), -1, 7)), WrongCurve);
        assert_eq!(error(&with(&rsa_map(&[0xff; 256], &[3]), 1, 2)), WrongKeyType);
    }

    #[test]
    fn s35_points_must_lie_on_the_curve() {
        assert_eq!(error(&p256_map(&[7; 32], &[7; 32])), InvalidPoint);
        assert_eq!(error(&p256_map(&[0; 32], &[0; 32])), InvalidPoint);
        assert_eq!(error(&p256_map(&[0xff; 32], &[0xff; 32])), InvalidPoint);
        let (_, map) = p256_signer();
        let x = map[3].1.as_bytes().unwrap().clone();
        let y = map[4].1.as_bytes().unwrap().clone();
        assert_eq!(error(&p256_map(&x[1..], &y)), InvalidPoint);
        assert_eq!(error(&p256_map(&[vec![0], x].concat(), &y)), InvalidPoint);

        // y = 2 is on no point; y = 0, 1, p - 1 and p + 1 are of small order or a second spelling.
        let point = |y: u8| [&[y][..], &[0; 31]].concat();
        let minus = |low: u8| [&[low][..], &[0xff; 30], &[0x7f]].concat();
        for x in [point(2), point(0), point(1), minus(0xec), minus(0xed), minus(0xee), minus(0xf0)] {
            assert_eq!(error(&ed25519_map(&x)), InvalidPoint, "{x:02x?}");
        }
        assert_eq!(error(&ed25519_map(&[7; 31])), InvalidPoint);
    }

    #[test]
    fn s35_rsa_keys_have_2048_to_4096_bits_and_an_odd_exponent() {
        let f4: &[u8] = &[1, 0, 1];
        for good in [256, 384, 512] {
            let key = CosePublicKey::parse(&encode(&rsa_map(&vec![0xff; good], f4))).unwrap();
            assert_eq!(key.algorithm(), CoseAlgorithm::RS256);
            assert_eq!(key.verify(b"message", &vec![1; good]), Err(BadSignature));
            assert_eq!(key.verify(b"message", &[1]), Err(BadSignature));
        }
        let mut short = vec![0xff; 256];
        short[0] = 0x7f;
        let mut even = vec![0xff; 256];
        even[255] = 0xfe;
        for n in [short, even, vec![0xff; 128], vec![0xff; 513], vec![], [vec![0], vec![0xff; 256]].concat()]
        {
            assert_eq!(error(&rsa_map(&n, f4)), InvalidModulus, "{}", n.len());
        }
        assert!(CosePublicKey::parse(&encode(&rsa_map(&[0xff; 256], &[3]))).is_ok());
        let exponents: [&[u8]; 8] =
            [&[1], &[2], &[4], &[], &[0], &[0, 1, 0, 1], &[1, 0, 0], &[2, 0, 0, 0, 1]];
        for e in exponents {
            assert_eq!(error(&rsa_map(&[0xff; 256], e)), InvalidExponent, "{e:?}");
        }
        assert_eq!(error(&with(&rsa_map(&[0xff; 256], f4), -1, 5)), WrongParameters);
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = CosePublicKey::parse(&bytes);
        }

        #[test]
        fn s38_a_changed_key_never_panics(at in 0_usize..77, byte: u8) {
            let (_, map) = p256_signer();
            let mut bytes = encode(&map);
            bytes[at] = byte;
            let _ = CosePublicKey::parse(&bytes);
        }
    }
}
