//! Clients that register themselves (RFC 7591), and what they do to their registration afterwards (RFC 7592).

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

const PATH: &str = "/api/oidc/register";

async fn open() -> World {
    World::with(&[("DYNAMIC_CLIENT_REGISTRATION", "open")]).await
}

async fn send(w: &World, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|value| ("authorization", value)));
    w.request(request(method, path, &headers, &body.to_string())).await
}

async fn register(w: &World, token: Option<&str>, changes: Value) -> Answer {
    send(w, Method::POST, PATH, token, &metadata(changes)).await
}

fn metadata(changes: Value) -> Value {
    let mut all = json!({
        "redirect_uris": [CALLBACK], "client_name": "Notes", "grant_types": ["authorization_code", "refresh_token"],
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn text_of<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("{name}: {body}"))
}

fn app_of(body: &Value) -> App {
    App { id: text_of(body, "client_id").into(), secret: body["client_secret"].as_str().map(str::to_owned) }
}

/// Makes an initial access token.
async fn initial(admin: &Person<'_>, input: Value) -> String {
    let answer = admin.browser.send_json(Method::POST, "/api/oidc/initial-access-tokens", &input).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    text_of(&json_of(&answer), "token").to_owned()
}

async fn count(w: &World) -> String {
    cell(w, "SELECT COUNT(*) FROM clients").await
}

#[tokio::test]
async fn registration_gives_an_id_a_secret_and_a_token_and_works() {
    let w = open().await;
    let mut ada = Person::setup(&w).await;
    let answer = register(&w, None, json!({})).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(
        (field(&answer, "cache-control"), field(&answer, "content-type")),
        ("no-store", "application/json")
    );
    let made = json_of(&answer);
    let id = text_of(&made, "client_id");
    let uri = format!("{}{PATH}/{id}", World::APP_URL);
    let mut want = json!({
        "client_id": id, "client_id_issued_at": World::START.0, "client_name": "Notes",
        "client_secret": made["client_secret"], "client_secret_expires_at": 0, "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "registration_access_token": made["registration_access_token"], "registration_client_uri": uri,
    });
    assert_eq!(made, want);
    // Neither secret is kept in clear.
    let kept = rows(&w, Stmt::new("SELECT registration_token_hash FROM clients")).await;
    assert_ne!(kept[0][0], text_of(&made, "registration_access_token"));
    let secrets = rows(&w, Stmt::new("SELECT secret_hash FROM client_secrets")).await;
    assert_ne!(secrets[0][0], text_of(&made, "client_secret"));
    assert!(audit(&w).await.contains(&"CLIENT_REGISTERED".to_owned()));

    let tokens = ada.tokens(&app_of(&made), &[]).await;
    assert!(tokens["refresh_token"].is_string());
    let token = text_of(&made, "registration_access_token");
    let read = send(&w, Method::GET, &format!("{PATH}/{id}"), Some(token), &json!({})).await;
    for name in ["client_secret", "client_secret_expires_at", "registration_access_token"] {
        want.as_object_mut().unwrap().remove(name);
    }
    assert_eq!((read.status().as_u16(), json_of(&read)), (200, want));

    let public = json_of(&register(&w, None, json!({"token_endpoint_auth_method": "none"})).await);
    assert_eq!(public.get("client_secret"), None);
    ada.tokens(&app_of(&public), &[]).await;
    let metadata = w.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(json_of(&metadata)["registration_endpoint"], format!("{}{PATH}", World::APP_URL));
}

#[tokio::test]
async fn where_it_is_off_there_is_no_such_endpoint() {
    let w = World::new().await;
    assert_eq!(register(&w, None, json!({})).await.status(), 404);
    assert_eq!(send(&w, Method::GET, &format!("{PATH}/x"), Some("t"), &json!({})).await.status(), 404);
    let metadata = w.browser().get("/.well-known/openid-configuration").await;
    assert_eq!(json_of(&metadata).get("registration_endpoint"), None);
    assert_eq!(count(&w).await, "0");
}

#[tokio::test]
async fn errors_have_their_codes_and_store_nothing() {
    let w = open().await;
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "AA"});
    for (changes, code) in [
        (json!({"redirect_uris": ["https://*.example/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://app.example/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": []}), "invalid_redirect_uri"),
        (json!({"token_endpoint_auth_method": "client_secret_jwt"}), "invalid_client_metadata"),
        (json!({"token_endpoint_auth_method": "private_key_jwt"}), "invalid_client_metadata"),
        (json!({"jwks": {"keys": [key]}}), "invalid_client_metadata"),
        (json!({"jwks_uri": "http://keys.example/jwks"}), "invalid_client_metadata"),
        (json!({"response_types": ["token"]}), "invalid_client_metadata"),
        (json!({"id_token_signed_response_alg": "none"}), "invalid_client_metadata"),
        (json!({"subject_type": "secret"}), "invalid_client_metadata"),
        (
            json!({"subject_type": "pairwise", "sector_identifier_uri": "https://sector.example/s"}),
            "invalid_client_metadata",
        ),
        (json!({"software_statement": "a.b.c"}), "unapproved_software_statement"),
    ] {
        let answer = register(&w, None, changes.clone()).await;
        assert_eq!(error(&answer), (400, code.into()), "{changes}");
    }
    for (media, body) in [("application/json", "[]"), ("application/json", "x"), (FORM, "a=b")] {
        let answer = w.request(request(Method::POST, PATH, &[("content-type", media)], body)).await;
        assert_eq!(error(&answer), (400, "invalid_client_metadata".into()), "{body}");
    }
    assert_eq!(count(&w).await, "0");
    assert!(!audit(&w).await.contains(&"CLIENT_REGISTERED".to_owned()));
}

