//! DPoP (RFC 9449): tokens that only the holder of a key can use.

use crate::stage::*;
use http::Method;
use proto::jose::{Alg, Jwk, thumbprint};
use proto::{b64, hash};
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::ports::Signer;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::World;

const TOKEN: &str = "/api/oidc/token";
const USERINFO: &str = "/api/oidc/userinfo";

/// A key of an app.
struct Key {
    alg: Alg,
    signer: Arc<dyn Signer>,
    public: Jwk,
    made: AtomicU64,
}

impl Key {
    async fn new(w: &World, alg: Alg) -> Self {
        let made = w.host.keys.generate(alg).await.unwrap();
        let signer = w.host.keys.import(alg, &made.pkcs8).await.unwrap();
        Self { alg, signer, public: made.public, made: AtomicU64::new(0) }
    }

    fn jkt(&self) -> String {
        thumbprint(&self.public)
    }

    /// A proof for a request, with changed claims; null takes one away.
    async fn proof(&self, w: &World, method: &str, path: &str, changes: Value) -> String {
        let jti = format!("{}-{}", self.jkt(), self.made.fetch_add(1, Ordering::Relaxed));
        let htu = format!("{}{path}", World::APP_URL);
        let mut claims = json!({ "jti": jti, "htm": method, "htu": htu, "iat": w.host.clock.now() });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let header = json!({ "typ": "dpop+jwt", "alg": self.alg, "jwk": self.public });
        let input = format!("{}.{}", b64::encode(header.to_string()), b64::encode(claims.to_string()));
        let signature = self.signer.sign(input.as_bytes()).await.unwrap();
        format!("{input}.{}", b64::encode(signature))
    }

    /// A token request with a proof.
    async fn token(&self, w: &World, app: &App, pairs: &[(&str, &str)], changes: Value) -> Answer {
        let proof = self.proof(w, "POST", TOKEN, changes).await;
        send(w, app, pairs, &[("dpop", &proof)]).await
    }

    async fn redeem(&self, w: &World, app: &App, code: &str) -> Answer {
        self.token(w, app, &redemption(code), json!({})).await
    }

    async fn refresh(&self, w: &World, app: &App, token: &Value) -> Answer {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        self.token(w, app, &pairs, json!({})).await
    }

    /// Asks userinfo with a proof.
    async fn userinfo(&self, w: &World, token: &Value, changes: Value) -> Answer {
        let token = token.as_str().unwrap();
        let mut all = json!({ "ath": hash::sha256_b64(token) });
        for (name, value) in changes.as_object().unwrap() {
            all[name] = value.clone();
        }
        let proof = self.proof(w, "GET", USERINFO, all).await;
        ask(w, &[("authorization", &format!("DPoP {token}")), ("dpop", &proof)]).await
    }
}

