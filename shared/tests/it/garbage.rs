//! Whatever comes in, the answer is no 5xx, and nothing of it breaks a database.

use crate::stage::*;
use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde_json::json;
use shared::db::{Rows, Stmt, Value};
use shared::http::routes::ROUTES;
use shared::ports::{Db, DbError};
use std::sync::Arc;
use testkit::World;

/// A database that takes nothing that Postgres or D1 would refuse.
struct Strict(Arc<dyn Db>);

#[async_trait::async_trait]
impl Db for Strict {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        for stmt in &stmts {
            assert!(stmt.args.len() <= 100, "too many parameters: {}", stmt.sql);
            for arg in &stmt.args {
                let Value::Text(text) = arg else { continue };
                assert!(!text.contains('\0'), "NUL for {}", stmt.sql);
                assert!(!stmt.sql.contains("LIKE") || text.len() <= 50, "long pattern for {}", stmt.sql);
            }
        }
        self.0.batch(stmts).await
    }
}

/// Bits that have broken parsers before.
fn bits() -> Vec<String> {
    let fixed = [
        "",
        "x",
        "0",
        "-1",
        "9223372036854775808",
        "1e309",
        "null",
        "[]",
        "{}",
        "\"",
        "'",
        "\\",
        "%",
        "%00",
        "%0a",
        "%zz",
        "%ff%fe",
        "%c0%80",
        "%ed%a0%80",
        "%f0%9f%92%a9",
        "..",
        "../..",
        "//",
        "a b",
        "&",
        "=",
        "==",
        "a=b=c",
        "&&&",
        "a&a",
        "a=1&a=2",
        "~",
        "~AAAA",
        "~////",
        "'; DROP TABLE users; --",
        "<script>alert(1)</script>",
        "${7*7}",
        "{{7*7}}",
        "http://[::1",
        "javascript:alert(1)",
        "data:,x",
        "https://user:pass@x/",
        "none",
        "login none",
        "openid\u{a0}email",
        "....",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30",
        "AAAA.AAAA.AAAA",
        "\u{202e}",
        "é",
        "\u{feff}",
        "\u{10ffff}",
    ];
    let mut all: Vec<String> = fixed.map(str::to_owned).into();
    all.extend([
        "A".repeat(3000),
        "%41".repeat(1000),
        ".".repeat(2000),
        "a=1&".repeat(200),
        "[".repeat(2000),
    ]);
    all
}

/// Names of all parameters that anything reads.
const NAMES: [&str; 30] = [
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
    "interaction",
    "action",
    "redirect",
    "reauthenticate",
    "challenge_id",
    "response",
    "username",
    "email",
    "firstName",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "client_secret",
    "access_token",
    "post_logout_redirect_uri",
    "search",
];

/// A generator that needs no crate: equal seeds give equal bytes.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.next() % from.len() as u64).unwrap()]
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.next() % most).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// A request target made of what a request line can hold.
fn target(path: &str, query: &str) -> Option<http::Uri> {
    let clean: String =
        query.bytes().filter(|b| b.is_ascii_graphic() && *b != b'#').map(char::from).collect();
    format!("{path}?{clean}").parse().ok()
}

async fn assert_no_fault(w: &World, request: Request<Bytes>) {
    let shown = format!("{request:?}");
    let answer = w.request(request).await;
    assert!(
        answer.status().as_u16() < 500,
        "{} for {}",
        answer.status(),
        shown.chars().take(600).collect::<String>()
    );
    assert_eq!(field(&answer, "x-content-type-options"), "nosniff", "{shown}");
}

