//! base64url without padding (RFC 4648 §5), the only base64 that JOSE and WebAuthn JSON use.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The text was not canonical base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url without padding")]
pub struct NotBase64Url;

/// Bytes to base64url without padding.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// base64url without padding to bytes. Padding, other alphabets, white space and non-zero trailing bits are
/// refused, so that one byte string has one spelling.
///
/// # Errors
/// [`NotBase64Url`] for anything else.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_byte_string() {
        assert_eq!(encode([0xfb, 0xff]), "-_8");
        assert_eq!(decode("-_8"), Ok(vec![0xfb, 0xff]));
        for bad in ["-_8=", "+/8", "-_9", "-_8 ", "-"] {
            assert_eq!(decode(bad), Err(NotBase64Url), "{bad}");
        }
    }
}
