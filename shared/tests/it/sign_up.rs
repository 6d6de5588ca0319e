//! `/signup` and `prompt=create`: accounts that people make for themselves.

use crate::stage::*;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;
use testkit::authenticator::SoftAuthenticator;

async fn open() -> World {
    World::with(&[("ALLOW_USER_SIGNUPS", "open")]).await
}

/// The form, filled in for `name`.
fn filled(w: &World, page: &Answer, key: &mut SoftAuthenticator, name: &str) -> Form {
    let mut form = Form::of(page);
    let response = key.create(&form.options, w.host.settings.app_url.as_str()).unwrap();
    let email = format!("{name}@example.com");
    for (field, value) in [("username", name), ("email", &email), ("firstName", "Eve")] {
        form.set(field, value);
    }
    form.set("response", &response.to_string());
    form
}

#[tokio::test]
async fn nobody_signs_up_where_it_is_not_open() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    assert_eq!(page(&w.browser().get("/signup").await), (404, "error".into()));
    let posted = w.browser().post_form("/signup", &[("username", "eve")]).await;
    assert_eq!(page(&posted), (404, "error".into()));
    assert!(!text(&w.browser().get("/login").await).contains("/signup"));
    let app = App::register(&ada, json!({})).await;
    for prompt in ["create", "create login"] {
        let answer = w.browser().get(&app.ask(&[("prompt", prompt)])).await;
        assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    }
    let document = json_of(&w.browser().get("/.well-known/openid-configuration").await);
    assert_eq!(document["prompt_values_supported"], json!(["none", "login", "consent", "select_account"]));
}

#[tokio::test]
async fn an_account_of_ones_own_is_an_ordinary_one() {
    let w = open().await;
    // before there is an admin, nobody else gets in
    let early = w.browser();
    let form = filled(&w, &early.get("/signup").await, &mut SoftAuthenticator::new(8), "mallory");
    assert_eq!(page(&form.send(&early).await), (404, "error".into()));
    Person::setup(&w).await;

    let browser = w.browser();
    assert!(text(&browser.get("/login").await).contains("href=\"/signup?redirect="));
    let shown = browser.get("/signup").await;
    assert_eq!(page(&shown), (200, "sign_up".into()));
    let mut key = SoftAuthenticator::new(9);
    let form = filled(&w, &shown, &mut key, "eve");
    assert_eq!(location(&form.send(&browser).await), "/settings/account");
    let me = json_of(&browser.get("/api/users/me").await);
    assert_eq!((&me["username"], &me["isAdmin"]), (&json!("eve"), &json!(false)));
    let made = Stmt::new("SELECT email_verified, disabled, is_admin FROM users WHERE username = 'eve'");
    assert_eq!(rows(&w, made).await, [["0", "0", "0"]]);
    let entry = "SELECT data FROM audit_events WHERE event = 'ACCOUNT_CREATED' AND data LIKE '%signup%'";
    assert_eq!(cell(&w, entry).await, r#"{"method":"signup"}"#);
    // the answer counted once
    let again = form.send(&w.browser()).await;
    assert_eq!(page(&again), (400, "sign_up".into()));
    // the passkey signs in
    let other = w.browser();
    let mut eve = Person { w: &w, browser: other, key, id: me["id"].as_str().unwrap().to_owned() };
    assert_eq!(location(&eve.sign_in().await), "/settings/account");
}

#[tokio::test]
async fn names_and_addresses_are_unique_and_what_was_typed_stays() {
    let w = open().await;
    Person::setup(&w).await;
    let attempt = async |username: &str, email: &str| {
        let browser = w.browser();
        let shown = browser.get("/signup").await;
        let mut form = filled(&w, &shown, &mut SoftAuthenticator::new(9), "eve");
        form.set("username", username);
        form.set("email", email);
        form.send(&browser).await
    };
    for (username, email) in [("ADA", "eve@example.com"), ("eve", "ada@example.com")] {
        let answer = attempt(username, email).await;
        assert_eq!(page(&answer), (400, "sign_up".into()));
        assert!(text(&answer).contains("exists already"));
        assert!(text(&answer).contains(&format!("value=\"{username}\"")));
    }
    assert_eq!(page(&attempt("-eve", "eve@example.com").await), (400, "sign_up".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM users").await, "1");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "1");
    assert_eq!(attempt("eve", "eve@example.com").await.status(), 303);
}

#[tokio::test]
async fn prompt_create_leads_to_the_form_and_back_to_the_app() {
    let w = open().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let ask = app.ask(&[("prompt", "create"), ("ui_locales", "de")]);
    let mut eve = Person { w: &w, browser: w.browser(), key: SoftAuthenticator::new(9), id: String::new() };
    let shown = eve.follow(eve.browser.get(&ask).await).await;
    assert_eq!(page(&shown), (200, "sign_up".into()));
    assert!(text(&shown).contains("<html lang=\"de\""));
    let form = filled(&w, &shown, &mut eve.key, "eve");
    let consent = eve.follow(form.send(&eve.browser).await).await;
    assert_eq!(step(&consent), "consent");
    let answer = eve.follow(eve.press(&consent, "allow").await).await;
    let code = response_params(&answer, CALLBACK).remove("code").unwrap();
    let tokens = json_of(&app.exchange(&w, &code).await);
    assert_eq!(claims(&tokens["id_token"])["preferred_username"], "eve");
    // who is signed in sees the form too, and may say that they have an account
    let shown = ada.follow(ada.browser.get(&ask).await).await;
    assert_eq!(step(&shown), "sign_up");
    let id = Form::of(&shown).get("interaction").to_owned();
    let page = ada.browser.get(&format!("/interaction?interaction={id}&sign_in=1")).await;
    assert_eq!(step(&page), "reauthenticate");
    let mut ada = ada;
    let answer = ada.answer(&page).await;
    assert_eq!(step(&ada.follow(answer).await), "consent");
    // and a request without the prompt offers the form
    let visitor = w.browser();
    let begun = visitor.get(&app.ask(&[])).await;
    let page = visitor.get(location(&begun)).await;
    assert_eq!(step(&page), "authenticate");
    assert!(text(&page).contains("sign_up=1"));
    let form = visitor.get(&format!("{}&sign_up=1", location(&begun))).await;
    assert_eq!(step(&form), "sign_up");
    let document = json_of(&w.browser().get("/.well-known/openid-configuration").await);
    assert_eq!(document["prompt_values_supported"][4], "create");
}
