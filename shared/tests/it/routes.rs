//! Every row of the route table does what its columns say.

use crate::stage::*;
use http::Method;
use serde_json::json;
use shared::db::Stmt;
use shared::http::routes::{Auth, Cache, Cors, ROUTES, Route, Shape, Verb};
use std::collections::{BTreeMap, BTreeSet};
use testkit::{Browser, World};

/// A world with an admin, a plain person and an app that the paths name.
struct Scene<'w> {
    ada: Person<'w>,
    bob: Person<'w>,
    app: App,
}

async fn scene(w: &World) -> Scene<'_> {
    let ada = Person::setup(w).await;
    let mut bob = Person::join(w, "bob", 2).await;
    bob.sign_in().await;
    let app = App::register(&ada, json!({})).await;
    Scene { ada, bob, app }
}

impl Scene<'_> {
    fn path(&self, route: &Route) -> String {
        route
            .path
            .replace("{id}", &self.app.id)
            .replace("{secretId}", "no-secret")
            .replace("{clientId}", "no-client")
            .replace("{kid}", "no-key")
            .replace("{sessionId}", "no-session")
            .replace("{deliveryId}", "no-delivery")
    }

    fn name(route: &Route) -> String {
        format!("{} {}", route.method.as_str(), route.path)
    }

    /// Sends what the route could take, from nowhere in particular unless `headers` say so.
    async fn send(&self, browser: &Browser<'_>, route: &Route, headers: &[(&str, &str)]) -> Answer {
        let method: Method = route.method.as_str().parse().unwrap();
        let (media, body) = match (route.method, route.shape) {
            (Verb::Get | Verb::Delete, _) => ("", ""),
            (_, Shape::Api) => ("application/json", r#"{"name":"Renamed"}"#),
            _ => (FORM, "a=b"),
        };
        let mut all = headers.to_vec();
        if !media.is_empty() {
            all.push(("content-type", media));
        }
        browser.send(request(method, &self.path(route), &all, body)).await
    }
}

fn is_same_origin(route: &Route) -> bool {
    format!("{:?}", route.origin) == "Same"
}

const TABLES: [&str; 33] = [
    "SELECT * FROM must",
    "SELECT * FROM instance",
    "SELECT * FROM settings",
    "SELECT * FROM users",
    "SELECT * FROM user_groups",
    "SELECT * FROM user_group_members",
    "SELECT * FROM custom_claims",
    "SELECT * FROM passkeys",
    "SELECT * FROM webauthn_challenges",
    "SELECT * FROM sessions",
    "SELECT * FROM clients",
    "SELECT * FROM client_origins",
    "SELECT * FROM client_secrets",
    "SELECT * FROM client_allowed_groups",
    "SELECT * FROM consents",
    "SELECT * FROM interactions",
    "SELECT * FROM grants",
    "SELECT * FROM authorization_codes",
    "SELECT * FROM refresh_tokens",
    "SELECT * FROM revoked_access_tokens",
    "SELECT * FROM pushed_requests",
    "SELECT * FROM device_codes",
    "SELECT * FROM used_jtis",
    "SELECT * FROM counters",
    "SELECT * FROM remote_documents",
    "SELECT * FROM apis",
    "SELECT * FROM api_permissions",
    "SELECT * FROM api_clients",
    "SELECT * FROM api_client_permissions",
    "SELECT * FROM logout_deliveries",
    "SELECT * FROM initial_access_tokens",
    "SELECT * FROM signing_keys",
    "SELECT * FROM audit_events",
];

/// Everything that is stored.
async fn everything(w: &World) -> Vec<Vec<Vec<String>>> {
    let mut all = Vec::new();
    for table in TABLES {
        all.push(rows(w, Stmt::new(table)).await);
    }
    all
}

#[tokio::test]
async fn everything_is_looked_at() {
    let w = World::new().await;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' \
                  AND name <> 'd1_migrations'";
    let names: BTreeSet<String> = rows(&w, Stmt::new(tables)).await.into_iter().flatten().collect();
    let known: BTreeSet<String> = TABLES.iter().map(|t| t.replace("SELECT * FROM ", "")).collect();
    assert_eq!(names, known);
}

