//! The wildcards of callback patterns, matched in time proportional to pattern length × text length.

/// The most wildcards one component may hold.
pub(super) const MAX_WILDCARDS: usize = 16;

/// One step of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This byte.
    Byte(u8),
    /// At least `min` bytes, each of which `within` allows.
    Run { min: usize, within: Within },
    /// One byte other than `/`.
    One,
    /// One byte that is (or, if `negated`, is not) in one of the ranges.
    Class { negated: bool, ranges: Vec<(u8, u8)> },
}

/// What a run of bytes may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Anything.
    Anything,
    /// Anything in a path but encoded slashes, which some servers decode before they route.
    Path,
    /// As `Path`, and no `/`.
    Segment,
    /// No `/`.
    NoSlash,
}

/// A compiled pattern of one URL component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Step>);

impl Glob {
    /// A host: `*` is any text, also with dots, also empty.
    pub(super) fn host(pattern: &str) -> Self {
        Self(
            pattern
                .bytes()
                .map(|b| match b {
                    b'*' => Step::Run { min: 0, within: Within::Anything },
                    other => Step::Byte(other),
                })
                .collect(),
        )
    }

    /// A path: `*` is one or more bytes of one segment, `**` any text with slashes. Neither covers an encoded
    /// slash or backslash.
    pub(super) fn path(pattern: &str) -> Self {
        let mut steps = Vec::new();
        let mut bytes = pattern.bytes().peekable();
        while let Some(byte) = bytes.next() {
            steps.push(match byte {
                b'*' if bytes.next_if_eq(&b'*').is_some() => Step::Run { min: 0, within: Within::Path },
                b'*' => Step::Run { min: 1, within: Within::Segment },
                other => Step::Byte(other),
            });
        }
        Self(steps)
    }

    /// A query value in the words of a shell: `*`, `?` and `[a-z]` or `[^a-z]`, none of which covers `/`.
    /// `None` if a class is not closed.
    pub(super) fn value(pattern: &str) -> Option<Self> {
        let mut steps = Vec::new();
        let mut bytes = pattern.bytes().peekable();
        while let Some(byte) = bytes.next() {
            steps.push(match byte {
                b'*' => Step::Run { min: 0, within: Within::NoSlash },
                b'?' => Step::One,
                b'[' => class(&mut bytes)?,
                other => Step::Byte(other),
            });
        }
        Some(Self(steps))
    }

    /// How many steps can stand for more than one text.
    pub(super) fn wildcards(&self) -> usize {
        self.0.iter().filter(|step| !matches!(step, Step::Byte(_))).count()
    }

    /// Whether the whole of `text` fits the pattern.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = text.as_bytes();
        // reached[i]: the steps so far can end just before byte i
        let mut reached = vec![false; text.len() + 1];
        if let Some(start) = reached.first_mut() {
            *start = true;
        }
        for step in &self.0 {
            reached = step.advance(&reached, text);
        }
        reached.last().copied().unwrap_or(false)
    }
}

impl Step {
    /// The positions that can be reached by this step from those in `from`.
    fn advance(&self, from: &[bool], text: &[u8]) -> Vec<bool> {
        let mut to = vec![false; from.len()];
        match self {
            Self::Run { min, within } => {
                // how many bytes the longest run that ends here has; `None` if no run does
                let mut longest: Option<usize> = None;
                for (at, (start, end)) in from.iter().zip(to.iter_mut()).enumerate() {
                    if let Some(before) = at.checked_sub(1) {
                        longest =
                            longest.filter(|_| within.allows(text, before)).map(|n| n.saturating_add(1));
                    }
                    if *start {
                        longest = longest.or(Some(0));
                    }
                    *end = longest.is_some_and(|n| n >= *min);
                }
            }
            one_byte => {
                for ((start, byte), end) in from.iter().zip(text).zip(to.iter_mut().skip(1)) {
                    *end = *start && one_byte.covers(*byte);
                }
            }
        }
        to
    }

