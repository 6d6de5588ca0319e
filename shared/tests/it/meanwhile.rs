//! What happens between a request's load and its save.

use crate::stage::*;
use serde_json::json;
use shared::db::{Rows, Stmt};
use shared::ports::{Db, DbError};
use shared::store::user::User;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use testkit::authenticator::SoftAuthenticator;
use testkit::{Browser, World};

/// A database in which somebody else is faster: before the second batch, others run.
struct Meanwhile {
    inner: Arc<dyn Db>,
    seen: AtomicUsize,
    others: Mutex<Vec<Stmt>>,
}

#[async_trait::async_trait]
impl Db for Meanwhile {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        if self.seen.fetch_add(1, Ordering::SeqCst) == 1 {
            let others = std::mem::take(&mut *self.others.lock().unwrap());
            self.inner.batch(others).await?;
        }
        self.inner.batch(stmts).await
    }
}

/// A node on which `others` run between the load and the save of its first request.
fn node(w: &World, others: Vec<Stmt>) -> World {
    let meanwhile =
        Meanwhile { inner: w.host.db.clone(), seen: AtomicUsize::new(0), others: Mutex::new(others) };
    w.another_node(|host| host.db = Arc::new(meanwhile))
}

/// The same browser, talking to another node.
fn same<'n>(browser: &Browser<'_>, node: &'n World) -> Browser<'n> {
    let twin = node.browser();
    for name in ["__Host-latchkey_session", "__Host-latchkey_browser"] {
        if let Some(value) = browser.cookie(name) {
            twin.set_cookie(name, &value);
        }
    }
    twin
}

#[tokio::test]
async fn s46_an_account_made_elsewhere_during_setup_wins() {
    let w = World::new().await;
    let browser = w.browser();
    let form = fill_setup(&w, &browser.get("/setup").await, &mut SoftAuthenticator::new(1));
    let other = User {
        id: "u".into(),
        username: "eve".into(),
        email: None,
        email_verified: false,
        first_name: String::new(),
        last_name: String::new(),
        display_name: String::new(),
        is_admin: true,
        disabled: false,
        locale: None,
        ldap_id: None,
        updated_at: World::START,
    };
    let node = node(&w, vec![other.insert(w.host.clock.now())]);
    let twin = same(&browser, &node);
    assert_eq!(page(&form.send(&twin).await), (404, "error".into()));
    assert_eq!(cell(&w, "SELECT username FROM users").await, "eve");
    for empty in
        ["SELECT COUNT(*) FROM passkeys", "SELECT COUNT(*) FROM sessions", "SELECT COUNT(*) FROM instance"]
    {
        assert_eq!(cell(&w, empty).await, "0", "{empty}");
    }
    assert_eq!(twin.cookie("__Host-latchkey_session"), None);
}

#[tokio::test]
async fn s39_a_passkey_or_session_that_went_away_during_sign_in_signs_nobody_in() {
    let w = World::new().await;
    let bob = Person::join(&w, "bob", 2).await;
    let mut key = bob.key.clone();
    let mut signed = |page: &Answer| {
        let mut form = Form::of(page);
        form.set("response", &key.get(&form.options, World::APP_URL).unwrap().to_string());
        form
    };
    let form = signed(&bob.browser.get("/login").await);
    assert_eq!(form.send(&bob.browser).await.status(), 303);
    let cookie = bob.session();

    let form = signed(&bob.browser.get("/login?reauthenticate=1").await);
    let ended = node(&w, vec![Stmt::new("UPDATE sessions SET ended_at = 1")]);
    let twin = same(&bob.browser, &ended);
    assert_eq!(page(&form.send(&twin).await), (400, "authenticate".into()));
    assert_eq!(twin.cookie("__Host-latchkey_session"), cookie);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, "0");

    let form = signed(&bob.browser.get("/login").await);
    let removed = node(&w, vec![Stmt::new("DELETE FROM passkeys")]);
    let twin = same(&bob.browser, &removed);
    assert_eq!(page(&form.send(&twin).await), (400, "authenticate".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL").await, "0");
    assert_eq!(audit(&w).await, ["SIGN_IN"]);
}

#[tokio::test]
async fn s39_a_session_that_ends_during_a_grant_grants_nothing() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let ended = node(&w, vec![Stmt::new("UPDATE sessions SET ended_at = 1")]);
    let answer = same(&ada.browser, &ended).get(&app.ask(&[])).await;
    assert_eq!((page(&answer), field(&answer, "location")), ((400, "error".into()), ""));
    for empty in [
        "SELECT COUNT(*) FROM grants",
        "SELECT COUNT(*) FROM authorization_codes",
        "SELECT COUNT(*) FROM consents",
    ] {
        assert_eq!(cell(&w, empty).await, "0", "{empty}");
    }
}
