//! `/logout` and `/api/oidc/end-session`.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;

const AFTER: &str = "https://app.example/bye";

async fn scene<'w>(w: &'w World) -> (Person<'w>, App, String) {
    let mut ada = Person::setup(w).await;
    let app =
        App::register(&ada, json!({ "logoutCallbackURLs": [AFTER, "https://*.app.example/bye"] })).await;
    let tokens = ada.tokens(&app, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap().to_owned();
    (ada, app, hint)
}

fn end(pairs: &[(&str, &str)]) -> String {
    format!("/api/oidc/end-session?{}", encode(pairs))
}

async fn is_signed_in(person: &Person<'_>) -> bool {
    person.browser.get("/api/users/me").await.status() == 200
}

#[tokio::test]
async fn s40_a_hint_of_this_session_ends_it() {
    let w = World::new().await;
    let (mut ada, app, hint) = scene(&w).await;
    // expired hints count (RP-Initiated Logout §2)
    w.clock.advance(3599);
    ada.sign_in().await;
    w.clock.advance(3000);
    let back = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER), ("state", "a b&c")];
    let answer = ada.browser.get(&end(&back)).await;
    assert_eq!(location(&answer), "https://app.example/bye?state=a+b%26c");
    assert_eq!(ada.session(), None);
    assert!(!is_signed_in(&ada).await);
    assert_eq!(cell(&w, "SELECT revoked_reason FROM grants").await, "session_ended");
    let entry = Stmt::new("SELECT user_id, client_id, data FROM audit_events WHERE event = 'SIGN_OUT'");
    assert_eq!(rows(&w, entry).await, [[&ada.id, &app.id, r#"{"clientName":"Photos"}"#]]);

    // POST is as good as GET
    let tokens = ada.tokens(&app, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let body = encode(&[("id_token_hint", hint), ("client_id", &app.id)]);
    let post = request(Method::POST, "/api/oidc/end-session", &[("content-type", FORM)], &body);
    assert_eq!(location(&ada.browser.send(post).await), AFTER);
    assert!(!is_signed_in(&ada).await);
}

#[tokio::test]
async fn s40_without_a_fitting_hint_the_person_is_asked() {
    let w = World::new().await;
    let (ada, app, hint) = scene(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let of_bob = bob.tokens(&app, &[]).await;
    let other = App::register(&ada, json!({})).await;
    let of_bob = of_bob["id_token"].as_str().unwrap();
    let tampered = format!("{hint}x");
    let kept = format!(
        "/logout?{}",
        encode(&[("client_id", &app.id), ("post_logout_redirect_uri", AFTER), ("state", "s")])
    );
    let table: [(&[(&str, &str)], &str); 7] = [
        (&[], "/logout"),
        (&[("client_id", &app.id), ("post_logout_redirect_uri", AFTER), ("state", "s")], &kept),
        (&[("id_token_hint", of_bob)], "/logout"),
        (&[("id_token_hint", &tampered)], "/logout"),
        (&[("id_token_hint", "x")], "/logout"),
        (&[("id_token_hint", &hint), ("client_id", &other.id)], &format!("/logout?client_id={}", other.id)),
        (
            &[("post_logout_redirect_uri", "https://evil.example/")],
            "/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F",
        ),
    ];
    for (pairs, target) in table {
        assert_eq!(location(&ada.browser.get(&end(pairs)).await), target, "{pairs:?}");
        assert!(is_signed_in(&ada).await, "{pairs:?}");
        let page_ = ada.browser.get(target).await;
        assert_eq!(page(&page_), (200, "sign_out".into()), "{pairs:?}");
    }
    assert!(is_signed_in(&ada).await);
}

#[tokio::test]
async fn s40_the_browser_goes_to_registered_addresses_only() {
    let w = World::new().await;
    let (mut ada, app, hint) = scene(&w).await;
    let table = [
        (Some("https://evil.example/bye"), "/logout"),
        (Some("https://app.example/bye?x=1"), "/logout"),
        (Some("https://app.example/bye#x"), "/logout"),
        (Some("javascript:alert(1)"), "/logout"),
        (Some("/settings/account"), "/logout"),
        (Some("https://eu.app.example/bye"), "https://eu.app.example/bye"),
        (None, AFTER),
    ];
    for (asked, target) in table {
        let mut pairs = vec![("id_token_hint", hint.as_str())];
        pairs.extend(asked.map(|a| ("post_logout_redirect_uri", a)));
        assert_eq!(location(&ada.browser.get(&end(&pairs)).await), target, "{asked:?}");
        assert!(!is_signed_in(&ada).await, "{asked:?}");
        ada.sign_in().await;

        let mut fields = vec![("client_id", app.id.as_str())];
        fields.extend(asked.map(|a| ("post_logout_redirect_uri", a)));
        let answer = ada.browser.post_form("/logout", &fields).await;
        match asked {
            Some(_) => assert_eq!(location(&answer), target, "{asked:?}"),
            None => assert_eq!(page(&answer), (200, "signed_out".into())),
        }
        ada.sign_in().await;
    }
}

#[tokio::test]
async fn a_hint_after_the_session_ended_takes_the_clients_tokens_back() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let kept = ada.tokens(&other, &[]).await;
    // the app's server asks, or the browser has lost its cookie
    let hint = tokens["id_token"].as_str().unwrap();
    let answer = w.browser().get(&end(&[("id_token_hint", hint)])).await;
    assert_eq!(location(&answer), "/logout");
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&w, &kept["access_token"]).await.status(), 200);
    assert!(is_signed_in(&ada).await);
}

#[tokio::test]
async fn s40_sign_out_is_a_post_from_our_own_page() {
    let w = World::new().await;
    let (ada, _, _) = scene(&w).await;
    assert_eq!(page(&ada.browser.get("/logout").await), (200, "sign_out".into()));
    assert!(is_signed_in(&ada).await);
    for headers in [
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "none")],
        [("origin", World::APP_URL), ("sec-fetch-site", "same-site")],
    ] {
        let answer = ada.browser.send(request(Method::POST, "/logout", &headers, "")).await;
        assert_eq!(page(&answer), (403, "error".into()), "{headers:?}");
        assert!(is_signed_in(&ada).await, "{headers:?}");
    }
    let cookie = ada.session().unwrap();
    let page_ = ada.browser.get("/logout").await;
    let answer = Form::of(&page_).send(&ada.browser).await;
    assert_eq!(page(&answer), (200, "signed_out".into()));
    assert_eq!(ada.session(), None);
    // the row is what counts, not the cookie
    ada.browser.set_cookie("__Host-latchkey_session", &cookie);
    assert!(!is_signed_in(&ada).await);
    assert_eq!(audit(&w).await.iter().filter(|e| *e == "SIGN_OUT").count(), 1);
    // twice does no harm
    assert_eq!(page(&ada.browser.post_form("/logout", &[]).await), (200, "signed_out".into()));
    assert_eq!(page(&ada.browser.get("/logout").await), (200, "signed_out".into()));
}