#[tokio::test]
async fn s50_a_sector_is_asked_three_times_a_minute() {
    let w = open().await;
    let pairwise = json!({"subject_type": "pairwise", "sector_identifier_uri": "https://sector.example/s"});
    for _ in 0..6 {
        assert_eq!(register(&w, None, pairwise.clone()).await.status(), 400);
    }
    assert_eq!(w.fetch.take_requests().len(), 3);
}

#[tokio::test]
async fn initial_access_tokens_are_shown_once_counted_and_end() {
    let w = World::with(&[("DYNAMIC_CLIENT_REGISTRATION", "token")]).await;
    let ada = Person::setup(&w).await;
    let answer = register(&w, None, json!({})).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "www-authenticate")), (401, "Bearer"));
    assert_eq!(error(&register(&w, Some("made-up"), json!({})).await), (401, "invalid_token".into()));

    let twice = initial(&ada, json!({"name": "Twice", "uses": 2})).await;
    let soon = initial(&ada, json!({"name": "Soon", "expiresAt": "2026-01-02T03:05:05Z"})).await;
    let kept = rows(&w, Stmt::new("SELECT token_hash FROM initial_access_tokens")).await;
    assert!(!kept.iter().any(|row| row[0] == twice || row[0] == soon));
    // A registration that fails takes no use.
    let bad = register(&w, Some(&twice), json!({"redirect_uris": []})).await;
    assert_eq!(error(&bad), (400, "invalid_redirect_uri".into()));
    for status in [201, 201, 401] {
        assert_eq!(register(&w, Some(&twice), json!({})).await.status(), status);
    }
    assert_eq!(register(&w, Some(&soon), json!({})).await.status(), 201);
    w.clock.advance(60);
    assert_eq!(error(&register(&w, Some(&soon), json!({})).await), (401, "invalid_token".into()));
    assert_eq!(count(&w).await, "3");

    let list = json_of(&ada.browser.get("/api/oidc/initial-access-tokens").await);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(list.as_array().unwrap().iter().all(|t| t.get("token").is_none()));
    let path = format!("/api/oidc/initial-access-tokens/{}", text_of(&list[0], "id"));
    let delete = async || ada.browser.send_json(Method::DELETE, &path, &json!({})).await;
    // Bodies are not for this route.
    assert_eq!(delete().await.status(), 204);
    assert_eq!(error(&delete().await), (404, "not_found".into()));
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM initial_access_tokens").await, "0");

    for (input, name) in [
        (json!({}), "name"),
        (json!({"name": "x".repeat(51)}), "name"),
        (json!({"name": "x", "uses": 0}), "uses"),
        (json!({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}), "expiresAt"),
        (json!({"name": "x", "expiresAt": "soon"}), "expiresAt"),
    ] {
        let answer = ada.browser.send_json(Method::POST, "/api/oidc/initial-access-tokens", &input).await;
        assert_eq!(json_of(&answer)["details"]["fields"][0]["field"], name, "{input}");
    }
}

