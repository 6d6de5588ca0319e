//! The device authorization grant: the request, the page, the polls.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::http::Peer;
use shared::store::user;
use testkit::World;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What a device is told.
struct Begun {
    device_code: String,
    user_code: String,
}

async fn begin(w: &World, app: &App, pairs: &[(&str, &str)]) -> Begun {
    let answer = app.call(w, "/api/oidc/device/authorize", pairs).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body = json_of(&answer);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    Begun { device_code: text("device_code"), user_code: text("user_code") }
}

async fn poll(w: &World, app: &App, begun: &Begun) -> Answer {
    app.token(w, &[("grant_type", GRANT), ("device_code", &begun.device_code)]).await
}

impl Begun {
    fn page(&self) -> String {
        format!("/device?user_code={}", self.user_code)
    }

    /// Enters the code, and gives the page that follows.
    async fn enter(&self, person: &Person<'_>) -> Answer {
        let form = [("user_code", self.user_code.as_str())];
        let answer = person.browser.post_form("/device", &form).await;
        if answer.status() == 303 { person.browser.get(location(&answer)).await } else { answer }
    }

    /// Enters the code and presses a button.
    async fn decide(&self, person: &Person<'_>, action: &str) -> Answer {
        let page = self.enter(person).await;
        assert_eq!(step(&page), "device", "{page:?}");
        person.follow(person.press(&page, action).await).await
    }
}

#[tokio::test]
async fn the_answer_to_a_device() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let pairs = [("scope", "openid made-up email"), ("nonce", "n")];
    let answer = app.call(&w, "/api/oidc/device/authorize", &pairs).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "cache-control")), (200, "no-store"));
    let body = json_of(&answer);
    let code = body["user_code"].as_str().unwrap();
    assert_eq!((code.len(), code.starts_with('E')), (8, true));
    let want = json!({
        "device_code": body["device_code"], "user_code": code, "verification_uri": "https://id.example.com/device",
        "verification_uri_complete": format!("https://id.example.com/device?user_code={code}"),
        "expires_in": 900, "interval": 5,
    });
    assert_eq!(body, want);
    // neither code is stored
    let row = rows(&w, Stmt::new("SELECT * FROM device_codes")).await.concat().join(" ");
    assert!(!row.contains(code) && !row.contains(body["device_code"].as_str().unwrap()), "{row}");
    assert_eq!(cell(&w, "SELECT scope FROM device_codes").await, "openid email");
}

#[tokio::test]
async fn who_may_begin_and_with_what() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let grants = json!({ "metadata": { "grant_types": ["authorization_code"] } });
    let barred = App::register(&ada, grants).await;
    begin(&w, &public, &[]).await;
    let at = "/api/oidc/device/authorize";
    let wrong = App { id: app.id.clone(), secret: Some("wrong".into()) };
    assert_eq!(error(&wrong.call(&w, at, &[]).await), (401, "invalid_client".into()));
    let nameless = App { id: app.id.clone(), secret: None };
    assert_eq!(error(&nameless.call(&w, at, &[]).await), (401, "invalid_client".into()));
    assert_eq!(error(&barred.call(&w, at, &[]).await), (400, "unauthorized_client".into()));
    for (name, value, want) in [
        ("scope", "a\"b", "invalid_scope"),
        ("resource", "https://nowhere.example", "invalid_target"),
        ("nonce", &"n".repeat(1025), "invalid_request"),
    ] {
        assert_eq!(error(&app.call(&w, at, &[(name, value)]).await), (400, want.into()), "{name}");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM device_codes").await, "1");
}

