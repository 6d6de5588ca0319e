//! `/interaction`: the steps between request and answer, and whose they are.

use crate::stage::*;
use serde_json::json;
use shared::db::Stmt;
use testkit::World;

/// An interaction that waits for consent, as the query of its address.
async fn waiting(person: &Person<'_>, app: &App) -> String {
    let answer = person.browser.get(&app.ask(&[])).await;
    location(&answer).strip_prefix("/interaction?").unwrap().to_owned()
}

#[tokio::test]
async fn s11_an_interaction_belongs_to_the_browser_that_began_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    let query = waiting(&ada, &app).await;
    let id = query.strip_prefix("interaction=").unwrap().to_owned();

    let nobody = w.browser();
    bob.sign_in().await;
    // ada's own second browser is another browser too
    let mut second = Person { w: &w, browser: w.browser(), key: ada.key.clone(), id: ada.id.clone() };
    second.sign_in().await;
    for browser in [&nobody, &bob.browser, &second.browser] {
        for path in [format!("/interaction?{query}"), format!("/authorize?{query}")] {
            assert_eq!(page(&browser.get(&path).await), (400, "error".into()), "{path}");
        }
        for action in ["allow", "deny", "continue", "switch_account"] {
            let answer = browser.post_form("/interaction", &[("interaction", &id), ("action", action)]).await;
            assert_eq!(page(&answer), (400, "error".into()), "{action}");
        }
    }
    // signing in "for" it does not hand it over either
    let mut form = Form::of(&bob.browser.get("/login?reauthenticate=1").await);
    form.fields.retain(|(name, _)| name != "redirect");
    let response = bob.key.get(&form.options, World::APP_URL).unwrap();
    form.set("response", &response.to_string());
    form.set("interaction", &id);
    let answer = form.send(&bob.browser).await;
    assert_eq!(location(&answer), format!("/authorize?{query}"));
    assert_eq!(page(&bob.follow(answer).await), (400, "error".into()));

    // nothing has happened to it
    let (answer, seen) = ada.visit(&format!("/interaction?{query}")).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(seen, ["consent"]);
}

#[tokio::test]
async fn s11_an_interaction_gives_one_answer() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let query = waiting(&ada, &app).await;
    let id = query.strip_prefix("interaction=").unwrap().to_owned();
    let (answer, _) = ada.visit(&format!("/interaction?{query}")).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    for path in [format!("/interaction?{query}"), format!("/authorize?{query}")] {
        assert_eq!(page(&ada.browser.get(&path).await), (400, "error".into()), "{path}");
    }
    let answer = ada.browser.post_form("/interaction", &[("interaction", &id), ("action", "allow")]).await;
    assert_eq!(page(&answer), (400, "error".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "1");
}

#[tokio::test]
async fn s61_twenty_resumes_at_once_give_one_code() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let page_ = ada.follow(ada.browser.get(&app.ask(&[])).await).await;
    let resume = location(&ada.press(&page_, "allow").await).to_owned();
    let answers = futures_util::future::join_all((0..20).map(|_| ada.browser.get(&resume))).await;
    let codes = answers.iter().filter(|a| field(a, "location").starts_with(CALLBACK)).count();
    let pages = answers.iter().filter(|a| page(a) == (400, "error".into())).count();
    assert_eq!((codes, pages), (1, 19));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM authorization_codes").await, "1");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "1");
}

#[tokio::test]
async fn s12_nothing_of_the_request_is_read_back_from_the_browser() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let other = App::register(&ada, json!({ "callbackURLs": ["https://other.example/"] })).await;
    let query = waiting(&ada, &app).await;
    let more = format!(
        "{query}&client_id={}&redirect_uri=https%3A%2F%2Fother.example%2F&scope=openid+groups&state=evil\
         &response_mode=fragment&code_challenge=&prompt=none",
        other.id
    );
    let page_ = ada.browser.get(&format!("/interaction?{more}")).await;
    assert_eq!(page(&page_), (200, "consent".into()));
    // only the id goes through the browser
    let names: Vec<String> = Form::of(&page_).fields.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["interaction"]);
    assert_eq!(location(&ada.press(&page_, "allow").await), format!("/authorize?{query}"));
    let answer = ada.browser.get(&format!("/authorize?{more}")).await;
    assert!(location(&answer).starts_with("https://app.example/cb?code="), "{answer:?}");
    assert_eq!(response_params(&answer, CALLBACK)["state"], "st4te");
    let granted = Stmt::new("SELECT client_id, scope FROM grants");
    assert_eq!(rows(&w, granted).await, [[app.id.as_str(), "openid profile email"]]);
}

#[tokio::test]
async fn s12_what_an_admin_changes_meanwhile_counts() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let query = waiting(&ada, &app).await;
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1")).await;
    assert_eq!(page(&ada.browser.get(&format!("/interaction?{query}")).await), (403, "error".into()));
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 0, skip_consent = 1")).await;
    let (answer, seen) = ada.visit(&format!("/interaction?{query}")).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
    assert_eq!(seen, [""; 0]);
    // a client that is gone takes its interactions along
    let query = {
        change(&w, Stmt::new("UPDATE clients SET skip_consent = 0")).await;
        change(&w, Stmt::new("DELETE FROM consents")).await;
        waiting(&ada, &app).await
    };
    change(&w, Stmt::new("DELETE FROM clients")).await;
    assert_eq!(page(&ada.browser.get(&format!("/interaction?{query}")).await), (400, "error".into()));
}

