//! `/api/oidc/userinfo`: who may ask, and what is told.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::store::user;
use testkit::World;

async fn custom(w: &World, id: &str, user: Option<&str>, group: Option<&str>, name: &str, value: &str) {
    let stmt = Stmt::new(
        "INSERT INTO custom_claims (id, user_id, group_id, name, value) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    change(w, stmt.bind(id).bind(user).bind(group).bind(name).bind(value)).await;
}

#[tokio::test]
async fn claims_go_by_scope() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    admit(&w, "photographers", &ada.id).await;
    admit(&w, "admins", &ada.id).await;
    custom(&w, "1", Some(&ada.id), None, "shoe_size", "39").await;
    custom(&w, "2", None, Some("admins"), "shoe_size", "1").await;
    custom(&w, "3", None, Some("admins"), "motto", "per aspera").await;
    custom(&w, "4", None, Some("admins"), "email_verified", "true").await;
    let picture = format!("{}/api/users/{}/profile-picture.png", World::APP_URL, ada.id);
    let table = [
        ("openid", json!({ "sub": ada.id })),
        ("openid email", json!({ "sub": ada.id, "email": "ada@example.com", "email_verified": false })),
        ("openid groups", json!({ "sub": ada.id, "groups": ["admins", "photographers"] })),
        (
            "openid profile",
            json!({
                "sub": ada.id, "given_name": "Ada", "family_name": "Lovelace", "name": "Ada Lovelace",
                "display_name": "Ada Lovelace", "preferred_username": "ada", "picture": picture,
                "updated_at": World::START.0, "shoe_size": 39, "motto": "per aspera",
            }),
        ),
    ];
    for (scope, want) in table {
        let tokens = ada.tokens(&app, &[("scope", scope)]).await;
        let answer = userinfo(&w, &tokens["access_token"]).await;
        assert_eq!((answer.status().as_u16(), json_of(&answer)), (200, want.clone()), "{scope}");
        assert_eq!(field(&answer, "cache-control"), "no-store");
        // the ID token tells the same
        let id = claims(&tokens["id_token"]);
        for (name, value) in want.as_object().unwrap() {
            assert_eq!(&id[name], value, "{scope}: {name}");
        }
    }
    // without an address there is no claim about it
    change(&w, Stmt::new("UPDATE users SET email = NULL")).await;
    let tokens = ada.tokens(&app, &[("scope", "openid email")]).await;
    assert_eq!(json_of(&userinfo(&w, &tokens["access_token"]).await), json!({ "sub": ada.id }));
}

#[tokio::test]
async fn claims_are_those_of_now() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[("scope", "openid email")]).await;
    change(&w, Stmt::new("UPDATE users SET email = 'countess@example.com', email_verified = 1")).await;
    let told = json_of(&userinfo(&w, &tokens["access_token"]).await);
    assert_eq!(told, json!({ "sub": ada.id, "email": "countess@example.com", "email_verified": true }));
}

#[tokio::test]
async fn ways_to_send_the_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[("scope", "openid")]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let (bearer, lower) = (format!("Bearer {token}"), format!("bearer  {token}"));
    let body = encode(&[("access_token", token)]);
    let path = "/api/oidc/userinfo";
    let query = format!("{path}?{body}");
    let send = async |method: Method, path: &str, headers: &[(&str, &str)], body: &str| {
        w.request(request(method, path, headers, body)).await
    };
    let form = ("content-type", FORM);
    for good in [
        send(Method::GET, path, &[("authorization", &bearer)], "").await,
        send(Method::POST, path, &[("authorization", &bearer)], "").await,
        send(Method::POST, path, &[("authorization", &lower)], "").await,
        send(Method::POST, path, &[form], &body).await,
    ] {
        assert_eq!((good.status().as_u16(), json_of(&good)), (200, json!({ "sub": ada.id })));
    }
    // RFC 6750 §3: no error code for whoever sent no token
    for nothing in [
        send(Method::GET, path, &[], "").await,
        send(Method::GET, &query, &[], "").await,
        send(Method::POST, path, &[("content-type", "application/json")], &body).await,
        send(Method::GET, path, &[("authorization", &basic("a", "b"))], "").await,
        send(Method::GET, path, &[("authorization", "Bearer")], "").await,
    ] {
        assert_eq!((nothing.status().as_u16(), field(&nothing, "www-authenticate")), (401, "Bearer"));
    }
    let twice = send(Method::POST, path, &[("authorization", &bearer), form], &body).await;
    assert_eq!(error(&twice), (400, "invalid_request".into()));
    let repeated = send(Method::POST, path, &[form], &format!("{body}&{body}")).await;
    assert_eq!(error(&repeated), (400, "invalid_request".into()));
    // and a session cookie is no access token
    assert_eq!(ada.browser.get(path).await.status(), 401);
}

fn refused(answer: &Answer) -> (u16, &str) {
    (answer.status().as_u16(), field(answer, "www-authenticate"))
}

const INVALID: (u16, &str) = (
    401,
    "Bearer error=\"invalid_token\", error_description=\"The access token is invalid, expired or was revoked.\"",
);

