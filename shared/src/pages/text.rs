//! Text from people and apps, made harmless for the place where it is shown.

use std::fmt::{self, Write as _};

/// Longest foreign text that a page shows, in characters: an origin is never cut, since its end says whose it is.
const LONGEST: usize = 280;

/// Longest value that a page shows for comparing, in characters.
const LONGEST_EXACT: usize = 1000;

/// Foreign text for an HTML page: escaped, clipped, without control characters, in its own `<bdi>`.
///
/// The element keeps a name's writing direction from reordering the sentence around it.
#[derive(Debug, Clone, Copy)]
pub struct Isolated<'a>(&'a str);

/// Isolates foreign text, see [`Isolated`].
#[must_use]
pub const fn bdi(text: &str) -> Isolated<'_> {
    Isolated(text)
}

impl fmt::Display for Isolated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        shown(self.0).try_for_each(|c| escape(f, c))?;
        f.write_str("</bdi>")
    }
}

impl askama::filters::HtmlSafe for Isolated<'_> {}

/// Foreign text for comparing, e.g. an address: hidden characters are shown as `\u{…}` instead of being left out.
#[derive(Debug, Clone, Copy)]
pub struct Exact<'a>(&'a str);

/// Shows foreign text character by character, see [`Exact`].
#[must_use]
pub const fn exact(text: &str) -> Exact<'_> {
    Exact(text)
}

impl fmt::Display for Exact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<bdi>")?;
        for c in self.0.chars().take(LONGEST_EXACT) {
            if hidden(c) { write!(f, "{}", c.escape_unicode())? } else { escape(f, c)? }
        }
        f.write_str(if self.0.chars().nth(LONGEST_EXACT).is_some() { "…</bdi>" } else { "</bdi>" })
    }
}

impl askama::filters::HtmlSafe for Exact<'_> {}

/// A message with its placeholders filled in; shows as HTML with each value [`Isolated`].
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a, const N: usize> {
    text: &'static str,
    values: [(&'static str, &'a str); N],
}

impl<'a, const N: usize> Filled<'a, N> {
    /// A message and its values by placeholder name.
    #[must_use]
    pub const fn new(text: &'static str, values: [(&'static str, &'a str); N]) -> Self {
        Self { text, values }
    }

    /// Without markup, for titles and attributes; the template escapes it.
    #[must_use]
    pub fn plain(&self) -> String {
        self.pieces().fold(String::new(), |mut all, piece| {
            match piece {
                Piece::Own(text) => all.push_str(text),
                Piece::Foreign(text) => all.extend(shown(text)),
            }
            all
        })
    }

    /// The message in order: own words and foreign values by turns.
    fn pieces(&self) -> impl Iterator<Item = Piece<'a>> {
        let values = self.values;
        self.text.split('{').enumerate().flat_map(move |(i, part)| {
            let (name, rest) = if i == 0 { ("", part) } else { part.split_once('}').unwrap_or(("", part)) };
            let value = values.iter().find(|(n, _)| *n == name).map(|(_, v)| Piece::Foreign(v));
            value.into_iter().chain([Piece::Own(rest)])
        })
    }
}

enum Piece<'a> {
    Own(&'static str),
    Foreign(&'a str),
}

impl<const N: usize> fmt::Display for Filled<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| match piece {
            Piece::Own(text) => text.chars().try_for_each(|c| escape(f, c)),
            Piece::Foreign(text) => bdi(text).fmt(f),
        })
    }
}

impl<const N: usize> askama::filters::HtmlSafe for Filled<'_, N> {}

/// The characters of foreign text that are shown, with an ellipsis where the rest is left out.
fn shown(text: &str) -> impl Iterator<Item = char> {
    let more = text.chars().filter(|c| !hidden(*c)).nth(LONGEST).map(|_| '…');
    text.chars().filter(|c| !hidden(*c)).take(LONGEST).chain(more)
}

/// Control characters and those that only steer the writing direction: with them a name can pose as another.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn escape(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '&' => f.write_str("&amp;"),
        '"' => f.write_str("&quot;"),
        '\'' => f.write_str("&#39;"),
        _ => f.write_char(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_isolated() {
        assert_eq!(bdi("<b>&\"'").to_string(), "<bdi>&lt;b&gt;&amp;&quot;&#39;</bdi>");
    }

    #[test]
    fn direction_marks_and_controls_are_left_out() {
        assert_eq!(bdi("ab\u{202E}c\u{2067}d\n\0e").to_string(), "<bdi>abcde</bdi>");
        assert_eq!(bdi("שלום 👩‍🔑").to_string(), "<bdi>שלום 👩‍🔑</bdi>", "letters and emoji stay whole");
    }

    #[test]
    fn long_text_is_clipped_with_an_ellipsis() {
        assert_eq!(bdi(&"x".repeat(LONGEST)).to_string(), format!("<bdi>{}</bdi>", "x".repeat(LONGEST)));
        assert_eq!(bdi(&"x".repeat(10_000)).to_string(), format!("<bdi>{}…</bdi>", "x".repeat(LONGEST)));
    }

    #[test]
    fn exact_text_shows_what_hides() {
        assert_eq!(exact("a<\u{202E}b\n").to_string(), "<bdi>a&lt;\\u{202e}b\\u{a}</bdi>");
        assert_eq!(exact(&"x".repeat(1001)).to_string(), format!("<bdi>{}…</bdi>", "x".repeat(1000)));
    }

    #[test]
    fn placeholders_are_filled_once_and_values_are_not_read_again() {
        let filled = Filled::new("To {a}, from {b}.", [("a", "{b}<"), ("b", "me")]);
        assert_eq!(filled.to_string(), "To <bdi>{b}&lt;</bdi>, from <bdi>me</bdi>.");
        assert_eq!(filled.plain(), "To {b}<, from me.");
    }
}
