//! What both WebAuthn ceremonies share: challenges, options, and the expected values.

use crate::db::Stmt;
use crate::failure::{Failure, Fault};
use crate::http::{Browser, Cx};
use crate::pages::Problem;
use crate::store::challenge::{self, Ceremony, Challenge};
use crate::store::passkey::Passkey;
use crate::store::user::User;
use proto::b64;
use proto::webauthn::{
    CoseAlgorithm, Expected, NewCredential, PublicKeyCredentialCreationOptionsJSON,
    PublicKeyCredentialRequestOptionsJSON, RegistrationResponse, RelyingParty, UserVerification,
    verify_registration,
};
use proto::webauthn::{CredentialDescriptor, User as WebAuthnUser};
use serde::Serialize;

/// A fresh challenge with the options that carry it.
pub struct Begun {
    /// Row id, for the form.
    pub challenge_id: String,
    /// Options as JSON.
    pub options_json: String,
}

/// A challenge that is not stored yet.
pub struct Fresh {
    bytes: [u8; 32],
    row: Challenge,
}

impl Fresh {
    /// Draws a challenge; a registration says for which account.
    ///
    /// # Errors
    /// A fault if there is no randomness.
    pub fn new(cx: &Cx, user_id: Option<&str>) -> Result<Self, Failure> {
        let bytes = cx.host.random::<32>()?;
        let row = Challenge {
            id: cx.host.random_token()?,
            challenge: b64::encode(bytes),
            user_handle: user_id.map(str::to_owned),
        };
        Ok(Self { bytes, row })
    }

    /// Stores it, for one ceremony in one browser.
    #[must_use]
    pub fn insert(&self, cx: &Cx, browser: &Browser, ceremony: Ceremony) -> Stmt {
        challenge::insert(&self.row, ceremony, &browser.hash, cx.now)
    }

    /// Options of a sign-in: any discoverable passkey of this relying party.
    ///
    /// # Errors
    /// A fault.
    pub fn get(self, cx: &Cx) -> Result<Begun, Failure> {
        let options =
            PublicKeyCredentialRequestOptionsJSON::new(cx.host.settings.app_url.host(), &self.bytes);
        self.begun(&options)
    }

    /// Options of a registration for an account that may not exist yet. The user handle is the account's id.
    ///
    /// # Errors
    /// A fault.
    pub fn create(
        self,
        cx: &Cx,
        user_id: &str,
        (name, display_name): (&str, &str),
        existing: &[Passkey],
    ) -> Result<Begun, Failure> {
        let settings = &cx.host.settings;
        let rp = RelyingParty { id: settings.app_url.host().to_owned(), name: settings.app_name.clone() };
        let user = WebAuthnUser::new(user_id.as_bytes(), name, display_name);
        let mut options = PublicKeyCredentialCreationOptionsJSON::new(rp, user, &self.bytes);
        options.exclude_credentials =
            existing.iter().map(|p| CredentialDescriptor::new(p.credential_id.clone(), Vec::new())).collect();
        self.begun(&options)
    }

    fn begun(self, options: &impl Serialize) -> Result<Begun, Failure> {
        let options_json =
            serde_json::to_string(options).map_err(|_| Fault::Bug("options cannot be written"))?;
        Ok(Begun { challenge_id: self.row.id, options_json })
    }
}

/// Hands the expected values of a ceremony with this challenge to `with`.
pub(super) fn expecting<T>(
    cx: &Cx,
    challenge: &Challenge,
    with: impl FnOnce(&Expected<'_>) -> T,
) -> Option<T> {
    let bytes = b64::decode(&challenge.challenge).ok()?;
    let app_url = &cx.host.settings.app_url;
    Some(with(&Expected {
        challenge: &bytes,
        rp_id: app_url.host(),
        origins: &[app_url.as_str()],
        user_verification: UserVerification::Required,
    }))
}

/// Verifies the answer to a registration.
///
/// # Errors
/// The problem to show with the form.
pub fn finish_create(cx: &Cx, challenge: &Challenge, response: &str) -> Result<NewCredential, Problem> {
    let parsed = RegistrationResponse::parse(response.as_bytes()).map_err(|error| {
        tracing::info!(request_id = cx.request_id, %error, "registration refused");
        Problem::PasskeyRefused
    })?;
    let verified =
        expecting(cx, challenge, |expected| verify_registration(&parsed, expected, &CoseAlgorithm::OFFERED));
    verified.ok_or(Problem::PasskeyRefused)?.map_err(|error| {
        tracing::info!(request_id = cx.request_id, %error, "registration refused");
        Problem::PasskeyRefused
    })
}

/// A verified credential as a row of its owner.
///
/// # Errors
/// A fault if there is no randomness.
pub fn to_passkey(cx: &Cx, owner: &User, new: NewCredential) -> Result<Passkey, Failure> {
    Ok(Passkey {
        id: cx.host.uuid()?,
        user_id: owner.id.clone(),
        credential_id: new.credential_id,
        public_key: new.public_key,
        sign_count: new.sign_count,
        backup_eligible: new.backup_eligible,
        backup_state: new.backup_state,
        user_verified: new.user_verified,
        transports: new.transports.iter().map(|t| t.as_str().to_owned()).collect(),
        aaguid: new.aaguid,
        attestation_format: new.attestation_format,
        name: "New Passkey".to_owned(),
        clone_suspected_at: None,
        created_at: cx.now,
        last_used_at: None,
    })
}
