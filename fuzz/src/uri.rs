//! Redirect URIs, the patterns that clients register for them, and paths of our own.

use crate::parts;
use proto::oauth::ResponseMode;
use proto::oauth::response_mode::Delivery;
use proto::uri::{self, CallbackPattern, RedirectUri};
use url::Url;

/// Patterns that a fuzzer should find no way around, and the host that each leads to.
const REGISTERED: [(&str, fn(&str) -> bool); 6] = [
    ("https://app.example.com/cb", |host| host == "app.example.com"),
    ("https://*.example.com/cb", |host| host.ends_with(".example.com")),
    ("https://app.example.com/cb/**", |host| host == "app.example.com"),
    ("https://app.example.com:*/cb", |host| host == "app.example.com"),
    ("app.immich:///oauth-callback", str::is_empty),
    ("http://127.0.0.1/cb", |host| host == "127.0.0.1"),
];

/// Rules: what is accepted leads to a registered host, has no user and no fragment, and is read again as the same;
/// what is added to an address changes neither its host nor its path; a path of our own stays on our origin.
pub fn uri(data: &[u8]) {
    let mut parts = parts(data);
    let (text, pattern) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Some(path) = uri::local_path(text) {
        let joined = Url::parse("https://id.example").and_then(|base| base.join(path)).unwrap();
        assert_eq!(joined.origin().ascii_serialization(), "https://id.example");
    }
    let registered = CallbackPattern::parse(pattern);
    let Ok(uri) = RedirectUri::parse(text) else { return };
    assert_eq!(RedirectUri::parse(uri.as_str()).as_ref(), Ok(&uri));
    let seen = Url::parse(uri.as_str()).unwrap();
    assert_eq!((seen.username(), seen.password(), seen.fragment()), ("", None, None));
    if let Ok(registered) = registered {
        let _ = registered.matches(&uri);
    }
    for (pattern, is_host) in REGISTERED {
        if let Some(target) = uri::matches([pattern], &uri) {
            assert_eq!(target, uri.as_str());
            assert!(is_host(seen.host_str().unwrap_or_default()), "{pattern}: {target}");
        }
    }
    for mode in [ResponseMode::Query, ResponseMode::Fragment] {
        if let Delivery::Redirect(address) = mode.deliver(&uri, &[("code", "a&b"), ("state", text)]) {
            let sent = Url::parse(&address).unwrap();
            assert_eq!((sent.scheme(), sent.host_str(), sent.path()), (seen.scheme(), seen.host_str(), seen.path()));
        }
    }
}
