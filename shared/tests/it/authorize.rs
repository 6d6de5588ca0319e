//! `/authorize`: what is refused, where the answer goes, and what it carries.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use std::collections::BTreeMap;
use testkit::World;

/// Response modes, and how an answer in that mode begins.
const MODES: [(&str, &str); 8] = [
    ("", "?"),
    ("query", "?"),
    ("fragment", "#"),
    ("form_post", ""),
    ("jwt", "?response="),
    ("query.jwt", "?response="),
    ("fragment.jwt", "#response="),
    ("form_post.jwt", ""),
];

#[tokio::test]
async fn s04_success_carries_code_state_and_iss_in_each_mode() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for (mode, joint) in MODES {
        let (answer, _) = ada.visit(&app.ask(&[("response_mode", mode)])).await;
        if !mode.starts_with("form_post") {
            assert!(location(&answer).starts_with(&format!("{CALLBACK}{joint}")), "{answer:?}");
        }
        let params = response_params(&answer, CALLBACK);
        assert_eq!(params.keys().collect::<Vec<_>>(), ["code", "iss", "state"], "{mode}");
        assert_eq!((params["state"].as_str(), params["iss"].as_str()), ("st4te", World::APP_URL));
        assert_eq!(app.exchange(&w, &params["code"]).await.status(), 200, "{mode}");
    }
}

#[tokio::test]
async fn s03_s04_every_error_goes_to_the_checked_uri_with_state_and_iss() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "pkceEnabled": true })).await;
    let long = "x".repeat(2049);
    let table: [(&[(&str, &str)], &str); 21] = [
        (&[("request", "x")], "invalid_request_object"),
        (&[("request", "x"), ("request_uri", "urn:x")], "invalid_request"),
        (&[("request_uri", "urn:x")], "request_uri_not_supported"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "invalid_request_uri"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("response_type", "")], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("scope", "open\"id")], "invalid_scope"),
        (&[("nonce", &long)], "invalid_request"),
        (&[("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge_method", "S512")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "later")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("id_token_hint", "not.a.token")], "invalid_request"),
        (&[("prompt", "none")], "consent_required"),
        (&[("prompt", "none"), ("max_age", "0")], "login_required"),
    ];
    for (changes, code) in table {
        for (mode, joint) in MODES {
            let mut all = changes.to_vec();
            all.push(("response_mode", mode));
            let answer = ada.browser.get(&app.ask(&all)).await;
            if !mode.starts_with("form_post") {
                assert!(location(&answer).starts_with(&format!("{CALLBACK}{joint}")), "{answer:?}");
            }
            let params = response_params(&answer, CALLBACK);
            assert_eq!(params.keys().collect::<Vec<_>>(), ["error", "error_description", "iss", "state"]);
            assert_eq!(params["error"], code, "{changes:?} {mode}");
            assert_eq!((params["state"].as_str(), params["iss"].as_str()), ("st4te", World::APP_URL));
        }
    }
    // A mode that we do not know is reported by the default mode; a state that is too long is not handed back.
    let answer = ada.browser.get(&app.ask(&[("response_mode", "web_message")])).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    let answer = ada.browser.get(&app.ask(&[("state", &long)])).await;
    let params = response_params(&answer, CALLBACK);
    assert_eq!(params.keys().collect::<Vec<_>>(), ["error", "error_description", "iss"]);
    // Without a state there is none to hand back.
    let answer = ada.browser.get(&app.ask(&[("state", ""), ("prompt", "later")])).await;
    assert_eq!(response_params(&answer, CALLBACK).get("state"), None);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}

#[tokio::test]
async fn s03_a_denied_request_is_reported_in_each_mode() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for (mode, _) in MODES {
        let page = ada.follow(ada.browser.get(&app.ask(&[("response_mode", mode)])).await).await;
        assert_eq!(step(&page), "consent");
        let params = response_params(&ada.press(&page, "deny").await, CALLBACK);
        let want: BTreeMap<String, String> = [
            ("error", "access_denied"),
            ("error_description", "The user denied the request."),
            ("iss", World::APP_URL),
            ("state", "st4te"),
        ]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
        assert_eq!(params, want, "{mode}");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM consents").await, "0");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
}

