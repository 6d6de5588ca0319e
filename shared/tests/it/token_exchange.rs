//! Token exchange (RFC 8693): who may hand on what to whom, and what ends it.

use crate::apis::{FILES, let_in, make_api};
use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID: &str = "urn:ietf:params:oauth:token-type:id_token";

async fn exchange(w: &World, app: &App, token: &Value, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", GRANT),
        ("subject_token", token.as_str().unwrap()),
        ("subject_token_type", ACCESS),
    ];
    for (name, value) in more {
        pairs.retain(|(n, _)| n != name);
        pairs.push((name, value));
    }
    app.token(w, &pairs).await
}

/// An app that people use, with a token of ada for FILES, and a service behind that API which may call MAIL.
struct Scene<'w> {
    ada: Person<'w>,
    app: App,
    service: App,
    token: Value,
    id_token: Value,
}

const MAIL: &str = "urn:mail";

async fn scene(w: &World) -> Scene<'_> {
    let mut ada = Person::setup(w).await;
    let files = make_api(&ada, FILES, &["read", "write"]).await;
    let mail = make_api(&ada, MAIL, &["send", "erase"]).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let metadata = json!({ "token_exchange_audiences": [MAIL, FILES, app.id] });
    let service = App::register(&ada, json!({ "name": "Service", "metadata": metadata })).await;
    let_in(&ada, &files, &app, Some(&["read", "write"]), None).await;
    let_in(&ada, &files, &service, Some(&["read", "write"]), None).await;
    let_in(&ada, &mail, &service, Some(&["send"]), None).await;
    let tokens = ada.tokens(&app, &[("scope", "openid email read"), ("resource", FILES)]).await;
    Scene { ada, app, service, token: tokens["access_token"].clone(), id_token: tokens["id_token"].clone() }
}

#[tokio::test]
async fn s21_a_service_acts_for_a_person_at_another_api() {
    let w = World::new().await;
    let s = scene(&w).await;
    w.clock.advance(600);
    let answer = exchange(&w, &s.service, &s.token, &[("resource", MAIL), ("scope", "send")]).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "cache-control")), (200, "no-store"), "{answer:?}");
    let body = json_of(&answer);
    let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["access_token", "expires_in", "issued_token_type", "scope", "token_type"]);
    assert_eq!((&body["issued_token_type"], &body["expires_in"]), (&json!(ACCESS), &json!(3000)));
    let token = claims(&body["access_token"]);
    assert_eq!(
        (&token["sub"], &token["aud"], &token["scope"], &token["client_id"]),
        (&json!(s.ada.id), &json!([MAIL]), &json!("send"), &json!(s.service.id))
    );
    let act = json!({ "sub": format!("client-{}", s.service.id), "client_id": s.service.id });
    assert_eq!(token["act"], act);
    let row = Stmt::new(
        "SELECT client_id, user_id, session_id IS NULL, scope, resource, actor FROM grants WHERE kind = 'token_exchange'",
    );
    let rows = rows(&w, row).await;
    assert_eq!(rows[0][..5], [&s.service.id, &s.ada.id, "0", "send", MAIL].map(str::to_owned));
    assert_eq!(serde_json::from_str::<Value>(&rows[0][5]).unwrap(), act);
    assert!(audit(&w).await.contains(&"TOKEN_EXCHANGE".to_owned()));

    // the service behind MAIL goes on: the chain says who was before
    let metadata = json!({ "token_exchange_audiences": [FILES] });
    let last = App::register(&s.ada, json!({ "name": "Last", "metadata": metadata })).await;
    let id = cell(&w, "SELECT id FROM apis WHERE resource = 'https://files.example'").await;
    let path = format!("/api/apis/{id}/clients/{}", last.id);
    s.ada.browser.send_json(Method::PUT, &path, &json!({ "userDelegatedAccess": true })).await;
    let next = json_of(&exchange(&w, &last, &body["access_token"], &[("resource", FILES)]).await);
    let chained = claims(&next["access_token"]);
    assert_eq!(chained["act"]["sub"], format!("client-{}", last.id));
    assert_eq!(chained["act"]["act"], act);
    assert!(chained.get("scope").is_none(), "the permission of MAIL is none of FILES");
}

