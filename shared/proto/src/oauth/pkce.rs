//! Proof Key for Code Exchange (RFC 7636), `S256` only (RFC 9700 §2.1.1).

use crate::{b64, hash, secret};

/// Why a challenge or verifier was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// `code_challenge_method` is not `S256`. A missing method means `plain` (RFC 7636 §4.3), which is not
    /// served either.
    #[error("code_challenge_method must be S256")]
    UnsupportedMethod,
    /// `code_challenge_method` was sent without `code_challenge`.
    #[error("code_challenge_method without code_challenge")]
    MethodWithoutChallenge,
    /// `code_challenge` is not the base64url of 32 bytes (RFC 7636 §4.2).
    #[error("code_challenge is malformed")]
    BadChallenge,
    /// `code_verifier` is not 43 to 128 unreserved characters (RFC 7636 §4.1).
    #[error("code_verifier is malformed")]
    BadVerifier,
    /// The code was asked for with a challenge and redeemed without a verifier (RFC 7636 §4.6).
    #[error("code_verifier is missing")]
    VerifierMissing,
    /// The code was asked for without a challenge and redeemed with a verifier (RFC 9700 §2.1.1).
    #[error("code_verifier without code_challenge")]
    VerifierUnexpected,
    /// The verifier is not the one that the challenge was made from.
    #[error("code_verifier does not match code_challenge")]
    Mismatch,
}

/// An `S256` code challenge: base64url of the SHA-256 of a verifier, 43 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request. `None` if neither was
    /// sent.
    ///
    /// # Errors
    /// [`PkceError::UnsupportedMethod`], [`PkceError::MethodWithoutChallenge`], [`PkceError::BadChallenge`].
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, PkceError> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(PkceError::MethodWithoutChallenge),
            (Some(text), Some("S256")) => Self::from_stored(text).map(Some),
            (Some(_), _) => Err(PkceError::UnsupportedMethod),
        }
    }

    /// A challenge that was stored with its code.
    ///
    /// # Errors
    /// [`PkceError::BadChallenge`] if the text is not the base64url of 32 bytes.
    pub fn from_stored(text: &str) -> Result<Self, PkceError> {
        match b64::decode(text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text.to_owned())),
            _ => Err(PkceError::BadChallenge),
        }
    }

    /// The challenge as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a code may be redeemed: compares the challenge it was asked for with the verifier that came along
/// (RFC 7636 §4.6). Neither is fine here; whether a client must use PKCE is decided when the code is asked for.
///
/// # Errors
/// [`PkceError::VerifierMissing`], [`PkceError::VerifierUnexpected`], [`PkceError::BadVerifier`],
/// [`PkceError::Mismatch`].
pub fn verify(challenge: Option<&CodeChallenge>, verifier: Option<&str>) -> Result<(), PkceError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(PkceError::VerifierMissing),
        (None, Some(_)) => Err(PkceError::VerifierUnexpected),
        (Some(_), Some(verifier)) if !is_verifier(verifier) => Err(PkceError::BadVerifier),
        (Some(challenge), Some(verifier)) => {
            let made = hash::sha256_b64(verifier);
            if secret::ct_eq(made.as_bytes(), challenge.0.as_bytes()) {
                Ok(())
            } else {
                Err(PkceError::Mismatch)
            }
        }
    }
}

/// Whether `text` is 43 to 128 of `ALPHA / DIGIT / "-" / "." / "_" / "~"` (RFC 7636 §4.1).
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // RFC 7636 appendix B
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn s06_reads_s256_challenges_alone() {
        let good = Ok(Some(CodeChallenge(CHALLENGE.into())));
        let wide = format!("{CHALLENGE}A");
        for (challenge, method, expected) in [
            (None, None, Ok(None)),
            (Some(CHALLENGE), Some("S256"), good),
            (Some(CHALLENGE), None, Err(PkceError::UnsupportedMethod)),
            (Some(CHALLENGE), Some("plain"), Err(PkceError::UnsupportedMethod)),
            (Some(CHALLENGE), Some("s256"), Err(PkceError::UnsupportedMethod)),
            (Some(CHALLENGE), Some("S512"), Err(PkceError::UnsupportedMethod)),
            (None, Some("S256"), Err(PkceError::MethodWithoutChallenge)),
            (Some("abc"), Some("S256"), Err(PkceError::BadChallenge)),
            (Some(wide.as_str()), Some("S256"), Err(PkceError::BadChallenge)),
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"), Some("S256"), Err(PkceError::BadChallenge)),
            // the same bytes in a second spelling: non-zero trailing bits
            (Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN"), Some("S256"), Err(PkceError::BadChallenge)),
        ] {
            assert_eq!(CodeChallenge::parse(challenge, method), expected, "{challenge:?} {method:?}");
        }
    }

    #[test]
    fn s06_challenge_and_verifier_come_together_or_not_at_all() {
        let challenge = CodeChallenge::from_stored(CHALLENGE).unwrap();
        let other = VERIFIER.replace("jXk", "jXj");
        for (challenge, verifier, expected) in [
            (None, None, Ok(())),
            (Some(&challenge), Some(VERIFIER), Ok(())),
            (Some(&challenge), None, Err(PkceError::VerifierMissing)),
            (None, Some(VERIFIER), Err(PkceError::VerifierUnexpected)),
            (Some(&challenge), Some("short"), Err(PkceError::BadVerifier)),
            (Some(&challenge), Some(CHALLENGE), Err(PkceError::Mismatch)),
            (Some(&challenge), Some(other.as_str()), Err(PkceError::Mismatch)),
        ] {
            assert_eq!(verify(challenge, verifier), expected, "{verifier:?}");
        }
    }

    #[test]
    fn verifier_grammar() {
        for good in ["a".repeat(43), "-._~".repeat(32), VERIFIER.into()] {
            assert!(is_verifier(&good), "{good}");
        }
        for bad in
            ["a".repeat(42), "a".repeat(129), format!("{VERIFIER} "), format!("{VERIFIER}+"), "ü".repeat(43)]
        {
            assert!(!is_verifier(&bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(challenge in ".{0,60}", verifier in ".{0,140}") {
            let _ = CodeChallenge::parse(Some(&challenge), Some("S256"));
            let known = CodeChallenge::from_stored(CHALLENGE).unwrap();
            prop_assert!(verify(Some(&known), Some(&verifier)).is_err());
        }
    }
}
