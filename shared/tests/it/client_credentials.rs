//! `grant_type=client_credentials`: what a client gets for itself, and how it ends.

use crate::apis::{FILES, let_in, make_api, put_permissions};
use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;

async fn ask(w: &World, app: &App, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![("grant_type", "client_credentials")];
    pairs.extend(more);
    app.token(w, &pairs).await
}

#[tokio::test]
async fn a_token_for_an_api_and_one_for_itself() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write", "erase"]).await;
    let app = App::register(&ada, json!({ "accessTokenDurationMinutes": 5 })).await;
    let_in(&ada, &api, &app, Some(&["erase"]), Some(&["read", "write"])).await;

    let answer = ask(&w, &app, &[("resource", "https://files.example/")]).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "cache-control")), (200, "no-store"));
    let body = json_of(&answer);
    let mut names: Vec<&String> = body.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(
        names,
        ["access_token", "expires_in", "scope", "token_type"],
        "nothing to refresh, nobody to identify"
    );
    assert_eq!((&body["scope"], &body["expires_in"]), (&json!("read write"), &json!(300)));
    let token = claims(&body["access_token"]);
    assert_eq!(
        (&token["sub"], &token["aud"], &token["client_id"], &token["scp"]),
        (&json!(format!("client-{}", app.id)), &json!([FILES]), &json!(app.id), &json!(["read", "write"]))
    );
    assert_eq!(jwt_part(body["access_token"].as_str().unwrap(), 0)["typ"], "at+jwt");
    let granted = Stmt::new("SELECT kind, user_id, session_id, scope, resource FROM grants");
    assert_eq!(rows(&w, granted).await, [["client_credentials", "-", "-", "read write", FILES]]);

    let own = json_of(&ask(&w, &app, &[("scope", "openid email offline_access made-up")]).await);
    assert_eq!((&own["scope"], &claims(&own["access_token"])["aud"]), (&json!(""), &json!([app.id])));
    assert_eq!(userinfo(&w, &own["access_token"]).await.status(), 403, "there is nobody to tell about");
    let less = json_of(&ask(&w, &app, &[("resource", FILES), ("scope", "openid read")]).await);
    assert_eq!(less["scope"], "read");
}

#[tokio::test]
async fn each_refusal() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let hidden = make_api(&ada, "urn:hidden", &["secret"]).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let limited = App::register(&ada, json!({ "metadata": { "grant_types": ["authorization_code"] } })).await;
    let_in(&ada, &api, &app, Some(&["write"]), Some(&["read"])).await;
    let_in(&ada, &hidden, &app, Some(&["secret"]), None).await;
    for (resource, scope, want) in [
        ("https://nowhere.example", "", (400, "invalid_target")),
        ("files", "", (400, "invalid_target")),
        ("https://files.example#x", "", (400, "invalid_target")),
        ("urn:hidden", "", (403, "access_denied")),
        (FILES, "write", (400, "invalid_scope")),
        (FILES, "read\"", (400, "invalid_scope")),
        ("", "read", (400, "invalid_scope")),
    ] {
        let answer = ask(&w, &app, &[("resource", resource), ("scope", scope)]).await;
        assert_eq!(error(&answer), (want.0, want.1.into()), "{resource} {scope}");
    }
    for app in [&public, &limited] {
        assert_eq!(error(&ask(&w, app, &[]).await), (400, "unauthorized_client".into()));
    }
    let wrong = App { id: app.id.clone(), secret: Some("wrong".into()) };
    assert_eq!(error(&ask(&w, &wrong, &[("resource", FILES)]).await), (401, "invalid_client".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}

#[tokio::test]
async fn what_a_client_has_of_its_own_ends_with_its_access() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let app = App::register(&ada, json!({})).await;
    let_in(&ada, &api, &app, None, Some(&["read", "write"])).await;
    for scope in ["read", "write", "read write"] {
        assert_eq!(ask(&w, &app, &[("resource", FILES), ("scope", scope)]).await.status(), 200);
    }
    let ended = async || rows(&w, Stmt::new("SELECT scope, revoked_reason FROM grants ORDER BY scope")).await;
    let_in(&ada, &api, &app, Some(&["write"]), Some(&["read"])).await;
    let lost = "api_access_ended";
    assert_eq!(ended().await, [["read", "-"], ["read write", lost], ["write", lost]]);
    put_permissions(&ada, &api.0, &["write"]).await;
    assert_eq!(ended().await[0], ["read", "permission_removed"]);
    assert_eq!(error(&ask(&w, &app, &[("resource", FILES)]).await), (403, "access_denied".into()));
}

