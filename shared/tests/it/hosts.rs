//! Which host is ours, and where absolute URLs come from.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::http::routes::{ROUTES, Shape};
use testkit::World;

#[tokio::test]
async fn s44_another_host_is_421_everywhere_but_at_the_health_check() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for route in ROUTES {
        for host in [
            "evil.example",
            "id.example.com.evil.example",
            "evil.example:443",
            "[::1]",
            "",
            "id.example.com@evil",
            "\"><script>",
        ] {
            let method: Method = route.method.as_str().parse().unwrap();
            let path = route.path.replace(['{', '}'], "");
            let answer = ada.browser.send(request(method, &path, &[("host", host)], "")).await;
            let name = format!("{} {} at {host}", route.method.as_str(), route.path);
            match (route.path, route.shape) {
                ("/healthz", _) => assert_eq!(answer.status(), 204, "{name}"),
                (_, Shape::Page) => {
                    assert_eq!(page(&answer), (421, "error".into()), "{name}");
                    assert!(!text(&answer).contains("<script>"), "{name}");
                    assert!(!text(&answer).contains(&format!("//{host}")) || host.is_empty(), "{name}");
                }
                _ => assert_eq!(error(&answer), (421, "wrong_host".into()), "{name}"),
            }
            assert_eq!(field(&answer, "location"), "", "{name}");
            assert!(set_cookies(answer.headers()).is_empty(), "{name}");
        }
    }
}

#[tokio::test]
async fn s44_absolute_urls_come_from_app_url_alone() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let spoofs = [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "81"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-host", "evil.example"),
    ];
    let get = async |path: &str, host: &str| {
        let mut headers = spoofs.to_vec();
        headers.push(("host", host));
        ada.browser.send(request(Method::GET, path, &headers, "")).await
    };
    for host in ["id.example.com", "ID.EXAMPLE.COM", "id.example.com:443", "id.example.com:8443"] {
        let discovery = json_of(&get("/.well-known/openid-configuration", host).await);
        assert_eq!(discovery["issuer"], World::APP_URL);
        assert!(!discovery.to_string().contains("evil") && !discovery.to_string().contains("http:"));
        let answer = get(&app.ask(&[]), host).await;
        assert_eq!(response_params(&answer, CALLBACK)["iss"], World::APP_URL);
        assert_eq!(location(&get("/", host).await), "/settings/account");
        for path in ["/settings/account", "/login?reauthenticate=1", "/logout", "/nope"] {
            let page = get(path, host).await;
            assert!(!text(&page).contains("evil"), "{path}");
        }
    }
    // a passkey is bound to APP_URL whatever the port that was asked for
    let page_ = get("/login?reauthenticate=1", "id.example.com:8443").await;
    assert_eq!(Form::of(&page_).options["rpId"], "id.example.com");
    assert_eq!(ada.answer(&page_).await.status(), 303);
}

#[tokio::test]
async fn s44_two_hosts_are_none() {
    let w = World::new().await;
    for hosts in [["id.example.com", "evil.example"], ["evil.example", "id.example.com"]] {
        let headers = hosts.map(|host| ("host", host));
        assert_eq!(w.request(request(Method::GET, "/login", &headers, "")).await.status(), 421, "{hosts:?}");
    }
}

#[tokio::test]
async fn s44_the_internal_address_is_ours_too() {
    let w = World::with(&[("INTERNAL_APP_URL", "http://latchkey.internal:1411")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let headers = [("host", "latchkey.internal:1411"), ("authorization", bearer.as_str())];
    let answer = w.request(request(Method::GET, "/api/oidc/userinfo", &headers, "")).await;
    assert_eq!(answer.status(), 200);
    // the issuer stays what it is
    let headers = [("host", "latchkey.internal:1411")];
    let discovery = w.request(request(Method::GET, "/.well-known/openid-configuration", &headers, "")).await;
    assert_eq!(json_of(&discovery)["issuer"], World::APP_URL);
}

#[tokio::test]
async fn s44_the_host_of_an_absolute_request_target_counts_without_a_host_field() {
    let w = World::new().await;
    for (target, status) in [("https://id.example.com/login", 200), ("https://evil.example/login", 421)] {
        let answer = w.request(request(Method::GET, target, &[], "")).await;
        assert_eq!(answer.status(), status, "{target}");
    }
}

#[tokio::test]
async fn a_page_at_another_port_points_to_app_url() {
    let w = World::with(&[("APP_URL", "http://localhost:1411")]).await;
    let here = w.request(request(Method::GET, "/login", &[("host", "localhost:1411")], "")).await;
    assert!(!text(&here).contains("wrong-address"));
    let there = w.request(request(Method::GET, "/login", &[("host", "localhost:8080")], "")).await;
    assert!(
        text(&there).contains("wrong-address") && text(&there).contains("href=\"http://localhost:1411\"")
    );
}
