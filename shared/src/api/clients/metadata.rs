//! The rules that client metadata keeps (RFC 7591 §2 and the specifications that add to it), whether an admin wrote it
//! or the client registered itself.

use super::{logout_uris, subject_type};
use crate::api::error::FieldError;
use crate::store::client::Client;
use crate::store::federated_identity::FederatedIdentity;
use proto::jose::{Alg, KeySet};
use serde_json::Value;
use url::{Host, Url};

/// Methods of client authentication that are served.
pub(crate) const AUTH_METHODS: [&str; 4] =
    ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];
/// Grants that can be registered.
pub(crate) const GRANT_TYPES: [&str; 5] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];
/// Members of a JWK that only a private or symmetric key has (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
/// Longest address, in bytes.
const LONGEST_URL: usize = 2_000;
/// Longest of the other texts, in bytes.
const LONGEST_TEXT: usize = 255;
/// Most values of a list.
const MOST: usize = 50;
/// Largest metadata, in bytes.
const LARGEST: usize = 32 * 1024;
/// Most federated identities.
const MOST_IDENTITIES: usize = 50;

/// Checks the metadata of a client. `code` of an error is the member that breaks a rule.
pub(crate) fn check(errors: &mut Vec<FieldError>, client: &Client) {
    let rules = broken_rules(client);
    errors.extend(rules.into_iter().map(|(member, rule)| FieldError::new("metadata", member, rule)));
    subject_type::check(errors, &client.metadata, &client.callback_urls);
    logout_uris::check(errors, &client.metadata, &client.callback_urls);
}

/// The rules that the metadata of a client breaks: member, and the rest of a sentence about the metadata. What it
/// says about subjects is not looked at here.
pub(crate) fn broken_rules(client: &Client) -> Vec<(&'static str, &'static str)> {
    let metadata = &client.metadata;
    let mut rules = Vec::new();
    let mut broken = |member: &'static str, rule: &'static str| rules.push((member, rule));
    if let Some(rule) = metadata.jwks.as_ref().and_then(key_set_rule) {
        broken("jwks", rule);
    }
    if metadata.jwks.is_some() && metadata.jwks_uri.is_some() {
        broken("jwks_uri", "has both jwks and jwks_uri");
    }
    if metadata.jwks_uri.as_deref().is_some_and(|uri| !is_secure(uri)) {
        broken("jwks_uri", "needs an https address as jwks_uri");
    }
    if let Some(method) = metadata.token_endpoint_auth_method.as_deref() {
        if !AUTH_METHODS.contains(&method) {
            broken("token_endpoint_auth_method", "has an unknown token_endpoint_auth_method");
        } else if (method == "none") != client.is_public {
            broken("token_endpoint_auth_method", "has a token_endpoint_auth_method that its kind cannot use");
        }
    }
    for (member, rule, alg) in [
        (
            "token_endpoint_auth_signing_alg",
            "has an unknown token_endpoint_auth_signing_alg",
            &metadata.token_endpoint_auth_signing_alg,
        ),
        (
            "request_object_signing_alg",
            "has an unknown request_object_signing_alg",
            &metadata.request_object_signing_alg,
        ),
    ] {
        if alg.as_deref().is_some_and(|alg| alg.parse::<Alg>().is_err()) {
            broken(member, rule);
        }
    }
    if metadata.grant_types.as_ref().is_some_and(|all| !are_grants(all, client.is_public)) {
        broken("grant_types", "has grant_types that its kind cannot use");
    }
    if metadata.default_max_age.is_some_and(|seconds| seconds < 0) {
        broken("default_max_age", "has a negative default_max_age");
    }
    for (member, rule, uri) in [
        ("client_uri", "needs a web address as client_uri", &metadata.client_uri),
        ("logo_uri", "needs a web address as logo_uri", &metadata.logo_uri),
        ("policy_uri", "needs a web address as policy_uri", &metadata.policy_uri),
        ("tos_uri", "needs a web address as tos_uri", &metadata.tos_uri),
    ] {
        if uri.as_deref().is_some_and(|uri| !is_web(uri)) {
            broken(member, rule);
        }
    }
    let acr_values = metadata.default_acr_values.as_deref().unwrap_or_default();
    for (member, rule, list) in [
        ("default_acr_values", "has too many or too long default_acr_values", acr_values),
        ("contacts", "has too many or too long contacts", &metadata.contacts),
        (
            "token_exchange_audiences",
            "has too many or too long token_exchange_audiences",
            &metadata.token_exchange_audiences,
        ),
    ] {
        if list.len() > MOST || list.iter().any(|text| text.is_empty() || text.len() > LONGEST_TEXT) {
            broken(member, rule);
        }
    }
    for (member, rule, text) in [
        ("software_id", "has a software_id that is too long", &metadata.software_id),
        ("software_version", "has a software_version that is too long", &metadata.software_version),
    ] {
        if text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
            broken(member, rule);
        }
    }
    if metadata.to_text().len() > LARGEST {
        broken("too_large", "is too large");
    }
    rules
}