#[tokio::test]
async fn refreshing_looks_at_the_api_again() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let app = App::register(&ada, json!({})).await;
    let_in(&ada, &api, &app, Some(&["read", "write"]), None).await;
    let ask = [("scope", "openid read write"), ("resource", "https://files.example/")];
    let tokens = ada.tokens(&app, &ask).await;
    assert_eq!(tokens["scope"], "openid read write");
    let issuer = w.host.settings.app_url.as_str();
    assert_eq!(claims(&tokens["access_token"])["aud"], json!([FILES, issuer]));
    assert_eq!(claims(&tokens["id_token"])["aud"], json!([app.id]));
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    let consent = cell(&w, "SELECT scope FROM consents").await;
    assert_eq!(
        serde_json::from_str::<Vec<String>>(&consent).unwrap(),
        [
            "openid",
            "https://files.example\u{1f}read",
            "https://files.example\u{1f}write",
            "https://files.example\u{1f}"
        ]
    );

    let refresh = async |token: &serde_json::Value, more: &[(&str, &str)]| {
        let mut pairs = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        pairs.extend(more);
        app.token(&w, &pairs).await
    };
    let first = &tokens["refresh_token"];
    for other in ["urn:other", "https://files.example/x"] {
        assert_eq!(error(&refresh(first, &[("resource", other)]).await), (400, "invalid_target".into()));
    }
    let next = json_of(&refresh(first, &[("resource", FILES), ("scope", "read")]).await);
    assert_eq!((&next["scope"], &claims(&next["access_token"])["aud"]), (&json!("read"), &json!([FILES])));

    // behind the server's back first: the check at each use, not the revocation, must see it
    change(&w, Stmt::new("DELETE FROM api_client_permissions")).await;
    assert_eq!(error(&refresh(&next["refresh_token"], &[]).await), (400, "invalid_grant".into()));
    let_in(&ada, &api, &app, Some(&["read", "write"]), None).await;
    let again = json_of(&refresh(&next["refresh_token"], &[]).await);
    assert_eq!(again["scope"], "openid read write");
    let path = format!("/api/apis/{}/clients/{}", api.0, app.id);
    assert_eq!(ada.browser.send_json(Method::DELETE, &path, &json!({})).await.status(), 204);
    assert_eq!(error(&refresh(&again["refresh_token"], &[]).await), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&w, &again["access_token"]).await.status(), 401, "at once");
    assert_eq!(cell(&w, "SELECT revoked_reason FROM grants").await, "api_access_ended");
}

#[tokio::test]
async fn removing_a_permission_or_the_api_ends_what_was_issued() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "read:all"]).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let_in(&ada, &api, &app, Some(&["read", "read:all"]), None).await;
    let one = ada.tokens(&app, &[("scope", "openid read"), ("resource", FILES)]).await;
    let two = ada.tokens(&app, &[("scope", "read:all openid"), ("resource", FILES)]).await;
    let plain = ada.tokens(&app, &[]).await;
    put_permissions(&ada, &api.0, &["read"]).await;
    assert_eq!(error(&app.refresh(&w, &two["refresh_token"]).await), (400, "invalid_grant".into()));
    let one = json_of(&app.refresh(&w, &one["refresh_token"]).await);
    assert_eq!(one["scope"], "openid read", "the permission whose key it begins with stays");
    let gone = ada.browser.send_json(Method::DELETE, &format!("/api/apis/{}", api.0), &json!({})).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(error(&app.refresh(&w, &one["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(app.refresh(&w, &plain["refresh_token"]).await.status(), 200);
}

#[tokio::test]
async fn a_code_is_bound_to_its_api() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read"]).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let_in(&ada, &api, &app, Some(&["read"]), None).await;
    let redeem = async |code: &str, resource: &str| {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ];
        app.token(&w, &pairs).await
    };
    let code = ada.code(&app, &[("scope", "read"), ("resource", FILES)]).await;
    assert_eq!(error(&redeem(&code, "urn:other").await), (400, "invalid_target".into()));
    assert_eq!(json_of(&redeem(&code, FILES).await)["scope"], "read");
    let plain = ada.code(&app, &[]).await;
    assert_eq!(error(&redeem(&plain, FILES).await), (400, "invalid_target".into()), "no API was asked for");
    let late = ada.code(&app, &[("scope", "read"), ("resource", FILES)]).await;
    change(&w, Stmt::new("DELETE FROM api_clients")).await;
    assert_eq!(error(&redeem(&late, FILES).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn what_is_wrong_with_an_api_is_not_told_to_strangers() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    make_api(&ada, "urn:hidden", &["secret"]).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let_in(&ada, &api, &app, Some(&["read"]), None).await;
    let mut answers = std::collections::BTreeSet::new();
    for (resource, scope) in
        [("urn:hidden", "openid"), ("urn:nowhere", "openid"), ("nonsense", "openid"), (FILES, "write")]
    {
        let (answer, _) = ada.visit(&app.ask(&[("resource", resource), ("scope", scope)])).await;
        answers.insert(field(&answer, "location").to_owned());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.first().unwrap().contains("error=invalid_request"), "{answers:?}");
    let error_of = async |ada: &mut Person<'_>, scope: &str| {
        let (answer, _) = ada.visit(&app.ask(&[("scope", scope)])).await;
        response_params(&answer, CALLBACK).get("error").cloned().unwrap_or_default()
    };
    assert_eq!(error_of(&mut ada, "openid read").await, "invalid_scope");
    assert_eq!(error_of(&mut ada, "openid secret").await, "", "dropped like any unknown word");
}

#[tokio::test]
async fn consent_to_an_api_is_asked_by_name_and_looked_at_again_afterwards() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let app = App::register(&ada, json!({})).await;
    let_in(&ada, &api, &app, Some(&["read", "write"]), None).await;
    let ask = app.ask(&[("scope", "openid read"), ("resource", FILES)]);
    let page = ada.follow(ada.browser.get(&ask).await).await;
    assert_eq!(step(&page), "consent");
    assert!(
        text(&page).contains("At <bdi>Files</bdi>, <bdi>Photos</bdi> will be able to"),
        "{}",
        text(&page)
    );
    assert!(text(&page).contains("<bdi>May read</bdi>") && !text(&page).contains("May write"));
    let_in(&ada, &api, &app, Some(&["write"]), None).await;
    let answer = ada.follow(ada.press(&page, "allow").await).await;
    assert_eq!(
        response_params(&answer, CALLBACK)["error"],
        "invalid_request",
        "lost while the page was open"
    );
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}