#[tokio::test]
async fn s25_only_access_tokens_count() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    let parts: Vec<&str> = access.split('.').collect();
    let head = |value: Value| proto::b64::encode(value.to_string());
    let other_payload = {
        let mut claims = claims(&tokens["access_token"]);
        claims["sub"] = json!("somebody else");
        proto::b64::encode(claims.to_string())
    };
    let kid = jwt_part(access, 0)["kid"].clone();
    let forged = [
        tokens["id_token"].as_str().unwrap().to_owned(),
        tokens["refresh_token"].as_str().unwrap().to_owned(),
        ada.session().unwrap(),
        format!("{}.{other_payload}.{}", parts[0], parts[2]),
        format!("{}.{}.", head(json!({ "alg": "none", "typ": "at+jwt", "kid": kid })), parts[1]),
        format!("{}.{}.{}", head(json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid })), parts[1], parts[2]),
        format!("{}.{}.{}", head(json!({ "alg": "RS256", "typ": "at+jwt", "kid": "x" })), parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{access}."),
        format!("{access}A"),
        "x".to_owned(),
    ];
    for token in forged {
        assert_eq!(refused(&userinfo(&w, &json!(token)).await), INVALID, "{token}");
    }
    // the other way round: tokens are no session
    for token in [access, tokens["id_token"].as_str().unwrap()] {
        let thief = w.browser();
        thief.set_cookie("__Host-latchkey_session", token);
        assert_eq!(thief.get("/api/users/me").await.status(), 401);
        let bearer = format!("Bearer {token}");
        let api = w.request(request(Method::GET, "/api/users/me", &[("authorization", &bearer)], "")).await;
        assert_eq!(api.status(), 401);
    }
}

#[tokio::test]
async fn a_token_ends_by_time_sign_out_and_with_the_account() {
    let w = World::with(&[("SESSION_DURATION", "600")]).await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "accessTokenDurationMinutes": 1 })).await;
    let tokens = bob.tokens(&app, &[]).await;
    w.clock.advance(59);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    w.clock.advance(1);
    assert_eq!(refused(&userinfo(&w, &tokens["access_token"]).await), INVALID);

    let tokens = bob.tokens(&app, &[]).await;
    bob.browser.post_form("/logout", &[]).await;
    assert_eq!(refused(&userinfo(&w, &tokens["access_token"]).await), INVALID);

    let tokens = bob.tokens(&app, &[]).await;
    change(&w, Stmt::new("UPDATE users SET disabled = 1 WHERE username = 'bob'")).await;
    assert_eq!(refused(&userinfo(&w, &tokens["access_token"]).await), INVALID);
    change(&w, Stmt::new("UPDATE users SET disabled = 0")).await;
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    change(&w, Stmt::new("UPDATE users SET disabled = 0")).await;
    assert_eq!(refused(&userinfo(&w, &tokens["access_token"]).await), INVALID);

    let tokens = bob.tokens(&app, &[]).await;
    let removed =
        ada.browser.send_json(Method::DELETE, &format!("/api/oidc/clients/{}", app.id), &json!({})).await;
    assert_eq!(removed.status(), 204);
    assert_eq!(refused(&userinfo(&w, &tokens["access_token"]).await), INVALID);
}

#[tokio::test]
async fn a_token_without_openid_is_not_enough() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for scope in ["email", "", "offline_access"] {
        let tokens = ada.tokens(&app, &[("scope", scope)]).await;
        let answer = userinfo(&w, &tokens["access_token"]).await;
        assert_eq!(error(&answer), (403, "insufficient_scope".into()), "{scope}");
        assert!(field(&answer, "www-authenticate").starts_with("Bearer error=\"insufficient_scope\""));
    }
}

#[tokio::test]
async fn userinfo_is_signed_for_a_client_that_wants_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let metadata = json!({ "userinfo_signed_response_alg": "RS256" });
    let app = App::register(&ada, json!({ "skipConsent": true, "metadata": metadata })).await;
    let tokens = ada.tokens(&app, &[("scope", "openid email")]).await;
    let answer = userinfo(&w, &tokens["access_token"]).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "content-type")), (200, "application/jwt"));
    assert_eq!(field(&answer, "cache-control"), "no-store");
    let jwt = text(&answer);
    assert_eq!(jwt_part(jwt, 0)["typ"], "userinfo+jwt");
    let want = json!({
        "sub": ada.id, "email": "ada@example.com", "email_verified": false, "iss": World::APP_URL, "aud": app.id,
        "iat": World::START.0,
    });
    assert_eq!(jwt_part(jwt, 1), want);
    // it is no other kind of token
    assert_eq!(refused(&userinfo(&w, &json!(jwt)).await), INVALID);
    let hint = ada.browser.get(&app.ask(&[("id_token_hint", jwt), ("prompt", "none")])).await;
    assert_eq!(response_params(&hint, CALLBACK)["error"], "invalid_request");
    // an algorithm without a key is not saved
    let bad = json!({ "name": "A", "metadata": { "userinfo_signed_response_alg": "ES512" } });
    let answer = ada.browser.send_json(Method::POST, "/api/oidc/clients", &bad).await;
    assert_eq!(error(&answer), (400, "validation_failed".into()));
}
