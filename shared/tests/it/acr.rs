//! How strongly people must sign in: `acr_values`, an essential `acr`, and what the tokens say about it.

use crate::stage::*;
use serde_json::json;
use shared::db::Stmt;
use std::collections::BTreeMap;
use testkit::World;
use testkit::authenticator::{BE, BS, UP, UV};

const ESSENTIAL: &str = r#"{"id_token":{"acr":{"essential":true,"values":["phrh"]}}}"#;
const UNMET: &str = "unmet_authentication_requirements";

/// Bob with a synced passkey.
async fn synced(w: &World) -> Person<'_> {
    let mut bob = Person::join(w, "bob", 2).await;
    change(
        w,
        Stmt::new("UPDATE passkeys SET backup_eligible = 1, backup_state = 1 WHERE user_id = ?1")
            .bind(&bob.id),
    )
    .await;
    bob.key.flags = UP | UV | BE | BS;
    bob
}

fn outcome(answer: &Answer) -> BTreeMap<String, String> {
    response_params(answer, CALLBACK)
}

#[tokio::test]
async fn tokens_say_how_strong_the_sign_in_was() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = synced(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    for (person, acr, amr) in
        [(&mut ada, "phrh", json!(["phr", "hwk"])), (&mut bob, "phr", json!(["phr", "swk"]))]
    {
        let tokens = person.tokens(&app, &[]).await;
        let (id, access) = (claims(&tokens["id_token"]), claims(&tokens["access_token"]));
        assert_eq!((&id["acr"], &id["amr"]), (&json!(acr), &amr));
        // for APIs that ask for more (RFC 9470)
        assert_eq!((&access["acr"], &access["auth_time"]), (&json!(acr), &id["auth_time"]));
        let again = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
        assert_eq!(claims(&again["id_token"])["acr"], acr);
    }
    // one of the classes that were asked for is named, if it is met
    let weaker = ada.tokens(&app, &[("acr_values", "phr phrh")]).await;
    assert_eq!(claims(&weaker["id_token"])["acr"], "phr");
    // a session of which nothing is known
    change(&w, Stmt::new("UPDATE sessions SET acr = NULL")).await;
    let tokens = ada.tokens(&app, &[]).await;
    assert_eq!(claims(&tokens["id_token"])["acr"], "0");
    assert_eq!(claims(&tokens["access_token"]).get("acr"), None);
}

#[tokio::test]
async fn a_wish_asks_once_and_goes_on() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = synced(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    bob.sign_in().await;
    assert_eq!(bob.visit(&app.ask(&[("acr_values", "phr")])).await.1, [""; 0]);
    let (answer, seen) = bob.visit(&app.ask(&[("acr_values", "phrh")])).await;
    assert_eq!(seen, ["reauthenticate"]);
    assert!(outcome(&answer).contains_key("code"));
    // names of others mean nothing; a silent request is not failed for a wish
    assert_eq!(bob.visit(&app.ask(&[("acr_values", "urn:mace:silver 2")])).await.1, [""; 0]);
    let silent = bob.browser.get(&app.ask(&[("acr_values", "phrh"), ("prompt", "none")])).await;
    assert!(outcome(&silent).contains_key("code"));
    // the client's default, which the request replaces
    let metadata = json!({ "default_acr_values": ["phrh"] });
    let strict = App::register(&ada, json!({ "skipConsent": true, "metadata": metadata })).await;
    assert_eq!(bob.visit(&strict.ask(&[])).await.1, ["reauthenticate"]);
    assert_eq!(bob.visit(&strict.ask(&[("acr_values", "phr")])).await.1, [""; 0]);
}

