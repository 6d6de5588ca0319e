//! `POST /api/oidc/token` with `grant_type=authorization_code`, and what every token request keeps to.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::store::user;
use testkit::World;

#[tokio::test]
async fn the_token_response_and_its_tokens() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "accessTokenDurationMinutes": 5 })).await;
    admit(&w, "photographers", &ada.id).await;
    w.clock.advance(7);
    let code = ada.code(&app, &[("scope", "openid profile email groups")]).await;
    w.clock.advance(3);
    let answer = app.exchange(&w, &code).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(field(&answer, "content-type"), "application/json");
    assert_eq!((field(&answer, "cache-control"), field(&answer, "pragma")), ("no-store", "no-cache"));
    let tokens = json_of(&answer);
    let names: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(names, ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]);
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 300);
    assert_eq!(tokens["scope"], "openid profile email groups");

    let now = World::START.0 + 10;
    let grant = cell(&w, "SELECT id FROM grants").await;
    let mut access = claims(&tokens["access_token"]);
    let jti = access["jti"].take();
    assert_eq!(jti.as_str().unwrap().split_once('.').unwrap().0, grant);
    let want = json!({
        "iss": World::APP_URL, "sub": ada.id, "aud": [app.id, World::APP_URL], "client_id": app.id, "jti": null,
        "iat": now, "exp": now + 300, "auth_time": World::START.0, "acr": "phrh", "scope": "openid profile email groups",
        "scp": ["openid", "profile", "email", "groups"],
    });
    assert_eq!(access, want);
    let head = jwt_part(tokens["access_token"].as_str().unwrap(), 0);
    let kid = cell(&w, "SELECT kid FROM signing_keys").await;
    assert_eq!(head, json!({ "alg": "RS256", "kid": kid, "typ": "at+jwt" }));

    let mut id = claims(&tokens["id_token"]);
    assert_ne!(id["jti"].take(), Value::Null);
    let at_hash =
        proto::oidc::id_token::half_hash(proto::jose::Alg::RS256, tokens["access_token"].as_str().unwrap());
    let want = json!({
        "iss": World::APP_URL, "sub": ada.id, "aud": [app.id], "jti": null, "iat": now, "rat": now,
        "exp": now + 3600, "auth_time": World::START.0, "nonce": "n0nce", "acr": "phrh", "amr": ["phr", "hwk"], "type": "id-token",
        "at_hash": at_hash, "sid": cell(&w, "SELECT id FROM sessions").await,
        "given_name": "Ada", "family_name": "Lovelace", "name": "Ada Lovelace", "display_name": "Ada Lovelace",
        "preferred_username": "ada", "email": "ada@example.com", "email_verified": false,
        "groups": ["photographers"], "updated_at": World::START.0,
        "picture": format!("{}/api/users/{}/profile-picture.png", World::APP_URL, ada.id),
    });
    assert_eq!(id, want);
    let head = jwt_part(tokens["id_token"].as_str().unwrap(), 0);
    assert_eq!(head, json!({ "alg": "RS256", "kid": kid, "typ": "JWT" }));

    let stored = Stmt::new("SELECT token_hash, grant_id, state, created_at, expires_at FROM refresh_tokens");
    let hash = proto::hash::sha256_b64(tokens["refresh_token"].as_str().unwrap());
    let (now, end) = (now.to_string(), (now + 2_592_000).to_string());
    assert_eq!(rows(&w, stored).await, [[hash.as_str(), &grant, "live", &now, &end]]);
    assert_eq!(cell(&w, "SELECT used_at FROM authorization_codes").await, now);
}

#[tokio::test]
async fn without_openid_there_is_no_id_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for (scope, aud) in [("email", json!([app.id, World::APP_URL])), ("offline_access", json!([app.id]))] {
        let tokens = ada.tokens(&app, &[("scope", scope)]).await;
        assert_eq!(tokens.get("id_token"), None, "{scope}");
        assert_eq!(claims(&tokens["access_token"])["aud"], aud, "{scope}");
    }
    let tokens = ada.tokens(&app, &[("scope", "")]).await;
    assert_eq!((tokens.get("id_token"), &tokens["scope"]), (None, &json!("")));
}