fn redemption(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// A token request with headers.
async fn send(w: &World, app: &App, pairs: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
    let mut pairs = pairs.to_vec();
    let mut all = headers.to_vec();
    all.push(("content-type", FORM));
    let secret = app.secret.as_ref().map(|secret| basic(&app.id, secret));
    match &secret {
        Some(value) => all.push(("authorization", value)),
        None => pairs.push(("client_id", &app.id)),
    }
    w.request(request(Method::POST, TOKEN, &all, &encode(&pairs))).await
}

async fn ask(w: &World, headers: &[(&str, &str)]) -> Answer {
    w.request(request(Method::GET, USERINFO, headers, "")).await
}

fn challenges(answer: &Answer) -> Vec<&str> {
    answer.headers().get_all("www-authenticate").iter().map(|v| v.to_str().unwrap()).collect()
}

const ALGS: &str = r#"algs="RS256 RS384 RS512 PS256 ES256 ES384 ES512 EdDSA""#;

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_from_code_to_userinfo() {
    for alg in [Alg::ES256, Alg::RS256, Alg::PS256, Alg::EdDSA] {
        let w = World::new().await;
        let mut ada = Person::setup(&w).await;
        let app = App::register(&ada, json!({})).await;
        let key = Key::new(&w, alg).await;
        let code = ada.code(&app, &[]).await;
        let answer = key.redeem(&w, &app, &code).await;
        assert_eq!(answer.status(), 200, "{alg}: {answer:?}");
        assert_eq!(field(&answer, "dpop-nonce").len(), 32);
        let tokens = json_of(&answer);
        assert_eq!(tokens["token_type"], "DPoP");
        assert_eq!(claims(&tokens["access_token"])["cnf"], json!({ "jkt": key.jkt() }));
        assert_eq!(claims(&tokens["id_token"]).get("cnf"), None);
        let told = key.userinfo(&w, &tokens["access_token"], json!({})).await;
        assert_eq!((told.status().as_u16(), &json_of(&told)["sub"]), (200, &json!(ada.id)), "{alg}");
        // a client with a secret binds each access token anew; its secret guards the refresh token
        let other = Key::new(&w, Alg::ES384).await;
        let again = json_of(&other.refresh(&w, &app, &tokens["refresh_token"]).await);
        assert_eq!(claims(&again["access_token"])["cnf"], json!({ "jkt": other.jkt() }));
        let plain = json_of(&app.refresh(&w, &again["refresh_token"]).await);
        assert_eq!(
            (&plain["token_type"], claims(&plain["access_token"]).get("cnf")),
            (&json!("Bearer"), None)
        );
        assert_eq!(cell(&w, "SELECT dpop_jkt FROM grants").await, "-");
    }
}

#[tokio::test]
async fn s23_a_bound_token_is_of_no_use_without_its_key() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let (key, thief) = (Key::new(&w, Alg::ES256).await, Key::new(&w, Alg::ES256).await);
    let code = ada.code(&app, &[]).await;
    let tokens = json_of(&key.redeem(&w, &app, &code).await);
    let token = &tokens["access_token"];

    let bearer = userinfo(&w, token).await;
    let says = "error=\"invalid_token\", error_description=\"The access token is bound to a DPoP key.\"";
    assert_eq!(bearer.status(), 401);
    assert_eq!(challenges(&bearer), [format!("Bearer {says}"), format!("DPoP {ALGS}")]);
    let body = encode(&[("access_token", token.as_str().unwrap())]);
    let posted = w.request(request(Method::POST, USERINFO, &[("content-type", FORM)], &body)).await;
    assert_eq!(error(&posted), (401, "invalid_token".into()));
    // with the header and the proof of a key, but as a bearer
    let proof =
        key.proof(&w, "GET", USERINFO, json!({ "ath": hash::sha256_b64(token.as_str().unwrap()) })).await;
    let as_bearer = format!("Bearer {}", token.as_str().unwrap());
    assert_eq!(ask(&w, &[("authorization", &as_bearer), ("dpop", &proof)]).await.status(), 401);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM used_jtis").await, "1", "refused before it is used up");

    let none = ask(&w, &[("authorization", &format!("DPoP {}", token.as_str().unwrap()))]).await;
    assert_eq!(error(&none), (401, "invalid_dpop_proof".into()));
    assert_eq!(
        challenges(&none),
        [format!(
            "DPoP error=\"invalid_dpop_proof\", error_description=\"A DPoP proof is required.\", {ALGS}"
        )]
    );
    let other = thief.userinfo(&w, token, json!({})).await;
    assert_eq!(error(&other), (401, "invalid_token".into()));
    for wrong in [
        json!({ "ath": null }),
        json!({ "ath": hash::sha256_b64("another token") }),
        json!({ "htm": "POST" }),
        json!({ "htu": format!("{}{TOKEN}", World::APP_URL) }),
        json!({ "iat": World::START.0 - 61 }),
    ] {
        let answer = key.userinfo(&w, token, wrong.clone()).await;
        assert_eq!(error(&answer), (401, "invalid_dpop_proof".into()), "{wrong}");
        assert!(challenges(&answer)[0].starts_with("DPoP error=\"invalid_dpop_proof\""), "{wrong}");
    }
    // and a token that is not bound is no DPoP token
    let plain = ada.tokens(&app, &[]).await;
    let answer = key.userinfo(&w, &plain["access_token"], json!({})).await;
    assert_eq!(error(&answer), (401, "invalid_token".into()));
    let nobody = ask(&w, &[]).await;
    assert_eq!(challenges(&nobody), ["Bearer".to_owned(), format!("DPoP {ALGS}")]);
    assert_eq!(key.userinfo(&w, token, json!({})).await.status(), 200);
}

