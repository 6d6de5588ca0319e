//! `POST /api/oidc/introspect`: who may ask, what is told, and when a token is not active.

use crate::apis::{FILES, let_in, make_api};
use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::store::user;
use testkit::World;

async fn ask(w: &World, app: &App, token: &Value) -> Answer {
    app.call(w, "/api/oidc/introspect", &[("token", token.as_str().unwrap())]).await
}

async fn is_active(w: &World, app: &App, token: &Value) -> bool {
    let answer = ask(w, app, token).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let told = json_of(&answer);
    assert!(told["active"] == true || told == json!({ "active": false }), "{told}");
    told["active"] == true
}

async fn by_bearer(w: &World, bearer: &Value, token: &Value) -> Answer {
    let bearer = format!("Bearer {}", bearer.as_str().unwrap());
    let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
    let body = encode(&[("token", token.as_str().unwrap())]);
    w.request(request(Method::POST, "/api/oidc/introspect", &headers, &body)).await
}

#[tokio::test]
async fn the_answer_for_each_kind_of_token() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let now = World::START.0;
    let answer = ask(&w, &app, &tokens["access_token"]).await;
    assert_eq!(field(&answer, "content-type"), "application/json");
    let want = json!({
        "active": true, "iss": World::APP_URL, "sub": ada.id, "username": "ada", "client_id": app.id,
        "aud": [app.id, World::APP_URL], "scope": "openid profile email", "token_type": "Bearer",
        "jti": claims(&tokens["access_token"])["jti"], "iat": now, "exp": now + 3600,
        "auth_time": now, "acr": "phrh",
    });
    assert_eq!(json_of(&answer), want);
    let want = json!({
        "active": true, "iss": World::APP_URL, "sub": ada.id, "username": "ada", "client_id": app.id,
        "aud": [app.id], "scope": "openid profile email", "iat": now, "exp": now + 2_592_000,
    });
    assert_eq!(json_of(&ask(&w, &app, &tokens["refresh_token"]).await), want);
    for hint in ["access_token", "refresh_token", "made_up"] {
        let pairs = [("token", tokens["refresh_token"].as_str().unwrap()), ("token_type_hint", hint)];
        assert_eq!(json_of(&app.call(&w, "/api/oidc/introspect", &pairs).await)["active"], true, "{hint}");
    }
}

#[tokio::test]
async fn s22_what_is_no_live_token_of_ours_is_not_active() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let code = ada.code(&app, &[]).await;
    for other in [&tokens["id_token"], &json!(code), &json!("x"), &json!("a.b.c"), &json!("x".repeat(20_000))]
    {
        assert!(!is_active(&w, &app, other).await, "{other}");
    }
    // the same claims under another type
    let forged = tokens["access_token"].as_str().unwrap().split('.').collect::<Vec<_>>();
    let head = proto::b64::encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    assert!(!is_active(&w, &app, &json!(format!("{head}.{}.{}", forged[1], forged[2]))).await);
    assert!(is_active(&w, &app, &tokens["access_token"]).await);

    let next = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    assert!(!is_active(&w, &app, &tokens["refresh_token"]).await, "used");
    assert!(is_active(&w, &app, &next["refresh_token"]).await);
    app.call(&w, "/api/oidc/revoke", &[("token", next["access_token"].as_str().unwrap())]).await;
    assert!(!is_active(&w, &app, &next["access_token"]).await, "given back");
    assert!(is_active(&w, &app, &tokens["access_token"]).await, "another one was not");
    w.clock.advance(3600);
    assert!(!is_active(&w, &app, &tokens["access_token"]).await, "expired");
    w.clock.advance(2_592_000);
    assert!(!is_active(&w, &app, &next["refresh_token"]).await, "expired");
}

