//! What the person is asked before an app gets its answer.

use crate::stage::*;
use serde_json::json;
use shared::db::Stmt;
use shared::store::user;
use testkit::World;

#[tokio::test]
async fn s09_silent_requests_say_what_they_lack() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let strict = App::register(&ada, json!({ "requiresReauthentication": true })).await;
    let stranger = w.browser();
    let silent = app.ask(&[("prompt", "none")]);
    let reason = |answer: &Answer| response_params(answer, CALLBACK).remove("error").unwrap_or_default();

    assert_eq!(reason(&stranger.get(&silent).await), "login_required");
    assert_eq!(reason(&ada.browser.get(&silent).await), "consent_required");
    ada.code(&app, &[]).await;
    assert_eq!(reason(&ada.browser.get(&silent).await), "");
    // consented to less than this
    let more = app.ask(&[("prompt", "none"), ("scope", "openid profile email groups")]);
    assert_eq!(reason(&ada.browser.get(&more).await), "consent_required");

    w.clock.advance(100);
    assert_eq!(reason(&ada.browser.get(&app.ask(&[("prompt", "none"), ("max_age", "101")])).await), "");
    let old = app.ask(&[("prompt", "none"), ("max_age", "100")]);
    assert_eq!(reason(&ada.browser.get(&old).await), "login_required");
    assert_eq!(reason(&ada.browser.get(&strict.ask(&[("prompt", "none")])).await), "login_required");
    // the session is over
    w.clock.advance(3600);
    assert_eq!(reason(&ada.browser.get(&silent).await), "login_required");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
}

#[tokio::test]
async fn s09_a_silent_request_of_a_person_who_may_not_use_the_app() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true, "skipConsent": true })).await;
    let silent = app.ask(&[("prompt", "none")]);
    assert_eq!(response_params(&ada.browser.get(&silent).await, CALLBACK)["error"], "access_denied");
    admit(&w, "photographers", &ada.id).await;
    assert_eq!(response_params(&ada.browser.get(&silent).await, CALLBACK)["error"], "access_denied");
    allow(&w, &app, "photographers").await;
    assert!(response_params(&ada.browser.get(&silent).await, CALLBACK).contains_key("code"));
    // disabled behind the session's back
    change(&w, Stmt::new("UPDATE users SET disabled = 1")).await;
    assert_eq!(response_params(&ada.browser.get(&silent).await, CALLBACK)["error"], "login_required");
    assert_eq!(page(&ada.visit(&app.ask(&[])).await.0), (403, "error".into()));
}

#[tokio::test]
async fn a_restricted_app_shows_a_page_to_those_outside() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true })).await;
    let (answer, seen) = bob.visit(&app.ask(&[])).await;
    assert_eq!((page(&answer), seen), ((403, "error".into()), vec!["authenticate".to_owned()]));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
    admit(&w, "photographers", &bob.id).await;
    allow(&w, &app, "photographers").await;
    let (answer, seen) = bob.visit(&app.ask(&[])).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(seen, ["consent"]);
}

