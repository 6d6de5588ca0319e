//! The authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1): checked in the order of
//! [`PIPELINE`].
//!
//! The types carry how far a request has come. Until a [`KnownClient`] exists, an error is a page of ours; only
//! a `KnownClient` knows where to redirect, so an open redirect does not compile.

use super::request_source::Source;
use super::resource::{self, Reach, SubjectType};
use crate::refusal::Refusal;
use crate::store::client::Client;
use proto::form::Params;
use proto::oauth::dpop;
use proto::oauth::pkce::{CodeChallenge, PkceError};
use proto::oauth::prompt::{Prompt, Prompts};
use proto::oauth::response_mode::ResponseMode;
use proto::oauth::scope::{OPENID, Scope};
use proto::oidc::{Acr, ClaimsRequest};
use proto::uri::{self, RedirectUri};
use serde::{Deserialize, Serialize};

/// Longest `state` and `nonce` taken, in bytes. They are stored for anonymous visitors.
const LONGEST: usize = 1024;

/// Longest `ui_locales` and `login_hint` that are looked at, in bytes; an e-mail address has at most 254.
const LONGEST_HINT: usize = 320;

/// A request whose client and callback are proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// The client.
    pub client: Client,
    /// Where answers go: the registered or serialised form, never the raw parameter.
    pub redirect_uri: String,
    /// How answers go there.
    pub response_mode: ResponseMode,
    /// `state`, to be handed back.
    pub state: Option<String>,
    /// How the request came; plain for one that was checked before and goes on now.
    pub source: Source,
}

impl KnownClient {
    /// The same, of a request that came this way.
    #[must_use]
    pub fn came_by(self, source: Source) -> Self {
        Self { source, ..self }
    }
}

/// A request that broke no rule. It is stored while the person is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedAsk {
    /// Where answers go.
    pub redirect_uri: String,
    /// `redirect_uri` as it was sent, to compare with the token request (RFC 6749 §4.1.3).
    pub redirect_uri_sent: Option<String>,
    /// How answers go there.
    pub response_mode: ResponseMode,
    /// `state`.
    pub state: Option<String>,
    /// Scopes that count, space separated.
    pub scope: String,
    /// Address of the API that tokens are for (RFC 8707), if not the client itself.
    #[serde(default)]
    pub resource: Option<String>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `code_challenge`; its method is always `S256`.
    pub code_challenge: Option<String>,
    /// `dpop_jkt`: the key that the code will be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// `prompt`, space separated.
    pub prompt: String,
    /// `max_age` in seconds.
    pub max_age: Option<i64>,
    /// Subject of the `id_token_hint`, filled in after its signature is verified.
    pub hint_sub: Option<String>,
    /// `claims`; empty without `openid`.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// `acr_values`, else the client's default: those that are known here, best liked first.
    #[serde(default)]
    pub acr_values: Vec<Acr>,
    /// `ui_locales`: languages for the pages, best liked first.
    #[serde(default)]
    pub ui_locales: Option<String>,
    /// `login_hint`: whom the client expects. It is shown, and chooses nothing.
    #[serde(default)]
    pub login_hint: Option<String>,
}

impl CheckedAsk {
    /// The prompts asked for.
    #[must_use]
    pub fn prompts(&self) -> Prompts {
        // Only parsed prompts are stored.
        Prompts::parse(&self.prompt).unwrap_or_default()
    }

    /// The scopes asked for.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::parse(&self.scope).unwrap_or_default()
    }

    /// What the person has to agree to: the scopes asked for, and those that tell the claims asked for by name.
    #[must_use]
    pub fn consent_scope(&self) -> Scope {
        self.scope().union(&Scope::of(&self.claims.scopes()))
    }

    /// The same as a consent remembers it.
    #[must_use]
    pub fn consent_keys(&self) -> Vec<String> {
        resource::consent_keys(&self.consent_scope(), self.resource.as_deref())
    }

    /// Whether the client takes an answer about a person with this `sub`: neither a hint nor `claims` names
    /// another.
    #[must_use]
    pub fn accepts_subject(&self, subject: &str) -> bool {
        self.hint_sub.as_deref().is_none_or(|sub| sub == subject) && self.claims.accepts_subject(subject)
    }

    /// The host that answers go to, or the scheme of an app's own address: what a consent is bound to. Ports are
    /// left out, since apps on the person's own machine take any.
    #[must_use]
    pub fn redirect_host(&self) -> String {
        let uri = RedirectUri::parse(&self.redirect_uri).ok();
        let host = uri.as_ref().and_then(|u| u.url().host_str()).filter(|h| !h.is_empty());
        let scheme = uri.as_ref().map_or("", |u| u.url().scheme());
        host.map_or_else(|| format!("{scheme}:"), str::to_owned)
    }

    /// The request's client side again, when it goes on later.
    #[must_use]
    pub fn known(&self, client: Client) -> KnownClient {
        KnownClient {
            client,
            redirect_uri: self.redirect_uri.clone(),
            response_mode: self.response_mode,
            state: self.state.clone(),
            source: Source::default(),
        }
    }
}

