//! The cast of every test: people with passkeys and browsers, apps, and how they get from one page to the next.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use proto::jose::jws::Unverified;
use proto::jose::{Alg, Jwk, TokenType, VerifyingKey, jwt};
use proto::webauthn::{
    CoseAlgorithm, Expected, PublicKeyCredentialCreationOptionsJSON, RegistrationResponse, RelyingParty,
    User as WebAuthnUser, UserVerification, verify_registration,
};
use serde_json::{Value, json};
use shared::db::{Stmt, Value as Cell};
use shared::store::passkey::Passkey;
use shared::store::user::User;
use std::collections::BTreeMap;
use testkit::authenticator::SoftAuthenticator;
use testkit::{Browser, World};

/// What a browser or an app gets.
pub(crate) type Answer = Response<Bytes>;

/// Callback of the apps.
pub(crate) const CALLBACK: &str = "https://app.example/cb";
/// `code_verifier` of RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// `code_challenge` of the same.
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Media type of forms.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

// ---- reading answers

/// The body as text.
pub(crate) fn text(answer: &Answer) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

/// The body as JSON.
pub(crate) fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap_or_else(|e| panic!("{e}: {answer:?}"))
}

/// A header field; empty if it is absent.
pub(crate) fn field<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |v| v.to_str().unwrap())
}

/// Where a 303 leads.
pub(crate) fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{answer:?}");
    field(answer, "location")
}

/// `data-step` of a page; empty if the answer is no page.
pub(crate) fn step(answer: &Answer) -> String {
    let html = text(answer);
    html.split_once("<main ").map(|(_, rest)| attribute(rest, "data-step")).unwrap_or_default()
}

/// Status and `data-step`.
pub(crate) fn page(answer: &Answer) -> (u16, String) {
    (answer.status().as_u16(), step(answer))
}

/// Status and `error`, or `code` where the error is one of our API.
pub(crate) fn error(answer: &Answer) -> (u16, String) {
    let body = json_of(answer);
    let code = body.get("code").unwrap_or(&body["error"]).as_str().unwrap().to_owned();
    (answer.status().as_u16(), code)
}

fn attribute(tag: &str, name: &str) -> String {
    let rest = tag.split_once(&format!("{name}=\"")).map_or("", |(_, rest)| rest);
    unescape(rest.split('"').next().unwrap())
}

fn unescape(text: &str) -> String {
    let pairs = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The first form of a page.
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) options: Value,
}

impl Form {
    pub(crate) fn of(answer: &Answer) -> Self {
        let html = text(answer);
        let (_, form) = html.split_once("<form").unwrap_or_else(|| panic!("no form: {answer:?}"));
        let form = form.split_once("</form>").unwrap().0;
        let options = attribute(form, "data-options");
        Self {
            action: attribute(form, "action"),
            fields: form
                .split("<input type=\"hidden\"")
                .skip(1)
                .map(|input| input.split_once('>').unwrap().0)
                .map(|input| (attribute(input, "name"), attribute(input, " value")))
                .collect(),
            options: if options.is_empty() { Value::Null } else { serde_json::from_str(&options).unwrap() },
        }
    }

    /// Sets a field, or adds it.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        &self.fields.iter().find(|(n, _)| n == name).unwrap().1
    }

    /// Sends the form from our own page.
    pub(crate) async fn send(&self, browser: &Browser<'_>) -> Answer {
        let pairs: Vec<(&str, &str)> = self.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        browser.post_form(&self.action, &pairs).await
    }
}

/// Parameters of an authorization response in any response mode, those of a signed one opened. Panics if it goes
/// anywhere but `callback`.
pub(crate) fn response_params(answer: &Answer, callback: &str) -> BTreeMap<String, String> {
    let params = delivered_params(answer, callback);
    let Some(signed) = params.get("response") else { return params };
    assert_eq!(params.len(), 1, "everything is inside: {params:?}");
    let claims = jwt_part(signed, 1);
    assert!(claims["exp"].is_i64() && claims["aud"].is_string(), "{claims}");
    let texts =
        claims.as_object().unwrap().iter().filter(|(name, _)| !["exp", "aud"].contains(&name.as_str()));
    texts.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The parameters as they travel.
pub(crate) fn delivered_params(answer: &Answer, callback: &str) -> BTreeMap<String, String> {
    if answer.status() == StatusCode::OK {
        assert_eq!(step(answer), "form_post");
        let form = Form::of(answer);
        assert_eq!(form.action, callback);
        return form.fields.into_iter().collect();
    }
    let target = location(answer);
    let rest = target.strip_prefix(callback).unwrap_or_else(|| panic!("went to {target}"));
    let encoded = rest.strip_prefix(['?', '#', '&']).unwrap();
    url::form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
}

/// A part of a compact JWS: 0 is the header, 1 the claims.
pub(crate) fn jwt_part(token: &str, part: usize) -> Value {
    serde_json::from_slice(&proto::b64::decode(token.split('.').nth(part).unwrap()).unwrap()).unwrap()
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &Value) -> Value {
    jwt_part(token.as_str().unwrap(), 1)
}

// ---- requests outside of a browser

/// A request without cookies.
pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Bytes::from(body.to_owned())).unwrap()
}