#[tokio::test]
async fn every_route_that_is_not_public_refuses_the_anonymous() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let before = everything(&w).await;
    for route in ROUTES.iter().filter(|r| r.auth != Auth::Public) {
        for cookie in [None, Some("made-up")] {
            let nobody = w.browser();
            if let Some(cookie) = cookie {
                nobody.set_cookie("__Host-latchkey_session", cookie);
            }
            let answer = scene.send(&nobody, route, &[]).await;
            let name = Scene::name(route);
            match (route.auth, route.method) {
                (Auth::User | Auth::Admin, _) => {
                    assert_eq!(error(&answer), (401, "not_signed_in".into()), "{name}")
                }
                (Auth::UserPage, Verb::Get) => {
                    let back = route.path.replace('/', "%2F");
                    assert_eq!(location(&answer), format!("/login?redirect={back}"), "{name}");
                }
                (Auth::UserPage, _) => assert_eq!(location(&answer), "/login", "{name}"),
                (Auth::Bearer, _) => assert_eq!(field(&answer, "www-authenticate"), "Bearer", "{name}"),
                (Auth::Client, _) => assert_eq!(error(&answer), (401, "invalid_client".into()), "{name}"),
                (Auth::Public, _) => unreachable!("filtered out"),
            }
        }
    }
    assert_eq!(everything(&w).await, before);
}

#[tokio::test]
async fn every_admin_route_refuses_a_plain_person() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let before = everything(&w).await;
    let admin: Vec<&Route> = ROUTES.iter().filter(|r| r.auth == Auth::Admin).collect();
    assert_eq!(admin.len(), 36);
    for route in admin {
        let answer = scene.send(&scene.bob.browser, route, &[]).await;
        assert_eq!(error(&answer), (403, "forbidden".into()), "{}", Scene::name(route));
    }
    assert_eq!(everything(&w).await, before);
}

#[tokio::test]
async fn s11_s40_every_route_that_trusts_a_cookie_refuses_other_origins() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let before = everything(&w).await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[("origin", "https://evil.example")],
        &[("origin", "http://id.example.com")],
        &[("origin", "https://id.example.com:8443")],
        &[("origin", "https://id.example.com.evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", World::APP_URL), ("sec-fetch-site", "cross-site")],
    ];
    for route in ROUTES.iter().filter(|r| is_same_origin(r)) {
        for headers in foreign {
            let answer = scene.send(&scene.ada.browser, route, headers).await;
            let name = format!("{} {headers:?}", Scene::name(route));
            match route.shape {
                Shape::Page => assert_eq!(page(&answer), (403, "error".into()), "{name}"),
                _ => assert_eq!(error(&answer), (403, "forbidden".into()), "{name}"),
            }
        }
    }
    assert_eq!(everything(&w).await, before);
}

#[test]
fn s40_whatever_changes_something_for_a_cookie_asks_for_the_origin() {
    // These take no cookie as proof: clients authenticate, or the person is asked on a page of ours.
    let open = [
        "/authorize",
        "/api/oidc/device/authorize",
        "/api/oidc/end-session",
        "/api/oidc/introspect",
        "/api/oidc/par",
        "/api/oidc/revoke",
        "/api/oidc/token",
        "/api/oidc/userinfo",
        "/api/oidc/register",
        "/api/oidc/register/{id}",
    ];
    for route in ROUTES {
        // Wrong codes of devices count, whichever method brings them.
        let changes = route.method != Verb::Get || route.path == "/api/oidc/device/info";
        assert_eq!(is_same_origin(route), changes && !open.contains(&route.path), "{}", Scene::name(route));
        assert!(!is_same_origin(route) || route.cors == Cors::None, "{}", Scene::name(route));
    }
}

#[test]
fn every_route_is_there_once() {
    let mut seen = BTreeSet::new();
    for route in ROUTES {
        assert!(seen.insert(Scene::name(route)), "{} twice", Scene::name(route));
        assert!(!route.summary.is_empty(), "{}", Scene::name(route));
        assert!(route.checks_host || route.path == "/healthz", "{}", Scene::name(route));
    }
}