#[tokio::test]
async fn s21_an_id_token_of_its_own_and_an_actor_token() {
    let w = World::new().await;
    let s = scene(&w).await;
    let metadata = json!({ "token_exchange_audiences": [s.service.id] });
    let path = format!("/api/oidc/clients/{}", s.app.id);
    let input =
        json!({ "name": "Photos", "callbackURLs": [CALLBACK], "skipConsent": true, "metadata": metadata });
    assert_eq!(s.ada.browser.send_json(Method::PUT, &path, &input).await.status(), 200);
    let by_id = [("subject_token_type", ID), ("audience", s.service.id.as_str())];
    let answer = exchange(&w, &s.app, &s.id_token, &by_id).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body = json_of(&answer);
    assert_eq!(body["scope"], "openid email");
    assert_eq!(claims(&body["access_token"])["aud"], json!([s.service.id, w.host.settings.app_url.as_str()]));
    // an ID token is for its own client alone, and an access token is no ID token
    let own = [("subject_token_type", ID), ("resource", MAIL)];
    assert_eq!(error(&exchange(&w, &s.service, &s.id_token, &own).await), (400, "invalid_request".into()));
    for (token, kind) in [(&s.token, ID), (&s.id_token, ACCESS)] {
        let wrong = [("subject_token_type", kind), ("audience", s.service.id.as_str())];
        assert_eq!(error(&exchange(&w, &s.app, token, &wrong).await), (400, "invalid_request".into()));
    }
    // the acting party may be named by a token of the client
    let robot = json_of(&s.service.token(&w, &[("grant_type", "client_credentials")]).await);
    let robot = robot["access_token"].as_str().unwrap();
    let with_actor = [("resource", MAIL), ("actor_token", robot), ("actor_token_type", ACCESS)];
    let acted = json_of(&exchange(&w, &s.service, &s.token, &with_actor).await);
    assert_eq!(claims(&acted["access_token"])["act"]["sub"], format!("client-{}", s.service.id));
    let foreign =
        [("resource", MAIL), ("actor_token", s.token.as_str().unwrap()), ("actor_token_type", ACCESS)];
    assert_eq!(error(&exchange(&w, &s.service, &s.token, &foreign).await), (400, "invalid_request".into()));
    change(&w, Stmt::new("UPDATE grants SET revoked_at = 1 WHERE kind = 'client_credentials'")).await;
    let dead = exchange(&w, &s.service, &s.token, &with_actor).await;
    assert_eq!(error(&dead), (400, "invalid_request".into()));
}

