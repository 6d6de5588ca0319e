//! Texts of the pages in each language, generated from `ui/messages/*.json`.

use super::text::Filled;

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

impl Messages {
    /// Language tag (BCP 47), for the `lang` attribute.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        self.tag
    }

    /// Writing direction, for the `dir` attribute.
    #[must_use]
    pub fn dir(&self) -> &'static str {
        match self.tag.split('-').next() {
            Some("ar" | "fa" | "he" | "ur") => "rtl",
            _ => "ltr",
        }
    }

    /// The language with this tag, or the one that its first subtag names (`de-AT` → `de`).
    #[must_use]
    pub fn find(tag: &str) -> Option<&'static Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        let by = |wanted: &str| ALL.iter().find(|m| m.tag.eq_ignore_ascii_case(wanted)).copied();
        by(tag).or_else(|| by(primary))
    }
}

/// The best language for an `Accept-Language` header (RFC 9110 §12.5.4), English if none fits.
#[must_use]
pub fn negotiate(accept_language: Option<&str>) -> &'static Messages {
    let mut best: Option<(u16, &'static Messages)> = None;
    for range in accept_language.unwrap_or_default().split(',').take(50) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default().trim();
        let weight = parts.find_map(|p| p.trim().strip_prefix("q=")).map_or(1000, thousandths);
        let found = if tag == "*" { Some(&EN) } else { Messages::find(tag) };
        if let Some(messages) = found
            && weight > best.map_or(0, |(w, _)| w)
        {
            best = Some((weight, messages));
        }
    }
    best.map_or(&EN, |(_, messages)| messages)
}

/// The first language of a `ui_locales` parameter that we have (OpenID Connect Core §3.1.2.1).
#[must_use]
pub fn preferred(ui_locales: &str) -> Option<&'static Messages> {
    ui_locales.split(' ').filter(|tag| !tag.is_empty()).take(50).find_map(Messages::find)
}

/// A weight such as `0.85` in thousandths; 0 (never) for anything that is not a weight.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    match whole {
        "1" => 1000,
        "0" => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_is_negotiated_by_weight() {
        for (header, expected) in [
            (None, "en"),
            (Some(""), "en"),
            (Some("de"), "de"),
            (Some("DE-at"), "de"),
            (Some("tlh, de;q=0.5, en;q=0.4"), "de"),
            (Some("de;q=0.3, en-GB;q=0.9"), "en"),
            (Some("de;q=0"), "en"),
            (Some("de;q=x"), "en"),
            (Some("*, de"), "en"),
            (Some("*;q=0.1, de;q=0.2"), "de"),
            (Some(";;;,,,q=1"), "en"),
        ] {
            assert_eq!(negotiate(header).tag(), expected, "{header:?}");
        }
    }

    #[test]
    fn the_first_language_that_we_have_is_preferred() {
        for (text, expected) in [
            ("de", Some("de")),
            ("fr-CA tlh de-CH en", Some("de")),
            ("EN de", Some("en")),
            ("", None),
            ("fr  tlh", None),
            ("*", None),
        ] {
            assert_eq!(preferred(text).map(Messages::tag), expected, "{text}");
        }
    }

    #[test]
    fn weights_are_read_in_thousandths() {
        for (text, expected) in
            [("1", 1000), ("1.0", 1000), ("0.8", 800), ("0.085", 85), ("0", 0), ("2", 0), ("0.1234", 0)]
        {
            assert_eq!(thousandths(text), expected, "{text}");
        }
    }

    #[test]
    fn english_comes_first_and_reads_left_to_right() {
        assert_eq!(ALL[0].tag(), "en");
        assert!(ALL.iter().all(|m| m.dir() == "ltr"));
    }
}
