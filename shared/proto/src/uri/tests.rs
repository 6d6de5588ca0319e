use super::*;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

const EXACT: &str = "https://app.example.com/cb";
const HOST: &str = "https://*.example.com/cb";
const PATH: &str = "https://app.example.com/cb/*";
const PORT: &str = "https://app.example.com:*/cb";
const CUSTOM: &str = "app.immich:///oauth-callback";
const LOOPBACK: &str = "http://127.0.0.1/cb";

/// Mutated callback addresses, the kinds of patterns, and what each pattern accepts with where it leads to. The
/// black-box tests send the same table over HTTP.
#[derive(Deserialize)]
struct Table {
    patterns: BTreeMap<String, String>,
    /// Authorities that try to look like `app.example.com`.
    authorities: Vec<String>,
    /// What may follow the right authority.
    paths: Vec<String>,
    /// Whole URIs.
    others: Vec<String>,
    /// By kind of pattern: text → target.
    accepted: BTreeMap<String, BTreeMap<String, String>>,
}

impl Table {
    fn read() -> Self {
        serde_json::from_str(include_str!("mutations.json")).unwrap()
    }

    fn mutated(&self) -> BTreeSet<String> {
        let authorities = self.authorities.iter().map(|authority| format!("https://{authority}/cb"));
        let paths = self.paths.iter().map(|path| format!("https://app.example.com{path}"));
        authorities.chain(paths).chain(self.others.iter().cloned()).collect()
    }
}

fn accepted(pattern: &str, text: &str) -> Option<String> {
    matches([pattern], &RedirectUri::parse(text).ok()?)
}

/// What a second parser, of RFC 3986 and not of WHATWG, sees: scheme, user information, host, port. What follows
/// the authority is left out: WHATWG leaves characters there that RFC 3986 wants encoded.
fn second_reading(text: &str) -> Option<[String; 4]> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let whole = format!("{scheme}://{authority}/");
    let uri = fluent_uri::Uri::parse(whole.as_str()).ok()?;
    let authority = uri.authority()?;
    Some([
        uri.scheme().as_str().to_ascii_lowercase(),
        authority.userinfo().map(|u| u.as_str().to_owned()).unwrap_or_default(),
        authority.host().to_ascii_lowercase(),
        authority.port().map(|p| p.as_str().to_owned()).unwrap_or_default(),
    ])
}

/// Both parsers agree on where the accepted `target` leads, and on the host that `text` named, unless that is one
/// of the spellings of a host that RFC 3986 leaves to schemes.
fn assert_no_second_opinion(text: &str, target: &str) {
    let url = Url::parse(target).unwrap();
    let port = url.port().map(|p| p.to_string()).unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let seen = second_reading(target).unwrap_or_else(|| panic!("{text:?} → {target} is no URI"));
    assert_eq!(seen, [url.scheme().to_owned(), String::new(), host.to_owned(), port], "{text:?}");
    let named = second_reading(text).map(|[_, _, host, _]| host);
    let is_name = |host: &str| host.contains(|c: char| c.is_ascii_alphabetic()) && !host.contains('%');
    if let Some(named) = named.filter(|named| is_name(named) && !named.contains("0x")) {
        assert_eq!(named, host, "{text:?}");
    }
}

#[test]
fn s01_a_second_parser_sees_the_same_hosts() {
    let table = Table::read();
    for (text, target) in table.accepted.values().flatten() {
        assert_no_second_opinion(text, target);
    }
}

/// Every mutated URI against every kind of pattern: what is accepted is in the table with where it leads to, the
/// rest is refused.
#[test]
fn s01_mutated_uris_match_what_they_are_and_nothing_else() {
    let table = Table::read();
    let mutated = table.mutated();
    assert!(mutated.len() >= 390, "{} mutations", mutated.len());
    for (kind, pattern) in &table.patterns {
        let got: BTreeMap<_, _> =
            mutated.iter().filter_map(|text| Some((text.clone(), accepted(pattern, text)?))).collect();
        assert_eq!(Some(&got), table.accepted.get(kind), "{kind}");
    }
}