#[tokio::test]
async fn s60_garbage_in_every_place_of_every_route_is_no_fault() {
    let world = World::new().await;
    let mut ada = Person::setup(&world).await;
    let app = App::register(&ada, json!({})).await;
    ada.tokens(&app, &[]).await;
    let inner = world.host.db.clone();
    let w = world.another_node(|host| host.db = Arc::new(Strict(inner)));
    let cookie = format!(
        "__Host-latchkey_session={}; __Host-latchkey_browser={}",
        ada.session().unwrap(),
        ada.browser.cookie("__Host-latchkey_browser").unwrap()
    );
    let bits = bits();
    let mut noise = Noise(0x5eed);
    for route in ROUTES {
        let method: Method = route.method.as_str().parse().unwrap();
        for round in 0..120 {
            let bit = &bits[round % bits.len()];
            // places in the path
            let in_path: String = url::form_urlencoded::byte_serialize(bit.as_bytes()).collect();
            let raw = noise.pick(&["%00", "%ff", "~", "~AAAA", "%2f", "..", "%20", "x"]);
            let part = if round % 2 == 0 { in_path.replace('+', "%20") } else { (*raw).to_owned() };
            let part = if part.is_empty() || part.len() > 1000 { "x".to_owned() } else { part };
            let path = route.path.replace("{id}", &part).replace("{secretId}", &part);
            // the query
            let name = noise.pick(&NAMES);
            let query = match round % 3 {
                0 => String::new(),
                1 => bit.clone(),
                _ => format!("client_id={}&{name}={bit}", app.id),
            };
            let Some(uri) = target(&path, &query) else { continue };
            // the body
            let name = noise.pick(&NAMES);
            let body = match round % 5 {
                0 => Vec::new(),
                1 => noise.bytes(400),
                2 => bit.clone().into_bytes(),
                3 => encode(&[(name, bit)]).into_bytes(),
                _ => json!({ *name: bit, "name": bit, "callbackURLs": [bit], "launchURL": bit })
                    .to_string()
                    .into_bytes(),
            };
            let media = noise.pick(&[FORM, "application/json", "text/plain", ""]);
            let mut request = Request::new(Bytes::from(body));
            *request.method_mut() = method.clone();
            *request.uri_mut() = uri;
            let headers = request.headers_mut();
            headers.insert("content-type", HeaderValue::from_static(media));
            if round % 4 != 0 {
                headers.insert("cookie", cookie.parse().unwrap());
            }
            // a field of garbage, not only ASCII
            let bytes: Vec<u8> = noise.bytes(60).into_iter().filter(|b| *b >= 0x20 && *b != 0x7f).collect();
            let value = HeaderValue::from_bytes(if round % 2 == 0 { &bytes } else { bit.as_bytes() });
            let name = *noise.pick(&[
                "authorization",
                "cookie",
                "user-agent",
                "accept-language",
                "x-forwarded-for",
                "x-noise",
            ]);
            if let Ok(value) = value {
                headers.insert(name, value);
            }
            assert_no_fault(&w, request).await;
        }
    }
}

