//! Every page with ordinary and with hostile values, in every language and theme.

use super::*;
use proto::time::UnixTime;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use url::Url;

/// Surroundings in English.
pub(super) fn frame() -> Frame<'static> {
    Frame { messages: LANGUAGES[0], app_name: "Latchkey", theme: None, wrong_address: None }
}

const GET: &str = r#"{"challenge":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","timeout":300000,"rpId":"localhost","allowCredentials":[],"userVerification":"required"}"#;
const CREATE: &str = r#"{"rp":{"id":"localhost","name":"Latchkey"},"user":{"id":"AAECAwQFBgcICQoLDA0ODw","name":"","displayName":""},"challenge":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-8},{"type":"public-key","alg":-257}],"timeout":300000,"excludeCredentials":[],"authenticatorSelection":{"residentKey":"required","requireResidentKey":true,"userVerification":"required"},"attestation":"none"}"#;

fn ceremony<'a>(options_json: &'a str, action: &'a str) -> Ceremony<'a> {
    Ceremony { action, options_json, challenge_id: "Yx3kq0aLr1u8", fresh_url: action }
}

/// Texts as they are in daily life.
const PLAIN: Texts<'static> = Texts {
    client: "Paperless",
    description: "Scans and finds the household’s documents.",
    host: "paperless.example.com",
    account: "Ada Lovelace",
    username: "ada",
    email: "ada@example.com",
    passkey: "iCloud Keychain",
    field: "ada",
    detail: "https://paperless.example.com/accounts/callback",
};

/// Everything on the pages that somebody else wrote.
#[derive(Clone, Copy)]
struct Texts<'a> {
    client: &'a str,
    description: &'a str,
    host: &'a str,
    account: &'a str,
    username: &'a str,
    email: &'a str,
    passkey: &'a str,
    field: &'a str,
    detail: &'a str,
}

impl<'a> Texts<'a> {
    fn all(text: &'a str) -> Self {
        Self {
            client: text,
            description: text,
            host: text,
            account: text,
            username: text,
            email: text,
            passkey: text,
            field: text,
            detail: text,
        }
    }
}