/// What the installation allows.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// `ALLOW_INSECURE_CALLBACK_URLS`.
    pub allow_insecure_callback_urls: bool,
}

/// Proves client and callback (RFC 6749 §3.1.2.4): what fails here is never redirected.
///
/// # Errors
/// [`Refusal`] for a page.
pub fn known_client(params: &Params, client: Option<Client>, policy: Policy) -> Result<KnownClient, Refusal> {
    let client = client.ok_or(Refusal::ClientUnknown)?;
    if client.is_pending {
        return Err(Refusal::ClientPending);
    }
    let redirect_uri = match params.get("redirect_uri") {
        Some(sent) => registered(&client, sent)?,
        None => only_registered(&client, params)?,
    };
    if redirect_uri.is_insecure() && !policy.allow_insecure_callback_urls {
        return Err(Refusal::RedirectUriInsecure);
    }
    Ok(KnownClient {
        redirect_uri: redirect_uri.as_str().to_owned(),
        client,
        // An unknown mode is an error that goes out by the default mode.
        response_mode: ResponseMode::parse(params.get("response_mode")).unwrap_or_default(),
        state: params.get("state").filter(|s| is_storable(s)).map(str::to_owned),
        source: Source::default(),
    })
}

/// Whether answers may still go where they were asked to, when a request goes on later.
///
/// # Errors
/// [`Refusal`] for a page: the address was taken back.
pub fn still_registered(ask: &CheckedAsk, client: &Client) -> Result<(), Refusal> {
    registered(client, &ask.redirect_uri).map(drop)
}

fn registered(client: &Client, sent: &str) -> Result<RedirectUri, Refusal> {
    let sent = RedirectUri::parse(sent).map_err(|_| Refusal::RedirectUriInvalid)?;
    let patterns = client.callback_urls.iter().map(String::as_str);
    // What matched is gone on with in its serialised form, so that browser and matcher cannot read it differently.
    let target = uri::matches(patterns, &sent).ok_or(Refusal::RedirectUriNotRegistered)?;
    RedirectUri::parse(&target).map_err(|_| Refusal::RedirectUriInvalid)
}

/// RFC 6749 §3.1.2.3: it may be left out when exactly one is registered; OpenID Connect demands it.
fn only_registered(client: &Client, params: &Params) -> Result<RedirectUri, Refusal> {
    let openid = params.get("scope").is_some_and(|s| s.split(' ').any(|t| t == "openid"));
    match client.callback_urls.as_slice() {
        [only] if !openid && !only.contains('*') => {
            RedirectUri::parse(only).map_err(|_| Refusal::RedirectUriInvalid)
        }
        _ => Err(Refusal::RedirectUriInvalid),
    }
}

/// One rule: the first that fails decides the error.
pub type Check = fn(&Params, &KnownClient) -> Result<(), Refusal>;

/// The rules after client and callback, in order. The name is the one in `docs/SPECS.md`.
pub const PIPELINE: &[(&str, Check)] = &[
    ("request object", check_request_object),
    ("response_type", check_response_type),
    ("response_mode", check_response_mode),
    ("lengths", check_lengths),
    ("scope", check_scope),
    ("code_challenge", check_code_challenge),
    ("dpop_jkt", check_dpop_jkt),
    ("prompt", check_prompt),
    ("max_age", check_max_age),
    ("claims", check_claims),
    ("pushed request", check_pushed),
];

