//! `/login`: the ceremony, and what is refused.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;
use testkit::authenticator::{BE, BS, SoftAuthenticator, Tamper, UP, UV};

#[tokio::test]
async fn signing_in_records_passkey_session_and_audit() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    w.clock.advance(50);
    let answer = bob.sign_in().await;
    assert_eq!(location(&answer), "/settings/account");
    let now = w.host.clock.now().0.to_string();
    let passkey =
        Stmt::new("SELECT sign_count, backup_state, last_used_at, clone_suspected_at FROM passkeys");
    assert_eq!(rows(&w, passkey).await, [["0", "0", &now, "-"]]);
    let session =
        Stmt::new("SELECT secret_hash, user_id, passkey_id, amr, acr, auth_time, ended_at FROM sessions");
    let hash = proto::hash::sha256_b64(&bob.session().unwrap());
    let key = format!("passkey-of-{}", bob.id);
    assert_eq!(rows(&w, session).await, [[hash.as_str(), &bob.id, &key, "phr hwk", "phrh", &now, "-"]]);
    let entry = Stmt::new("SELECT event, user_id, data FROM audit_events");
    assert_eq!(rows(&w, entry).await, [["SIGN_IN", &bob.id, r#"{"passkeyName":"Bob's key"}"#]]);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM webauthn_challenges").await, "0");
}

#[tokio::test]
async fn the_page_asks_for_any_passkey_with_user_verification() {
    let w = World::new().await;
    let page_ = w.browser().get("/login").await;
    assert_eq!(page(&page_), (200, "authenticate".into()));
    let form = Form::of(&page_);
    let challenge = form.options["challenge"].as_str().unwrap();
    assert_eq!(proto::b64::decode(challenge).unwrap().len(), 32);
    let mut options = form.options.clone();
    options["challenge"].take();
    let want = json!({ "challenge": null, "timeout": 60000, "rpId": "id.example.com", "userVerification": "required" });
    assert_eq!(options, want);
    assert_eq!((form.action.as_str(), form.get("redirect")), ("/login", "/settings/account"));
}

#[tokio::test]
async fn destinations_are_our_own_pages() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let table = [
        ("/settings/account?x=1", "/settings/account?x=1"),
        ("/logout", "/logout"),
        ("//evil.example", "/settings/account"),
        ("/\\evil.example", "/settings/account"),
        ("https://evil.example", "/settings/account"),
        ("javascript:alert(1)", "/settings/account"),
        ("/\tevil", "/settings/account"),
        ("/a\r\nset-cookie: x=y", "/settings/account"),
        ("", "/settings/account"),
        ("/é", "/é"),
    ];
    for (redirect, target) in table {
        let query = encode(&[("redirect", redirect)]);
        let there = |answer: &Answer| {
            assert_eq!(answer.status(), 303, "{redirect:?}");
            String::from_utf8(answer.headers()["location"].as_bytes().to_vec()).unwrap()
        };
        // signed in already
        assert_eq!(there(&ada.browser.get(&format!("/login?{query}")).await), target, "{redirect:?}");
        // signing in again
        let page_ = ada.browser.get(&format!("/login?{query}&reauthenticate=1")).await;
        assert_eq!(page(&page_), (200, "reauthenticate".into()));
        assert_eq!(there(&ada.answer(&page_).await), target, "{redirect:?}");
        // a field that was tampered with
        let mut form = Form::of(&page_);
        form.set("redirect", redirect);
        let fresh = Form::of(&ada.browser.get("/login?reauthenticate=1").await);
        form.set("challenge_id", fresh.get("challenge_id"));
        form.set("response", &ada.key.get(&fresh.options, World::APP_URL).unwrap().to_string());
        assert_eq!(there(&form.send(&ada.browser).await), target, "{redirect:?}");
    }
}

#[tokio::test]
async fn s31_a_challenge_works_once() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let mut form = Form::of(&bob.browser.get("/login").await);
    form.set("response", &bob.key.get(&form.options, World::APP_URL).unwrap().to_string());
    assert_eq!(form.send(&bob.browser).await.status(), 303);
    let replay = form.send(&bob.browser).await;
    assert_eq!(page(&replay), (400, "reauthenticate".into()));
    assert_ne!(Form::of(&replay).get("challenge_id"), form.get("challenge_id"));
    // the fresh challenge works at once
    assert_eq!(bob.answer(&replay).await.status(), 303);
    // twenty at once
    let mut form = Form::of(&bob.browser.get("/login?reauthenticate=1").await);
    form.set("response", &bob.key.get(&form.options, World::APP_URL).unwrap().to_string());
    let answers = futures_util::future::join_all((0..20).map(|_| form.send(&bob.browser))).await;
    assert_eq!(answers.iter().filter(|a| a.status() == 303).count(), 1);
    assert_eq!(answers.iter().filter(|a| a.status() == 400).count(), 19);
}

