use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const EXACT: &str = "https://app.example.com/cb";
const HOST: &str = "https://*.example.com/cb";
const PATH: &str = "https://app.example.com/cb/*";
const PORT: &str = "https://app.example.com:*/cb";
const CUSTOM: &str = "app.immich:///oauth-callback";
const LOOPBACK: &str = "http://127.0.0.1/cb";

/// Authorities that try to look like `app.example.com`.
const AUTHORITIES: &[&str] = &[
    "app.example.com",
    "APP.Example.COM",
    "app%2Eexample%2Ecom",
    "app。example。com",
    "ａｐｐ.example.com",
    "app.example.com:443",
    "app.example.com:0443",
    "app.example.com:",
    "app.example.com.",
    "app.example.com..",
    ".example.com",
    "example.com",
    "b.app.example.com",
    "other.example.com",
    "app.example.com.evil.com",
    "app.example.com。evil.com",
    "app.example.com%2eevil.com",
    "app.example.comevil.com",
    "appXexample.com",
    "app-example.com",
    "app.example.org",
    "app.example.co",
    "app.example.com:80",
    "app.example.com:8443",
    "app.example.com:0",
    "app.example.com:65535",
    "app.example.com:65536",
    "app.example.com:-1",
    "app.example.com:4 43",
    "app.example.com:443:443",
    "app.example.com:*",
    "app.example.com:evil.com",
    "evil.com",
    "evil.com:443",
    "evil.com.example.com",
    "evil.com;.example.com",
    "evil.com,.example.com",
    "evil.com'.example.com",
    "evil.com\".example.com",
    "evil.com(.example.com",
    "evil.com!.example.com",
    "evil.com&.example.com",
    "evil.com=.example.com",
    "evil.com$.example.com",
    "evil.com~.example.com",
    "*.example.com",
    "evil.com%00.example.com",
    "evil.com%0a.example.com",
    "evil.com%20.example.com",
    "evil.com%23.example.com",
    "evil.com%2f.example.com",
    "evil.com%2F.example.com",
    "evil.com%3a80.example.com",
    "evil.com%3f.example.com",
    "evil.com%40.example.com",
    "evil.com%5c.example.com",
    "evil.com%252f.example.com",
    "evil.com\\.example.com",
    "evil.com\\@app.example.com",
    "evil.com\t.example.com",
    "evil.com\n.example.com",
    "evil.com\r\n.example.com",
    "evil.com .example.com",
    "evil.com\u{a0}.example.com",
    "evil.com\u{3000}.example.com",
    "evil.com\u{2028}.example.com",
    "evil.com\u{0}.example.com",
    "evil.com\u{7f}.example.com",
    "evil.com／.example.com",
    "evil.com＠app.example.com",
    "evil.com＃.example.com",
    "evil.com？.example.com",
    "evil.com℀.example.com",
    "evil.com/.example.com",
    "evil.com?.example.com",
    "evil.com#.example.com",
    "evil.com/app.example.com",
    "evil.com?app.example.com",
    "evil.com#app.example.com",
    "evil.com#@app.example.com",
    "evil.com?@app.example.com",
    "evil.com/@app.example.com",
    "@app.example.com",
    "user@app.example.com",
    "user:pass@app.example.com",
    ":@app.example.com",
    "app.example.com@evil.com",
    "app.example.com:443@evil.com",
    "app.example.com%40evil.com",
    "app.example.com\\@evil.com",
    "app.example.com;@evil.com",
    "evil.com@app.example.com",
    "a@b@app.example.com",
    "",
    "/app.example.com",
    "//app.example.com",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[app.example.com]",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.0.0.2",
    "127.0.0.1.example.com",
    "127.0.0.1.evil.com",
    "127.0.0.1:1",
    "127.0.0.1:51004",
    "localhost",
    "localhost:51004",
    "0.0.0.0",
    "аpp.example.com", // Cyrillic а
    "app.exämple.com",
    "app.xn--exmple-cua.com",
    "xn--.example.com",
];