/// RFC 9101 §10.5, OpenID Connect Core §7.2.1. The object itself was opened before, see
/// [`request_source`](super::request_source).
fn check_request_object(params: &Params, known: &KnownClient) -> Result<(), Refusal> {
    if known.client.metadata.require_signed_request_object && !known.source.is_signed {
        return Err(Refusal::RequestObjectRequired);
    }
    if params.get("registration").is_some() {
        return Err(Refusal::RegistrationUnsupported);
    }
    Ok(())
}

/// RFC 6749 §3.1.1.
fn check_response_type(params: &Params, known: &KnownClient) -> Result<(), Refusal> {
    match params.get("response_type") {
        Some("code") if known.client.metadata.allows_grant_type("authorization_code") => Ok(()),
        Some("code") => Err(Refusal::GrantTypeNotRegistered),
        Some(_) => Err(Refusal::ResponseTypeUnsupported),
        None => Err(Refusal::ResponseTypeMissing),
    }
}

/// OAuth 2.0 Multiple Response Type Encoding Practices §2.1.
fn check_response_mode(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    ResponseMode::parse(params.get("response_mode")).map(drop).map_err(|_| Refusal::ResponseModeUnsupported)
}

/// RFC 6749 appendix A.5: `state` is printable; `nonce` is held to the same.
fn check_lengths(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    let bad = ["state", "nonce"].iter().filter_map(|n| params.get(n)).any(|v| !is_storable(v));
    if bad { Err(Refusal::ParameterTooLong) } else { Ok(()) }
}

pub(super) fn is_storable(value: &str) -> bool {
    value.len() <= LONGEST && !value.chars().any(char::is_control)
}
/// RFC 6749 §3.3.
fn check_scope(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    Scope::parse(params.get("scope").unwrap_or("")).map(drop).map_err(|_| Refusal::ScopeMalformed)
}

/// RFC 7636 §4.4.1, RFC 9700 §2.1.1.
fn check_code_challenge(params: &Params, known: &KnownClient) -> Result<(), Refusal> {
    let challenge = CodeChallenge::parse(params.get("code_challenge"), params.get("code_challenge_method"));
    match challenge {
        Ok(None) if known.client.pkce_enabled || known.client.is_public => Err(Refusal::CodeChallengeMissing),
        Ok(_) => Ok(()),
        Err(PkceError::BadChallenge) => Err(Refusal::CodeChallengeMalformed),
        Err(_) => Err(Refusal::CodeChallengeMethodUnsupported),
    }
}

/// RFC 9449 §10.
fn check_dpop_jkt(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    let is_right = params.get("dpop_jkt").is_none_or(dpop::is_thumbprint);
    if is_right { Ok(()) } else { Err(Refusal::DpopJktMalformed) }
}

/// OpenID Connect Core §3.1.2.1.
fn check_prompt(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    Prompts::parse(params.get("prompt").unwrap_or("")).map(drop).map_err(|_| Refusal::PromptInvalid)
}

/// OpenID Connect Core §3.1.2.1.
fn check_max_age(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    parse_max_age(params).map(drop)
}

fn parse_max_age(params: &Params) -> Result<Option<i64>, Refusal> {
    let Some(text) = params.get("max_age") else { return Ok(None) };
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::MaxAgeInvalid);
    }
    text.parse().map(Some).map_err(|_| Refusal::MaxAgeInvalid)
}

/// OpenID Connect Core §5.5.
fn check_claims(params: &Params, _: &KnownClient) -> Result<(), Refusal> {
    parse_claims(params).map(drop)
}

fn parse_claims(params: &Params) -> Result<ClaimsRequest, Refusal> {
    let parsed = params.get("claims").map(ClaimsRequest::parse).transpose();
    parsed.map(Option::unwrap_or_default).map_err(|_| Refusal::ClaimsMalformed)
}

/// A parameter that only makes pages nicer (OpenID Connect Core §3.1.2.1): one that cannot be shown is left out.
fn hint(params: &Params, name: &str) -> Option<String> {
    params.get(name).filter(|text| text.len() <= LONGEST_HINT && is_storable(text)).map(str::to_owned)
}

/// OpenID Connect Core §3.1.2.1, Registration §2.
fn acr_values(params: &Params, client: &Client) -> Vec<Acr> {
    match (params.get("acr_values"), &client.metadata.default_acr_values) {
        (Some(text), _) => Acr::known(text.split(' ')),
        (None, Some(default)) => Acr::known(default.iter().map(String::as_str)),
        (None, None) => Vec::new(),
    }
}

