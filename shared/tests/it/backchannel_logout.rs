//! OpenID Connect Back-Channel Logout 1.0: who is told, when, and what becomes of it.

use crate::stage::*;
use http::{Method, Response, StatusCode};
use proto::jose::jwt::TokenType;
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::ports::{Db, DbError, FetchError};
use shared::store::{consent, user};
use std::sync::Arc;
use testkit::World;

const OUT: &str = "https://app.example/out";

/// An app that wants logout tokens at this address.
async fn app(admin: &Person<'_>, uri: &str) -> App {
    App::register(admin, json!({ "skipConsent": true, "metadata": { "backchannel_logout_uri": uri } })).await
}

fn answers(w: &World, uri: &str, status: u16) {
    let answer = Response::builder().status(status).body(bytes::Bytes::new()).unwrap();
    w.fetch.answer(&Method::POST, uri, Ok(answer));
}

/// Address and logout token of every request since the last call, in the order of the addresses.
fn told(w: &World) -> Vec<(String, String)> {
    let mut all: Vec<_> = w
        .fetch
        .take_requests()
        .iter()
        .map(|request| {
            assert_eq!(request.method(), Method::POST);
            assert_eq!(request.headers()["content-type"], FORM);
            let mut pairs = url::form_urlencoded::parse(request.body()).into_owned();
            let (name, token) = pairs.next().unwrap();
            assert_eq!((name.as_str(), pairs.next()), ("logout_token", None));
            (request.uri().to_string(), token)
        })
        .collect();
    all.sort();
    all
}

/// State, attempts, seconds until the next try, and error of every delivery.
async fn outbox(w: &World) -> Vec<Vec<String>> {
    let stmt = Stmt::new(
        "SELECT state, attempts, next_attempt_at - ?1, last_error FROM logout_deliveries ORDER BY created_at, id",
    );
    rows(w, stmt.bind(w.host.clock.now())).await
}

