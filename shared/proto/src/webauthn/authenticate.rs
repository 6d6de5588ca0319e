//! Verifying an authentication assertion (WebAuthn §7.2).

use super::authenticator_data::{AuthenticatorData, AuthenticatorDataError, Flags};
use super::client_data::{ClientDataError, CollectedClientData};
use super::cose::CosePublicKey;
use super::expected::{Expected, PublicReason};
use super::response::AuthenticationResponse;
use crate::{b64, hash, secret};

/// The parts of a stored credential record that a verification needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredential {
    /// Credential id, base64url.
    pub credential_id: String,
    /// Credential public key: `COSE_Key` bytes, base64url.
    pub public_key: String,
    /// The last signature counter seen.
    pub sign_count: u32,
    /// BE at registration.
    pub backup_eligible: bool,
}

/// Whose credential the stored one is, by user handle, and how we know that it is asked for (step 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The credential id alone led to this user, as in signing in: the authenticator must name the user too.
    Discovered(&'a [u8]),
    /// The user was known before the ceremony, as in reauthentication: an authenticator may leave the user handle
    /// out, but must not name another.
    Identified(&'a [u8]),
}

/// What a verified assertion says. `sign_count` and `backup_state` belong into the credential record (step 24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated {
    /// The new signature counter.
    pub sign_count: u32,
    /// BS: whether the credential is backed up now.
    pub backup_state: bool,
    /// UV: whether the authenticator verified its user.
    pub user_verified: bool,
    /// The counter did not grow although one is kept: two authenticators may hold the key, or two responses
    /// overtook each other. Whether to go on, and whether to store the counter, is the caller's policy (step 22).
    pub clone_suspected: bool,
}

/// Why an assertion is refused: one variant per broken step of §7.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Steps 5, 6: the response is for another credential than the stored one.
    #[error("credential id differs from the stored one")]
    CredentialId,
    /// Step 6: the user handle is missing, though nothing else says who the user is.
    #[error("user handle is missing")]
    UserHandleMissing,
    /// Step 6: the user handle is not the owner's.
    #[error("user handle is not the owner's")]
    UserHandle,
    /// Steps 8, 9: the client data cannot be parsed.
    #[error("{0}")]
    ClientData(ClientDataError),
    /// Step 10: `type` is not `webauthn.get`.
    #[error("client data is of another type than webauthn.get")]
    Type,
    /// Step 11: the challenge is not the one that was sent.
    #[error("challenge differs")]
    Challenge,
    /// Step 12: the origin is not listed.
    #[error("origin is not allowed")]
    Origin,
    /// Step 13: the ceremony ran in a cross-origin frame.
    #[error("cross-origin frame is not allowed")]
    CrossOrigin,
    /// Step 14: a top origin is named.
    #[error("top origin is not allowed")]
    TopOrigin,
    /// Step 15: the authenticator data cannot be parsed.
    #[error("{0}")]
    AuthenticatorData(AuthenticatorDataError),
    /// Step 15: the authenticator data holds a new credential, which an assertion must not (§6.3.3).
    #[error("assertion holds a new credential")]
    UnexpectedCredential,
    /// Step 15: the hash is not that of the RP ID.
    #[error("RP ID hash differs")]
    RpIdHash,
    /// Step 16: flag UP is not set.
    #[error("user was not present")]
    UserPresence,
    /// Step 17: flag UV is not set although required.
    #[error("user was not verified")]
    UserVerification,
    /// Step 18: flag BS is set without BE.
    #[error("backed up without being eligible for backup")]
    BackupState,
    /// Step 19: flag BE is not what it was at registration.
    #[error("eligibility for backup changed")]
    BackupEligibility,
    /// Step 21: the stored public key cannot be read: a fault of ours, not of the response.
    #[error("stored public key cannot be read")]
    StoredPublicKey,
    /// Step 21: the signature does not verify.
    #[error("signature does not verify")]
    Signature,
}

impl AuthenticationError {
    /// What a person is told.
    #[must_use]
    pub const fn public(self) -> PublicReason {
        match self {
            Self::ClientData(_) | Self::AuthenticatorData(_) | Self::UnexpectedCredential => {
                PublicReason::InvalidResponse
            }
            Self::UserVerification => PublicReason::UserVerificationRequired,
            Self::CredentialId
            | Self::UserHandleMissing
            | Self::UserHandle
            | Self::Type
            | Self::Challenge
            | Self::Origin
            | Self::CrossOrigin
            | Self::TopOrigin
            | Self::RpIdHash
            | Self::UserPresence
            | Self::BackupState
            | Self::BackupEligibility
            | Self::StoredPublicKey
            | Self::Signature => PublicReason::NotVerified,
        }
    }
}

