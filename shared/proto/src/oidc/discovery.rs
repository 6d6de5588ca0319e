//! The discovery document (OpenID Connect Discovery §3, RFC 8414 §2).

use super::{Acr, claims, subject};
use crate::jose::Alg;
use crate::oauth::prompt::Prompt;
use crate::oauth::response_mode::ResponseMode;
use crate::oauth::{scope, token_exchange};
use serde::Serialize;

/// The body of `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`. It promises
/// what is served and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovery {
    /// The issuer, byte for byte as in tokens.
    pub issuer: String,
    /// Where browsers are sent.
    pub authorization_endpoint: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_endpoint: String,
    /// Where claims are told.
    pub userinfo_endpoint: String,
    /// Where clients push authorization requests (RFC 9126 §5).
    pub pushed_authorization_request_endpoint: String,
    /// `false`: which clients must push is said of each one.
    pub require_pushed_authorization_requests: bool,
    /// Where browsers are sent to sign out (OpenID Connect RP-Initiated Logout §2.1).
    pub end_session_endpoint: String,
    /// Where devices begin (RFC 8628 §4).
    pub device_authorization_endpoint: String,
    /// Where clients ask about tokens (RFC 7662).
    pub introspection_endpoint: String,
    /// With a secret, or with an access token: public clients may not ask.
    pub introspection_endpoint_auth_methods_supported: Vec<&'static str>,
    /// As at the token endpoint.
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    /// Algorithms of signed answers (RFC 9701 §7).
    pub introspection_signing_alg_values_supported: Vec<Alg>,
    /// Where clients give tokens back (RFC 7009).
    pub revocation_endpoint: String,
    /// As at the token endpoint.
    pub revocation_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Algorithms of assertions there.
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    /// Logout tokens are sent to clients that want them (OpenID Connect Back-Channel Logout 1.0 §2.1).
    pub backchannel_logout_supported: bool,
    /// They say which session ended.
    pub backchannel_logout_session_supported: bool,
    /// Clients' logout pages are loaded (OpenID Connect Front-Channel Logout 1.0 §3).
    pub frontchannel_logout_supported: bool,
    /// They learn which session ended.
    pub frontchannel_logout_session_supported: bool,
    /// Where the public keys are.
    pub jwks_uri: String,
    /// Scopes that requests can have.
    pub scopes_supported: Vec<&'static str>,
    /// Claims that can be told.
    pub claims_supported: Vec<&'static str>,
    /// `code`.
    pub response_types_supported: Vec<&'static str>,
    /// See [`ResponseMode::NAMES`].
    pub response_modes_supported: Vec<&'static str>,
    /// Grants of the token endpoint.
    pub grant_types_supported: Vec<&'static str>,
    /// See [`Acr::OFFERED`].
    pub acr_values_supported: Vec<&'static str>,
    /// See [`super::subject`].
    pub subject_types_supported: Vec<&'static str>,
    /// Algorithms of the keys that sign now.
    pub id_token_signing_alg_values_supported: Vec<Alg>,
    /// The same for signed userinfo.
    pub userinfo_signing_alg_values_supported: Vec<Alg>,
    /// Algorithms of signed authorization responses (JARM §4).
    pub authorization_signing_alg_values_supported: Vec<Alg>,
    /// See [`crate::oauth::ClientCredentials`].
    pub token_endpoint_auth_methods_supported: Vec<&'static str>,
    /// Algorithms of client assertions.
    pub token_endpoint_auth_signing_alg_values_supported: Vec<Alg>,
    /// Whether addresses of metadata documents are taken as `client_id`
    /// (draft-ietf-oauth-client-id-metadata-document §5); absent means no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub client_id_metadata_document_supported: bool,
    /// Where clients register themselves (RFC 7591 §3), if they may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// `S256`.
    pub code_challenge_methods_supported: Vec<&'static str>,
    /// Algorithms of DPoP proofs (RFC 9449 §5.1).
    pub dpop_signing_alg_values_supported: Vec<Alg>,
    /// See [`Prompt`]; `create` is the caller's to add where accounts can be made.
    pub prompt_values_supported: Vec<&'static str>,
    /// `iss` is in every authorization response (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
    /// `display` values that are taken; the pages fit all of them.
    pub display_values_supported: [&'static str; 3],
    /// Languages of the pages.
    pub ui_locales_supported: Vec<&'static str>,
    /// Whether `claims` is read.
    pub claims_parameter_supported: bool,
    /// Whether `request` is read.
    pub request_parameter_supported: bool,
    /// Algorithms that clients may sign request objects with (RFC 9101 §9).
    pub request_object_signing_alg_values_supported: Vec<Alg>,
    /// Whether a `request_uri` of the client is read; it would be `true` if left out. Those of pushed requests are
    /// no such (RFC 9126 §5).
    pub request_uri_parameter_supported: bool,
}

/// How clients authenticate wherever they call themselves; see [`crate::oauth::ClientCredentials`].
const CLIENT_AUTH_METHODS: [&str; 4] =
    ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"];

