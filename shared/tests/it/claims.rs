//! The `claims` request parameter (OpenID Connect Core §5.5).

use crate::stage::*;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

/// An authorization request for these claims, with little else.
fn ask(app: &App, claims: &Value, more: &[(&str, &str)]) -> String {
    let text = claims.to_string();
    let mut changes = vec![("claims", text.as_str()), ("scope", "openid")];
    changes.extend(more);
    app.ask(&changes)
}

async fn tokens(person: &mut Person<'_>, app: &App, claims: &Value, more: &[(&str, &str)]) -> Value {
    let (answer, _) = person.visit(&ask(app, claims, more)).await;
    let code = response_params(&answer, CALLBACK).remove("code").unwrap_or_else(|| panic!("{answer:?}"));
    json_of(&app.exchange(person.w, &code).await)
}

fn names(claims: &Value) -> String {
    let protocol = "iss sub aud exp iat jti rat auth_time nonce amr acr at_hash sid type";
    let told = claims.as_object().unwrap().keys().filter(|name| !protocol.split(' ').any(|p| p == *name));
    told.cloned().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn each_place_tells_what_was_asked_of_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let wanted = json!({
        "userinfo": { "email": { "essential": true }, "updated_at": null, "shoe_size": null, "locale": null },
        "id_token": { "given_name": null, "auth_time": { "essential": true } },
        "other": [1],
    });
    let first = tokens(&mut ada, &app, &wanted, &[]).await;
    assert_eq!(first["scope"], "openid");
    let told = async |tokens: &Value| {
        (names(&claims(&tokens["id_token"])), names(&json_of(&userinfo(&w, &tokens["access_token"]).await)))
    };
    // a language that was not chosen is not told
    assert_eq!(told(&first).await, ("given_name".into(), "email updated_at".into()));
    // a refreshed token tells the same
    let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    assert_eq!(told(&second).await, ("given_name".into(), "email updated_at".into()));
    change(&w, Stmt::new("UPDATE users SET locale = 'de'")).await;
    assert_eq!(told(&second).await.1, "email locale updated_at");
    // together with scopes
    let both = tokens(&mut ada, &app, &wanted, &[("scope", "openid email")]).await;
    assert_eq!(told(&both).await.0, "email email_verified given_name");
    // without openid the parameter means nothing
    let oauth = ada.tokens(&app, &[("scope", "groups"), ("claims", &wanted.to_string())]).await;
    assert_eq!(oauth["id_token"], Value::Null);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE claims IS NULL").await, "1");
}

#[tokio::test]
async fn single_claims_are_consented_to_like_the_scope_that_tells_them() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    ada.code(&app, &[("scope", "openid")]).await;
    let email = json!({ "userinfo": { "email": null } });
    let silent = ada.browser.get(&ask(&app, &email, &[("prompt", "none")])).await;
    assert_eq!(response_params(&silent, CALLBACK)["error"], "consent_required");
    let page = ada.follow(ada.browser.get(&ask(&app, &email, &[])).await).await;
    assert_eq!(step(&page), "consent");
    assert!(text(&page).contains("See your e-mail address"));
    assert!(!text(&page).contains("See your profile"));
    let answer = ada.follow(ada.press(&page, "allow").await).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(cell(&w, "SELECT scope FROM consents").await, r#"["openid","email"]"#);
    // agreed to is agreed to, also by the scope; something else is asked about again
    assert_eq!(ada.visit(&app.ask(&[("scope", "openid email")])).await.1, [""; 0]);
    assert_eq!(ada.visit(&ask(&app, &email, &[])).await.1, [""; 0]);
    assert_eq!(ada.visit(&ask(&app, &json!({ "id_token": { "name": null } }), &[])).await.1, ["consent"]);
    // what every token says anyway needs no consent
    let sub = json!({ "id_token": { "sub": null, "auth_time": { "essential": true } } });
    assert_eq!(ada.visit(&ask(&app, &sub, &[])).await.1, [""; 0]);
}

#[tokio::test]
async fn a_sub_that_is_asked_for_is_the_one_that_is_given() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let wants = |sub: &str| json!({ "id_token": { "sub": { "value": sub } } });
    let silent = async |sub: &str| {
        let answer = ada.browser.get(&ask(&app, &wants(sub), &[("prompt", "none")])).await;
        response_params(&answer, CALLBACK).remove("error").unwrap_or_default()
    };
    assert_eq!(silent(&ada.id).await, "");
    assert_eq!(silent(&bob.id).await, "login_required");
    assert_eq!(silent("nobody").await, "login_required");
    // whoever signs in goes on only if they are the one
    let page = ada.follow(ada.browser.get(&ask(&app, &wants(&bob.id), &[])).await).await;
    assert_eq!(step(&page), "reauthenticate");
    let page = ada.answer(&page).await;
    let page = ada.follow(page).await;
    assert_eq!(step(&page), "reauthenticate");
    ada.key = bob.key.clone();
    let answer = ada.answer(&page).await;
    let code = response_params(&ada.follow(answer).await, CALLBACK).remove("code").unwrap();
    assert_eq!(claims(&json_of(&app.exchange(&w, &code).await)["id_token"])["sub"], bob.id);
}

#[tokio::test]
async fn a_malformed_parameter_goes_back_as_an_error() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let long = format!("{{}}{}", " ".repeat(4095));
    for bad in ["x", "[]", r#"{"userinfo":[]}"#, r#"{"userinfo":{},"userinfo":{}}"#, &long] {
        let answer = ada.browser.get(&app.ask(&[("claims", bad)])).await;
        assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
}
