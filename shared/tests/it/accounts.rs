//! Several accounts in one browser, and where people are signed in.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::ports::DbError;
use shared::store::{session, user};
use testkit::{Browser, World};

const ACCOUNTS: &str = "__Host-latchkey_accounts";

/// Ada and bob, signed in in this order in ada's browser.
async fn both(w: &World) -> (Person<'_>, Person<'_>) {
    let mut ada = Person::setup(w).await;
    let bob = Person::join(w, "bob", 2).await;
    let key = std::mem::replace(&mut ada.key, bob.key.clone());
    w.clock.advance(100);
    ada.sign_in().await;
    ada.key = key;
    (ada, bob)
}

async fn me(browser: &Browser<'_>) -> Value {
    json_of(&browser.get("/api/users/me").await)["username"].clone()
}

/// Session ids of the buttons, the names shown with them, and whether they are the current one.
fn listed(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(page(answer), (200, "select_account".into()));
    let items = text(answer).split("<li><button").skip(1);
    items
        .map(|item| {
            let value = item.split_once("value=\"").unwrap().1.split('"').next().unwrap();
            let name = item.split_once("<bdi>").unwrap().1.split('<').next().unwrap();
            (value.to_owned(), name.to_owned())
        })
        .collect()
}

fn names(answer: &Answer) -> Vec<String> {
    listed(answer).into_iter().map(|(_, name)| name).collect()
}

async fn session_of(w: &World, user_id: &str) -> String {
    let stmt = Stmt::new("SELECT id FROM sessions WHERE user_id = ?1 AND ended_at IS NULL");
    rows(w, stmt.bind(user_id)).await.remove(0).remove(0)
}

#[tokio::test]
async fn s39_another_persons_sign_in_leaves_the_first_session_beside_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let (first, group) = (ada.session().unwrap(), ada.browser.cookie(ACCOUNTS).unwrap());
    ada.key = bob.key.clone();
    ada.sign_in().await;
    assert_eq!(me(&ada.browser).await, "bob");
    assert_ne!(ada.session().unwrap(), first);
    assert_ne!(ada.browser.cookie(ACCOUNTS).unwrap(), group);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    let stmt = Stmt::new(
        "SELECT u.username, s.browser_hash FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.ended_at IS NULL ORDER BY u.username",
    );
    let hash = proto::hash::sha256_b64(&ada.browser.cookie(ACCOUNTS).unwrap());
    assert_eq!(rows(&w, stmt).await, [["ada", &hash], ["bob", &hash]]);
}

#[tokio::test]
async fn signing_in_to_an_account_that_is_there_renews_it() {
    let w = World::new().await;
    let (mut ada, bob) = both(&w).await;
    let sid = session_of(&w, &ada.id).await;
    w.clock.advance(10);
    ada.sign_in().await;
    assert_eq!((me(&ada.browser).await, session_of(&w, &ada.id).await), (json!("ada"), sid));
    assert_eq!(names(&ada.browser.get("/accounts").await), ["Ada Lovelace", "Bob B."]);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions").await, "2");
    drop(bob);
}