#[tokio::test]
async fn s22_what_ends_a_token_ends_it_here_at_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true })).await;
    for (n, ending) in ["revocation", "sign-out", "group", "consent", "disabled"].into_iter().enumerate() {
        admit(&w, &format!("readers{n}"), &bob.id).await;
        allow(&w, &app, &format!("readers{n}")).await;
        let tokens = bob.tokens(&app, &[]).await;
        assert!(is_active(&w, &app, &tokens["access_token"]).await, "{ending}");
        match ending {
            "revocation" => {
                let pairs = [("token", tokens["refresh_token"].as_str().unwrap())];
                app.call(&w, "/api/oidc/revoke", &pairs).await;
            }
            "sign-out" => drop(bob.browser.post_form("/logout", &[]).await),
            "group" => change(&w, Stmt::new("DELETE FROM user_group_members")).await,
            "consent" => change(&w, Stmt::new("DELETE FROM consents")).await,
            _ => drop(w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap()),
        }
        // a consent that is gone is looked at where the grant could be renewed
        assert_eq!(is_active(&w, &app, &tokens["access_token"]).await, ending == "consent", "{ending}");
        assert!(!is_active(&w, &app, &tokens["refresh_token"]).await, "{ending}");
    }
    ada.sign_in().await;
}

#[tokio::test]
async fn s22_another_client_learns_nothing_unless_the_token_is_meant_for_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (app, other) = (App::register(&ada, json!({})).await, App::register(&ada, json!({})).await);
    let tokens = ada.tokens(&app, &[]).await;
    for kind in ["access_token", "refresh_token"] {
        let answer = ask(&w, &other, &tokens[kind]).await;
        assert_eq!((answer.status().as_u16(), json_of(&answer)), (200, json!({ "active": false })), "{kind}");
    }
}

#[tokio::test]
async fn s22_callers() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let tokens = ada.tokens(&app, &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let post = async |headers: &[(&str, &str)], pairs: &[(&str, &str)]| {
        let mut all = vec![("content-type", FORM)];
        all.extend(headers);
        w.request(request(Method::POST, "/api/oidc/introspect", &all, &encode(pairs))).await
    };
    let secret = app.secret.as_deref().unwrap();
    let header = basic(&app.id, secret);
    let good = post(&[("authorization", &header)], &[("token", token)]).await;
    assert_eq!(json_of(&good)["active"], true, "Basic");
    let form = [("token", token), ("client_id", &app.id), ("client_secret", secret)];
    assert_eq!(json_of(&post(&[], &form).await)["active"], true, "form");

    for (why, answer) in [
        ("nobody", post(&[], &[("token", token)]).await),
        ("name alone", post(&[], &[("token", token), ("client_id", &app.id)]).await),
        ("wrong secret", post(&[("authorization", &basic(&app.id, "wrong"))], &[("token", token)]).await),
        ("public", ask(&w, &public, &tokens["access_token"]).await),
    ] {
        assert_eq!(error(&answer), (401, "invalid_client".into()), "{why}");
    }
    assert_eq!(error(&post(&[("authorization", &header)], &[]).await), (400, "invalid_request".into()));
    let query = request(
        Method::POST,
        &format!("/api/oidc/introspect?token={token}"),
        &[("authorization", &header)],
        "",
    );
    assert_eq!(w.request(query).await.status(), 400);
}