#[tokio::test]
async fn s23_a_proof_counts_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let key = Key::new(&w, Alg::ES256).await;
    let (first, second) = (ada.code(&app, &[]).await, ada.code(&app, &[]).await);
    let proof = key.proof(&w, "POST", TOKEN, json!({})).await;
    let tokens = json_of(&send(&w, &app, &redemption(&first), &[("dpop", &proof)]).await);
    let again = send(&w, &app, &redemption(&second), &[("dpop", &proof)]).await;
    assert_eq!(error(&again), (400, "invalid_dpop_proof".into()));
    // which left the code whole, and took nothing back
    assert_eq!(key.redeem(&w, &app, &second).await.status(), 200);
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL").await, "0");

    let token = tokens["access_token"].as_str().unwrap();
    let proof = key.proof(&w, "GET", USERINFO, json!({ "ath": hash::sha256_b64(token) })).await;
    let authorization = format!("DPoP {token}");
    let headers = [("authorization", authorization.as_str()), ("dpop", &proof)];
    let answers = futures_util::future::join_all((0..20).map(|_| ask(&w, &headers))).await;
    assert_eq!(answers.iter().filter(|a| a.status() == 200).count(), 1);
    let refused = answers.iter().find(|a| a.status() != 200).unwrap();
    assert_eq!(error(refused), (401, "invalid_dpop_proof".into()));
    // another key may use the same jti
    let other = Key::new(&w, Alg::ES256).await;
    let code = ada.code(&app, &[]).await;
    let jti = json!({ "jti": format!("{}-0", key.jkt()) });
    assert_eq!(other.token(&w, &app, &redemption(&code), jti).await.status(), 200);
    // for as long as a proof could come again it is remembered, and then swept
    let kept = cell(&w, "SELECT COUNT(*) FROM used_jtis").await;
    w.clock.advance(60);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM used_jtis").await, kept);
    w.clock.advance(1);
    shared::jobs::tick(&w.host).await.unwrap();
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM used_jtis").await, "0");
}

#[tokio::test]
async fn s23_the_address_is_that_of_the_configuration_behind_any_proxy() {
    let w = World::with(&[("INTERNAL_APP_URL", "http://latchkey.internal:1411")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let key = Key::new(&w, Alg::ES256).await;
    let table = [
        ("https://id.example.com/api/oidc/token", 200),
        ("https://id.example.com/api/oidc/token?trace=1", 200),
        ("http://latchkey.internal:1411/api/oidc/token", 200),
        // what a proxy connects to, a path that it strips, a host that the request names
        ("http://127.0.0.1:1411/api/oidc/token", 400),
        ("https://id.example.com/auth/api/oidc/token", 400),
        ("http://id.example.com/api/oidc/token", 400),
        ("https://evil.example/api/oidc/token", 400),
        ("https://latchkey.internal:1411/api/oidc/token", 400),
    ];
    for (htu, status) in table {
        let code = ada.code(&app, &[]).await;
        let proof = key.proof(&w, "POST", TOKEN, json!({ "htu": htu })).await;
        let headers = [
            ("dpop", proof.as_str()),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "host=evil.example"),
            ("x-forwarded-prefix", "/auth"),
        ];
        let answer = send(&w, &app, &redemption(&code), &headers).await;
        assert_eq!(answer.status(), status, "{htu}");
        if status == 400 {
            assert_eq!(error(&answer).1, "invalid_dpop_proof", "{htu}");
            assert_eq!(key.redeem(&w, &app, &code).await.status(), 200, "the code is whole: {htu}");
        }
    }
}

#[tokio::test]
async fn s23_a_code_can_be_bound_to_a_key_from_the_start() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let (key, thief) = (Key::new(&w, Alg::ES256).await, Key::new(&w, Alg::ES256).await);
    for public in [true, false] {
        let app = App::register(&ada, json!({ "isPublic": public, "skipConsent": true })).await;
        let jkt = key.jkt();
        let code = ada.code(&app, &[("dpop_jkt", &jkt)]).await;
        assert_eq!(error(&thief.redeem(&w, &app, &code).await), (400, "invalid_grant".into()));
        assert_eq!(error(&app.exchange(&w, &code).await), (400, "invalid_grant".into()));
        assert_eq!(key.redeem(&w, &app, &code).await.status(), 200);
        // a second use by a thief takes nothing back; by the key it does
        assert_eq!(error(&thief.redeem(&w, &app, &code).await), (400, "invalid_grant".into()));
        let revoked = "SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL";
        let before = cell(&w, revoked).await;
        assert_eq!(error(&key.redeem(&w, &app, &code).await), (400, "invalid_grant".into()));
        assert_ne!(cell(&w, revoked).await, before);
        let answer = ada.browser.get(&app.ask(&[("dpop_jkt", "short")])).await;
        assert_eq!(response_params(&answer, CALLBACK)["error"], "invalid_request");
    }
    // it survives the pages in between
    let mut bob = Person::join(&w, "bob", 2).await;
    let app = App::register(&ada, json!({})).await;
    let code = bob.code(&app, &[("dpop_jkt", &key.jkt())]).await;
    assert_eq!(error(&thief.redeem(&w, &app, &code).await), (400, "invalid_grant".into()));
}