#[tokio::test]
async fn s39_choosing_an_account_gives_it_a_new_secret_and_nothing_else() {
    let w = World::new().await;
    let (ada, _) = both(&w).await;
    let sid = session_of(&w, &ada.id).await;
    let stmt = || Stmt::new("SELECT secret_hash, auth_time, amr FROM sessions WHERE id = ?1").bind(&sid);
    let before = rows(&w, stmt()).await.remove(0);
    let bobs = ada.session().unwrap();
    let chooser = ada.browser.get("/accounts").await;
    assert_eq!(
        listed(&chooser),
        [(sid.clone(), "Ada Lovelace".into()), ("continue".into(), "Bob B.".into())]
    );
    let answer = ada.browser.post_form("/accounts", &[("account", &sid)]).await;
    assert_eq!(location(&answer), "/settings/account");
    assert_eq!(me(&ada.browser).await, "ada");
    let after = rows(&w, stmt()).await.remove(0);
    assert_ne!(after[0], before[0]);
    assert_eq!(after[0], proto::hash::sha256_b64(&ada.session().unwrap()));
    assert_eq!(after[1..], before[1..], "authentication is what it was");
    // bob's session lives on under its own secret
    let browser = w.browser();
    browser.set_cookie("__Host-latchkey_session", &bobs);
    assert_eq!(me(&browser).await, "bob");
    // the other buttons
    let redirect = [("action", "continue"), ("redirect", "/settings/account?x")];
    assert_eq!(location(&ada.browser.post_form("/accounts", &redirect).await), "/settings/account?x");
    let other = ada.browser.post_form("/accounts", &[("action", "switch_account")]).await;
    assert_eq!(location(&other), "/login?redirect=%2Fsettings%2Faccount&other=1");
    assert_eq!(step(&ada.browser.get(location(&other)).await), "authenticate");
    let evil = [("account", sid.as_str()), ("redirect", "https://evil.example/")];
    assert_eq!(location(&ada.browser.post_form("/accounts", &evil).await), "/settings/account");
    assert_eq!(page(&ada.browser.post_form("/accounts", &[]).await), (400, "error".into()));
}

#[tokio::test]
async fn s39_only_this_browsers_accounts_can_be_chosen() {
    let w = World::new().await;
    let (ada, mut bob) = both(&w).await;
    let sid = session_of(&w, &ada.id).await;
    // bob elsewhere, and nobody: the id of ada's session is no secret
    bob.sign_in().await;
    assert_eq!(names(&bob.browser.get("/accounts").await), ["Bob B."]);
    let nobody = w.browser();
    assert_eq!(location(&nobody.get("/accounts").await), "/login?redirect=%2Fsettings%2Faccount");
    for browser in [&bob.browser, &nobody] {
        let answer = browser.post_form("/accounts", &[("account", &sid)]).await;
        assert_eq!(location(&answer), "/accounts?redirect=%2Fsettings%2Faccount");
        assert_eq!(set_cookies(answer.headers()), [""; 0]);
    }
    assert_eq!(me(&bob.browser).await, "bob");
    // the store itself holds to it, and to what is still live
    let group = proto::hash::sha256_b64(&ada.browser.cookie(ACCOUNTS).unwrap());
    let take_up = async |group: &str| {
        w.host.db.query(session::take_up(&sid, group, "new", w.host.clock.now())).await.err()
    };
    assert_eq!(take_up("another").await, Some(DbError::Lost));
    change(&w, Stmt::new("UPDATE sessions SET ended_at = 1 WHERE id = ?1").bind(&sid)).await;
    assert_eq!(take_up(&group).await, Some(DbError::Lost));
    // from another site
    for headers in [[("origin", "https://evil.example"), ("content-type", FORM)]] {
        let post = request(Method::POST, "/accounts", &headers, &encode(&[("account", &sid)]));
        assert_eq!(page(&ada.browser.send(post).await), (403, "error".into()));
    }
    assert_eq!(me(&ada.browser).await, "bob");
}

#[tokio::test]
async fn s39_cookies_planted_before_a_sign_in_reach_nothing_after_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut mallory = Person::join(&w, "mallory", 3).await;
    mallory.sign_in().await;
    // mallory plants all of his cookies in ada's browser, and she signs in there
    for name in [ACCOUNTS, "__Host-latchkey_browser", "__Host-latchkey_session"] {
        ada.browser.set_cookie(name, &mallory.browser.cookie(name).unwrap());
    }
    ada.sign_in().await;
    assert_eq!(me(&ada.browser).await, "ada");
    let sid = session_of(&w, &ada.id).await;
    assert_eq!(names(&mallory.browser.get("/accounts").await), ["Bob B."], "his own alone");
    mallory.browser.post_form("/accounts", &[("account", &sid)]).await;
    assert_eq!(me(&mallory.browser).await, "mallory");
}