#[tokio::test]
async fn s20_from_the_request_to_the_tokens() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[("scope", "openid email offline_access"), ("nonce", "n-1")]).await;
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "authorization_pending".into()));
    w.clock.advance(5);
    // the address with the code in it shows the form, and tells nothing
    let form = ada.browser.get(&begun.page()).await;
    assert_eq!(page(&form), (200, "device_code".into()));
    assert!(!text(&form).contains("Photos"));
    let code = begun.user_code.as_str();
    assert!(text(&form).contains(&format!("value=\"{code}\"")));
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "pending");

    let asked = begun.enter(&ada).await;
    assert_eq!(page(&asked), (200, "device".into()));
    for shown in ["Photos", "See your e-mail address", code, "2026-01-02 03:04 UTC", "Unknown"] {
        assert!(text(&asked).contains(shown), "{shown} in {}", text(&asked));
    }
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "authorization_pending".into()));
    let done = ada.follow(ada.press(&asked, "allow").await).await;
    assert_eq!(page(&done), (200, "device_done".into()));
    let answer = poll(&w, &app, &begun).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let tokens = json_of(&answer);
    assert_eq!(tokens["scope"], "openid email offline_access");
    let id = claims(&tokens["id_token"]);
    let sid = cell(&w, "SELECT id FROM sessions").await;
    assert_eq!((&id["nonce"], &id["sub"]), (&json!("n-1"), &json!(ada.id)));
    assert_eq!((&id["amr"], &id["acr"]), (&json!(["phr", "hwk"]), &json!("phrh")));
    assert_eq!((&id["sid"], &id["auth_time"]), (&json!(sid), &json!(World::START.0)));
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "invalid_grant".into()), "once");
    let next = json_of(&app.refresh(&w, &tokens["refresh_token"]).await);
    assert!(claims(&next["id_token"]).get("nonce").is_none());
    assert_eq!(cell(&w, "SELECT kind FROM grants").await, "device_code");
    assert!(audit(&w).await.contains(&"NEW_DEVICE_CODE_AUTHORIZATION".to_owned()));
    assert_eq!(cell(&w, "SELECT scope FROM consents").await, r#"["openid","email","offline_access"]"#);

    // again: known by now
    let again = begin(&w, &app, &[("scope", "openid")]).await;
    again.decide(&ada, "allow").await;
    assert!(audit(&w).await.contains(&"DEVICE_CODE_AUTHORIZATION".to_owned()));
    // ending the session ends what the device holds
    ada.browser.post_form("/logout", &[]).await;
    assert_eq!(userinfo(&w, &next["access_token"]).await.status(), 401);
    assert_eq!(error(&app.refresh(&w, &next["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(error(&poll(&w, &app, &again).await), (400, "invalid_grant".into()));
    ada.sign_in().await;
}

#[tokio::test]
async fn s20_where_and_what_asks_is_shown() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let header = basic(&app.id, app.secret.as_deref().unwrap());
    let headers = [("content-type", FORM), ("authorization", header.as_str()), ("user-agent", "TV/1.0 <b>")];
    let mut post = request(Method::POST, "/api/oidc/device/authorize", &headers, "scope=openid");
    let (country, city) = (Some("Austria".to_owned()), Some("Graz".to_owned()));
    post.extensions_mut().insert(Peer { ip: Some("203.0.113.9".parse().unwrap()), country, city });
    let body = json_of(&w.request(post).await);
    let begun =
        Begun { device_code: String::new(), user_code: body["user_code"].as_str().unwrap().to_owned() };
    let asked = begun.enter(&ada).await;
    for shown in ["Graz, Austria", "203.0.113.9", "TV/1.0 &lt;b&gt;", "learns only an identifier"] {
        assert!(text(&asked).contains(shown), "{shown} in {}", text(&asked));
    }
}

#[tokio::test]
async fn polls_too_often_are_slowed_down_and_the_interval_stays_longer() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    for (wait, want) in [
        (0, "authorization_pending"),
        (1, "slow_down"),
        (5, "slow_down"),
        (15, "authorization_pending"),
        (10, "slow_down"),
    ] {
        w.clock.advance(wait);
        assert_eq!(error(&poll(&w, &app, &begun).await), (400, want.into()), "after {wait}");
    }
    assert_eq!(cell(&w, "SELECT interval_s FROM device_codes").await, "20");
    // a decision is told at any time
    begun.decide(&ada, "deny").await;
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "access_denied".into()));
}

#[tokio::test]
async fn s20_codes_are_bound_to_their_client_and_to_their_time() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (app, other) = (App::register(&ada, json!({})).await, App::register(&ada, json!({})).await);
    let begun = begin(&w, &app, &[]).await;
    begun.decide(&ada, "allow").await;
    assert_eq!(error(&poll(&w, &other, &begun).await), (400, "invalid_grant".into()));
    let made_up = Begun { device_code: "x".into(), user_code: String::new() };
    assert_eq!(error(&poll(&w, &app, &made_up).await), (400, "invalid_grant".into()));
    assert_eq!(error(&app.token(&w, &[("grant_type", GRANT)]).await), (400, "invalid_request".into()));
    assert_eq!(poll(&w, &app, &begun).await.status(), 200);

    let late = begin(&w, &app, &[]).await;
    let approved = begin(&w, &app, &[]).await;
    approved.decide(&ada, "allow").await;
    w.clock.advance(900);
    ada.sign_in().await;
    assert_eq!(page(&late.enter(&ada).await), (400, "device_code".into()));
    for begun in [&late, &approved] {
        assert_eq!(error(&poll(&w, &app, begun).await), (400, "expired_token".into()));
    }
    w.clock.advance(3601);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM device_codes").await, "0");
    assert_eq!(error(&poll(&w, &app, &late).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn s20_fifty_polls_at_once_succeed_once() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[("scope", "openid")]).await;
    begun.decide(&ada, "allow").await;
    let answers = futures_util::future::join_all((0..50).map(|_| poll(&w, &app, &begun))).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status() == 200);
    assert_eq!((good.len(), bad.len()), (1, 49));
    assert!(bad.iter().all(|a| error(a) == (400, "invalid_grant".into())));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM refresh_tokens").await, "1");
    assert_eq!(userinfo(&w, &json_of(good[0])["access_token"]).await.status(), 200);
}

