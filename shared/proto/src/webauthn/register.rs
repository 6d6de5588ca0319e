//! Registering a new credential (WebAuthn §7.1).

use super::MAX_CREDENTIAL_ID_BYTES;
use super::attestation::{AttestationError, AttestationObject};
use super::authenticate::StoredCredential;
use super::authenticator_data::{AuthenticatorData, AuthenticatorDataError, Flags};
use super::client_data::{ClientDataError, CollectedClientData};
use super::cose::{CoseAlgorithm, CoseKeyError, CosePublicKey};
use super::expected::{Expected, PublicReason};
use super::options::{Attachment, Transport};
use super::response::RegistrationResponse;
use crate::b64;

/// A credential record to be (§4, "Credential Record"). Its id must still prove unused by any user (step 26).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Credential id, base64url.
    pub credential_id: String,
    /// Credential public key: the authenticator's `COSE_Key` bytes, base64url.
    pub public_key: String,
    /// Algorithm of the key.
    pub algorithm: CoseAlgorithm,
    /// Signature counter to start from.
    pub sign_count: u32,
    /// UV: whether the authenticator verified its user.
    pub user_verified: bool,
    /// BE: whether the credential may be backed up or synced; never changes.
    pub backup_eligible: bool,
    /// BS: whether it is backed up now.
    pub backup_state: bool,
    /// The authenticator's model as a UUID in lower case, all zero if it does not say. A hint, not a proof.
    pub aaguid: String,
    /// Attestation statement format, `none` as a rule. Whatever it is, the statement was not verified: the
    /// attestation type is None, and no trust follows from it.
    pub attestation_format: String,
    /// Ways the authenticator can be reached, as the client told.
    pub transports: Vec<Transport>,
    /// Built in or roaming, as the client told.
    pub attachment: Option<Attachment>,
    /// Whether the credential is discoverable, as the client told (`credProps.rk`).
    pub discoverable: Option<bool>,
}

impl NewCredential {
    /// The part that authentication needs.
    #[must_use]
    pub fn stored(&self) -> StoredCredential {
        StoredCredential {
            credential_id: self.credential_id.clone(),
            public_key: self.public_key.clone(),
            sign_count: self.sign_count,
            backup_eligible: self.backup_eligible,
        }
    }
}

/// Why a registration is refused: one variant per broken step of §7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Steps 5, 6: the client data cannot be parsed.
    #[error("{0}")]
    ClientData(ClientDataError),
    /// Step 7: `type` is not `webauthn.create`.
    #[error("client data is of another type than webauthn.create")]
    Type,
    /// Step 8: the challenge is not the one that was sent.
    #[error("challenge differs")]
    Challenge,
    /// Step 9: the origin is not listed.
    #[error("origin is not allowed")]
    Origin,
    /// Step 10: the ceremony ran in a cross-origin frame.
    #[error("cross-origin frame is not allowed")]
    CrossOrigin,
    /// Step 11: a top origin is named.
    #[error("top origin is not allowed")]
    TopOrigin,
    /// Step 13: the attestation object cannot be parsed.
    #[error("{0}")]
    AttestationObject(AttestationError),
    /// Step 13: the authenticator data cannot be parsed.
    #[error("{0}")]
    AuthenticatorData(AuthenticatorDataError),
    /// Step 13: flag AT is not set, so there is no credential.
    #[error("authenticator data holds no credential")]
    NoCredential,
    /// Step 14: the hash is not that of the RP ID.
    #[error("RP ID hash differs")]
    RpIdHash,
    /// Step 15: flag UP is not set.
    #[error("user was not present")]
    UserPresence,
    /// Step 16: flag UV is not set although required.
    #[error("user was not verified")]
    UserVerification,
    /// Step 17: flag BS is set without BE.
    #[error("backed up without being eligible for backup")]
    BackupState,
    /// Step 20: the public key cannot be used.
    #[error("{0}")]
    PublicKey(CoseKeyError),
    /// Step 20: the key's algorithm was not offered.
    #[error("algorithm was not offered")]
    Algorithm,
    /// Step 21: the format's name cannot be one.
    #[error("attestation statement format has an impossible name")]
    AttestationFormat,
    /// Step 22: the statement has not the structure of its format.
    #[error("attestation statement is malformed")]
    AttestationStatement,
    /// Step 25: the credential id is longer than 1023 bytes.
    #[error("credential id is too long")]
    CredentialIdLength,
    /// The authenticator made a credential with another id than the response names.
    #[error("credential id differs from the response's id")]
    CredentialIdMismatch,
}