#[tokio::test]
async fn ended_expired_and_disabled_accounts_are_not_offered() {
    for what in ["ended", "expired", "disabled", "deleted"] {
        let w = World::new().await;
        let (ada, bob) = both(&w).await;
        let sid = session_of(&w, &ada.id).await;
        let before = ada.browser.get("/accounts").await;
        assert_eq!(names(&before).len(), 2);
        match what {
            "ended" => {
                change(&w, Stmt::new("UPDATE sessions SET ended_at = 1 WHERE id = ?1").bind(&sid)).await
            }
            "expired" => w.clock.advance(3550),
            "disabled" => {
                drop(w.host.db.batch(user::set_disabled(&ada.id, true, w.host.clock.now())).await.unwrap())
            }
            _ => drop(w.host.db.batch(user::delete(&ada.id, w.host.clock.now())).await.unwrap()),
        }
        assert_eq!(names(&ada.browser.get("/accounts").await), ["Bob B."], "{what}");
        let answer = ada.browser.post_form("/accounts", &[("account", &sid)]).await;
        assert_eq!(location(&answer), "/accounts?redirect=%2Fsettings%2Faccount", "{what}");
        assert_eq!(me(&ada.browser).await, "bob", "{what}");
        drop(bob);
    }
}

#[tokio::test]
async fn select_account_goes_on_as_the_chosen_one() {
    let w = World::new().await;
    let (ada, bob) = both(&w).await;
    let app = App::register(&ada_admin(&w, &ada).await, json!({ "skipConsent": true })).await;
    let ask = app.ask(&[("prompt", "select_account")]);
    let chooser = ada.follow(ada.browser.get(&ask).await).await;
    assert_eq!(names(&chooser), ["Ada Lovelace", "Bob B."]);
    let id = Form::of(&chooser).get("interaction").to_owned();
    let sid = session_of(&w, &ada.id).await;
    let old = ada.session();
    let answer = ada.browser.post_form("/interaction", &[("interaction", &id), ("account", &sid)]).await;
    let answer = ada.follow(answer).await;
    let code = response_params(&answer, CALLBACK).remove("code").unwrap();
    let tokens = json_of(&app.exchange(&w, &code).await);
    let said = claims(&tokens["id_token"]);
    assert_eq!((&said["sub"], &said["sid"]), (&json!(ada.id), &json!(sid)));
    assert_eq!(said["auth_time"], World::START.0, "of the chosen session");
    assert_ne!(ada.session(), old);
    assert_eq!(me(&ada.browser).await, "ada");
    // an id that is not of this browser shows the page again
    let chooser = ada.follow(ada.browser.get(&ask).await).await;
    let id = Form::of(&chooser).get("interaction").to_owned();
    let answer = ada.browser.post_form("/interaction", &[("interaction", &id), ("account", "x")]).await;
    assert_eq!(location(&answer), format!("/interaction?interaction={id}"));
    drop(bob);
}

/// Ada in a second browser, for what only admins may.
async fn ada_admin<'w>(w: &'w World, ada: &Person<'_>) -> Person<'w> {
    let mut second = Person { w, browser: w.browser(), key: ada.key.clone(), id: ada.id.clone() };
    second.sign_in().await;
    second
}

#[tokio::test]
async fn prompt_login_and_max_age_apply_to_the_chosen_session() {
    for extra in [("max_age", "60"), ("prompt", "select_account login")] {
        let w = World::new().await;
        let (mut ada, _) = both(&w).await;
        let app = App::register(&ada_admin(&w, &ada).await, json!({ "skipConsent": true })).await;
        // bob has just signed in, ada 100 seconds ago
        let ask = app.ask(&[("prompt", "select_account"), extra]);
        let chooser = ada.follow(ada.browser.get(&ask).await).await;
        let id = Form::of(&chooser).get("interaction").to_owned();
        let sid = session_of_browser(&w, &ada).await;
        let answer = ada.browser.post_form("/interaction", &[("interaction", &id), ("account", &sid)]).await;
        let page_ = ada.follow(answer).await;
        assert_eq!(step(&page_), "reauthenticate", "{extra:?}");
        let answer = ada.answer(&page_).await;
        let answer = ada.follow(answer).await;
        let code = response_params(&answer, CALLBACK).remove("code").unwrap();
        let tokens = json_of(&app.exchange(&w, &code).await);
        assert_eq!(claims(&tokens["id_token"])["sub"], ada.id);
    }
}