#[tokio::test]
async fn s17_s59_answers_are_kept_as_long_as_the_column_says() {
    let w = World::new().await;
    let scene = scene(&w).await;
    for route in ROUTES {
        let name = Scene::name(route);
        if matches!(route.auth, Auth::Client | Auth::Bearer) {
            assert_eq!(route.cache, Cache::NoStore, "{name}");
        }
        for browser in [&scene.ada.browser, &scene.bob.browser, &w.browser()] {
            let answer = scene.send(browser, route, &[]).await;
            let is_good = answer.status().is_success();
            let want = match route.cache {
                Cache::NoStore => "no-store".to_owned(),
                Cache::Public(seconds) if is_good => format!("public, max-age={seconds}"),
                _ => "private, no-store".to_owned(),
            };
            assert_eq!(field(&answer, "cache-control"), want, "{name}");
        }
        if matches!(route.cache, Cache::Public(_)) {
            assert_eq!(route.auth, Auth::Public, "{name}");
        }
    }
}

#[tokio::test]
async fn s55_every_route_has_a_body_limit() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let before = everything(&w).await;
    let send = async |route: &Route, size: usize| {
        let media = if route.shape == Shape::Api { "application/json" } else { FORM };
        let headers =
            [("content-type", media), ("origin", World::APP_URL), ("sec-fetch-site", "same-origin")];
        let method: Method = route.method.as_str().parse().unwrap();
        scene.ada.browser.send(request(method, &scene.path(route), &headers, &"x".repeat(size))).await
    };
    for route in ROUTES {
        let name = Scene::name(route);
        let most = if route.shape == Shape::Api { 256 * 1024 } else { 64 * 1024 };
        assert!(route.body_limit <= most, "{name}");
        let answer = send(route, route.body_limit + 1).await;
        match route.shape {
            Shape::Page => assert_eq!(page(&answer), (400, "error".into()), "{name}"),
            Shape::Api => assert_eq!(error(&answer), (413, "request_too_large".into()), "{name}"),
            Shape::OAuth => assert_eq!(error(&answer), (413, "invalid_request".into()), "{name}"),
        }
    }
    assert_eq!(everything(&w).await, before);
    for route in ROUTES.iter().filter(|r| r.shape != Shape::Page) {
        assert_ne!(send(route, route.body_limit).await.status(), 413, "{}", Scene::name(route));
    }
}

/// What every answer carries.
fn assert_guarded(answer: &Answer, name: &str, ids: &mut BTreeSet<String>) {
    let is_page = field(answer, "content-type").starts_with("text/html");
    let csp = field(answer, "content-security-policy");
    let begins = if is_page {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    } else {
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    };
    assert!(csp.starts_with(begins), "{name}: {csp}");
    assert!(!csp.contains("unsafe") && !csp.contains('*'), "{name}: {csp}");
    let policy = if is_page { "same-origin" } else { "no-referrer" };
    let fixed = [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", policy),
        ("strict-transport-security", "max-age=31536000"),
        (
            "permissions-policy",
            "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), \
             geolocation=()",
        ),
    ];
    for (header, value) in fixed {
        assert_eq!(field(answer, header), value, "{name}");
    }
    let id = field(answer, "x-request-id");
    assert_eq!(id.len(), 36, "{name}");
    assert!(ids.insert(id.to_owned()), "{name}: request id twice");
    if is_page && !answer.body().is_empty() {
        let html = text(answer).to_lowercase();
        for inline in ["<script>", " style=", "<style", " onclick=", " onload=", "javascript:"] {
            assert!(!html.contains(inline), "{name}: {inline}");
        }
        assert!(html.starts_with("<!doctype html>"), "{name}");
    }
}

