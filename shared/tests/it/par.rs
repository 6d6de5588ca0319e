//! Pushed authorization requests (RFC 9126).

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::{Rows, Stmt};
use shared::ports::{Db, DbError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Browser, World};

const PAR: &str = "/api/oidc/par";
const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// Pushes a request and gives its URN.
async fn push(w: &World, app: &App, changes: &[(&str, &str)]) -> String {
    let answer = app.push(w, &app.params(changes)).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    json_of(&answer)["request_uri"].as_str().unwrap().to_owned()
}

/// The address that uses it.
fn ask(client_id: &str, urn: &str) -> String {
    format!("/authorize?{}", encode(&[("client_id", client_id), ("request_uri", urn)]))
}

async fn count(w: &World) -> String {
    cell(w, "SELECT COUNT(*) FROM pushed_requests").await
}

/// The page for a URN that does not count.
async fn assert_refused(browser: &Browser<'_>, path: &str) {
    let answer = browser.get(path).await;
    assert_eq!((page(&answer), field(&answer, "location")), ((400, "error".into()), ""), "{path}");
}

#[tokio::test]
async fn s08_a_pushed_request_is_used_once_by_its_client_within_90_seconds() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let other = App::register(&ada, json!({ "skipConsent": true })).await;
    let answer = app.push(&w, &app.params(&[])).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "cache-control")), (201, "no-store"));
    let said = json_of(&answer);
    let urn = said["request_uri"].as_str().unwrap();
    assert_eq!((urn.strip_prefix(URN).unwrap().len(), &said["expires_in"]), (43, &json!(90)));
    let stored = rows(
        &w,
        Stmt::new("SELECT request_uri_hash, client_id, created_at, expires_at FROM pushed_requests"),
    )
    .await;
    let at = |s: i64| (World::START.0 + s).to_string();
    let want = [proto::hash::sha256_b64(urn), app.id.clone(), at(0), at(90)];
    assert_eq!(stored, [want]);

    // another client neither uses it nor uses it up
    assert_refused(&ada.browser, &ask(&other.id, urn)).await;
    assert_refused(&ada.browser, &ask("unknown", urn)).await;
    assert_refused(&ada.browser, &format!("/authorize?{}", encode(&[("request_uri", urn)]))).await;
    let (answer, _) = ada.visit(&ask(&app.id, urn)).await;
    let params = response_params(&answer, CALLBACK);
    assert_eq!(params["state"], "st4te");
    assert_eq!(app.exchange(&w, &params["code"]).await.status(), 200);
    assert_refused(&ada.browser, &ask(&app.id, urn)).await;

    let late = push(&w, &app, &[]).await;
    w.clock.advance(89);
    let in_time = push(&w, &app, &[]).await;
    w.clock.advance(1);
    assert_refused(&ada.browser, &ask(&app.id, &late)).await;
    let (answer, _) = ada.visit(&ask(&app.id, &in_time)).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(count(&w).await, "1");
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(count(&w).await, "0");
}

#[tokio::test]
async fn s05_nothing_beside_the_urn_counts() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "callbackURLs": [CALLBACK, "https://app.example/other"] })).await;
    let urn = push(&w, &app, &[("scope", "openid")]).await;
    let evil = [
        ("client_id", app.id.as_str()),
        ("request_uri", &urn),
        ("scope", "openid groups"),
        ("redirect_uri", "https://app.example/other"),
        ("state", "evil"),
        ("response_mode", "fragment"),
        ("prompt", "none"),
        ("code_challenge", ""),
    ];
    let (answer, seen) = ada.visit(&format!("/authorize?{}", encode(&evil))).await;
    assert_eq!(seen, ["consent"]);
    assert!(location(&answer).starts_with(&format!("{CALLBACK}?")), "{answer:?}");
    let params = response_params(&answer, CALLBACK);
    assert_eq!(params["state"], "st4te");
    let tokens = json_of(&app.exchange(&w, &params["code"]).await);
    assert_eq!(tokens["scope"], "openid");
    // twice is twice
    let urn = push(&w, &app, &[]).await;
    for twice in ["client_id", "request_uri"] {
        assert_refused(&ada.browser, &format!("{}&{twice}=x", ask(&app.id, &urn))).await;
        assert_refused(
            &ada.browser,
            &format!("/authorize?{twice}=x&{}", ask(&app.id, &urn).split_once('?').unwrap().1),
        )
        .await;
    }
    // and an unusable URN is reported to a callback that proves itself
    let reported = app.ask(&[("request_uri", &format!("{URN}x"))]);
    let params = response_params(&ada.browser.get(&reported).await, CALLBACK);
    assert_eq!((params["error"].as_str(), params["state"].as_str()), ("invalid_request_uri", "st4te"));
    let foreign = app.ask(&[("request_uri", &urn), ("request", "x")]);
    assert_eq!(response_params(&ada.browser.get(&foreign).await, CALLBACK)["error"], "invalid_request");
    assert_eq!(count(&w).await, "1", "still there");
}