/// The id of ada's session in the browser of this person.
async fn session_of_browser(w: &World, ada: &Person<'_>) -> String {
    let hash = proto::hash::sha256_b64(&ada.browser.cookie(ACCOUNTS).unwrap());
    let stmt = Stmt::new("SELECT id FROM sessions WHERE user_id = ?1 AND browser_hash = ?2");
    rows(w, stmt.bind(&ada.id).bind(hash)).await.remove(0).remove(0)
}

#[tokio::test]
async fn a_hint_at_another_account_offers_that_one() {
    let w = World::new().await;
    let (ada, bob) = both(&w).await;
    let mut admin = ada_admin(&w, &ada).await;
    let app = App::register(&admin, json!({ "skipConsent": true })).await;
    let tokens = admin.tokens(&app, &[]).await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    let chooser = ada.follow(ada.browser.get(&app.ask(&hint)).await).await;
    assert_eq!(names(&chooser), ["Ada Lovelace"]);
    let silent = ada.browser.get(&app.ask(&[hint[0], ("prompt", "none")])).await;
    assert_eq!(response_params(&silent, CALLBACK)["error"], "account_selection_required");
    let mut form = Form::of(&chooser);
    form.set("account", &session_of_browser(&w, &ada).await);
    let answer = ada.follow(form.send(&ada.browser).await).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(me(&ada.browser).await, "ada");
    drop(bob);
}

#[tokio::test]
async fn s09_silent_requests_take_the_current_account_and_select_none() {
    let w = World::new().await;
    let (ada, _) = both(&w).await;
    let app = App::register(&ada_admin(&w, &ada).await, json!({ "skipConsent": true })).await;
    let silent = app.ask(&[("prompt", "none")]);
    let answer = ada.browser.get(&silent).await;
    let code = response_params(&answer, CALLBACK).remove("code").unwrap();
    let tokens = json_of(&app.exchange(&w, &code).await);
    assert_eq!(claims(&tokens["id_token"])["sub"], "00000000-0000-4000-8000-000000000002");
    // bob signs out: ada is still there, but not chosen
    ada.browser.post_form("/logout", &[]).await;
    let answer = ada.browser.get(&silent).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "account_selection_required");
    let chooser = ada.follow(ada.browser.get(&app.ask(&[])).await).await;
    assert_eq!(names(&chooser), ["Ada Lovelace"]);
    ada.browser.post_form("/logout", &[("all", "1")]).await;
    let answer = ada.browser.get(&silent).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "login_required");
}

