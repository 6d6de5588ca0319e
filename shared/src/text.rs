//! Text that people type.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Unicode normalization form C: one spelling of what looks the same. The tables are those that host names are read
/// with.
#[must_use]
pub fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combining_marks_are_composed() {
        assert_eq!(nfc("Cafe\u{301}"), "Caf\u{e9}");
        assert_eq!(nfc("Zoe\u{308} \u{1100}\u{1161}"), "Zo\u{eb} \u{ac00}");
        assert_eq!(nfc("plain"), "plain");
    }
}
