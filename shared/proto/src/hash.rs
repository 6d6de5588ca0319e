//! Hashing, key derivation and sealing: small RustCrypto functions, the same bytes on every host.

use crate::b64;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 as base64url, the form in which token secrets are stored.
#[must_use]
pub fn sha256_b64(text: &str) -> String {
    b64::encode(sha256(text.as_bytes()))
}

/// HMAC-SHA-256 (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of every length, so this cannot fail.
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .map(|mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().into()
        })
        .unwrap_or([0; 32])
}

/// 32 bytes from HKDF-SHA-256 (RFC 5869) without salt.
#[must_use]
pub fn hkdf_sha256(ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    // 32 bytes are always within HKDF's limit of 255 blocks.
    let _ = Hkdf::<Sha256>::new(None, ikm).expand(info, out.as_mut());
    out
}

/// The sealed text was not made with this key for this purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed value cannot be opened with this key")]
pub struct CannotOpen;

/// Seals `plain` with AES-256-GCM under `key`: base64url of `nonce ‖ ciphertext ‖ tag`.
/// `aad` names the place the value is stored at (`table:column:row`), so that it opens nowhere else.
///
/// # Errors
/// [`CannotOpen`] if the plain text exceeds AES-GCM's limit (64 GiB).
pub fn seal(key: &[u8; 32], nonce: [u8; 12], aad: &str, plain: &[u8]) -> Result<String, CannotOpen> {
    let cipher = Aes256Gcm::new(key.into());
    let sealed = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: aad.as_bytes() })
        .map_err(|_| CannotOpen)?;
    Ok(b64::encode([&nonce[..], &sealed].concat()))
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`CannotOpen`] if key, place or text differ.
pub fn open(key: &[u8; 32], aad: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, CannotOpen> {
    let bytes = b64::decode(sealed).map_err(|_| CannotOpen)?;
    let (nonce, body) = bytes.split_first_chunk::<12>().ok_or(CannotOpen)?;
    let cipher = Aes256Gcm::new(key.into());
    cipher
        .decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: aad.as_bytes() })
        .map(Zeroizing::new)
        .map_err(|_| CannotOpen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_gives_the_published_vector() {
        // behaviour of the HKDF that imports rely on: no salt, this info, 32 bytes
        let key = hkdf_sha256(b"test-secret", b"pocketid/fosite_global_secret");
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "82de1690a30923a038d722a72e9599087484732bf9c1e8af5fc620f8fa87c08b");
    }

    #[test]
    fn hmac_rfc4231_case_2() {
        let hex: String = hmac_sha256(b"Jefe", b"what do ya want for nothing?")
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn s27_sealed_values_open_only_at_their_place() {
        let sealed = seal(&[7; 32], [1; 12], "signing_keys:private_sealed:k1", b"key").unwrap();
        assert_eq!(open(&[7; 32], "signing_keys:private_sealed:k1", &sealed).unwrap().as_slice(), b"key");
        assert_eq!(open(&[7; 32], "signing_keys:private_sealed:k2", &sealed), Err(CannotOpen));
        assert_eq!(open(&[8; 32], "signing_keys:private_sealed:k1", &sealed), Err(CannotOpen));
        assert_eq!(open(&[7; 32], "signing_keys:private_sealed:k1", "AAAA"), Err(CannotOpen));
    }
}