#[test]
fn s01_dangerous_uris_are_refused_before_they_are_compared() {
    use UriError::*;
    for (text, expected) in [
        ("", Malformed),
        ("cb", Malformed),
        ("//app.example/cb", Malformed),
        ("https:app.example/cb", Malformed),
        ("https:///app.example/cb", Malformed),
        ("https://a b/cb", BadCharacter),
        ("https://app.example/\u{85}", BadCharacter),
        ("https://app.example\\cb", BadCharacter),
        ("https://app.example/c\tb", BadCharacter),
        ("https://app.example/cb#", Fragment),
        ("https://app.example/cb#x", Fragment),
        ("https://u@app.example/cb", UserInfo),
        ("https://:@app.example/cb", UserInfo),
        ("https://@app.example/cb", UserInfo),
        ("app://u@host/cb", UserInfo),
        ("javascript:alert(1)", Scheme),
        ("JAVASCRIPT://a/%0aalert(1)", Scheme),
        ("data:text/html,x", Scheme),
        ("vbscript:x", Scheme),
        ("blob:https://app.example/1", Scheme),
        ("file:///etc/passwd", Scheme),
        ("https://a;b.example/", Host),
        ("https://a,b.example/", Host),
        ("https://a'b.example/", Host),
        ("https://*.example/", Host),
        ("https://a%2fb.example/", Malformed),
        ("https://app.example:99999/", Malformed),
    ] {
        assert_eq!(RedirectUri::parse(text), Err(expected), "{text:?}");
    }
    let long = format!("https://app.example/{}", "a".repeat(MAX_BYTES));
    assert_eq!(RedirectUri::parse(&long), Err(TooLong));
}

/// What is accepted is stored as its serialised form and read again later.
#[test]
fn s01_the_length_of_the_serialised_form_counts_too() {
    let grows = format!("https://app.example.com/cb/{}", "<".repeat(MAX_BYTES / 2));
    assert!(grows.len() < MAX_BYTES);
    assert_eq!(RedirectUri::parse(&grows), Err(UriError::TooLong));
    let fits = RedirectUri::parse(&format!("https://app.example.com/cb/{}", "<".repeat(600))).unwrap();
    assert_eq!(RedirectUri::parse(fits.as_str()), Ok(fits));
}

#[test]
fn the_serialised_form_is_what_counts() {
    for (text, expected) in [
        ("https://App.Example", "https://app.example/"),
        ("https://app.example:443/a/../b?x=ü#".trim_end_matches('#'), "https://app.example/b?x=%C3%BC"),
        ("app.immich:///oauth-callback", "app.immich:///oauth-callback"),
        ("com.example.app:/cb", "com.example.app:/cb"),
        ("urn:ietf:wg:oauth:2.0:oob", "urn:ietf:wg:oauth:2.0:oob"),
    ] {
        assert_eq!(RedirectUri::parse(text).unwrap().as_str(), expected);
    }
}

#[test]
fn patterns_that_may_not_be_registered() {
    for (text, expected) in [
        ("", PatternError::Uri(UriError::Malformed)),
        ("**", PatternError::Uri(UriError::Malformed)),
        ("*/cb", PatternError::Uri(UriError::Malformed)),
        ("*://app.example/cb", PatternError::Uri(UriError::Malformed)),
        ("app.example/cb", PatternError::Uri(UriError::Malformed)),
        ("https://app.example:4*/cb", PatternError::Uri(UriError::Malformed)),
        ("https://*@app.example/cb", PatternError::Uri(UriError::UserInfo)),
        ("https://u:*@app.example/cb", PatternError::Uri(UriError::UserInfo)),
        ("javascript:*", PatternError::Uri(UriError::Scheme)),
        ("Data:*", PatternError::Uri(UriError::Scheme)),
        ("https://app.example/ *", PatternError::Uri(UriError::BadCharacter)),
        (&format!("https://app.example/{}", "*/".repeat(17)), PatternError::TooManyWildcards),
    ] {
        assert_eq!(CallbackPattern::parse(text), Err(expected), "{text}");
        assert_eq!(accepted(text, "https://app.example/cb"), None, "{text}");
    }
}

