//! Client metadata (RFC 7591 §2 and the specifications that add to it), spelled as on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is registered about a client beyond its names and addresses. Every member is optional; what is absent has
/// the default of its specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// RFC 7591 §2: the client's public keys, a JWK set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// RFC 7591 §2: where its JWK set is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// RFC 7591 §2: the one method of client authentication it uses. Without it a secret by either method, a
    /// federated identity, or nothing for public clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_method: Option<String>,
    /// OpenID Connect Registration §2: the algorithm of its assertions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// RFC 7591 §2: grants it may use; all that its kind allows if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<String>>,
    /// OpenID Connect Registration §2: algorithm of its ID tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_signed_response_alg: Option<String>,
    /// OpenID Connect Registration §2: algorithm of userinfo; absent means plain JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<String>,
    /// RFC 9701 §6: algorithm of introspection answers; absent means plain JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<String>,
    /// JARM §3: algorithm of authorization responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<String>,
    /// OpenID Connect Registration §2: the algorithm of its request objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<String>,
    /// RFC 9101 §10.5: only signed request objects are taken.
    #[serde(skip_serializing_if = "is_false")]
    pub require_signed_request_object: bool,
    /// RFC 9449 §5.2: tokens are always bound to a key.
    #[serde(skip_serializing_if = "is_false")]
    pub dpop_bound_access_tokens: bool,
    /// OpenID Connect Registration §2: `public` or `pairwise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<String>,
    /// OpenID Connect Core §8.1: what pairwise subjects are made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    /// OpenID Connect Registration §2: `max_age` in seconds where a request has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<i64>,
    /// OpenID Connect Registration §2: `acr_values` where a request has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_acr_values: Option<Vec<String>>,
    /// OpenID Connect Back-Channel Logout §2.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// OpenID Connect Back-Channel Logout §2.2.
    #[serde(skip_serializing_if = "is_false")]
    pub backchannel_logout_session_required: bool,
    /// OpenID Connect Front-Channel Logout §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    /// OpenID Connect Front-Channel Logout §2.
    #[serde(skip_serializing_if = "is_false")]
    pub frontchannel_logout_session_required: bool,
    /// RFC 8693: `audience` values the client may exchange tokens for; none if absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_exchange_audiences: Vec<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    /// RFC 7591 §2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl ClientMetadata {
    /// Reads what [`Self::to_text`] wrote. Members that are not known are dropped.
    ///
    /// # Errors
    /// If it is no JSON object, or a member has another type.
    pub fn from_text(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// JSON, with what differs from the defaults.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// The members that name an algorithm which we sign something for the client with, with their values.
    #[must_use]
    pub fn signed_response_algs(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("id_token_signed_response_alg", self.id_token_signed_response_alg.as_deref()),
            ("userinfo_signed_response_alg", self.userinfo_signed_response_alg.as_deref()),
            ("introspection_signed_response_alg", self.introspection_signed_response_alg.as_deref()),
            ("authorization_signed_response_alg", self.authorization_signed_response_alg.as_deref()),
        ]
    }

    /// Whether a grant type is among those registered, or none are.
    #[must_use]
    pub fn allows_grant_type(&self, grant_type: &str) -> bool {
        self.grant_types.as_ref().is_none_or(|all| all.iter().any(|g| g == grant_type))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_set_is_written_and_it_is_read_back() {
        assert_eq!(ClientMetadata::default().to_text(), "{}");
        let text = r#"{"jwks_uri":"https://a.example/jwks","dpop_bound_access_tokens":true,"unknown":1}"#;
        let read = ClientMetadata::from_text(text).unwrap();
        assert_eq!(read.jwks_uri.as_deref(), Some("https://a.example/jwks"));
        assert_eq!(ClientMetadata::from_text(&read.to_text()).unwrap(), read);
        assert!(ClientMetadata::from_text(r#"{"jwks_uri":1}"#).is_err());
    }

    #[test]
    fn without_a_list_every_grant_type_is_allowed() {
        let some =
            ClientMetadata { grant_types: Some(vec!["authorization_code".into()]), ..Default::default() };
        assert!(ClientMetadata::default().allows_grant_type("refresh_token"));
        assert!(some.allows_grant_type("authorization_code") && !some.allows_grant_type("refresh_token"));
    }
}
