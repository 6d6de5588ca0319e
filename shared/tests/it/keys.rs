//! Signing keys: how one follows another while apps, proxies and other nodes hold the old ones.

use crate::stage::*;
use http::Method;
use proto::jose::TokenType;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

const PATH: &str = "/api/signing-keys";
const ES256: [(&str, &str); 1] = [("KEYS_ALGORITHM", "ES256")];

async fn post(ada: &Person<'_>, path: &str, body: Value) -> Answer {
    ada.browser.send_json(Method::POST, &format!("{PATH}{path}"), &body).await
}

async fn rotate(ada: &Person<'_>, body: Value) -> Value {
    let answer = post(ada, "/rotate", body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    json_of(&answer)
}

async fn remove(ada: &Person<'_>, kid: &str) -> Answer {
    ada.browser.send_json(Method::DELETE, &format!("{PATH}/{kid}"), &Value::Null).await
}

/// Algorithm and state of each key, in the order of the listing.
async fn states(ada: &Person<'_>) -> Vec<(String, String)> {
    let list = json_of(&ada.browser.get(PATH).await);
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|k| (text(&k["alg"]), text(&k["state"]))).collect()
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn kid(token: &Value) -> String {
    jwt_part(token.as_str().unwrap(), 0)["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn s26_the_very_first_key_signs_at_once() {
    let w = World::with(&ES256).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let keys = jwks(&w).await;
    assert!(keys.len() == 1 && verifies(&tokens["id_token"], TokenType::IdToken, &keys));
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active")]));
    assert!(audit(&w).await.contains(&"SIGNING_KEY_CREATED".to_owned()));
}

#[tokio::test]
async fn s26_an_app_that_cached_the_keys_goes_on_through_a_rotation() {
    let w = World::with(&ES256).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let old = ada.tokens(&app, &[]).await;
    let mut cached = jwks(&w).await;
    let next = rotate(&ada, json!({})).await;
    assert_eq!((&next["alg"], &next["state"]), (&json!("ES256"), &json!("next")));
    assert_eq!(next["activatesAt"], "2026-01-03T03:04:05Z");
    // hour by hour: a cache that is an hour old is always enough
    let mut signers = vec![kid(&old["id_token"])];
    for _ in 0..30 {
        w.clock.advance(3600);
        ada.sign_in().await;
        let tokens = ada.tokens(&app, &[]).await;
        for (name, typ) in [("id_token", TokenType::IdToken), ("access_token", TokenType::AccessToken)] {
            assert!(verifies(&tokens[name], typ, &cached), "{name}");
        }
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
        signers.push(kid(&tokens["id_token"]));
        cached = jwks(&w).await;
    }
    signers.dedup();
    assert_eq!(signers, [kid(&old["id_token"]), next["kid"].as_str().unwrap().to_owned()]);
    assert_eq!(
        cell(&w, "SELECT COUNT(*) FROM audit_events WHERE event = 'SIGNING_KEY_ACTIVATED'").await,
        "1"
    );
}

#[tokio::test]
async fn s26_a_retired_key_stays_until_the_longest_token_is_over() {
    let w = World::with(&ES256).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "accessTokenDurationMinutes": 180, "skipConsent": true })).await;
    rotate(&ada, json!({})).await;
    w.clock.advance(86_399);
    ada.sign_in().await;
    let last = ada.tokens(&app, &[]).await;
    w.clock.advance(1);
    shared::jobs::tick(&w.host).await.unwrap();
    ada.sign_in().await;
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active"), ("ES256", "retired")]));
    assert_ne!(kid(&ada.tokens(&app, &[]).await["id_token"]), kid(&last["id_token"]));
    let hint = last["id_token"].as_str().unwrap();
    let answer = ada.browser.get(&app.ask(&[("prompt", "none"), ("id_token_hint", hint)])).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    // three hours, a minute for other nodes, a minute for slow clocks
    w.clock.advance(180 * 60 - 2);
    assert_eq!(userinfo(&w, &last["access_token"]).await.status(), 200);
    w.clock.advance(121);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(jwks(&w).await.len(), 2);
    w.clock.advance(1);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM signing_keys").await, "2");
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM signing_keys").await, "1");
    assert_eq!(jwks(&w).await.len(), 1);
}

