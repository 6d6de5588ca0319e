//! Callback patterns: what an admin registers, and whether a redirect URI fits it.

use super::glob::{Glob, MAX_WILDCARDS};
use super::{RedirectUri, UriError, authority, check_text, parse_url};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use url::{Host, Url};

/// Why a pattern may not be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The pattern, read as a URI, breaks one of the rules of redirect URIs.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Too many wildcards in one component.
    #[error("pattern has too many wildcards")]
    TooManyWildcards,
}

/// A registered callback: a URI, in which wildcards may stand.
///
/// - `*` alone is every URI.
/// - host: `*` is any text, dots included; port: `*` is any port.
/// - path: `*` is one or more characters of one segment, `**` is anything.
/// - query: the same names, each as often; values in the words of a shell (`*`, `?`, `[a-z]`).
/// - a fragment is ignored; a trailing slash counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackPattern(Shape);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Any,
    Parts(Box<Parts>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    /// The pattern parsed as the URL it would be if its stars were letters, without a wildcard port.
    url: Url,
    any_port: bool,
    host: Option<Glob>,
    path: Glob,
}

impl CallbackPattern {
    /// Reads and checks a pattern.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self(Shape::Any));
        }
        check_text(text)?;
        let text = text.split('#').next().unwrap_or_default();
        let (concrete, any_port) = without_port_wildcard(text);
        let url = parse_url(&concrete)?;
        let parts =
            Parts { host: url.host_str().map(Glob::host), path: Glob::path(url.path()), any_port, url };
        let most = parts.host.iter().chain([&parts.path]).map(Glob::wildcards).max();
        if most > Some(MAX_WILDCARDS) {
            return Err(PatternError::TooManyWildcards);
        }
        Ok(Self(Shape::Parts(Box::new(parts))))
    }

    /// The host, where it is one host: no wildcard in it, and not absent.
    #[must_use]
    pub fn exact_host(&self) -> Option<&str> {
        match &self.0 {
            Shape::Any => None,
            Shape::Parts(parts) => {
                parts.url.host_str().filter(|host| !host.is_empty() && !host.contains('*'))
            }
        }
    }

    /// Whether `uri` fits this pattern.
    #[must_use]
    pub fn matches(&self, uri: &RedirectUri) -> bool {
        match &self.0 {
            Shape::Any => true,
            Shape::Parts(parts) => parts.url == *uri.url() || parts.fit(uri.url()),
        }
    }
}

impl Parts {
    fn fit(&self, uri: &Url) -> bool {
        self.url.scheme() == uri.scheme()
            // `app:/cb` and `app:///cb` both have no host
            && self.url.has_authority() == uri.has_authority()
            && match (&self.host, uri.host_str()) {
                (None, None) => true,
                (Some(pattern), Some(host)) => pattern.matches(host),
                _ => false,
            }
            && self.port_fits(uri)
            && self.path.matches(uri.path())
            && query_fits(&self.url, uri)
    }

    fn port_fits(&self, uri: &Url) -> bool {
        if self.any_port || self.url.port() == uri.port() {
            return true;
        }
        // Apps on the person's own machine listen where they find a free port. RFC 8252 §7.3 asks for any port
        // at the two loopback addresses; the name `localhost` may be anything's, so it gets any port only when
        // it was registered, by that very name, without one (§8.3).
        uri.scheme() == "http"
            && self.url.host() == uri.host()
            && match uri.host() {
                Some(Host::Ipv4(address)) => address.octets() == [127, 0, 0, 1],
                Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
                Some(Host::Domain(name)) => name == "localhost" && self.url.port().is_none(),
                None => false,
            }
    }
}

/// Whether one of the registered `patterns` accepts `uri`; if so, where to send the browser: the serialised
/// form of `uri`. Patterns that are not well formed accept nothing.
#[must_use]
pub fn matches<'a>(patterns: impl IntoIterator<Item = &'a str>, uri: &RedirectUri) -> Option<String> {
    patterns
        .into_iter()
        .filter_map(|text| CallbackPattern::parse(text).ok())
        .any(|pattern| pattern.matches(uri))
        .then(|| uri.as_str().to_owned())
}

/// The pattern without `:*` at the end of its authority, and whether that was there.
fn without_port_wildcard(text: &str) -> (String, bool) {
    match authority(text).and_then(|whole| whole.strip_suffix(":*").map(|bare| (whole, bare))) {
        Some((whole, bare)) => (text.replacen(&format!("//{whole}"), &format!("//{bare}"), 1), true),
        None => (text.to_owned(), false),
    }
}

/// Whether both have the same parameters the same number of times, the values of `uri` fitting those of
/// `pattern` in order.
fn query_fits(pattern: &Url, uri: &Url) -> bool {
    let (expected, got) = (parameters(pattern), parameters(uri));
    expected.keys().eq(got.keys())
        && expected.values().zip(got.values()).all(|(patterns, values)| {
            patterns.len() == values.len()
                && patterns.iter().zip(values).all(|(pattern, value)| value_fits(pattern, value))
        })
}

fn value_fits(pattern: &str, value: &str) -> bool {
    pattern == value
        || Glob::value(pattern).is_some_and(|glob| glob.wildcards() <= MAX_WILDCARDS && glob.matches(value))
}

fn parameters(url: &Url) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        all.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    all
}
