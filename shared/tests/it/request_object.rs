//! Signed request objects (RFC 9101).

use crate::stage::*;
use futures_util::FutureExt as _;
use http::Method;
use proto::b64;
use proto::jose::{Alg, Jwk};
use serde_json::{Value, json};
use shared::db::Stmt;
use shared::ports::Signer;
use std::sync::Arc;
use testkit::World;

/// A key pair.
struct Key {
    public: Jwk,
    signer: Arc<dyn Signer>,
}

impl Key {
    async fn new(w: &World) -> Self {
        let new = w.host.keys.generate(Alg::EdDSA).await.unwrap();
        Self { public: new.public, signer: w.host.keys.import(Alg::EdDSA, &new.pkcs8).await.unwrap() }
    }

    fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(&self.public).unwrap();
        jwk["kid"] = json!("k1");
        jwk
    }

    /// Joins header and claims and signs them.
    fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", b64::encode(header), b64::encode(payload));
        let signature = self.signer.sign(input.as_bytes()).now_or_never().unwrap().unwrap();
        format!("{input}.{}", b64::encode(signature))
    }
}

/// A client that signs.
struct Signed {
    app: App,
    key: Key,
}

const HEADER: &str = r#"{"alg":"EdDSA","typ":"oauth-authz-req+jwt","kid":"k1"}"#;

impl Signed {
    async fn register(ada: &Person<'_>, metadata: Value) -> Self {
        let key = Key::new(ada.w).await;
        let mut all = json!({ "jwks": { "keys": [key.jwk()] } });
        for (name, value) in metadata.as_object().unwrap() {
            all[name] = value.clone();
        }
        let app = App::register(ada, json!({ "skipConsent": true, "metadata": all })).await;
        Self { app, key }
    }

    /// The claims of a good object with changes: `null` takes a member away.
    fn claims(&self, w: &World, changes: &Value) -> Value {
        let now = w.host.clock.now().0;
        let mut all = json!({
            "iss": self.app.id, "aud": World::APP_URL, "iat": now, "nbf": now, "exp": now + 60,
        });
        for (name, value) in self.app.params(&[]) {
            all[name] = json!(value);
        }
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
                _ => all[name] = value.clone(),
            }
        }
        all
    }

    fn object(&self, w: &World, changes: Value) -> String {
        self.key.sign(HEADER, &self.claims(w, &changes).to_string())
    }

    /// The address of a request with an object and nothing else but what is given.
    fn ask(&self, object: &str, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![("client_id", self.app.id.as_str()), ("request", object)];
        pairs.extend(more);
        format!("/authorize?{}", encode(&pairs))
    }
}

async fn grants(w: &World) -> String {
    cell(w, "SELECT COUNT(*) FROM grants").await
}

#[tokio::test]
async fn s07_the_parameters_of_the_object_count_and_no_others() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({})).await;
    let object = c.object(&w, json!({ "scope": "openid", "state": "inside", "max_age": 600 }));
    let beside = [
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "outside"),
        ("redirect_uri", "https://evil.example/cb"),
        ("response_mode", "fragment"),
        ("nonce", "outside"),
        ("prompt", "none login"),
    ];
    for more in [&beside[..], &[]] {
        let (answer, _) = ada.visit(&c.ask(&object, more)).await;
        assert!(location(&answer).starts_with(&format!("{CALLBACK}?code=")), "{answer:?}");
        let params = response_params(&answer, CALLBACK);
        assert_eq!(params["state"], "inside");
        let tokens = json_of(&c.app.exchange(&w, &params["code"]).await);
        assert_eq!(
            (&tokens["scope"], &claims(&tokens["id_token"])["nonce"]),
            (&json!("openid"), &json!("n0nce"))
        );
    }
    // what is repeated must not say more, or something else
    for more in [("scope", "openid groups"), ("response_type", "token")] {
        let all = [more, ("redirect_uri", CALLBACK), ("state", "outside")];
        let params = response_params(&ada.browser.get(&c.ask(&object, &all)).await, CALLBACK);
        assert_eq!(
            (params["error"].as_str(), params["state"].as_str()),
            ("invalid_request_object", "outside")
        );
    }
    // the object's own parameters are checked as any are
    let bad = c.object(&w, json!({ "prompt": "later" }));
    assert_eq!(
        response_params(&ada.browser.get(&c.ask(&bad, &[])).await, CALLBACK)["error"],
        "invalid_request"
    );
    for bad in [json!({ "redirect_uri": "https://evil.example/cb" }), json!({ "redirect_uri": null })] {
        let answer = ada.browser.get(&c.ask(&c.object(&w, bad), &[("redirect_uri", CALLBACK)])).await;
        assert_eq!((page(&answer), field(&answer, "location")), ((400, "error".into()), ""));
    }
}