#[tokio::test]
async fn s14_each_binding_of_a_code_alone_and_combined() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({})).await;
    // bits: wrong client, wrong redirect_uri, wrong verifier, expired
    for wrong in 1..16_u32 {
        let code = ada.code(&app, &[]).await;
        let bit = |n: u32| wrong & (1 << n) != 0;
        let (client, redirect_uri, verifier) = (
            if bit(0) { &other } else { &app },
            if bit(1) { "https://app.example/other" } else { CALLBACK },
            if bit(2) { CHALLENGE } else { VERIFIER },
        );
        if bit(3) {
            w.clock.advance(60);
        }
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let answer = client.token(&w, &pairs).await;
        assert_eq!(error(&answer), (400, "invalid_grant".into()), "{wrong:04b}");
        // a failed try neither uses the code up nor takes anything back
        let then = app.exchange(&w, &code).await;
        let want = if bit(3) { 400 } else { 200 };
        assert_eq!(then.status(), want, "{wrong:04b}");
        ada.sign_in().await;
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL").await, "0");
}

#[tokio::test]
async fn s14_a_code_lives_a_minute_less_a_second() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let (young, old) = (ada.code(&app, &[]).await, ada.code(&app, &[]).await);
    w.clock.advance(59);
    assert_eq!(app.exchange(&w, &young).await.status(), 200);
    w.clock.advance(1);
    assert_eq!(error(&app.exchange(&w, &old).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn s14_fifty_redemptions_at_once_succeed_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let code = ada.code(&app, &[]).await;
    let answers = futures_util::future::join_all((0..50).map(|_| app.exchange(&w, &code))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status() == 200);
    assert_eq!((good.len(), bad.len()), (1, 49));
    assert!(bad.iter().all(|a| error(a) == (400, "invalid_grant".into())));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "1");
    // RFC 6749 §4.1.2: the second use took back what the first one gave
    assert_eq!(cell(&w, "SELECT revoked_reason FROM grants").await, "code_reuse");
    assert_eq!(userinfo(&w, &json_of(good[0])["access_token"]).await.status(), 401);
}

#[tokio::test]
async fn s15_a_code_that_comes_twice_takes_back_what_was_issued() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({})).await;
    let code = ada.code(&app, &[]).await;
    let tokens = json_of(&app.exchange(&w, &code).await);

    // whoever cannot show everything that belongs to the code cannot revoke with it
    let verifier = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", CHALLENGE),
    ];
    assert_eq!(error(&app.token(&w, &verifier).await), (400, "invalid_grant".into()));
    assert_eq!(error(&other.exchange(&w, &code).await), (400, "invalid_grant".into()));
    let thief = App { id: app.id.clone(), secret: Some("not the secret of it".into()) };
    assert_eq!(error(&thief.exchange(&w, &code).await), (401, "invalid_client".into()));
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);

    w.clock.advance(3000);
    assert_eq!(error(&app.exchange(&w, &code).await), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(cell(&w, "SELECT revoked_reason FROM grants").await, "code_reuse");
    let entry = Stmt::new("SELECT user_id, client_id, data FROM audit_events WHERE event = 'TOKEN_REUSE'");
    let want = [ada.id.as_str(), &app.id, r#"{"kind":"authorization_code"}"#];
    assert_eq!(rows(&w, entry).await, [want]);
}

#[tokio::test]
async fn a_code_is_void_after_sign_out_and_for_whoever_lost_access() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true })).await;
    admit(&w, "photographers", &bob.id).await;
    allow(&w, &app, "photographers").await;

    let code = bob.code(&app, &[]).await;
    change(&w, Stmt::new("DELETE FROM user_group_members")).await;
    assert_eq!(error(&app.exchange(&w, &code).await), (403, "access_denied".into()));
    admit(&w, "photographers", &bob.id).await;

    let code = bob.code(&app, &[]).await;
    bob.browser.post_form("/logout", &[]).await;
    assert_eq!(error(&app.exchange(&w, &code).await), (400, "invalid_grant".into()));

    let code = bob.code(&app, &[]).await;
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    assert_eq!(error(&app.exchange(&w, &code).await), (400, "invalid_grant".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "0");
}

