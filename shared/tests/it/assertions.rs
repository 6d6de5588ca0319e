//! Client authentication by signed assertions: a client's own keys, and issuers that it trusts.

use crate::stage::*;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use proto::b64;
use proto::jose::Alg;
use serde_json::{Value, json};
use shared::ports::{FetchError, Signer};
use std::sync::Arc;
use testkit::World;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const NOW: i64 = World::START.0;

/// What authentication that succeeded is told about a code that there is not.
const PROVEN: (u16, &str) = (400, "invalid_grant");
const REFUSED: (u16, &str) = (401, "invalid_client");

struct Key {
    alg: Alg,
    jwk: Value,
    signer: Arc<dyn Signer>,
}

impl Key {
    async fn make(w: &World, alg: Alg, kid: &str) -> Self {
        let new = w.host.keys.generate(alg).await.unwrap();
        let mut jwk = serde_json::to_value(&new.public).unwrap();
        jwk["kid"] = json!(kid);
        Self { alg, jwk, signer: w.host.keys.import(alg, &new.pkcs8).await.unwrap() }
    }

    async fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": self.alg.as_str(), "kid": self.jwk["kid"], "typ": "JWT"}), claims).await
    }

    async fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()));
        format!("{input}.{}", b64::encode(self.signer.sign(input.as_bytes()).await.unwrap()))
    }
}

fn set(keys: &[&Key]) -> Value {
    json!({ "keys": keys.iter().map(|k| &k.jwk).collect::<Vec<_>>() })
}

/// The claims of a good `private_key_jwt`, with changes; `null` takes a claim away.
fn own(changes: Value) -> Value {
    let claims = json!({
        "iss": "app", "sub": "app", "aud": World::APP_URL, "exp": NOW + 60, "iat": NOW, "jti": "1",
    });
    changed(claims, changes)
}

fn changed(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

async fn send(w: &World, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", "none"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    pairs.extend_from_slice(more);
    w.request(request(Method::POST, "/api/oidc/token", &[("content-type", FORM)], &encode(&pairs))).await
}

async fn outcome(w: &World, assertion: &str) -> (u16, String) {
    error(&send(w, assertion, &[("client_id", "app")]).await)
}

fn expect(wanted: (u16, &str)) -> (u16, String) {
    (wanted.0, wanted.1.to_owned())
}

async fn description(w: &World, assertion: &str) -> String {
    let answer = send(w, assertion, &[("client_id", "app")]).await;
    json_of(&answer)["error_description"].as_str().unwrap().to_owned()
}

fn serve(w: &World, url: &str, body: &Value) {
    let answer = Response::builder().status(StatusCode::OK).body(Bytes::from(body.to_string())).unwrap();
    w.fetch.answer(&Method::GET, url, Ok(answer));
}

fn missing(w: &World, url: &str) {
    let answer = Response::builder().status(StatusCode::NOT_FOUND).body(Bytes::new()).unwrap();
    w.fetch.answer(&Method::GET, url, Ok(answer));
}

async fn noted(w: &World) -> String {
    cell(w, "SELECT COUNT(*) FROM used_jtis").await
}

#[tokio::test]
async fn s18_private_key_jwt_with_each_algorithm() {
    for alg in Alg::ALL {
        let w = World::new().await;
        let ada = Person::setup(&w).await;
        let key = Key::make(&w, alg, "k").await;
        App::register(&ada, json!({"id": "app", "metadata": {"jwks": set(&[&key])}})).await;
        assert_eq!(outcome(&w, &key.sign(&own(json!({}))).await).await, expect(PROVEN), "{alg}");
    }
}

#[tokio::test]
async fn s18_each_claim_of_an_own_assertion_is_held_to_its_rule() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let key = Key::make(&w, Alg::EdDSA, "k").await;
    App::register(&ada, json!({"id": "app", "metadata": {"jwks": set(&[&key])}})).await;
    let issuer = World::APP_URL;
    for (n, (changes, wanted)) in [
        (json!({}), PROVEN),
        (json!({"aud": [issuer]}), PROVEN),
        (json!({"iat": null}), PROVEN),
        (json!({"exp": NOW + 630}), PROVEN),
        (json!({"exp": NOW - 29}), PROVEN),
        (json!({"nbf": NOW + 30, "iat": NOW + 30}), PROVEN),
        (json!({"iss": "other"}), REFUSED),
        (json!({"sub": "other"}), REFUSED),
        (json!({"iss": null}), REFUSED),
        (json!({"sub": null}), REFUSED),
        (json!({"iss": "App"}), REFUSED),
        (json!({"aud": format!("{issuer}/")}), REFUSED),
        (json!({"aud": format!("{issuer}/api/oidc/token")}), REFUSED),
        (json!({"aud": [issuer, "https://other.example"]}), REFUSED),
        (json!({"aud": [issuer, issuer]}), REFUSED),
        (json!({"aud": []}), REFUSED),
        (json!({"aud": null}), REFUSED),
        (json!({"aud": {"v": issuer}}), REFUSED),
        (json!({"exp": null}), REFUSED),
        (json!({"exp": NOW - 30}), REFUSED),
        (json!({"exp": NOW + 631}), REFUSED),
        (json!({"exp": (NOW + 60).to_string()}), REFUSED),
        (json!({"nbf": NOW + 31}), REFUSED),
        (json!({"iat": NOW + 31}), REFUSED),
        (json!({"jti": null}), REFUSED),
        (json!({"jti": ""}), REFUSED),
        (json!({"jti": 7}), REFUSED),
        (json!({"jti": "x".repeat(1025)}), REFUSED),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = own(json!({ "jti": format!("n{n}") }));
        claims = changed(claims, changes.clone());
        let before = noted(&w).await;
        assert_eq!(outcome(&w, &key.sign(&claims).await).await, expect(wanted), "{changes}");
        if wanted == REFUSED {
            assert_eq!(noted(&w).await, before, "nothing is used up: {changes}");
        }
    }
}

