//! Discovery, keys and other documents.

use crate::stage::*;
use proto::jose::TokenType;
use proto::secret::Secret;
use serde_json::json;
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
        "pushed_authorization_request_endpoint": "http://latchkey.internal:1411/api/oidc/par",
        "require_pushed_authorization_requests": false,
        "end_session_endpoint": "https://id.example.com/api/oidc/end-session",
        "device_authorization_endpoint": "https://id.example.com/api/oidc/device/authorize",
        "introspection_endpoint": "http://latchkey.internal:1411/api/oidc/introspect",
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "Bearer"],
        "introspection_endpoint_auth_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
        ],
        "introspection_signing_alg_values_supported": ["RS256"],
        "revocation_endpoint": "http://latchkey.internal:1411/api/oidc/revoke",
        "revocation_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
        ],
        "revocation_endpoint_auth_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
        ],
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "jwks_uri": "http://latchkey.internal:1411/.well-known/jwks.json",
        "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
        "claims_supported": [
            "sub", "given_name", "family_name", "name", "display_name", "email", "email_verified",
            "preferred_username", "picture", "groups", "locale", "updated_at", "auth_time", "acr", "amr",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": [
            "query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt",
        ],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
            "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "acr_values_supported": ["phr", "phrh"],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "userinfo_signing_alg_values_supported": ["RS256"],
        "revocation_endpoint_auth_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
        ],
        "authorization_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
        ],
        "token_endpoint_auth_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
        ],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "display_values_supported": ["page", "popup", "touch"],
        "ui_locales_supported": ["en", "de"],
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_object_signing_alg_values_supported": [
            "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",
        ],
        "request_uri_parameter_supported": false,
    });
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let answer = w.browser().get(path).await;
        assert_eq!(field(&answer, "content-type"), "application/json");
        assert_eq!(field(&answer, "cache-control"), "public, max-age=300");
        assert_eq!(json_of(&answer), want, "{path}");
    }
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
