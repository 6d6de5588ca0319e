//! OpenID Connect Front-Channel Logout 1.0: the page between a sign-out and where it leads.

use crate::stage::*;
use serde_json::json;
use testkit::World;

const BYE: &str = "https://app.example/bye?a=1";

async fn app(admin: &Person<'_>, host: &str, session_required: bool) -> App {
    App::register(
        admin,
        json!({
            "skipConsent": true, "callbackURLs": [CALLBACK, format!("https://{host}/cb")], "logoutCallbackURLs": [BYE],
            "metadata": {
                "frontchannel_logout_uri": format!("https://{host}/out?x=1"),
                "frontchannel_logout_session_required": session_required,
            },
        }),
    )
    .await
}

fn frames(answer: &Answer) -> Vec<String> {
    let tags = text(answer).split("<iframe ").skip(1);
    tags.map(|tag| tag.split_once("src=\"").unwrap().1.split('"').next().unwrap().replace("&#38;", "&"))
        .collect()
}

#[tokio::test]
async fn the_apps_pages_are_loaded_and_then_it_goes_on() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (plain, told) = (app(&ada, "app.example", false).await, app(&ada, "two.example:8443", true).await);
    let _unused = app(&ada, "three.example", false).await;
    ada.tokens(&plain, &[]).await;
    let tokens = ada.tokens(&told, &[]).await;
    let sid = claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned();
    let hint = tokens["id_token"].as_str().unwrap();
    let query = encode(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "s")]);
    let answer = ada.browser.get(&format!("/api/oidc/end-session?{query}")).await;
    assert_eq!(page(&answer), (200, "signing_out".into()));
    let mut found = frames(&answer);
    found.sort();
    let with_session =
        format!("https://two.example:8443/out?x=1&{}", encode(&[("iss", World::APP_URL), ("sid", &sid)]));
    assert_eq!(found, ["https://app.example/out?x=1".to_owned(), with_session]);
    // for browsers without scripts
    assert!(text(&answer).contains(r#"href="https://app.example/bye?a=1&#38;state=s""#), "{}", text(&answer));
    let csp = field(&answer, "content-security-policy");
    assert!(
        csp.ends_with("form-action 'self'; frame-src https://app.example https://two.example:8443"),
        "{csp}"
    );
    assert_eq!((ada.session(), ada.browser.get("/api/users/me").await.status().as_u16()), (None, 401));
}

#[tokio::test]
async fn signing_out_here_loads_them_too_and_ends_on_our_page() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, "app.example", true).await;
    // an app that was not used is not told
    assert_eq!(page(&ada.browser.post_form("/logout", &[]).await), (200, "signed_out".into()));
    ada.sign_in().await;
    ada.tokens(&app, &[]).await;
    let answer = ada.browser.post_form("/logout", &[]).await;
    assert_eq!((page(&answer), frames(&answer).len()), ((200, "signing_out".into()), 1));
    assert!(text(&answer).contains(r#"href="/logout""#));
    assert_eq!(page(&ada.browser.get("/logout").await), (200, "signed_out".into()));
    // once
    assert_eq!(page(&ada.browser.post_form("/logout", &[]).await), (200, "signed_out".into()));
}

#[tokio::test]
async fn apps_of_other_accounts_are_left_alone_unless_all_are_signed_out_of() {
    for all in [false, true] {
        let w = World::new().await;
        let mut ada = Person::setup(&w).await;
        let bob = Person::join(&w, "bob", 2).await;
        let (of_ada, of_bob) = (app(&ada, "ada.example", false).await, app(&ada, "bob.example", false).await);
        ada.tokens(&of_ada, &[]).await;
        ada.key = bob.key.clone();
        ada.sign_in().await;
        ada.tokens(&of_bob, &[]).await;
        let fields: &[(&str, &str)] = if all { &[("all", "1")] } else { &[] };
        let mut found = frames(&ada.browser.post_form("/logout", fields).await);
        found.sort();
        let both = ["https://ada.example/out?x=1", "https://bob.example/out?x=1"];
        assert_eq!(found, both[if all { 0 } else { 1 }..]);
    }
}