#[tokio::test]
async fn s26_twenty_rotations_at_once_make_one_key() {
    let w = World::with(&ES256).await;
    let ada = Person::setup(&w).await;
    jwks(&w).await;
    let nodes: Vec<World> = (0..20).map(|_| w.another_node(|_| {})).collect();
    let now = w.host.clock.now();
    let work = nodes.iter().map(|n| shared::keyring::rotation::rotate(&n.host, now, ALG, false, None));
    let made = futures_util::future::join_all(work).await;
    let kids: Vec<String> = made.into_iter().map(|k| k.map(|k| k.row.kid.clone()).unwrap()).collect();
    assert!(kids.iter().all(|k| *k == kids[0]), "{kids:?}");
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active"), ("ES256", "next")]));
    // and when its time has come, twenty nodes sign with it
    w.clock.advance(86_400);
    futures_util::future::join_all(nodes.iter().map(jwks)).await;
    let stored = rows(&w, Stmt::new("SELECT kid, state FROM signing_keys ORDER BY state")).await;
    assert_eq!((stored[0][1].as_str(), stored[1][1].as_str(), stored.len()), ("active", "retired", 2));
    assert_eq!(stored[0][0], kids[0]);
    for node in &nodes {
        let key = shared::keyring::active(&node.host, w.host.clock.now()).await.unwrap();
        assert_eq!(key.row.kid, kids[0]);
    }
}

const ALG: proto::jose::Alg = proto::jose::Alg::ES256;

#[tokio::test]
async fn s26_an_emergency_replaces_the_key_at_once_and_revoking_ends_its_tokens() {
    let w = World::with(&ES256).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let stolen = ada.tokens(&app, &[]).await;
    let waiting = rotate(&ada, json!({})).await;
    let old = kid(&stolen["id_token"]);
    assert_eq!(error(&remove(&ada, &old).await), (409, "signing_key_in_use".into()));
    let new = rotate(&ada, json!({ "immediately": true, "alg": "ES256" })).await;
    assert_eq!(new["state"], "active");
    // the one that waited may have leaked along
    assert_ne!(new["kid"], waiting["kid"]);
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active"), ("ES256", "retired")]));
    let tokens = ada.tokens(&app, &[]).await;
    assert_eq!(json!(kid(&tokens["access_token"])), new["kid"]);
    assert_eq!(userinfo(&w, &stolen["access_token"]).await.status(), 200);

    let other = w.another_node(|_| {});
    assert_eq!(userinfo(&other, &stolen["access_token"]).await.status(), 200);
    assert_eq!(remove(&ada, &old).await.status(), 204);
    assert_eq!(error(&remove(&ada, &old).await), (404, "not_found".into()));
    assert_eq!(jwks(&w).await.len(), 1);
    assert_eq!(userinfo(&w, &stolen["access_token"]).await.status(), 401);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    w.clock.advance(60);
    assert_eq!(userinfo(&other, &stolen["access_token"]).await.status(), 401);
    assert_eq!(
        rows(&w, Stmt::new("SELECT event, user_id FROM audit_events WHERE event LIKE 'SIGNING%' AND user_id IS NOT NULL ORDER BY created_at, event")).await,
        [["SIGNING_KEY_CREATED", &ada.id], ["SIGNING_KEY_CREATED", &ada.id], ["SIGNING_KEY_REVOKED", &ada.id]]
    );
}

