//! Redirect URIs and the patterns clients register for them (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1).
//!
//! One parser, the WHATWG one that browsers use, reads both sides; they are compared component by component,
//! and the browser is sent to the serialised form of what was parsed, never to the text that arrived.

mod glob;
mod pattern;
#[cfg(test)]
mod tests;

pub use pattern::{CallbackPattern, PatternError, matches};

use std::fmt;
use url::{Host, Url};

/// The longest URI or pattern, in bytes.
pub const MAX_BYTES: usize = 2048;

/// Schemes that run code, read files or reach something other than an app.
const DANGEROUS_SCHEMES: [&str; 15] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Why a `redirect_uri` was refused before it was compared with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Longer than [`MAX_BYTES`], as sent or as serialised.
    #[error("URI is too long")]
    TooLong,
    /// White space, a control character or a backslash, all of which URL parsers drop or rewrite.
    #[error("URI holds a forbidden character")]
    BadCharacter,
    /// No absolute URL, or `http(s):` without `//host`.
    #[error("URI is not absolute")]
    Malformed,
    /// `javascript:`, `data:` and the like.
    #[error("URI has a scheme that is not allowed")]
    Scheme,
    /// A user name or password, or an `@` where they would stand.
    #[error("URI has user information")]
    UserInfo,
    /// A fragment, even an empty one (RFC 6749 §3.1.2).
    #[error("URI has a fragment")]
    Fragment,
    /// A web host of other characters than letters, digits, `-`, `_` and `.`.
    #[error("URI has a host that is not a domain name or address")]
    Host,
}

/// An absolute URI that is safe to compare with a client's patterns. It is only safe to redirect to after
/// [`matches()`] accepted it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedirectUri(Url);

impl RedirectUri {
    /// Reads a `redirect_uri` or `post_logout_redirect_uri` parameter.
    ///
    /// # Errors
    /// [`UriError`].
    pub fn parse(text: &str) -> Result<Self, UriError> {
        check_text(text)?;
        if text.contains('#') {
            return Err(UriError::Fragment);
        }
        let url = parse_url(text)?;
        if is_web(&url) && !url.host_str().is_some_and(is_plain_host) {
            return Err(UriError::Host);
        }
        // Serialising can make it longer, and that form is what is stored and read again.
        if url.as_str().len() > MAX_BYTES {
            return Err(UriError::TooLong);
        }
        Ok(Self(url))
    }

    /// The serialised form, ASCII, the one a browser is sent to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether what is sent there can be read on the way: `http` to a host other than this machine.
    #[must_use]
    pub fn is_insecure(&self) -> bool {
        self.0.scheme() == "http"
            && !match self.0.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                None => false,
            }
    }

    /// The parsed URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A path on our own origin to go on to, or `None` if a browser could read `text` as anything else: it starts
/// with one `/`, holds no backslash, white space or control character, and stays on its base when resolved.
#[must_use]
pub fn local_path(text: &str) -> Option<&str> {
    check_text(text).ok()?;
    if !text.starts_with('/') || text.starts_with("//") {
        return None;
    }
    let base = Url::parse("https://origin.invalid").ok()?;
    let resolved = base.join(text).ok()?;
    let stays = resolved.origin() == base.origin() && !resolved.path().starts_with("//");
    stays.then_some(text)
}

/// What no URI or pattern may hold, whatever its parts are.
fn check_text(text: &str) -> Result<(), UriError> {
    if text.len() > MAX_BYTES {
        return Err(UriError::TooLong);
    }
    if text.chars().any(|c| c == '\\' || c.is_control() || c.is_whitespace()) {
        return Err(UriError::BadCharacter);
    }
    Ok(())
}

/// Parses an absolute URL, without the repairs that make two spellings of an authority mean one host.
fn parse_url(text: &str) -> Result<Url, UriError> {
    let url = Url::parse(text).map_err(|_| UriError::Malformed)?;
    if DANGEROUS_SCHEMES.contains(&url.scheme()) {
        return Err(UriError::Scheme);
    }
    let authority = authority(text);
    if authority.is_some_and(|authority| authority.contains('@'))
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(UriError::UserInfo);
    }
    // `https:host` and `https:///host` are repaired to `https://host` by the parser
    if is_web(&url) && authority.is_none_or(str::is_empty) {
        return Err(UriError::Malformed);
    }
    Ok(url)
}

/// What stands between `scheme://` and the path, query or fragment.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(':')?;
    rest.strip_prefix("//")?.split(['/', '?', '#']).next()
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Domain names and addresses alone: the WHATWG parser lets `;`, `,` or quotes through, which mean something
/// in a Content-Security-Policy.
fn is_plain_host(host: &str) -> bool {
    let is_address = host.starts_with('[');
    is_address || host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