#[tokio::test]
async fn s03_a_request_is_checked_when_it_is_pushed() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "pkceEnabled": true })).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let long = "x".repeat(17 * 1024);
    let table: [(&[(&str, &str)], &str); 18] = [
        (&[("redirect_uri", "https://evil.example/cb")], "invalid_request"),
        (&[("redirect_uri", "")], "invalid_request"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_mode", "web_message")], "invalid_request"),
        (&[("scope", "open\"id")], "invalid_scope"),
        (&[("state", "a\u{1}")], "invalid_request"),
        (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("prompt", "later")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("id_token_hint", "not.a.token")], "invalid_request"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("request_uri", &format!("{URN}x"))], "invalid_request"),
        (&[("request_uri", "https://app.example/r")], "invalid_request"),
        (&[("request", "x")], "invalid_request_object"),
        (&[("request", "x"), ("request_uri", "x")], "invalid_request"),
        (&[("made_up", &long)], "invalid_request"),
    ];
    for app in [&app, &public] {
        for (changes, code) in table {
            let answer = app.push(&w, &app.params(changes)).await;
            assert_eq!(error(&answer), (400, code.into()), "{changes:?}");
        }
        let mut twice = app.params(&[]);
        twice.push(("state".into(), "again".into()));
        assert_eq!(error(&app.push(&w, &twice).await), (400, "invalid_request".into()));
    }
    assert_eq!(count(&w).await, "0");
}

#[tokio::test]
async fn s17_the_client_authenticates_as_at_the_token_endpoint() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let id = app.id.clone();
    let wrong = App { id: id.clone(), secret: Some("wrong-secret".into()) };
    let none = App { id, secret: None };
    let unknown = App { id: "unknown".into(), secret: Some("wrong-secret".into()) };
    for app in [&wrong, &none, &unknown] {
        let answer = app.push(&w, &app.params(&[])).await;
        assert_eq!(error(&answer), (401, "invalid_client".into()));
    }
    let secret = app.secret.clone().unwrap();
    let posted = App { id: app.id.clone(), secret: None };
    push(&w, &posted, &[("client_secret", &secret)]).await;
    push(&w, &public, &[]).await;
    push(&w, &app, &[("client_id", "")]).await;
    let kept = rows(&w, Stmt::new("SELECT request FROM pushed_requests")).await;
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().flatten().all(|r| !r.contains(&secret) && !r.contains("client_secret")), "{kept:?}");
    let query = format!("{PAR}?client_id={}", public.id);
    let answer = w.request(request(Method::POST, &query, &[("content-type", FORM)], "a=b")).await;
    assert_eq!(error(&answer), (400, "invalid_request".into()));
    assert_eq!(w.browser().get(PAR).await.status(), 405);
    assert_eq!(count(&w).await, "3");
}

#[tokio::test]
async fn a_client_of_pushed_requests_takes_no_others() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let required = json!({ "requiresPushedAuthorizationRequests": true, "skipConsent": true });
    let app = App::register(&ada, required).await;
    let answer = ada.browser.get(&app.ask(&[])).await;
    let params = response_params(&answer, CALLBACK);
    assert_eq!(params["error"], "invalid_request");
    assert!(params["error_description"].contains("pushed"), "{params:?}");
    let (answer, _) = ada.visit(&ask(&app.id, &push(&w, &app, &[]).await)).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    // also through an interaction
    let urn = push(&w, &app, &[("prompt", "login")]).await;
    let (answer, seen) = ada.visit(&ask(&app.id, &urn)).await;
    assert_eq!(seen, ["reauthenticate"]);
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
}