async fn is_refused(w: &World, app: &App, tokens: &Value) {
    assert_eq!(userinfo(w, &tokens["access_token"]).await.status(), 401);
    assert_eq!(error(&app.refresh(w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn s25_a_logout_token_says_who_and_which_session() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    answers(&w, OUT, 204);
    let tokens = ada.tokens(&app, &[]).await;
    let sid = claims(&tokens["id_token"])["sid"].clone();
    w.clock.advance(5);
    ada.browser.post_form("/logout", &[]).await;

    let told = told(&w);
    assert_eq!(told.len(), 1);
    let (uri, token) = &told[0];
    assert_eq!(uri, OUT);
    let header = jwt_part(token, 0);
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("logout+jwt"), Some("RS256")));
    let now = World::START.0 + 5;
    let said = jwt_part(token, 1);
    assert_eq!(
        said,
        json!({
            "iss": World::APP_URL, "sub": ada.id, "aud": app.id, "sid": sid, "iat": now, "exp": now + 120,
            "jti": said["jti"], "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        })
    );
    assert_eq!(said["jti"].as_str().unwrap().len(), 36);
    // signed by a published key, and good for nothing else
    let verify = async |typ| shared::keyring::verify(&w.host, w.host.clock.now(), typ, token).await.unwrap();
    assert!(verify(TokenType::LogoutToken).await.is_some());
    assert!(verify(TokenType::IdToken).await.is_none());
    assert!(verify(TokenType::AccessToken).await.is_none());
    assert_eq!(userinfo(&w, &json!(token)).await.status(), 401);
    assert_eq!(outbox(&w).await, [["delivered", "1", "0", "-"]]);
    assert_eq!(
        cell(&w, "SELECT (ended_at - created_at) || ',' || session_id FROM logout_deliveries").await,
        format!("0,{}", sid.as_str().unwrap())
    );
}

#[tokio::test]
async fn each_app_of_the_session_is_told_once_and_no_other() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let mut second = Person { w: &w, browser: w.browser(), key: ada.key.clone(), id: ada.id.clone() };
    let (one, two) = (app(&ada, OUT).await, app(&ada, "https://two.example/out").await);
    let elsewhere = app(&ada, "https://three.example/out").await;
    let silent = App::register(&ada, json!({ "skipConsent": true })).await;
    let _unused = app(&ada, "https://four.example/out").await;
    for app in [&one, &one, &two, &silent] {
        ada.tokens(app, &[]).await;
    }
    second.sign_in().await;
    let kept = second.tokens(&elsewhere, &[]).await;
    answers(&w, OUT, 200);
    answers(&w, "https://two.example/out", 200);
    ada.browser.post_form("/logout", &[]).await;
    let uris: Vec<String> = told(&w).into_iter().map(|(uri, _)| uri).collect();
    assert_eq!(uris, [OUT, "https://two.example/out"]);
    assert_eq!(userinfo(&w, &kept["access_token"]).await.status(), 200);
    // nothing is left to do
    w.clock.advance(86_400);
    w.tick().await.unwrap();
    assert_eq!(told(&w), []);
}

#[tokio::test]
async fn whatever_ends_a_session_tells_the_apps_and_ends_what_they_hold() {
    for how in ["sign-out", "app", "all", "own", "others", "admin one", "admin all", "disabled", "deleted"] {
        let w = World::new().await;
        let ada = Person::setup(&w).await;
        let mut bob = Person::join(&w, "bob", 2).await;
        let app = app(&ada, OUT).await;
        answers(&w, OUT, 200);
        let tokens = bob.tokens(&app, &[]).await;
        let sid = claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned();
        w.clock.advance(1);
        let own = format!("/api/users/me/sessions/{sid}");
        let admin = format!("/api/users/{}/sessions", bob.id);
        let now = w.host.clock.now();
        let delete = async |browser: &testkit::Browser<'_>, path: &str| {
            let answer = browser.send_json(Method::DELETE, path, &json!({})).await;
            assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{how}");
        };
        match how {
            "sign-out" => drop(bob.browser.post_form("/logout", &[]).await),
            "all" => drop(bob.browser.post_form("/logout", &[("all", "1")]).await),
            "app" => {
                let hint = tokens["id_token"].as_str().unwrap();
                bob.browser.get(&format!("/api/oidc/end-session?id_token_hint={hint}")).await;
            }
            "own" => delete(&bob.browser, &own).await,
            "others" => {
                let mut second =
                    Person { w: &w, browser: w.browser(), key: bob.key.clone(), id: bob.id.clone() };
                second.sign_in().await;
                delete(&second.browser, "/api/users/me/sessions").await;
                assert_eq!(
                    second.browser.get("/api/users/me").await.status(),
                    200,
                    "the one that asks stays"
                );
            }
            "admin one" => delete(&ada.browser, &format!("{admin}/{sid}")).await,
            "admin all" => delete(&ada.browser, &admin).await,
            "disabled" => drop(w.host.db.batch(user::set_disabled(&bob.id, true, now)).await.unwrap()),
            _ => drop(w.host.db.batch(user::delete(&bob.id, now)).await.unwrap()),
        }
        w.tick().await.unwrap();
        let told = told(&w);
        assert_eq!(told.len(), 1, "{how}");
        let said = jwt_part(&told[0].1, 1);
        assert_eq!((&said["sub"], &said["sid"]), (&json!(bob.id), &json!(sid)), "{how}");
        assert_eq!(bob.browser.get("/api/users/me").await.status(), 401, "{how}");
        is_refused(&w, &app, &tokens).await;
        assert_eq!(ada.browser.get("/api/users/me").await.status(), 200, "{how}");
    }
}

#[tokio::test]
async fn withdrawing_consent_or_removing_the_app_ends_what_it_holds_and_keeps_the_session() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (one, two) = (app(&ada, OUT).await, app(&ada, OUT).await);
    let tokens = ada.tokens(&one, &[]).await;
    let other = ada.tokens(&two, &[]).await;
    w.host.db.batch(consent::withdraw(&ada.id, &one.id, w.host.clock.now())).await.unwrap();
    is_refused(&w, &one, &tokens).await;
    assert_eq!(userinfo(&w, &other["access_token"]).await.status(), 200);
    let again = w.host.db.batch(consent::withdraw(&ada.id, &one.id, w.host.clock.now())).await;
    assert_eq!(again.err(), Some(DbError::Lost));

    let path = format!("/api/oidc/clients/{}", two.id);
    assert_eq!(ada.browser.send_json(Method::DELETE, &path, &json!({})).await.status(), 204);
    assert_eq!(userinfo(&w, &other["access_token"]).await.status(), 401);
    assert_eq!(error(&two.refresh(&w, &other["refresh_token"]).await), (401, "invalid_client".into()));
    assert_eq!(ada.browser.get("/api/users/me").await.status(), 200);
    assert_eq!(told(&w), []);
}