#[tokio::test]
async fn s10_s59_every_answer_is_guarded() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let mut ids = BTreeSet::new();
    let wrong_host = [("host", "evil.example")];
    let foreign = [("origin", "https://evil.example")];
    for route in ROUTES {
        let name = Scene::name(route);
        for browser in [&scene.ada.browser, &scene.bob.browser, &w.browser()] {
            for headers in [&[] as &[(&str, &str)], &wrong_host, &foreign] {
                assert_guarded(&scene.send(browser, route, headers).await, &name, &mut ids);
            }
        }
        for method in [Method::HEAD, Method::OPTIONS, Method::PATCH] {
            let answer = w.request(request(method, &scene.path(route), &[], "")).await;
            assert_guarded(&answer, &name, &mut ids);
        }
    }
    for path in ["/nope", "/api/nope", "/.well-known/nope", "/%ff", "/api/oidc/clients/%ff", "/login/"] {
        assert_guarded(&w.browser().get(path).await, path, &mut ids);
    }
    // every page that an interaction has, and the one that posts to the app
    let mut ada = scene.ada;
    for prompt in ["login", "consent", "select_account"] {
        w.clock.advance(1);
        let page = ada.follow(ada.browser.get(&scene.app.ask(&[("prompt", prompt)])).await).await;
        assert_guarded(&page, prompt, &mut ids);
    }
    let (page, _) = ada.visit(&scene.app.ask(&[("response_mode", "form_post")])).await;
    assert_guarded(&page, "form_post", &mut ids);
}

#[tokio::test]
async fn s58_cors_is_where_the_column_says_and_never_with_cookies() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let open: BTreeSet<&str> = ROUTES.iter().filter(|r| r.cors == Cors::Any).map(|r| r.path).collect();
    let want = [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/api/oidc/end-session",
        "/api/oidc/register",
    ];
    assert_eq!(open, want.into());
    let registered: BTreeSet<&str> =
        ROUTES.iter().filter(|r| r.cors == Cors::Registered).map(|r| r.path).collect();
    let want = [
        "/api/oidc/device/authorize",
        "/api/oidc/introspect",
        "/api/oidc/par",
        "/api/oidc/revoke",
        "/api/oidc/token",
        "/api/oidc/userinfo",
    ];
    assert_eq!(registered, want.into());
    for route in ROUTES {
        let name = Scene::name(route);
        let is_open = route.cors != Cors::None;
        for origin in ["https://other.example", "null", World::APP_URL, "https://app.example"] {
            let want = match (route.cors, origin) {
                (Cors::None, _) | (Cors::Any, "null") => "",
                (Cors::Any, _) | (Cors::Registered, "https://app.example") => "*",
                (Cors::Registered, _) => "",
            };
            let answer = scene.send(&scene.ada.browser, route, &[("origin", origin)]).await;
            assert_eq!(field(&answer, "access-control-allow-origin"), want, "{name} {origin}");
            assert_eq!(field(&answer, "access-control-allow-credentials"), "", "{name}");
            // answers that differ by Origin must not be mixed up by caches
            assert_eq!(field(&answer, "vary"), if is_open { "Origin" } else { "" }, "{name}");

            let asks = [("origin", origin), ("access-control-request-method", route.method.as_str())];
            let answer = w.request(request(Method::OPTIONS, &scene.path(route), &asks, "")).await;
            assert_eq!(answer.status(), 204, "{name}");
            assert_eq!(field(&answer, "access-control-allow-origin"), want, "{name} {origin}");
            let (methods, headers) =
                if want.is_empty() { ("", "") } else { ("GET, POST", "Authorization, Content-Type, DPoP") };
            assert_eq!(field(&answer, "access-control-allow-methods"), methods, "{name}");
            assert_eq!(field(&answer, "access-control-allow-headers"), headers, "{name}");
        }
    }
    let missing = w.request(request(Method::GET, "/api/nope", &[("origin", "https://x.example")], "")).await;
    assert_eq!(field(&missing, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn unknown_paths_are_404_in_the_shape_of_their_neighbours() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for browser in [&ada.browser, &w.browser()] {
        for path in [
            "/api/nope",
            "/api/oidc/nope",
            "/.well-known/nope",
            "/api/oidc/clients/x/nope",
            "/api/oidc/clients/%ff",
        ] {
            let answer = browser.get(path).await;
            assert_eq!(error(&answer), (404, "not_found".into()), "{path}");
            assert_eq!(json_of(&answer)["error"], "API endpoint not found");
            assert_eq!(json_of(&answer)["request_id"], field(&answer, "x-request-id"));
        }
        for path in ["/nope", "/Login", "/settings", "/api", "/__test/clock", "//login", "/%2e%2e/login"] {
            assert_eq!(page(&browser.get(path).await), (404, "error".into()), "{path}");
        }
    }
    // methods do not matter where there is nothing
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let answer = w.request(request(method, "/api/nope", &[], "")).await;
        assert_eq!(error(&answer), (404, "not_found".into()));
    }
}