    fn covers(&self, byte: u8) -> bool {
        match self {
            Self::Byte(expected) => *expected == byte,
            Self::One => byte != b'/',
            Self::Class { negated, ranges } => {
                byte != b'/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)) != *negated
            }
            Self::Run { .. } => false,
        }
    }
}

impl Within {
    /// Whether the byte at `at` may be part of the run.
    fn allows(self, text: &[u8], at: usize) -> bool {
        let rest = text.get(at..).unwrap_or_default();
        let byte = rest.first().copied().unwrap_or_default();
        let encoded_slash = || {
            rest.get(..3)
                .is_some_and(|three| three.eq_ignore_ascii_case(b"%2f") || three.eq_ignore_ascii_case(b"%5c"))
        };
        match self {
            Self::Anything => true,
            Self::NoSlash => byte != b'/',
            Self::Path => !encoded_slash(),
            Self::Segment => byte != b'/' && !encoded_slash(),
        }
    }
}

/// Reads a class after its `[`.
fn class(bytes: &mut impl Iterator<Item = u8>) -> Option<Step> {
    let mut inside = Vec::new();
    loop {
        match bytes.next()? {
            b']' if !inside.is_empty() => break,
            byte => inside.push(byte),
        }
    }
    let negated = inside.first() == Some(&b'^');
    let mut members = inside.into_iter().skip(usize::from(negated)).peekable();
    let mut ranges = Vec::new();
    while let Some(low) = members.next() {
        let high = if members.next_if_eq(&b'-').is_some() { members.next()? } else { low };
        ranges.push((low, high));
    }
    Some(Step::Class { negated, ranges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts() {
        for (pattern, text, expected) in [
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", ".example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.example.com.evil.com", false),
            ("*.example.com", "a.exampleXcom", false),
            ("app-*.example.com", "app-.example.com", true),
            ("*", "", true),
            ("a*b*c", "abbc", true),
            ("a*b*c", "acb", false),
        ] {
            assert_eq!(Glob::host(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn paths() {
        for (pattern, text, expected) in [
            ("/cb", "/cb", true),
            ("/cb", "/cb/", false),
            ("/cb/*", "/cb/", false),
            ("/cb/*", "/cb/a", true),
            ("/cb/*", "/cb/a/b", false),
            ("/cb/*", "/cb/a%2Fb", false),
            ("/cb/*", "/cb/a%5cb", false),
            ("/cb/*", "/cb/a%20b", true),
            ("/cb/x*", "/cb/x", false),
            ("/*/cb", "/tenant/cb", true),
            ("/*/cb", "//cb", false),
            ("/**", "/", true),
            ("/**", "/a/b/c", true),
            ("/a/**", "/a", false),
            ("/a/**", "/a/..%2fb", false),
            ("/a/**/z", "/a/b/c/z", true),
            ("/a/***", "/a/b/c", true),
            ("/a/%2F/*", "/a/%2F/b", true),
        ] {
            assert_eq!(Glob::path(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn values() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("*", "a/b", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[^a-c]x", "dx", true),
            ("[^a-c]x", "/x", false),
            ("[]]", "]", true),
            ("[a-c1]", "1", true),
        ] {
            assert_eq!(Glob::value(pattern).map(|g| g.matches(text)), Some(expected), "{pattern} {text}");
        }
        for bad in ["[", "[a", "[]", "a[b-]", "[^"] {
            assert_eq!(Glob::value(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(pattern in ".{0,30}", text in ".{0,30}") {
            let _ = Glob::host(&pattern).matches(&text);
            let _ = Glob::path(&pattern).matches(&text);
            let _ = Glob::value(&pattern).map(|glob| glob.matches(&text));
        }

        #[test]
        fn a_pattern_without_wildcards_matches_itself_alone(text in "[^*]{0,20}", other in "[^*]{0,20}") {
            prop_assert!(Glob::path(&text).matches(&text));
            prop_assert_eq!(Glob::host(&text).matches(&other), text == other);
        }
    }
}