#[tokio::test]
async fn s24_keys_decide_on_algorithms_and_headers_on_nothing() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let (key, other) = (Key::make(&w, Alg::ES256, "k").await, Key::make(&w, Alg::ES256, "k").await);
    App::register(&ada, json!({"id": "app", "metadata": {"jwks": set(&[&key])}})).await;
    let claims = own(json!({}));
    let header = |changes| changed(json!({"alg": "ES256", "kid": "k", "typ": "JWT"}), changes);
    for (changes, wanted) in [
        (json!({"alg": "none"}), REFUSED),
        (json!({"alg": "HS256"}), REFUSED),
        (json!({"alg": "RS256"}), REFUSED),
        (json!({"alg": null}), REFUSED),
        (json!({"kid": "other"}), REFUSED),
        (json!({"crit": ["x"], "x": 1}), REFUSED),
        (json!({"b64": false}), REFUSED),
        (json!({"typ": "at+jwt"}), REFUSED),
        (json!({"typ": "dpop+jwt"}), REFUSED),
        (json!({"typ": "oauth-authz-req+jwt"}), REFUSED),
        (json!({"typ": "logout+jwt"}), REFUSED),
        (json!({"typ": "client-authentication+jwt", "kid": null}), PROVEN),
    ] {
        let token = key.sign_as(&header(changes.clone()), &claims).await;
        assert_eq!(outcome(&w, &token).await, expect(wanted), "{changes}");
    }
    let embedded = header(json!({"jwk": other.jwk, "jku": "https://evil.example/jwks"}));
    assert_eq!(outcome(&w, &other.sign_as(&embedded, &claims).await).await, expect(REFUSED));
    assert!(w.fetch.take_requests().is_empty());
    // HMAC with the public key as its secret
    let input =
        format!("{}.{}", b64::encode(r#"{"alg":"HS256","kid":"k"}"#), b64::encode(claims.to_string()));
    let mac = b64::encode(proto::hash::sha256(input.as_bytes()));
    assert_eq!(outcome(&w, &format!("{input}.{mac}")).await, expect(REFUSED));
    for garbage in ["", "a", "a.b", "a.b.c", "..", "eyJhbGciOiJFUzI1NiJ9.W10.AAAA"] {
        let answer = send(&w, garbage, &[("client_id", "app")]).await;
        assert_eq!(answer.status(), 401, "{garbage}");
    }
}

#[tokio::test]
async fn s18_an_assertion_counts_once_whatever_it_was_used_for() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let key = Key::make(&w, Alg::EdDSA, "k").await;
    App::register(&ada, json!({"id": "app", "metadata": {"jwks": set(&[&key])}})).await;
    let token = key.sign(&own(json!({}))).await;
    // A failure before the end leaves it usable.
    assert_eq!(error(&send(&w, &token, &[("client_id", "other")]).await), expect(REFUSED));
    assert_eq!(outcome(&w, &token).await, expect(PROVEN));
    assert_eq!(outcome(&w, &token).await, expect(REFUSED));
    let again = key.sign(&own(json!({"exp": NOW + 61}))).await;
    assert_eq!(description(&w, &again).await, "The client assertion has no 'jti', or it was used before.");
    assert_eq!(noted(&w).await, "1");
    w.clock.advance(91);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(noted(&w).await, "0");
}