#[tokio::test]
async fn s31_a_challenge_is_bound_to_browser_ceremony_and_time() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let signed = |key: &mut SoftAuthenticator, form: &mut Form| {
        let response = key.get(&form.options, World::APP_URL).unwrap();
        form.set("response", &response.to_string());
    };
    // another browser, with and without a cookie of its own
    let mut form = Form::of(&bob.browser.get("/login").await);
    signed(&mut bob.key, &mut form);
    let other = w.browser();
    for _ in 0..2 {
        assert_eq!(page(&form.send(&other).await), (400, "authenticate".into()));
    }
    // five minutes, to the second
    w.clock.advance(299);
    assert_eq!(form.send(&bob.browser).await.status(), 303);
    let mut form = Form::of(&bob.browser.get("/login?reauthenticate=1").await);
    signed(&mut bob.key, &mut form);
    w.clock.advance(300);
    assert_eq!(page(&form.send(&bob.browser).await), (400, "reauthenticate".into()));
    // a challenge made for adding a passkey does not sign in, nor the other way round
    ada.sign_in().await;
    let create = Form::of(&ada.browser.get("/settings/account").await);
    let mut form = Form::of(&ada.browser.get("/login?reauthenticate=1").await);
    let own_id = form.get("challenge_id").to_owned();
    let mut lie = form.options.clone();
    lie["challenge"] = create.options["challenge"].clone();
    form.set("response", &ada.key.get(&lie, World::APP_URL).unwrap().to_string());
    form.set("challenge_id", create.get("challenge_id"));
    assert_eq!(page(&form.send(&ada.browser).await), (400, "reauthenticate".into()));
    let mut new_key = SoftAuthenticator::new(77);
    let mut add = Form::of(&ada.browser.get("/settings/account").await);
    add.set("response", &new_key.create(&add.options, World::APP_URL).unwrap().to_string());
    add.set("challenge_id", &own_id);
    assert_eq!(page(&add.send(&ada.browser).await), (400, "account".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM passkeys").await, "2");
    // swept when they are old
    w.clock.advance(300);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM webauthn_challenges").await, "0");
}

#[tokio::test]
async fn s30_s32_s33_lies_are_refused_with_the_page_again() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let carol = Person::join(&w, "carol", 3).await;
    let lies = [
        ("type", Tamper { kind: Some("webauthn.create"), ..Tamper::default() }),
        ("challenge", Tamper { challenge: Some(proto::b64::encode([1; 32])), ..Tamper::default() }),
        ("crossOrigin", Tamper { cross_origin: Some(true), ..Tamper::default() }),
        ("rpIdHash", Tamper { rp_id: Some("example.com"), ..Tamper::default() }),
        ("no UP", Tamper { flags: Some(UV), ..Tamper::default() }),
        ("no UV", Tamper { flags: Some(UP), ..Tamper::default() }),
        ("BE appears", Tamper { flags: Some(UP | UV | BE), ..Tamper::default() }),
        ("BS without BE", Tamper { flags: Some(UP | UV | BS), ..Tamper::default() }),
        ("signature", Tamper { flip_signature: true, ..Tamper::default() }),
        (
            "user handle",
            Tamper { user_handle: Some(Some(carol.id.clone().into_bytes())), ..Tamper::default() },
        ),
        ("no user handle", Tamper { user_handle: Some(None), ..Tamper::default() }),
    ];
    for (name, lie) in lies {
        let mut form = Form::of(&bob.browser.get("/login").await);
        let response = bob.key.get_with(&form.options, World::APP_URL, &lie).unwrap();
        form.set("response", &response.to_string());
        assert_eq!(page(&form.send(&bob.browser).await), (401, "authenticate".into()), "{name}");
    }
    for origin in ["https://evil.example", "https://id.example.com.evil.example", "http://id.example.com"] {
        let mut form = Form::of(&bob.browser.get("/login").await);
        form.set("response", &bob.key.get(&form.options, origin).unwrap().to_string());
        assert_eq!(page(&form.send(&bob.browser).await), (401, "authenticate".into()), "{origin}");
    }
    // a passkey that nobody has registered here
    let mut stranger = SoftAuthenticator::new(99);
    let creation = w.browser().get("/setup").await;
    assert_eq!(creation.status(), 404);
    let options = json!({
        "rp": { "id": "id.example.com" }, "user": { "id": "AAAA" }, "challenge": "AAAA",
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
    });
    stranger.create(&options, World::APP_URL).unwrap();
    let mut form = Form::of(&bob.browser.get("/login").await);
    form.set("response", &stranger.get(&form.options, World::APP_URL).unwrap().to_string());
    assert_eq!(page(&form.send(&bob.browser).await), (401, "authenticate".into()));
    for (response, status) in [("", 400), ("{}", 401), ("null", 401), ("[[[[", 401), ("{\"id\":1}", 401)] {
        let mut form = Form::of(&bob.browser.get("/login").await);
        form.set("response", response);
        assert_eq!(page(&form.send(&bob.browser).await), (status, "authenticate".into()), "{response:?}");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "0");
    assert_eq!(bob.session(), None);
}

