//! Error codes that OAuth and OpenID Connect put on the wire.

use std::fmt;

/// An `error` value, for JSON answers, redirects and `WWW-Authenticate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// A parameter is missing, repeated, malformed or contradicts another (RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1).
    InvalidRequest,
    /// Client authentication failed, or the client is unknown (RFC 6749 §5.2).
    InvalidClient,
    /// The code, refresh token or verifier is wrong, used, expired or another client's (RFC 6749 §5.2).
    InvalidGrant,
    /// The client may not use this grant or response type (RFC 6749 §4.1.2.1, §5.2).
    UnauthorizedClient,
    /// The token endpoint does not know the grant type (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// A scope is unknown, malformed or more than was granted (RFC 6749 §4.1.2.1, §5.2).
    InvalidScope,
    /// The person or the server said no (RFC 6749 §4.1.2.1).
    AccessDenied,
    /// The authorization endpoint does not know the response type (RFC 6749 §4.1.2.1).
    UnsupportedResponseType,
    /// The response mode is unknown (OAuth 2.0 Multiple Response Type Encoding Practices §2.1).
    UnsupportedResponseMode,
    /// Something of ours broke (RFC 6749 §4.1.2.1).
    ServerError,
    /// Overload or maintenance (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable,
    /// The access token is malformed, expired or revoked (RFC 6750 §3.1).
    InvalidToken,
    /// The access token lacks a scope (RFC 6750 §3.1).
    InsufficientScope,
    /// Signing in is needed and `prompt=none` forbids it (OpenID Connect Core §3.1.2.6).
    LoginRequired,
    /// Consent is needed and `prompt=none` forbids asking (OpenID Connect Core §3.1.2.6).
    ConsentRequired,
    /// Some page is needed and `prompt=none` forbids it (OpenID Connect Core §3.1.2.6).
    InteractionRequired,
    /// Choosing an account is needed and `prompt=none` forbids it (OpenID Connect Core §3.1.2.6).
    AccountSelectionRequired,
    /// The person cannot sign in as the client requires (Unmet Authentication Requirements 1.0 §2, RFC 9470 §5).
    UnmetAuthenticationRequirements,
    /// `request` is not served (OpenID Connect Core §3.1.2.6).
    RequestNotSupported,
    /// `request_uri` is not served (OpenID Connect Core §3.1.2.6).
    RequestUriNotSupported,
    /// `registration` is not served (OpenID Connect Core §3.1.2.6).
    RegistrationNotSupported,
    /// The `request_uri` is unknown, used, expired or another client's (OpenID Connect Core §3.1.2.6, RFC 9126 §2.3).
    InvalidRequestUri,
    /// The request object is malformed or badly signed (OpenID Connect Core §3.1.2.6, RFC 9101 §10.3).
    InvalidRequestObject,
    /// The `resource` is unknown or malformed (RFC 8707 §2).
    InvalidTarget,
    /// A redirect URI cannot be registered (RFC 7591 §3.2.2).
    InvalidRedirectUri,
    /// A member of the client metadata cannot be registered (RFC 7591 §3.2.2).
    InvalidClientMetadata,
    /// A software statement of nobody whom we trust (RFC 7591 §3.2.2).
    UnapprovedSoftwareStatement,
    /// The person has not decided yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// The device polls too often (RFC 8628 §3.5).
    SlowDown,
    /// The device code has expired (RFC 8628 §3.5).
    ExpiredToken,
    /// The token presented is of a kind that cannot be revoked (RFC 7009 §2.2.1).
    UnsupportedTokenType,
    /// The DPoP proof is missing, malformed, of another request or used (RFC 9449 §5, §7.1).
    InvalidDpopProof,
    /// The DPoP proof needs a newer nonce of ours (RFC 9449 §8, §9).
    UseDpopNonce,
}

impl ErrorCode {
    /// Every code, in the order of declaration.
    pub const ALL: [Self; 33] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::AccessDenied,
        Self::UnsupportedResponseType,
        Self::UnsupportedResponseMode,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::InvalidToken,
        Self::InsufficientScope,
        Self::LoginRequired,
        Self::ConsentRequired,
        Self::InteractionRequired,
        Self::AccountSelectionRequired,
        Self::UnmetAuthenticationRequirements,
        Self::RequestNotSupported,
        Self::RequestUriNotSupported,
        Self::RegistrationNotSupported,
        Self::InvalidRequestUri,
        Self::InvalidRequestObject,
        Self::InvalidTarget,
        Self::InvalidRedirectUri,
        Self::InvalidClientMetadata,
        Self::UnapprovedSoftwareStatement,
        Self::AuthorizationPending,
        Self::SlowDown,
        Self::ExpiredToken,
        Self::UnsupportedTokenType,
        Self::InvalidDpopProof,
        Self::UseDpopNonce,
    ];

    /// The value of `error` on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedResponseMode => "unsupported_response_mode",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::AccountSelectionRequired => "account_selection_required",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
        }
    }

    /// The HTTP status of a JSON endpoint that answers with this code (RFC 6749 §5.2, RFC 6750 §3.1).
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::AccessDenied | Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_code_has_its_own_word() {
        let words: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), ErrorCode::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn statuses_other_than_400() {
        let others: Vec<_> = ErrorCode::ALL
            .iter()
            .filter(|code| code.http_status() != 400)
            .map(|code| (code.as_str(), code.http_status()))
            .collect();
        assert_eq!(
            others,
            [
                ("invalid_client", 401),
                ("access_denied", 403),
                ("server_error", 500),
                ("temporarily_unavailable", 503),
                ("invalid_token", 401),
                ("insufficient_scope", 403),
            ]
        );
    }
}
