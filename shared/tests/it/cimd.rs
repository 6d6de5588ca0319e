//! Clients that are known by a metadata document at the address that is their `client_id`.

use crate::stage::*;
use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::ports::FetchError;
use testkit::World;

const ID: &str = "https://notes.example/client.json";

async fn world() -> World {
    World::with(&[("CIMD_URL_ALLOWLIST", "https://notes.example/**")]).await
}

fn document(changes: Value) -> Value {
    let mut document = json!({
        "client_id": ID, "client_name": "Notes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
    });
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

fn serve_as(w: &World, status: u16, media: &str, cache: &str, body: &str) {
    let answer =
        Response::builder().status(status).header("content-type", media).header("cache-control", cache);
    w.fetch.answer(&Method::GET, ID, Ok(answer.body(Bytes::from(body.to_owned())).unwrap()));
}

fn serve(w: &World, changes: Value) {
    serve_as(w, 200, "application/json", "", &document(changes).to_string());
}

fn app() -> App {
    App { id: ID.into(), secret: None }
}

fn sent(w: &World) -> usize {
    w.fetch.take_requests().len()
}

async fn clients(w: &World) -> String {
    cell(w, "SELECT COUNT(*) FROM clients").await
}

#[tokio::test]
async fn s51_sign_in_to_an_app_that_nobody_registered() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    serve(&w, json!({}));
    let page = ada.follow(ada.browser.get(&app().ask(&[("prompt", "consent")])).await).await;
    assert_eq!(step(&page), "consent");
    assert!(text(&page).contains("notes.example"), "the consent page names the host");
    let tokens = ada.tokens(&app(), &[]).await;
    assert_eq!(claims(&tokens["id_token"])["aud"], json!([ID]));
    assert_eq!(sent(&w), 1, "the document was fetched once");
    let row = "SELECT client_type, name, is_public, pkce_enabled, metadata_expires_at FROM clients";
    let expires = (World::START.0 + 3600).to_string();
    assert_eq!(rows(&w, Stmt::new(row)).await, [["cimd", "Notes", "1", "1", expires.as_str()]]);
    // its scripts may read token answers
    let origin = [("origin", "https://app.example")];
    let answer = w.request(request(Method::OPTIONS, "/api/oidc/token", &origin, "")).await;
    assert_eq!(field(&answer, "access-control-allow-origin"), "*");
    assert_eq!(app().refresh(&w, &tokens["refresh_token"]).await.status(), 200);
    let metadata = w.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(json_of(&metadata)["client_id_metadata_document_supported"], true);
}

#[tokio::test]
async fn s51_addresses_that_are_not_let_in_are_unknown_and_not_fetched() {
    let w = world().await;
    let ada = Person::setup(&w).await;
    for id in [
        "https://other.example/client.json",
        "http://notes.example/client.json",
        "https://notes.example",
        "https://notes.example/",
        "https://notes.example/a/../client.json",
        "https://notes.example/client.json#x",
        "https://me@notes.example/client.json",
        "https://notes.example.evil.example/client.json",
        "https://NOTES.example/client.json",
    ] {
        let answer = ada.browser.get(&App { id: id.into(), secret: None }.ask(&[])).await;
        assert_eq!(page(&answer), (400, "error".into()), "{id}");
    }
    assert_eq!((sent(&w), clients(&w).await.as_str()), (0, "0"));
    let off = World::new().await;
    let eve = Person::setup(&off).await;
    serve(&off, json!({}));
    assert_eq!(page(&eve.browser.get(&app().ask(&[])).await), (400, "error".into()));
    assert_eq!(sent(&off), 0);
    let metadata = off.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(json_of(&metadata).get("client_id_metadata_document_supported"), None);
}