#[tokio::test]
async fn s22_a_client_may_ask_with_an_access_token_of_its_own() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let (one, two) = (ada.tokens(&app, &[]).await, ada.tokens(&app, &[]).await);
    let told = by_bearer(&w, &one["access_token"], &two["access_token"]).await;
    assert_eq!(json_of(&told)["active"], true);
    for (why, bearer) in [
        ("the token itself", &two["access_token"]),
        ("an ID token", &one["id_token"]),
        ("a refresh token", &one["refresh_token"]),
        ("garbage", &json!("x")),
    ] {
        let answer = by_bearer(&w, bearer, &two["access_token"]).await;
        assert_eq!(error(&answer), (401, "invalid_token".into()), "{why}");
        assert!(field(&answer, "www-authenticate").starts_with("Bearer error="), "{why}");
    }
    let of_public = ada.tokens(&public, &[]).await;
    let answer = by_bearer(&w, &of_public["access_token"], &two["access_token"]).await;
    assert_eq!(error(&answer), (401, "invalid_client".into()));
    app.call(&w, "/api/oidc/revoke", &[("token", one["access_token"].as_str().unwrap())]).await;
    let answer = by_bearer(&w, &one["access_token"], &two["access_token"]).await;
    assert_eq!(error(&answer), (401, "invalid_token".into()));
    let both = [("token", "x"), ("client_secret", "y"), ("client_id", app.id.as_str())];
    let bearer = format!("Bearer {}", two["access_token"].as_str().unwrap());
    let headers = [("content-type", FORM), ("authorization", bearer.as_str())];
    let answer = w.request(request(Method::POST, "/api/oidc/introspect", &headers, &encode(&both))).await;
    assert_eq!(error(&answer), (400, "invalid_request".into()));
}

#[tokio::test]
async fn rfc9701_signed_answers() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let metadata = json!({ "metadata": { "introspection_signed_response_alg": "RS256" } });
    let signed = App::register(&ada, metadata).await;
    let tokens = ada.tokens(&app, &[]).await;
    let get = async |app: &App, accept: &str, token: &Value| {
        let header = basic(&app.id, app.secret.as_deref().unwrap());
        let headers = [("content-type", FORM), ("authorization", &header), ("accept", accept)];
        let body = encode(&[("token", token.as_str().unwrap())]);
        w.request(request(Method::POST, "/api/oidc/introspect", &headers, &body)).await
    };
    let jwt = "application/token-introspection+jwt";
    for (app, accept, want) in [
        (&app, "", "application/json"),
        (&app, "application/json", "application/json"),
        (&app, jwt, jwt),
        (&app, "application/json;q=0.1, Application/Token-Introspection+JWT", jwt),
        (&signed, "*/*", jwt),
        (&signed, "application/json", "application/json"),
    ] {
        let answer = get(app, accept, &tokens["access_token"]).await;
        assert_eq!((answer.status().as_u16(), field(&answer, "content-type")), (200, want), "{accept}");
        assert_eq!(field(&answer, "cache-control"), "no-store");
    }
    let answer = get(&app, jwt, &tokens["access_token"]).await;
    assert_eq!(jwt_part(text(&answer), 0)["typ"], "token-introspection+jwt");
    let said = jwt_part(text(&answer), 1);
    let names: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(names, ["aud", "iat", "iss", "token_introspection"]);
    assert_eq!((&said["iss"], &said["aud"]), (&json!(World::APP_URL), &json!(app.id)));
    assert_eq!(said["token_introspection"]["active"], true);
    // the answer is none of the tokens it could be taken for
    let taken = json!(text(&answer));
    assert_eq!(userinfo(&w, &taken).await.status(), 401);
    assert!(!is_active(&w, &app, &taken).await);
    let other = get(&signed, jwt, &tokens["access_token"]).await;
    assert_eq!(jwt_part(text(&other), 1)["token_introspection"], json!({ "active": false }));
}

#[tokio::test]
async fn s22_a_token_that_an_api_was_handed_does_not_speak_for_the_client() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let files = make_api(&ada, FILES, &["read"]).await;
    let_in(&ada, &files, &app, Some(&["read"]), None).await;
    let own = ada.tokens(&app, &[]).await;
    let handed = ada.tokens(&app, &[("scope", "openid read"), ("resource", FILES)]).await;
    assert_eq!(claims(&handed["access_token"])["aud"], json!([FILES, World::APP_URL]));
    let answer = by_bearer(&w, &handed["access_token"], &own["access_token"]).await;
    assert_eq!(error(&answer), (401, "invalid_token".into()));
    let answer = by_bearer(&w, &own["access_token"], &handed["access_token"]).await;
    assert_eq!(json_of(&answer)["active"], true);
}