#[test]
fn patterns_match_by_component() {
    for (pattern, uri, expected) in [
        ("*", "https://anything.example/x?y=z", true),
        ("*", "app:/cb", true),
        // host
        ("https://*.example.com/cb", "https://a.b.example.com/cb", true),
        ("https://*.example.com/cb", "https://example.com/cb", false),
        ("https://*.example.com/cb", "https://evil.com/.example.com/cb", false),
        ("https://*.example.com/cb", "http://a.example.com/cb", false),
        ("https://*.example.com/cb", "https://a.example.com:8443/cb", false),
        ("https://*.EXAMPLE.com/cb", "https://a.example.com/cb", true),
        ("https://app-*.example.com/cb", "https://app-42.example.com/cb", true),
        ("https://*.exämple.com/cb", "https://a.xn--exmple-cua.com/cb", true),
        ("https://*/cb", "https://anything.example/cb", true),
        ("https://*/cb", "https://anything.example/a/cb", false),
        // port
        ("https://app.example:*/cb", "https://app.example/cb", true),
        ("https://app.example:*/cb", "https://app.example:8443/cb", true),
        ("https://app.example:*", "https://app.example:8443/", true),
        ("https://app.example:*/cb", "https://app.example.evil:8443/cb", false),
        ("https://*:*/**", "https://a.b:1/c", true),
        ("https://app.example:443/cb", "https://app.example/cb", true),
        ("https://app.example:8443/cb", "https://app.example/cb", false),
        // path
        ("https://app.example/cb", "https://app.example/cb/", false),
        ("https://app.example/cb/", "https://app.example/cb", false),
        ("https://app.example", "https://app.example/", true),
        ("https://app.example/*/cb", "https://app.example/tenant/cb", true),
        ("https://app.example/*/cb", "https://app.example/a/b/cb", false),
        ("https://app.example/**", "https://app.example/a/b/cb", true),
        ("https://app.example/**/cb", "https://app.example/a/b/cb", true),
        ("https://app.example/a/**", "https://app.example/a/../evil", false),
        ("https://app.example/:id/cb", "https://app.example/:id/cb", true),
        ("https://app.example/:id/cb", "https://app.example/7/cb", false),
        ("https://app.example/cb.x", "https://app.example/cb-x", false),
        // query
        ("https://app.example/cb?a=1", "https://app.example/cb", false),
        ("https://app.example/cb", "https://app.example/cb?a=1", false),
        ("https://app.example/cb?a=1&b=2", "https://app.example/cb?b=2&a=1", true),
        ("https://app.example/cb?a=*", "https://app.example/cb?a=anything", true),
        ("https://app.example/cb?a=*", "https://app.example/cb?a=x%2Fy", false),
        ("https://app.example/cb?a=*", "https://app.example/cb?a=1&a=2", false),
        ("https://app.example/cb?a=1&a=2", "https://app.example/cb?a=2&a=1", false),
        ("https://app.example/cb?a=[0-9]?", "https://app.example/cb?a=7x", true),
        ("https://app.example/cb?a=[0-9", "https://app.example/cb?a=7", false),
        ("https://app.example/cb?a=[0-9", "https://app.example/cb?a=[0-9", true),
        ("https://app.example/cb?*=1", "https://app.example/cb?a=1", false),
        // fragments of patterns are ignored
        ("https://app.example/cb#x", "https://app.example/cb", true),
        // other schemes
        ("com.example.app:/cb", "com.example.app:/cb", true),
        ("com.example.app:/cb", "com.example.app://cb", false),
        ("app.immich:///oauth-callback", "app.immich:///oauth-callback", true),
        ("app://*/cb", "app://x/cb", true),
        ("app://*/cb", "app:/cb", false),
    ] {
        let target = accepted(pattern, uri);
        assert_eq!(target.is_some(), expected, "{pattern} {uri} → {target:?}");
    }
}

#[test]
fn s01_an_empty_list_matches_nothing_and_one_bad_pattern_spoils_no_other() {
    let uri = RedirectUri::parse("https://app.example/cb").unwrap();
    assert_eq!(matches([], &uri), None);
    assert_eq!(
        matches(["nonsense", "javascript:*", "https://app.example/*"], &uri).as_deref(),
        Some("https://app.example/cb")
    );
}

#[test]
fn s02_any_port_at_loopback_addresses() {
    for (pattern, uri, expected) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true),
        ("http://127.0.0.1/*", "http://127.0.0.1:51004/cb", true),
        ("http://[::1]/cb", "http://[::1]:51004/cb", true),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false),
        ("http://127.0.0.1/cb", "http://[::1]:51004/cb", false),
        ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ("https://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.2:51004/cb", false),
        ("http://127.0.0.2/cb", "http://127.0.0.2:51004/cb", false),
        ("http://*/cb", "http://127.0.0.1:51004/cb", false),
        ("http://app.example/cb", "http://app.example:51004/cb", false),
    ] {
        assert_eq!(accepted(pattern, uri).is_some(), expected, "{pattern} {uri}");
    }
}

#[test]
fn s02_any_port_at_localhost_only_if_registered_so() {
    for (pattern, uri, expected) in [
        ("http://localhost/cb", "http://localhost:51004/cb", true),
        ("http://localhost:*/cb", "http://localhost:51004/cb", true),
        ("http://localhost:8080/cb", "http://localhost:8080/cb", true),
        ("http://localhost:8080/cb", "http://localhost:51004/cb", false),
        ("http://127.0.0.1/cb", "http://localhost:51004/cb", false),
        ("http://localhost/cb", "http://127.0.0.1:51004/cb", false),
        ("http://localhost/cb", "http://localhost.evil.com:51004/cb", false),
        ("http://localhost/cb", "http://app.localhost:51004/cb", false),
        ("https://localhost/cb", "https://localhost:51004/cb", false),
    ] {
        assert_eq!(accepted(pattern, uri).is_some(), expected, "{pattern} {uri}");
    }
}