#[tokio::test]
async fn s51_documents_that_break_a_rule_are_refused_and_not_kept() {
    let w = world().await;
    let ada = Person::setup(&w).await;
    let good = document(json!({})).to_string();
    let refused = async |what: &str| {
        let answer = ada.browser.get(&app().ask(&[])).await;
        assert_eq!(page(&answer), (400, "error".into()), "{what}");
        assert!(text(&answer).contains("could not be resolved"), "{what}");
        let answer = app().exchange(&w, "none").await;
        assert_eq!(error(&answer), (401, "invalid_client".into()), "{what}");
        assert_eq!(clients(&w).await, "0", "{what}");
        w.clock.advance(60);
    };
    for (status, media, cache, body) in [
        (404, "application/json", "", good.as_str()),
        (500, "application/json", "", &good),
        (302, "application/json", "", &good),
        (200, "text/html", "", &good),
        (200, "text/plain", "", &good),
        (200, "application/json", "no-store", &good),
        (200, "application/json", "max-age=600, No-Store", &good),
        (200, "application/json", "", "[]"),
        (200, "application/json", "", r#"{"client_id":"a","client_id":"b"}"#),
    ] {
        serve_as(&w, status, media, cache, body);
        refused(&format!("{status} {media} {cache} {body}")).await;
    }
    for changes in [
        json!({"client_id": "https://notes.example/other.json"}),
        json!({"redirect_uris": ["https://*.example/cb"]}),
        json!({"token_endpoint_auth_method": "client_secret_basic"}),
        json!({"logo_uri": "javascript:alert(1)"}),
        json!({"padding": "x".repeat(5 * 1024)}),
    ] {
        serve(&w, changes.clone());
        refused(&changes.to_string()).await;
    }
    for failure in [FetchError::Timeout, FetchError::TooLarge, FetchError::Refused, FetchError::Unreachable] {
        w.fetch.answer(&Method::GET, ID, Err(failure.clone()));
        refused(&failure.to_string()).await;
    }
    serve(&w, json!({}));
    assert_eq!(ada.browser.get(&app().ask(&[])).await.status(), 303, "errors are not kept");
}

#[tokio::test]
async fn s51_an_address_without_a_document_is_asked_three_times_a_minute() {
    let w = world().await;
    let ada = Person::setup(&w).await;
    w.fetch.answer(&Method::GET, ID, Err(FetchError::Timeout));
    for _ in 0..6 {
        assert_eq!(page(&ada.browser.get(&app().ask(&[])).await), (400, "error".into()));
    }
    assert_eq!(sent(&w), 3);
    serve(&w, json!({}));
    w.clock.advance(60);
    assert_eq!(ada.browser.get(&app().ask(&[])).await.status(), 303);
    // and so is one whose document is due
    w.fetch.answer(&Method::GET, ID, Err(FetchError::Timeout));
    w.clock.advance(3600);
    sent(&w);
    for _ in 0..6 {
        app().exchange(&w, "none").await;
    }
    assert_eq!(sent(&w), 3);
}

#[tokio::test]
async fn s51_addresses_are_compared_exactly() {
    let w = world().await;
    let ada = Person::setup(&w).await;
    serve(&w, json!({}));
    for uri in [
        "https://app.example/cb/",
        "https://app.example/cb?x",
        "https://app.example/CB",
        "https://a.example/",
    ] {
        let answer = ada.browser.get(&app().ask(&[("redirect_uri", uri)])).await;
        assert_eq!(page(&answer), (400, "error".into()), "{uri}");
    }
    // PKCE cannot be left out.
    let answer = ada.browser.get(&app().ask(&[("code_challenge", ""), ("code_challenge_method", "")])).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
}

#[tokio::test]
async fn s51_a_document_counts_for_a_week_at_most_and_then_is_fetched_again() {
    for (cache, counts_s) in
        [("", 3600), ("max-age=0", 300), ("max-age=7200", 7200), ("max-age=99999999", 6 * 86_400)]
    {
        let w = world().await;
        let ada = Person::setup(&w).await;
        serve_as(&w, 200, "application/json", cache, &document(json!({})).to_string());
        ada.browser.get(&app().ask(&[])).await;
        w.clock.advance(counts_s - 1);
        ada.browser.get(&app().ask(&[])).await;
        assert_eq!(sent(&w), 1, "{cache}");
        w.clock.advance(1);
        ada.browser.get(&app().ask(&[])).await;
        assert_eq!(sent(&w), 1, "{cache}");
    }
}

#[tokio::test]
async fn s11_s51_a_change_of_what_people_agreed_to_ends_consents_and_tokens() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    let serve = |document: &Value| {
        serve_as(&w, 200, "application/json", "max-age=300", &document.to_string());
        w.clock.advance(300);
    };
    let mut now = document(json!({}));
    serve(&now);
    ada.tokens(&app(), &[]).await;
    now["policy_uri"] = json!("https://notes.example/privacy");
    serve(&now);
    assert_eq!(ada.visit(&app().ask(&[])).await.1, [""; 0], "nothing that people agreed to");

    for (name, value) in [
        ("client_name", json!("Better Notes")),
        ("client_uri", json!("https://notes.example/about")),
        ("logo_uri", json!("https://notes.example/logo.png")),
        ("redirect_uris", json!([CALLBACK, "https://app.example/cb2"])),
    ] {
        let tokens = ada.tokens(&app(), &[]).await;
        change(&w, Stmt::new("UPDATE clients SET skip_consent = 1")).await;
        now[name] = value;
        serve(&now);
        let answer = app().refresh(&w, &tokens["refresh_token"]).await;
        assert_eq!(error(&answer), (401, "invalid_client".into()), "{name}: what was loaded no longer holds");
        assert_eq!(cell(&w, "SELECT COUNT(*) FROM consents").await, "0", "{name}");
        // the admin spared people the question for another app
        assert_eq!(ada.visit(&app().ask(&[])).await.1, ["consent"], "{name}");
        // a new consent revives nothing
        let answer = app().refresh(&w, &tokens["refresh_token"]).await;
        assert_eq!(error(&answer), (400, "invalid_grant".into()), "{name}");
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401, "{name}");
    }
    assert_eq!(cell(&w, "SELECT name FROM clients").await, "Better Notes");
    let ended = "SELECT DISTINCT revoked_reason FROM grants WHERE revoked_at IS NOT NULL";
    assert_eq!(cell(&w, ended).await, "client_changed");

    now["grant_types"] = json!(["authorization_code"]);
    serve(&now);
    assert_eq!(ada.visit(&app().ask(&[])).await.1, ["consent"]);
    let tokens = ada.tokens(&app(), &[]).await;
    assert_eq!(tokens.get("refresh_token"), None, "the document does not ask for it");
}