/// Verifies an authentication response, in the order of §7.2. `stored` is the credential that
/// [`AuthenticationResponse::credential_id`] names, `owner` the user it belongs to.
///
/// # Errors
/// [`AuthenticationError`], the first step that fails.
pub fn verify_authentication(
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    owner: Owner<'_>,
    stored: &StoredCredential,
) -> Result<Authenticated, AuthenticationError> {
    // Steps 5 and 6.
    require(response.credential_id == stored.credential_id, AuthenticationError::CredentialId)?;
    require_owner(response.user_handle(), owner)?;

    // Steps 8 to 14: what the client collected.
    let client_data =
        CollectedClientData::parse(&response.client_data_json).map_err(AuthenticationError::ClientData)?;
    require(client_data.kind == "webauthn.get", AuthenticationError::Type)?;
    require(expected.is_challenge(&client_data), AuthenticationError::Challenge)?;
    require(expected.is_origin(&client_data), AuthenticationError::Origin)?;
    require(!client_data.cross_origin, AuthenticationError::CrossOrigin)?;
    require(client_data.top_origin.is_none(), AuthenticationError::TopOrigin)?;

    // Steps 15 to 19: what the authenticator vouches for.
    let data = AuthenticatorData::parse(&response.authenticator_data)
        .map_err(AuthenticationError::AuthenticatorData)?;
    let user_verified = data.flags.has(Flags::USER_VERIFIED);
    let backup_eligible = data.flags.has(Flags::BACKUP_ELIGIBLE);
    require(data.attested_credential.is_none(), AuthenticationError::UnexpectedCredential)?;
    require(expected.is_rp_id_hash(data.rp_id_hash), AuthenticationError::RpIdHash)?;
    require(data.flags.has(Flags::USER_PRESENT), AuthenticationError::UserPresence)?;
    require(expected.is_verified_enough(user_verified), AuthenticationError::UserVerification)?;
    require(!data.flags.is_backed_up_without_eligibility(), AuthenticationError::BackupState)?;
    require(backup_eligible == stored.backup_eligible, AuthenticationError::BackupEligibility)?;

    // Steps 20 and 21.
    let key = b64::decode(&stored.public_key)
        .ok()
        .and_then(|bytes| CosePublicKey::parse(&bytes).ok())
        .ok_or(AuthenticationError::StoredPublicKey)?;
    let client_data_hash = hash::sha256(&response.client_data_json);
    let signed = [response.authenticator_data.as_slice(), &client_data_hash].concat();
    key.verify(&signed, &response.signature).map_err(|_| AuthenticationError::Signature)?;

    // Step 22: both zero means that the authenticator keeps no counter.
    let keeps_counter = data.sign_count != 0 || stored.sign_count != 0;
    Ok(Authenticated {
        sign_count: data.sign_count,
        backup_state: data.flags.has(Flags::BACKUP_STATE),
        user_verified,
        clone_suspected: keeps_counter && data.sign_count <= stored.sign_count,
    })
}

fn require_owner(user_handle: Option<&[u8]>, owner: Owner<'_>) -> Result<(), AuthenticationError> {
    match (user_handle, owner) {
        (Some(handle), Owner::Discovered(of) | Owner::Identified(of)) => {
            require(secret::ct_eq(handle, of), AuthenticationError::UserHandle)
        }
        (None, Owner::Discovered(_)) => Err(AuthenticationError::UserHandleMissing),
        (None, Owner::Identified(_)) => Ok(()),
    }
}

fn require(condition: bool, error: AuthenticationError) -> Result<(), AuthenticationError> {
    if condition { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_the_codes_of_the_api() {
        let cases = [
            (AuthenticationError::ClientData(ClientDataError::NotJson), "invalid_webauthn_response", 400),
            (AuthenticationError::Signature, "webauthn_authentication_failed", 401),
            (AuthenticationError::UserVerification, "passkey_user_verification_required", 400),
        ];
        for (error, code, status) in cases {
            assert_eq!((error.public().code(), error.public().status()), (code, status), "{error:?}");
        }
    }
}
