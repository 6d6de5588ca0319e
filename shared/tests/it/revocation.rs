//! `POST /api/oidc/revoke`: whose tokens end, and what ends with them.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use testkit::World;

async fn revoke(w: &World, app: &App, token: &Value, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("token", token.as_str().unwrap())];
    pairs.extend(more);
    app.call(w, "/api/oidc/revoke", &pairs).await
}

#[tokio::test]
async fn s22_a_refresh_token_ends_its_grant() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    // the newest token, a used one, and one that has expired: each names the family
    for (turn, wait) in [(1, 0), (0, 0), (0, 2_592_000)] {
        ada.sign_in().await;
        let first = ada.tokens(&app, &[]).await;
        let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
        let third = json_of(&app.refresh(&w, &second["refresh_token"]).await);
        w.clock.advance(wait);
        let answer = revoke(&w, &app, &[&first, &second][turn]["refresh_token"], &[]).await;
        assert_eq!(
            (answer.status().as_u16(), text(&answer), field(&answer, "cache-control")),
            (200, "", "no-store")
        );
        let refused = app.refresh(&w, &third["refresh_token"]).await;
        assert_eq!(error(&refused), (400, "invalid_grant".into()));
        assert_eq!(userinfo(&w, &third["access_token"]).await.status(), 401);
    }
    let sql = "SELECT COUNT(*) FROM grants WHERE revoked_reason = 'client_revocation'";
    assert_eq!(cell(&w, sql).await, "3");
    assert_eq!(audit(&w).await.iter().filter(|e| *e == "TOKEN_REVOCATION").count(), 3);
}

#[tokio::test]
async fn s22_an_access_token_ends_alone_until_it_would_have_expired() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "accessTokenDurationMinutes": 5 })).await;
    let tokens = ada.tokens(&app, &[]).await;
    for _ in 0..2 {
        assert_eq!(revoke(&w, &app, &tokens["access_token"], &[]).await.status(), 200);
    }
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    let next = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    assert_eq!(userinfo(&w, &next["access_token"]).await.status(), 200);
    let jti = claims(&tokens["access_token"])["jti"].as_str().unwrap().to_owned();
    assert_eq!(cell(&w, "SELECT jti FROM revoked_access_tokens").await, jti);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM revoked_access_tokens").await, "1");
    w.clock.advance(300);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM revoked_access_tokens").await, "0");
    // one that has expired leaves no row
    assert_eq!(revoke(&w, &app, &tokens["access_token"], &[]).await.status(), 200);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM revoked_access_tokens").await, "0");
}

#[tokio::test]
async fn s22_another_clients_tokens_and_garbage_are_answered_alike_and_change_nothing() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (app, other) = (App::register(&ada, json!({})).await, App::register(&ada, json!({})).await);
    let tokens = ada.tokens(&app, &[]).await;
    let garbage = [json!("x"), json!("a.b.c"), json!("x".repeat(20_000)), json!("\u{1F511}")];
    for token in [&tokens["refresh_token"], &tokens["access_token"]].into_iter().chain(&garbage) {
        let answer = revoke(&w, &other, token, &[]).await;
        assert_eq!((answer.status().as_u16(), text(&answer)), (200, ""));
    }
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    assert_eq!(app.refresh(&w, &tokens["refresh_token"]).await.status(), 200);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM revoked_access_tokens").await, "0");
    assert!(!audit(&w).await.contains(&"TOKEN_REVOCATION".to_owned()));
}

#[tokio::test]
async fn hints_are_hints() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for hint in ["access_token", "refresh_token", "made_up"] {
        let tokens = ada.tokens(&app, &[]).await;
        for kind in ["access_token", "refresh_token"] {
            let answer = revoke(&w, &app, &tokens[kind], &[("token_type_hint", hint)]).await;
            assert_eq!(answer.status(), 200, "{kind} as {hint}");
        }
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401, "{hint}");
        assert_eq!(app.refresh(&w, &tokens["refresh_token"]).await.status(), 400, "{hint}");
        ada.sign_in().await;
    }
    let tokens = ada.tokens(&app, &[]).await;
    let answer = revoke(&w, &app, &tokens["id_token"], &[]).await;
    assert_eq!(error(&answer), (400, "unsupported_token_type".into()));
}

#[tokio::test]
async fn s22_clients_authenticate_first() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    let wrong = App { id: app.id.clone(), secret: Some("wrong".into()) };
    let nameless = App { id: app.id.clone(), secret: None };
    for bad in [&wrong, &nameless] {
        let answer = revoke(&w, bad, &tokens["refresh_token"], &[]).await;
        assert_eq!(error(&answer), (401, "invalid_client".into()));
    }
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    assert_eq!(error(&app.call(&w, "/api/oidc/revoke", &[]).await), (400, "invalid_request".into()));
    let get = w.request(request(Method::GET, "/api/oidc/revoke", &[], "")).await;
    assert_eq!(get.status(), 405);
    // a public client gives its own back by its name
    let tokens = ada.tokens(&public, &[]).await;
    assert_eq!(revoke(&w, &public, &tokens["refresh_token"], &[]).await.status(), 200);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
}