#[tokio::test]
async fn s51_an_outage_stops_sign_in_and_leaves_what_was_granted_for_a_day() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    serve(&w, json!({}));
    let mut tokens = ada.tokens(&app(), &[]).await;
    w.fetch.answer(&Method::GET, ID, Err(FetchError::Timeout));
    w.clock.advance(3600);
    assert_eq!(page(&ada.browser.get(&app().ask(&[])).await), (400, "error".into()));
    let answer = app().refresh(&w, &tokens["refresh_token"]).await;
    assert_eq!(answer.status(), 200);
    tokens = json_of(&answer);
    w.clock.advance(86_400);
    let answer = app().refresh(&w, &tokens["refresh_token"]).await;
    assert_eq!(error(&answer), (401, "invalid_client".into()));
    serve(&w, json!({}));
    assert_eq!(app().refresh(&w, &tokens["refresh_token"]).await.status(), 200);
}

#[tokio::test]
async fn s51_the_list_counts_at_each_use() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    serve(&w, json!({}));
    let tokens = ada.tokens(&app(), &[]).await;
    let strict = w.another_node(|host| {
        let mut settings = (*host.settings).clone();
        settings.cimd_url_allowlist.clear();
        host.settings = std::sync::Arc::new(settings);
    });
    let answer = app().refresh(&strict, &tokens["refresh_token"]).await;
    assert_eq!(error(&answer), (401, "invalid_client".into()));
    assert_eq!(page(&strict.browser().get(&app().ask(&[])).await), (400, "error".into()));
}

#[tokio::test]
async fn a_registered_client_of_the_same_id_wins() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    App::register(&ada, json!({"isPublic": true, "callbackURLs": [], "skipConsent": true})).await;
    let stmt = Stmt::new("UPDATE clients SET id = ?1, callback_urls = ?2");
    change(&w, stmt.bind(ID).bind(json!([CALLBACK]).to_string())).await;
    serve(&w, json!({"redirect_uris": ["https://evil.example/cb"]}));
    let (answer, _) = ada.visit(&app().ask(&[])).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(sent(&w), 0);
}