#[tokio::test]
async fn s11_consent_is_of_the_person_who_gave_it() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    let page_ = ada.follow(ada.browser.get(&app.ask(&[])).await).await;
    let resume = location(&ada.press(&page_, "allow").await).to_owned();
    // before the request goes on, somebody else signs in to the same browser
    ada.key = bob.key.clone();
    ada.sign_in().await;
    let page_ = ada.follow(ada.browser.get(&resume).await).await;
    assert_eq!(page(&page_), (200, "consent".into()));
    assert!(text(&page_).contains("Bob B."), "{}", text(&page_));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}

#[tokio::test]
async fn an_interaction_waits_an_hour() {
    let w = World::with(&[("SESSION_DURATION", "600")]).await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let path = format!("/interaction?{}", waiting(&ada, &app).await);
    w.clock.advance(3599);
    assert_eq!(page(&ada.browser.get(&path).await), (200, "consent".into()));
    w.clock.advance(1);
    assert_eq!(page(&ada.browser.get(&path).await), (400, "error".into()));
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
}

#[tokio::test]
async fn buttons_that_fit_no_step_do_nothing() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let query = waiting(&ada, &app).await;
    let id = query.strip_prefix("interaction=").unwrap();
    let press = async |action: &str| {
        ada.browser.post_form("/interaction", &[("interaction", id), ("action", action)]).await
    };
    assert_eq!(page(&press("grant").await), (400, "error".into()));
    assert_eq!(
        page(&ada.browser.post_form("/interaction", &[("interaction", id)]).await),
        (400, "error".into())
    );
    // `continue` at the consent step leads back to it
    assert_eq!(location(&press("continue").await), format!("/authorize?{query}"));
    assert_eq!(page(&ada.follow(press("continue").await).await), (200, "consent".into()));
    for path in [
        "/interaction",
        "/interaction?interaction=",
        "/interaction?interaction=made-up",
        "/authorize?interaction=x",
    ] {
        assert_eq!(page(&ada.browser.get(path).await), (400, "error".into()), "{path}");
    }
}

#[tokio::test]
async fn the_consent_page_names_app_host_account_and_scopes() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app =
        App::register(&ada, json!({ "name": "<b>Photos</b>", "description": "Keeps \"pictures\"" })).await;
    let page_ = ada.follow(ada.browser.get(&app.ask(&[])).await).await;
    let html = text(&page_);
    for part in ["&lt;b&gt;Photos", "Keeps &quot;pictures&quot;", "app.example", "Ada Lovelace"] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("<b>"), "{html}");
    assert!(field(&page_, "content-security-policy").ends_with("form-action 'self' https: http:"));
}

#[tokio::test]
async fn s11_consent_is_asked_again_for_another_redirect_host() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let callbacks = json!([
        CALLBACK,
        "https://app.example/other",
        "https://eu.example/cb",
        "com.app:/cb",
        "http://127.0.0.1/cb"
    ]);
    let app = App::register(&ada, json!({ "callbackURLs": callbacks })).await;
    let asked: [&str; 1] = ["consent"];
    for (redirect_uri, want) in [
        (CALLBACK, &asked[..]),
        ("https://app.example/other", &[]),
        ("https://eu.example/cb", &asked),
        ("com.app:/cb", &asked),
        ("http://127.0.0.1:1/cb", &asked),
        // the port of a loopback address is a new one each time (RFC 8252 §7.3)
        ("http://127.0.0.1:2/cb", &[]),
        (CALLBACK, &[]),
    ] {
        let (answer, seen) = ada.visit(&app.ask(&[("redirect_uri", redirect_uri)])).await;
        assert!(response_params(&answer, redirect_uri).contains_key("code"), "{redirect_uri}");
        assert_eq!(seen, want, "{redirect_uri}");
    }
    let hosts = r#"["app.example","eu.example","com.app:","127.0.0.1"]"#;
    assert_eq!(cell(&w, "SELECT redirect_hosts FROM consents").await, hosts);
}

#[tokio::test]
async fn whoever_may_not_use_the_app_can_still_leave() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "isGroupRestricted": true })).await;
    bob.sign_in().await;
    // the app's restriction comes after the interaction began
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 0")).await;
    let query = waiting(&bob, &app).await;
    let id = query.strip_prefix("interaction=").unwrap();
    change(&w, Stmt::new("UPDATE clients SET is_group_restricted = 1")).await;
    let press = async |action: &str| {
        bob.browser.post_form("/interaction", &[("interaction", id), ("action", action)]).await
    };
    assert_eq!(page(&press("allow").await), (403, "error".into()));
    assert_eq!(response_params(&press("deny").await, CALLBACK)["error"], "access_denied");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
}

#[tokio::test]
async fn s01_an_address_that_was_taken_back_meanwhile_is_not_gone_to() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({})).await;
    let query = waiting(&ada, &app).await;
    let id = query.strip_prefix("interaction=").unwrap().to_owned();
    let set = async |urls: serde_json::Value| {
        let stmt = Stmt::new("UPDATE clients SET callback_urls = ?1").bind(urls.to_string());
        change(&w, stmt).await;
    };
    let asked = ada.browser.get(&format!("/interaction?{query}")).await;
    set(json!(["https://app.example/new"])).await;
    for action in ["allow", "deny"] {
        let answer = ada.browser.post_form("/interaction", &[("interaction", &id), ("action", action)]).await;
        let answer = ada.follow(answer).await;
        assert_eq!(page(&answer), (400, "error".into()), "{action}");
    }
    for path in [format!("/interaction?{query}"), format!("/authorize?{query}")] {
        assert_eq!(page(&ada.browser.get(&path).await), (400, "error".into()), "{path}");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants").await, "0");
    set(json!([CALLBACK])).await;
    let answer = ada.follow(ada.press(&asked, "allow").await).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
}