#[tokio::test]
async fn s20_whoever_enters_the_code_first_decides_alone_and_once() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    let asked = begun.enter(&ada).await;
    // bob learns nothing and can do nothing
    assert_eq!(page(&begun.enter(&bob).await), (400, "device_code".into()));
    assert_eq!(page(&bob.browser.get(&begun.page()).await), (200, "device_code".into()));
    for action in ["allow", "deny"] {
        let form = [("user_code", begun.user_code.as_str()), ("action", action)];
        let answer = bob.follow(bob.browser.post_form("/device", &form).await).await;
        assert_eq!(page(&answer), (200, "device_code".into()), "{action}");
        let path = format!("/api/oidc/device/verify?code={}", begun.user_code);
        let answer = bob.browser.send_json(Method::POST, &path, &json!({})).await;
        assert_eq!(error(&answer), (400, "oidc_invalid_device_code".into()));
    }
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "claimed");
    ada.press(&asked, "deny").await;
    // the back button cannot turn it round
    let done = ada.follow(ada.press(&asked, "allow").await).await;
    assert_eq!(page(&done), (200, "device_done".into()));
    assert!(text(&done).contains("Nothing was connected"));
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "access_denied".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}

#[tokio::test]
async fn s20_wrong_codes_are_counted_exactly() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    let guess = |n: u32| Begun { device_code: String::new(), user_code: format!("EAAAAA{n:02}") };
    let codes: Vec<Begun> = (10..60).map(guess).collect();
    let answers = futures_util::future::join_all(codes.iter().map(|g| g.enter(&ada))).await;
    let count = |status: u16| answers.iter().filter(|a| a.status() == status).count();
    assert_eq!((count(400), count(429)), (10, 40));
    // the right one does not help any more, here or at the API
    assert_eq!(page(&begun.enter(&ada).await), (429, "device_code".into()));
    let answer = ada.browser.get(&format!("/api/oidc/device/info?code={}", begun.user_code)).await;
    assert_eq!(error(&answer), (429, "rate_limited".into()));
    assert_eq!(field(&answer, "retry-after"), "900");
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "pending");
    // the address is the same and has more tries; after the span all is well
    assert_eq!(page(&guess(1).enter(&bob).await), (429, "device_code".into()));
    w.clock.advance(900);
    let begun = begin(&w, &app, &[]).await;
    let mut ada = ada;
    ada.sign_in().await;
    assert_eq!(page(&begun.enter(&ada).await), (200, "device".into()));
}

#[tokio::test]
async fn s20_right_codes_do_not_count() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    for _ in 0..30 {
        let begun = begin(&w, &app, &[]).await;
        assert_eq!(page(&begun.enter(&ada).await), (200, "device".into()));
    }
    // one code can be entered ten times
    let begun = begin(&w, &app, &[]).await;
    for n in 0..11 {
        let want = if n < 10 { (200, "device".into()) } else { (400, "device_code".into()) };
        assert_eq!(page(&begun.enter(&ada).await), want, "{n}");
    }
}

#[tokio::test]
async fn s20_what_cannot_be_a_code_is_a_wrong_one() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    // the other kind of code, of signing in on another device, is not served yet
    for typed in ["", "P1234567", "EABC", &"E".repeat(5000), "<script>", "\u{1F511}"] {
        let wrong = Begun { device_code: String::new(), user_code: typed.to_owned() };
        assert_eq!(page(&wrong.enter(&ada).await), (400, "device_code".into()), "{typed}");
    }
    let spaced: String = begun.user_code.to_lowercase().chars().flat_map(|c| [c, '-', ' ']).collect();
    let kindly = Begun { device_code: String::new(), user_code: format!("  {spaced}") };
    assert_eq!(page(&kindly.enter(&ada).await), (200, "device".into()));
}

#[tokio::test]
async fn signing_in_comes_first_and_leads_back() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    let (back, seen) = bob.visit(&begun.page()).await;
    assert_eq!((page(&back), seen), ((200, "device_code".into()), vec!["authenticate".to_owned()]));
    assert!(text(&back).contains(&begun.user_code));
    begun.decide(&bob, "allow").await;
    let tokens = json_of(&poll(&w, &app, &begun).await);
    assert!(tokens["access_token"].is_string(), "{tokens}");
}