#[tokio::test]
async fn an_essential_class_is_met_or_an_error() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = synced(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let ask = app.ask(&[("claims", ESSENTIAL)]);
    // strong enough already
    let tokens = ada.tokens(&app, &[("claims", ESSENTIAL)]).await;
    assert_eq!(claims(&tokens["id_token"])["acr"], "phrh");

    bob.sign_in().await;
    let silent = bob.browser.get(&app.ask(&[("claims", ESSENTIAL), ("prompt", "none")])).await;
    assert_eq!(outcome(&silent)["error"], "login_required");
    let page = bob.follow(bob.browser.get(&ask).await).await;
    assert_eq!(step(&page), "reauthenticate");
    assert!(text(&page).contains("stays on one device"));
    // the same weak passkey again: the app is told, and the request is over
    let answer = bob.answer(&page).await;
    let answer = bob.follow(answer).await;
    let told = outcome(&answer);
    assert_eq!((told["error"].as_str(), told["state"].as_str()), (UNMET, "st4te"));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
    assert_eq!(
        cell(&w, "SELECT COUNT(*) FROM grants WHERE user_id <> (SELECT id FROM users WHERE is_admin = 1)")
            .await,
        "0"
    );

    // a device-bound one is enough, also after the page was met by nobody
    let mut visitor = Person::join(&w, "eve", 3).await;
    let (answer, seen) = visitor.visit(&ask).await;
    assert_eq!(seen, ["authenticate"]);
    assert!(outcome(&answer).contains_key("code"));
}

#[tokio::test]
async fn a_class_that_is_not_known_cannot_be_essential() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let foreign = ESSENTIAL.replace("phrh", "urn:mace:incommon:iap:silver");
    for prompt in ["", "none"] {
        let ask = app.ask(&[("claims", &foreign), ("prompt", prompt)]);
        for browser in [&ada.browser, &w.browser()] {
            assert_eq!(outcome(&browser.get(&ask).await)["error"], UNMET, "{prompt:?}");
        }
    }
    let mixed = ESSENTIAL.replace("\"phrh\"", "\"urn:x\",\"phr\"");
    assert!(outcome(&ada.browser.get(&app.ask(&[("claims", &mixed)])).await).contains_key("code"));
}

#[tokio::test]
async fn the_client_has_a_default_age() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let metadata = json!({ "default_max_age": 100 });
    let app = App::register(&ada, json!({ "skipConsent": true, "metadata": metadata })).await;
    w.clock.advance(99);
    assert_eq!(ada.visit(&app.ask(&[])).await.1, [""; 0]);
    w.clock.advance(1);
    assert_eq!(ada.visit(&app.ask(&[("max_age", "101")])).await.1, [""; 0]);
    assert_eq!(ada.visit(&app.ask(&[])).await.1, ["reauthenticate"]);
    let bad = json!({ "name": "A", "metadata": { "default_max_age": -1 } });
    let answer = ada.browser.send_json(http::Method::POST, "/api/oidc/clients", &bad).await;
    assert_eq!(error(&answer), (400, "validation_failed".into()));
}

#[tokio::test]
async fn the_app_may_choose_the_language_and_name_the_person() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let visitor = w.browser();
    let page = async |changes: &[(&str, &str)]| {
        let begun = visitor.get(&app.ask(changes)).await;
        visitor.get(location(&begun)).await
    };
    let german =
        page(&[("ui_locales", "fr-CA de"), ("display", "popup"), ("login_hint", "ada\"><b>@example.com")])
            .await;
    assert!(text(&german).contains("<html lang=\"de\""));
    assert!(text(&german).contains("<bdi>ada&quot;&gt;&lt;b&gt;@example.com</bdi>"));
    let unknown = page(&[("ui_locales", "fr tlh"), ("display", "hologram")]).await;
    assert!(text(&unknown).contains("<html lang=\"en\""));
    // whether there is such an account shows nowhere
    let known = page(&[("login_hint", "ada")]).await;
    let nobody = page(&[("login_hint", "eve")]).await;
    let plain = |answer: &Answer| {
        let html = text(answer).replace("eve", "ada");
        // what differs from request to request: challenge and interaction
        html.split('"')
            .filter(|part| part.len() < 40 && !part.contains("challenge"))
            .collect::<Vec<_>>()
            .join("\"")
    };
    assert_eq!(plain(&known), plain(&nobody));
    // every step speaks the language
    let consent = ada.follow(ada.browser.get(&app.ask(&[("ui_locales", "de")])).await).await;
    assert_eq!(step(&consent), "consent");
    assert!(text(&consent).contains("<html lang=\"de\""));
    ada.press(&consent, "allow").await;
}