#[tokio::test]
async fn s21_default_deny_and_no_upscoping() {
    let w = World::new().await;
    let s = scene(&w).await;
    let third = App::register(&s.ada, json!({ "name": "Third" })).await;
    let public = App::register(
        &s.ada,
        json!({ "isPublic": true, "metadata": { "token_exchange_audiences": [MAIL] } }),
    )
    .await;
    let limited = App::register(
        &s.ada,
        json!({ "metadata": { "grant_types": ["client_credentials"], "token_exchange_audiences": [MAIL] } }),
    )
    .await;
    let run = async |app: &App, more: &[(&str, &str)]| error(&exchange(&w, app, &s.token, more).await);
    let target = (400, "invalid_target".to_owned());
    assert_eq!(run(&third, &[("resource", MAIL)]).await, target, "an empty list allows nothing");
    assert_eq!(run(&third, &[]).await, target);
    assert_eq!(run(&s.service, &[]).await, target, "not even the client itself");
    assert_eq!(run(&s.service, &[("audience", &third.id)]).await, target);
    assert_eq!(run(&s.service, &[("resource", "urn:nowhere")]).await, target);
    assert_eq!(run(&public, &[("resource", MAIL)]).await, (400, "unauthorized_client".into()));
    assert_eq!(run(&limited, &[("resource", MAIL)]).await, (400, "unauthorized_client".into()));
    let scope = (400, "invalid_scope".to_owned());
    for (resource, asked) in
        [(FILES, "write"), (FILES, "openid groups"), (MAIL, "erase"), (MAIL, "read"), (MAIL, "profile send")]
    {
        assert_eq!(
            run(&s.service, &[("resource", resource), ("scope", asked)]).await,
            scope,
            "{resource} {asked}"
        );
    }
    let invalid = (400, "invalid_request".to_owned());
    for more in [
        [("subject_token", ""), ("resource", MAIL)],
        [("subject_token", "garbage"), ("resource", MAIL)],
        [("subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), ("resource", MAIL)],
        [("requested_token_type", ID), ("resource", MAIL)],
        [("audience", MAIL), ("resource", MAIL)],
        [("actor_token", "garbage"), ("resource", MAIL)],
    ] {
        assert_eq!(run(&s.service, &more).await, invalid, "{more:?}");
    }
    // a token that is for its client alone is handed on by nobody else
    let plain = {
        let mut ada = s.ada;
        ada.tokens(&s.app, &[]).await
    };
    let answer = exchange(&w, &s.service, &plain["access_token"], &[("resource", MAIL)]).await;
    assert_eq!(error(&answer), invalid);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE kind = 'token_exchange'").await, "0");
}

#[tokio::test]
async fn s21_only_live_tokens_are_exchanged_and_what_came_of_them_ends_with_the_person() {
    let w = World::new().await;
    let s = scene(&w).await;
    let go = async || exchange(&w, &s.service, &s.token, &[("resource", MAIL), ("scope", "openid")]).await;
    let invalid = (400, "invalid_request".to_owned());
    let token = json_of(&go().await)["access_token"].clone();
    assert_eq!(userinfo(&w, &token).await.status(), 200);

    // not a member, of the service or of the app that the token is for
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1 WHERE name = 'Service'")).await;
    assert_eq!(error(&go().await), (403, "access_denied".into()));
    admit(&w, "staff", &s.ada.id).await;
    allow(&w, &s.service, "staff").await;
    assert_eq!(go().await.status(), 200);
    let for_app = [("audience", s.app.id.as_str())];
    assert_eq!(exchange(&w, &s.service, &s.token, &for_app).await.status(), 200);
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1")).await;
    assert_eq!(error(&exchange(&w, &s.service, &s.token, &for_app).await), (403, "access_denied".into()));
    allow(&w, &s.app, "staff").await;

    let jti = claims(&s.token)["jti"].as_str().unwrap().to_owned();
    change(&w, shared::store::revoked_token::insert(&jti, w.host.clock.now().plus(9999))).await;
    assert_eq!(error(&go().await), invalid, "given back by its client");
    change(&w, Stmt::new("DELETE FROM revoked_access_tokens")).await;
    assert_eq!(go().await.status(), 200);

    // signing out ends the token that came of the exchange too
    let out = s.ada.browser.post_form("/logout", &[]).await;
    assert_eq!(page(&out), (200, "signed_out".into()), "{out:?}");
    assert_eq!(userinfo(&w, &token).await.status(), 401);
    assert_eq!(error(&go().await), invalid);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL").await, "0");
}

#[tokio::test]
async fn s21_an_expired_token_is_not_exchanged() {
    let w = World::new().await;
    let s = scene(&w).await;
    let go = async || exchange(&w, &s.service, &s.token, &[("resource", MAIL)]).await;
    w.clock.advance(3599);
    assert_eq!(json_of(&go().await)["expires_in"], 1);
    w.clock.advance(1);
    assert_eq!(error(&go().await), (400, "invalid_request".into()));
}

#[tokio::test]
async fn s21_the_client_that_the_token_was_given_to_must_still_be_usable() {
    let w = World::new().await;
    let s = scene(&w).await;
    let go = async || exchange(&w, &s.service, &s.token, &[("resource", MAIL)]).await;
    let set = async |sql: &'static str| change(&w, Stmt::new(sql).bind(&s.app.id)).await;
    set("UPDATE clients SET is_group_restricted = 1 WHERE id = ?1").await;
    assert_eq!(error(&go().await), (403, "access_denied".into()), "the person may not use it any more");
    admit(&w, "staff", &s.ada.id).await;
    allow(&w, &s.app, "staff").await;
    assert_eq!(go().await.status(), 200);
    set("UPDATE clients SET approval = 'pending' WHERE id = ?1").await;
    assert_eq!(error(&go().await), (400, "invalid_request".into()), "it waits for approval");
    set("UPDATE clients SET approval = 'approved' WHERE id = ?1").await;
    assert_eq!(go().await.status(), 200);

    // and so must the one that the new token is for
    let other = App::register(&s.ada, json!({ "isGroupRestricted": true })).await;
    let listed = json!({ "token_exchange_audiences": [other.id] }).to_string();
    let stmt = Stmt::new("UPDATE clients SET metadata = ?2 WHERE id = ?1");
    change(&w, stmt.bind(&s.service.id).bind(listed)).await;
    let for_other = async || exchange(&w, &s.service, &s.token, &[("audience", &other.id)]).await;
    assert_eq!(error(&for_other().await), (403, "access_denied".into()));
    allow(&w, &other, "staff").await;
    assert_eq!(for_other().await.status(), 200);
}

#[tokio::test]
async fn s21_nothing_is_exchanged_once_the_session_has_ended() {
    let w = World::new().await;
    let s = scene(&w).await;
    // as a sign-out looks whose end of the grants is not seen yet
    change(&w, Stmt::new("UPDATE sessions SET ended_at = last_seen_at")).await;
    let answer = exchange(&w, &s.service, &s.token, &[("resource", MAIL)]).await;
    assert_eq!(error(&answer), (400, "invalid_request".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE kind = 'token_exchange'").await, "0");
}
