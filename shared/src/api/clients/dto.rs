//! Clients as the API reads and shows them, and the rules their fields keep.

use super::metadata;
use crate::api::error::{ApiError, FieldError};
use crate::decide::cimd::CIMD;
use crate::store::client::{Client, ClientSecret};
use crate::store::federated_identity::FederatedIdentity;
use crate::text::nfc;
use proto::oauth::ClientMetadata;
use proto::time::UnixTime;
use proto::uri::CallbackPattern;
use serde::{Deserialize, Serialize};

/// Longest lifetime of a token, in minutes (a year).
const LONGEST_MINUTES: i64 = 525_600;

/// Body of a creation or replacement. Fields that are absent get their default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ClientInput {
    /// Id, at creation only.
    pub id: Option<String>,
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Callback URL patterns.
    #[serde(rename = "callbackURLs")]
    pub callback_urls: Vec<String>,
    /// Post-logout callback URL patterns.
    #[serde(rename = "logoutCallbackURLs")]
    pub logout_callback_urls: Vec<String>,
    /// Public client.
    pub is_public: bool,
    /// PKCE demanded.
    pub pkce_enabled: bool,
    /// Passkey asked for at each sign-in.
    pub requires_reauthentication: bool,
    /// Pushed authorization requests only.
    pub requires_pushed_authorization_requests: bool,
    /// No consent page.
    pub skip_consent: bool,
    /// Members of the allowed groups only.
    pub is_group_restricted: bool,
    /// Address that starts the app.
    #[serde(rename = "launchURL")]
    pub launch_url: Option<String>,
    /// Federated identities.
    pub credentials: Option<CredentialsInput>,
    /// Client metadata (RFC 7591 §2), members spelled as registered. Absent leaves it as it is.
    #[cfg_attr(test, schema(value_type = Option<Object>))]
    pub metadata: Option<ClientMetadata>,
    /// Lifetime of access tokens; 0 is the default.
    pub access_token_duration_minutes: i64,
    /// Lifetime of refresh tokens; 0 is the default.
    pub refresh_token_duration_minutes: i64,
}

/// `credentials` of a client. Secrets have their own endpoints.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CredentialsInput {
    /// Federated identities.
    pub federated_identities: Vec<FederatedIdentity>,
}

/// Body of an approval.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalInput {
    /// `updatedAt` of the client that was looked at: one that changed since is not approved.
    pub updated_at: Option<String>,
}

/// Body of a new secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct SecretInput {
    /// A secret of one's own, printable ASCII of at least 16 characters.
    pub secret: Option<String>,
    /// End of life, RFC 3339.
    pub expires_at: Option<String>,
}

impl Client {
    /// A client of which only the id is decided.
    #[must_use]
    pub fn blank(id: String, now: UnixTime) -> Self {
        Self {
            id,
            name: String::new(),
            description: String::new(),
            callback_urls: Vec::new(),
            logout_callback_urls: Vec::new(),
            is_public: false,
            pkce_enabled: false,
            pkce_supported: false,
            requires_reauthentication: false,
            requires_pushed_authorization_requests: false,
            skip_consent: false,
            is_group_restricted: false,
            launch_url: None,
            client_type: "standard".to_owned(),
            federated_identities: "[]".to_owned(),
            metadata: ClientMetadata::default(),
            metadata_expires_at: None,
            is_pending: false,
            access_token_duration_minutes: 60,
            refresh_token_duration_minutes: 43_200,
            created_at: now,
            updated_at: now,
        }
    }
}

