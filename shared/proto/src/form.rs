//! `application/x-www-form-urlencoded`, strictly (WHATWG URL §5, RFC 6749 §3.1 and appendix B).
//!
//! The decoding is the WHATWG one; what that standard repairs in silence (broken percent escapes, bytes that
//! are not UTF-8) is an error here, and so is a parameter that is sent twice.

use std::collections::BTreeMap;
use std::fmt;
use url::form_urlencoded;

/// The longest encoded text that [`Params::parse`] reads, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most parameters one request may carry.
pub const MAX_PARAMS: usize = 100;

/// Why a query or form body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The text is longer than [`MAX_BYTES`].
    #[error("form data is too long")]
    TooLong,
    /// There are more than [`MAX_PARAMS`] parameters.
    #[error("form data has too many parameters")]
    TooMany,
    /// A `%` without two hex digits, a NUL, or bytes that are not UTF-8.
    #[error("form data is not well encoded")]
    BadEncoding,
    /// RFC 6749 §3.1: a parameter must not be included more than once. Carries its name.
    #[error("parameter is repeated")]
    Duplicate(String),
}

/// The parameters of one request, by name, each at most once. `Debug` shows the names alone, since values may
/// be codes, tokens or passwords.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads a query string (without `?`) or a form body. Empty text gives no parameters.
    ///
    /// # Errors
    /// [`FormError`], the first that applies from left to right.
    pub fn parse(encoded: impl AsRef<[u8]>) -> Result<Self, FormError> {
        let encoded = encoded.as_ref();
        if encoded.len() > MAX_BYTES {
            return Err(FormError::TooLong);
        }
        let mut params = Self::default();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            params.insert(name, value)?;
        }
        Ok(params)
    }

    /// Parameters that came in another form than this one.
    ///
    /// # Errors
    /// [`FormError::TooMany`]; [`FormError::BadEncoding`] for a NUL; [`FormError::Duplicate`].
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, FormError> {
        let mut params = Self::default();
        for (name, value) in pairs {
            if name.contains('\0') || value.contains('\0') {
                return Err(FormError::BadEncoding);
            }
            params.insert(name, value)?;
        }
        Ok(params)
    }

    /// The parameters of query and body together, for endpoints that read both.
    ///
    /// # Errors
    /// [`FormError::Duplicate`] if a name is in both, [`FormError::TooMany`] if they are too many together.
    pub fn merge(query: Self, body: Self) -> Result<Self, FormError> {
        let mut all = query;
        for (name, value) in body.0 {
            all.insert(name, value)?;
        }
        Ok(all)
    }

    /// The value of `name`. A parameter without a value counts as absent (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The parameters except those of these names.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The parameters with this one, in place of any other of its name.
    #[must_use]
    pub fn with(mut self, name: &str, value: String) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Names and values that are not empty, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str())).filter(|(_, value)| !value.is_empty())
    }

    /// Whether nothing was sent, not even an empty value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parameters encoded again, ordered by name; [`Params::parse`] reads them back.
    #[must_use]
    pub fn render(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    fn insert(&mut self, name: String, value: String) -> Result<(), FormError> {
        if self.0.contains_key(&name) {
            return Err(FormError::Duplicate(name));
        }
        if self.0.len() >= MAX_PARAMS {
            return Err(FormError::TooMany);
        }
        self.0.insert(name, value);
        Ok(())
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Params")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Encodes pairs in the order given, without a leading `?`.
#[must_use]
pub fn render_query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Decodes one name or value: `+` is a space, `%HH` a byte, the bytes are UTF-8.
///
/// # Errors
/// [`FormError::BadEncoding`] for anything that is not so.
pub fn decode(encoded: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = hex_digit(rest.next())?;
                let low = hex_digit(rest.next())?;
                high << 4 | low
            }
            other => *other,
        });
    }
    // NUL is in no name or value of ours, and Postgres takes no text with it.
    if bytes.contains(&0) {
        return Err(FormError::BadEncoding);
    }
    String::from_utf8(bytes).map_err(|_| FormError::BadEncoding)
}