#[tokio::test]
async fn a_client_changes_itself_with_its_token_alone_and_gets_another() {
    let w = open().await;
    let mut ada = Person::setup(&w).await;
    let made = json_of(&register(&w, None, json!({})).await);
    let other = json_of(&register(&w, None, json!({})).await);
    let app = app_of(&made);
    let tokens = ada.tokens(&app, &[]).await;
    let path = format!("{PATH}/{}", app.id);
    let token = text_of(&made, "registration_access_token").to_owned();
    for wrong in [None, Some("made-up"), other["registration_access_token"].as_str()] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = send(&w, method.clone(), &path, wrong, &metadata(json!({}))).await;
            assert_eq!(error(&answer), (401, "invalid_token".into()), "{method} {wrong:?}");
        }
    }
    let put =
        async |token: &str, body: Value| send(&w, Method::PUT, &path, Some(token), &metadata(body)).await;
    for bad in [
        json!({}),
        json!({"client_id": other["client_id"]}),
        json!({"client_id": app.id, "client_secret": "wrong"}),
        json!({"client_id": app.id, "registration_access_token": token}),
        json!({"client_id": app.id, "client_id_issued_at": 1}),
    ] {
        assert_eq!(error(&put(&token, bad.clone()).await), (400, "invalid_request".into()), "{bad}");
    }
    let same = json!({"client_id": app.id, "client_secret": app.secret, "client_name": "Better Notes"});
    let answer = put(&token, same).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let changed = json_of(&answer);
    assert_eq!(
        (&changed["client_name"], &changed["client_secret"]),
        (&json!("Better Notes"), &made["client_secret"])
    );
    let next = text_of(&changed, "registration_access_token").to_owned();
    assert_eq!(error(&put(&token, json!({"client_id": app.id})).await), (401, "invalid_token".into()));
    // Another name: people are asked again, and what was given under the old one ends.
    let live = async || cell(&w, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NULL").await;
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM consents").await, "0");
    assert_eq!(live().await, "0");
    let tokens_again = ada.tokens(&app, &[]).await;
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    let tokens = tokens_again;

    // Another address: the same, and the admin's word that nobody needs to be asked was for the old one.
    change(&w, Stmt::new("UPDATE clients SET skip_consent = 1")).await;
    let moved = put(&next, json!({"client_id": app.id, "redirect_uris": ["https://app.example/new"]})).await;
    let next = text_of(&json_of(&moved), "registration_access_token").to_owned();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM consents").await, "0");
    assert_eq!(live().await, "0");
    let skips = Stmt::new("SELECT skip_consent FROM clients WHERE id = ?1").bind(&app.id);
    assert_eq!(rows(&w, skips).await, [["0"]]);
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    // Without a secret, and with one again.
    let public = json!({"client_id": app.id, "token_endpoint_auth_method": "none"});
    let next = text_of(&json_of(&put(&next, public).await), "registration_access_token").to_owned();
    let secrets = async || {
        rows(&w, Stmt::new("SELECT id FROM client_secrets WHERE client_id = ?1").bind(&app.id)).await.len()
    };
    assert_eq!(secrets().await, 0);
    let again = json_of(&put(&next, json!({"client_id": app.id})).await);
    assert_ne!(again["client_secret"], made["client_secret"]);
    assert_eq!(secrets().await, 1);
    let next = text_of(&again, "registration_access_token");
    assert_eq!(send(&w, Method::DELETE, &path, Some(next), &json!({})).await.status(), 204);
    assert_eq!(send(&w, Method::GET, &path, Some(next), &json!({})).await.status(), 401);
    assert_eq!(count(&w).await, "1");
}