async fn post(w: &World, headers: &[(&str, &str)], path: &str, body: &str) -> Answer {
    w.request(request(Method::POST, path, headers, body)).await
}

#[tokio::test]
async fn s17_post_form_without_query_or_nothing() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let code = ada.code(&app, &[]).await;
    let basic = basic(&app.id, app.secret.as_deref().unwrap());
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let body = encode(&pairs);
    let auth = ("authorization", basic.as_str());
    let path = "/api/oidc/token";

    let get = request(Method::GET, &format!("{path}?{body}"), &[auth], "");
    let answer = w.request(get).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "allow")), (405, "POST, OPTIONS"));
    let form = ("content-type", FORM);
    let refused = [
        post(&w, &[auth, form], &format!("{path}?{body}"), "").await,
        post(&w, &[auth, form], &format!("{path}?x=1"), &body).await,
        post(&w, &[auth], path, &body).await,
        post(&w, &[auth, ("content-type", "application/json")], path, &json!(pairs).to_string()).await,
        post(&w, &[auth, ("content-type", "text/plain")], path, &body).await,
        post(&w, &[auth, form], path, &format!("{body}&code=x")).await,
        post(&w, &[auth, form], path, &format!("code=x&{body}")).await,
        post(&w, &[auth, form], path, &format!("{body}&a=%zz")).await,
        post(&w, &[auth, form], path, "").await,
    ];
    for answer in &refused {
        assert_eq!(error(answer), (400, "invalid_request".into()), "{answer:?}");
        assert_eq!(field(answer, "cache-control"), "no-store");
    }
    let unknown = post(&w, &[auth, form], path, "grant_type=password").await;
    assert_eq!(error(&unknown), (400, "unsupported_grant_type".into()));
    let typed = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(post(&w, &[auth, typed], path, &body).await.status(), 200);
}

#[tokio::test]
async fn s05_token_parameters_that_come_twice() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let secret = app.secret.as_deref().unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", "c"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &app.id),
        ("client_secret", secret),
        ("refresh_token", "r"),
        ("scope", "openid"),
    ];
    for (name, value) in pairs {
        for (first, second) in [(value, "evil"), ("evil", value), (value, value)] {
            let mut all = vec![(name, first)];
            all.extend(pairs.into_iter().filter(|(n, _)| *n != name));
            all.push((name, second));
            let answer = post(&w, &[("content-type", FORM)], "/api/oidc/token", &encode(&all)).await;
            assert_eq!(error(&answer), (400, "invalid_request".into()), "{name}");
        }
    }
}