/// Pairs as form data.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

// ---- the database

/// All rows of a query, as text: numbers in decimal, NULL as `-`.
pub(crate) async fn rows(w: &World, stmt: Stmt) -> Vec<Vec<String>> {
    let show = |cell: &Cell| match cell {
        Cell::Null => "-".to_owned(),
        Cell::Int(n) => n.to_string(),
        Cell::Text(t) => t.clone(),
    };
    let rows = w.host.db.query(stmt).await.unwrap();
    rows.iter().map(|row| row.values.iter().map(show).collect()).collect()
}

/// The one value of a query.
pub(crate) async fn cell(w: &World, sql: &'static str) -> String {
    let rows = rows(w, Stmt::new(sql)).await;
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
    rows[0][0].clone()
}

/// Changes rows behind the server's back.
pub(crate) async fn change(w: &World, stmt: Stmt) {
    w.host.db.query(stmt).await.unwrap();
}

/// Names of audit events so far, in order of time, then alphabetically.
pub(crate) async fn audit(w: &World) -> Vec<String> {
    let stmt = Stmt::new("SELECT event FROM audit_events ORDER BY created_at, event");
    rows(w, stmt).await.into_iter().flatten().collect()
}

/// Puts a person into a group, which is made if it is missing.
pub(crate) async fn admit(w: &World, group: &str, user_id: &str) {
    let insert = Stmt::new(
        "INSERT INTO user_groups (id, name, friendly_name, created_at, updated_at) VALUES (?1, ?1, ?1, 0, 0) \
         ON CONFLICT DO NOTHING",
    );
    change(w, insert.bind(group)).await;
    let member = Stmt::new("INSERT INTO user_group_members (user_id, group_id) VALUES (?1, ?2)");
    change(w, member.bind(user_id).bind(group)).await;
}

/// Lets the members of a group use an app.
pub(crate) async fn allow(w: &World, app: &App, group: &str) {
    let stmt = Stmt::new("INSERT INTO client_allowed_groups (client_id, group_id) VALUES (?1, ?2)");
    change(w, stmt.bind(&app.id).bind(group)).await;
}

// ---- people

/// A person with a passkey and a browser.
pub(crate) struct Person<'w> {
    pub(crate) w: &'w World,
    pub(crate) browser: Browser<'w>,
    pub(crate) key: SoftAuthenticator,
    pub(crate) id: String,
}

impl<'w> Person<'w> {
    /// The first admin, ada, signed in after `/setup`.
    pub(crate) async fn setup(w: &'w World) -> Self {
        let browser = w.browser();
        let mut key = SoftAuthenticator::new(1);
        let answer = set_up(w, &browser, &mut key).await;
        assert_eq!(location(&answer), "/settings/account");
        let id = cell(w, "SELECT id FROM users").await;
        Self { w, browser, key, id }
    }

    /// Somebody without special rights and with a passkey, not signed in.
    pub(crate) async fn join(w: &'w World, name: &str, seed: u64) -> Self {
        let user = User {
            id: format!("00000000-0000-4000-8000-{seed:012}"),
            username: name.to_owned(),
            email: Some(format!("{name}@example.com")),
            email_verified: true,
            first_name: "Bob".to_owned(),
            last_name: String::new(),
            display_name: "Bob B.".to_owned(),
            is_admin: false,
            disabled: false,
            locale: None,
            ldap_id: None,
            updated_at: w.host.clock.now(),
        };
        let mut key = SoftAuthenticator::new(seed);
        change(w, user.insert(w.host.clock.now())).await;
        change(w, register(w, &mut key, &user).insert()).await;
        Self { w, browser: w.browser(), key, id: user.id }
    }

    /// Signs in at `/login`.
    pub(crate) async fn sign_in(&mut self) -> Answer {
        let page = self.browser.get("/login?reauthenticate=1").await;
        self.answer(&page).await
    }