#[tokio::test]
async fn s03_what_is_wrong_with_client_or_callback_is_a_page() {
    let w = World::with(&[("ALLOW_INSECURE_CALLBACK_URLS", "false")]).await;
    let mut ada = Person::setup(&w).await;
    let two = json!({ "callbackURLs": [CALLBACK, "http://app.example/plain", "http://127.0.0.1/cb"] });
    let app = App::register(&ada, two).await;
    let table: [&[(&str, &str)]; 14] = [
        &[("client_id", "")],
        &[("client_id", "unknown")],
        &[("redirect_uri", "")],
        &[("redirect_uri", "https://evil.example/cb")],
        &[("redirect_uri", "https://app.example/cb/")],
        &[("redirect_uri", "https://app.example/cb?x=1")],
        &[("redirect_uri", "https://app.example/cb#f")],
        &[("redirect_uri", "https://app.example@evil.example/cb")],
        &[("redirect_uri", "https://app.example\\@evil.example/cb")],
        &[("redirect_uri", "//app.example/cb")],
        &[("redirect_uri", "javascript:alert(1)")],
        &[("redirect_uri", "http://app.example/plain")],
        &[("redirect_uri", "https://evil.example/cb"), ("prompt", "none")],
        &[
            ("redirect_uri", "https://evil.example/cb"),
            ("response_type", "token"),
            ("response_mode", "form_post"),
        ],
    ];
    let stranger = w.browser();
    for changes in table {
        for browser in [&ada.browser, &stranger] {
            let answer = browser.get(&app.ask(changes)).await;
            assert_eq!(page(&answer), (400, "error".into()), "{changes:?}");
            assert_eq!(field(&answer, "location"), "", "{changes:?}");
        }
    }
    // loopback is not insecure, and its port is free (RFC 8252 §7.3)
    let (answer, _) = ada.visit(&app.ask(&[("redirect_uri", "http://127.0.0.1:4711/cb")])).await;
    assert!(location(&answer).starts_with("http://127.0.0.1:4711/cb?code="), "{answer:?}");
}

#[tokio::test]
async fn an_admin_sees_what_to_mend_and_others_do_not() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    let app = App::register(&ada, json!({})).await;
    let path = app.ask(&[("redirect_uri", "https://app.example/wrong")]);
    let html = |answer: Answer| text(&answer).to_owned();
    let shown = html(ada.browser.get(&path).await);
    assert!(shown.contains("https://app.example/wrong") && shown.contains(CALLBACK), "{shown}");
    for browser in [&bob.browser, &w.browser()] {
        let shown = html(browser.get(&path).await);
        assert!(!shown.contains("app.example"), "{shown}");
    }
}

/// Every parameter that the endpoint reads, and one that it does not know.
const PARAMETERS: [&str; 19] = [
    "client_id",
    "response_type",
    "redirect_uri",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "login_hint",
    "id_token_hint",
    "request",
    "request_uri",
    "registration",
    "interaction",
    "claims",
    "made_up",
];

#[tokio::test]
async fn s05_a_parameter_that_comes_twice_is_a_page() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for name in PARAMETERS {
        let good = app.params(&[]).into_iter().find(|(n, _)| n == name).map_or("1".to_owned(), |(_, v)| v);
        let rest = encode_owned(&app.params(&[(name, "")]));
        let (good, evil) = (encode(&[(name, &good)]), encode(&[(name, "evil")]));
        for (first, second) in [(&good, &evil), (&evil, &good), (&good, &good)] {
            let queries = [format!("{first}&{rest}&{second}"), format!("{first}&{second}&{rest}")];
            for query in &queries {
                let answer = ada.browser.get(&format!("/authorize?{query}")).await;
                assert_eq!(
                    (page(&answer), field(&answer, "location")),
                    ((400, "error".into()), ""),
                    "{query}"
                );
                let form = request(Method::POST, "/authorize", &[("content-type", FORM)], query);
                assert_eq!(page(&ada.browser.send(form).await), (400, "error".into()), "POST {query}");
            }
            // one in the query, the other in the body
            let split = format!("/authorize?{first}");
            let form = request(Method::POST, &split, &[("content-type", FORM)], &format!("{second}&{rest}"));
            assert_eq!(page(&ada.browser.send(form).await), (400, "error".into()), "{split} + {second}");
        }
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
}

fn encode_owned(pairs: &[(String, String)]) -> String {
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    encode(&pairs)
}

#[tokio::test]
async fn a_posted_request_is_like_one_in_the_query() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let body = encode_owned(&app.params(&[]));
    let answer =
        ada.browser.send(request(Method::POST, "/authorize", &[("content-type", FORM)], &body)).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    // other media types are not read
    let json = request(Method::POST, "/authorize", &[("content-type", "application/json")], &body);
    assert_eq!(page(&ada.browser.send(json).await), (400, "error".into()));
}

