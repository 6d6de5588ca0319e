//! Pairwise subject identifiers (OpenID Connect Core §8): another `sub` for each sector.

use crate::stage::*;
use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

const SECTOR: &str = "https://sector.example/callbacks.json";

fn pairwise(changes: Value) -> Value {
    let mut all = json!({ "skipConsent": true, "metadata": { "subject_type": "pairwise" } });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn sub(token: &Value) -> String {
    claims(token)["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_sub_a_sector_the_same_everywhere() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, pairwise(json!({}))).await;
    let sibling =
        App::register(&ada, pairwise(json!({ "callbackURLs": [CALLBACK, "https://app.example/2"] }))).await;
    let open = App::register(&ada, json!({ "skipConsent": true })).await;
    let all = [("scope", "openid profile email groups offline_access")];

    let tokens = ada.tokens(&app, &all).await;
    let mine = sub(&tokens["id_token"]);
    assert_eq!(mine.len(), 43);
    assert_eq!(sub(&tokens["access_token"]), mine);
    let told = json_of(&userinfo(&w, &tokens["access_token"]).await);
    assert_eq!(told["sub"], mine);
    let basic = basic(&app.id, app.secret.as_deref().unwrap());
    for name in ["access_token", "refresh_token"] {
        let headers = [("content-type", FORM), ("authorization", basic.as_str())];
        let body = encode(&[("token", tokens[name].as_str().unwrap())]);
        let answer = w.request(request(Method::POST, "/api/oidc/introspect", &headers, &body)).await;
        assert_eq!(json_of(&answer)["sub"], mine, "{name}");
    }
    let again = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    assert_eq!((sub(&again["id_token"]), sub(&again["access_token"])), (mine.clone(), mine.clone()));
    // nothing names the account: not the address of the picture either
    for part in [claims(&tokens["id_token"]), claims(&tokens["access_token"]), told] {
        assert!(!part.to_string().contains(&ada.id), "{part}");
    }
    assert_eq!(sub(&ada.tokens(&sibling, &all).await["id_token"]), mine);
    assert_ne!(sub(&bob.tokens(&app, &all).await["id_token"]), mine);
    assert_eq!(sub(&ada.tokens(&open, &all).await["id_token"]), ada.id);
}

#[tokio::test]
async fn another_sector_is_another_person() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let list = Bytes::from(json!([CALLBACK]).to_string());
    w.fetch.answer(&Method::GET, SECTOR, Ok(Response::new(list)));
    let app = App::register(&ada, pairwise(json!({}))).await;
    let metadata = json!({ "subject_type": "pairwise", "sector_identifier_uri": SECTOR });
    let named = App::register(&ada, pairwise(json!({ "metadata": metadata }))).await;
    let (one, other) = (ada.tokens(&app, &[]).await, ada.tokens(&named, &[]).await);
    assert_ne!(sub(&one["id_token"]), sub(&other["id_token"]));
}

#[tokio::test]
async fn the_salt_is_made_once_and_sealed() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, pairwise(json!({}))).await;
    let fact = "SELECT COUNT(*) FROM instance WHERE name = 'pairwise_salt'";
    assert_eq!(cell(&w, fact).await, "0");
    let before = sub(&ada.tokens(&app, &[]).await["id_token"]);
    let sealed = cell(&w, "SELECT value FROM instance WHERE name = 'pairwise_salt'").await;
    // 12 bytes of nonce, 32 of salt, 16 of tag
    assert_eq!(proto::b64::decode(&sealed).unwrap().len(), 60);

    // another node reads it, and never writes it
    let node = w.another_node(|_| {});
    let code = ada.code(&app, &[]).await;
    let answer = json_of(&app.exchange(&node, &code).await);
    assert_eq!(sub(&answer["id_token"]), before);
    assert_eq!(cell(&w, "SELECT value FROM instance WHERE name = 'pairwise_salt'").await, sealed);

    // one that does not open is a fault, not a new salt
    change(&w, Stmt::new("UPDATE instance SET value = 'AAAA' WHERE name = 'pairwise_salt'")).await;
    let node = w.another_node(|_| {});
    let code = ada.code(&app, &[]).await;
    assert_eq!(app.exchange(&node, &code).await.status(), 500);
    assert_eq!(cell(&w, "SELECT value FROM instance WHERE name = 'pairwise_salt'").await, "AAAA");
}