#[tokio::test]
async fn s60_each_parameter_of_each_endpoint_takes_garbage() {
    let world = World::new().await;
    let ada = Person::setup(&world).await;
    let app = App::register(&ada, json!({ "isPublic": true })).await;
    let inner = world.host.db.clone();
    let w = world.another_node(|host| host.db = Arc::new(Strict(inner)));
    let cookie = format!("__Host-latchkey_session={}", ada.session().unwrap());
    for bit in bits() {
        for (name, _) in
            app.params(&[("prompt", "x"), ("max_age", "x"), ("id_token_hint", "x"), ("login_hint", "x")])
        {
            let path = app.ask(&[(&name, &bit)]);
            let get = request(Method::GET, &path, &[("cookie", &cookie)], "");
            assert_no_fault(&w, get).await;
        }
        for grant in ["authorization_code", "refresh_token", &bit] {
            for name in [
                "code",
                "redirect_uri",
                "code_verifier",
                "refresh_token",
                "scope",
                "client_id",
                "client_secret",
            ] {
                let mut pairs = vec![
                    ("grant_type", grant),
                    ("client_id", &app.id),
                    ("code", "x"),
                    ("refresh_token", "y"),
                ];
                pairs.retain(|(n, _)| *n != name);
                pairs.push((name, &bit));
                let post =
                    request(Method::POST, "/api/oidc/token", &[("content-type", FORM)], &encode(&pairs));
                assert_no_fault(&w, post).await;
            }
        }
        let ascii: String = bit.chars().filter(char::is_ascii_graphic).collect();
        for scheme in ["Bearer", "Basic", "DPoP", ""] {
            let value = format!("{scheme} {ascii}");
            for (method, path) in [(Method::GET, "/api/oidc/userinfo"), (Method::POST, "/api/oidc/token")] {
                let headers = [("authorization", value.as_str()), ("content-type", FORM)];
                assert_no_fault(
                    &w,
                    request(method, path, &headers, "grant_type=refresh_token&refresh_token=x"),
                )
                .await;
            }
        }
        let pair = basic(&bit, &bit);
        let headers = [("authorization", pair.as_str()), ("content-type", FORM)];
        let body = "grant_type=refresh_token&refresh_token=x";
        assert_no_fault(&w, request(Method::POST, "/api/oidc/token", &headers, body)).await;
        let end = encode(&[
            ("id_token_hint", &bit),
            ("client_id", &bit),
            ("post_logout_redirect_uri", &bit),
            ("state", &bit),
        ]);
        for path in ["/api/oidc/end-session", "/logout"] {
            assert_no_fault(&w, request(Method::GET, &format!("{path}?{end}"), &[("cookie", &cookie)], ""))
                .await;
        }
        let listing = encode(&[
            ("search", &bit),
            ("pagination[page]", &bit),
            ("pagination[limit]", &bit),
            ("sort[column]", &bit),
        ]);
        let path = format!("/api/oidc/clients?{listing}");
        assert_no_fault(&w, request(Method::GET, &path, &[("cookie", &cookie)], "")).await;
    }
}

#[tokio::test]
async fn s60_nul_is_refused_at_the_door() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    assert_eq!(page(&ada.browser.get("/authorize?client_id=%00").await), (400, "error".into()));
    assert_eq!(page(&ada.browser.get("/login?redirect=/%00").await), (400, "error".into()));
    let tilde = format!("/api/oidc/clients/~{}", proto::b64::encode("a\0b"));
    for path in [tilde.as_str(), "/api/oidc/clients/a%00b"] {
        assert_eq!(error(&ada.browser.get(path).await), (404, "not_found".into()));
    }
}

#[tokio::test]
async fn s60_a_store_that_fails_is_an_error_in_the_right_shape() {
    struct Broken;
    #[async_trait::async_trait]
    impl Db for Broken {
        async fn batch(&self, _: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
            Err(DbError::Unavailable("secret address of the database".to_owned()))
        }
    }
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let broken = w.another_node(|host| host.db = Arc::new(Broken));
    let cookie = format!("__Host-latchkey_session={}", ada.session().unwrap());
    let get = async |path: &str| broken.request(request(Method::GET, path, &[("cookie", &cookie)], "")).await;
    for path in ["/", "/login", "/setup", "/settings/account", "/logout", &app.ask(&[])] {
        let answer = get(path).await;
        assert_eq!(page(&answer), (500, "error".into()), "{path}");
        assert!(text(&answer).contains(field(&answer, "x-request-id")), "{path}");
        assert!(!text(&answer).contains("secret address"), "{path}");
    }
    for path in ["/api/users/me", "/api/oidc/clients", "/healthz"] {
        let answer = get(path).await;
        assert_eq!(error(&answer), (500, "internal_error".into()), "{path}");
        assert!(!text(&answer).contains("secret address"), "{path}");
    }
    let answer = get("/.well-known/jwks.json").await;
    assert_eq!(error(&answer), (500, "server_error".into()));
    let answer = app.token(&broken, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
    assert_eq!((error(&answer), field(&answer, "cache-control")), ((500, "server_error".into()), "no-store"));
}
