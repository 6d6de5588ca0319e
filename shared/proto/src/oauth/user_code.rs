//! The code that a person types to connect a device (RFC 8628 §6.1).

use crate::id;
use std::fmt;

/// Letters and digits that are hard to take for one another: no `I`, `L` or `O`.
const ALPHABET: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ0123456789";

/// How codes of this kind begin.
const PREFIX: char = 'E';

/// Characters after the prefix: 33⁷ codes, about 35 bits.
const RANDOM: usize = 7;

/// A code in its stored and shown form. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A new code. `fill` fills a buffer with random bytes and is called until enough of them could be used.
    #[must_use]
    pub fn generate(fill: impl FnMut(&mut [u8])) -> Self {
        Self(format!("{PREFIX}{}", id::from_alphabet(ALPHABET, RANDOM, fill)))
    }

    /// Reads what a person typed: case, spaces and hyphens do not matter, `I` is read as `1` and `O` as `0`. `None`
    /// for what cannot be a code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let letters = typed.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase);
        let code: String = letters
            .map(|c| match c {
                'I' => '1',
                'O' => '0',
                other => other,
            })
            .take(RANDOM.saturating_add(2))
            .collect();
        let rest = code.strip_prefix(PREFIX)?;
        (rest.len() == RANDOM && rest.bytes().all(|b| ALPHABET.contains(&b))).then_some(Self(code))
    }

    /// The code as it is shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(typed: &str) -> Option<String> {
        UserCode::parse(typed).map(|c| c.as_str().to_owned())
    }

    #[test]
    fn s20_what_people_type_is_read_kindly_and_nothing_else_is_a_code() {
        for same in ["EABC1230", " eabc1230 ", "EABC-1230", "e a b c 1 2 3 0", "EABCI23O", "\teabci-23o\n"] {
            assert_eq!(read(same).as_deref(), Some("EABC1230"), "{same:?}");
        }
        for none in
            ["", "E", "EABC123", "EABC12300", "PABC1230", "ABC12300", "EABCL230", "EÄBC1230", "EABC12３0"]
        {
            assert_eq!(read(none), None, "{none:?}");
        }
        assert_eq!(read(&"E".repeat(100_000)), None);
    }

    #[test]
    fn s20_codes_are_drawn_from_the_whole_alphabet() {
        let mut next = 0_u16;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let code = UserCode::generate(|buffer| {
                for byte in buffer {
                    [*byte, _] = next.to_be_bytes();
                    next = next.wrapping_add(40_503);
                }
            });
            assert_eq!(read(code.as_str()).as_deref(), Some(code.as_str()));
            seen.extend(code.as_str().bytes().skip(1));
        }
        assert_eq!(seen.len(), ALPHABET.len());
        assert_eq!(format!("{:?}", UserCode::parse("EABC1230").unwrap()), "UserCode(…)");
    }

    proptest! {
        #[test]
        fn never_panics(typed in ".{0,60}") {
            let _ = UserCode::parse(&typed);
        }
    }
}