    /// Answers a page that asks for a passkey.
    pub(crate) async fn answer(&mut self, page: &Answer) -> Answer {
        let mut form = Form::of(page);
        let response = self.key.get(&form.options, self.w.host.settings.app_url.as_str()).unwrap();
        form.set("response", &response.to_string());
        form.send(&self.browser).await
    }

    /// Presses a button of a page with a form.
    pub(crate) async fn press(&self, page: &Answer, action: &str) -> Answer {
        let mut form = Form::of(page);
        form.set("action", action);
        form.send(&self.browser).await
    }

    /// Follows redirects within our pages.
    pub(crate) async fn follow(&self, mut answer: Answer) -> Answer {
        for _ in 0..10 {
            let target = field(&answer, "location").to_owned();
            if !target.starts_with('/') {
                return answer;
            }
            answer = self.browser.get(&target).await;
        }
        panic!("redirects without end: {answer:?}");
    }

    /// Opens an address and does what each page asks, until there is nothing to do. Also gives the steps seen.
    pub(crate) async fn visit(&mut self, path: &str) -> (Answer, Vec<String>) {
        let mut answer = self.browser.get(path).await;
        let mut seen = Vec::new();
        for _ in 0..10 {
            answer = self.follow(answer).await;
            let step = step(&answer);
            let next = match step.as_str() {
                "authenticate" | "reauthenticate" => self.answer(&answer).await,
                "select_account" => self.press(&answer, "continue").await,
                "consent" => self.press(&answer, "allow").await,
                _ => return (answer, seen),
            };
            seen.push(step);
            answer = next;
        }
        panic!("steps without end: {seen:?}");
    }