#[tokio::test]
async fn other_methods_are_405_with_allow() {
    let w = World::new().await;
    let scene = scene(&w).await;
    let mut by_path: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in ROUTES {
        by_path.entry(route.path).or_default().push(route);
    }
    let before = everything(&w).await;
    for (path, routes) in by_path {
        let mut allow: Vec<&str> = routes.iter().map(|r| r.method.as_str()).collect();
        if allow.contains(&"GET") {
            allow.push("HEAD");
        }
        allow.push("OPTIONS");
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"] {
            if allow.contains(&method) {
                continue;
            }
            let parsed = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = scene.ada.browser.send(request(parsed, &scene.path(routes[0]), &[], "")).await;
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(field(&answer, "allow"), allow.join(", "), "{method} {path}");
            if method != "HEAD" {
                assert_eq!(json_of(&answer)["code"], "method_not_allowed", "{method} {path}");
            }
        }
        let options = w.request(request(Method::OPTIONS, &scene.path(routes[0]), &[], "")).await;
        assert_eq!((options.status().as_u16(), field(&options, "allow")), (204, allow.join(", ").as_str()));
        assert!(options.body().is_empty(), "{path}");
    }
    assert_eq!(everything(&w).await, before);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let w = World::new().await;
    let scene = scene(&w).await;
    for route in ROUTES.iter().filter(|r| r.method == Verb::Get) {
        let name = Scene::name(route);
        for browser in [&scene.ada.browser, &w.browser()] {
            let get = browser.send(request(Method::GET, &scene.path(route), &[], "")).await;
            let head = browser.send(request(Method::HEAD, &scene.path(route), &[], "")).await;
            assert_eq!(head.status(), get.status(), "{name}");
            assert!(head.body().is_empty(), "{name}");
            assert_eq!(field(&head, "content-length"), get.body().len().to_string(), "{name}");
            for same in ["content-type", "content-security-policy", "cache-control", "location"] {
                assert_eq!(field(&head, same), field(&get, same), "{name}");
            }
        }
    }
    let head = w.request(request(Method::HEAD, "/api/nope", &[], "")).await;
    assert_eq!((head.status().as_u16(), head.body().len()), (404, 0));
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_page_and_nowhere_else() {
    let w = World::new().await;
    for (path, target) in
        [("/login/", "/login"), ("/settings/account/", "/settings/account"), ("/nope/", "/nope")]
    {
        let answer = w.browser().get(path).await;
        assert_eq!((answer.status().as_u16(), field(&answer, "location")), (301, target), "{path}");
        assert_eq!(field(&answer, "cache-control"), "private, no-store");
    }
    for path in ["//evil.example/", "/\\evil.example/", "//", "/%5cevil.example/"] {
        let answer = w.browser().get(&path.replace('\\', "%5c")).await;
        let target = field(&answer, "location").to_owned();
        assert!(target.is_empty() || shared_path(&target), "{path}: {target}");
    }
    let post = w.request(request(Method::POST, "/login/", &[], "")).await;
    assert_eq!(page(&post), (404, "error".into()));
    assert_eq!(error(&w.browser().get("/api/users/me/").await), (404, "not_found".into()));
}

/// Whether a browser stays on our origin.
fn shared_path(target: &str) -> bool {
    let base = url::Url::parse(World::APP_URL).unwrap();
    base.join(target).unwrap().origin() == base.origin()
}
