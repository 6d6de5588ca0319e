//! `/api/oidc/clients`: what admins may write, and what is shown to whom.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

const PATH: &str = "/api/oidc/clients";

async fn post(person: &Person<'_>, path: &str, body: &Value) -> Answer {
    person.browser.send_json(Method::POST, path, body).await
}

fn nothing() -> Value {
    json!({})
}

#[tokio::test]
async fn a_client_with_every_default() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let answer = post(&ada, PATH, &json!({ "name": "Photos", "unknown": [1] })).await;
    assert_eq!(answer.status(), 201);
    let mut made = json_of(&answer);
    let id = made["id"].take();
    let want = json!({
        "id": null, "name": "Photos", "description": "", "hasLogo": false, "hasDarkLogo": false, "launchURL": null,
        "requiresReauthentication": false, "clientType": "standard", "callbackURLs": [], "logoutCallbackURLs": [],
        "isPublic": false, "pkceEnabled": false, "requiresPushedAuthorizationRequests": false, "skipConsent": false,
        "isGroupRestricted": false, "credentials": { "federatedIdentities": [], "secrets": [] }, "metadata": {},
        "accessTokenDurationMinutes": 60, "refreshTokenDurationMinutes": 43200, "allowedUserGroups": [],
    });
    assert_eq!(made, want);
    made["id"] = id.clone();
    let shown = ada.browser.get(&format!("{PATH}/{}", id.as_str().unwrap())).await;
    assert_eq!((shown.status().as_u16(), json_of(&shown)), (200, made));
    assert_eq!(cell(&w, "SELECT created_by_id FROM clients").await, ada.id);
}

#[tokio::test]
async fn a_client_with_everything_said_and_then_replaced() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let full = json!({
        "id": "my-app_1.x", "name": "Cafe\u{301}", "description": "Coffee", "callbackURLs": [CALLBACK, "com.app:/cb"],
        "logoutCallbackURLs": ["https://app.example/bye"], "launchURL": "https://app.example/", "isPublic": true,
        "pkceEnabled": false, "requiresReauthentication": true, "requiresPushedAuthorizationRequests": true,
        "skipConsent": true, "isGroupRestricted": true, "accessTokenDurationMinutes": 1,
        "refreshTokenDurationMinutes": 525_600,
        "credentials": { "federatedIdentities": [
            { "issuer": "https://ci.example", "subject": "job", "audience": "x", "jwks": "", "replayProtection": true },
        ] },
    });
    let answer = post(&ada, PATH, &full).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let made = json_of(&answer);
    for (name, value) in full.as_object().unwrap() {
        let want = match name.as_str() {
            "name" => json!("Caf\u{e9}"),
            "pkceEnabled" => json!(true),
            "credentials" => json!({
                "federatedIdentities": [
                    { "issuer": "https://ci.example", "subject": "job", "audience": "x", "replayProtection": true },
                ],
                "secrets": [],
            }),
            _ => value.clone(),
        };
        assert_eq!(made[name], want, "{name}");
    }
    // the allowed groups go with the restriction
    let app = App { id: "my-app_1.x".into(), secret: None };
    admit(&w, "photographers", &ada.id).await;
    allow(&w, &app, "photographers").await;
    let path = format!("{PATH}/my-app_1.x");
    let put = |body: Value| {
        let (browser, path) = (&ada.browser, path.clone());
        async move { browser.send_json(Method::PUT, &path, &body).await }
    };
    assert_eq!(put(json!({ "name": "Coffee", "isGroupRestricted": true })).await.status(), 200);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_allowed_groups").await, "1");
    w.clock.advance(5);
    let answer = put(json!({ "name": "Tea", "id": "another" })).await;
    assert_eq!(answer.status(), 200);
    let after = json_of(&answer);
    assert_eq!(
        (&after["id"], &after["name"], &after["isPublic"]),
        (&json!("my-app_1.x"), &json!("Tea"), &json!(false))
    );
    assert_eq!((&after["callbackURLs"], &after["description"]), (&json!([]), &json!("")));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_allowed_groups").await, "0");
    assert_eq!(cell(&w, "SELECT updated_at - created_at FROM clients").await, "5");
    assert_eq!(error(&put(json!({ "name": "" })).await), (400, "validation_failed".into()));
}