    /// Signs in to an app and gives the code.
    pub(crate) async fn code(&mut self, app: &App, changes: &[(&str, &str)]) -> String {
        let (answer, _) = self.visit(&app.ask(changes)).await;
        response_params(&answer, CALLBACK).remove("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    /// Signs in to an app and gives the token response.
    pub(crate) async fn tokens(&mut self, app: &App, changes: &[(&str, &str)]) -> Value {
        let code = self.code(app, changes).await;
        let answer = app.exchange(self.w, &code).await;
        assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
        json_of(&answer)
    }

    /// The value of the session cookie.
    pub(crate) fn session(&self) -> Option<String> {
        self.browser.cookie("__Host-latchkey_session")
    }
}

/// Goes through `/setup` with this browser and authenticator.
pub(crate) async fn set_up(w: &World, browser: &Browser<'_>, key: &mut SoftAuthenticator) -> Answer {
    let page = browser.get("/setup").await;
    let form = fill_setup(w, &page, key);
    form.send(browser).await
}

/// The form of `/setup`, filled in.
pub(crate) fn fill_setup(w: &World, page: &Answer, key: &mut SoftAuthenticator) -> Form {
    let mut form = Form::of(page);
    let response = key.create(&form.options, w.host.settings.app_url.as_str()).unwrap();
    let fields =
        [("username", "ada"), ("email", "ada@example.com"), ("firstName", "Ada"), ("lastName", "Lovelace")];
    for (name, value) in fields {
        form.set(name, value);
    }
    form.set("response", &response.to_string());
    form
}

/// Makes a passkey for an account without asking the server.
fn register(w: &World, key: &mut SoftAuthenticator, user: &User) -> Passkey {
    let challenge = [7; 32];
    let app_url = &w.host.settings.app_url;
    let rp = RelyingParty { id: app_url.host().to_owned(), name: "Latchkey".to_owned() };
    let handle = WebAuthnUser::new(user.id.as_bytes(), &user.username, &user.username);
    let options = PublicKeyCredentialCreationOptionsJSON::new(rp, handle, &challenge);
    let created = key.create(&serde_json::to_value(options).unwrap(), app_url.as_str()).unwrap();
    let parsed = RegistrationResponse::parse(created.to_string().as_bytes()).unwrap();
    let expected = Expected {
        challenge: &challenge,
        rp_id: app_url.host(),
        origins: &[app_url.as_str()],
        user_verification: UserVerification::Required,
    };
    let new = verify_registration(&parsed, &expected, &CoseAlgorithm::OFFERED).unwrap();
    Passkey {
        id: format!("passkey-of-{}", user.id),
        user_id: user.id.clone(),
        credential_id: new.credential_id,
        public_key: new.public_key,
        sign_count: new.sign_count,
        backup_eligible: new.backup_eligible,
        backup_state: new.backup_state,
        user_verified: new.user_verified,
        transports: vec![],
        aaguid: new.aaguid,
        attestation_format: new.attestation_format,
        name: "Bob's key".to_owned(),
        clone_suspected_at: None,
        created_at: w.host.clock.now(),
        last_used_at: None,
    }
}

// ---- apps

/// A registered client.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl App {
    /// Registers a client through the API. Name and callback have defaults.
    pub(crate) async fn register(admin: &Person<'_>, changes: Value) -> Self {
        let mut input = json!({ "name": "Photos", "callbackURLs": [CALLBACK] });
        for (name, value) in changes.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = admin.browser.send_json(Method::POST, "/api/oidc/clients", &input).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{answer:?}");
        let id = json_of(&answer)["id"].as_str().unwrap().to_owned();
        if input["isPublic"] == true {
            return Self { id, secret: None };
        }
        let path = format!("/api/oidc/clients/{id}/secrets");
        let answer = admin.browser.send_json(Method::POST, &path, &json!({})).await;
        assert_eq!(answer.status(), StatusCode::CREATED, "{answer:?}");
        let secret = json_of(&answer)["secret"].as_str().unwrap().to_owned();
        Self { id, secret: Some(secret) }
    }

    /// The parameters of an authorization request, with changes: a value replaces, an empty one takes away.
    pub(crate) fn params(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let defaults = [
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email"),
            ("state", "st4te"),
            ("nonce", "n0nce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let mut params: BTreeMap<&str, &str> = defaults.into();
        params.extend(changes.iter().copied());
        let kept = params.into_iter().filter(|(_, value)| !value.is_empty());
        kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The address of an authorization request.
    pub(crate) fn ask(&self, changes: &[(&str, &str)]) -> String {
        let params = self.params(changes);
        format!(
            "/authorize?{}",
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
        )
    }

    /// Sends a token request, authenticated as the client is registered.
    pub(crate) async fn token(&self, w: &World, pairs: &[(&str, &str)]) -> Answer {
        self.call(w, "/api/oidc/token", pairs).await
    }

    /// Posts a form to an endpoint, authenticated as the client is registered.
    pub(crate) async fn call(&self, w: &World, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let mut pairs = pairs.to_vec();
        let basic = self.secret.as_ref().map(|secret| basic(&self.id, secret));
        let mut headers = vec![("content-type", FORM)];
        match &basic {
            Some(value) => headers.push(("authorization", value)),
            None => pairs.push(("client_id", &self.id)),
        }
        w.request(request(Method::POST, path, &headers, &encode(&pairs))).await
    }

    /// Pushes an authorization request, authenticated as the client is registered.
    pub(crate) async fn push(&self, w: &World, pairs: &[(String, String)]) -> Answer {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let basic = self.secret.as_ref().map(|secret| basic(&self.id, secret));
        let mut headers = vec![("content-type", FORM)];
        headers.extend(basic.as_deref().map(|value| ("authorization", value)));
        w.request(request(Method::POST, "/api/oidc/par", &headers, &encode(&pairs))).await
    }

    /// Redeems a code.
    pub(crate) async fn exchange(&self, w: &World, code: &str) -> Answer {
        self.token(
            w,
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ],
        )
        .await
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, w: &World, token: &Value) -> Answer {
        self.token(w, &[("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())]).await
    }
}

/// An `Authorization` header of HTTP Basic.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{id}:{secret}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

/// Asks the userinfo endpoint with a bearer token.
pub(crate) async fn userinfo(w: &World, token: &Value) -> Answer {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    w.request(request(Method::GET, "/api/oidc/userinfo", &[("authorization", &bearer)], "")).await
}

/// The published keys.
pub(crate) async fn jwks(w: &World) -> Vec<Value> {
    let answer = w.browser().get("/.well-known/jwks.json").await;
    json_of(&answer)["keys"].as_array().unwrap().clone()
}

/// Verifies a token as an app would that knows `keys`.
pub(crate) fn verifies(token: &Value, typ: TokenType, keys: &[Value]) -> bool {
    let unverified = Unverified::parse(token.as_str().unwrap()).unwrap();
    let Some(key) = keys.iter().find(|k| k["kid"].as_str() == unverified.kid()) else { return false };
    let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
    let alg: Alg = key["alg"].as_str().unwrap().parse().unwrap();
    jwt::verify(unverified, &VerifyingKey::from_jwk(&jwk, alg).unwrap(), typ).is_ok()
}

/// Names and values of all `Set-Cookie` lines.
pub(crate) fn set_cookies(headers: &HeaderMap) -> Vec<String> {
    headers.get_all(header::SET_COOKIE).iter().map(|v| v.to_str().unwrap().to_owned()).collect()
}