/// Name and HTML of every page in every state.
fn pages(frame: Frame<'_>, t: Texts<'_>) -> Vec<(&'static str, String)> {
    let hidden = || vec![Hidden { name: "interaction", value: t.field }];
    let sign_in = SignInPage {
        frame,
        purpose: Purpose::SignIn,
        client: Some(t.client),
        ceremony: ceremony(GET, "/login"),
        hidden: hidden(),
        login_hint: None,
        strength: Strength::Any,
        sign_up: None,
        problem: None,
    };
    let hinted = SignInPage {
        login_hint: Some(t.field),
        strength: Strength::DeviceBound,
        sign_up: Some("/signup"),
        ..sign_in.clone()
    };
    let sign_up = SignUpPage {
        frame,
        client: Some(t.client),
        ceremony: ceremony(CREATE, "/signup"),
        hidden: vec![],
        values: AccountValues::default(),
        sign_in: "/login",
        problem: Some(Problem::AccountTaken),
    };
    let setup = SetupPage {
        frame,
        ceremony: ceremony(CREATE, "/setup"),
        values: AccountValues::default(),
        problem: None,
    };
    let values = AccountValues { username: t.field, email: t.field, first_name: t.field, last_name: t.field };
    let consent = ConsentPage {
        frame,
        client: t.client,
        known_by: Some(t.host),
        description: Some(t.description),
        redirect_host: t.host,
        account: t.account,
        scopes: vec!["openid", "profile", "email", "groups", "offline_access"],
        api: Some(ConsentApi {
            name: t.client,
            permissions: vec![(t.field, Some(t.description)), (t.passkey, None)],
        }),
        interaction: t.field,
    };
    let key = PasskeyLine {
        name: t.passkey,
        created: UnixTime(1_767_323_045),
        last_used: None,
        kind: PasskeyKind::DeviceBound,
    };
    let used = PasskeyLine { last_used: Some(UnixTime(1_770_000_000)), kind: PasskeyKind::Synced, ..key };
    let account = AccountPage {
        frame,
        name: t.account,
        username: t.username,
        email: Some(t.email),
        is_admin: true,
        passkeys: vec![used, PasskeyLine { name: "YubiKey 5C", ..key }],
        add: AddPasskey::Ceremony(ceremony(CREATE, "/settings/account/passkeys")),
        problem: None,
    };
    let confirm = AddPasskey::ConfirmFirst("/login?redirect=/settings/account&reauthenticate=1");
    let code = DeviceCodePage { frame, user_code: "", account: t.account, problem: None };
    let device = DevicePage {
        frame,
        client: t.client,
        description: Some(t.description),
        user_code: t.field,
        since: UnixTime(1_767_323_045),
        ip: Some(t.host),
        place: t.account,
        software: t.description,
        account: t.account,
        scopes: vec!["openid", "profile", "email", "offline_access"],
        api: None,
        confirm_first: None,
    };
    let wrong = WrongAddress { opened: "http://192.168.1.20:1411", configured: "https://id.example.com" };
    let error = ErrorPage { frame, kind: ErrorKind::NotFound, details: vec![], request_id: "01JZ8Q4M3T9W" };
    let details = vec![
        Detail { label: DetailLabel::Client, value: t.client },
        Detail { label: DetailLabel::Parameter, value: "redirect_uri" },
        Detail { label: DetailLabel::Arrived, value: t.detail },
        Detail { label: DetailLabel::Registered, value: t.detail },
        Detail { label: DetailLabel::ChangeAt, value: "PUT /api/oidc/clients/paperless" },
        Detail { label: DetailLabel::Reason, value: "exact match needed" },
    ];
    let line = AccountLine { session: "3f1c5a52", name: t.account, login: t.email, is_current: true };
    let select = SelectAccountPage {
        frame,
        client: Some(t.client),
        accounts: vec![line, AccountLine { is_current: false, ..line }],
        action: "/interaction",
        hidden: hidden(),
    };
    let sign_out = SignOutPage {
        frame,
        account: t.account,
        action: "/logout",
        hidden: hidden(),
        has_others: false,
        cancel_url: "/settings/account",
    };
    let signing_out = SigningOutPage {
        frame,
        frames: vec!["https://paperless.example.com/out?iss=https%3A%2F%2Fid.example.com&sid=1"],
        target: "https://paperless.example.com/bye?state=1&x=2",
    };
    let mut all = vec![
        ("sign-in", render(&sign_in)),
        ("sign-up", render(&SignUpPage { client: None, ..sign_up.clone() })),
        ("sign-up-client", render(&sign_up)),
        ("sign-in-hinted", render(&hinted)),
        ("sign-in-plain", render(&SignInPage { client: None, ..sign_in.clone() })),
        (
            "sign-in-problem",
            render(&SignInPage { problem: Some(Problem::ChallengeExpired), ..sign_in.clone() }),
        ),
        ("reauthenticate", render(&SignInPage { purpose: Purpose::Reauthenticate, ..sign_in.clone() })),
        (
            "reauthenticate-plain",
            render(&SignInPage { purpose: Purpose::Reauthenticate, client: None, ..sign_in.clone() }),
        ),
        (
            "wrong-address",
            render(&SignInPage {
                frame: Frame { wrong_address: Some(wrong), ..frame },
                client: None,
                ..sign_in
            }),
        ),
        ("setup", render(&setup)),
        ("setup-problem", render(&SetupPage { values, problem: Some(Problem::UsernameInvalid), ..setup })),
        ("consent", render(&consent)),
        (
            "consent-openid-only",
            render(&ConsentPage {
                scopes: vec!["openid"],
                known_by: None,
                description: None,
                api: None,
                ..consent.clone()
            }),
        ),
        (
            "consent-api",
            render(&ConsentPage {
                scopes: vec![],
                api: Some(ConsentApi { name: t.client, permissions: vec![] }),
                ..consent
            }),
        ),
        ("select-account", render(&select)),
        ("accounts", render(&SelectAccountPage { client: None, action: "/accounts", ..select })),
        ("account", render(&account)),
        (
            "account-confirm",
            render(&AccountPage {
                passkeys: vec![key],
                add: confirm,
                is_admin: false,
                email: None,
                problem: Some(Problem::ConfirmFirst),
                ..account
            }),
        ),
        ("sign-out", render(&sign_out)),
        ("sign-out-all", render(&SignOutPage { has_others: true, ..sign_out })),
        ("signing-out", render(&signing_out)),
        ("device-code", render(&code)),
        (
            "device-code-problem",
            render(&DeviceCodePage { problem: Some(Problem::UserCodeUnknown), user_code: t.field, ..code }),
        ),
        ("device", render(&device)),
        (
            "device-confirm",
            render(&DevicePage {
                confirm_first: Some("/login?redirect=%2Fdevice&reauthenticate=1"),
                description: None,
                ip: None,
                place: "",
                software: "",
                scopes: vec!["openid"],
                ..device
            }),
        ),
        ("device-allowed", render(&DeviceDonePage { frame, client: t.client, allowed: true })),
        ("device-denied", render(&DeviceDonePage { frame, client: t.client, allowed: false })),
        ("signed-out", render(&SignedOutPage { frame, sign_in_url: "/login" })),
        ("error-details", render(&ErrorPage { kind: ErrorKind::Callback, details, ..error.clone() })),
    ];
    for (name, kind) in ERRORS {
        all.push((name, render(&ErrorPage { kind, ..error.clone() })));
    }
    let uri = Url::parse("https://paperless.example.com/callback").unwrap();
    all.push(("form-post", render(&FormPostPage::new(frame, &uri, hidden()).unwrap())));
    all
}