impl ClientInput {
    /// The id asked for: 2 to 128 of letters, digits, `.`, `_`, `-`.
    ///
    /// # Errors
    /// [`ApiError::Validation`].
    pub fn checked_id(&self) -> Result<Option<String>, ApiError> {
        let Some(id) = self.id.as_deref().filter(|id| !id.is_empty()) else { return Ok(None) };
        let problem = if id.len() < 2 {
            FieldError::new("id", "too_short", "must be at least 2 characters long")
        } else if id.len() > 128 {
            FieldError::new("id", "too_long", "must be at most 128 characters long")
        } else if !id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            FieldError::new("id", "client_id", "is invalid")
        } else {
            return Ok(Some(id.to_owned()));
        };
        Err(ApiError::Validation(vec![problem]))
    }

    /// The client after this change.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that breaks a rule.
    pub fn apply(self, before: Client) -> Result<Client, ApiError> {
        if before.client_type == CIMD {
            return self.replaced_by_document(&before).apply_all(before);
        }
        self.apply_all(before)
    }

    /// What a metadata document says is not for an admin to change.
    fn replaced_by_document(self, before: &Client) -> Self {
        Self {
            name: before.name.clone(),
            callback_urls: before.callback_urls.clone(),
            logout_callback_urls: before.logout_callback_urls.clone(),
            is_public: before.is_public,
            pkce_enabled: before.pkce_enabled,
            credentials: None,
            metadata: None,
            ..self
        }
    }

    fn apply_all(self, before: Client) -> Result<Client, ApiError> {
        let mut errors = Vec::new();
        check_length(&mut errors, "name", &self.name, 50);
        check_length(&mut errors, "description", &self.description, 150);
        if self.name.trim().is_empty() {
            errors.insert(0, FieldError::new("name", "required", "is required"));
        }
        check_patterns(&mut errors, "callbackURLs", &self.callback_urls);
        check_patterns(&mut errors, "logoutCallbackURLs", &self.logout_callback_urls);
        let identities = self.credentials.unwrap_or_default().federated_identities;
        metadata::check_identities(&mut errors, &identities);
        let launch_url = self.launch_url.filter(|u| !u.is_empty());
        if launch_url.as_deref().is_some_and(|u| !is_web_address(u)) {
            errors.push(FieldError::new("launchURL", "invalid_format", "must be a valid URL"));
        }
        let mut minutes = |field: &'static str, value: i64, default: i64| match value {
            0 => default,
            1..=LONGEST_MINUTES => value,
            _ => {
                errors.push(FieldError::new(field, "token_duration", "is invalid"));
                default
            }
        };
        let access = minutes("accessTokenDurationMinutes", self.access_token_duration_minutes, 60);
        let refresh = minutes("refreshTokenDurationMinutes", self.refresh_token_duration_minutes, 43_200);
        // RFC 9700 §2.1.1: public clients always use PKCE.
        let pkce_enabled = self.pkce_enabled || self.is_public;
        let client = Client {
            name: nfc(&self.name),
            description: nfc(&self.description),
            callback_urls: self.callback_urls,
            logout_callback_urls: self.logout_callback_urls,
            is_public: self.is_public,
            pkce_enabled,
            pkce_supported: before.pkce_supported && pkce_enabled,
            requires_reauthentication: self.requires_reauthentication,
            requires_pushed_authorization_requests: self.requires_pushed_authorization_requests,
            skip_consent: self.skip_consent,
            is_group_restricted: self.is_group_restricted,
            launch_url,
            federated_identities: serde_json::to_string(&identities).unwrap_or_else(|_| "[]".to_owned()),
            metadata: self.metadata.unwrap_or_else(|| before.metadata.clone()),
            access_token_duration_minutes: access,
            refresh_token_duration_minutes: refresh,
            ..before
        };
        metadata::check(&mut errors, &client);
        if errors.is_empty() { Ok(client) } else { Err(ApiError::Validation(errors)) }
    }
}

fn check_length(errors: &mut Vec<FieldError>, field: &'static str, text: &str, most: usize) {
    if text.chars().count() > most {
        errors.push(FieldError::new(field, "too_long", format!("must be at most {most} characters long")));
    }
}

fn check_patterns(errors: &mut Vec<FieldError>, field: &'static str, patterns: &[String]) {
    let bad = patterns.len() > 100 || patterns.iter().any(|p| CallbackPattern::parse(p).is_err());
    if bad {
        errors.push(FieldError::new(field, "callback_url_pattern", "is invalid"));
    }
}

fn is_web_address(text: &str) -> bool {
    text.len() <= 2048
        && url::Url::parse(text)
            .is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.host_str().is_some())
}

/// What anybody may know of a client.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ClientMetaDto {
    id: String,
    name: String,
    description: String,
    has_logo: bool,
    has_dark_logo: bool,
    #[serde(rename = "launchURL")]
    launch_url: Option<String>,
    requires_reauthentication: bool,
    client_type: String,
}

impl ClientMetaDto {
    /// Shows a client.
    #[must_use]
    pub(in crate::api) fn new(c: &Client) -> Self {
        Self {
            id: c.id.clone(),
            name: c.name.clone(),
            description: c.description.clone(),
            has_logo: false,
            has_dark_logo: false,
            launch_url: c.launch_url.clone(),
            requires_reauthentication: c.requires_reauthentication,
            client_type: c.client_type.clone(),
        }
    }
}

/// A client as admins see it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ClientDto {
    #[serde(flatten)]
    meta: ClientMetaDto,
    #[serde(rename = "callbackURLs")]
    callback_urls: Vec<String>,
    #[serde(rename = "logoutCallbackURLs")]
    logout_callback_urls: Vec<String>,
    is_public: bool,
    /// Whether an admin has yet to approve it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_pending: bool,
    /// Its last change, while it waits for approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    pkce_enabled: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pkce_supported: bool,
    requires_pushed_authorization_requests: bool,
    skip_consent: bool,
    is_group_restricted: bool,
    credentials: CredentialsDto,
    #[cfg_attr(test, schema(value_type = Object))]
    metadata: ClientMetadata,
    access_token_duration_minutes: i64,
    refresh_token_duration_minutes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_user_groups: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_user_groups_count: Option<i64>,
}