#[tokio::test]
async fn s48_what_only_admins_set_is_not_for_a_client() {
    let w = open().await;
    let ada = Person::setup(&w).await;
    let made = json_of(
        &register(
            &w,
            None,
            json!({"skipConsent": true, "skip_consent": true, "token_exchange_audiences": ["x"], "client_id": "admin",
                "federatedIdentities": [{"issuer": "https://evil.example"}]}),
        )
        .await,
    );
    let id = text_of(&made, "client_id").to_owned();
    let shown = json_of(&ada.browser.get(&format!("/api/oidc/clients/{id}")).await);
    assert_eq!((&shown["skipConsent"], &shown["clientType"]), (&json!(false), &json!("dynamic")));
    assert_eq!(shown["metadata"].get("token_exchange_audiences"), None);
    assert_eq!(shown["credentials"]["federatedIdentities"], json!([]));
    // What an admin set stays when the client changes itself.
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1, requires_reauthentication = 1")).await;
    let token = text_of(&made, "registration_access_token");
    let answer =
        send(&w, Method::PUT, &format!("{PATH}/{id}"), Some(token), &metadata(json!({"client_id": id})))
            .await;
    assert_eq!(answer.status(), 200);
    let kept = "SELECT is_group_restricted, requires_reauthentication FROM clients";
    assert_eq!(rows(&w, Stmt::new(kept)).await, [["1", "1"]]);
}

#[tokio::test]
async fn a_client_in_quarantine_cannot_be_used_until_an_admin_approves() {
    let w = World::with(&[
        ("DYNAMIC_CLIENT_REGISTRATION", "open"),
        ("DYNAMIC_CLIENT_REGISTRATION_APPROVAL", "true"),
    ])
    .await;
    let mut ada = Person::setup(&w).await;
    let made = json_of(&register(&w, None, json!({})).await);
    let app = app_of(&made);
    let unusable = async |browser: &testkit::Browser<'_>| {
        let answer = browser.get(&app.ask(&[])).await;
        assert_eq!(page(&answer), (400, "error".into()));
        assert_eq!(error(&app.exchange(&w, "none").await), (400, "unauthorized_client".into()));
    };
    unusable(&ada.browser).await;
    let path = format!("/api/oidc/clients/{}", app.id);
    let seen = json_of(&ada.browser.get(&path).await);
    assert_eq!((&seen["isPending"], &seen["updatedAt"]), (&json!(true), &json!("2026-01-02T03:04:05Z")));
    // It changes while an admin looks at it.
    w.clock.advance(1);
    let own = format!("{PATH}/{}", app.id);
    let token = text_of(&made, "registration_access_token");
    let renamed = metadata(json!({"client_id": app.id, "client_name": "Bank"}));
    let made = json_of(&send(&w, Method::PUT, &own, Some(token), &renamed).await);
    let approve_seen = async |at: &str| {
        ada.browser.send_json(Method::POST, &format!("{path}/approve"), &json!({"updatedAt": at})).await
    };
    for at in [text_of(&seen, "updatedAt"), "", "2026-01-02T03:04:07Z"] {
        assert_eq!(error(&approve_seen(at).await), (409, "client_changed".into()), "{at}");
    }
    assert!(!audit(&w).await.contains(&"CLIENT_APPROVED".to_owned()));
    unusable(&ada.browser).await;
    let before = "2026-01-02T03:04:06Z";
    assert_eq!(approve_seen(before).await.status(), 200);
    assert_eq!(error(&approve_seen(before).await), (409, "client_changed".into()), "it does not wait");
    change(&w, Stmt::new("UPDATE clients SET approval = 'pending'")).await;
    let approve = async || ada.browser.send_json(Method::POST, &format!("{path}/approve"), &json!({})).await;
    let answer = approve().await;
    assert_eq!((answer.status().as_u16(), json_of(&answer).get("isPending")), (200, None));
    assert!(audit(&w).await.contains(&"CLIENT_APPROVED".to_owned()));
    let nobody = ada.browser.send_json(Method::POST, "/api/oidc/clients/nobody/approve", &json!({})).await;
    assert_eq!(error(&nobody), (404, "not_found".into()));
    ada.tokens(&app, &[]).await;

    // An interaction that waits while the client changes goes no further.
    let waiting = ada.browser.get(&app.ask(&[("prompt", "consent")])).await;
    let token = text_of(&made, "registration_access_token");
    let moved = json!({"client_id": app.id, "redirect_uris": [CALLBACK, "https://app.example/new"]});
    let answer = send(&w, Method::PUT, &format!("{PATH}/{}", app.id), Some(token), &metadata(moved)).await;
    assert_eq!(answer.status(), 200);
    unusable(&ada.browser).await;
    assert_eq!(page(&ada.browser.get(location(&waiting)).await), (400, "error".into()));

    w.clock.advance(30 * 86_400);
    register(&w, None, json!({})).await;
    change(&w, Stmt::new("DELETE FROM grants")).await;
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(count(&w).await, "1", "nobody approved it within a month");
}

