//! What is logged, and what never is.

use crate::stage::*;
use http::Method;
use serde_json::json;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Once;
use testkit::World;
use testkit::authenticator::Tamper;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// An event as names and values of its fields.
type Line = Vec<(&'static str, String)>;

thread_local! {
    /// What this thread's test has logged. A test runs on one thread from its beginning to its end.
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// Keeps every event of every level, for each test on its own. It is one for the whole process, since `tracing`
/// remembers by callsite whether anybody listens.
struct Keep;

/// Listens from now on.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Keep).unwrap());
    LINES.take();
}

struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }
}

impl Subscriber for Keep {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        LINES.with_borrow_mut(|lines| lines.push(fields.0));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn s57_no_secret_of_a_whole_day_is_in_any_line() {
    listen();
    let w = World::new().await;
    let mut secrets: Vec<String> =
        vec!["ada@example.com".into(), "Lovelace".into(), VERIFIER.into(), CHALLENGE.into()];

    let mut ada = Person::setup(&w).await;
    secrets.extend(ada.session());
    secrets.extend(ada.browser.cookie("__Host-latchkey_browser"));
    let app = App::register(&ada, json!({ "logoutCallbackURLs": ["https://app.example/bye"] })).await;
    secrets.extend(app.secret.clone());
    let marks = [
        ("state", "state-of-the-request"),
        ("nonce", "nonce-of-the-request"),
        ("login_hint", "hint-of-the-request"),
    ];
    secrets.extend(marks.map(|(_, value)| value.to_owned()));

    // codes: used, used twice, used wrongly
    let code = ada.code(&app, &marks).await;
    secrets.push(code.clone());
    let tokens = json_of(&app.exchange(&w, &code).await);
    app.exchange(&w, &code).await;
    let thief = App { id: app.id.clone(), secret: Some("secret-of-a-thief".into()) };
    secrets.push("secret-of-a-thief".into());
    thief.exchange(&w, &code).await;
    // refresh tokens: rotated, reused
    let fresh = ada.tokens(&app, &marks).await;
    let next = json_of(&app.refresh(&w, &fresh["refresh_token"]).await);
    w.clock.advance(60);
    app.refresh(&w, &fresh["refresh_token"]).await;
    for tokens in [&tokens, &fresh, &next] {
        for name in ["access_token", "refresh_token", "id_token"] {
            secrets.push(tokens[name].as_str().unwrap().to_owned());
        }
        userinfo(&w, &tokens["access_token"]).await;
        let end = format!("/api/oidc/end-session?id_token_hint={}x", tokens["id_token"].as_str().unwrap());
        ada.browser.get(&end).await;
    }
    // passkeys: accepted, refused, with a counter that goes back
    let mut form = Form::of(&ada.browser.get("/login?reauthenticate=1").await);
    let lie = Tamper { flip_signature: true, ..Tamper::default() };
    let response = ada.key.get_with(&form.options, World::APP_URL, &lie).unwrap();
    secrets.push(form.options["challenge"].as_str().unwrap().to_owned());
    secrets.push(form.get("challenge_id").to_owned());
    for part in ["signature", "clientDataJSON", "authenticatorData"] {
        secrets.push(response["response"][part].as_str().unwrap().to_owned());
    }
    form.set("response", &response.to_string());
    form.send(&ada.browser).await;
    ada.key.counter = Some(5);
    ada.sign_in().await;
    ada.key.counter = Some(5);
    ada.sign_in().await;
    secrets.extend(ada.session());
    // requests that are refused, with secrets where they do not belong
    let waiting = ada.browser.get(&app.ask(&[("prompt", "consent")])).await;
    secrets.push(location(&waiting).split('=').next_back().unwrap().to_owned());
    ada.browser.get(&app.ask(&[("redirect_uri", "https://evil.example/secret-path")])).await;
    secrets.push("secret-path".into());
    for path in [
        "/nope?token=secret-in-query",
        "/login?redirect=secret-in-query",
        "/api/oidc/token?code=secret-in-query",
    ] {
        ada.browser.get(path).await;
    }
    secrets.push("secret-in-query".into());
    let odd = [
        ("host", "evil.example"),
        ("cookie", "__Host-latchkey_session=secret-cookie"),
        ("user-agent", "secret-agent"),
    ];
    w.request(request(Method::GET, "/login", &odd, "")).await;
    secrets.extend(["secret-cookie".to_owned(), "secret-agent".to_owned()]);
    ada.browser.post_form("/logout", &[]).await;

    let lines = LINES.take();
    assert!(lines.len() >= 40, "{}", lines.len());
    for line in lines.iter() {
        for secret in &secrets {
            assert!(secret.len() >= 8, "{secret}");
            assert!(!line.iter().any(|(_, value)| value.contains(secret.as_str())), "{secret} in {line:?}");
        }
    }
}

#[tokio::test]
async fn each_request_is_one_line_of_fixed_fields() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    listen();
    let mut ids = Vec::new();
    for path in
        ["/api/users/me", "/settings/account", "/nope", "/login", "/authorize", "/api/oidc/clients/none"]
    {
        ids.push(field(&ada.browser.get(path).await, "x-request-id").to_owned());
    }
    let lines = LINES.take();
    let value = |line: &[(&str, String)], name: &str| {
        line.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()).unwrap_or_default()
    };
    let requests: Vec<_> = lines.iter().filter(|l| value(l, "message") == "request").collect();
    let shown: Vec<_> = requests
        .iter()
        .map(|l| (value(l, "route"), value(l, "status"), value(l, "outcome"), value(l, "user")))
        .collect();
    let line = |route: &str, status: &str, outcome: &str, user: &str| {
        (route.to_owned(), status.to_owned(), outcome.to_owned(), user.to_owned())
    };
    let want = [
        line("/api/users/me", "200", "ok", &ada.id),
        line("/settings/account", "200", "ok", &ada.id),
        line("(none)", "404", "NotFound", ""),
        line("/login", "303", "ok", ""),
        line("/authorize", "400", "ClientIdMissing", ""),
        line("/api/oidc/clients/{id}", "404", "not_found", &ada.id),
    ];
    assert_eq!(shown, want);
    for (line, id) in requests.iter().zip(&ids) {
        let names: Vec<&str> = line.iter().map(|(name, _)| *name).collect();
        let fixed =
            ["message", "request_id", "method", "route", "status", "outcome", "duration_ms", "ip", "user"];
        assert_eq!(names, fixed);
        assert_eq!(&value(line, "request_id"), id);
    }
}