#[tokio::test]
async fn s26_a_node_learns_of_a_key_that_another_made() {
    let w = World::with(&ES256).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    ada.tokens(&app, &[]).await;
    let other = w.another_node(|_| {});
    w.clock.advance(30);
    assert_eq!(jwks(&other).await.len(), 1);
    w.clock.advance(30);
    rotate(&ada, json!({ "immediately": true })).await;
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

#[tokio::test]
async fn a_client_gets_id_tokens_in_the_algorithm_it_asks_for() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let plain = App::register(&ada, json!({ "skipConsent": true })).await;
    ada.tokens(&plain, &[]).await;
    let wish = |alg: &str| json!({ "name": "A", "callbackURLs": [CALLBACK], "metadata": { "id_token_signed_response_alg": alg } });
    // no algorithm without a key, not even one whose key waits
    let refused = ada.browser.send_json(Method::POST, "/api/oidc/clients", &wish("ES384")).await;
    assert_eq!(json_of(&refused)["details"]["fields"][0]["field"], "id_token_signed_response_alg");
    let added = post(&ada, "", json!({ "alg": "ES384" })).await;
    assert_eq!((added.status().as_u16(), &json_of(&added)["state"]), (201, &json!("next")));
    let path = format!("/api/oidc/clients/{}", plain.id);
    let refused = ada.browser.send_json(Method::PUT, &path, &wish("ES384")).await;
    assert_eq!(error(&refused), (400, "validation_failed".into()));
    assert_eq!(
        error(&post(&ada, "", json!({ "alg": "ES384" })).await),
        (409, "signing_key_already_exists".into())
    );
    w.clock.advance(600);
    post(&ada, "", json!({ "alg": "EdDSA", "immediately": true })).await;

    let discovery = json_of(&w.browser().get("/.well-known/openid-configuration").await);
    assert_eq!(discovery["id_token_signing_alg_values_supported"], json!(["RS256", "ES384", "EdDSA"]));
    for alg in ["ES384", "EdDSA", "RS256"] {
        let app = App::register(&ada, wish(alg)).await;
        let tokens = ada.tokens(&app, &[]).await;
        let keys = jwks(&w).await;
        let (id, access) = (tokens["id_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap());
        assert_eq!(jwt_part(id, 0)["alg"], alg);
        assert_eq!(jwt_part(access, 0)["alg"], "RS256", "access tokens are for APIs");
        assert!(verifies(&tokens["id_token"], TokenType::IdToken, &keys));
        let at_hash = proto::oidc::id_token::half_hash(alg.parse().unwrap(), access);
        assert_eq!(jwt_part(id, 1)["at_hash"], at_hash);
        // refreshed ones too, and they count as hints
        let again = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
        assert_eq!(jwt_part(again["id_token"].as_str().unwrap(), 0)["alg"], alg);
        let hinted = ada.browser.get(&app.ask(&[("prompt", "none"), ("id_token_hint", id)])).await;
        assert!(response_params(&hinted, CALLBACK).contains_key("code"), "{alg}");
    }
    // a key that a client asks for stays; without one there is an error, never another algorithm
    let kid_of = async |alg: &str| {
        let key = Stmt::new("SELECT kid FROM signing_keys WHERE alg = ?1").bind(alg);
        rows(&w, key).await[0][0].clone()
    };
    assert_eq!(error(&remove(&ada, &kid_of("ES384").await).await), (409, "signing_key_in_use".into()));
    let app = App::register(&ada, wish("ES384")).await;
    let code = ada.code(&app, &[]).await;
    change(&w, Stmt::new("DELETE FROM signing_keys WHERE alg = 'ES384'")).await;
    w.clock.advance(59);
    let node = w.another_node(|_| {});
    assert_eq!(error(&app.exchange(&node, &code).await), (500, "server_error".into()));
    change(&w, Stmt::new("UPDATE clients SET metadata = '{}'")).await;
    assert_eq!(remove(&ada, &kid_of("EdDSA").await).await.status(), 204);
    assert_eq!(error(&remove(&ada, &kid_of("RS256").await).await), (409, "signing_key_in_use".into()));
}

#[tokio::test]
async fn another_default_algorithm_is_published_before_it_signs() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    ada.tokens(&app, &[]).await;
    w.clock.advance(60);
    let node = w.another_node(|host| {
        std::sync::Arc::make_mut(&mut host.settings).keys_algorithm = ALG;
    });
    let algs =
        |keys: &[Value]| keys.iter().map(|k| k["alg"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(algs(&jwks(&node).await), ["RS256", "ES256"]);
    let code = ada.code(&app, &[]).await;
    let tokens = json_of(&app.exchange(&node, &code).await);
    assert_eq!(jwt_part(tokens["id_token"].as_str().unwrap(), 0)["alg"], "RS256");
    w.clock.advance(600);
    let code = ada.code(&app, &[]).await;
    let tokens = json_of(&app.exchange(&node, &code).await);
    assert_eq!(jwt_part(tokens["id_token"].as_str().unwrap(), 0)["alg"], "ES256");
    assert_eq!(algs(&jwks(&node).await), ["ES256", "RS256"]);
}

#[tokio::test]
async fn keys_are_replaced_on_schedule() {
    let w = World::with(&[("KEYS_ALGORITHM", "ES256"), ("KEYS_ROTATION_DAYS", "90")]).await;
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM signing_keys").await, "0");
    jwks(&w).await;
    let mut seen = Vec::new();
    for _ in 0..200 {
        w.clock.advance(86_400);
        shared::jobs::tick(&w.host).await.unwrap();
        shared::jobs::tick(&w.host).await.unwrap();
        seen.push(jwks(&w).await.len());
    }
    // the 90th day announces, the 91st activates, the 92nd has forgotten the old one
    let busy: Vec<usize> = (0..200).filter(|day| seen[*day] == 2).map(|day| day + 1).collect();
    assert_eq!(busy, [90, 91, 181, 182]);
    assert!(seen.iter().all(|n| *n <= 2));
    let never = World::with(&ES256).await;
    jwks(&never).await;
    never.clock.advance(4000 * 86_400);
    shared::jobs::tick(&never.host).await.unwrap();
    assert_eq!(jwks(&never).await.len(), 1);
}

#[tokio::test]
async fn a_key_pair_without_a_future_is_still_replaced() {
    let w = World::with(&ES256).await;
    let ada = Person::setup(&w).await;
    jwks(&w).await;
    // whatever took the active key away
    change(&w, Stmt::new("UPDATE signing_keys SET state = 'retired'")).await;
    w.clock.advance(60);
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active"), ("ES256", "retired")]));
    rotate(&ada, json!({})).await;
    change(&w, Stmt::new("DELETE FROM signing_keys WHERE state <> 'next'")).await;
    w.clock.advance(60);
    assert_eq!(states(&ada).await, pairs(&[("ES256", "active")]));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let w = World::with(&ES256).await;
    let ada = Person::setup(&w).await;
    let table = [
        ("", json!({}), (400, "validation_failed")),
        ("", json!({ "alg": "HS256" }), (400, "validation_failed")),
        ("", json!({ "alg": "es256" }), (400, "validation_failed")),
        ("", json!({ "alg": 1 }), (400, "invalid_request_body")),
        ("", json!({ "alg": "ES256" }), (409, "signing_key_already_exists")),
        ("/rotate", json!({ "alg": "none" }), (400, "validation_failed")),
        ("/rotate", json!({ "alg": "ES384" }), (404, "not_found")),
    ];
    for (path, body, (status, code)) in table {
        assert_eq!(error(&post(&ada, path, body.clone()).await), (status, code.into()), "{path} {body}");
    }
    assert_eq!(error(&remove(&ada, "no-such-key").await), (404, "not_found".into()));
    let list = json_of(&ada.browser.get(PATH).await);
    let names: Vec<&String> = list[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["activatesAt", "alg", "createdAt", "expiresAt", "kid", "retiredAt", "state"]);
    // an empty body rotates
    let answer = ada.browser.send_json(Method::POST, &format!("{PATH}/rotate"), &json!({})).await;
    assert_eq!(json_of(&answer)["state"], "next");
}