#[tokio::test]
async fn each_rule_names_field_and_code() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let (x51, x151, x129) = ("x".repeat(51), "x".repeat(151), "x".repeat(129));
    let many: Vec<String> = (0..101).map(|n| format!("https://app.example/{n}")).collect();
    let table = [
        (json!({}), "name", "required", "Name is required"),
        (json!({ "name": " \t" }), "name", "required", "Name is required"),
        (json!({ "name": x51 }), "name", "too_long", "Name must be at most 50 characters long"),
        (
            json!({ "name": "a", "description": x151 }),
            "description",
            "too_long",
            "Description must be at most 150 characters long",
        ),
        (
            json!({ "name": "a", "callbackURLs": ["javascript:alert(1)"] }),
            "callbackURLs",
            "callback_url_pattern",
            "CallbackURLs is invalid",
        ),
        (
            json!({ "name": "a", "callbackURLs": [CALLBACK, "data:text/html,x"] }),
            "callbackURLs",
            "callback_url_pattern",
            "CallbackURLs is invalid",
        ),
        (
            json!({ "name": "a", "callbackURLs": ["no scheme"] }),
            "callbackURLs",
            "callback_url_pattern",
            "CallbackURLs is invalid",
        ),
        (
            json!({ "name": "a", "callbackURLs": many }),
            "callbackURLs",
            "callback_url_pattern",
            "CallbackURLs is invalid",
        ),
        (
            json!({ "name": "a", "logoutCallbackURLs": [""] }),
            "logoutCallbackURLs",
            "callback_url_pattern",
            "LogoutCallbackURLs is invalid",
        ),
        (
            json!({ "name": "a", "launchURL": "javascript:x" }),
            "launchURL",
            "invalid_format",
            "LaunchURL must be a valid URL",
        ),
        (
            json!({ "name": "a", "accessTokenDurationMinutes": -1 }),
            "accessTokenDurationMinutes",
            "token_duration",
            "AccessTokenDurationMinutes is invalid",
        ),
        (
            json!({ "name": "a", "refreshTokenDurationMinutes": 525_601 }),
            "refreshTokenDurationMinutes",
            "token_duration",
            "RefreshTokenDurationMinutes is invalid",
        ),
        (json!({ "name": "a", "id": "a" }), "id", "too_short", "Id must be at least 2 characters long"),
        (json!({ "name": "a", "id": x129 }), "id", "too_long", "Id must be at most 128 characters long"),
        (json!({ "name": "a", "id": "a/b" }), "id", "client_id", "Id is invalid"),
    ];
    for (body, name, code, sentence) in table {
        let answer = post(&ada, PATH, &body).await;
        assert_eq!(error(&answer), (400, "validation_failed".into()), "{body}");
        let shown = json_of(&answer);
        assert_eq!(shown["error"], sentence, "{body}");
        let fields = shown["details"]["fields"].as_array().unwrap();
        assert_eq!(
            (fields.len(), &fields[0]["field"], &fields[0]["code"]),
            (1, &json!(name), &json!(code)),
            "{body}"
        );
        assert_eq!(shown["request_id"], field(&answer, "x-request-id"));
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM clients").await, "0");
}