#[tokio::test]
async fn s18_client_id_is_the_subject_or_is_refused() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let key = Key::make(&w, Alg::EdDSA, "k").await;
    App::register(&ada, json!({"id": "app", "metadata": {"jwks": set(&[&key])}})).await;
    App::register(&ada, json!({"id": "bare"})).await;
    let token = key.sign(&own(json!({}))).await;
    assert_eq!(error(&send(&w, &token, &[("client_id", "bare")]).await), expect(REFUSED));
    assert_eq!(error(&send(&w, &token, &[("client_secret", "x")]).await), (400, "invalid_request".into()));
    assert_eq!(error(&send(&w, &token, &[]).await), expect(PROVEN));
    let bare = key.sign(&own(json!({"iss": "bare", "sub": "bare"}))).await;
    assert_eq!(error(&send(&w, &bare, &[]).await), expect(REFUSED), "no keys are registered");
    let form =
        encode(&[("grant_type", "authorization_code"), ("code", "none"), ("client_assertion", &token)]);
    for kind in ["", "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer"] {
        let body = format!("{form}{kind}");
        let answer =
            w.request(request(Method::POST, "/api/oidc/token", &[("content-type", FORM)], &body)).await;
        assert_eq!(error(&answer), expect(REFUSED), "{kind}");
    }
}

#[tokio::test]
async fn s18_a_registered_method_and_algorithm_are_the_only_ones() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let (es, ed) = (Key::make(&w, Alg::ES256, "es").await, Key::make(&w, Alg::EdDSA, "ed").await);
    let metadata = json!({
        "jwks": set(&[&es, &ed]), "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
    });
    let app = App::register(&ada, json!({"id": "app", "metadata": metadata})).await;
    assert_eq!(outcome(&w, &ed.sign(&own(json!({}))).await).await, expect(REFUSED));
    assert_eq!(outcome(&w, &es.sign(&own(json!({}))).await).await, expect(PROVEN));
    assert_eq!(error(&app.exchange(&w, "none").await), expect(REFUSED), "its secret no longer counts");

    let metadata = json!({"jwks": set(&[&es]), "token_endpoint_auth_method": "client_secret_basic"});
    let other = App::register(&ada, json!({"id": "other", "metadata": metadata})).await;
    let token = es.sign(&own(json!({"iss": "other", "sub": "other"}))).await;
    assert_eq!(error(&send(&w, &token, &[]).await), expect(REFUSED));
    assert_eq!(error(&other.exchange(&w, "none").await), expect(PROVEN));
}

#[tokio::test]
async fn keys_behind_an_address_rotate_and_outlive_an_outage() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let (old, new) = (Key::make(&w, Alg::EdDSA, "old").await, Key::make(&w, Alg::EdDSA, "new").await);
    let url = "https://app.example/jwks";
    App::register(&ada, json!({"id": "app", "metadata": {"jwks_uri": url}})).await;
    let at = |jti: &str, seconds: i64| {
        let now = NOW + seconds;
        own(json!({"jti": jti, "iat": now, "exp": now + 60}))
    };
    serve(&w, url, &set(&[&old]));
    assert_eq!(outcome(&w, &old.sign(&at("a", 0)).await).await, expect(PROVEN));
    serve(&w, url, &set(&[&new]));
    assert_eq!(outcome(&w, &new.sign(&at("b", 0)).await).await, expect(REFUSED), "asked a moment ago");
    w.clock.advance(60);
    assert_eq!(outcome(&w, &new.sign(&at("c", 60)).await).await, expect(PROVEN));
    w.fetch.answer(&Method::GET, url, Err(FetchError::Timeout));
    w.clock.advance(3600);
    assert_eq!(outcome(&w, &new.sign(&at("d", 3660)).await).await, expect(PROVEN));
    w.clock.advance(2 * 86_400);
    let late = new.sign(&at("e", 3660 + 2 * 86_400)).await;
    assert_eq!(outcome(&w, &late).await, expect(REFUSED));
    assert_eq!(description(&w, &late).await, "The keys of the client could not be fetched.");
    serve(&w, url, &set(&[&new]));
    assert_eq!(outcome(&w, &late).await, expect(PROVEN), "the failure used nothing up");
}

/// Registers `app` with federated identities.
async fn federated(w: &World, identities: Value) {
    let ada = Person::setup(w).await;
    App::register(&ada, json!({"id": "app", "credentials": {"federatedIdentities": identities}})).await;
}