#[tokio::test]
async fn strangers_cannot_fill_the_store() {
    let w = open().await;
    assert_eq!(register(&w, None, json!({})).await.status(), 201);
    for n in 0..999 {
        let stmt = Stmt::new(
            "INSERT INTO clients (id, name, name_folded, callback_urls, logout_callback_urls, client_type, created_at, updated_at) \
             VALUES (?1, 'n', 'n', '[]', '[]', 'dynamic', 0, 0)",
        );
        change(&w, stmt.bind(format!("c{n}"))).await;
    }
    assert_eq!(error(&register(&w, None, json!({})).await), (503, "temporarily_unavailable".into()));
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(register(&w, None, json!({})).await.status(), 201, "what nobody uses makes room");
}

#[tokio::test]
async fn a_registered_client_that_nobody_uses_is_forgotten_after_a_week() {
    let w = open().await;
    let mut ada = Person::setup(&w).await;
    let used = app_of(&json_of(&register(&w, None, json!({})).await));
    ada.tokens(&used, &[]).await;
    register(&w, None, json!({})).await;
    w.clock.advance(7 * 86_400 - 1);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(count(&w).await, "2");
    w.clock.advance(1);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT id FROM clients").await, used.id);
}

#[tokio::test]
async fn s24_a_dynamic_client_with_keys_of_its_own_gets_no_secret() {
    let w = open().await;
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let metadata = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key]}});
    let made = json_of(&register(&w, None, metadata).await);
    assert_eq!((made.get("client_secret"), &made["jwks"]["keys"][0]["crv"]), (None, &json!("Ed25519")));
}

#[tokio::test]
async fn s58_strangers_do_not_crowd_out_the_origins_of_others() {
    let w = open().await;
    let ada = Person::setup(&w).await;
    App::register(&ada, json!({"callbackURLs": ["https://*.spa.example/cb"]})).await;
    App::register(&ada, json!({"callbackURLs": ["https://exact.example/cb"]})).await;
    for n in 0..25 {
        let uris: Vec<_> = (0..10).map(|m| format!("http://127.0.0.1:{}/cb", 2000 + 10 * n + m)).collect();
        assert_eq!(register(&w, None, json!({"redirect_uris": uris})).await.status(), 201);
    }
    // as many as are looked at
    let stmt = Stmt::new(
        "INSERT INTO client_origins (client_id, origin, is_pattern) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 198) \
         SELECT c.id, 'https://*.a' || n.i || '.example', 1 FROM n, (SELECT MIN(id) AS id FROM clients) c",
    );
    change(&w, stmt).await;
    for origin in ["https://a.spa.example", "https://exact.example", "http://127.0.0.1:7"] {
        let answer = w.request(request(Method::OPTIONS, "/api/oidc/token", &[("origin", origin)], "")).await;
        assert_eq!(field(&answer, "access-control-allow-origin"), "*", "{origin}");
        if origin.starts_with("https://a.") {
            change(
                &w,
                Stmt::new(
                    "INSERT INTO client_origins (client_id, origin, is_pattern) \
                SELECT MIN(id), 'http://*.before.example', 1 FROM clients",
                ),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn front_channel_logout_goes_to_the_origin_of_a_callback() {
    let w = open().await;
    for (uri, status) in
        [("https://evil.example/out", 400), ("http://app.example/out", 400), ("https://app.example/out", 201)]
    {
        let answer = register(&w, None, json!({"frontchannel_logout_uri": uri})).await;
        assert_eq!(answer.status(), status, "{uri}");
        if status == 400 {
            assert_eq!(error(&answer), (400, "invalid_client_metadata".into()), "{uri}");
        }
    }
}
