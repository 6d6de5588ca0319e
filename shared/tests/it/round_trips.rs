//! How many batches a request costs: each one is a round trip at the edge.

use crate::stage::*;
use http::Method;
use serde_json::json;
use testkit::World;

/// Counts the batches of one request.
async fn batches<T>(w: &World, work: impl Future<Output = T>) -> (u64, T) {
    let before = w.db.batches();
    let answer = work.await;
    (w.db.batches() - before, answer)
}

#[tokio::test]
async fn a_request_with_a_warm_keyring_is_two_batches_at_most() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    ada.tokens(&app, &[]).await;
    let ask = app.ask(&[]);

    let (n, answer) = batches(&w, ada.browser.get(&ask)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 303), "GET /authorize, granted");
    let (n, answer) = batches(&w, ada.browser.get(&app.ask(&[("prompt", "none"), ("max_age", "0")]))).await;
    assert_eq!((n, answer.status().as_u16()), (1, 303), "GET /authorize, silent error");
    let (n, answer) = batches(&w, ada.browser.get(&app.ask(&[("client_id", "none")]))).await;
    assert_eq!((n, answer.status().as_u16()), (1, 400), "GET /authorize, unknown client");
    let (n, answer) = batches(&w, bob.browser.get(&ask)).await;
    assert_eq!(n, 2, "GET /authorize, anonymous");
    let interaction = location(&answer).to_owned();

    let (n, page) = batches(&w, bob.browser.get(&interaction)).await;
    assert_eq!((n, step(&page)), (2, "authenticate".into()), "GET /interaction, sign-in");
    let (n, answer) = batches(&w, bob.answer(&page)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 303), "POST /login");
    let (n, answer) = batches(&w, bob.browser.get(location(&answer))).await;
    assert_eq!((n, location(&answer)), (1, interaction.as_str()), "GET /authorize, resumed");
    let (n, page) = batches(&w, bob.browser.get(&interaction)).await;
    assert_eq!((n, step(&page)), (1, "consent".into()), "GET /interaction, consent");
    let (n, answer) = batches(&w, bob.press(&page, "allow")).await;
    assert_eq!(n, 2, "POST /interaction, allow");
    let (n, answer) = batches(&w, bob.browser.get(location(&answer))).await;
    assert_eq!(n, 2, "GET /authorize, resumed and granted");
    let code = response_params(&answer, CALLBACK).remove("code").unwrap();

    let (n, answer) = batches(&w, ada.browser.get(&app.ask(&[("response_mode", "jwt")]))).await;
    assert_eq!((n, answer.status().as_u16()), (2, 303), "GET /authorize, granted, signed answer");
    let (n, answer) = batches(&w, app.push(&w, &app.params(&[]))).await;
    assert_eq!((n, answer.status().as_u16()), (2, 201), "POST par");
    let urn = json_of(&answer)["request_uri"].as_str().unwrap().to_owned();
    let pushed = format!("/authorize?{}", encode(&[("client_id", &app.id), ("request_uri", &urn)]));
    let (n, answer) = batches(&w, ada.browser.get(&pushed)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 303), "GET /authorize, pushed, granted");
    let (n, answer) = batches(&w, ada.browser.get(&pushed)).await;
    assert_eq!((n, answer.status().as_u16()), (1, 400), "GET /authorize, pushed, used");

    let (n, answer) = batches(&w, app.exchange(&w, &code)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST token, code");
    let tokens = json_of(&answer);
    let (n, answer) = batches(&w, app.refresh(&w, &tokens["refresh_token"])).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST token, refresh");
    let (n, answer) = batches(&w, app.refresh(&w, &tokens["refresh_token"])).await;
    assert_eq!((n, answer.status().as_u16()), (1, 200), "POST token, refresh repeated");
    let (n, answer) = batches(&w, app.exchange(&w, "no such code")).await;
    assert_eq!((n, answer.status().as_u16()), (1, 400), "POST token, refused");
    let (n, answer) = batches(&w, app.exchange(&w, &code)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 400), "POST token, code reuse");
    let tokens = bob.tokens(&app, &[]).await;
    let (n, answer) = batches(&w, userinfo(&w, &tokens["access_token"])).await;
    assert_eq!((n, answer.status().as_u16()), (1, 200), "GET userinfo");
    let asked = [("token", tokens["access_token"].as_str().unwrap())];
    let (n, answer) = batches(&w, app.call(&w, "/api/oidc/introspect", &asked)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST introspect");
    let (n, answer) = batches(&w, app.call(&w, "/api/oidc/revoke", &asked)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST revoke, access token");
    let (n, answer) = batches(&w, app.call(&w, "/api/oidc/device/authorize", &[("scope", "openid")])).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST device/authorize");
    let begun = json_of(&answer);
    let (code, device) = (begun["user_code"].as_str().unwrap(), begun["device_code"].as_str().unwrap());
    let poll = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device)];
    let (n, answer) = batches(&w, app.token(&w, &poll)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 400), "POST token, device not decided");
    // the session, the code with the counts, and what comes of it
    let (n, answer) = batches(&w, bob.browser.post_form("/device", &[("user_code", code)])).await;
    assert_eq!((n, answer.status().as_u16()), (3, 303), "POST /device, code");
    let (n, page) = batches(&w, bob.browser.get(location(&answer))).await;
    assert_eq!((n, step(&page)), (2, "device".into()), "GET /device");
    let (n, answer) = batches(&w, bob.press(&page, "allow")).await;
    assert_eq!((n, answer.status().as_u16()), (3, 303), "POST /device, allow");
    let (n, answer) = batches(&w, app.token(&w, &poll)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 200), "POST token, device");
    let hint = format!("/api/oidc/end-session?id_token_hint={}", tokens["id_token"].as_str().unwrap());
    let (n, answer) = batches(&w, bob.browser.get(&hint)).await;
    assert_eq!((n, answer.status().as_u16()), (2, 303), "GET end-session");
}

#[tokio::test]
async fn the_first_page_of_all_is_one_batch() {
    let w = World::new().await;
    let (n, page) = batches(&w, w.browser().get("/login")).await;
    assert_eq!((n, step(&page)), (1, "authenticate".into()));
    let refused = request(Method::POST, "/login", &[("origin", "https://evil.example")], "");
    assert_eq!(batches(&w, w.request(refused)).await.0, 0);
    let wrong_host = request(Method::GET, "/authorize", &[("host", "evil.example")], "");
    assert_eq!(batches(&w, w.request(wrong_host)).await.0, 0);
    assert_eq!(batches(&w, w.browser().get("/api/users/me")).await.0, 0);
    let nobody = w.browser();
    nobody.set_cookie("__Host-latchkey_session", &"x".repeat(4000));
    assert_eq!(batches(&w, nobody.get("/api/users/me")).await.0, 0);
}