#[tokio::test]
async fn s19_kubernetes_service_account_tokens() {
    let w = World::new().await;
    let issuer = "https://kubernetes.default.svc.cluster.local";
    let key = Key::make(&w, Alg::RS256, "k8s").await;
    federated(&w, json!([{"issuer": issuer, "subject": "system:serviceaccount:apps:photos"}])).await;
    missing(&w, &format!("{issuer}/.well-known/jwks.json"));
    let metadata = json!({"issuer": issuer, "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"});
    serve(&w, &format!("{issuer}/.well-known/openid-configuration"), &metadata);
    serve(&w, "https://10.0.0.1:6443/openid/v1/jwks", &set(&[&key]));
    let claims = json!({
        "iss": issuer, "sub": "system:serviceaccount:apps:photos", "aud": [World::APP_URL, "https://vault.example"],
        "exp": NOW + 31_536_000, "iat": NOW, "nbf": NOW, "kubernetes.io": {"namespace": "apps"},
    });
    let token = key.sign_as(&json!({"alg": "RS256", "kid": "k8s"}), &claims).await;
    assert_eq!(outcome(&w, &token).await, expect(PROVEN));
    assert_eq!(w.fetch.take_requests().len(), 3);
    // The token is a file that is read again and again.
    assert_eq!(outcome(&w, &token).await, expect(PROVEN));
    assert_eq!(w.fetch.take_requests().len(), 0);
    assert_eq!(noted(&w).await, "0");
    let other = changed(claims, json!({"sub": "system:serviceaccount:apps:photos2"}));
    assert_eq!(outcome(&w, &key.sign(&other).await).await, expect(REFUSED));
}

#[tokio::test]
async fn s19_github_actions_tokens() {
    let w = World::new().await;
    let issuer = "https://token.actions.githubusercontent.com";
    let key = Key::make(&w, Alg::RS256, "gh").await;
    let subject = "repo:octo/site:ref:refs/heads/main";
    federated(
        &w,
        json!([
            {"issuer": issuer, "subject": "repo:octo/docs:environment:prod", "audience": "deploy",
                "jwks": format!("{issuer}/.well-known/jwks")},
            {"issuer": issuer, "subject": subject, "audience": "deploy", "replayProtection": true,
                "jwks": format!("{issuer}/.well-known/jwks")},
        ]),
    )
    .await;
    serve(&w, &format!("{issuer}/.well-known/jwks"), &set(&[&key]));
    let claims = json!({
        "iss": issuer, "sub": subject, "aud": "deploy", "exp": NOW + 300, "iat": NOW, "nbf": NOW - 300,
        "jti": "a-b-c", "repository": "octo/site",
    });
    let token = key.sign(&claims).await;
    assert_eq!(outcome(&w, &token).await, expect(PROVEN));
    assert_eq!(outcome(&w, &token).await, expect(REFUSED), "replayProtection");
    for (changes, wanted) in [
        (json!({"jti": "2", "sub": "repo:octo/docs:environment:prod"}), PROVEN),
        (json!({"jti": null, "sub": "repo:octo/docs:environment:prod"}), PROVEN),
        (json!({"jti": null}), REFUSED),
        (json!({"jti": "3", "sub": "repo:octo/site:ref:refs/heads/main2"}), REFUSED),
        (json!({"jti": "3", "sub": "repo:octo/site"}), REFUSED),
        (json!({"jti": "3", "aud": World::APP_URL}), REFUSED),
        (json!({"jti": "3", "aud": "Deploy"}), REFUSED),
        (json!({"jti": "3", "exp": null}), REFUSED),
        (json!({"jti": "3", "exp": NOW - 30}), REFUSED),
        (json!({"jti": "3", "iss": format!("{issuer}/")}), REFUSED),
        (json!({"jti": "3", "iss": "https://token.actions.githubusercontent.com.evil.example"}), REFUSED),
        (json!({"jti": "3"}), PROVEN),
    ] {
        let token = key.sign(&changed(claims.clone(), changes.clone())).await;
        assert_eq!(outcome(&w, &token).await, expect(wanted), "{changes}");
    }
}

#[tokio::test]
async fn s19_spiffe_identities_with_a_configured_token_endpoint_audience() {
    let w = World::new().await;
    let key = Key::make(&w, Alg::ES256, "spire").await;
    let audience = format!("{}/api/oidc/token", World::APP_URL);
    federated(
        &w,
        json!([{
            "issuer": "https://spire.internal:8443", "subject": "spiffe://home.example/photos", "audience": audience,
            "jwks": "http://spire.internal:8080/keys",
        }]),
    )
    .await;
    serve(&w, "http://spire.internal:8080/keys", &set(&[&key]));
    let claims = json!({
        "iss": "https://spire.internal:8443", "sub": "spiffe://home.example/photos", "aud": [audience],
        "exp": NOW + 300, "iat": NOW,
    });
    let typed = |typ: &str| json!({"alg": "ES256", "kid": "spire", "typ": typ});
    assert_eq!(outcome(&w, &key.sign_as(&typed("JOSE"), &claims).await).await, expect(PROVEN));
    let plain = changed(claims, json!({"aud": World::APP_URL}));
    assert_eq!(outcome(&w, &key.sign_as(&typed("JWT"), &plain).await).await, expect(REFUSED));
}