#[tokio::test]
async fn signing_out_ends_the_current_account_or_all_of_them() {
    let w = World::new().await;
    let (ada, bob) = both(&w).await;
    let elsewhere = ada_admin(&w, &ada).await;
    let page_ = ada.browser.get("/logout").await;
    assert!(text(&page_).contains(r#"<button name="all" value="1">"#));
    ada.browser.post_form("/logout", &[]).await;
    // whoever goes to the sign-in page now is shown who is left
    let answer = ada.browser.get("/settings/account").await;
    let answer = ada.browser.get(location(&answer)).await;
    assert_eq!(location(&answer), "/accounts?redirect=%2Fsettings%2Faccount");
    assert_eq!(names(&ada.browser.get(location(&answer)).await), ["Ada Lovelace"]);
    let sid = session_of_browser(&w, &ada).await;
    ada.browser.post_form("/accounts", &[("account", &sid)]).await;
    assert!(!text(&ada.browser.get("/logout").await).contains("name=\"all\""), "one account is all");

    let (w2, _) = (World::new().await, ());
    let (ada2, _) = both(&w2).await;
    ada2.browser.post_form("/logout", &[("all", "1")]).await;
    assert_eq!((ada2.session(), ada2.browser.cookie(ACCOUNTS)), (None, None));
    assert_eq!(cell(&w2, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, "0");
    assert_eq!(audit(&w2).await.iter().filter(|e| *e == "SIGN_OUT").count(), 2);
    // another browser of the same person is not touched
    assert_eq!(me(&elsewhere.browser).await, "ada");
    drop(bob);
}

#[tokio::test]
async fn an_app_signs_out_the_account_that_it_is_used_with() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    ada.key = bob.key.clone();
    ada.sign_in().await;
    let hint = tokens["id_token"].as_str().unwrap();
    let answer = ada.browser.get(&format!("/api/oidc/end-session?id_token_hint={hint}")).await;
    assert_eq!(location(&answer), "/logout");
    assert_eq!(me(&ada.browser).await, "bob");
    assert_eq!(names(&ada.browser.get("/accounts").await), ["Bob B."]);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    // in a browser where that account is not, nobody is signed out
    let answer = ada.browser.get(&format!("/api/oidc/end-session?id_token_hint={hint}")).await;
    assert_eq!((location(&answer), me(&ada.browser).await), ("/logout", json!("bob")));
}

#[tokio::test]
async fn people_see_where_they_are_signed_in_and_end_it() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    w.clock.advance(70);
    let mut phone = Person { w: &w, browser: w.browser(), key: bob.key.clone(), id: bob.id.clone() };
    phone.sign_in().await;
    let own = json_of(&phone.browser.get("/api/users/me/sessions").await);
    let (start, now) = (World::START.rfc3339(), w.host.clock.now().rfc3339());
    let line = |at: &str, current: bool, id: &Value| json!({ "id": id, "createdAt": at, "lastSeenAt": at, "ip": null, "userAgent": "", "current": current });
    assert_eq!(own, json!([line(&now, true, &own[0]["id"]), line(&start, false, &own[1]["id"])]));
    let admins = format!("/api/users/{}/sessions", bob.id);
    let seen = json_of(&ada.browser.get(&admins).await);
    assert_eq!(seen, json!([line(&now, false, &own[0]["id"]), line(&start, false, &own[1]["id"])]));
    assert_eq!(json_of(&ada.browser.get("/api/users/nobody/sessions").await), json!([]));

    // s48: nobody ends another's session by its id
    let of_ada = session_of(&w, &ada.id).await;
    let delete =
        async |browser: &Browser<'_>, path: &str| browser.send_json(Method::DELETE, path, &json!({})).await;
    let answer = delete(&phone.browser, &format!("/api/users/me/sessions/{of_ada}")).await;
    assert_eq!(error(&answer), (404, "not_found".into()));
    let answer = delete(&ada.browser, &format!("{admins}/{of_ada}")).await;
    assert_eq!(error(&answer), (404, "not_found".into()));
    assert_eq!(me(&ada.browser).await, "ada");

    let first = format!("/api/users/me/sessions/{}", own[1]["id"].as_str().unwrap());
    assert_eq!(delete(&phone.browser, &first).await.status(), 204);
    assert_eq!(bob.browser.get("/api/users/me").await.status(), 401);
    assert_eq!(error(&delete(&phone.browser, &first).await), (404, "not_found".into()));
    assert_eq!(me(&phone.browser).await, "bob");
    let last = format!("{admins}/{}", own[0]["id"].as_str().unwrap());
    assert_eq!(delete(&ada.browser, &last).await.status(), 204);
    assert_eq!(phone.browser.get("/api/users/me").await.status(), 401);
    let entries = Stmt::new(
        "SELECT user_id, actor_user_id, data FROM audit_events WHERE event = 'SESSION_ENDED' ORDER BY created_at, actor_user_id",
    );
    let data = |id: &Value| json!({ "sessionId": id }).to_string();
    let mut found = rows(&w, entries).await;
    found.sort();
    assert_eq!(
        found,
        [
            [bob.id.clone(), "-".into(), data(&own[1]["id"])],
            [bob.id.clone(), ada.id.clone(), data(&own[0]["id"])],
        ]
    );
}