#[tokio::test]
async fn what_fails_is_tried_again_for_a_day_and_then_given_up() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    ada.tokens(&app, &[]).await;
    answers(&w, OUT, 503);
    ada.browser.post_form("/logout", &[]).await;
    let first = told(&w);
    assert_eq!(first.len(), 1);
    let mut jtis = vec![jwt_part(&first[0].1, 1)["jti"].clone()];
    for (attempt, wait) in [10, 60, 300, 1800, 7200, 21_600, 43_200].into_iter().enumerate() {
        let (attempts, left) = ((attempt + 1).to_string(), wait.to_string());
        assert_eq!(outbox(&w).await, [["pending", &attempts, &left, "answered 503"]]);
        w.clock.advance(wait - 1);
        w.tick().await.unwrap();
        assert_eq!(told(&w), [], "too early");
        w.clock.advance(1);
        w.tick().await.unwrap();
        let again = told(&w);
        assert_eq!(again.len(), 1);
        jtis.push(jwt_part(&again[0].1, 1)["jti"].clone());
    }
    assert_eq!(outbox(&w).await, [["failed", "8", "0", "answered 503"]]);
    jtis.sort_by_key(ToString::to_string);
    jtis.dedup();
    assert_eq!(jtis.len(), 8, "each try has a token of its own");
    w.clock.advance(86_400);
    w.tick().await.unwrap();
    assert_eq!(told(&w), []);
    // kept for the records
    w.clock.advance(2_592_000);
    w.tick().await.unwrap();
    assert_eq!(outbox(&w).await, [[""; 0]; 0]);
}

#[tokio::test]
async fn s50_each_kind_of_failure_has_its_outcome_and_names_no_address() {
    let table: [(Result<u16, FetchError>, &str, &str); 7] = [
        (Ok(400), "failed", "answered 400"),
        (Ok(302), "pending", "answered 302"),
        (Err(FetchError::Timeout), "pending", "timed out"),
        (Err(FetchError::TooLarge), "pending", "answer too large"),
        (Err(FetchError::Refused), "pending", "target not allowed"),
        (Err(FetchError::Unreachable), "pending", "could not be reached"),
        (Ok(201), "delivered", "-"),
    ];
    for (answer, state, last_error) in table {
        let w = World::new().await;
        let mut ada = Person::setup(&w).await;
        let app = app(&ada, OUT).await;
        ada.tokens(&app, &[]).await;
        match answer.clone() {
            Ok(status) => answers(&w, OUT, status),
            Err(error) => w.fetch.answer(&Method::POST, OUT, Err(error)),
        }
        assert_eq!(ada.browser.post_form("/logout", &[]).await.status(), 200);
        let found = outbox(&w).await;
        assert_eq!((found[0][0].as_str(), found[0][3].as_str()), (state, last_error), "{answer:?}");
    }
    // a huge answer is not read to its end
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    ada.tokens(&app, &[]).await;
    let huge = Response::new(bytes::Bytes::from(vec![b'x'; 64 * 1024 + 1]));
    w.fetch.answer(&Method::POST, OUT, Ok(huge));
    ada.browser.post_form("/logout", &[]).await;
    assert_eq!(outbox(&w).await, [["pending", "1", "10", "answer too large"]]);
}

#[tokio::test]
async fn one_node_delivers_and_a_dead_one_is_taken_over_from() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    ada.tokens(&app, &[]).await;
    let sign_out =
        shared::store::session_end::end(shared::store::session_end::Which::User(&ada.id), w.host.clock.now());
    w.host.db.batch(sign_out).await.unwrap();
    let id = cell(&w, "SELECT id FROM logout_deliveries").await;
    // a node claims it and dies
    let now = w.host.clock.now();
    let claim = || shared::store::logout::claim(&id, now, now.plus(60)).into();
    w.host.db.batch(claim()).await.unwrap();
    assert_eq!(w.host.db.batch(claim()).await.err(), Some(DbError::Lost));
    answers(&w, OUT, 200);
    w.clock.advance(59);
    w.tick().await.unwrap();
    assert_eq!(told(&w), []);
    w.clock.advance(1);
    w.tick().await.unwrap();
    assert_eq!(told(&w).len(), 1);
    assert_eq!(outbox(&w).await, [["delivered", "2", "0", "-"]]);
}