/// Whether a `Content-Type` value names form data; parameters such as `charset` do not matter.
#[must_use]
pub fn is_form(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn hex_digit(byte: Option<&u8>) -> Result<u8, FormError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(FormError::BadEncoding),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Result<Vec<(String, String)>, FormError> {
        Params::parse(text).map(|p| p.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
    }

    #[test]
    fn decodes_as_whatwg_does() {
        for (text, expected) in [
            ("", vec![]),
            ("&&", vec![]),
            ("a=1", vec![("a", "1")]),
            ("b=2&a=1&", vec![("a", "1"), ("b", "2")]),
            ("a=x+y%20z", vec![("a", "x y z")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("a%3Db=c", vec![("a=b", "c")]),
            ("a=%C3%BC", vec![("a", "ü")]),
            ("a=ü", vec![("a", "ü")]),
            ("scope=openid+profile", vec![("scope", "openid profile")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            assert_eq!(pairs(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_whatwg_would_repair() {
        for bad in ["a=%00", "a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%=1", "a=%C3", "a=%ED%A0%80"] {
            assert_eq!(Params::parse(bad), Err(FormError::BadEncoding), "{bad}");
        }
        assert_eq!(Params::parse(b"a=\xff"), Err(FormError::BadEncoding));
    }

    #[test]
    fn s05_a_repeated_parameter_is_refused_in_either_order() {
        let again = Err(FormError::Duplicate("state".into()));
        for text in ["state=a&x=1&state=b", "state=b&state=a", "state=&state=a", "state=a&%73tate=a"] {
            assert_eq!(Params::parse(text), again, "{text}");
        }
    }

    #[test]
    fn s05_a_parameter_in_query_and_body_is_refused() {
        let read = |text: &str| Params::parse(text).unwrap();
        assert_eq!(
            Params::merge(read("client_id=a"), read("client_id=a&x=1")),
            Err(FormError::Duplicate("client_id".into()))
        );
        assert_eq!(Params::merge(read("client_id=a"), read("x=1")), Ok(read("x=1&client_id=a")));
    }

    #[test]
    fn a_parameter_without_value_is_absent() {
        let params = Params::parse("a=&b&c=1").unwrap();
        assert_eq!((params.get("a"), params.get("b"), params.get("c")), (None, None, Some("1")));
        assert_eq!(params.iter().collect::<Vec<_>>(), [("c", "1")]);
        assert!(!params.is_empty());
    }

    #[test]
    fn s55_size_and_count_are_limited() {
        let long = format!("a={}", "x".repeat(MAX_BYTES - 2));
        assert!(Params::parse(&long).is_ok());
        assert_eq!(Params::parse(format!("{long}x")), Err(FormError::TooLong));
        let many = |n: usize| (0..n).map(|i| format!("p{i}=1&")).collect::<String>();
        assert!(Params::parse(many(MAX_PARAMS)).is_ok());
        assert_eq!(Params::parse(many(MAX_PARAMS + 1)), Err(FormError::TooMany));
    }

    #[test]
    fn s57_debug_shows_names_alone() {
        let params = Params::parse("client_secret=hunter2").unwrap();
        assert_eq!(format!("{params:?}"), r#"Params{"client_secret"}"#);
    }

    #[test]
    fn s05_pairs_keep_the_same_rules() {
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        let read = Params::from_pairs([pair("b", ""), pair("a", "1")]);
        assert_eq!(read, Params::parse("a=1&b="));
        assert_eq!(
            Params::from_pairs([pair("a", "1"), pair("a", "1")]),
            Err(FormError::Duplicate("a".into()))
        );
        assert_eq!(Params::from_pairs([pair("a", "\0")]), Err(FormError::BadEncoding));
        let many = (0..=MAX_PARAMS).map(|i| pair(&i.to_string(), ""));
        assert_eq!(Params::from_pairs(many), Err(FormError::TooMany));
        assert_eq!(read.unwrap().without(&["b", "c"]), Params::parse("a=1").unwrap());
    }

    #[test]
    fn media_type_of_a_form() {
        for yes in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"]
        {
            assert!(is_form(yes), "{yes}");
        }
        for no in ["", "application/json", "application/x-www-form-urlencodedx", "multipart/form-data"] {
            assert!(!is_form(no), "{no}");
        }
    }

    #[test]
    fn queries_are_rendered_in_order() {
        assert_eq!(render_query(&[("b", "x y&z"), ("a", "ü")]), "b=x+y%26z&a=%C3%BC");
        assert_eq!(render_query(&[]), "");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Params::parse(bytes);
        }

        #[test]
        fn reads_back_what_it_renders(map in proptest::collection::btree_map("[^\0]{1,8}", "[^\0]{0,8}", 0..8)) {
            let params = Params(map);
            prop_assert_eq!(Params::parse(params.render()), Ok(params));
        }
    }
}
