//! What a person allowed and may use, and taking it back.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use testkit::{Browser, World};

const MINE: &str = "/api/oidc/users/me/authorized-clients";

async fn names(browser: &Browser<'_>, path: &str) -> Vec<String> {
    let answer = browser.get(path).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let name = |entry: &Value| entry.get("client").unwrap_or(entry)["name"].as_str().unwrap().to_owned();
    json_of(&answer)["data"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn a_person_sees_what_they_allowed() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let photos = App::register(&ada, json!({})).await;
    let launch = json!({ "name": "Mail", "launchURL": "https://mail.example" });
    let mail = App::register(&ada, launch).await;
    bob.tokens(&photos, &[("scope", "openid")]).await;
    w.clock.advance(60);
    bob.tokens(&mail, &[("scope", "openid email")]).await;
    let answer = bob.browser.get(MINE).await;
    let told = json_of(&answer);
    let want = json!({
        "scope": "openid email", "lastUsedAt": "2026-01-02T03:05:05Z",
        "client": {
            "id": mail.id, "name": "Mail", "description": "", "hasLogo": false, "hasDarkLogo": false,
            "launchURL": "https://mail.example", "requiresReauthentication": false, "clientType": "standard",
        },
    });
    assert_eq!(told["data"][0], want);
    for (query, want) in [
        ("", &["Mail", "Photos"][..]),
        ("?sort[column]=lastUsedAt&sort[direction]=asc", &["Photos", "Mail"]),
        ("?sort[column]=lastUsedAt&sort[direction]=desc", &["Mail", "Photos"]),
        ("?filters[hasLaunchURL]=true", &["Mail"]),
        ("?filters[hasLaunchURL][0]=false", &["Photos"]),
        ("?pagination[limit]=1&pagination[page]=9", &["Photos"]),
    ] {
        assert_eq!(names(&bob.browser, &format!("{MINE}{query}")).await, want, "{query}");
    }
    assert_eq!(names(&ada.browser, MINE).await, Vec::<String>::new());
    let of_bob = format!("/api/oidc/users/{}/authorized-clients", bob.id);
    assert_eq!(names(&ada.browser, &of_bob).await, ["Mail", "Photos"]);
    assert_eq!(error(&bob.browser.get(&of_bob).await), (403, "forbidden".into()));
}

#[tokio::test]
async fn taking_it_back_ends_what_the_app_holds_at_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let (app, other) = (App::register(&ada, json!({})).await, App::register(&ada, json!({})).await);
    let (one, two) = (bob.tokens(&app, &[]).await, bob.tokens(&app, &[]).await);
    let (kept, of_ada) = (bob.tokens(&other, &[]).await, ada.tokens(&app, &[]).await);
    let path = format!("{MINE}/{}", app.id);
    let foreign = request(Method::DELETE, &path, &[("origin", "https://evil.example")], "");
    assert_eq!(error(&bob.browser.send(foreign).await), (403, "forbidden".into()));
    let encoded = format!("{MINE}/~{}", proto::b64::encode(app.id.as_bytes()));
    let answer = bob.browser.send(request(Method::DELETE, &encoded, &[], "")).await;
    assert_eq!((answer.status().as_u16(), text(&answer)), (204, ""));
    for tokens in [&one, &two] {
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
        assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    }
    assert_eq!(userinfo(&w, &kept["access_token"]).await.status(), 200);
    assert_eq!(userinfo(&w, &of_ada["access_token"]).await.status(), 200);
    assert!(audit(&w).await.contains(&"CLIENT_AUTHORIZATION_REVOKED".to_owned()));
    let again = bob.browser.send(request(Method::DELETE, &path, &[], "")).await;
    assert_eq!(error(&again), (404, "not_found".into()));
    assert_eq!(json_of(&again)["error"], "Client authorization not found");
    // the app has to ask again
    let (_, seen) = bob.visit(&app.ask(&[])).await;
    assert_eq!(seen, ["consent"]);
}

#[tokio::test]
async fn a_person_sees_what_they_may_use() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let open = App::register(&ada, json!({ "name": "Open" })).await;
    let closed = json!({ "name": "Closed", "isGroupRestricted": true, "launchURL": "https://c.example" });
    let closed = App::register(&ada, closed).await;
    App::register(&ada, json!({ "name": "Shut", "isGroupRestricted": true })).await;
    bob.sign_in().await;
    let path = "/api/oidc/users/me/clients";
    assert_eq!(names(&bob.browser, path).await, ["Open"]);
    admit(&w, "insiders", &bob.id).await;
    admit(&w, "others", &bob.id).await;
    allow(&w, &closed, "insiders").await;
    allow(&w, &closed, "others").await;
    bob.tokens(&open, &[]).await;
    for (query, want) in [
        ("", &["Closed", "Open"][..]),
        ("?sort[column]=name&sort[direction]=desc", &["Open", "Closed"]),
        ("?sort[column]=lastUsedAt&sort[direction]=desc", &["Open", "Closed"]),
        ("?sort[column]=lastUsedAt", &["Open", "Closed"]),
        ("?sort[column]=createdAt", &["Closed", "Open"]),
        ("?filters[hasLaunchURL]=true", &["Closed"]),
    ] {
        let mut found = names(&bob.browser, &format!("{path}{query}")).await;
        if query.ends_with("createdAt") {
            found.sort();
        }
        assert_eq!(found, want, "{query}");
    }
    let answer = json_of(&bob.browser.get(path).await);
    assert_eq!(answer["pagination"]["totalItems"], 2);
    assert_eq!(answer["data"][0]["lastUsedAt"], Value::Null);
    assert!(answer["data"][1]["lastUsedAt"].is_string());
    assert_eq!(answer["data"][1]["id"], open.id.as_str());
}
