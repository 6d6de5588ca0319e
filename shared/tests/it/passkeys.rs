//! `/settings/account`: the person's passkeys.

use crate::stage::*;
use shared::db::Stmt;
use testkit::World;
use testkit::authenticator::{Refusal, SoftAuthenticator, Tamper, UP};

/// The form that adds a passkey, answered by another authenticator.
async fn filled(person: &Person<'_>, key: &mut SoftAuthenticator) -> Form {
    let mut form = Form::of(&person.browser.get("/settings/account").await);
    assert_eq!(form.action, "/settings/account/passkeys");
    form.set("response", &key.create(&form.options, World::APP_URL).unwrap().to_string());
    form
}

#[tokio::test]
async fn a_second_passkey_signs_in_too() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut other = SoftAuthenticator::new(5);
    w.clock.advance(10);
    let form = filled(&ada, &mut other).await;
    assert_eq!(location(&form.send(&ada.browser).await), "/settings/account");
    let passkeys = Stmt::new("SELECT user_id, created_at, last_used_at FROM passkeys ORDER BY created_at");
    let (first, second) = (World::START.0.to_string(), (World::START.0 + 10).to_string());
    assert_eq!(rows(&w, passkeys).await, [[ada.id.as_str(), &first, "-"], [&ada.id, &second, "-"]]);
    assert_eq!(audit(&w).await, ["ACCOUNT_CREATED", "PASSKEY_ADDED", "PASSKEY_ADDED"]);
    ada.key = other;
    ada.browser = w.browser();
    assert_eq!(ada.sign_in().await.status(), 303);
    assert_eq!(json_of(&ada.browser.get("/api/users/me").await)["id"], ada.id);
}

#[tokio::test]
async fn s37_adding_a_passkey_needs_authentication_within_five_minutes() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let form = filled(&ada, &mut SoftAuthenticator::new(5)).await;
    w.clock.advance(299);
    let late = filled(&ada, &mut SoftAuthenticator::new(6)).await;
    w.clock.advance(1);
    for form in [form, late] {
        assert_eq!(page(&form.send(&ada.browser).await), (403, "account".into()));
    }
    let page_ = ada.browser.get("/settings/account").await;
    assert!(!text(&page_).contains("id=\"passkey\""));
    assert!(
        text(&page_).contains("/login?redirect=/settings/account&#38;reauthenticate=1")
            || text(&page_).contains("/login?redirect=/settings/account&amp;reauthenticate=1"),
        "{}",
        text(&page_)
    );
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM passkeys").await, "1");

    ada.sign_in().await;
    let form = filled(&ada, &mut SoftAuthenticator::new(7)).await;
    assert_eq!(form.send(&ada.browser).await.status(), 303);
}

#[tokio::test]
async fn s35_a_credential_is_registered_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    // the browser's own authenticator is told which ones are there
    let form = Form::of(&ada.browser.get("/settings/account").await);
    assert_eq!(form.options["excludeCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(ada.key.create(&form.options, World::APP_URL), Err(Refusal::Excluded));
    assert_eq!(proto::b64::decode(form.options["user"]["id"].as_str().unwrap()).unwrap(), ada.id.as_bytes());
    // one that lies about it is refused, also for another person
    for person in [&ada, &bob] {
        let mut copy = SoftAuthenticator::new(1);
        let mut form = Form::of(&person.browser.get("/settings/account").await);
        let mut options = form.options.clone();
        options["excludeCredentials"].take();
        form.set("response", &copy.create(&options, World::APP_URL).unwrap().to_string());
        assert_eq!(page(&form.send(&person.browser).await), (400, "account".into()));
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM passkeys").await, "2");
}

#[tokio::test]
async fn s32_a_passkey_without_user_verification_is_not_added() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for lie in [
        Tamper { flags: Some(UP | 0x40), ..Tamper::default() },
        Tamper { kind: Some("webauthn.get"), ..Tamper::default() },
        Tamper { cross_origin: Some(true), ..Tamper::default() },
    ] {
        let mut form = Form::of(&ada.browser.get("/settings/account").await);
        let made = SoftAuthenticator::new(5).create_with(&form.options, World::APP_URL, &lie).unwrap();
        form.set("response", &made.to_string());
        assert_eq!(page(&form.send(&ada.browser).await), (400, "account".into()), "{lie:?}");
    }
    let mut form = Form::of(&ada.browser.get("/settings/account").await);
    form.set("response", "");
    assert_eq!(page(&form.send(&ada.browser).await), (400, "account".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM passkeys").await, "1");
}

#[tokio::test]
async fn s31_a_challenge_begun_by_another_account_of_the_browser_adds_nothing() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let form = filled(&ada, &mut SoftAuthenticator::new(5)).await;
    ada.key = bob.key.clone();
    ada.sign_in().await;
    assert_eq!(page(&form.send(&ada.browser).await), (400, "account".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM passkeys").await, "2");
}

#[tokio::test]
async fn whoever_is_signed_out_when_sending_the_form_comes_back_to_the_page() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let form = filled(&ada, &mut SoftAuthenticator::new(5)).await;
    ada.browser.post_form("/logout", &[]).await;
    let answer = form.send(&ada.browser).await;
    let page_ = ada.follow(answer).await;
    assert_eq!(page(&page_), (200, "authenticate".into()));
    let answer = ada.answer(&page_).await;
    assert_eq!(page(&ada.follow(answer).await), (200, "account".into()));
}