#[tokio::test]
async fn hints_are_mapped_back() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app =
        App::register(&ada, pairwise(json!({ "logoutCallbackURLs": ["https://app.example/bye"] }))).await;
    let open = App::register(&ada, json!({ "skipConsent": true })).await;
    let of = async |person: &mut Person<'_>, app: &App| {
        person.tokens(app, &[]).await["id_token"].as_str().unwrap().to_owned()
    };
    let (mine, bobs, public) =
        (of(&mut ada, &app).await, of(&mut bob, &app).await, of(&mut ada, &open).await);
    for (hint, expected) in [(&mine, "code"), (&bobs, "login_required"), (&public, "login_required")] {
        let ask = app.ask(&[("id_token_hint", hint), ("prompt", "none")]);
        let params = response_params(&ada.browser.get(&ask).await, CALLBACK);
        let outcome = params.get("error").map_or("code", String::as_str);
        assert_eq!(outcome, expected);
    }
    // bob's hint does not sign ada out, her own does
    let end = |hint: &str| format!("/api/oidc/end-session?{}", encode(&[("id_token_hint", hint)]));
    assert!(location(&ada.browser.get(&end(&bobs)).await).starts_with("/logout"));
    assert_eq!(location(&ada.browser.get(&end(&mine)).await), "https://app.example/bye");
    assert_eq!(ada.session(), None);
}

#[tokio::test]
async fn tokens_of_before_the_change_are_no_longer_taken() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    let input = pairwise(json!({ "name": "Photos", "callbackURLs": [CALLBACK] }));
    let path = format!("/api/oidc/clients/{}", app.id);
    assert_eq!(ada.browser.send_json(Method::PUT, &path, &input).await.status(), 200);
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    let again = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    assert_ne!(sub(&again["id_token"]), ada.id);
    assert_eq!(userinfo(&w, &again["access_token"]).await.status(), 200);
}

async fn register(ada: &Person<'_>, callbacks: &[&str], metadata: Value) -> (u16, String) {
    let input = json!({ "name": "A", "callbackURLs": callbacks, "metadata": metadata });
    let answer = ada.browser.send_json(Method::POST, "/api/oidc/clients", &input).await;
    let body = json_of(&answer);
    let code = body["details"]["fields"][0]["code"].as_str().unwrap_or_default().to_owned();
    (answer.status().as_u16(), code)
}

#[tokio::test]
async fn a_client_without_a_sector_is_not_saved() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let two = ["https://a.example/cb", "https://b.example/cb"];
    let refused = |code: &str| (400, code.to_owned());
    let wants = json!({ "subject_type": "pairwise" });
    for callbacks in [&two[..], &[], &["https://*.example/cb"], &["com.app:/cb"]] {
        let answer = register(&ada, callbacks, wants.clone()).await;
        assert_eq!(answer, refused("sector_identifier_uri"), "{callbacks:?}");
    }
    assert_eq!(register(&ada, &two[..1], json!({ "subject_type": "odd" })).await, refused("subject_type"));
    for uri in ["http://sector.example/", "nothing"] {
        let metadata = json!({ "subject_type": "pairwise", "sector_identifier_uri": uri });
        assert_eq!(register(&ada, &two, metadata).await, refused("sector_identifier_uri"), "{uri}");
    }
    assert_eq!(w.fetch.take_requests().len(), 0);
    assert_eq!(register(&ada, &two[..1], wants).await.0, 201);
    assert_eq!(register(&ada, &two, json!({ "subject_type": "public" })).await.0, 201);
}

#[tokio::test]
async fn the_sector_document_must_name_every_callback() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let two = ["https://a.example/cb", "https://b.example/cb"];
    let metadata = json!({ "subject_type": "pairwise", "sector_identifier_uri": SECTOR });
    let refused = (400, "sector_identifier_uri".to_owned());
    // nothing answers
    assert_eq!(register(&ada, &two, metadata.clone()).await, refused);
    let answers = [
        (200, json!(["https://a.example/cb"]).to_string(), 400),
        (200, "<html>".to_owned(), 400),
        (404, json!(two).to_string(), 400),
        (302, json!(two).to_string(), 400),
        (200, "x".repeat(64 * 1024 + 1), 400),
        (200, json!(two).to_string(), 201),
    ];
    for (status, body, expected) in answers {
        let answer = Response::builder().status(status).body(Bytes::from(body)).unwrap();
        w.fetch.answer(&Method::GET, SECTOR, Ok(answer));
        assert_eq!(register(&ada, &two, metadata.clone()).await.0, expected);
    }
    drop(w.fetch.take_requests());
    // what has not changed is not fetched again; what has is
    let id = cell(&w, "SELECT id FROM clients").await;
    let put = async |callbacks: &[&str], name: &str| {
        let input = json!({ "name": name, "callbackURLs": callbacks, "metadata": metadata });
        let path = format!("/api/oidc/clients/{id}");
        ada.browser.send_json(Method::PUT, &path, &input).await.status().as_u16()
    };
    assert_eq!((put(&two, "B").await, w.fetch.take_requests().len()), (200, 0));
    assert_eq!((put(&["https://c.example/cb"], "B").await, w.fetch.take_requests().len()), (400, 1));
    assert_eq!((put(&two[1..], "B").await, w.fetch.take_requests().len()), (200, 1));
}