/// What may follow the right authority.
const PATHS: &[&str] = &[
    "",
    "/",
    "/cb",
    "/cb/",
    "/CB",
    "/cb//",
    "//cb",
    "/cb/a",
    "/cb/a/",
    "/cb/a/b",
    "/cb/a%2Fb",
    "/cb/a%5Cb",
    "/cb/%2e",
    "/cb/%2e%2e",
    "/cb/..",
    "/cb/../",
    "/cb/../cb",
    "/cb/../evil",
    "/cb/./",
    "/cb/.",
    "/cb/..;/evil",
    "/cb/..%2fevil",
    "/cb/%2e%2e/evil",
    "/cb/%2e%2e%2fevil",
    "/cb/..%5cevil",
    "/x/../cb",
    "/x/%2e%2e/cb",
    "/x/..%2fcb",
    "/./cb",
    "/.//cb",
    "/%63b",
    "/cb%",
    "/cb%00",
    "/cb%0d%0a",
    "/cb%20",
    "/cb;a=b",
    "/cb/;",
    "/cb/*",
    "/cb*",
    "/cbevil",
    "/cb.evil",
    "/cb@evil.com",
    "/cb:80",
    "/cb/@evil.com",
    "/cb\\evil",
    "/cb\\..\\evil",
    "\\cb",
    "\\\\evil.com/cb",
    "/cb ",
    "/cb\t",
    "/cb\n",
    "/c\nb",
    "/c\tb",
    "/cb\u{200b}",
    "/cb/ü",
    "/cb/%C3%BC",
    "/cb?",
    "/cb?a=b",
    "/cb?code=stolen",
    "/cb?/evil",
    "/cb?redirect=https://evil.com",
    "/cb#",
    "/cb#frag",
    "/cb?#",
    "?/cb",
    "#/cb",
    ";/cb",
];

/// Whole URIs.
const OTHERS: &[&str] = &[
    "",
    " ",
    "*",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///",
    "https:app.example.com/cb",
    "https:/app.example.com/cb",
    "https:///app.example.com/cb",
    "https:\\\\app.example.com/cb",
    "https:/\\app.example.com/cb",
    "HTTPS://app.example.com/cb",
    "hTTps://app.example.com/cb",
    " https://app.example.com/cb",
    "https://app.example.com/cb ",
    "\u{feff}https://app.example.com/cb",
    "ht\ntps://app.example.com/cb",
    "https\n://app.example.com/cb",
    "https%3A//app.example.com/cb",
    "http://app.example.com/cb",
    "ftp://app.example.com/cb",
    "ws://app.example.com/cb",
    "wss://app.example.com/cb",
    "//app.example.com/cb",
    "///app.example.com/cb",
    "/cb",
    "cb",
    "app.example.com/cb",
    "app.example.com:443/cb",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "java\tscript:alert(1)",
    "javascript://app.example.com/cb",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,x",
    "DATA:text/html,x",
    "vbscript:x",
    "blob:https://app.example.com/cb",
    "filesystem:https://app.example.com/cb",
    "view-source:https://app.example.com/cb",
    "file:///cb",
    "file://app.example.com/cb",
    "about:blank",
    "mailto:a@example.com",
    "intent://app.example.com/cb",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:80/cb",
    "http://127.0.0.1:51004/cb",
    "http://127.0.0.1:51004/cb/",
    "http://127.0.0.1:51004/cb?a=b",
    "http://127.0.0.1:51004/evil",
    "http://127.0.0.1:51004@evil.com/cb",
    "http://127.0.0.1.evil.com:51004/cb",
    "http://127.0.0.1.:51004/cb",
    "http://127.1:51004/cb",
    "http://2130706433/cb",
    "http://0x7f.1/cb",
    "http://127.0.0.2/cb",
    "http://127.0.0.2:51004/cb",
    "http://0.0.0.0/cb",
    "http://localhost/cb",
    "http://localhost:51004/cb",
    "http://[::1]/cb",
    "http://[::1]:51004/cb",
    "http://[::ffff:127.0.0.1]:51004/cb",
    "https://127.0.0.1:51004/cb",
    "app.immich:///oauth-callback",
    "APP.IMMICH:///oauth-callback",
    "app.immich:/oauth-callback",
    "app.immich:oauth-callback",
    "app.immich://oauth-callback",
    "app.immich:///oauth-callback/",
    "app.immich:///oauth-callback?x=1",
    "app.immich:///oauth-callback#x",
    "app.immich:///Oauth-callback",
    "app.immich:///x/../oauth-callback",
    "app.immich://evil/oauth-callback",
    "app.immich://@/oauth-callback",
    "app.immich:////oauth-callback",
    "app-immich:///oauth-callback",
    "xapp.immich:///oauth-callback",
];

fn mutated() -> BTreeSet<String> {
    let authorities = AUTHORITIES.iter().map(|authority| format!("https://{authority}/cb"));
    let paths = PATHS.iter().map(|path| format!("https://app.example.com{path}"));
    authorities.chain(paths).chain(OTHERS.iter().map(|&whole| whole.to_owned())).collect()
}