#[tokio::test]
async fn admins_refresh_and_change_what_is_theirs() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    let plain = App::register(&ada, json!({})).await;
    serve(&w, json!({}));
    ada.tokens(&app(), &[]).await;
    let encoded = format!("~{}", proto::b64::encode(ID));
    let path = format!("/api/oidc/clients/{encoded}");
    let refresh = format!("{path}/refresh");
    let post = async |path: &str| ada.browser.send_json(Method::POST, path, &json!({})).await;
    serve(&w, json!({"client_name": "Newer", "redirect_uris": ["https://app.example/new"]}));
    let answer = post(&refresh).await;
    assert_eq!(answer.status(), 200);
    let shown = json_of(&answer);
    assert_eq!((&shown["name"], &shown["clientType"]), (&json!("Newer"), &json!("cimd")));
    assert_eq!(shown["callbackURLs"], json!(["https://app.example/new"]));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM consents").await, "0");
    assert_eq!(json_of(&w.browser().get(&format!("{path}/meta")).await)["id"], ID);

    w.fetch.answer(&Method::GET, ID, Err(FetchError::Timeout));
    let answer = post(&refresh).await;
    assert_eq!(error(&answer), (400, "validation_failed".into()));
    assert_eq!(json_of(&answer)["error"], "Id the document could not be fetched");
    let answer = post(&format!("/api/oidc/clients/{}/refresh", plain.id)).await;
    assert_eq!(json_of(&answer)["error"], "Id is not the address of a metadata document");
    assert_eq!(error(&post("/api/oidc/clients/nobody/refresh").await), (404, "not_found".into()));

    let input = json!({
        "name": "Mine", "callbackURLs": ["https://evil.example/cb"], "isPublic": false, "skipConsent": true,
        "metadata": {"grant_types": ["client_credentials"]}, "accessTokenDurationMinutes": 5,
    });
    let answer = ada.browser.send_json(Method::PUT, &path, &input).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let shown = json_of(&answer);
    assert_eq!((&shown["name"], &shown["isPublic"]), (&json!("Newer"), &json!(true)));
    assert_eq!(shown["callbackURLs"], json!(["https://app.example/new"]));
    assert_eq!((&shown["skipConsent"], &shown["accessTokenDurationMinutes"]), (&json!(true), &json!(5)));
    let secret = post(&format!("{path}/secrets")).await;
    assert_eq!(error(&secret), (400, "validation_failed".into()));
}

#[tokio::test]
async fn s51_a_client_that_nobody_uses_is_forgotten_after_a_day() {
    let w = world().await;
    let mut ada = Person::setup(&w).await;
    serve(&w, json!({}));
    ada.browser.get(&app().ask(&[])).await;
    w.clock.advance(86_399);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(clients(&w).await, "1");
    w.clock.advance(1);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(clients(&w).await, "0");
    ada.sign_in().await;
    ada.tokens(&app(), &[]).await;
    w.clock.advance(86_400);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(clients(&w).await, "1", "somebody consented");

    change(&w, Stmt::new("DELETE FROM grants")).await;
    change(&w, Stmt::new("DELETE FROM consents")).await;
    for column in ["is_group_restricted = 1, skip_consent = 0", "is_group_restricted = 0, skip_consent = 1"] {
        let sql: &'static str = format!("UPDATE clients SET {column}").leak();
        change(&w, Stmt::new(sql)).await;
        shared::jobs::tick(&w.host).await.unwrap();
        assert_eq!(clients(&w).await, "1", "an admin decided about it: {column}");
    }
}

#[tokio::test]
async fn s51_only_the_start_of_a_sign_in_makes_a_client() {
    let w = world().await;
    let _ada = Person::setup(&w).await;
    serve(&w, json!({"grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}));
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", "x"), ("token", "x"), ("client_id", ID)];
    let body = encode(&refresh);
    for path in ["/api/oidc/token", "/api/oidc/introspect", "/api/oidc/revoke"] {
        let answer = w.request(request(Method::POST, path, &[("content-type", FORM)], &body)).await;
        assert_eq!(error(&answer).1, "invalid_client", "{path}");
    }
    assert_eq!((sent(&w), clients(&w).await.as_str()), (0, "0"));
    let device = request(Method::POST, "/api/oidc/device/authorize", &[("content-type", FORM)], &body);
    assert_eq!(w.request(device).await.status(), 200);
    assert_eq!((sent(&w), clients(&w).await.as_str()), (1, "1"));
}

#[tokio::test]
async fn s51_a_thousand_clients_without_use_are_kept_at_most() {
    let w = world().await;
    let ada = Person::setup(&w).await;
    serve(&w, json!({}));
    let stmt = Stmt::new(
        "INSERT INTO clients (id, name, name_folded, callback_urls, logout_callback_urls, client_type, created_at, updated_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         SELECT 'c' || i, 'n', 'n', '[]', '[]', 'cimd', ?1, ?1 FROM n",
    );
    change(&w, stmt.bind(World::START)).await;
    assert_eq!(page(&ada.browser.get(&app().ask(&[])).await), (400, "error".into()));
    assert_eq!((sent(&w), clients(&w).await.as_str()), (0, "1000"));
    w.clock.advance(86_400);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(page(&ada.browser.get(&app().ask(&[])).await).0, 303);
    assert_eq!(clients(&w).await, "1");
}
