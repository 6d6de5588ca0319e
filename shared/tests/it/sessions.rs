//! Sessions: their cookies, how long they live, and what ends them.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use shared::store::user;
use testkit::World;
use testkit::authenticator::SoftAuthenticator;

#[tokio::test]
async fn s39_cookies_are_locked_to_this_host() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let page_ = bob.browser.get("/login").await;
    let browser = bob.browser.cookie("__Host-latchkey_browser").unwrap();
    let attributes = "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(set_cookies(page_.headers()), [format!("__Host-latchkey_browser={browser}; {attributes}")]);
    let answer = bob.answer(&page_).await;
    let session = bob.session().unwrap();
    let accounts = bob.browser.cookie("__Host-latchkey_accounts").unwrap();
    assert_eq!(
        set_cookies(answer.headers()),
        [
            format!("__Host-latchkey_session={session}; {attributes}"),
            format!("__Host-latchkey_accounts={accounts}; {attributes}"),
        ]
    );
    assert_eq!((browser.len(), session.len(), accounts.len()), (43, 43, 43));
    let answer = bob.browser.post_form("/logout", &[]).await;
    let gone = "__Host-latchkey_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax";
    assert_eq!(set_cookies(answer.headers()), [gone]);
}

#[tokio::test]
async fn over_plain_http_cookies_have_plain_names() {
    let w = World::with(&[("APP_URL", "http://localhost:1411")]).await;
    let browser = w.browser();
    let answer = set_up(&w, &browser, &mut SoftAuthenticator::new(1)).await;
    let session = browser.cookie("latchkey_session").unwrap();
    let attributes = "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax";
    let accounts = browser.cookie("latchkey_accounts").unwrap();
    assert_eq!(
        set_cookies(answer.headers()),
        [
            format!("latchkey_session={session}; {attributes}"),
            format!("latchkey_accounts={accounts}; {attributes}"),
        ]
    );
    assert_eq!(field(&answer, "strict-transport-security"), "");
    assert_eq!(browser.get("/api/users/me").await.status(), 200);
    // a cookie with the prefix is not ours here, and one without is not ours on https
    let other = w.browser();
    other.set_cookie("__Host-latchkey_session", &session);
    assert_eq!(other.get("/api/users/me").await.status(), 401);
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let thief = w.browser();
    thief.set_cookie("latchkey_session", &ada.session().unwrap());
    assert_eq!(thief.get("/api/users/me").await.status(), 401);
}

#[tokio::test]
async fn s39_the_cookie_is_new_at_each_sign_in_and_the_old_one_is_dead() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    // a planted cookie does not become the session
    bob.browser.set_cookie("__Host-latchkey_session", "planted");
    bob.sign_in().await;
    let first = bob.session().unwrap();
    assert_ne!(first, "planted");
    let sid = cell(&w, "SELECT id FROM sessions").await;
    w.clock.advance(10);
    bob.sign_in().await;
    let second = bob.session().unwrap();
    assert_ne!(second, first);
    // one session still, renewed
    let session = Stmt::new("SELECT id, auth_time, ended_at FROM sessions");
    let now = w.host.clock.now().0.to_string();
    assert_eq!(rows(&w, session).await, [[sid.as_str(), &now, "-"]]);
    let thief = w.browser();
    thief.set_cookie("__Host-latchkey_session", &first);
    assert_eq!(thief.get("/api/users/me").await.status(), 401);
    assert_eq!(bob.browser.get("/api/users/me").await.status(), 200);
    // only the hash is stored
    let everything = format!("{:?}", rows(&w, Stmt::new("SELECT * FROM sessions")).await);
    assert!(!everything.contains(&second) && everything.contains(&proto::hash::sha256_b64(&second)));
    // planted beside the true one, neither counts
    let both = format!("__Host-latchkey_session=planted; __Host-latchkey_session={second}");
    let answer = w.request(request(Method::GET, "/api/users/me", &[("cookie", &both)], "")).await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn s39_disabling_deleting_and_ending_work_at_once() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let status = async |bob: &Person<'_>| bob.browser.get("/api/users/me").await.status().as_u16();
    bob.sign_in().await;
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    assert_eq!(status(&bob).await, 401);
    w.host.db.batch(user::set_disabled(&bob.id, false, w.host.clock.now())).await.unwrap();
    assert_eq!(status(&bob).await, 401, "an ended session does not come back");

    bob.sign_in().await;
    change(&w, Stmt::new("UPDATE users SET disabled = 1 WHERE username = 'bob'")).await;
    let answer = bob.browser.get("/api/users/me").await;
    assert_eq!(error(&answer), (403, "user_disabled".into()));
    assert_eq!(page(&bob.browser.get("/settings/account").await), (403, "error".into()));
    change(&w, Stmt::new("DELETE FROM users WHERE username = 'bob'")).await;
    assert_eq!(status(&bob).await, 401);

    // rights are those of now
    assert_eq!(ada.browser.get("/api/oidc/clients").await.status(), 200);
    change(&w, Stmt::new("UPDATE users SET is_admin = 0")).await;
    assert_eq!(error(&ada.browser.get("/api/oidc/clients").await), (403, "forbidden".into()));
}

#[tokio::test]
async fn a_session_in_use_slides_and_an_unused_one_ends() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let expires = "SELECT (expires_at - last_seen_at) || ',' || last_seen_at FROM sessions";
    let at = |seconds: i64| format!("3600,{}", World::START.0 + seconds);
    w.clock.advance(59);
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 200);
    assert_eq!(cell(&w, expires).await, at(0), "not within a minute");
    w.clock.advance(1);
    ada.browser.get("/api/users/me").await;
    assert_eq!(cell(&w, expires).await, at(60));
    w.clock.advance(3599);
    ada.browser.get("/settings/account").await;
    assert_eq!(cell(&w, expires).await, at(3659));
    w.clock.advance(3600);
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 401);
    assert_eq!(
        location(&ada.browser.get("/settings/account").await),
        "/login?redirect=%2Fsettings%2Faccount"
    );
    // sessions are kept for the records for 30 days
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "1");
    w.clock.advance(2_592_000);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "0");
}

#[tokio::test]
async fn signing_in_to_apps_is_use_of_a_session() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    for _ in 0..4 {
        w.clock.advance(3000);
        assert_eq!(ada.visit(&app.ask(&[])).await.1, [""; 0], "the person was asked again");
    }
    w.clock.advance(3600);
    assert_eq!(ada.visit(&app.ask(&[])).await.1, ["authenticate"]);
}

#[tokio::test]
async fn session_duration_is_a_setting() {
    let w = World::with(&[("SESSION_DURATION", "2")]).await;
    let ada = Person::setup(&w).await;
    w.clock.advance(119);
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 200);
    w.clock.advance(120);
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 401);
}