#[tokio::test]
async fn s19_issuers_are_not_confused() {
    let w = World::new().await;
    let (mine, theirs) = (Key::make(&w, Alg::EdDSA, "k").await, Key::make(&w, Alg::EdDSA, "k").await);
    federated(&w, json!([{"issuer": "https://a.example/"}, {"issuer": "https://b.example"}])).await;
    serve(&w, "https://a.example/.well-known/jwks.json", &set(&[&mine]));
    serve(&w, "https://b.example/.well-known/jwks.json", &set(&[&theirs]));
    let of = |issuer: &str| json!({"iss": issuer, "sub": "app", "aud": World::APP_URL, "exp": NOW + 60, "iat": NOW});
    assert_eq!(outcome(&w, &mine.sign(&of("https://a.example/")).await).await, expect(PROVEN));
    assert_eq!(outcome(&w, &theirs.sign(&of("https://b.example")).await).await, expect(PROVEN));
    for (key, issuer) in [
        (&mine, "https://a.example"),
        (&mine, "https://b.example"),
        (&theirs, "https://a.example/"),
        (&theirs, "https://b.example/"),
        (&mine, "app"),
    ] {
        assert_eq!(outcome(&w, &key.sign(&of(issuer)).await).await, expect(REFUSED), "{issuer}");
    }
}

#[tokio::test]
async fn s19_metadata_of_another_issuer_is_not_followed() {
    let w = World::new().await;
    let key = Key::make(&w, Alg::EdDSA, "k").await;
    federated(&w, json!([{"issuer": "https://a.example"}])).await;
    missing(&w, "https://a.example/.well-known/jwks.json");
    serve(&w, "https://a.example/keys", &set(&[&key]));
    let claims = json!({"iss": "https://a.example", "sub": "app", "aud": World::APP_URL, "exp": NOW + 60});
    let token = key.sign(&claims).await;
    for (issuer, wanted) in
        [("https://a.example/", REFUSED), ("https://b.example", REFUSED), ("https://a.example", PROVEN)]
    {
        let url = "https://a.example/.well-known/openid-configuration";
        serve(&w, url, &json!({"issuer": issuer, "jwks_uri": "https://a.example/keys"}));
        assert_eq!(outcome(&w, &token).await, expect(wanted), "{issuer}");
        change(&w, shared::db::Stmt::new("DELETE FROM remote_documents")).await;
        change(&w, shared::db::Stmt::new("DELETE FROM counters")).await;
    }
    w.fetch.answer(&Method::GET, "https://a.example/.well-known/jwks.json", Err(FetchError::TooLarge));
    assert_eq!(description(&w, &token).await, "The keys of the client could not be fetched.");
}

#[tokio::test]
async fn s50_metadata_leads_no_public_issuer_to_a_private_address() {
    let w = World::new().await;
    let key = Key::make(&w, Alg::EdDSA, "k").await;
    let issuer = "https://a.example";
    federated(&w, json!([{ "issuer": issuer }])).await;
    missing(&w, "https://a.example/.well-known/jwks.json");
    let token = key.sign(&json!({"iss": issuer, "sub": "app", "aud": World::APP_URL, "exp": NOW + 60})).await;
    for (url, wanted) in [
        ("https://10.0.0.1/keys", REFUSED),
        ("https://keys.internal/keys", REFUSED),
        ("https://b.example:6443/keys", REFUSED),
        ("http://a.example/keys", REFUSED),
        ("https://b.example/keys", PROVEN),
    ] {
        serve(&w, url, &set(&[&key]));
        let metadata = json!({"issuer": issuer, "jwks_uri": url});
        serve(&w, "https://a.example/.well-known/openid-configuration", &metadata);
        assert_eq!(outcome(&w, &token).await, expect(wanted), "{url}");
        let asked = w.fetch.take_requests().len();
        assert_eq!(asked, if wanted == REFUSED { 2 } else { 3 }, "{url}");
        change(&w, shared::db::Stmt::new("DELETE FROM remote_documents")).await;
        change(&w, shared::db::Stmt::new("DELETE FROM counters")).await;
    }
}
