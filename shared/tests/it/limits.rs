//! The flood shield: which bucket, whose key, and what a refusal looks like.

use crate::stage::*;
use http::Method;
use shared::http::Peer;
use shared::http::routes::{ROUTES, Shape};
use shared::ports::{LimitError, Verdict};
use testkit::World;

#[tokio::test]
async fn each_route_counts_in_its_bucket() {
    let w = World::new().await;
    let _ada = Person::setup(&w).await;
    for route in ROUTES {
        let _ = w.limit.take_checks();
        let method: Method = route.method.as_str().parse().unwrap();
        w.request(request(method, &route.path.replace(['{', '}'], ""), &[], "")).await;
        let want = match (route.method.as_str(), route.path) {
            ("POST", "/setup" | "/signup") => "signup",
            ("POST", "/login" | "/settings/account/passkeys") => "webauthn-login",
            ("POST", "/api/oidc/token" | "/api/oidc/revoke" | "/api/oidc/introspect" | "/api/oidc/par") => {
                "token"
            }
            (_, "/api/oidc/register" | "/api/oidc/register/{id}") => "register",
            ("POST", "/device") | (_, "/api/oidc/device/info" | "/api/oidc/device/verify") => "device",
            (_, "/authorize" | "/api/oidc/device/authorize")
            | ("GET", "/setup" | "/signup" | "/login" | "/interaction") => "begin",
            (_, "/healthz") => {
                assert_eq!(w.limit.take_checks(), []);
                continue;
            }
            _ => "api",
        };
        assert_eq!(w.limit.take_checks(), [(want, "unknown".to_owned())], "{}", route.path);
    }
}

#[tokio::test]
async fn s45_addresses_are_counted_folded() {
    let w = World::new().await;
    for (ip, key) in [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
    ] {
        let _ = w.limit.take_checks();
        let mut get = request(Method::GET, "/login", &[("x-forwarded-for", "198.51.100.7")], "");
        get.extensions_mut().insert(Peer { ip: Some(ip.parse().unwrap()), ..Peer::default() });
        w.request(get).await;
        assert_eq!(w.limit.take_checks(), [("begin", key.to_owned())], "{ip}");
    }
}

#[tokio::test]
async fn a_refusal_says_when_to_come_back() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for bucket in ["api", "begin", "device", "token", "register", "signup", "webauthn-login"] {
        w.limit.set(bucket, Ok(Verdict::Refused { retry_after_s: 37 }));
    }
    for route in ROUTES.iter().filter(|r| r.path != "/healthz") {
        let method: Method = route.method.as_str().parse().unwrap();
        let path = route.path.replace(['{', '}'], "");
        let answer = ada.browser.send(request(method, &path, &[], "")).await;
        match route.shape {
            Shape::Page => assert_eq!(page(&answer), (429, "error".into()), "{}", route.path),
            Shape::Api => assert_eq!(error(&answer), (429, "rate_limited".into()), "{}", route.path),
            Shape::OAuth => {
                assert_eq!(error(&answer), (429, "temporarily_unavailable".into()), "{}", route.path)
            }
        }
        assert_eq!(field(&answer, "retry-after"), "37", "{}", route.path);
    }
}

#[tokio::test]
async fn s45_a_broken_limiter_closes_the_sign_in_routes_alone() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for bucket in ["api", "begin", "device", "token", "signup", "webauthn-login"] {
        w.limit.set(bucket, Err(LimitError("broken".to_owned())));
    }
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 200);
    for path in ["/login", "/setup", "/settings/account/passkeys"] {
        let answer = ada.browser.post_form(path, &[]).await;
        assert_eq!((page(&answer), field(&answer, "retry-after")), ((429, "error".into()), "1"), "{path}");
    }
    for path in ["/login", "/authorize", "/interaction"] {
        assert_eq!(ada.browser.get(path).await.status(), 429, "{path}");
    }
}

#[tokio::test]
async fn the_shield_can_be_turned_off() {
    let w = World::with(&[("DISABLE_RATE_LIMITING", "true")]).await;
    w.limit.set("api", Ok(Verdict::Refused { retry_after_s: 1 }));
    assert_eq!(w.browser().get("/login").await.status(), 200);
    assert_eq!(w.limit.take_checks(), []);
}