const ERRORS: [(&str, ErrorKind); 10] = [
    ("error-not-found", ErrorKind::NotFound),
    ("error-client-unknown", ErrorKind::ClientUnknown),
    ("error-callback", ErrorKind::Callback),
    ("error-request", ErrorKind::Request),
    ("error-interaction", ErrorKind::Interaction),
    ("error-foreign-form", ErrorKind::ForeignForm),
    ("error-forbidden", ErrorKind::Forbidden),
    ("error-wrong-address", ErrorKind::WrongAddress),
    ("error-too-many", ErrorKind::TooMany),
    ("error-internal", ErrorKind::Internal),
];

/// A start or end tag: its name and its attributes with values as written.
struct Tag<'h> {
    name: &'h str,
    attributes: Vec<(&'h str, &'h str)>,
}

/// The tags of a page. Refuses what a browser would read in a way that this reader does not.
fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut found = vec![];
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (name, after) = until(after, &['>']);
        let mut attributes = vec![];
        rest = after.trim_start();
        while !rest.starts_with('>') {
            let (attribute, after) = until(rest, &['=', '>']);
            rest = after;
            let mut value = "";
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let (inside, after) = quoted.split_once('"').expect("value without end");
                (value, rest) = (inside, after);
            }
            assert!(!rest.starts_with('='), "unquoted value of {attribute} in <{name}>");
            attributes.push((attribute, value));
            rest = rest.trim_start();
        }
        found.push(Tag { name, attributes });
    }
    found
}

/// `text` up to the first blank or one of `ends`, and the rest from there.
fn until<'t>(text: &'t str, ends: &[char]) -> (&'t str, &'t str) {
    let end = text.find(|c: char| c.is_whitespace() || ends.contains(&c)).expect("tag without end");
    text.split_at(end)
}

const ELEMENTS: &[&str] = &[
    "!doctype", "html", "head", "meta", "title", "link", "script", "body", "header", "main", "aside", "svg",
    "rect", "path", "bdi", "h1", "h2", "p", "span", "strong", "a", "form", "div", "label", "input", "button",
    "noscript", "ul", "li", "iframe", "dl", "dt", "dd", "code", "time",
];