/// What is wrong with a client's own key set.
fn key_set_rule(jwks: &Value) -> Option<&'static str> {
    let Some(set) = jwks.as_object().filter(|set| KeySet::read(set).is_ok()) else {
        return Some("has a jwks that is no JWK set");
    };
    let keys = set.get("keys").and_then(Value::as_array)?;
    let is_private = |key: &Value| PRIVATE_MEMBERS.iter().any(|member| key.get(*member).is_some());
    keys.iter().any(is_private).then_some("has a jwks with private keys; take them out of use")
}

fn are_grants(all: &[String], is_public: bool) -> bool {
    // RFC 6749 §4.4: only confidential clients have credentials to use.
    !all.is_empty()
        && all.len() <= GRANT_TYPES.len()
        && all.iter().all(|grant| GRANT_TYPES.contains(&grant.as_str()))
        && !(is_public && all.iter().any(|grant| grant == "client_credentials"))
}

/// Checks the issuers whose tokens authenticate a client.
pub(super) fn check_identities(errors: &mut Vec<FieldError>, identities: &[FederatedIdentity]) {
    let is_text = |text: &str| text.len() <= LONGEST_URL && !text.chars().any(char::is_control);
    let is_fine = |identity: &FederatedIdentity| {
        // Without an address of its own the key set is looked for below the issuer.
        let keys_can_be_found =
            if identity.jwks.is_empty() { is_web(&identity.issuer) } else { is_web(&identity.jwks) };
        !identity.issuer.is_empty()
            && is_text(&identity.issuer)
            && is_text(&identity.subject)
            && is_text(&identity.audience)
            && keys_can_be_found
    };
    if identities.len() > MOST_IDENTITIES || !identities.iter().all(is_fine) {
        errors.push(FieldError::new(
            "credentials",
            "federated_identity",
            "has an invalid federated identity",
        ));
    }
}

/// Whether the text is an `https` or `http` address without fragment and user.
pub(super) fn is_web(text: &str) -> bool {
    web(text).is_some()
}

/// The same, over TLS or to this machine.
fn is_secure(text: &str) -> bool {
    web(text).is_some_and(|url| {
        url.scheme() == "https"
            || match url.host() {
                Some(Host::Ipv4(ip)) => ip.is_loopback(),
                Some(Host::Ipv6(ip)) => ip.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            }
    })
}

