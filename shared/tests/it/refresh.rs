//! `POST /api/oidc/token` with `grant_type=refresh_token`: rotation, grace, reuse, and what is looked at again.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::store::user;
use testkit::World;

const INVALID: (u16, &str) = (400, "invalid_grant");

fn outcome(answer: &Answer) -> (u16, String) {
    if answer.status() == 200 { (200, String::new()) } else { error(answer) }
}

fn is_invalid(answer: &Answer) -> bool {
    outcome(answer) == (INVALID.0, INVALID.1.to_owned())
}

#[tokio::test]
async fn s16_each_use_rotates() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let first = ada.tokens(&app, &[]).await;
    w.clock.advance(100);
    let answer = app.refresh(&w, &first["refresh_token"]).await;
    assert_eq!(field(&answer, "cache-control"), "no-store");
    let second = json_of(&answer);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_eq!(second["scope"], "openid profile email");
    let (old, new) = (claims(&first["id_token"]), claims(&second["id_token"]));
    for same in ["iss", "sub", "aud", "auth_time", "sid", "amr"] {
        assert_eq!(old[same], new[same], "{same}");
    }
    // OpenID Connect Core §12.2
    assert_eq!((&old["nonce"], new.get("nonce")), (&json!("n0nce"), None));
    assert_eq!(new["iat"], World::START.0 + 100);
    assert_ne!(old["jti"], new["jti"]);

    let hash = |tokens: &Value| proto::hash::sha256_b64(tokens["refresh_token"].as_str().unwrap());
    let stored = Stmt::new("SELECT token_hash, state, used_at FROM refresh_tokens ORDER BY created_at");
    let at = (World::START.0 + 100).to_string();
    let (one, two) = (hash(&first), hash(&second));
    assert_eq!(rows(&w, stored).await, [[one.as_str(), "used", &at], [two.as_str(), "live", "-"]]);
    let end = (World::START.0 + 100 + 2_592_000).to_string();
    assert_eq!(cell(&w, "SELECT expires_at FROM grants").await, end);
}

#[tokio::test]
async fn s16_nothing_in_the_database_is_a_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let first = ada.tokens(&app, &[]).await;
    let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    let everything = Stmt::new("SELECT * FROM refresh_tokens");
    let shown = format!("{:?}", rows(&w, everything).await);
    for tokens in [&first, &second] {
        assert!(!shown.contains(tokens["refresh_token"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn s16_a_repeat_within_thirty_seconds_gives_the_same_successor() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let first = ada.tokens(&app, &[]).await;
    let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    w.clock.advance(30);
    let again = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_ne!(again["access_token"], second["access_token"]);
    assert_eq!(userinfo(&w, &again["access_token"]).await.status(), 200);
    // the line goes on without branching, also when the successor has been used meanwhile
    let third = json_of(&app.refresh(&w, &second["refresh_token"]).await);
    let late = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    assert_eq!(late["refresh_token"], second["refresh_token"]);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "3");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens WHERE state = 'live'").await, "1");
    assert_eq!(outcome(&app.refresh(&w, &third["refresh_token"]).await).0, 200);
    assert!(!audit(&w).await.contains(&"TOKEN_REUSE".to_owned()));
}

#[tokio::test]
async fn s16_reuse_after_the_grace_kills_the_family() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let bystander = ada.tokens(&app, &[]).await;
    let first = ada.tokens(&app, &[]).await;
    let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    w.clock.advance(31);
    assert!(is_invalid(&app.refresh(&w, &first["refresh_token"]).await));
    // the thief's and the owner's tokens are gone alike
    assert!(is_invalid(&app.refresh(&w, &second["refresh_token"]).await));
    for token in [&first["access_token"], &second["access_token"]] {
        assert_eq!(userinfo(&w, token).await.status(), 401);
    }
    let revoked = Stmt::new("SELECT revoked_at, revoked_reason FROM grants WHERE revoked_at IS NOT NULL");
    let at = (World::START.0 + 31).to_string();
    assert_eq!(rows(&w, revoked).await, [[at.as_str(), "refresh_reuse"]]);
    let entry = Stmt::new("SELECT user_id, client_id, data FROM audit_events WHERE event = 'TOKEN_REUSE'");
    let want = [ada.id.as_str(), &app.id, r#"{"kind":"refresh_token"}"#];
    assert_eq!(rows(&w, entry).await, [want]);
    // and nobody else's
    assert_eq!(outcome(&app.refresh(&w, &bystander["refresh_token"]).await).0, 200);
}

#[tokio::test]
async fn s16_s61_twenty_refreshes_at_once_give_one_successor() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let first = ada.tokens(&app, &[]).await;
    let answers =
        futures_util::future::join_all((0..20).map(|_| app.refresh(&w, &first["refresh_token"]))).await;
    let mut successors: Vec<String> =
        answers.iter().map(|a| json_of(a)["refresh_token"].as_str().unwrap_or("none").to_owned()).collect();
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1, "{successors:?}");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "2");
    assert_eq!(outcome(&app.refresh(&w, &json!(successors[0])).await).0, 200);
}

#[tokio::test]
async fn s16_another_client_cannot_use_it_nor_kill_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({})).await;
    let first = ada.tokens(&app, &[]).await;
    assert!(is_invalid(&other.refresh(&w, &first["refresh_token"]).await));
    let second = json_of(&app.refresh(&w, &first["refresh_token"]).await);
    w.clock.advance(60);
    assert!(is_invalid(&other.refresh(&w, &first["refresh_token"]).await));
    let stranger = App { id: app.id.clone(), secret: Some("wrong".into()) };
    assert_eq!(outcome(&stranger.refresh(&w, &first["refresh_token"]).await), (401, "invalid_client".into()));
    assert_eq!(outcome(&app.refresh(&w, &second["refresh_token"]).await).0, 200);
}