impl Discovery {
    /// The document of an issuer. `internal` is the address at which clients' servers reach us, the issuer
    /// itself if there is no other; both come without a trailing slash. `algs` are the algorithms of the keys
    /// that sign now. The languages of the pages are the caller's to fill in.
    #[must_use]
    pub fn new(issuer: &str, internal: &str, algs: &[Alg]) -> Self {
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: format!("{issuer}/authorize"),
            token_endpoint: format!("{internal}/api/oidc/token"),
            userinfo_endpoint: format!("{internal}/api/oidc/userinfo"),
            pushed_authorization_request_endpoint: format!("{internal}/api/oidc/par"),
            require_pushed_authorization_requests: false,
            end_session_endpoint: format!("{issuer}/api/oidc/end-session"),
            device_authorization_endpoint: format!("{issuer}/api/oidc/device/authorize"),
            introspection_endpoint: format!("{internal}/api/oidc/introspect"),
            introspection_endpoint_auth_methods_supported: vec![
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
                "Bearer",
            ],
            introspection_endpoint_auth_signing_alg_values_supported: Alg::ALL.to_vec(),
            introspection_signing_alg_values_supported: algs.to_vec(),
            revocation_endpoint: format!("{internal}/api/oidc/revoke"),
            revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS.to_vec(),
            revocation_endpoint_auth_signing_alg_values_supported: Alg::ALL.to_vec(),
            backchannel_logout_supported: true,
            backchannel_logout_session_supported: true,
            frontchannel_logout_supported: true,
            frontchannel_logout_session_supported: true,
            jwks_uri: format!("{internal}/.well-known/jwks.json"),
            scopes_supported: scope::STANDARD.to_vec(),
            claims_supported: claims::SUPPORTED.to_vec(),
            response_types_supported: vec!["code"],
            response_modes_supported: ResponseMode::NAMES.map(|(name, _)| name).to_vec(),
            grant_types_supported: vec![
                "authorization_code",
                "refresh_token",
                "urn:ietf:params:oauth:grant-type:device_code",
                "client_credentials",
                token_exchange::GRANT_TYPE,
            ],
            acr_values_supported: Acr::OFFERED.map(Acr::as_str).to_vec(),
            subject_types_supported: subject::TYPES.to_vec(),
            id_token_signing_alg_values_supported: algs.to_vec(),
            userinfo_signing_alg_values_supported: algs.to_vec(),
            authorization_signing_alg_values_supported: algs.to_vec(),
            token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS.to_vec(),
            token_endpoint_auth_signing_alg_values_supported: Alg::ALL.to_vec(),
            client_id_metadata_document_supported: false,
            registration_endpoint: None,
            code_challenge_methods_supported: vec!["S256"],
            dpop_signing_alg_values_supported: Alg::ALL.to_vec(),
            prompt_values_supported: Prompt::ALL
                .into_iter()
                .filter(|prompt| *prompt != Prompt::Create)
                .map(Prompt::as_str)
                .collect(),
            authorization_response_iss_parameter_supported: true,
            display_values_supported: ["page", "popup", "touch"],
            ui_locales_supported: Vec::new(),
            claims_parameter_supported: true,
            request_parameter_supported: true,
            request_object_signing_alg_values_supported: Alg::ALL.to_vec(),
            request_uri_parameter_supported: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn s04_the_document_says_what_is_served() {
        let document = Discovery::new("https://id.example", "http://id:1411", &[Alg::RS256, Alg::EdDSA]);
        assert_eq!(
            serde_json::to_value(document).unwrap(),
            json!({
                "issuer": "https://id.example",
                "authorization_endpoint": "https://id.example/authorize",
                "token_endpoint": "http://id:1411/api/oidc/token",
                "userinfo_endpoint": "http://id:1411/api/oidc/userinfo",
                "pushed_authorization_request_endpoint": "http://id:1411/api/oidc/par",
                "require_pushed_authorization_requests": false,
                "end_session_endpoint": "https://id.example/api/oidc/end-session",
                "device_authorization_endpoint": "https://id.example/api/oidc/device/authorize",
                "introspection_endpoint": "http://id:1411/api/oidc/introspect",
                "introspection_endpoint_auth_methods_supported":
                    ["client_secret_basic", "client_secret_post", "private_key_jwt", "Bearer"],
                "introspection_endpoint_auth_signing_alg_values_supported": Alg::ALL,
                "introspection_signing_alg_values_supported": ["RS256", "EdDSA"],
                "revocation_endpoint": "http://id:1411/api/oidc/revoke",
                "revocation_endpoint_auth_methods_supported":
                    ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "revocation_endpoint_auth_signing_alg_values_supported": Alg::ALL,
                "backchannel_logout_supported": true,
                "backchannel_logout_session_supported": true,
                "frontchannel_logout_supported": true,
                "frontchannel_logout_session_supported": true,
                "jwks_uri": "http://id:1411/.well-known/jwks.json",
                "scopes_supported": ["openid", "profile", "email", "groups", "offline_access"],
                "claims_supported": [
                    "sub", "given_name", "family_name", "name", "display_name", "email", "email_verified",
                    "preferred_username", "picture", "groups", "locale", "updated_at", "auth_time", "acr", "amr"
                ],
                "response_types_supported": ["code"],
                "response_modes_supported": [
                    "query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"
                ],
                "grant_types_supported": [
                    "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
                    "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"
                ],
                "acr_values_supported": ["phr", "phrh"],
                "subject_types_supported": ["public", "pairwise"],
                "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
                "userinfo_signing_alg_values_supported": ["RS256", "EdDSA"],
                "authorization_signing_alg_values_supported": ["RS256", "EdDSA"],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
                ],
                "token_endpoint_auth_signing_alg_values_supported": [
                    "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
                ],
                "code_challenge_methods_supported": ["S256"],
                "dpop_signing_alg_values_supported": [
                    "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
                ],
                "prompt_values_supported": ["none", "login", "consent", "select_account"],
                "authorization_response_iss_parameter_supported": true,
                "display_values_supported": ["page", "popup", "touch"],
                "ui_locales_supported": [],
                "claims_parameter_supported": true,
                "request_parameter_supported": true,
                "request_object_signing_alg_values_supported": [
                    "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"
                ],
                "request_uri_parameter_supported": false,
            })
        );
    }
}
