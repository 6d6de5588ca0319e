//! Discovery, keys and other documents.

use crate::stage::*;
use proto::jose::jws::Unverified;
use proto::jose::{Alg, Jwk, TokenType, VerifyingKey, jwt};
use proto::secret::Secret;
use serde_json::{Value, json};
use shared::db::Stmt;
use std::sync::Arc;
use testkit::World;

#[tokio::test]
async fn the_discovery_document() {
    let w = World::with(&[("INTERNAL_APP_URL", "http://latchkey.internal:1411")]).await;
    let want = json!({
        "issuer": "https://id.example.com",
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "http://latchkey.internal:1411/api/oidc/token",
        "userinfo_endpoint": "http://latchkey.internal:1411/api/oidc/userinfo",
        "end_session_endpoint": "https://id.example.com/api/oidc/end-session",
        "revocation_endpoint": "http://latchkey.internal:1411/api/oidc/revoke",
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "jwks_uri": "http://latchkey.internal:1411/.well-known/jwks.json",
        "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
        "claims_supported": [
            "sub", "given_name", "family_name", "name", "display_name", "email", "email_verified",
            "preferred_username", "picture", "groups", "auth_time", "amr",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let answer = w.browser().get(path).await;
        assert_eq!(field(&answer, "content-type"), "application/json");
        assert_eq!(field(&answer, "cache-control"), "public, max-age=300");
        assert_eq!(json_of(&answer), want, "{path}");
    }
}

async fn jwks(w: &World) -> Vec<Value> {
    let answer = w.browser().get("/.well-known/jwks.json").await;
    json_of(&answer)["keys"].as_array().unwrap().clone()
}

/// Verifies a token as an app would that knows `keys`.
fn verifies(token: &Value, typ: TokenType, keys: &[Value]) -> bool {
    let unverified = Unverified::parse(token.as_str().unwrap()).unwrap();
    let Some(key) = keys.iter().find(|k| k["kid"].as_str() == unverified.kid()) else { return false };
    let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
    let alg: Alg = key["alg"].as_str().unwrap().parse().unwrap();
    jwt::verify(unverified, &VerifyingKey::from_jwk(&jwk, alg).unwrap(), typ).is_ok()
}

#[tokio::test]
async fn tokens_verify_with_the_published_key_of_each_algorithm() {
    for alg in ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"] {
        let w = World::with(&[("KEYS_ALGORITHM", alg)]).await;
        let mut ada = Person::setup(&w).await;
        let app = App::register(&ada, json!({})).await;
        let tokens = ada.tokens(&app, &[]).await;
        let keys = jwks(&w).await;
        assert_eq!(keys.len(), 1);
        assert_eq!((&keys[0]["alg"], &keys[0]["use"]), (&json!(alg), &json!("sig")));
        // the public half and nothing more
        let names: Vec<&String> = keys[0].as_object().unwrap().keys().collect();
        let want: &[&str] = match keys[0]["kty"].as_str().unwrap() {
            "RSA" => &["alg", "e", "kid", "kty", "n", "use"],
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => &["alg", "crv", "kid", "kty", "use", "x"],
        };
        assert_eq!(names, want, "{alg}");
        assert!(verifies(&tokens["id_token"], TokenType::IdToken, &keys), "{alg}");
        assert!(verifies(&tokens["access_token"], TokenType::AccessToken, &keys), "{alg}");
        assert!(!verifies(&tokens["id_token"], TokenType::AccessToken, &keys), "{alg}");
        let discovery = json_of(&w.browser().get("/.well-known/openid-configuration").await);
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!([alg]));
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200, "{alg}");
    }
}

#[tokio::test]
async fn s26_an_old_key_still_verifies_after_rotation() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let old = ada.tokens(&app, &[]).await;
    let before = jwks(&w).await;
    change(&w, Stmt::new("UPDATE signing_keys SET state = 'retired'")).await;
    w.clock.advance(60);

    let new = ada.tokens(&app, &[]).await;
    let after = jwks(&w).await;
    assert_eq!((before.len(), after.len()), (1, 2));
    let kid = |tokens: &Value| jwt_part(tokens["id_token"].as_str().unwrap(), 0)["kid"].clone();
    assert_ne!(kid(&old), kid(&new));
    for tokens in [&old, &new] {
        assert!(verifies(&tokens["id_token"], TokenType::IdToken, &after));
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    }
    // an app that cached the keys before knows the old token and not yet the new one
    assert!(verifies(&old["id_token"], TokenType::IdToken, &before));
    assert!(!verifies(&new["id_token"], TokenType::IdToken, &before));
    let hint = old["id_token"].as_str().unwrap();
    let answer = ada.browser.get(&app.ask(&[("prompt", "none"), ("id_token_hint", hint)])).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    // removing a key at once is how an emergency ends its tokens
    change(&w, Stmt::new("DELETE FROM signing_keys WHERE state = 'retired'")).await;
    w.clock.advance(60);
    assert_eq!(userinfo(&w, &old["access_token"]).await.status(), 401);
}

#[tokio::test]
async fn s61_many_first_requests_make_one_key() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256")]).await;
    let answers = futures_util::future::join_all((0..20).map(|_| jwks(&w))).await;
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM signing_keys").await, "1");
    assert!(answers.iter().all(|keys| keys == &answers[0] && keys.len() == 1));
}

#[tokio::test]
async fn s27_a_key_sealed_under_another_encryption_key_is_a_fault_and_not_replaced() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    jwks(&w).await;
    let code = ada.code(&app, &[]).await;
    let other = Secret::new("another key of at least 16 bytes".to_owned());
    let node = w.another_node(|host| Arc::make_mut(&mut host.settings).encryption_key = other);
    let answer = app.exchange(&node, &code).await;
    assert_eq!(error(&answer), (500, "server_error".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM signing_keys").await, "1");
    // with the right key the code still works
    assert_eq!(app.exchange(&w, &code).await.status(), 200);
}

#[tokio::test]
async fn small_documents() {
    let w = World::new().await;
    let browser = w.browser();
    assert_eq!(browser.get("/healthz").await.status(), 204);
    assert_eq!(text(&browser.get("/robots.txt").await), "User-agent: *\nDisallow: /\n");
    let openapi = browser.get("/api/openapi.json").await;
    assert_eq!(
        (field(&openapi, "content-type"), &json_of(&openapi)["openapi"]),
        ("application/json", &json!("3.1.0"))
    );
    assert_eq!(location(&browser.get("/").await), "/login");
    let ada = Person::setup(&w).await;
    assert_eq!(location(&ada.browser.get("/").await), "/settings/account");
}

#[tokio::test]
async fn s26_a_node_learns_of_a_key_that_another_made() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    ada.tokens(&app, &[]).await;
    let other = w.another_node(|_| {});
    w.clock.advance(30);
    assert_eq!(jwks(&other).await.len(), 1);
    change(&w, Stmt::new("UPDATE signing_keys SET state = 'retired'")).await;
    w.clock.advance(30);
    let new = ada.tokens(&app, &[]).await;
    // the other node believes what it read for another half minute, but looks again at a key it does not know
    assert_eq!(userinfo(&other, &new["access_token"]).await.status(), 200);
    // and not at each one that somebody made up
    let token = new["access_token"].as_str().unwrap();
    let mut head = jwt_part(token, 0);
    head["kid"] = json!("made-up");
    let rest = token.split_once('.').unwrap().1;
    let forged = json!(format!("{}.{rest}", proto::b64::encode(head.to_string())));
    let before = other.db.batches();
    assert_eq!(userinfo(&other, &forged).await.status(), 401);
    assert_eq!(other.db.batches(), before);
}
