//! Signed authorization responses (JARM).

use crate::stage::*;
use http::Method;
use proto::jose::TokenType;
use serde_json::json;
use testkit::World;

#[tokio::test]
async fn a_signed_response_is_for_one_client_and_a_short_time() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let (answer, _) = ada.visit(&app.ask(&[("response_mode", "jwt")])).await;
    let token = json!(delivered_params(&answer, CALLBACK)["response"]);
    assert!(verifies(&token, TokenType::AuthorizationResponse, &jwks(&w).await));
    let said = claims(&token);
    let names: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(names, ["aud", "code", "exp", "iss", "state"]);
    assert_eq!((&said["aud"], &said["iss"]), (&json!(app.id), &json!(World::APP_URL)));
    assert_eq!(said["exp"], json!(World::START.0 + 300));
    assert_eq!(app.exchange(&w, said["code"].as_str().unwrap()).await.status(), 200);

    let answer = ada.browser.get(&app.ask(&[("response_mode", "jwt"), ("prompt", "later")])).await;
    let token = json!(delivered_params(&answer, CALLBACK)["response"]);
    assert!(verifies(&token, TokenType::AuthorizationResponse, &jwks(&w).await));
    let said = claims(&token);
    let names: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(names, ["aud", "error", "error_description", "exp", "iss", "state"]);
}

#[tokio::test]
async fn the_algorithm_is_the_one_that_the_client_registered() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256")]).await;
    let mut ada = Person::setup(&w).await;
    jwks(&w).await;
    let more = json!({ "alg": "EdDSA", "immediately": true });
    assert_eq!(ada.browser.send_json(Method::POST, "/api/signing-keys", &more).await.status(), 201);
    for (metadata, alg) in
        [(json!({}), "ES256"), (json!({ "authorization_signed_response_alg": "EdDSA" }), "EdDSA")]
    {
        let app = App::register(&ada, json!({ "skipConsent": true, "metadata": metadata })).await;
        let (answer, _) = ada.visit(&app.ask(&[("response_mode", "fragment.jwt")])).await;
        let token = delivered_params(&answer, CALLBACK).remove("response").unwrap();
        assert_eq!(jwt_part(&token, 0)["alg"], alg);
        assert!(verifies(&json!(token), TokenType::AuthorizationResponse, &jwks(&w).await), "{alg}");
    }
}

#[tokio::test]
async fn s25_a_signed_response_is_no_id_token_and_no_access_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let (answer, _) = ada.visit(&app.ask(&[("response_mode", "jwt")])).await;
    let token = delivered_params(&answer, CALLBACK).remove("response").unwrap();
    let answer = ada.browser.get(&app.ask(&[("prompt", "none"), ("id_token_hint", &token)])).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    let answer = ada.browser.get(&format!("/api/oidc/end-session?id_token_hint={token}")).await;
    assert!(location(&answer).starts_with("/logout"), "the person is asked: {answer:?}");
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 200);
    assert_eq!(userinfo(&w, &json!(token)).await.status(), 401);
}
