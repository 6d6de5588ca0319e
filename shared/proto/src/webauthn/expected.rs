//! What the relying party expects of either ceremony, and what a person is told when it was not met.

use super::client_data::CollectedClientData;
use super::options::UserVerification;
use crate::{b64, hash, secret};

/// The facts a response is held against; the same for registration and authentication.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The bytes sent as `challenge` in the options of this very ceremony.
    pub challenge: &'a [u8],
    /// The RP ID sent in the options: a host name, e.g. `id.example.org`.
    pub rp_id: &'a str,
    /// Full origins a ceremony may run on, e.g. `https://id.example.org`. Compared byte for byte: no suffixes,
    /// no default ports, no trailing slash.
    pub origins: &'a [&'a str],
    /// What the options asked for; only [`UserVerification::Required`] is enforced.
    pub user_verification: UserVerification,
}

impl Expected<'_> {
    /// Whether the client collected the base64url form of the challenge; in constant time.
    pub(super) fn is_challenge(&self, client_data: &CollectedClientData) -> bool {
        secret::ct_eq(client_data.challenge.as_bytes(), b64::encode(self.challenge).as_bytes())
    }

    /// Whether the ceremony ran on a listed origin.
    pub(super) fn is_origin(&self, client_data: &CollectedClientData) -> bool {
        self.origins.contains(&client_data.origin.as_str())
    }

    /// Whether the authenticator was asked on behalf of the RP ID.
    pub(super) fn is_rp_id_hash(&self, rp_id_hash: &[u8]) -> bool {
        secret::ct_eq(rp_id_hash, &hash::sha256(self.rp_id.as_bytes()))
    }

    /// Whether the user verification that was given is enough.
    pub(super) fn is_verified_enough(&self, user_verified: bool) -> bool {
        user_verified || self.user_verification != UserVerification::Required
    }
}

/// What a person (or an API client) is told; which step failed is for logs and audit only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicReason {
    /// The response could not be understood, or does not belong to this ceremony.
    InvalidResponse,
    /// The passkey could not be verified.
    NotVerified,
    /// The passkey did not verify its user although that is required.
    UserVerificationRequired,
}

impl PublicReason {
    /// The stable machine code of the JSON API.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::InvalidResponse => "invalid_webauthn_response",
            Self::NotVerified => "webauthn_authentication_failed",
            Self::UserVerificationRequired => "passkey_user_verification_required",
        }
    }

    /// The HTTP status that goes with [`PublicReason::code`].
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidResponse | Self::UserVerificationRequired => 400,
            Self::NotVerified => 401,
        }
    }
}