#[tokio::test]
async fn bodies_are_json_objects_of_the_right_types() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let good = json!({ "name": "a" }).to_string();
    let own = [("origin", World::APP_URL), ("sec-fetch-site", "same-origin")];
    let send = async |media: &str, body: &str| {
        let headers = [own[0], own[1], ("content-type", media)];
        ada.browser.send(request(Method::POST, PATH, &headers, body)).await
    };
    for media in ["", "text/plain", FORM, "application/jsonx", "text/json", "multipart/form-data"] {
        assert_eq!(error(&send(media, &good).await), (400, "invalid_request_body".into()), "{media}");
    }
    let json = "application/json";
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"name\"",
        r#"{"name":1}"#,
        r#"{"name":null}"#,
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a"} x"#,
        r#"{"name":"a","callbackURLs":"https://x"}"#,
        r#"{"name":"a","isPublic":"true"}"#,
        r#"{"name":"a","accessTokenDurationMinutes":1.5}"#,
        r#"{"name":"a","accessTokenDurationMinutes":9223372036854775808}"#,
        r#"{"name":"a\u0000"}"#,
        r#"{"name":"\ud800"}"#,
    ] {
        assert_eq!(error(&send(json, body).await), (400, "invalid_request_body".into()), "{body}");
    }
    for media in [json, "application/json; charset=utf-8", "APPLICATION/JSON", "application/merge-patch+json"]
    {
        assert_eq!(send(media, &good).await.status(), 201, "{media}");
    }
}