impl ClientDto {
    /// Shows a client and its secrets, without what would let anybody use them.
    #[must_use]
    pub(super) fn new(c: &Client, secrets: &[ClientSecret], now: UnixTime) -> Self {
        let federated_identities = FederatedIdentity::all_of(c).unwrap_or_default();
        let secrets = secrets.iter().map(|s| SecretDto::new(s, now)).collect();
        Self {
            meta: ClientMetaDto::new(c),
            callback_urls: c.callback_urls.clone(),
            logout_callback_urls: c.logout_callback_urls.clone(),
            is_public: c.is_public,
            is_pending: c.is_pending,
            updated_at: c.is_pending.then(|| c.updated_at.rfc3339()),
            pkce_enabled: c.pkce_enabled,
            pkce_supported: c.pkce_supported,
            requires_pushed_authorization_requests: c.requires_pushed_authorization_requests,
            skip_consent: c.skip_consent,
            is_group_restricted: c.is_group_restricted,
            credentials: CredentialsDto { federated_identities, secrets },
            metadata: c.metadata.clone(),
            access_token_duration_minutes: c.access_token_duration_minutes,
            refresh_token_duration_minutes: c.refresh_token_duration_minutes,
            allowed_user_groups: None,
            allowed_user_groups_count: None,
        }
    }

    /// With the list of allowed groups, which nothing can fill yet.
    #[must_use]
    pub(super) fn with_groups(self) -> Self {
        Self { allowed_user_groups: Some(Vec::new()), ..self }
    }

    /// With the number of allowed groups.
    #[must_use]
    pub(super) fn with_group_count(self, count: i64) -> Self {
        Self { allowed_user_groups_count: Some(count), ..self }
    }
}

/// What authenticates a client.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
struct CredentialsDto {
    federated_identities: Vec<FederatedIdentity>,
    secrets: Vec<SecretDto>,
}

/// A secret, with its value only in the answer that makes it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct SecretDto {
    id: String,
    /// First characters of the secret.
    prefix: String,
    created_at: String,
    expires_at: Option<String>,
    is_active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl SecretDto {
    /// Shows a secret without its value.
    pub(super) fn new(s: &ClientSecret, now: UnixTime) -> Self {
        Self {
            id: s.id.clone(),
            prefix: s.prefix.clone(),
            created_at: s.created_at.rfc3339(),
            expires_at: s.expires_at.map(UnixTime::rfc3339),
            is_active: s.is_active(now),
            secret: None,
        }
    }

    /// With its value, once.
    pub(super) fn with_value(self, secret: String) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn input(body: Value) -> ClientInput {
        serde_json::from_value(body).unwrap()
    }

    fn fields(result: Result<Client, ApiError>) -> Vec<(String, &'static str)> {
        match result {
            Err(ApiError::Validation(errors)) => {
                errors.into_iter().map(|e| (e.field.into_owned(), e.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_broken_rule_is_named() {
        let body = json!({
            "name": "", "description": "x".repeat(151), "callbackURLs": ["javascript:alert(1)"],
            "logoutCallbackURLs": ["no scheme"], "launchURL": "javascript:alert(1)", "accessTokenDurationMinutes": -1,
            "refreshTokenDurationMinutes": 525_601,
        });
        let broken = fields(input(body).apply(Client::blank("a".into(), UnixTime(0))));
        assert_eq!(
            broken.iter().map(|(field, code)| (field.as_str(), *code)).collect::<Vec<_>>(),
            [
                ("name", "required"),
                ("description", "too_long"),
                ("callbackURLs", "callback_url_pattern"),
                ("logoutCallbackURLs", "callback_url_pattern"),
                ("launchURL", "invalid_format"),
                ("accessTokenDurationMinutes", "token_duration"),
                ("refreshTokenDurationMinutes", "token_duration"),
            ]
        );
    }

    #[test]
    fn public_clients_use_pkce_and_zero_means_default() {
        let client = input(json!({ "name": "A", "isPublic": true, "pkceEnabled": false }))
            .apply(Client::blank("a".into(), UnixTime(0)))
            .unwrap();
        assert!(client.pkce_enabled);
        assert_eq!(
            (client.access_token_duration_minutes, client.refresh_token_duration_minutes),
            (60, 43_200)
        );
    }

    #[test]
    fn ids_are_checked() {
        for (id, code) in [("a", "too_short"), ("a b", "client_id"), ("https://x", "client_id")] {
            let Err(ApiError::Validation(errors)) = input(json!({ "id": id })).checked_id() else {
                panic!("{id}")
            };
            assert_eq!(errors[0].code, code, "{id}");
        }
        assert_eq!(input(json!({ "id": "my-app_1.x" })).checked_id(), Ok(Some("my-app_1.x".into())));
        assert_eq!(input(json!({})).checked_id(), Ok(None));
    }
}