fn accepted(pattern: &str, text: &str) -> Option<String> {
    matches([pattern], &RedirectUri::parse(text).ok()?)
}

/// Every mutated URI against every kind of pattern: what is accepted is listed here with where it leads to,
/// the rest is refused.
#[test]
fn s01_mutated_uris_match_what_they_are_and_nothing_else() {
    const SAME: &[&str] = &[
        "HTTPS://app.example.com/cb",
        "hTTps://app.example.com/cb",
        "https://APP.Example.COM/cb",
        "https://app%2Eexample%2Ecom/cb",
        "https://app.example.com/./cb",
        "https://app.example.com/cb",
        "https://app.example.com/cb/../cb",
        "https://app.example.com/cb?",
        "https://app.example.com/x/%2e%2e/cb",
        "https://app.example.com/x/../cb",
        "https://app.example.com:/cb",
        "https://app.example.com:0443/cb",
        "https://app.example.com:443/cb",
        "https://app。example。com/cb",
        "https://ａｐｐ.example.com/cb",
    ];
    let to = |target: &str, texts: &[&str]| -> Vec<(String, String)> {
        texts.iter().map(|text| ((*text).to_owned(), target.to_owned())).collect()
    };
    let same = || {
        let mut same = to(EXACT, SAME);
        for (text, target) in &mut same {
            if text.ends_with('?') {
                target.push('?');
            }
        }
        same
    };
    let table = [
        (EXACT, same()),
        (
            HOST,
            [
                same(),
                to("https://.example.com/cb", &["https://.example.com/cb"]),
                to("https://b.app.example.com/cb", &["https://b.app.example.com/cb"]),
                to("https://other.example.com/cb", &["https://other.example.com/cb"]),
                to("https://evil.com.example.com/cb", &["https://evil.com.example.com/cb"]),
                to("https://127.0.0.1.example.com/cb", &["https://127.0.0.1.example.com/cb"]),
                to("https://xn--pp-6kc.example.com/cb", &["https://аpp.example.com/cb"]),
            ]
            .concat(),
        ),
        (
            PATH,
            [
                to("https://app.example.com/cb/a", &["https://app.example.com/cb/a"]),
                to("https://app.example.com/cb/;", &["https://app.example.com/cb/;"]),
                to("https://app.example.com/cb/*", &["https://app.example.com/cb/*"]),
                to("https://app.example.com/cb/@evil.com", &["https://app.example.com/cb/@evil.com"]),
                to(
                    "https://app.example.com/cb/%C3%BC",
                    &["https://app.example.com/cb/ü", "https://app.example.com/cb/%C3%BC"],
                ),
            ]
            .concat(),
        ),
        (
            PORT,
            [
                same(),
                to("https://app.example.com:80/cb", &["https://app.example.com:80/cb"]),
                to("https://app.example.com:8443/cb", &["https://app.example.com:8443/cb"]),
                to("https://app.example.com:0/cb", &["https://app.example.com:0/cb"]),
                to("https://app.example.com:65535/cb", &["https://app.example.com:65535/cb"]),
            ]
            .concat(),
        ),
        (
            CUSTOM,
            to(
                CUSTOM,
                &[
                    "app.immich:///oauth-callback",
                    "APP.IMMICH:///oauth-callback",
                    "app.immich:///x/../oauth-callback",
                ],
            ),
        ),
        (
            LOOPBACK,
            [
                to(
                    LOOPBACK,
                    &[
                        "http://127.0.0.1/cb",
                        "http://127.0.0.1:80/cb",
                        "http://2130706433/cb",
                        "http://0x7f.1/cb",
                    ],
                ),
                to(
                    "http://127.0.0.1:51004/cb",
                    &["http://127.0.0.1:51004/cb", "http://127.0.0.1.:51004/cb", "http://127.1:51004/cb"],
                ),
            ]
            .concat(),
        ),
    ];
    let mutated = mutated();
    assert!(mutated.len() >= 200, "{} mutations", mutated.len());
    for (pattern, expected) in table {
        let got: BTreeSet<_> =
            mutated.iter().filter_map(|text| Some((text.clone(), accepted(pattern, text)?))).collect();
        let expected: BTreeSet<_> = expected.into_iter().collect();
        assert_eq!(got, expected, "{pattern}");
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
        }
    }
}