#[tokio::test]
async fn s16_what_it_rests_on_is_looked_at_again() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;

    let tokens = bob.tokens(&app, &[]).await;
    bob.browser.post_form("/logout", &[]).await;
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "after sign-out");
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);

    let tokens = bob.tokens(&app, &[]).await;
    change(&w, Stmt::new("DELETE FROM consents")).await;
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "consent withdrawn");

    let tokens = bob.tokens(&app, &[]).await;
    admit(&w, "photographers", &bob.id).await;
    allow(&w, &app, "photographers").await;
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1")).await;
    let kept = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    change(&w, Stmt::new("DELETE FROM user_group_members")).await;
    let refused = app.refresh(&w, &kept["refresh_token"]).await;
    assert_eq!(outcome(&refused), (403, "access_denied".into()), "group left");
    // coming back to the group heals it, since nothing was used up
    admit(&w, "photographers", &bob.id).await;
    let tokens = json_of(&app.refresh(&w, &kept["refresh_token"]).await);

    change(&w, Stmt::new("UPDATE users SET disabled = 1 WHERE username = 'bob'")).await;
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "disabled");
    change(&w, Stmt::new("UPDATE users SET disabled = 0")).await;
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    change(&w, Stmt::new("UPDATE users SET disabled = 0")).await;
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "grant revoked by disabling");

    let tokens = bob.tokens(&app, &[]).await;
    change(&w, Stmt::new("DELETE FROM users WHERE username = 'bob'")).await;
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "deleted");
}

#[tokio::test]
async fn s16_scope_can_only_shrink() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[("scope", "openid email")]).await;
    let refresh = async |token: &Value, scope: &str| {
        let pairs =
            [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap()), ("scope", scope)];
        app.token(&w, &pairs).await
    };
    let token = &tokens["refresh_token"];
    assert_eq!(outcome(&refresh(token, "openid profile").await), (400, "invalid_scope".into()));
    assert_eq!(outcome(&refresh(token, "open\"id").await), (400, "invalid_scope".into()));
    let less = json_of(&refresh(token, "openid").await);
    assert_eq!(less["scope"], "openid");
    assert_eq!(claims(&less["id_token"]).get("email"), None);
    // RFC 6749 §6: the grant itself keeps its scope
    let full = json_of(&app.refresh(&w, &less["refresh_token"]).await);
    assert_eq!(full["scope"], "openid email");
}

#[tokio::test]
async fn refresh_tokens_end_and_are_swept() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "refreshTokenDurationMinutes": 10 })).await;
    let tokens = ada.tokens(&app, &[]).await;
    w.clock.advance(599);
    let tokens = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    w.clock.advance(600);
    assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await));
    w.clock.advance(3600);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "0");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM authorization_codes").await, "0");
}

#[tokio::test]
async fn garbage_is_no_refresh_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let code = ada.code(&app, &[]).await;
    for token in ["x", &code, tokens["access_token"].as_str().unwrap(), &"y".repeat(5000)] {
        assert!(is_invalid(&app.refresh(&w, &json!(token)).await), "{token}");
    }
    let none = app.token(&w, &[("grant_type", "refresh_token")]).await;
    assert_eq!(outcome(&none), (400, "invalid_request".into()));
    // a refresh token is no code
    assert!(is_invalid(&app.exchange(&w, tokens["refresh_token"].as_str().unwrap()).await));
    let put = request(Method::PUT, "/api/oidc/token", &[], "");
    assert_eq!(w.request(put).await.status(), 405);
}

#[tokio::test]
async fn scopes_that_nobody_knows_are_dropped_here_too() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let scope = "openid email made-up";
    let tokens = ada.tokens(&app, &[("scope", scope)]).await;
    assert_eq!(tokens["scope"], "openid email");
    let token = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    assert_eq!(json_of(&app.token(&w, &pairs).await)["scope"], "openid email");
}

#[tokio::test]
async fn s16_the_consent_must_cover_all_that_the_grant_holds() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    for skip in [false, true] {
        let app = App::register(&ada, json!({ "skipConsent": skip })).await;
        let asks = [("claims", r#"{"userinfo":{"email":null}}"#), ("scope", "openid profile")];
        let mut tokens = ada.tokens(&app, &asks).await;
        let full = rows(&w, Stmt::new("SELECT scope FROM consents WHERE client_id = ?1").bind(&app.id)).await;
        let set = async |scope: &str| {
            let stmt = Stmt::new("UPDATE consents SET scope = ?2 WHERE client_id = ?1");
            change(&w, stmt.bind(&app.id).bind(scope)).await;
        };
        for less in [r#"["openid"]"#, r#"["openid","profile"]"#, r#"["profile","email"]"#, "[]"] {
            set(less).await;
            assert!(is_invalid(&app.refresh(&w, &tokens["refresh_token"]).await), "{less}");
            let pairs = [("token", tokens["refresh_token"].as_str().unwrap())];
            let told = app.call(&w, "/api/oidc/introspect", &pairs).await;
            assert_eq!(json_of(&told), json!({ "active": false }), "{less}");
        }
        set(&full[0][0]).await;
        let answer = app.refresh(&w, &tokens["refresh_token"]).await;
        assert_eq!(outcome(&answer), (200, String::new()));
        tokens = json_of(&answer);
        set(r#"["openid","profile","email","address"]"#).await;
        assert_eq!(app.refresh(&w, &tokens["refresh_token"]).await.status(), 200, "more than it needs");
    }
}