/// RFC 9126 §5.
fn check_pushed(_: &Params, known: &KnownClient) -> Result<(), Refusal> {
    if known.client.requires_pushed_authorization_requests && !known.source.is_pushed {
        Err(Refusal::PushedRequestRequired)
    } else {
        Ok(())
    }
}

/// RFC 8707 §2. Anybody can send an authorization request in a client's name, so where an API is named all that can
/// be wrong with it is one answer: else these would tell which APIs there are and who may use them.
fn resolve(params: &Params, reach: &Reach) -> Result<resource::Resolved, Refusal> {
    let scope = Scope::parse(params.get("scope").unwrap_or("")).map_err(|_| Refusal::ScopeMalformed)?;
    let resource = params.get("resource");
    resource::resolve(&scope, resource, reach, SubjectType::User)
        .map_err(|refusal| if resource.is_some() { Refusal::ResourceOrScopeInvalid } else { refusal })
}

/// Runs the pipeline, and resolves scope and resource with what the client reaches.
///
/// # Errors
/// The first [`Refusal`], to be redirected to the client.
pub fn check(params: &Params, known: &KnownClient, reach: &Reach) -> Result<CheckedAsk, Refusal> {
    for (_, rule) in PIPELINE {
        rule(params, known)?;
    }
    let challenge = CodeChallenge::parse(params.get("code_challenge"), params.get("code_challenge_method"))
        .map_err(|_| Refusal::CodeChallengeMalformed)?;
    let resolved = resolve(params, reach)?;
    // Without `openid` it is no request of OpenID Connect, and nothing could tell the claims.
    let openid = resolved.scope.contains(OPENID);
    Ok(CheckedAsk {
        redirect_uri: known.redirect_uri.clone(),
        redirect_uri_sent: params.get("redirect_uri").map(str::to_owned),
        response_mode: known.response_mode,
        state: known.state.clone(),
        scope: resolved.scope.to_string(),
        resource: resolved.resource,
        nonce: params.get("nonce").map(str::to_owned),
        code_challenge: challenge.map(|c| c.as_str().to_owned()),
        dpop_jkt: params.get("dpop_jkt").map(str::to_owned),
        prompt: params.get("prompt").unwrap_or("").to_owned(),
        max_age: parse_max_age(params)?.or(known.client.metadata.default_max_age),
        acr_values: acr_values(params, &known.client),
        ui_locales: hint(params, "ui_locales"),
        login_hint: hint(params, "login_hint"),
        hint_sub: None,
        claims: parse_claims(params).map(|claims| if openid { claims } else { ClaimsRequest::default() })?,
    })
}