#[test]
fn plain_http_is_insecure_beyond_this_machine() {
    for (text, expected) in [
        ("https://app.example/", false),
        ("http://app.example/", true),
        ("http://10.0.0.1/", true),
        ("http://localhost.evil.com/", true),
        ("http://localhost:1/", false),
        ("http://id.localhost/", false),
        ("http://127.0.0.9/", false),
        ("http://[::1]/", false),
        ("http://[::2]/", true),
        ("app:/cb", false),
    ] {
        assert_eq!(RedirectUri::parse(text).unwrap().is_insecure(), expected, "{text}");
    }
}

#[test]
fn s03_only_our_own_paths_are_gone_on_to() {
    for good in
        ["/", "/settings/account", "/authorize?interaction=1&x=https://evil.com", "/a//b", "/a?b=//c", "/@x"]
    {
        assert_eq!(local_path(good), Some(good));
    }
    for bad in [
        "",
        "settings",
        "//evil.com",
        "///evil.com",
        "/\\evil.com",
        "\\/evil.com",
        "/\t/evil.com",
        "/\n/evil.com",
        "\t//evil.com",
        " /x",
        "/.//evil.com",
        "/x/..//evil.com",
        "/%2e//evil.com",
        "https://evil.com",
        "https:evil.com",
        "javascript:alert(1)",
        "@evil.com",
        ".evil.com",
        "?x",
        "#x",
    ] {
        assert_eq!(local_path(bad), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn parsers_never_panic(text in ".{0,80}", scheme in "(https?|app)(://|:/|:)") {
        for text in [text.clone(), format!("{scheme}{text}")] {
            let pattern = CallbackPattern::parse(&text);
            if let (Ok(pattern), Ok(uri)) = (pattern, RedirectUri::parse(&text)) {
                prop_assert!(pattern.matches(&uri));
            }
            let _ = local_path(&text);
        }
    }

    /// If anything is accepted, a parser that knows nothing of patterns sees a registered host.
    #[test]
    fn s01_an_accepted_uri_has_a_registered_host(
        before in "[a-z.:/@%#?;\\\\\t*0-9-]{0,12}",
        after in "[a-z.:/@%#?;\\\\\t*0-9-]{0,12}",
        scheme in "https?:/{0,3}",
        host in "(app\\.|a\\.b\\.|127\\.0\\.0\\.1|localhost)?(example\\.com)?",
    ) {
        let text = format!("{scheme}{before}{host}{after}/cb");
        let patterns = [EXACT, HOST, PATH, PORT, CUSTOM, LOOPBACK];
        if let Some(target) = RedirectUri::parse(&text).ok().and_then(|uri| matches(patterns, &uri)) {
            let url = Url::parse(&target).unwrap();
            let host = url.host_str().unwrap_or_default();
            prop_assert!(host.ends_with(".example.com") || host == "127.0.0.1", "{} → {}", text, target);
            prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
            assert_no_second_opinion(&text, &target);
        }
    }

    /// A mutated address with anything put anywhere into it still leads to a registered host or nowhere.
    #[test]
    fn s01_an_insertion_into_a_known_address_does_not_move_its_host(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        what in "[@/\\\\:#?%;.\t\r\n\u{0}\u{3002}\u{ff0e}\u{2215}a-c0-9*-]{1,4}",
    ) {
        let table = Table::read();
        let mutated: Vec<String> = table.mutated().into_iter().collect();
        let text: Vec<char> = which.get(&mutated).chars().collect();
        let (before, after) = text.split_at(at.index(text.len() + 1));
        let text: String = before.iter().copied().chain(what.chars()).chain(after.iter().copied()).collect();
        let patterns = table.patterns.values().map(String::as_str);
        if let Some(target) = RedirectUri::parse(&text).ok().and_then(|uri| matches(patterns, &uri)) {
            let url = Url::parse(&target).unwrap();
            let host = url.host_str().unwrap_or_default();
            let is_registered = host.ends_with(".example.com")
                || ["127.0.0.1", "localhost"].contains(&host)
                || (host.is_empty() && url.scheme() == "app.immich");
            prop_assert!(is_registered, "{:?} → {}", text, target);
            prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
            assert_no_second_opinion(&text, &target);
        }
    }
}