#[tokio::test]
async fn s23_refresh_tokens_of_public_clients_are_bound_to_the_key() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "isPublic": true, "skipConsent": true })).await;
    let (key, thief) = (Key::new(&w, Alg::ES256).await, Key::new(&w, Alg::ES256).await);
    let code = ada.code(&app, &[]).await;
    let mut tokens = json_of(&key.redeem(&w, &app, &code).await);
    assert_eq!(cell(&w, "SELECT dpop_jkt FROM grants").await, key.jkt());
    for _ in 0..2 {
        let token = &tokens["refresh_token"];
        assert_eq!(error(&app.refresh(&w, token).await), (400, "invalid_grant".into()));
        assert_eq!(error(&thief.refresh(&w, &app, token).await), (400, "invalid_grant".into()));
        let next = json_of(&key.refresh(&w, &app, token).await);
        assert_eq!(next["token_type"], "DPoP");
        // a lost answer: the same successor again, for the holder of the key
        let repeated = json_of(&key.refresh(&w, &app, token).await);
        assert_eq!(repeated["refresh_token"], next["refresh_token"]);
        assert_eq!(error(&thief.refresh(&w, &app, token).await), (400, "invalid_grant".into()));
        w.clock.advance(31);
        // and a thief without the key cannot end the family
        assert_eq!(error(&thief.refresh(&w, &app, token).await), (400, "invalid_grant".into()));
        tokens = next;
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM grants WHERE revoked_at IS NOT NULL").await, "0");

    // one that began without a key is bound by the first that is shown
    let plain = ada.tokens(&app, &[]).await;
    let bound = json_of(&key.refresh(&w, &app, &plain["refresh_token"]).await);
    assert_eq!(bound["token_type"], "DPoP");
    assert_eq!(error(&app.refresh(&w, &bound["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(error(&thief.refresh(&w, &app, &bound["refresh_token"]).await), (400, "invalid_grant".into()));
    assert_eq!(key.refresh(&w, &app, &bound["refresh_token"]).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_is_registered_for_dpop_must_use_it_with_our_nonce() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app =
        App::register(&ada, json!({ "skipConsent": true, "metadata": { "dpop_bound_access_tokens": true } }))
            .await;
    let key = Key::new(&w, Alg::ES256).await;
    let code = ada.code(&app, &[]).await;
    assert_eq!(error(&app.exchange(&w, &code).await), (400, "invalid_dpop_proof".into()));
    let challenge = key.redeem(&w, &app, &code).await;
    assert_eq!(error(&challenge), (400, "use_dpop_nonce".into()));
    let nonce = field(&challenge, "dpop-nonce").to_owned();
    let with = |nonce: &str| json!({ "nonce": nonce });
    w.clock.advance(30);
    for stale in ["", "made-up", nonce.trim_start_matches('A')] {
        let answer = key.token(&w, &app, &redemption(&code), with(stale)).await;
        assert_eq!(error(&answer), (400, "use_dpop_nonce".into()), "{stale}");
    }
    // a nonce serves many requests, and clients whose clocks are wrong
    let wrong_clock = json!({ "nonce": nonce, "iat": 1_000_000 });
    let tokens = json_of(&key.token(&w, &app, &redemption(&code), wrong_clock).await);
    assert_eq!(tokens["token_type"], "DPoP");
    let pairs =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_eq!(key.token(&w, &app, &pairs, with(&nonce)).await.status(), 200);
    assert_eq!(error(&app.token(&w, &pairs).await), (400, "invalid_dpop_proof".into()));
    assert_eq!(key.userinfo(&w, &tokens["access_token"], json!({})).await.status(), 200);
    w.clock.advance(270);
    let answer = key.token(&w, &app, &pairs, with(&nonce)).await;
    assert_eq!(error(&answer), (400, "use_dpop_nonce".into()), "five minutes");
    // another node of the same installation knows the nonce too
    let fresh = field(&answer, "dpop-nonce").to_owned();
    let node = w.another_node(|_| {});
    let answer = key.token(&node, &app, &pairs, with(&fresh)).await;
    assert_eq!(error(&answer), (400, "invalid_grant".into()), "the refresh token was used before");
}

#[tokio::test]
async fn nonces_can_be_demanded_of_everybody() {
    let w = World::with(&[("DPOP_NONCE_REQUIRED", "true")]).await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let key = Key::new(&w, Alg::ES256).await;
    let code = ada.code(&app, &[]).await;
    let challenge = key.redeem(&w, &app, &code).await;
    assert_eq!(error(&challenge), (400, "use_dpop_nonce".into()));
    let nonce = json!({ "nonce": field(&challenge, "dpop-nonce") });
    let tokens = json_of(&key.token(&w, &app, &redemption(&code), nonce).await);
    let challenge = key.userinfo(&w, &tokens["access_token"], json!({})).await;
    assert_eq!(error(&challenge), (401, "use_dpop_nonce".into()));
    assert!(challenges(&challenge)[0].starts_with("DPoP error=\"use_dpop_nonce\""));
    let nonce = json!({ "nonce": field(&challenge, "dpop-nonce") });
    assert_eq!(key.userinfo(&w, &tokens["access_token"], nonce).await.status(), 200);
    // who does not use DPoP is not troubled
    let plain = ada.tokens(&app, &[]).await;
    let answer = userinfo(&w, &plain["access_token"]).await;
    assert_eq!((answer.status().as_u16(), field(&answer, "dpop-nonce")), (200, ""));
}

#[tokio::test]
async fn s23_proofs_that_cannot_be_read() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let key = Key::new(&w, Alg::ES256).await;
    let code = ada.code(&app, &[]).await;
    let pairs = redemption(&code);
    let good = key.proof(&w, "POST", TOKEN, json!({})).await;
    let (one, two) = (("dpop", good.as_str()), ("dpop", "x"));
    let long = format!("{good}{}", "A".repeat(20_000));
    for headers in [
        vec![one, one],
        vec![one, two],
        vec![("dpop", "")],
        vec![("dpop", "not a proof")],
        vec![("dpop", "ä")],
        vec![("dpop", long.as_str())],
    ] {
        let answer = send(&w, &app, &pairs, &headers).await;
        assert_eq!(error(&answer), (400, "invalid_dpop_proof".into()), "{headers:?}");
    }
    // an access token of ours is no proof, whatever signs it
    let tokens = ada.tokens(&app, &[]).await;
    let answer = send(&w, &app, &pairs, &[("dpop", tokens["access_token"].as_str().unwrap())]).await;
    assert_eq!(error(&answer), (400, "invalid_dpop_proof".into()));
    // the client comes first: nothing is written for one that is not proven
    let stranger = App { id: app.id.clone(), secret: Some("wrong".into()) };
    assert_eq!(error(&send(&w, &stranger, &pairs, &[one]).await), (401, "invalid_client".into()));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM used_jtis").await, "0");
    assert_eq!(send(&w, &app, &pairs, &[one]).await.status(), 200);
}

#[tokio::test]
async fn scripts_of_registered_origins_may_send_and_read_it() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    App::register(&ada, json!({ "isPublic": true })).await;
    for path in [TOKEN, USERINFO] {
        let origin = ("origin", "https://app.example");
        let headers =
            [origin, ("access-control-request-method", "POST"), ("access-control-request-headers", "dpop")];
        let answer = w.request(request(Method::OPTIONS, path, &headers, "")).await;
        assert_eq!(field(&answer, "access-control-allow-headers"), "Authorization, Content-Type, DPoP");
        let answer = w.request(request(Method::POST, path, &[origin, ("content-type", FORM)], "")).await;
        assert_eq!(field(&answer, "access-control-allow-origin"), "*");
        assert_eq!(field(&answer, "access-control-expose-headers"), "DPoP-Nonce, WWW-Authenticate");
    }
}

#[tokio::test]
async fn what_a_proof_costs() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "isPublic": true })).await;
    let key = Key::new(&w, Alg::ES256).await;
    let code = ada.code(&app, &[]).await;
    let before = w.db.batches();
    let tokens = json_of(&key.redeem(&w, &app, &code).await);
    // the keyring was cold
    assert_eq!(w.db.batches() - before, 3 + 3, "load, jti, save");
    let before = w.db.batches();
    assert_eq!(key.userinfo(&w, &tokens["access_token"], json!({})).await.status(), 200);
    assert_eq!(w.db.batches() - before, 2, "load, jti");
    let stored = rows(&w, Stmt::new("SELECT issuer, expires_at FROM used_jtis ORDER BY jti")).await;
    let want = [format!("dpop:{}", key.jkt()), (World::START.0 + 61).to_string()];
    assert_eq!(stored, [want.clone(), want]);
}