#[tokio::test]
async fn s17_one_client_authentication_method_per_request() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({})).await;
    let secret = app.secret.as_deref().unwrap();
    let (right, wrong) = (basic(&app.id, secret), basic(&app.id, "wrong"));
    let code = ada.code(&app, &[]).await;
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let send = async |authorization: Option<&str>, more: &[(&str, &str)]| {
        let mut headers = vec![("content-type", FORM)];
        headers.extend(authorization.map(|a| ("authorization", a)));
        let pairs: Vec<_> = grant.iter().chain(more).copied().collect();
        post(&w, &headers, "/api/oidc/token", &encode(&pairs)).await
    };
    let (id, own) = (("client_id", app.id.as_str()), ("client_secret", secret));
    type Fields<'a> = &'a [(&'a str, &'a str)];
    let invalid_request: [(Option<&str>, Fields<'_>); 4] = [
        (Some(&right), &[own]),
        (Some(&right), &[id, own]),
        (Some(&right), &[("client_id", &other.id)]),
        (Some(&right), &[("client_assertion", "x"), ("client_assertion_type", "y")]),
    ];
    for (authorization, more) in invalid_request {
        let answer = send(authorization, more).await;
        assert_eq!(error(&answer), (400, "invalid_request".into()), "{more:?}");
    }
    let invalid_client: [(Option<&str>, Fields<'_>, bool); 9] = [
        (None, &[], false),
        (None, &[id], false),
        (None, &[id, ("client_secret", "wrong")], false),
        (None, &[("client_id", "unknown"), own], false),
        (Some(&wrong), &[], true),
        (Some("Basic !!!"), &[], true),
        (Some("Basic"), &[], true),
        (Some("Bearer abc"), &[], true),
        (None, &[id, ("client_assertion", "x"), ("client_assertion_type", "y")], false),
    ];
    let challenge = "Basic realm=\"token\", charset=\"UTF-8\"";
    let mut bodies = Vec::new();
    for (authorization, more, is_http) in invalid_client {
        let answer = send(authorization, more).await;
        assert_eq!(error(&answer), (401, "invalid_client".into()), "{authorization:?} {more:?}");
        assert_eq!(field(&answer, "www-authenticate"), if is_http { challenge } else { "" });
        bodies.push(answer.into_body());
    }
    // unknown client, wrong secret and missing secret look the same
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    // an id beside Basic is no second method
    assert_eq!(send(Some(&right), &[id]).await.status(), 200);
}

#[tokio::test]
async fn s17_basic_values_are_form_decoded() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let secret = "a+b %:&=\"c\"~ long enough";
    let path = format!("/api/oidc/clients/{}/secrets", app.id);
    let made = ada.browser.send_json(Method::POST, &path, &json!({ "secret": secret })).await;
    assert_eq!(json_of(&made)["secret"], secret);
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let app = App { secret: Some(encoded), ..app };
    assert!(ada.tokens(&app, &[]).await["access_token"].is_string());
    // in the body it is form data like everything else
    let code = ada.code(&app, &[]).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", &app.id),
        ("client_secret", secret),
    ];
    let answer = post(&w, &[("content-type", FORM)], "/api/oidc/token", &encode(&pairs)).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

#[tokio::test]
async fn secrets_expire_and_can_be_removed() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let path = format!("/api/oidc/clients/{}/secrets", app.id);
    let soon = World::START.plus(120).rfc3339();
    let made = json_of(&ada.browser.send_json(Method::POST, &path, &json!({ "expiresAt": soon })).await);
    let short = App { id: app.id.clone(), secret: Some(made["secret"].as_str().unwrap().to_owned()) };
    let outcome = async |app: &App| {
        error(&app.token(&w, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await)
    };
    let (known, unknown) = ((400, "invalid_grant".to_owned()), (401, "invalid_client".to_owned()));
    w.clock.advance(119);
    assert_eq!((outcome(&app).await, outcome(&short).await), (known.clone(), known.clone()));
    w.clock.advance(1);
    assert_eq!((outcome(&app).await, outcome(&short).await), (known.clone(), unknown.clone()));
    let listed = json_of(&ada.browser.get(&path).await);
    let active: Vec<_> =
        listed.as_array().unwrap().iter().map(|s| s["isActive"].as_bool().unwrap()).collect();
    assert_eq!(active, [false, true]);

    let first = listed[1]["id"].as_str().unwrap();
    let gone = ada.browser.send_json(Method::DELETE, &format!("{path}/{first}"), &json!({})).await;
    assert_eq!(gone.status(), 204);
    assert_eq!(outcome(&app).await, unknown);
}

#[tokio::test]
async fn a_public_client_needs_no_secret_and_ignores_one() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "isPublic": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    assert_eq!(app.refresh(&w, &tokens["refresh_token"]).await.status(), 200);
    let with_secret = App { id: app.id.clone(), secret: Some("whatever".into()) };
    assert!(ada.tokens(&with_secret, &[]).await["access_token"].is_string());
}