fn check(name: &str, html: &str) {
    let tags = tags(html);
    for tag in &tags {
        let element = tag.name.trim_start_matches('/');
        assert!(ELEMENTS.contains(&element), "{name}: <{element}>");
        for (attribute, value) in &tag.attributes {
            assert!(
                !attribute.starts_with("on") && *attribute != "style",
                "{name}: {attribute} in <{element}>"
            );
            assert!(!value.contains(['<', '>']), "{name}: unescaped value of {attribute}");
            assert!(!value.contains("javascript:") || *attribute == "value", "{name}: {attribute}={value}");
        }
        let get = |wanted| tag.attributes.iter().find(|(a, _)| *a == wanted).map(|(_, v)| *v);
        if tag.name == "script" {
            assert!(get("src").is_some_and(|s| s.starts_with("/assets/")), "{name}: inline script");
            assert!(
                get("integrity").is_some_and(|s| s.starts_with("sha384-")),
                "{name}: script without integrity"
            );
        }
    }
    assert!(html.contains("<script") == html.contains("></script>"), "{name}: script with content");
    assert_eq!(tags.iter().filter(|t| t.name == "h1").count(), 1, "{name}: one h1");
    assert_eq!(tags.iter().filter(|t| t.name == "main").count(), 1, "{name}: one main");
    let ids: Vec<_> =
        tags.iter().flat_map(|t| &t.attributes).filter(|(a, _)| *a == "id").map(|(_, v)| *v).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "{name}: an id twice");
    for (attribute, value) in tags.iter().flat_map(|t| &t.attributes) {
        if matches!(*attribute, "for" | "aria-labelledby" | "aria-describedby" | "form") {
            assert!(
                value.split(' ').all(|id| ids.contains(&id)),
                "{name}: {attribute}={value} points nowhere"
            );
        }
    }
}

#[test]
fn s59_pages_in_every_language_and_theme_need_no_inline_code() {
    for messages in LANGUAGES {
        for theme in [None, Some(Theme::Light), Some(Theme::Dark)] {
            for (name, html) in pages(Frame { messages, theme, ..frame() }, PLAIN) {
                check(name, &html);
                let attribute = theme.map_or(String::new(), |t| format!(" data-theme=\"{}\"", t.as_str()));
                let start =
                    format!("<!doctype html>\n<html lang=\"{}\" dir=\"ltr\"{attribute}>", messages.tag());
                assert!(html.starts_with(&start), "{name}: {html}");
                assert!(html.contains("<meta name=\"robots\" content=\"noindex\">"), "{name}");
            }
        }
    }
}

#[test]
fn hostile_values_stay_text() {
    let long = "<img src=x onerror=alert(1)>".repeat(400);
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'><svg/onload=alert(1)>",
        "</title><script>alert(1)</script>",
        "javascript:alert(1)",
        "\u{202E}moc.live\u{2066}\u{0}\u{7}",
        "👩‍🔑 O’Neill & Søn \"Ltd\" {client}",
        "",
        long.as_str(),
    ] {
        for (name, html) in pages(Frame { app_name: text, ..frame() }, Texts::all(text)) {
            check(name, &html);
        }
    }
}

#[test]
fn direction_overrides_reach_no_visible_text() {
    let text = "safe\u{202E}elgoog";
    for (name, html) in pages(frame(), Texts::all(text)) {
        // Hidden fields and inputs go back as they came; everything shown is cleaned.
        for piece in html.split(['<', '>']).filter(|piece| !piece.starts_with("input")) {
            assert!(!piece.contains('\u{202E}'), "{name}: {piece}");
        }
    }
}