/// A store that fails for batches that hold this text.
struct Failing {
    inner: Arc<dyn Db>,
    at: &'static str,
}

#[async_trait::async_trait]
impl Db for Failing {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<shared::db::Rows>, DbError> {
        if stmts.iter().any(|stmt| stmt.sql.contains(self.at)) {
            return Err(DbError::Unavailable("for this test".to_owned()));
        }
        self.inner.batch(stmts).await
    }
}

#[tokio::test]
async fn a_store_that_fails_half_way_loses_no_notice() {
    // what fails, the status of the sign-out, who is signed in then, tokens sent, what the outbox holds
    type Line<'a> = (&'a str, u16, bool, usize, &'a [[&'a str; 4]]);
    let table: [Line<'_>; 3] = [
        ("INSERT INTO logout_deliveries", 500, true, 0, &[]),
        ("SET attempts = attempts + 1", 200, false, 0, &[["pending", "0", "0", "-"]]),
        ("SET state = ?3", 200, false, 1, &[["pending", "1", "60", "-"]]),
    ];
    for (at, status, is_signed_in, sent, held) in table {
        let w = World::new().await;
        let mut ada = Person::setup(&w).await;
        let app = app(&ada, OUT).await;
        let tokens = ada.tokens(&app, &[]).await;
        answers(&w, OUT, 200);
        let broken = w.another_node(|host| host.db = Arc::new(Failing { inner: host.db.clone(), at }));
        let cookie = format!("__Host-latchkey_session={}", ada.session().unwrap());
        let post = request(Method::POST, "/logout", &[("cookie", &cookie)], "");
        assert_eq!(broken.request(post).await.status().as_u16(), status, "{at}");
        assert_eq!(ada.browser.get("/api/users/me").await.status() == 200, is_signed_in, "{at}");
        assert_eq!(userinfo(&w, &tokens["access_token"]).await.status() == 200, is_signed_in, "{at}");
        assert_eq!(
            (told(&w).len(), outbox(&w).await),
            (sent, held.iter().map(|r| r.map(str::to_owned).to_vec()).collect()),
            "{at}"
        );
        // once the store is well again, whoever has to be told is told
        w.clock.advance(60);
        w.tick().await.unwrap();
        assert_eq!(told(&w).len(), usize::from(!is_signed_in), "{at}");
        assert!(outbox(&w).await.iter().all(|row| row[0] == "delivered"), "{at}");
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_signed_is_tried_again() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    ada.tokens(&app, &[]).await;
    let metadata = json!({ "backchannel_logout_uri": OUT, "id_token_signed_response_alg": "ES512" });
    let broken = Stmt::new("UPDATE clients SET metadata = ?1").bind(metadata.to_string());
    change(&w, broken).await;
    ada.browser.post_form("/logout", &[]).await;
    assert_eq!(outbox(&w).await, [["pending", "1", "10", "could not be signed"]]);
    assert_eq!(told(&w), []);
}

#[tokio::test]
async fn a_pairwise_client_hears_of_the_person_it_knows() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let metadata = json!({ "backchannel_logout_uri": OUT, "subject_type": "pairwise" });
    let app = App::register(&ada, json!({ "skipConsent": true, "metadata": metadata })).await;
    answers(&w, OUT, 200);
    let known = claims(&ada.tokens(&app, &[]).await["id_token"])["sub"].clone();
    assert_ne!(known, json!(ada.id));
    w.host.db.batch(user::delete(&ada.id, w.host.clock.now())).await.unwrap();
    w.tick().await.unwrap();
    assert_eq!(jwt_part(&told(&w)[0].1, 1)["sub"], known);
}

#[tokio::test]
async fn leaving_the_groups_of_an_app_ends_what_it_holds() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({ "skipConsent": true, "isGroupRestricted": true })).await;
    admit(&w, "photographers", &bob.id).await;
    allow(&w, &app, "photographers").await;
    let tokens = bob.tokens(&app, &[]).await;
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 200);
    change(&w, Stmt::new("DELETE FROM user_group_members")).await;
    assert_eq!(userinfo(&w, &tokens["access_token"]).await.status(), 401);
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (403, "access_denied".into()));
}