#[tokio::test]
async fn s06_pkce_from_request_to_redemption() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    for (is_public, pkce_enabled) in [(false, false), (false, true), (true, true)] {
        let app = App::register(&ada, json!({ "isPublic": is_public, "pkceEnabled": pkce_enabled })).await;
        for with_challenge in [true, false] {
            let none = [("code_challenge", ""), ("code_challenge_method", "")];
            let changes: &[(&str, &str)] = if with_challenge { &[] } else { &none };
            for (verifier, fits) in [(Some(VERIFIER), true), (Some(CHALLENGE), false), (None, false)] {
                let (answer, _) = ada.visit(&app.ask(changes)).await;
                let params = response_params(&answer, CALLBACK);
                if !with_challenge && (is_public || pkce_enabled) {
                    assert_eq!(params["error"], "invalid_request");
                    continue;
                }
                let mut pairs = vec![
                    ("grant_type", "authorization_code"),
                    ("code", &params["code"]),
                    ("redirect_uri", CALLBACK),
                ];
                pairs.extend(verifier.map(|v| ("code_verifier", v)));
                let answer = app.token(&w, &pairs).await;
                let expected = if with_challenge { fits } else { verifier.is_none() };
                let name = format!("{is_public} {pkce_enabled} {with_challenge} {verifier:?}");
                if expected {
                    assert_eq!(answer.status(), 200, "{name}");
                } else {
                    assert_eq!(error(&answer), (400, "invalid_grant".into()), "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_uses_pkce_by_itself_is_remembered() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    ada.code(&app, &[("code_challenge", ""), ("code_challenge_method", "")]).await;
    assert_eq!(cell(&w, "SELECT pkce_supported FROM clients").await, "0");
    ada.code(&app, &[]).await;
    assert_eq!(cell(&w, "SELECT pkce_supported FROM clients").await, "1");
}

#[tokio::test]
async fn a_client_of_pushed_requests_takes_no_others() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "requiresPushedAuthorizationRequests": true })).await;
    let answer = ada.browser.get(&app.ask(&[])).await;
    assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
}

#[tokio::test]
async fn the_callback_may_be_left_out_where_oauth_allows_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let code = ada.code(&app, &[("redirect_uri", ""), ("scope", "email")]).await;
    let pairs = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let tokens = json_of(&app.token(&w, &pairs).await);
    assert_eq!((tokens["scope"].as_str(), tokens.get("id_token")), (Some("email"), None));
    let answer = ada.browser.get(&app.ask(&[("redirect_uri", "")])).await;
    assert_eq!(page(&answer), (400, "error".into()));
}

#[tokio::test]
async fn s13_the_form_post_page_runs_nothing_and_posts_to_the_app_only() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "callbackURLs": [CALLBACK, "com.example.app:/cb"] })).await;
    let evil = "\"><script>alert(1)</script>";
    let (answer, _) = ada.visit(&app.ask(&[("response_mode", "form_post"), ("state", evil)])).await;
    assert_eq!(page(&answer), (200, "form_post".into()));
    assert!(!text(&answer).contains("<script>"), "{}", text(&answer));
    assert_eq!(response_params(&answer, CALLBACK)["state"], evil);
    assert_eq!(
        field(&answer, "content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self' https: http:"
    );
    assert_eq!(field(&answer, "cache-control"), "private, no-store");
    let native = [("response_mode", "form_post"), ("redirect_uri", "com.example.app:/cb")];
    let (answer, _) = ada.visit(&app.ask(&native)).await;
    assert!(response_params(&answer, "com.example.app:/cb").contains_key("code"));
    assert!(
        field(&answer, "content-security-policy")
            .ends_with("form-action 'self' https: http: com.example.app:")
    );
}