fn web(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST_URL)?;
    let is_plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "https" | "http") && url.host_str().is_some() && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::oauth::ClientMetadata;
    use proto::time::UnixTime;
    use serde_json::json;

    fn codes(metadata: Value, is_public: bool) -> Vec<&'static str> {
        let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
        let client = Client { metadata, is_public, ..Client::blank("a".into(), UnixTime(0)) };
        let mut errors = Vec::new();
        check(&mut errors, &client);
        assert!(errors.iter().all(|e| e.field == "metadata"));
        errors.iter().map(|e| e.code).collect()
    }

    #[test]
    fn what_is_well_formed_passes() {
        let ed25519 =
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let full = json!({
            "jwks": {"keys": [ed25519]}, "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "EdDSA", "grant_types": GRANT_TYPES, "default_max_age": 0,
            "request_object_signing_alg": "PS256", "backchannel_logout_uri": "http://photos.lan:8080/logout",
            "client_uri": "https://app.example", "contacts": ["ops@app.example"], "software_id": "x",
            "token_exchange_audiences": ["https://api.example"], "default_acr_values": ["phr"],
        });
        assert_eq!(codes(full, false), [""; 0]);
        assert_eq!(codes(json!({"token_endpoint_auth_method": "none"}), true), [""; 0]);
        for uri in ["https://a.example/jwks", "http://127.0.0.1:1/jwks", "http://[::1]/", "http://localhost/"]
        {
            assert_eq!(codes(json!({ "jwks_uri": uri }), false), [""; 0], "{uri}");
        }
    }

    #[test]
    fn each_rule_names_its_member() {
        for (member, value) in [
            ("jwks", json!([])),
            ("jwks", json!({"keys": {}})),
            ("jwks", json!({"keys": [{"kty": "oct", "k": "AA"}]})),
            ("jwks", json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"}]})),
            ("jwks_uri", json!("http://a.example/jwks")),
            ("jwks_uri", json!("https://user@a.example/jwks")),
            ("jwks_uri", json!("https://a.example/jwks#x")),
            ("jwks_uri", json!(format!("https://a.example/{}", "x".repeat(2000)))),
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("token_endpoint_auth_method", json!("tls_client_auth")),
            ("token_endpoint_auth_method", json!("none")),
            ("token_endpoint_auth_signing_alg", json!("HS256")),
            ("token_endpoint_auth_signing_alg", json!("none")),
            ("request_object_signing_alg", json!("none")),
            ("grant_types", json!([])),
            ("grant_types", json!(["implicit"])),
            ("default_max_age", json!(-1)),
            ("backchannel_logout_uri", json!("ftp://a.example/")),
            ("frontchannel_logout_uri", json!("https://a.example/#x")),
            ("client_uri", json!("javascript:alert(1)")),
            ("logo_uri", json!("data:image/png;base64,AA")),
            ("policy_uri", json!("/policy")),
            ("tos_uri", json!("")),
            ("contacts", json!(vec!["a"; 51])),
            ("default_acr_values", json!([""])),
            ("token_exchange_audiences", json!(["x".repeat(256)])),
            ("software_id", json!("x".repeat(256))),
            ("software_version", json!("x".repeat(256))),
            ("subject_type", json!("secret")),
        ] {
            assert_eq!(codes(json!({ member: value }), false), [member], "{value}");
        }
        let both = json!({"jwks": {"keys": []}, "jwks_uri": "https://a.example/jwks"});
        assert_eq!(codes(both, false), ["jwks_uri"]);
        assert_eq!(codes(json!({"grant_types": ["client_credentials"]}), true), ["grant_types"]);
        let basic = json!({"token_endpoint_auth_method": "client_secret_basic"});
        assert_eq!(codes(basic, true), ["token_endpoint_auth_method"]);
    }

    #[test]
    fn s19_identities_name_an_issuer_and_where_its_keys_are() {
        let identity = |issuer: &str, jwks: &str| FederatedIdentity {
            issuer: issuer.into(),
            jwks: jwks.into(),
            ..FederatedIdentity::default()
        };
        for (identity, fine) in [
            (identity("https://ci.example", ""), true),
            (identity("http://10.0.0.1:8080/", ""), true),
            (identity("spire", "http://spire.lan/keys"), true),
            (identity("", "https://ci.example/jwks"), false),
            (identity("spire", ""), false),
            (identity("spire", "file:///etc/keys"), false),
            (identity("spi\u{0}re", "https://a.example"), false),
            (FederatedIdentity { subject: "x".repeat(2001), ..identity("https://ci.example", "") }, false),
        ] {
            let mut errors = Vec::new();
            check_identities(&mut errors, std::slice::from_ref(&identity));
            assert_eq!(errors.is_empty(), fine, "{identity:?}");
        }
    }
}