#[tokio::test]
async fn a_client_that_changes_after_the_push_is_what_counts() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let moved = push(&w, &app, &[]).await;
    let stricter = push(&w, &app, &[("code_challenge", ""), ("code_challenge_method", "")]).await;
    let gone = push(&w, &app, &[]).await;
    let put = async |body: Value| {
        let path = format!("/api/oidc/clients/{}", app.id);
        assert_eq!(ada.browser.send_json(Method::PUT, &path, &body).await.status(), 200);
    };
    put(json!({ "name": "Photos", "callbackURLs": [CALLBACK], "pkceEnabled": true })).await;
    let answer = ada.browser.get(&ask(&app.id, &stricter)).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    put(json!({ "name": "Photos", "callbackURLs": ["https://app.example/new"] })).await;
    assert_refused(&ada.browser, &ask(&app.id, &moved)).await;
    change(&w, Stmt::new("DELETE FROM clients")).await;
    assert_eq!(count(&w).await, "0");
    assert_refused(&ada.browser, &ask(&app.id, &gone)).await;
}

#[tokio::test]
async fn s61_many_uses_at_once_give_one_answer() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let path = ask(&app.id, &push(&w, &app, &[]).await);
    let answers = futures_util::future::join_all((0..50).map(|_| ada.browser.get(&path))).await;
    let good = answers.iter().filter(|a| field(a, "location").contains("code=")).count();
    let pages = answers.iter().filter(|a| page(a) == (400, "error".into())).count();
    assert_eq!((good, pages), (1, 49));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "1");
}

#[tokio::test]
async fn s40_head_does_not_use_it_up() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let path = ask(&app.id, &push(&w, &app, &[]).await);
    for _ in 0..10 {
        assert_eq!(ada.browser.send(request(Method::HEAD, &path, &[], "")).await.status(), 204);
    }
    let (answer, _) = ada.visit(&path).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
}

/// A database that fails at one batch.
struct Fails {
    inner: Arc<dyn Db>,
    seen: AtomicUsize,
    at: usize,
}

#[async_trait::async_trait]
impl Db for Fails {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        if self.seen.fetch_add(1, Ordering::SeqCst) == self.at {
            return Err(DbError::Unavailable("scripted".into()));
        }
        self.inner.batch(stmts).await
    }
}

/// A node whose database fails at its `at`th batch.
fn failing(w: &World, at: usize) -> World {
    let inner = w.host.db.clone();
    w.another_node(|host| host.db = Arc::new(Fails { inner, seen: AtomicUsize::new(0), at }))
}

#[tokio::test]
async fn a_store_that_fails_half_way_never_gives_a_second_use() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    for at in [0, 1] {
        let answer = app.push(&failing(&w, at), &app.params(&[])).await;
        assert_eq!(error(&answer), (500, "server_error".into()));
        assert_eq!(count(&w).await, "0", "nothing is stored");
    }
    for (at, is_left) in [(0, true), (1, false)] {
        let path = ask(&app.id, &push(&w, &app, &[]).await);
        let node = failing(&w, at);
        let twin = node.browser();
        twin.set_cookie("__Host-latchkey_session", &ada.session().unwrap());
        let answer = twin.get(&path).await;
        assert_eq!(page(&answer), (500, "error".into()));
        let grants = cell(&w, "SELECT COUNT(*) FROM grants").await;
        assert_eq!(grants, "0", "batch {at}");
        // failed before it was taken: it can still be used; after: the app has to push again
        if is_left {
            let (answer, _) = ada.visit(&path).await;
            assert!(response_params(&answer, CALLBACK).contains_key("code"));
            change(&w, Stmt::new("DELETE FROM grants")).await;
        } else {
            assert_refused(&ada.browser, &path).await;
        }
    }
}

#[tokio::test]
async fn s45_a_thousand_pushed_requests_of_one_client_wait_at_most() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let other = App::register(&ada, json!({ "skipConsent": true })).await;
    let stmt = Stmt::new(
        "INSERT INTO pushed_requests (request_uri_hash, client_id, request, created_at, expires_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
         SELECT 'h' || i, ?1, '{}', 0, ?2 FROM n",
    );
    change(&w, stmt.bind(&app.id).bind(World::START.plus(90))).await;
    push(&w, &app, &[]).await;
    let answer = app.push(&w, &app.params(&[])).await;
    assert_eq!(error(&answer), (503, "temporarily_unavailable".into()));
    assert_eq!(count(&w).await, "1000");
    push(&w, &other, &[]).await;
    w.clock.advance(90);
    push(&w, &app, &[]).await;
}
