//! Errors of the JSON API: a stable code, a sentence, and structured details.

use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A broken rule of the JSON API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// Nobody is signed in.
    NotSignedIn,
    /// Signed in, but not allowed.
    Forbidden,
    /// The account is disabled.
    UserDisabled,
    /// A resource does not exist; the name begins the sentence.
    NotFound(&'static str),
    /// No endpoint has the path.
    NoEndpoint,
    /// The endpoint does not know the method.
    MethodNotAllowed,
    /// The body is no JSON of the right content type.
    InvalidBody,
    /// The body is larger than the endpoint takes.
    BodyTooLarge,
    /// Fields that break a rule.
    Validation(Vec<FieldError>),
    /// Something that must be unique is taken: the name of the property.
    AlreadyInUse(&'static str),
    /// The client id is taken.
    ClientIdTaken,
    /// The algorithm has a signing key already.
    SigningKeyExists,
    /// The signing key signs for this installation or for a client.
    SigningKeyInUse,
    /// The client does not wait for approval, or changed since it was looked at.
    ClientChanged,
    /// No device waits for this code, or it is decided.
    InvalidDeviceCode,
    /// The device waited too long.
    DeviceCodeExpired,
    /// The person may not use the client.
    AccessDenied,
    /// The person has to use the passkey again first.
    ReauthenticationRequired,
    /// Too many requests.
    RateLimited {
        /// Seconds until the next one can pass, at least 1.
        retry_after_s: u32,
    },
    /// The request names another host than `APP_URL`.
    WrongHost,
    /// Our fault.
    Internal,
}

/// One field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct FieldError {
    /// JSON name of the field.
    pub field: Cow<'static, str>,
    /// Stable code: `required`, `too_long`, …
    pub code: &'static str,
    /// The rest of the sentence that begins with the field's name.
    pub message: String,
}

impl FieldError {
    /// A field error.
    #[must_use]
    pub fn new(field: impl Into<Cow<'static, str>>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}

impl ApiError {
    /// Status, code and sentence.
    #[must_use]
    pub fn public(&self) -> (u16, &'static str, String) {
        match self {
            Self::NotSignedIn => (401, "not_signed_in", "You are not signed in".into()),
            Self::Forbidden => (403, "forbidden", "You don't have permission to perform this action".into()),
            Self::UserDisabled => (403, "user_disabled", "User account is disabled".into()),
            Self::NotFound(what) => (404, "not_found", format!("{what} not found")),
            Self::NoEndpoint => (404, "not_found", "API endpoint not found".into()),
            Self::MethodNotAllowed => (405, "method_not_allowed", "Method not allowed".into()),
            Self::InvalidBody => (400, "invalid_request_body", "Request body is invalid".into()),
            Self::BodyTooLarge => (413, "request_too_large", "Request body is too large".into()),
            Self::Validation(fields) => {
                let sentence = fields
                    .first()
                    .map_or_else(String::new, |f| capitalised(&format!("{} {}", f.field, f.message)));
                (400, "validation_failed", sentence)
            }
            Self::AlreadyInUse(property) => {
                (409, "already_in_use", capitalised(&format!("{property} is already in use")))
            }
            Self::ClientIdTaken => (409, "client_id_already_exists", "Client ID is already in use".into()),
            Self::SigningKeyExists => (
                409,
                "signing_key_already_exists",
                "There is a signing key for this algorithm already".into(),
            ),
            Self::ClientChanged => (
                409,
                "client_changed",
                "The client changed since it was looked at, or does not wait for approval".into(),
            ),
            Self::SigningKeyInUse => (
                409,
                "signing_key_in_use",
                "The signing key is in use: rotate it first, or have no client ask for its algorithm".into(),
            ),
            Self::InvalidDeviceCode => (400, "oidc_invalid_device_code", "Device code is invalid".into()),
            Self::DeviceCodeExpired => (400, "oidc_device_code_expired", "Device code has expired".into()),
            Self::AccessDenied => {
                (403, "oidc_access_denied", "You're not allowed to access this service.".into())
            }
            Self::ReauthenticationRequired => {
                (401, "reauthentication_required", "Reauthentication is required".into())
            }
            Self::RateLimited { .. } => (429, "rate_limited", "Too many requests".into()),
            Self::WrongHost => {
                (421, "wrong_host", "This address is not the APP_URL of this installation".into())
            }
            Self::Internal => (500, "internal_error", "Something went wrong".into()),
        }
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self, request_id: &str) -> Value {
        let (_, code, error) = self.public();
        let mut body = json!({ "error": error, "code": code, "request_id": request_id });
        let details = match self {
            Self::Validation(fields) => Some(json!({ "fields": fields })),
            Self::NotFound(what) => Some(json!({ "resource": what })),
            Self::AlreadyInUse(property) => Some(json!({ "property": property })),
            _ => None,
        };
        if let (Some(details), Some(map)) = (details, body.as_object_mut()) {
            map.insert("details".into(), details);
        }
        body
    }
}

fn capitalised(sentence: &str) -> String {
    let mut rest = sentence.chars();
    let first = rest.next().map(|c| c.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}", rest.as_str())
}