/// Whether `prompt=none` was asked for.
#[must_use]
pub fn is_silent(ask: &CheckedAsk) -> bool {
    ask.prompts().has(Prompt::None)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::decide::resource::tests::{FILES, reach};
    use proto::oauth::ClientMetadata;
    use proto::time::UnixTime;

    pub(crate) fn client() -> Client {
        Client {
            name: "App".into(),
            callback_urls: vec!["https://app.example/cb".into()],
            ..Client::blank("app".into(), UnixTime(0))
        }
    }

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn ask_by(client: Client, query: &str, source: Source) -> Result<CheckedAsk, Refusal> {
        let params = Params::parse(query).unwrap();
        let policy = Policy { allow_insecure_callback_urls: false };
        let known = known_client(&params, Some(client), policy)?.came_by(source);
        check(&params, &known, &reach())
    }

    fn ask(client: Client, query: &str) -> Result<CheckedAsk, Refusal> {
        ask_by(client, query, Source::default())
    }

    const GOOD: &str = "client_id=app&redirect_uri=https://app.example/cb&response_type=code&scope=openid";

    #[test]
    fn a_plain_request_passes_and_unknown_scopes_are_dropped() {
        let ask = ask(client(), &format!("{GOOD}%20email%20made-up&state=x&nonce=n")).unwrap();
        assert_eq!(ask.scope, "openid email");
        assert_eq!((ask.state.as_deref(), ask.nonce.as_deref()), (Some("x"), Some("n")));
        assert_eq!(ask.redirect_uri_sent.as_deref(), Some("https://app.example/cb"));
    }

    #[test]
    fn an_api_is_asked_for_by_its_address() {
        let run = |more: &str| ask(client(), &format!("{GOOD}{more}")).map(|a| (a.scope, a.resource));
        let good = run(&format!("%20read&resource={FILES}/"));
        assert_eq!(good, Ok(("openid read".into(), Some(FILES.into()))));
        for bad in [
            "&resource=https://hidden.example",
            "&resource=https://nowhere.example",
            "&resource=nonsense",
            "%20send&resource=https://files.example",
        ] {
            assert_eq!(run(bad), Err(Refusal::ResourceOrScopeInvalid), "{bad}");
        }
        assert_eq!(run("%20read"), Err(Refusal::ScopeNotOfResource));
    }

    #[test]
    fn a_client_has_defaults_for_age_and_class() {
        let metadata = ClientMetadata {
            default_max_age: Some(600),
            default_acr_values: Some(vec!["phrh".into(), "x".into()]),
            ..ClientMetadata::default()
        };
        let run = |more: &str| {
            let client = Client { metadata: metadata.clone(), ..client() };
            ask(client, &format!("{GOOD}{more}")).map(|a| (a.max_age, a.acr_values))
        };
        assert_eq!(run(""), Ok((Some(600), vec![Acr::Phrh])));
        assert_eq!(run("&max_age=0&acr_values=phr%200"), Ok((Some(0), vec![Acr::Phr])));
        assert_eq!(run("&acr_values=urn:mace:silver"), Ok((Some(600), vec![])));
    }

    #[test]
    fn hints_that_cannot_be_shown_are_left_out() {
        let run = |more: &str| ask(client(), &format!("{GOOD}{more}")).map(|a| (a.ui_locales, a.login_hint));
        let both = run("&ui_locales=fr%20de&login_hint=ada@example.com");
        assert_eq!(both, Ok((Some("fr de".into()), Some("ada@example.com".into()))));
        let long = "x".repeat(321);
        assert_eq!(run(&format!("&login_hint={long}&ui_locales=de%0a")), Ok((None, None)));
        // a display of any kind is taken
        assert!(run("&display=wap").is_ok());
    }

    #[test]
    fn claims_by_name_need_openid_and_widen_the_consent() {
        let query = format!("{GOOD}&claims=%7B%22userinfo%22:%7B%22email%22:null,%22name%22:null%7D%7D");
        let asked = ask(client(), &query).unwrap();
        assert_eq!(
            (asked.scope.as_str(), asked.consent_scope().to_string()),
            ("openid", "openid profile email".into())
        );
        let oauth = ask(client(), &query.replace("scope=openid", "scope=email")).unwrap();
        assert!(oauth.claims.is_empty());
    }

    #[test]
    fn each_rule_has_its_refusal() {
        let table = [
            ("&registration=x", Refusal::RegistrationUnsupported),
            ("&response_mode=web_message", Refusal::ResponseModeUnsupported),
            ("&prompt=none%20login", Refusal::PromptInvalid),
            ("&prompt=later", Refusal::PromptInvalid),
            ("&claims=%5B%5D", Refusal::ClaimsMalformed),
            ("&claims=%7B%22userinfo%22:1%7D", Refusal::ClaimsMalformed),
            ("&dpop_jkt=x", Refusal::DpopJktMalformed),
            ("&dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I%3D", Refusal::DpopJktMalformed),
            ("&max_age=-1", Refusal::MaxAgeInvalid),
            ("&max_age=%2B1", Refusal::MaxAgeInvalid),
            ("&max_age=99999999999999999999", Refusal::MaxAgeInvalid),
            ("&code_challenge=short&code_challenge_method=S256", Refusal::CodeChallengeMalformed),
            ("&code_challenge_method=S256", Refusal::CodeChallengeMethodUnsupported),
        ];
        for (more, refusal) in table {
            assert_eq!(ask(client(), &format!("{GOOD}{more}")), Err(refusal), "{more}");
        }
        assert_eq!(ask(client(), &GOOD.replace("code", "token")), Err(Refusal::ResponseTypeUnsupported));
        assert_eq!(
            ask(client(), &GOOD.replace("&response_type=code", "")),
            Err(Refusal::ResponseTypeMissing)
        );
        for bad in ["x".repeat(1025), "a%01".to_owned()] {
            assert_eq!(ask(client(), &format!("{GOOD}&nonce={bad}")), Err(Refusal::ParameterTooLong));
            assert_eq!(ask(client(), &format!("{GOOD}&state={bad}")), Err(Refusal::ParameterTooLong));
        }
    }

    #[test]
    fn a_client_may_demand_that_requests_are_pushed_or_signed() {
        let plain = client();
        let pushed = Client { requires_pushed_authorization_requests: true, ..client() };
        let mut signed = client();
        signed.metadata.require_signed_request_object = true;
        let push = Err(Refusal::PushedRequestRequired);
        let sign = Err(Refusal::RequestObjectRequired);
        for (is_pushed, is_signed, of_plain, of_pushed, of_signed) in [
            (false, false, Ok(()), push, sign),
            (true, false, Ok(()), Ok(()), sign),
            (false, true, Ok(()), push, Ok(())),
            (true, true, Ok(()), Ok(()), Ok(())),
        ] {
            let run =
                |client: &Client| ask_by(client.clone(), GOOD, Source { is_pushed, is_signed }).map(drop);
            let name = format!("pushed {is_pushed}, signed {is_signed}");
            assert_eq!([run(&plain), run(&pushed), run(&signed)], [of_plain, of_pushed, of_signed], "{name}");
        }
    }

    #[test]
    fn s06_pkce_matrix_at_the_authorization_endpoint() {
        let plain = Refusal::CodeChallengeMethodUnsupported;
        let missing = Refusal::CodeChallengeMissing;
        // (public, enforced) × (none, S256, plain)
        for (is_public, pkce_enabled, none) in [
            (false, false, Ok(())),
            (false, true, Err(missing)),
            (true, false, Err(missing)),
            (true, true, Err(missing)),
        ] {
            let client = Client { is_public, pkce_enabled, ..client() };
            let run = |more: &str| ask(client.clone(), &format!("{GOOD}{more}")).map(drop);
            assert_eq!(run(""), none);
            assert_eq!(run(&format!("&code_challenge={CHALLENGE}&code_challenge_method=S256")), Ok(()));
            assert_eq!(run(&format!("&code_challenge={CHALLENGE}&code_challenge_method=plain")), Err(plain));
            // a missing method means plain (RFC 7636 §4.3)
            assert_eq!(run(&format!("&code_challenge={CHALLENGE}")), Err(plain));
        }
    }

    #[test]
    fn callback_rules_come_before_everything_else() {
        let bad = |uri: &str| ask(client(), &GOOD.replace("https://app.example/cb", uri));
        assert_eq!(bad("https://evil.example/cb"), Err(Refusal::RedirectUriNotRegistered));
        assert_eq!(bad("https://app.example/cb%23x"), Err(Refusal::RedirectUriInvalid));
        assert_eq!(bad("javascript:alert(1)"), Err(Refusal::RedirectUriInvalid));
        assert_eq!(bad(""), Err(Refusal::RedirectUriInvalid));
        let params = Params::parse(GOOD).unwrap();
        let policy = Policy { allow_insecure_callback_urls: false };
        assert_eq!(known_client(&params, None, policy), Err(Refusal::ClientUnknown));
        let http = Client { callback_urls: vec!["http://app.example/cb".into()], ..client() };
        let params = Params::parse(GOOD.replace("https://", "http://")).unwrap();
        assert_eq!(known_client(&params, Some(http.clone()), policy), Err(Refusal::RedirectUriInsecure));
        let policy = Policy { allow_insecure_callback_urls: true };
        assert!(known_client(&params, Some(http), policy).is_ok());
    }

    #[test]
    fn callback_may_be_left_out_without_openid_when_there_is_one() {
        let query = "client_id=app&response_type=code";
        assert_eq!(ask(client(), query).unwrap().redirect_uri, "https://app.example/cb");
        assert_eq!(ask(client(), &format!("{query}&scope=openid")), Err(Refusal::RedirectUriInvalid));
        let two = Client {
            callback_urls: vec!["https://a.example/".into(), "https://b.example/".into()],
            ..client()
        };
        assert_eq!(ask(two, query), Err(Refusal::RedirectUriInvalid));
    }
}