#[tokio::test]
async fn s20_groups_and_disabled_people() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    bob.sign_in().await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true })).await;
    let begun = begin(&w, &app, &[]).await;
    assert_eq!(page(&begun.enter(&bob).await), (403, "error".into()));
    let path = format!("/api/oidc/device/info?code={}", begun.user_code);
    assert_eq!(error(&bob.browser.get(&path).await), (403, "oidc_access_denied".into()));
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "pending");
    admit(&w, "viewers", &bob.id).await;
    allow(&w, &app, "viewers").await;
    begun.decide(&bob, "allow").await;
    change(&w, Stmt::new("DELETE FROM user_group_members")).await;
    assert_eq!(error(&poll(&w, &app, &begun).await), (403, "access_denied".into()));
    admit(&w, "viewers", &bob.id).await;
    assert_eq!(poll(&w, &app, &begun).await.status(), 200, "a refused poll uses nothing up");

    let begun = begin(&w, &app, &[]).await;
    begun.decide(&bob, "allow").await;
    w.host.db.batch(user::set_disabled(&bob.id, true, w.host.clock.now())).await.unwrap();
    assert_eq!(error(&poll(&w, &app, &begun).await), (400, "invalid_grant".into()));
    ada.sign_in().await;
}

#[tokio::test]
async fn an_app_that_asks_for_the_passkey_again_gets_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "requiresReauthentication": true })).await;
    w.clock.advance(300);
    let begun = begin(&w, &app, &[]).await;
    let asked = begun.enter(&ada).await;
    assert!(!text(&asked).contains("value=\"allow\""), "no button without the passkey");
    let form = [("user_code", begun.user_code.as_str()), ("action", "allow")];
    let answer = ada.follow(ada.browser.post_form("/device", &form).await).await;
    assert_eq!(page(&answer), (200, "device".into()));
    let path = format!("/api/oidc/device/verify?code={}", begun.user_code);
    let answer = ada.browser.send_json(Method::POST, &path, &json!({})).await;
    assert_eq!(error(&answer), (401, "reauthentication_required".into()));
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "claimed");
    let link = text(&asked).split("href=\"/login?").nth(1).unwrap().split('"').next().unwrap();
    let login = ada.browser.get(&format!("/login?{}", link.replace("&#38;", "&"))).await;
    let back = ada.answer(&login).await;
    let asked = ada.follow(back).await;
    assert_eq!(page(&asked), (200, "device".into()));
    let done = ada.follow(ada.press(&asked, "allow").await).await;
    assert_eq!(page(&done), (200, "device_done".into()));
    assert_eq!(poll(&w, &app, &begun).await.status(), 200);
}

#[tokio::test]
async fn s20_the_json_api() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[("scope", "openid email")]).await;
    let info = |code: &str| format!("/api/oidc/device/info?code={code}");
    let verify = format!("/api/oidc/device/verify?code={}", begun.user_code);
    let nobody = w.browser();
    assert_eq!(error(&nobody.get(&info(&begun.user_code)).await), (401, "not_signed_in".into()));
    let told = json_of(&ada.browser.get(&info(&begun.user_code.to_lowercase())).await);
    let want = json!({
        "scope": ["openid", "email"], "scopeInfo": [], "authorizationRequired": true,
        "reauthenticationRequired": false,
        "client": {
            "id": app.id, "name": "Photos", "description": "", "hasLogo": false, "hasDarkLogo": false,
            "launchURL": null, "requiresReauthentication": false, "clientType": "standard",
        },
    });
    assert_eq!(told, want);
    assert_eq!(cell(&w, "SELECT state FROM device_codes").await, "pending");
    let wrong = ada.browser.get(&info("EAAAAAAA")).await;
    assert_eq!(error(&wrong), (400, "oidc_invalid_device_code".into()));
    assert_eq!(cell(&w, "SELECT count FROM counters WHERE name = 'user-code:all'").await, "1");

    let answer = ada.browser.send_json(Method::POST, &verify, &json!({})).await;
    assert_eq!(answer.status(), 204);
    let again = ada.browser.send_json(Method::POST, &verify, &json!({})).await;
    assert_eq!(error(&again), (400, "oidc_invalid_device_code".into()));
    assert_eq!(poll(&w, &app, &begun).await.status(), 200);
    let known = begin(&w, &app, &[("scope", "openid")]).await;
    let told = json_of(&ada.browser.get(&info(&known.user_code)).await);
    assert_eq!(told["authorizationRequired"], false);
    w.clock.advance(900);
    ada.sign_in().await;
    let late = ada.browser.get(&info(&known.user_code)).await;
    assert_eq!(error(&late), (400, "oidc_device_code_expired".into()));
}

#[tokio::test]
async fn s20_fifty_approvals_at_once_make_one_grant() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let begun = begin(&w, &app, &[]).await;
    let asked = begun.enter(&ada).await;
    futures_util::future::join_all((0..50).map(|_| ada.press(&asked, "allow"))).await;
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "1");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM audit_events WHERE event LIKE '%DEVICE%'").await, "1");
    let _: Value = json_of(&poll(&w, &app, &begun).await);
}