impl RegistrationError {
    /// What a person is told.
    #[must_use]
    pub const fn public(self) -> PublicReason {
        match self {
            Self::UserVerification => PublicReason::UserVerificationRequired,
            Self::ClientData(_)
            | Self::Type
            | Self::Challenge
            | Self::Origin
            | Self::CrossOrigin
            | Self::TopOrigin
            | Self::AttestationObject(_)
            | Self::AuthenticatorData(_)
            | Self::NoCredential
            | Self::RpIdHash
            | Self::UserPresence
            | Self::BackupState
            | Self::PublicKey(_)
            | Self::Algorithm
            | Self::AttestationFormat
            | Self::AttestationStatement
            | Self::CredentialIdLength
            | Self::CredentialIdMismatch => PublicReason::InvalidResponse,
        }
    }
}

/// Verifies a registration response, in the order of §7.1. `offered` is the `pubKeyCredParams` that was sent,
/// [`CoseAlgorithm::OFFERED`] as a rule.
///
/// Left to the caller: steps 18 and 19 (policy on BE and BS), step 26 (the id belongs to nobody yet) and step 27
/// (storing). Steps 23 and 24 fall away, since no attestation is trusted.
///
/// # Errors
/// [`RegistrationError`], the first step that fails.
pub fn verify_registration(
    response: &RegistrationResponse,
    expected: &Expected<'_>,
    offered: &[CoseAlgorithm],
) -> Result<NewCredential, RegistrationError> {
    // Steps 5 to 11: what the client collected.
    let client_data =
        CollectedClientData::parse(&response.client_data_json).map_err(RegistrationError::ClientData)?;
    require(client_data.kind == "webauthn.create", RegistrationError::Type)?;
    require(expected.is_challenge(&client_data), RegistrationError::Challenge)?;
    require(expected.is_origin(&client_data), RegistrationError::Origin)?;
    require(!client_data.cross_origin, RegistrationError::CrossOrigin)?;
    require(client_data.top_origin.is_none(), RegistrationError::TopOrigin)?;

    // Step 12's hash only serves to verify statements. Step 13.
    let attestation = AttestationObject::parse(&response.attestation_object)
        .map_err(RegistrationError::AttestationObject)?;
    let data = AuthenticatorData::parse(&attestation.authenticator_data)
        .map_err(RegistrationError::AuthenticatorData)?;
    let attested = data.attested_credential.ok_or(RegistrationError::NoCredential)?;

    // Steps 14 to 17: what the authenticator vouches for.
    let user_verified = data.flags.has(Flags::USER_VERIFIED);
    require(expected.is_rp_id_hash(data.rp_id_hash), RegistrationError::RpIdHash)?;
    require(data.flags.has(Flags::USER_PRESENT), RegistrationError::UserPresence)?;
    require(expected.is_verified_enough(user_verified), RegistrationError::UserVerification)?;
    require(!data.flags.is_backed_up_without_eligibility(), RegistrationError::BackupState)?;

    // Step 20.
    let algorithm =
        CosePublicKey::parse(attested.public_key).map_err(RegistrationError::PublicKey)?.algorithm();
    require(offered.contains(&algorithm), RegistrationError::Algorithm)?;

    // Steps 21 and 22, as far as they go without verifying.
    require(attestation.has_format_name(), RegistrationError::AttestationFormat)?;
    require(attestation.has_readable_statement(), RegistrationError::AttestationStatement)?;

    // Step 25, and that the response speaks of the credential the authenticator made.
    let credential_id = b64::encode(attested.credential_id);
    require(attested.credential_id.len() <= MAX_CREDENTIAL_ID_BYTES, RegistrationError::CredentialIdLength)?;
    require(credential_id == response.credential_id, RegistrationError::CredentialIdMismatch)?;

    Ok(NewCredential {
        credential_id,
        public_key: b64::encode(attested.public_key),
        algorithm,
        sign_count: data.sign_count,
        user_verified,
        backup_eligible: data.flags.has(Flags::BACKUP_ELIGIBLE),
        backup_state: data.flags.has(Flags::BACKUP_STATE),
        aaguid: uuid(attested.aaguid),
        attestation_format: attestation.format.clone(),
        transports: response.transports.clone(),
        attachment: response.attachment,
        discoverable: response.discoverable,
    })
}

fn require(condition: bool, error: RegistrationError) -> Result<(), RegistrationError> {
    if condition { Ok(()) } else { Err(error) }
}

/// The text form of a UUID (RFC 9562 §4).
fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aaguid_reads_as_a_uuid() {
        let bytes =
            [0x84, 0x46, 0xcc, 0xb9, 0xab, 0x1d, 0xb3, 0x74, 0x75, 0x0b, 0x23, 0x67, 0xff, 0x6f, 0x3a, 0x1f];
        assert_eq!(uuid(&bytes), "8446ccb9-ab1d-b374-750b-2367ff6f3a1f");
    }

    #[test]
    fn only_user_verification_is_told_apart() {
        let uv = RegistrationError::UserVerification.public();
        assert_eq!((uv.code(), uv.status()), ("passkey_user_verification_required", 400));
        let other = RegistrationError::Challenge.public();
        assert_eq!((other.code(), other.status()), ("invalid_webauthn_response", 400));
    }
}