#[tokio::test]
async fn the_sign_out_page_may_lead_to_the_app() {
    let w = World::new().await;
    let (ada, app, _) = scene(&w).await;
    let path = format!(
        "/logout?{}",
        encode(&[("client_id", &app.id), ("post_logout_redirect_uri", AFTER), ("state", "s")])
    );
    let page_ = ada.browser.get(&path).await;
    assert!(field(&page_, "content-security-policy").ends_with("form-action 'self' https: http:"));
    assert_eq!(location(&Form::of(&page_).send(&ada.browser).await), "https://app.example/bye?state=s");
}

#[tokio::test]
async fn a_sign_out_form_that_an_app_posts_is_asked_for_again_with_cookies() {
    let w = World::new().await;
    let (ada, _, hint) = scene(&w).await;
    let body = encode(&[("id_token_hint", &hint), ("post_logout_redirect_uri", AFTER), ("state", "s")]);
    let foreign =
        [("content-type", FORM), ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let answer = w.request(request(Method::POST, "/api/oidc/end-session", &foreign, &body)).await;
    let again = location(&answer).to_owned();
    assert!(again.starts_with("/api/oidc/end-session?"), "{again}");
    assert!(is_signed_in(&ada).await);
    assert_eq!(location(&ada.browser.get(&again).await), "https://app.example/bye?state=s");
    assert!(!is_signed_in(&ada).await);
}

#[tokio::test]
async fn s40_a_client_that_waits_for_approval_is_led_to_and_told_nothing() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let input = json!({
        "logoutCallbackURLs": [AFTER], "metadata": { "frontchannel_logout_uri": "https://app.example/out" },
    });
    let app = App::register(&ada, input).await;
    let tokens = ada.tokens(&app, &[]).await;
    change(&w, Stmt::new("UPDATE clients SET approval = 'pending'")).await;

    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    let origin = [("origin", "https://app.example")];
    let answer = w.request(request(Method::OPTIONS, "/api/oidc/token", &origin, "")).await;
    assert_eq!(field(&answer, "access-control-allow-origin"), "");

    let hint = tokens["id_token"].as_str().unwrap();
    let answer = ada.browser.get(&end(&[("id_token_hint", hint), ("post_logout_redirect_uri", AFTER)])).await;
    assert!(location(&answer).starts_with("/logout"), "{answer:?}");
    assert!(is_signed_in(&ada).await);
    let back = [("client_id", app.id.as_str()), ("post_logout_redirect_uri", AFTER)];
    let asked = ada.browser.get(&format!("/logout?{}", encode(&back))).await;
    assert_eq!(page(&asked).0, 200);
    assert!(!field(&asked, "content-security-policy").contains("app.example"), "{asked:?}");
    // neither its page is loaded nor its address gone to
    let answer = ada.browser.post_form("/logout", &back).await;
    assert_eq!(page(&answer), (200, "signed_out".into()));
    assert!(!is_signed_in(&ada).await);
}
