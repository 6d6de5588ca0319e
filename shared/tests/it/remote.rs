//! Documents of other servers: how long a copy counts, and what happens when the server is slow, down or odd.

use crate::stage::*;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use proto::jose::jws::Unverified;
use serde_json::{Map, Value, json};
use shared::flow::remote::{self, Need, RemoteError, Source};
use shared::flow::{client_keys, remote::Need::*};
use shared::http::{Cx, Peer};
use shared::ports::{FetchError, PrivateAddresses};
use shared::refusal::Refusal;
use shared::store::client::Client;
use testkit::World;

const URL: &str = "https://keys.example/jwks";

fn cx(w: &World) -> Cx {
    Cx {
        host: w.host.clone(),
        now: w.host.clock.now(),
        request_id: "r".into(),
        peer: Peer::default(),
        who: None,
    }
}

fn is_one(document: &Map<String, Value>) -> bool {
    !document.contains_key("error")
}

fn answers(w: &World, status: StatusCode, cache: &str, body: &str) {
    let answer = Response::builder().status(status).header("cache-control", cache);
    w.fetch.answer(&Method::GET, URL, Ok(answer.body(Bytes::from(body.to_owned())).unwrap()));
}

async fn read(w: &World, need: Need) -> Result<Value, RemoteError> {
    let source = Source { url: URL, private: PrivateAddresses::AllowConfigured, is_one };
    remote::document(&cx(w), source, need).await.map(Value::Object)
}

/// How many requests went out since the last call.
fn sent(w: &World) -> usize {
    w.fetch.take_requests().len()
}