#[tokio::test]
async fn s55_deep_nesting_is_refused_wherever_it_is() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let depth = 100_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let headers =
        [("origin", World::APP_URL), ("sec-fetch-site", "same-origin"), ("content-type", "application/json")];
    for (body, status) in [
        (nested.clone(), 400),
        ("[".repeat(depth), 400),
        (format!(r#"{{"name":{nested}}}"#), 400),
        (format!(r#"{{"callbackURLs":{nested}}}"#), 400),
        (format!(r#"{{"name":"a","unknown":{nested}}}"#), 400),
        ("{\"a\":".repeat(40_000), 400),
    ] {
        let answer = ada.browser.send(request(Method::POST, PATH, &headers, &body)).await;
        let start: String = body.chars().take(30).collect();
        assert_eq!(answer.status(), status, "{start}…");
    }
    // and so in the answer of a passkey
    let mut form = Form::of(&ada.browser.get("/settings/account").await);
    form.set("response", &"[".repeat(20_000));
    assert_eq!(page(&form.send(&ada.browser).await), (400, "account".into()));
    let mut form = Form::of(&ada.browser.get("/login?reauthenticate=1").await);
    form.set("response", &"{\"id\":".repeat(3000));
    assert_eq!(page(&form.send(&ada.browser).await), (401, "reauthenticate".into()));
}

#[tokio::test]
async fn ids_are_unique_and_may_be_written_encoded() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let body = json!({ "id": "my-app", "name": "One" });
    assert_eq!(post(&ada, PATH, &body).await.status(), 201);
    let again = post(&ada, PATH, &json!({ "id": "my-app", "name": "Two" })).await;
    assert_eq!(error(&again), (409, "client_id_already_exists".into()));
    assert_eq!(cell(&w, "SELECT name FROM clients").await, "One");
    let encoded = format!("{PATH}/~{}", proto::b64::encode("my-app"));
    for path in [encoded.as_str(), "/api/oidc/clients/my-app", "/api/oidc/clients/my%2Dapp"] {
        assert_eq!(json_of(&ada.browser.get(path).await)["name"], "One", "{path}");
    }
    for id in ["other", "~", "~!!!", "~AAAA", "MY-APP", "my-app%00", "%00"] {
        let answer = ada.browser.get(&format!("{PATH}/{id}")).await;
        assert_eq!(error(&answer), (404, "not_found".into()), "{id}");
    }
    let body = &json!({ "id": "same", "name": "Same" });
    let twenty = (0..20).map(|_| ada.browser.send_json(Method::POST, PATH, body));
    let answers: Vec<u16> =
        futures_util::future::join_all(twenty).await.iter().map(|a| a.status().as_u16()).collect();
    assert_eq!(answers.iter().filter(|s| **s == 201).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|s| **s == 409).count(), 19, "{answers:?}");
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let body = json!({ "name": "x" });
    let none = "/api/oidc/clients/none";
    let send = async |method: Method, path: &str| ada.browser.send_json(method, path, &body).await;
    let client = "OIDC client not found";
    for (method, path, sentence) in [
        (Method::GET, none.to_owned(), client),
        (Method::PUT, none.to_owned(), client),
        (Method::DELETE, none.to_owned(), client),
        (Method::GET, format!("{none}/meta"), client),
        (Method::GET, format!("{none}/secrets"), client),
        (Method::POST, format!("{none}/secrets"), client),
        (Method::DELETE, format!("{none}/secrets/x"), "Client secret not found"),
        (Method::DELETE, format!("{PATH}/{}/secrets/x", app.id), "Client secret not found"),
    ] {
        let answer =
            if method == Method::GET { ada.browser.get(&path).await } else { send(method, &path).await };
        assert_eq!(error(&answer), (404, "not_found".into()), "{path}");
        let shown = json_of(&answer);
        assert_eq!(shown["error"], sentence, "{path}");
        assert_eq!(shown["details"]["resource"], sentence.replace(" not found", ""), "{path}");
    }
    // another client's secret is not this one's
    let other = App::register(&ada, json!({})).await;
    let secret = json_of(&ada.browser.get(&format!("{PATH}/{}/secrets", app.id)).await)[0]["id"].clone();
    let path = format!("{PATH}/{}/secrets/{}", other.id, secret.as_str().unwrap());
    assert_eq!(send(Method::DELETE, &path).await.status(), 404);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_secrets").await, "2");
}

#[tokio::test]
async fn s48_secrets_are_shown_once_and_to_admins_only() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app =
        App::register(&ada, json!({ "callbackURLs": [CALLBACK], "launchURL": "https://app.example/" })).await;
    let secret = app.secret.clone().unwrap();
    assert_eq!(secret.len(), 32);
    let path = format!("{PATH}/{}", app.id);
    for shown in [PATH.to_owned(), path.clone(), format!("{path}/secrets"), format!("{path}/meta")] {
        let answer = ada.browser.get(&shown).await;
        assert_eq!(answer.status(), 200);
        assert!(!text(&answer).contains(&secret) && !text(&answer).contains("ecretHash"), "{shown}");
    }
    let renamed = ada.browser.send_json(Method::PUT, &path, &json!({ "name": "New" })).await;
    let secrets = &json_of(&renamed)["credentials"]["secrets"];
    let names: Vec<&String> = secrets[0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["createdAt", "expiresAt", "id", "isActive", "prefix"]);
    assert!(secret.starts_with(secrets[0]["prefix"].as_str().unwrap()));
    assert_eq!(secrets[0]["prefix"].as_str().unwrap().len(), 4);
    assert_eq!(secrets[0]["createdAt"], "2026-01-02T03:04:05Z");
    let stored = Stmt::new("SELECT hash_alg, secret_hash FROM client_secrets");
    let hash: String = proto::hash::sha256(secret.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(rows(&w, stored).await, [["sha256", hash.as_str()]]);

    // anybody may know this much and no more
    let meta = w.browser().get(&format!("{path}/meta")).await;
    let want = json!({
        "id": app.id, "name": "New", "description": "", "hasLogo": false, "hasDarkLogo": false, "launchURL": null,
        "requiresReauthentication": false, "clientType": "standard",
    });
    assert_eq!(json_of(&meta), want);
}

#[tokio::test]
async fn secrets_of_ones_own_and_their_rules() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let public = App::register(&ada, json!({ "isPublic": true })).await;
    let path = format!("{PATH}/{}/secrets", app.id);
    let table = [
        (json!({ "secret": "x".repeat(15) }), "secret", "too_short"),
        (json!({ "secret": "x".repeat(513) }), "secret", "too_long"),
        (json!({ "secret": "sixteen letters\n" }), "secret", "printascii"),
        (json!({ "secret": "sixteen letters é" }), "secret", "printascii"),
        (json!({ "expiresAt": "2026-01-02T03:04:05Z" }), "expiresAt", "invalid_value"),
        (json!({ "expiresAt": "2020-01-01T00:00:00Z" }), "expiresAt", "invalid_value"),
        (json!({ "expiresAt": "tomorrow" }), "expiresAt", "invalid_value"),
    ];
    for (body, name, code) in table {
        let answer = post(&ada, &path, &body).await;
        assert_eq!(error(&answer), (400, "validation_failed".into()), "{body}");
        let fields = &json_of(&answer)["details"]["fields"];
        assert_eq!((&fields[0]["field"], &fields[0]["code"]), (&json!(name), &json!(code)), "{body}");
    }
    let own = json!({ "secret": "x".repeat(16), "expiresAt": "2026-01-02T04:04:06+01:00" });
    let made = json_of(&post(&ada, &path, &own).await);
    assert_eq!((&made["secret"], &made["expiresAt"]), (&own["secret"], &json!("2026-01-02T03:04:06Z")));
    // an empty body makes one as well
    let bare =
        request(Method::POST, &path, &[("origin", World::APP_URL), ("sec-fetch-site", "same-origin")], "");
    assert_eq!(ada.browser.send(bare).await.status(), 201);
    for n in 3..20 {
        assert_eq!(post(&ada, &path, &nothing()).await.status(), 201, "{n}");
    }
    let full = post(&ada, &path, &nothing()).await;
    assert_eq!(json_of(&full)["details"]["fields"][0]["code"], "too_many");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_secrets").await, "20");
    let refused = post(&ada, &format!("{PATH}/{}/secrets", public.id), &nothing()).await;
    assert_eq!(json_of(&refused)["details"]["fields"][0]["code"], "invalid_value");
}

#[tokio::test]
async fn s61_secrets_made_at_once_stay_within_twenty() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let path = format!("{PATH}/{}/secrets", app.id);
    let body = nothing();
    let answers =
        futures_util::future::join_all((0..30).map(|_| ada.browser.send_json(Method::POST, &path, &body)))
            .await;
    assert_eq!(answers.iter().filter(|a| a.status() == 201).count(), 19);
    assert!(answers.iter().all(|a| a.status() == 201 || a.status().is_client_error()), "{answers:?}");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_secrets").await, "20");
}

#[tokio::test]
async fn listing_pages_sorts_and_searches() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let empty = json_of(&ada.browser.get(PATH).await);
    let none = json!({ "totalPages": 1, "totalItems": 0, "currentPage": 1, "itemsPerPage": 20 });
    assert_eq!(empty, json!({ "data": [], "pagination": none }));
    for n in 0..25 {
        // the newest comes first by name
        let name = format!("{} App {:02}", if n % 2 == 0 { "Even" } else { "odd" }, 24 - n);
        let answer = post(&ada, PATH, &json!({ "id": format!("app-{n}"), "name": name })).await;
        assert_eq!(answer.status(), 201);
        w.clock.advance(1);
    }
    post(&ada, PATH, &json!({ "name": "100% \\_sure" })).await;
    let list = async |query: &str| {
        let answer = json_of(&ada.browser.get(&format!("{PATH}?{query}")).await);
        let names: Vec<String> = answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect();
        (names, answer["pagination"].clone())
    };
    let pages = |total: i64, pages: i64, current: i64, limit: i64| json!({ "totalPages": pages, "totalItems": total, "currentPage": current, "itemsPerPage": limit });
    let (names, pagination) = list("").await;
    assert_eq!((names.len(), pagination), (20, pages(26, 2, 1, 20)));
    assert_eq!(names[..3], ["100% \\_sure", "Even App 00", "Even App 02"]);
    let (names, pagination) = list("pagination[page]=2").await;
    assert_eq!((names.len(), pagination), (6, pages(26, 2, 2, 20)));
    assert_eq!(names[5], "odd App 23");
    // encoded brackets are the same; pages behind the last are the last
    let (names, pagination) = list("pagination%5Bpage%5D=99&pagination%5Blimit%5D=10").await;
    assert_eq!((names.len(), pagination), (6, pages(26, 3, 3, 10)));
    for (limit, rows) in
        [("0", 20), ("-5", 20), ("101", 100), ("x", 20), ("1", 1), ("99999999999999999999", 20)]
    {
        let (_, pagination) = list(&format!("pagination[limit]={limit}")).await;
        assert_eq!(pagination["itemsPerPage"], rows, "{limit}");
    }
    for page in ["0", "-1", "x"] {
        assert_eq!(list(&format!("pagination[page]={page}")).await.1["currentPage"], 1, "{page}");
    }
    let (_, pagination) = list("pagination[page]=9223372036854775807&pagination[limit]=100").await;
    assert_eq!(pagination, pages(26, 1, 1, 100));

    let (names, _) = list("sort[column]=name&sort[direction]=desc").await;
    assert_eq!(names[0], "odd App 23");
    let (names, _) = list("sort[column]=createdAt").await;
    assert_eq!(names[0], "Even App 24");
    let (names, _) = list("sort[column]=createdAt&sort[direction]=desc").await;
    assert_eq!(names[0], "100% \\_sure");
    let (names, _) = list("sort[column]=id;DROP%20TABLE%20clients&sort[direction]=up").await;
    assert_eq!(names[0], "100% \\_sure");

    for (search, found) in [
        ("ODD", 12),
        ("app+1", 10),
        ("%25", 1),
        ("_", 1),
        ("%5C", 1),
        ("%5C_", 1),
        ("nothing", 0),
        ("%20even%20", 13),
        ("%00", 26),
        ("%27%20OR%201=1%20--", 0),
        (&"x".repeat(500) as &str, 0),
    ] {
        let (_, pagination) = list(&format!("search={search}")).await;
        assert_eq!(pagination["totalItems"], found, "{search}");
    }
    let shown = json_of(&ada.browser.get(&format!("{PATH}?search=sure")).await);
    assert_eq!(
        (&shown["data"][0]["allowedUserGroupsCount"], shown["data"][0].get("allowedUserGroups")),
        (&json!(0), None)
    );
}

