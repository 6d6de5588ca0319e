//! Cookies (RFC 6265bis): `HttpOnly`, `SameSite=Lax`, for the whole site and no other host.

/// How browsers reach us, which decides the names and attributes of cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `https://…`: names begin with `__Host-`, and cookies are `Secure`.
    Https,
    /// `http://…`, for use on one machine: plain names.
    Http,
}

impl Transport {
    /// The transport of an application address.
    #[must_use]
    pub fn of(app_url: &str) -> Self {
        if app_url.starts_with("https://") { Self::Https } else { Self::Http }
    }
}

/// How long a browser keeps a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until the browser closes.
    BrowserSession,
    /// This many seconds.
    Seconds(i64),
    /// Not any longer.
    Gone,
}

/// The value holds a character that cookies may not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cookie value")]
pub struct BadValue;

/// A `Set-Cookie` header for the cookie called `name` without prefix.
///
/// # Errors
/// [`BadValue`] if `value` is not made of the `cookie-octet` of RFC 6265 §4.1.1; base64url always is.
pub fn set(name: &str, value: &str, transport: Transport, lifetime: Lifetime) -> Result<String, BadValue> {
    if !value.bytes().all(is_cookie_octet) {
        return Err(BadValue);
    }
    let name = full_name(name, transport);
    let secure = match transport {
        Transport::Https => "; Secure",
        Transport::Http => "",
    };
    let age = match lifetime {
        Lifetime::BrowserSession => String::new(),
        Lifetime::Seconds(seconds) => format!("; Max-Age={seconds}"),
        Lifetime::Gone => "; Max-Age=0".to_owned(),
    };
    Ok(format!("{name}={value}; Path=/{age}; HttpOnly{secure}; SameSite=Lax"))
}

/// The value of the cookie called `name` without prefix, from the `Cookie` headers of a request. A name that
/// occurs twice gives `None`: one of them was planted, and nobody can say which.
#[must_use]
pub fn find<'a>(
    headers: impl IntoIterator<Item = &'a str>,
    name: &str,
    transport: Transport,
) -> Option<&'a str> {
    let name = full_name(name, transport);
    let mut values = headers
        .into_iter()
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim_matches([' ', '\t']).split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() { None } else { value }
}

fn full_name(name: &str, transport: Transport) -> String {
    match transport {
        Transport::Https => format!("__Host-{name}"),
        Transport::Http => name.to_owned(),
    }
}

const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s39_attributes_are_the_strictest_the_transport_allows() {
        for (transport, lifetime, expected) in [
            (
                Transport::Https,
                Lifetime::Seconds(3600),
                "__Host-session=abc; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax",
            ),
            (
                Transport::Https,
                Lifetime::BrowserSession,
                "__Host-session=abc; Path=/; HttpOnly; Secure; SameSite=Lax",
            ),
            (Transport::Http, Lifetime::Gone, "session=abc; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"),
        ] {
            assert_eq!(set("session", "abc", transport, lifetime).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn values_cannot_add_attributes() {
        for bad in ["a;b", "a b", "a,b", "a\"b", "a\\b", "a\r\nSet-Cookie: x=y", "ü", "\0"] {
            assert_eq!(
                set("session", bad, Transport::Http, Lifetime::BrowserSession),
                Err(BadValue),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn s39_a_cookie_counts_once_and_under_its_full_name() {
        for (headers, expected) in [
            (vec![], None),
            (vec![""], None),
            (vec!["__Host-session=a"], Some("a")),
            (vec!["x=1; __Host-session=a=b ;y=2"], Some("a=b")),
            (vec!["x=1", "__Host-session=a"], Some("a")),
            (vec!["__Host-session="], Some("")),
            (vec!["__Host-session=a; __Host-session=b"], None),
            (vec!["__Host-session=a; __Host-session=a"], None),
            (vec!["__Host-session=a", "__Host-session=b"], None),
            (vec!["session=a"], None),
            (vec!["__host-session=a"], None),
            (vec!["__Host-session"], None),
            (vec!["=__Host-session=a"], None),
            (vec!["\u{a0}__Host-session=a"], None),
            (vec!["x=\"; __Host-session=a; \""], Some("a")),
        ] {
            assert_eq!(find(headers.iter().copied(), "session", Transport::Https), expected, "{headers:?}");
        }
        assert_eq!(find(["session=a; __Host-session=b"], "session", Transport::Http), Some("a"));
    }

    #[test]
    fn the_address_decides() {
        assert_eq!(Transport::of("https://id.example"), Transport::Https);
        assert_eq!(Transport::of("http://localhost:1411"), Transport::Http);
    }

    proptest! {
        #[test]
        fn never_panics_and_finds_what_it_set(header in ".{0,60}", value in "[A-Za-z0-9_-]{0,43}") {
            let _ = find([header.as_str()], "session", Transport::Https);
            let set = set("session", &value, Transport::Https, Lifetime::BrowserSession).unwrap();
            prop_assert_eq!(find([set.as_str()], "session", Transport::Https), Some(value.as_str()));
        }
    }
}
