//! Scopes (RFC 6749 §3.3, OpenID Connect Core §5.4).

use std::fmt;

/// Asks for an ID token (OpenID Connect Core §3.1.2.1).
pub const OPENID: &str = "openid";
/// Asks for the name claims (OpenID Connect Core §5.4).
pub const PROFILE: &str = "profile";
/// Asks for the address claims (OpenID Connect Core §5.4).
pub const EMAIL: &str = "email";
/// Asks for the names of the groups the person is in.
pub const GROUPS: &str = "groups";
/// Asks for a refresh token (OpenID Connect Core §11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// Every scope that clients may ask for without an API of their own, in the order discovery lists them.
pub const STANDARD: [&str; 5] = [OPENID, PROFILE, EMAIL, GROUPS, OFFLINE_ACCESS];

/// The scopes that tell something about the person; tokens that carry one also name the issuer as audience.
pub const IDENTITY: [&str; 4] = [OPENID, PROFILE, EMAIL, GROUPS];

/// The most tokens one `scope` value may hold.
pub const MAX_TOKENS: usize = 100;

/// Why a `scope` value was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside the grammar of `scope-token` (RFC 6749 §3.3): controls, `"`, `\` or non-ASCII.
    #[error("scope holds a character that scopes may not hold")]
    BadCharacter,
    /// More than [`MAX_TOKENS`] tokens.
    #[error("scope holds too many tokens")]
    TooMany,
}

/// A set of scope tokens that keeps the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads a `scope` value. Tokens that are repeated count once; spaces too many do not matter, since
    /// clients do send them.
    ///
    /// # Errors
    /// [`ScopeError`].
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let mut scope = Self::default();
        for token in text.split(' ').filter(|token| !token.is_empty()) {
            if !token.bytes().all(is_nqchar) {
                return Err(ScopeError::BadCharacter);
            }
            if scope.contains(token) {
                continue;
            }
            if scope.0.len() == MAX_TOKENS {
                return Err(ScopeError::TooMany);
            }
            scope.0.push(token.to_owned());
        }
        Ok(scope)
    }

    /// A set of the scopes that this module names.
    #[must_use]
    pub fn of(tokens: &[&'static str]) -> Self {
        Self(tokens.iter().map(|t| (*t).to_owned()).collect())
    }

    /// Whether `token` is in the set. Scopes are compared exactly, case included.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|t| t == token)
    }

    /// Whether every token of this set is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|token| other.contains(token))
    }

    /// The tokens for which `keep` holds, in their order.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|token| keep(token)).cloned().collect())
    }

    /// The tokens that are in both sets, in the order of this one.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filtered(|token| other.contains(token))
    }

    /// The tokens of this set, then those that only `other` has.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let more = other.filtered(|token| !self.contains(token));
        Self(self.0.iter().cloned().chain(more.0).collect())
    }

    /// Whether a token is in the set that tells something about the person.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        IDENTITY.iter().any(|token| self.contains(token))
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether no token is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The tokens separated by single spaces, as on the wire.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// `NQCHAR` of RFC 6749 appendix A: `%x21 / %x23-5B / %x5D-7E`.
const fn is_nqchar(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn keeps_the_order_and_drops_repeats() {
        for (text, expected) in [
            ("", ""),
            (" ", ""),
            ("openid", "openid"),
            ("profile openid profile", "profile openid"),
            ("  a   b ", "a b"),
            ("https://api.example/read!#[]", "https://api.example/read!#[]"),
        ] {
            assert_eq!(scope(text).to_string(), expected, "{text:?}");
        }
    }

    #[test]
    fn refuses_other_characters() {
        for bad in ["a\tb", "a\nb", "\"a\"", "a\\b", "ü", "a\u{a0}b", "a\0"] {
            assert_eq!(Scope::parse(bad), Err(ScopeError::BadCharacter), "{bad:?}");
        }
    }

    #[test]
    fn s55_the_number_of_tokens_is_limited() {
        let many = |n: usize| (0..n).map(|i| format!("s{i} ")).collect::<String>();
        assert_eq!(scope(&many(MAX_TOKENS)).iter().count(), MAX_TOKENS);
        assert_eq!(Scope::parse(&many(MAX_TOKENS + 1)), Err(ScopeError::TooMany));
    }

    #[test]
    fn sets() {
        let asked = scope("openid email x");
        assert!(asked.contains("email") && !asked.contains("Email"));
        assert!(scope("x openid").is_subset(&asked) && scope("").is_subset(&asked));
        assert!(!scope("openid profile").is_subset(&asked));
        assert_eq!(asked.intersection(&scope("x email")), scope("email x"));
        assert_eq!(asked.union(&scope("y email")), scope("openid email x y"));
        assert!(asked.has_identity() && !scope("offline_access x").has_identity());
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_back(text in ".{0,60}") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
            }
        }
    }
}