#[tokio::test]
async fn consent_is_asked_once_and_again_when_the_scope_grows() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let steps = [
        ("openid", vec!["consent"], r#"["openid"]"#),
        ("openid", vec![], r#"["openid"]"#),
        ("openid email", vec!["consent"], r#"["openid","email"]"#),
        ("email", vec![], r#"["openid","email"]"#),
        ("openid groups", vec!["consent"], r#"["openid","email","groups"]"#),
        ("openid email groups unknown", vec![], r#"["openid","email","groups"]"#),
    ];
    for (scope, want, stored) in steps {
        let (answer, seen) = ada.visit(&app.ask(&[("scope", scope)])).await;
        assert!(response_params(&answer, CALLBACK).contains_key("code"), "{scope}");
        assert_eq!(seen, want, "{scope}");
        assert_eq!(cell(&w, "SELECT scope FROM consents").await, stored);
    }
    let (_, seen) = ada.visit(&app.ask(&[("scope", "openid"), ("prompt", "consent")])).await;
    assert_eq!(seen, ["consent"]);
}

#[tokio::test]
async fn skip_consent_asks_only_when_the_app_wants_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    assert_eq!(ada.visit(&app.ask(&[])).await.1, [""; 0]);
    assert_eq!(ada.visit(&app.ask(&[("prompt", "consent")])).await.1, ["consent"]);
}

#[tokio::test]
async fn prompt_login_and_max_age_ask_for_the_passkey_again() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let strict = App::register(&ada, json!({ "skipConsent": true, "requiresReauthentication": true })).await;
    for (path, name) in [
        (app.ask(&[("prompt", "login")]), "login"),
        (app.ask(&[("max_age", "0")]), "max_age=0"),
        (app.ask(&[("max_age", "100")]), "max_age=100"),
        (strict.ask(&[]), "reauthentication"),
    ] {
        w.clock.advance(100);
        let sid = cell(&w, "SELECT id FROM sessions").await;
        let cookie = ada.session();
        let (answer, seen) = ada.visit(&path).await;
        assert!(response_params(&answer, CALLBACK).contains_key("code"), "{name}");
        assert_eq!(seen, ["reauthenticate"], "{name}");
        // the session stays, its cookie does not
        assert_eq!(cell(&w, "SELECT id FROM sessions").await, sid, "{name}");
        assert_ne!(ada.session(), cookie, "{name}");
        assert_eq!(cell(&w, "SELECT auth_time FROM sessions").await, w.host.clock.now().0.to_string());
    }
    w.clock.advance(99);
    assert_eq!(ada.visit(&app.ask(&[("max_age", "100")])).await.1, [""; 0]);
}

#[tokio::test]
async fn reauthentication_shows_in_auth_time() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    w.clock.advance(100);
    let before = ada.tokens(&app, &[("max_age", "200")]).await;
    assert_eq!(claims(&before["id_token"])["auth_time"], World::START.0);
    let after = ada.tokens(&app, &[("prompt", "login")]).await;
    assert_eq!(claims(&after["id_token"])["auth_time"], World::START.0 + 100);
    assert_eq!(claims(&before["id_token"])["sid"], claims(&after["id_token"])["sid"]);
}

#[tokio::test]
async fn select_account_goes_on_with_this_one_or_another() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    w.clock.advance(10);
    let ask = app.ask(&[("prompt", "select_account")]);
    let (answer, seen) = ada.visit(&ask).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(seen, ["select_account", "consent"]);
    // asked anew by each request
    assert_eq!(ada.visit(&ask).await.1, ["select_account"]);

    let page = ada.follow(ada.browser.get(&ask).await).await;
    assert_eq!(step(&page), "select_account");
    let page = ada.follow(ada.press(&page, "switch_account").await).await;
    assert_eq!(step(&page), "authenticate");
    // bob takes the same browser over
    ada.key = bob.key.clone();
    let page = ada.answer(&page).await;
    let page = ada.follow(page).await;
    assert_eq!(step(&page), "consent");
    let answer = ada.follow(ada.press(&page, "allow").await).await;
    let code = response_params(&answer, CALLBACK).remove("code").unwrap();
    let tokens = json_of(&app.exchange(&w, &code).await);
    assert_eq!(claims(&tokens["id_token"])["sub"], bob.id);
    // ada's session lives on beside it
    let live =
        Stmt::new("SELECT user_id FROM sessions WHERE ended_at IS NULL ORDER BY created_at, user_id DESC");
    assert_eq!(rows(&w, live).await, [[ada.id.clone()], [bob.id]]);
}

#[tokio::test]
async fn a_hint_at_somebody_else_asks_that_person_to_sign_in() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let tokens = bob.tokens(&app, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    // own hints are fine, old ones too
    w.clock.advance(4000);
    assert_eq!(ada.sign_in().await.status(), 303);
    bob.sign_in().await;
    let own = bob.browser.get(&app.ask(&[("id_token_hint", hint), ("prompt", "none")])).await;
    assert!(response_params(&own, CALLBACK).contains_key("code"));

    let silent = ada.browser.get(&app.ask(&[("id_token_hint", hint), ("prompt", "none")])).await;
    assert_eq!(response_params(&silent, CALLBACK)["error"], "login_required");
    let page = ada.follow(ada.browser.get(&app.ask(&[("id_token_hint", hint)])).await).await;
    assert_eq!(step(&page), "reauthenticate");
    // signing in as ada again does not help; as bob it does
    let page = ada.answer(&page).await;
    let page = ada.follow(page).await;
    assert_eq!(step(&page), "reauthenticate");
    ada.key = bob.key.clone();
    let answer = ada.answer(&page).await;
    let answer = ada.follow(answer).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
}

#[tokio::test]
async fn s25_only_id_tokens_are_hints() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    for name in ["access_token", "refresh_token"] {
        let hint = tokens[name].as_str().unwrap();
        let answer = ada.browser.get(&app.ask(&[("id_token_hint", hint)])).await;
        assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn a_disabled_account_gets_a_page() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    bob.sign_in().await;
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    // the session is gone, so the sign-in page comes, and the passkey is refused
    let page_ = bob.follow(bob.browser.get(&app.ask(&[])).await).await;
    assert_eq!(step(&page_), "authenticate");
    assert_eq!(page(&bob.answer(&page_).await), (403, "error".into()));
    assert_eq!(bob.browser.get("/api/users/me").await.status(), 401);
}

#[tokio::test]
async fn a_sign_in_counts_for_the_request_it_was_made_for() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    // all of it within one second: times alone prove nothing
    let login = app.ask(&[("prompt", "login")]);
    assert_eq!(ada.visit(&login).await.1, ["reauthenticate"]);
    let first = ada.follow(ada.browser.get(&login).await).await;
    let second = ada.follow(ada.browser.get(&login).await).await;
    let answer = ada.answer(&second).await;
    assert!(response_params(&ada.follow(answer).await, CALLBACK).contains_key("code"));
    let id = Form::of(&first).get("interaction").to_owned();
    let (answer, seen) = ada.visit(&format!("/authorize?interaction={id}")).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(seen, ["reauthenticate"]);
}