/// Pushes a request with a proof.
async fn push(w: &World, app: &App, more: &[(&str, &str)], proof: &str) -> Answer {
    let params = app.params(more);
    let pairs: Vec<(&str, &str)> = params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let secret = basic(&app.id, app.secret.as_ref().unwrap());
    let headers = [("dpop", proof), ("content-type", FORM), ("authorization", &secret)];
    w.request(request(Method::POST, "/api/oidc/par", &headers, &encode(&pairs))).await
}

#[tokio::test]
async fn s23_a_proof_that_is_pushed_along_binds_the_code() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let app = App::register(&ada, json!({ "skipConsent": true })).await;
    let (key, other) = (Key::new(&w, Alg::ES256).await, Key::new(&w, Alg::ES256).await);
    let proof = key.proof(&w, "POST", "/api/oidc/par", json!({})).await;
    let answer = push(&w, &app, &[], &proof).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let urn = json_of(&answer)["request_uri"].as_str().unwrap().to_owned();
    let path = format!("/authorize?{}", encode(&[("client_id", &app.id), ("request_uri", &urn)]));
    let (granted, _) = ada.visit(&path).await;
    let code = response_params(&granted, CALLBACK).remove("code").unwrap();
    assert_eq!(error(&other.redeem(&w, &app, &code).await), (400, "invalid_grant".into()));
    assert_eq!(key.redeem(&w, &app, &code).await.status(), 200);

    // the same proof again, and a proof of another key than dpop_jkt
    let again = push(&w, &app, &[], &proof).await;
    assert_eq!(error(&again), (400, "invalid_dpop_proof".into()));
    let proof = key.proof(&w, "POST", "/api/oidc/par", json!({})).await;
    let mismatch = push(&w, &app, &[("dpop_jkt", &other.jkt())], &proof).await;
    assert_eq!(error(&mismatch), (400, "invalid_dpop_proof".into()));
}