/// Header or claims that do not count, each as a token.
fn bad_objects(w: &World, c: &Signed, other: &Key) -> Vec<(&'static str, String)> {
    let good = c.claims(w, &json!({})).to_string();
    let of = |header: &str| c.key.sign(header, &good);
    let unsigned = |header: &str| format!("{}.{}.", b64::encode(header), b64::encode(&good));
    let hs256 = |secret: &[u8]| {
        let input = format!("{}.{}", b64::encode(r#"{"alg":"HS256","kid":"k1"}"#), b64::encode(&good));
        format!("{input}.{}", b64::encode(proto::hash::hmac_sha256(secret, input.as_bytes())))
    };
    let payload = |text: &str| c.key.sign(HEADER, text);
    let with = |changes: Value| c.object(w, changes);
    let twice = |first: &str, second: &str| payload(&good.replacen('{', &format!("{{{first},{second},"), 1));
    let now = w.host.clock.now().0;
    let public = c.key.jwk()["x"].as_str().unwrap().to_owned();
    let part = |bytes: &str| b64::encode(bytes);
    vec![
        ("none", unsigned(r#"{"alg":"none"}"#)),
        ("none with the key's name", unsigned(r#"{"alg":"none","kid":"k1"}"#)),
        ("no alg", unsigned("{}")),
        ("none, two parts", unsigned(r#"{"alg":"none"}"#).trim_end_matches('.').to_owned()),
        ("raw JSON", good.clone()),
        ("HS256 with the public key", hs256(public.as_bytes())),
        ("HS256 with the key's bytes", hs256(&b64::decode(&public).unwrap())),
        ("HS256 with the JWK", hs256(c.key.jwk().to_string().as_bytes())),
        ("alg of another kind", of(r#"{"alg":"ES256","kid":"k1"}"#)),
        ("alg RS256", of(r#"{"alg":"RS256","kid":"k1"}"#)),
        ("another key", other.sign(HEADER, &good)),
        ("a key of its own", {
            let own = json!({"alg": "EdDSA", "jwk": other.jwk(), "kid": "k1"}).to_string();
            other.sign(&own, &good)
        }),
        ("crit", of(r#"{"alg":"EdDSA","kid":"k1","crit":["x"],"x":1}"#)),
        ("another purpose", of(r#"{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}"#)),
        ("a client assertion", of(r#"{"alg":"EdDSA","kid":"k1","typ":"client-authentication+jwt"}"#)),
        ("JWE", format!("{}.AAAA.AAAA.{}.AAAA", part(r#"{"alg":"dir","enc":"A256GCM"}"#), part(&good))),
        (
            "JWE, no key",
            format!("{}..AAAA.{}.AAAA", part(r#"{"alg":"dir","enc":"A256GCM","cty":"json"}"#), part(&good)),
        ),
        ("JWE of raw JSON", format!("{}....", part(&good))),
        ("not an object", payload("[]")),
        ("a name twice", twice(r#""scope":"openid groups""#, r#""x":1"#)),
        ("a name twice, escaped", twice(r#""sc\u006fpe":"openid groups""#, r#""x":1"#)),
        ("a name twice, deep", payload(&good.replacen('{', r#"{"claims":{"a":1,"a":2},"#, 1))),
        ("iss", with(json!({ "iss": "other" }))),
        ("no iss", with(json!({ "iss": null }))),
        ("aud", with(json!({ "aud": "https://other.example" }))),
        ("no aud", with(json!({ "aud": null }))),
        ("no exp", with(json!({ "exp": null }))),
        ("exp", with(json!({ "exp": now }))),
        ("exp in a day", with(json!({ "exp": now + 86_400 }))),
        ("nbf", with(json!({ "nbf": now + 60 }))),
        ("iat of yesterday", with(json!({ "iat": now - 86_400 }))),
        ("client_id", with(json!({ "client_id": "other" }))),
        ("no client_id", with(json!({ "client_id": null }))),
        ("sub", with(json!({ "sub": c.app.id }))),
        ("request inside", with(json!({ "request": "x" }))),
        ("request_uri inside", with(json!({ "request_uri": "urn:ietf:params:oauth:request_uri:x" }))),
    ]
}

#[tokio::test]
async fn s07_s24_what_does_not_count_at_authorize() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({})).await;
    for (name, object) in bad_objects(&w, &c, &Key::new(&w).await) {
        // reported where the parameters beside it prove a callback, a page where they do not
        let more = [("redirect_uri", CALLBACK), ("state", "s")];
        let params = response_params(&ada.browser.get(&c.ask(&object, &more)).await, CALLBACK);
        assert_eq!(
            (params["error"].as_str(), params["state"].as_str()),
            ("invalid_request_object", "s"),
            "{name}"
        );
        for more in [&[][..], &[("redirect_uri", "https://evil.example/cb")]] {
            let answer = ada.browser.get(&c.ask(&object, more)).await;
            assert_eq!((page(&answer), field(&answer, "location")), ((400, "error".into()), ""), "{name}");
        }
    }
    assert_eq!(grants(&w).await, "0");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM used_jtis").await, "0");
    // a client without keys has no objects
    let plain = App::register(&ada, json!({ "skipConsent": true })).await;
    let params = response_params(
        &ada.browser.get(&plain.ask(&[("request", &c.object(&w, json!({})))])).await,
        CALLBACK,
    );
    assert_eq!(params["error"], "invalid_request_object");
}

async fn push(w: &World, app: &App, pairs: &[(&str, &str)]) -> Answer {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    app.push(w, &pairs).await
}

#[tokio::test]
async fn s07_s24_what_does_not_count_when_it_is_pushed() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({})).await;
    for (name, object) in bad_objects(&w, &c, &Key::new(&w).await) {
        let answer = push(&w, &c.app, &[("request", &object)]).await;
        assert_eq!(error(&answer), (400, "invalid_request_object".into()), "{name}");
    }
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM pushed_requests").await, "0");
    let other = Signed::register(&ada, json!({})).await;
    let object = c.object(&w, json!({ "state": "inside" }));
    assert_eq!(error(&push(&w, &other.app, &[("request", &object)]).await).1, "invalid_request_object");
    let answer =
        push(&w, &c.app, &[("client_id", &c.app.id), ("request", &object), ("state", "outside")]).await;
    let urn = json_of(&answer)["request_uri"].as_str().unwrap().to_owned();
    let path = format!("/authorize?{}", encode(&[("client_id", &c.app.id), ("request_uri", &urn)]));
    let (answer, _) = ada.visit(&path).await;
    let params = response_params(&answer, CALLBACK);
    assert_eq!(params["state"], "inside");
    assert_eq!(c.app.exchange(&w, &params["code"]).await.status(), 200);
}

#[tokio::test]
async fn s07_the_registered_algorithm_is_the_only_one() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    for (alg, is_good) in [("EdDSA", true), ("ES256", false), ("RS256", false)] {
        let c = Signed::register(&ada, json!({ "request_object_signing_alg": alg })).await;
        let path = c.ask(&c.object(&w, json!({})), &[("redirect_uri", CALLBACK)]);
        let (answer, _) = ada.visit(&path).await;
        let params = response_params(&answer, CALLBACK);
        assert_eq!(params.contains_key("code"), is_good, "{alg}: {params:?}");
    }
    for alg in ["none", "HS256"] {
        let none = json!({ "name": "A", "metadata": { "request_object_signing_alg": alg } });
        let answer = ada.browser.send_json(Method::POST, "/api/oidc/clients", &none).await;
        assert_eq!(error(&answer), (400, "validation_failed".into()), "{alg}");
    }
}

#[tokio::test]
async fn a_client_of_signed_requests_takes_no_others() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({ "require_signed_request_object": true })).await;
    let params = response_params(&ada.browser.get(&c.app.ask(&[])).await, CALLBACK);
    assert_eq!((params["error"].as_str(), params["state"].as_str()), ("invalid_request", "st4te"));
    let plain = c.app.params(&[]);
    let pairs: Vec<(&str, &str)> = plain.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(error(&push(&w, &c.app, &pairs).await), (400, "invalid_request".into()));
    let object = c.object(&w, json!({}));
    let urn =
        json_of(&push(&w, &c.app, &[("request", &object)]).await)["request_uri"].as_str().unwrap().to_owned();
    let pushed = format!("/authorize?{}", encode(&[("client_id", &c.app.id), ("request_uri", &urn)]));
    for path in [c.ask(&object, &[]), pushed] {
        let (answer, _) = ada.visit(&path).await;
        assert!(response_params(&answer, CALLBACK).contains_key("code"), "{path}");
    }
}

#[tokio::test]
async fn s61_an_object_with_a_jti_counts_once() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({})).await;
    let other = Signed::register(&ada, json!({})).await;
    let callback = [("redirect_uri", CALLBACK)];
    let object = c.object(&w, json!({ "jti": "j1" }));
    let path = c.ask(&object, &callback);
    let answers = futures_util::future::join_all((0..50).map(|_| ada.browser.get(&path))).await;
    let params: Vec<_> = answers.iter().map(|a| response_params(a, CALLBACK)).collect();
    assert_eq!(params.iter().filter(|p| p.contains_key("code")).count(), 1);
    let refused = params.iter().filter(|p| p.get("error").is_some_and(|e| e == "invalid_request_object"));
    assert_eq!((refused.count(), grants(&w).await), (49, "1".into()));
    // pushed, or by somebody who has to sign in first, it is the same one
    assert_eq!(error(&push(&w, &c.app, &[("request", &object)]).await).1, "invalid_request_object");
    let nobody = w.browser();
    let params = response_params(&nobody.get(&path).await, CALLBACK);
    assert_eq!(params["error"], "invalid_request_object");
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM interactions").await, "0");
    // another client's is another; without a jti nothing is noted
    let theirs = other.object(&w, json!({ "jti": "j1" }));
    assert!(push(&w, &other.app, &[("request", &theirs)]).await.status() == 201);
    let free = c.ask(&c.object(&w, json!({})), &[]);
    for _ in 0..2 {
        let (answer, _) = ada.visit(&free).await;
        assert!(response_params(&answer, CALLBACK).contains_key("code"));
    }
    let noted = rows(&w, Stmt::new("SELECT issuer, expires_at FROM used_jtis ORDER BY issuer")).await;
    let until = (w.host.clock.now().0 + 60).to_string();
    let mut want = [&c.app.id, &other.app.id].map(|id| vec![format!("request_object:{id}"), until.clone()]);
    want.sort();
    assert_eq!(noted, want);
    // one that only led to an error can be sent again
    let silent = c.ask(&c.object(&w, json!({ "jti": "j2", "prompt": "none" })), &[]);
    for _ in 0..2 {
        assert_eq!(response_params(&nobody.get(&silent).await, CALLBACK)["error"], "login_required");
    }
    let (answer, _) = ada.visit(&silent).await;
    assert!(response_params(&answer, CALLBACK).contains_key("code"));
}

#[tokio::test]
async fn s05_a_second_request_parameter_is_a_page() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let c = Signed::register(&ada, json!({})).await;
    let object = c.object(&w, json!({}));
    for twice in ["request", "client_id"] {
        for path in [
            format!("{}&{twice}=x", c.ask(&object, &[])),
            format!("/authorize?{twice}=x&{}", c.ask(&object, &[]).split_once('?').unwrap().1),
        ] {
            let answer = ada.browser.get(&path).await;
            assert_eq!((page(&answer), field(&answer, "location")), ((400, "error".into()), ""), "{twice}");
        }
    }
    assert_eq!(grants(&w).await, "0");
}
