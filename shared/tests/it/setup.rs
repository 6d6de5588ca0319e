//! `/setup`: the first account.

use crate::stage::*;
use http::StatusCode;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;
use testkit::authenticator::SoftAuthenticator;

#[tokio::test]
async fn the_first_person_becomes_admin_and_is_signed_in() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let user = Stmt::new(
        "SELECT username, username_folded, email, email_verified, first_name, last_name, display_name, is_admin, \
         disabled FROM users",
    );
    let want = ["ada", "ada", "ada@example.com", "0", "Ada", "Lovelace", "Ada Lovelace", "1", "0"];
    assert_eq!(rows(&w, user).await, [want]);
    let passkey = Stmt::new("SELECT user_id, sign_count, backup_eligible, user_verified, name FROM passkeys");
    assert_eq!(rows(&w, passkey).await, [[ada.id.as_str(), "0", "0", "1", "New Passkey"]]);
    let session = Stmt::new("SELECT user_id, amr, acr, auth_time, expires_at FROM sessions");
    let (now, end) = (World::START.0.to_string(), (World::START.0 + 3600).to_string());
    assert_eq!(rows(&w, session).await, [[ada.id.as_str(), "phr hwk", "phrh", &now, &end]]);
    assert_eq!(audit(&w).await, ["ACCOUNT_CREATED", "PASSKEY_ADDED"]);
    assert_eq!(cell(&w, "SELECT value FROM instance").await, "2026-01-02T03:04:05Z");

    let me = json_of(&ada.browser.get("/api/users/me").await);
    let want = json!({
        "id": ada.id, "username": "ada", "email": "ada@example.com", "emailVerified": false, "firstName": "Ada",
        "lastName": "Lovelace", "displayName": "Ada Lovelace", "isAdmin": true, "locale": null, "ldapId": null,
        "disabled": false,
    });
    assert_eq!(me, want);
}

#[tokio::test]
async fn s46_setup_is_dead_once_somebody_has_an_account() {
    let w = World::new().await;
    let late = w.browser();
    let mut key = SoftAuthenticator::new(9);
    let form = fill_setup(&w, &late.get("/setup").await, &mut key);
    let _ada = Person::setup(&w).await;
    assert_eq!(page(&late.get("/setup").await), (404, "error".into()));
    assert_eq!(page(&form.send(&late).await), (404, "error".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM users").await, "1");
    assert_eq!(late.cookie("__Host-latchkey_session"), None);
}

#[tokio::test]
async fn s46_twenty_setups_at_once_make_one_admin() {
    let w = World::new().await;
    let browsers: Vec<_> = (0..20).map(|_| w.browser()).collect();
    let mut forms = Vec::new();
    for (browser, seed) in browsers.iter().zip(100..) {
        let page = browser.get("/setup").await;
        let mut form = fill_setup(&w, &page, &mut SoftAuthenticator::new(seed));
        form.set("username", &format!("ada{seed}"));
        form.set("email", &format!("ada{seed}@example.com"));
        forms.push(form);
    }
    let sends = forms.iter().zip(&browsers).map(|(form, browser)| form.send(browser));
    let answers = futures_util::future::join_all(sends).await;
    let won = answers.iter().filter(|a| a.status() == StatusCode::SEE_OTHER).count();
    let lost = answers.iter().filter(|a| page(a) == (404, "error".into())).count();
    assert_eq!((won, lost), (1, 19));
    for table in
        ["SELECT COUNT(*) FROM users", "SELECT COUNT(*) FROM passkeys", "SELECT COUNT(*) FROM sessions"]
    {
        assert_eq!(cell(&w, table).await, "1", "{table}");
    }
    assert_eq!(browsers.iter().filter(|b| b.cookie("__Host-latchkey_session").is_some()).count(), 1);
}

#[tokio::test]
async fn bad_fields_show_the_form_again_with_what_was_typed() {
    let w = World::new().await;
    let browser = w.browser();
    for (name, value) in
        [("username", "-ada"), ("email", "nowhere"), ("firstName", ""), ("lastName", &"x".repeat(51) as &str)]
    {
        let mut key = SoftAuthenticator::new(1);
        let mut form = fill_setup(&w, &browser.get("/setup").await, &mut key);
        form.set(name, value);
        let answer = form.send(&browser).await;
        assert_eq!(page(&answer), (400, "setup".into()), "{name}");
        if name != "firstName" {
            assert!(text(&answer).contains(&format!("value=\"{value}\"")), "{name}: {}", text(&answer));
        }
        // a fresh challenge comes with it
        assert_ne!(Form::of(&answer).get("challenge_id"), form.get("challenge_id"));
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM users").await, "0");
}

#[tokio::test]
async fn s31_a_setup_challenge_works_once_in_its_browser_within_five_minutes() {
    let w = World::new().await;
    let browser = w.browser();
    let mut key = SoftAuthenticator::new(1);

    let form = fill_setup(&w, &browser.get("/setup").await, &mut key);
    w.clock.advance(300);
    assert_eq!(page(&form.send(&browser).await), (400, "setup".into()));

    let stranger = w.browser();
    stranger.get("/setup").await;
    let form = fill_setup(&w, &browser.get("/setup").await, &mut key);
    assert_eq!(page(&form.send(&stranger).await), (400, "setup".into()));

    // the stranger has not used it up
    let mut bad = fill_setup(&w, &browser.get("/setup").await, &mut key);
    bad.set("response", "{}");
    assert_eq!(page(&bad.send(&browser).await), (400, "setup".into()));
    assert_eq!(location(&form.send(&browser).await), "/settings/account");
    assert_eq!(page(&form.send(&browser).await), (404, "error".into()));
}

#[tokio::test]
async fn s47_s48_fields_that_the_form_does_not_have_change_nothing() {
    let w = World::new().await;
    let browser = w.browser();
    let mut form = fill_setup(&w, &browser.get("/setup").await, &mut SoftAuthenticator::new(1));
    for (name, value) in
        [("emailVerified", "true"), ("id", "me"), ("user_id", "me"), ("disabled", "1"), ("locale", "xx")]
    {
        form.set(name, value);
    }
    assert_eq!(form.send(&browser).await.status(), 303);
    let user = Stmt::new("SELECT email_verified, disabled, locale FROM users WHERE id <> 'me'");
    assert_eq!(rows(&w, user).await, [["0", "0", "-"]]);
}