#[tokio::test]
async fn a_client_that_no_longer_wants_it_is_not_asked() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = app(&ada, OUT).await;
    ada.tokens(&app, &[]).await;
    answers(&w, OUT, 500);
    ada.browser.post_form("/logout", &[]).await;
    assert_eq!(told(&w).len(), 1);
    change(&w, Stmt::new("UPDATE clients SET metadata = '{}'")).await;
    w.clock.advance(10);
    w.tick().await.unwrap();
    assert_eq!(told(&w), []);
    assert_eq!(outbox(&w).await, [["failed", "2", "0", "has no backchannel_logout_uri"]]);
    assert_eq!(ada.sign_in().await.status(), 303);
    ada.tokens(&app, &[]).await;
    ada.browser.post_form("/logout", &[]).await;
    assert_eq!(outbox(&w).await.len(), 1, "and no further notice is written");
}

#[tokio::test]
async fn admins_see_what_became_of_it_and_can_try_again() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = app(&ada, OUT).await;
    answers(&w, OUT, 400);
    let mut sids = Vec::new();
    for _ in 0..3 {
        w.clock.advance(60);
        bob.sign_in().await;
        let tokens = bob.tokens(&app, &[]).await;
        sids.push(claims(&tokens["id_token"])["sid"].clone());
        bob.browser.post_form("/logout", &[]).await;
    }
    let list = format!("/api/oidc/clients/{}/logout-deliveries", app.id);
    let page_ = json_of(&ada.browser.get(&format!("{list}?pagination[limit]=2")).await);
    let pagination = json!({ "totalPages": 2, "totalItems": 3, "currentPage": 1, "itemsPerPage": 2 });
    assert_eq!(page_["pagination"], pagination);
    let newest = &page_["data"][0];
    let at = w.host.clock.now().rfc3339();
    assert_eq!(
        newest,
        &json!({
            "id": newest["id"], "userId": bob.id, "sessionId": sids[2], "state": "failed", "attempts": 1,
            "lastError": "answered 400", "createdAt": at, "nextAttemptAt": null, "endedAt": at,
        })
    );
    assert_eq!(page_["data"][1]["sessionId"], sids[1]);
    let last = json_of(&ada.browser.get(&format!("{list}?pagination[limit]=2&pagination[page]=9")).await);
    assert_eq!((last["data"].as_array().unwrap().len(), &last["pagination"]["currentPage"]), (1, &json!(2)));

    told(&w);
    answers(&w, OUT, 200);
    let retry = format!("{list}/{}/retry", newest["id"].as_str().unwrap());
    assert_eq!(ada.browser.send_json(Method::POST, &retry, &json!({})).await.status(), 204);
    assert_eq!(told(&w).len(), 1);
    let page_ = json_of(&ada.browser.get(&list).await);
    assert_eq!((&page_["data"][0]["state"], &page_["data"][0]["attempts"]), (&json!("delivered"), &json!(1)));
    // what was delivered stays delivered; others have no such delivery
    let again = ada.browser.send_json(Method::POST, &retry, &json!({})).await;
    assert_eq!(error(&again), (404, "not_found".into()));
    let other = App::register(&ada, json!({})).await;
    let foreign =
        format!("/api/oidc/clients/{}/logout-deliveries/{}/retry", other.id, page_["data"][1]["id"]);
    let answer = ada.browser.send_json(Method::POST, &foreign.replace('"', ""), &json!({})).await;
    assert_eq!(error(&answer), (404, "not_found".into()));
    assert_eq!(
        error(&ada.browser.get("/api/oidc/clients/none/logout-deliveries").await),
        (404, "not_found".into())
    );
    assert_eq!(told(&w), []);
}

#[tokio::test]
async fn logout_addresses_are_checked_when_they_are_registered() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let send = async |metadata: Value| {
        let body = json!({ "name": "A", "callbackURLs": [CALLBACK], "metadata": metadata });
        ada.browser.send_json(Method::POST, "/api/oidc/clients", &body).await
    };
    let good = json!({ "backchannel_logout_uri": OUT, "frontchannel_logout_uri": "https://app.example/x" });
    assert_eq!(send(good).await.status(), 201);
    for (name, uri) in [
        ("backchannel_logout_uri", "javascript:alert(1)"),
        ("frontchannel_logout_uri", "https://other.example/x"),
    ] {
        let answer = send(json!({ name: uri })).await;
        assert_eq!(error(&answer), (400, "validation_failed".into()), "{name}");
        assert_eq!(json_of(&answer)["details"]["fields"][0]["code"], name);
    }
}