#[tokio::test]
async fn s33_the_backup_state_is_stored_at_each_use() {
    let w = World::new().await;
    let mut ada = Person { key: SoftAuthenticator::new(1), browser: w.browser(), w: &w, id: String::new() };
    ada.key.flags = UP | UV | BE;
    set_up(&w, &ada.browser, &mut ada.key).await;
    let state = "SELECT backup_eligible || ',' || backup_state FROM passkeys";
    assert_eq!(cell(&w, state).await, "1,0");
    ada.key.flags = UP | UV | BE | BS;
    assert_eq!(ada.sign_in().await.status(), 303);
    assert_eq!(cell(&w, state).await, "1,1");
    // BE does not go away
    ada.key.flags = UP | UV;
    assert_eq!(ada.sign_in().await.status(), 401);
}

#[tokio::test]
async fn s34_a_counter_that_goes_back_is_flagged_and_not_believed() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let passkey = || Stmt::new("SELECT sign_count, clone_suspected_at, last_used_at FROM passkeys");
    bob.key.counter = Some(10);
    bob.sign_in().await;
    let start = World::START.0.to_string();
    assert_eq!(rows(&w, passkey()).await, [["10", "-", &start]]);

    w.clock.advance(5);
    let later = w.host.clock.now().0.to_string();
    bob.key.counter = Some(3);
    let answer = bob.sign_in().await;
    assert_eq!(location(&answer), "/settings/account");
    assert_eq!(rows(&w, passkey()).await, [["10", later.as_str(), &later]]);
    assert_eq!(audit(&w).await, ["SIGN_IN", "PASSKEY_CLONE_SUSPECTED", "SIGN_IN"]);
    let entry = Stmt::new("SELECT user_id FROM audit_events WHERE event = 'PASSKEY_CLONE_SUSPECTED'");
    assert_eq!(rows(&w, entry).await, [[bob.id.clone()]]);

    // the flag stays, the counter goes on from where the true one was
    w.clock.advance(5);
    bob.key.counter = Some(11);
    bob.sign_in().await;
    let last = w.host.clock.now().0.to_string();
    assert_eq!(rows(&w, passkey()).await, [["11", later.as_str(), &last]]);
    assert_eq!(audit(&w).await.iter().filter(|e| *e == "PASSKEY_CLONE_SUSPECTED").count(), 1);
}

#[tokio::test]
async fn every_algorithm_signs_in() {
    for algorithm in [-7, -8, -257] {
        let w = World::new().await;
        let mut ada =
            Person { key: SoftAuthenticator::new(1), browser: w.browser(), w: &w, id: String::new() };
        ada.key.algorithms = vec![algorithm];
        assert_eq!(set_up(&w, &ada.browser, &mut ada.key).await.status(), 303, "{algorithm}");
        assert_eq!(ada.sign_in().await.status(), 303, "{algorithm}");
    }
}

#[tokio::test]
async fn s40_signing_in_is_a_post_from_our_own_page() {
    let w = World::new().await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let mut form = Form::of(&bob.browser.get("/login").await);
    form.set("response", &bob.key.get(&form.options, World::APP_URL).unwrap().to_string());
    let pairs: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let body = encode(&pairs);
    let headers = [("content-type", FORM), ("origin", "https://evil.example")];
    let foreign = request(Method::POST, "/login", &headers, &body);
    assert_eq!(page(&bob.browser.send(foreign).await), (403, "error".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "0");
    // the challenge is still there for the rightful page
    assert_eq!(form.send(&bob.browser).await.status(), 303);
}