#[tokio::test]
async fn one_grant_is_one_batch_of_rows() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    w.clock.advance(10);
    let code = ada.code(&app, &[("scope", "openid email made-up offline_access")]).await;
    let grants = Stmt::new(
        "SELECT client_id, user_id, scope, auth_time, amr, acr, nonce, created_at, expires_at, revoked_at FROM grants",
    );
    let at = |s: i64| (World::START.0 + s).to_string();
    let want = [
        &app.id,
        &ada.id,
        "openid email offline_access",
        &at(0),
        "phr hwk",
        "phrh",
        "n0nce",
        &at(10),
        &at(2_592_010),
        "-",
    ];
    assert_eq!(rows(&w, grants).await, [want]);
    let codes = Stmt::new(
        "SELECT code_hash, redirect_uri, code_challenge, code_challenge_method, expires_at, used_at \
         FROM authorization_codes",
    );
    let hash = proto::hash::sha256_b64(&code);
    assert_eq!(rows(&w, codes).await, [[hash.as_str(), CALLBACK, CHALLENGE, "S256", &at(70), "-"]]);
    let consents = Stmt::new("SELECT client_id, scope, created_at FROM consents");
    assert_eq!(rows(&w, consents).await, [[&app.id, r#"["openid","email","offline_access"]"#, &at(10)]]);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
    let entry =
        Stmt::new("SELECT user_id, client_id, data FROM audit_events WHERE event LIKE '%AUTHORIZATION'");
    assert_eq!(rows(&w, entry).await, [[&ada.id, &app.id, r#"{"clientName":"Photos"}"#]]);
    ada.code(&app, &[("scope", "openid")]).await;
    assert_eq!(audit(&w).await[2..], ["CLIENT_AUTHORIZATION", "NEW_CLIENT_AUTHORIZATION"]);
}

#[tokio::test]
async fn s40_head_uses_nothing_up_and_grants_nothing() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let head = async |path: &str| ada.browser.send(request(Method::HEAD, path, &[], "")).await;
    let begun = ada.browser.get(&app.ask(&[])).await;
    let interaction = location(&begun).split_once('=').unwrap().1.to_owned();
    let allowed = ada.press(&ada.browser.get(location(&begun)).await, "allow").await;
    let counts = async || {
        [cell(&w, "SELECT COUNT(*) FROM grants").await, cell(&w, "SELECT COUNT(*) FROM interactions").await]
    };
    let before = counts().await;
    let resumed = format!("/authorize?interaction={interaction}");
    for path in [&app.ask(&[]), &app.ask(&[("prompt", "none")]), &resumed] {
        let answer = head(path).await;
        assert_eq!((answer.status().as_u16(), field(&answer, "location")), (204, ""), "{path}");
        assert_eq!(field(&answer, "cache-control"), "private, no-store");
    }
    assert_eq!(head("/authorize").await.status(), 400);
    assert_eq!(counts().await, before);
    let answer = ada.browser.get(location(&allowed)).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    ada.code(&app, &[]).await;
}

#[tokio::test]
async fn s62_no_implicit_no_password_no_tokens_in_addresses() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for kind in
        ["token", "id_token", "id_token token", "code token", "code id_token", "none", "Code", "code code"]
    {
        let answer = ada.browser.get(&app.ask(&[("response_type", kind)])).await;
        let params = response_params(&answer, CALLBACK);
        assert_eq!(params["error"], "unsupported_response_type", "{kind}");
    }
    for grant in ["password", "implicit", "AUTHORIZATION_CODE"] {
        let pairs = [("grant_type", grant), ("username", "ada"), ("password", "x"), ("scope", "openid")];
        assert_eq!(error(&app.token(&w, &pairs).await), (400, "unsupported_grant_type".into()), "{grant}");
    }
    let (answer, _) = ada.visit(&app.ask(&[("response_mode", "fragment")])).await;
    let names: Vec<String> = response_params(&answer, CALLBACK).into_keys().collect();
    assert_eq!(names, ["code", "iss", "state"]);
}

#[tokio::test]
async fn a_form_that_an_app_posts_is_asked_for_again_with_cookies() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    // SameSite=Lax: the browser keeps its cookies back
    let foreign =
        [("content-type", FORM), ("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let body = encode_owned(&app.params(&[]));
    let answer = w.request(request(Method::POST, "/authorize", &foreign, &body)).await;
    let again = location(&answer).to_owned();
    assert!(again.starts_with("/authorize?") && set_cookies(answer.headers()).is_empty(), "{answer:?}");
    let answer = ada.browser.get(&again).await;
    let params = response_params(&answer, CALLBACK);
    assert_eq!((params["state"].as_str(), params.contains_key("code")), ("st4te", true));
    // what is wrong with it is said at once
    let twice = format!("{body}&state=x");
    let answer = w.request(request(Method::POST, "/authorize", &foreign, &twice)).await;
    assert_eq!(page(&answer), (400, "error".into()));
}