#[test]
fn passkey_forms_carry_what_the_island_reads() {
    for (name, html) in pages(frame(), PLAIN) {
        let tags = tags(&html);
        let Some(form) = tags.iter().find(|t| t.name == "form" && t.attributes.contains(&("id", "passkey")))
        else {
            assert!(!html.contains("/assets/passkey-"), "{name}: script without form");
            continue;
        };
        assert!(html.contains("/assets/passkey-"), "{name}: form without script");
        let names: BTreeSet<_> = form.attributes.iter().map(|(a, _)| *a).collect();
        for attribute in [
            "method",
            "action",
            "data-ceremony",
            "data-options",
            "data-expires",
            "data-fresh",
            "data-msg-other",
            "data-msg-not-allowed-error",
            "data-msg-security-error",
            "data-msg-constraint-error",
            "data-msg-unsupported",
            "data-msg-insecure",
        ] {
            assert!(names.contains(attribute), "{name}: {attribute}");
        }
        let create = form.attributes.contains(&("data-ceremony", "create"));
        assert_eq!(names.contains("data-msg-invalid-state-error"), create, "{name}");
        let json =
            form.attributes.iter().find(|(a, _)| *a == "data-options").unwrap().1.replace("&#34;", "\"");
        assert_eq!(json, if create { CREATE } else { GET }, "{name}: options survive escaping");
        for field in ["challenge_id", "response"] {
            assert!(html.contains(&format!("<input type=\"hidden\" name=\"{field}\"")), "{name}: {field}");
        }
    }
}

#[test]
fn consent_names_app_host_account_and_scopes_in_plain_words() {
    let (_, html) = pages(frame(), PLAIN).into_iter().find(|(name, _)| *name == "consent").unwrap();
    for text in [
        "<main data-step=\"consent\">",
        "<h1>Sign in to <bdi>Paperless</bdi></h1>",
        "Afterwards you go to <bdi>paperless.example.com</bdi>.",
        "Signed in as <bdi>Ada Lovelace</bdi>",
        "<strong><bdi>See your e-mail address</bdi></strong>",
        "<h2 id=\"api\">At <bdi>Paperless</bdi>, <bdi>Paperless</bdi> will be able to</h2>",
        "<li><strong><bdi>ada</bdi></strong><span class=\"hint\"><bdi>Scans and finds",
        "<strong><bdi>iCloud Keychain</bdi></strong><span class=\"hint\">A permission that <bdi>Paperless</bdi> defines.",
        "name=\"action\" value=\"allow\"",
        "name=\"action\" value=\"deny\"",
        "name=\"interaction\" value=\"ada\"",
    ] {
        assert!(html.contains(text), "{text} in {html}");
    }
    assert!(!html.contains("openid"), "openid goes without saying");
}

#[test]
fn sign_in_page_is_small() {
    let (_, html) = pages(frame(), PLAIN).swap_remove(0);
    assert!(html.len() < 4_500, "{} bytes", html.len());
}

#[test]
fn every_message_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    read_all(&root.join("src"), &mut code);
    read_all(&root.join("templates"), &mut code);
    let catalogue = fs::read_to_string(root.join("../ui/messages/en.json")).unwrap();
    let keys: std::collections::BTreeMap<String, String> = serde_json::from_str(&catalogue).unwrap();
    let unused: Vec<_> = keys.keys().filter(|k| !code.contains(&format!(".{k}("))).collect();
    assert_eq!(unused, Vec::<&String>::new(), "unused keys of ui/messages/en.json");
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { read_all(&path, into) } else { into.push_str(&fs::read_to_string(path).unwrap()) }
    }
}

/// For looking at: `cargo test -p shared pages::tests::preview -- --ignored`, then `node ui/preview.mjs`.
#[test]
#[ignore = "writes files to look at"]
fn preview() {
    let folder = std::env::temp_dir().join("latchkey-preview");
    fs::create_dir_all(&folder).unwrap();
    let hostile = "\u{202E}<b>Dr.</b> Wolfeschlegelsteinhausenbergerdorff-".repeat(200);
    for messages in LANGUAGES {
        for theme in [Theme::Light, Theme::Dark] {
            let frame = Frame { messages, theme: Some(theme), ..frame() };
            for (name, html) in pages(frame, PLAIN) {
                let file = format!("{name}.{}.{}.html", messages.tag(), theme.as_str());
                fs::write(folder.join(file), html).unwrap();
            }
        }
    }
    for (name, html) in pages(frame(), Texts::all(&hostile)) {
        fs::write(folder.join(format!("{name}.hostile.html")), html).unwrap();
    }
}