#[tokio::test]
async fn a_deleted_client_takes_everything_along() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let tokens = ada.tokens(&app, &[]).await;
    ada.browser.get(&app.ask(&[("prompt", "consent")])).await;
    let path = format!("{PATH}/{}", app.id);
    assert_eq!(ada.browser.send_json(Method::DELETE, &path, &nothing()).await.status(), 204);
    for table in [
        "SELECT COUNT(*) FROM clients",
        "SELECT COUNT(*) FROM client_secrets",
        "SELECT COUNT(*) FROM consents",
        "SELECT COUNT(*) FROM interactions",
        "SELECT COUNT(*) FROM grants",
        "SELECT COUNT(*) FROM authorization_codes",
        "SELECT COUNT(*) FROM refresh_tokens",
    ] {
        assert_eq!(cell(&w, table).await, "0", "{table}");
    }
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (401, "invalid_client".into()));
    assert_eq!(page(&ada.browser.get(&app.ask(&[])).await), (400, "error".into()));
    assert_eq!(ada.browser.send_json(Method::DELETE, &path, &nothing()).await.status(), 404);
}

#[tokio::test]
async fn s48_members_that_nobody_may_write_change_nothing() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let before = rows(
        &w,
        Stmt::new(
            "SELECT created_by_id, created_at, client_type, pkce_supported, pkce_plain_allowed FROM clients",
        ),
    )
    .await;
    let body = json!({
        "name": "Photos", "createdById": "x", "createdAt": "2000-01-01T00:00:00Z", "clientType": "cimd", "pkceSupported": true,
        "pkcePlainAllowed": true, "hasLogo": true, "credentials": { "secrets": [{ "secret": "planted secret of mine" }] },
    });
    let path = format!("{PATH}/{}", app.id);
    let answer = ada.browser.send_json(Method::PUT, &path, &body).await;
    assert_eq!(answer.status(), 200);
    let after = rows(
        &w,
        Stmt::new(
            "SELECT created_by_id, created_at, client_type, pkce_supported, pkce_plain_allowed FROM clients",
        ),
    )
    .await;
    assert_eq!(after, before);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM client_secrets").await, "1");
    assert_eq!(json_of(&answer)["hasLogo"], false);
}