#[tokio::test]
async fn a_copy_counts_from_fifteen_minutes_to_a_day() {
    for (cache, counts_s) in [
        ("", 900),
        ("max-age=60", 900),
        ("public, Max-Age=3600", 3600),
        ("max-age=\"7200\"", 7200),
        ("max-age=9999999", 86_400),
        ("max-age=-1", 900),
        ("no-store", 900),
    ] {
        let w = World::new().await;
        answers(&w, StatusCode::OK, cache, r#"{"n":1}"#);
        assert_eq!(read(&w, Fresh).await, Ok(json!({ "n": 1 })));
        answers(&w, StatusCode::OK, cache, r#"{"n":2}"#);
        w.clock.advance(counts_s - 1);
        assert_eq!((read(&w, Fresh).await, sent(&w)), (Ok(json!({ "n": 1 })), 1), "{cache}");
        w.clock.advance(1);
        assert_eq!((read(&w, Fresh).await, sent(&w)), (Ok(json!({ "n": 2 })), 1), "{cache}");
    }
}

#[tokio::test]
async fn an_outage_is_bridged_by_the_last_copy_for_a_day() {
    let w = World::new().await;
    answers(&w, StatusCode::OK, "", r#"{"n":1}"#);
    read(&w, Fresh).await.unwrap();
    w.fetch.answer(&Method::GET, URL, Err(FetchError::Timeout));
    w.clock.advance(900);
    let _ = sent(&w);
    // The server is asked once a minute, not by every request.
    for _ in 0..3 {
        assert_eq!(read(&w, Fresh).await, Ok(json!({ "n": 1 })));
    }
    assert_eq!(sent(&w), 1);
    w.clock.advance(60);
    assert_eq!((read(&w, Fresh).await, sent(&w)), (Ok(json!({ "n": 1 })), 1));
    w.clock.advance(86_400 - 61);
    assert_eq!(read(&w, Fresh).await, Ok(json!({ "n": 1 })));
    w.clock.advance(1);
    assert_eq!(read(&w, Fresh).await, Err(RemoteError::Unavailable("timed out")));
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM remote_documents").await, "0");
}

#[tokio::test]
async fn errors_are_named_and_never_kept() {
    let w = World::new().await;
    let many = format!("{{\"a\":\"{}\"}}", "x".repeat(64 * 1024));
    for (status, body, expected) in [
        (404, "{}", RemoteError::Absent),
        (500, "{}", RemoteError::Unavailable("answer is not 200")),
        (302, "{}", RemoteError::Unavailable("answer is not 200")),
        (200, "<html>", RemoteError::Unavailable("not a JSON object")),
        (200, "[]", RemoteError::Unavailable("not a JSON object")),
        (200, r#"{"a":1,"a":2}"#, RemoteError::Unavailable("not a JSON object")),
        (200, r#"{"error":"busy"}"#, RemoteError::Unavailable("not the document that was expected")),
        (200, many.as_str(), RemoteError::Unavailable("answer too large")),
    ] {
        answers(&w, StatusCode::from_u16(status).unwrap(), "max-age=3600", body);
        assert_eq!(read(&w, Fresh).await, Err(expected), "{status}");
        w.clock.advance(60);
    }
    for (error, text) in [
        (FetchError::Timeout, "timed out"),
        (FetchError::Refused, "address not allowed"),
        (FetchError::Unreachable, "could not be reached"),
    ] {
        w.fetch.answer(&Method::GET, URL, Err(error));
        assert_eq!(read(&w, Fresh).await, Err(RemoteError::Unavailable(text)));
        w.clock.advance(60);
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM remote_documents").await, "0");
    answers(&w, StatusCode::OK, "", "{}");
    assert_eq!(read(&w, Fresh).await, Ok(json!({})));
}

#[tokio::test]
async fn s50_a_server_without_a_good_answer_is_asked_three_times_a_minute() {
    let w = World::new().await;
    let asked = Err(RemoteError::Unavailable("was asked for a moment ago"));
    for _ in 0..2 {
        w.fetch.answer(&Method::GET, URL, Err(FetchError::Timeout));
        for _ in 0..3 {
            assert_eq!(read(&w, Fresh).await, Err(RemoteError::Unavailable("timed out")));
        }
        answers(&w, StatusCode::OK, "", r#"{"n":1}"#);
        for _ in 0..10 {
            assert_eq!(read(&w, Newer).await, asked);
        }
        assert_eq!(sent(&w), 3);
        w.clock.advance(59);
        assert_eq!((read(&w, Fresh).await, sent(&w)), (asked.clone(), 0));
        w.clock.advance(1);
    }
    assert_eq!((read(&w, Fresh).await, sent(&w)), (Ok(json!({ "n": 1 })), 1));
}

#[tokio::test]
async fn something_newer_is_asked_for_once_a_minute() {
    let w = World::new().await;
    answers(&w, StatusCode::OK, "max-age=86400", r#"{"n":1}"#);
    read(&w, Fresh).await.unwrap();
    answers(&w, StatusCode::OK, "max-age=86400", r#"{"n":2}"#);
    assert_eq!(read(&w, Newer).await, Ok(json!({ "n": 1 })));
    w.clock.advance(60);
    assert_eq!(read(&w, Newer).await, Ok(json!({ "n": 2 })));
    assert_eq!(sent(&w), 2);
    // An answer of no use is no reason to ask more often.
    w.fetch.answer(&Method::GET, URL, Err(FetchError::Unreachable));
    w.clock.advance(60);
    for _ in 0..3 {
        assert_eq!(read(&w, Newer).await, Ok(json!({ "n": 2 })));
    }
    assert_eq!(sent(&w), 1);
}

#[tokio::test]
async fn s50_what_a_stranger_names_is_fetched_and_kept_apart() {
    let w = World::new().await;
    for url in ["http://keys.example/jwks", "https://127.0.0.1/jwks", "https://keys.example:22/jwks", "x"] {
        let source = Source { url, private: PrivateAddresses::Refuse, is_one };
        let result = remote::document(&cx(&w), source, Fresh).await;
        assert_eq!(result, Err(RemoteError::Unavailable("address not allowed")), "{url}");
    }
    assert_eq!(sent(&w), 0);
    answers(&w, StatusCode::OK, "", r#"{"n":1}"#);
    read(&w, Fresh).await.unwrap();
    w.fetch.answer(&Method::GET, URL, Err(FetchError::Refused));
    let stranger = Source { url: URL, private: PrivateAddresses::Refuse, is_one };
    let result = remote::document(&cx(&w), stranger, Fresh).await;
    assert_eq!(result, Err(RemoteError::Unavailable("address not allowed")));
    let long = format!("{URL}?{}", "x".repeat(2_000));
    let source = Source { url: &long, private: PrivateAddresses::AllowConfigured, is_one };
    let result = remote::document(&cx(&w), source, Fresh).await;
    assert_eq!(result, Err(RemoteError::Unavailable("address too long")));
}

/// A token by a key that no set holds.
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Im5ldyJ9.e30.AAAA";

#[tokio::test]
async fn keys_of_a_client_are_its_set_or_behind_its_address() {
    let w = World::new().await;
    let mut client = Client::blank("app".into(), w.host.clock.now());
    assert!(client_keys::keys(&cx(&w), &client).await.unwrap().is_empty());

    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    client.metadata.jwks_uri = Some(URL.into());
    answers(&w, StatusCode::OK, "", &json!({ "keys": [key] }).to_string());
    assert!(!client_keys::keys(&cx(&w), &client).await.unwrap().is_empty());
    answers(&w, StatusCode::OK, "", "{}");
    w.clock.advance(900);
    assert!(!client_keys::keys(&cx(&w), &client).await.unwrap().is_empty(), "the last copy that was one");
    w.clock.advance(86_400);
    let unusable = Err(Refusal::ClientKeysUnavailable.into());
    assert_eq!(client_keys::keys(&cx(&w), &client).await, unusable);

    client.metadata.jwks = Some(json!({ "keys": [key] }));
    assert!(!client_keys::keys(&cx(&w), &client).await.unwrap().is_empty());
    client.metadata.jwks = Some(json!([]));
    assert_eq!(client_keys::keys(&cx(&w), &client).await, unusable);
}

#[tokio::test]
async fn an_unknown_key_makes_the_address_asked_again() {
    let w = World::new().await;
    let mut client = Client::blank("app".into(), w.host.clock.now());
    client.metadata.jwks_uri = Some(URL.into());
    answers(&w, StatusCode::OK, "max-age=86400", r#"{"keys":[]}"#);
    let token = Unverified::parse(TOKEN).unwrap();
    for (advance, requests) in [(0, 1), (0, 0), (59, 0), (1, 1), (0, 0)] {
        w.clock.advance(advance);
        assert!(client_keys::verify(&cx(&w), &client, &token).await.unwrap().is_err());
        assert_eq!(sent(&w), requests);
    }
    w.fetch.answer(&Method::GET, URL, Err(FetchError::Timeout));
    w.clock.advance(86_400 * 2);
    let down = client_keys::verify(&cx(&w), &client, &token).await;
    assert_eq!(down, Err(Refusal::ClientKeysUnavailable.into()));
}
