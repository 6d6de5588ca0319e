//! WebAuthn Level 3, the relying party's side (<https://www.w3.org/TR/webauthn-3/>).
//!
//! A ceremony goes: build options ([`PublicKeyCredentialCreationOptionsJSON`] or
//! [`PublicKeyCredentialRequestOptionsJSON`]), send them, parse what the browser posts back
//! ([`RegistrationResponse::parse`] or [`AuthenticationResponse::parse`]), verify it with
//! [`verify_registration`] (§7.1) or [`verify_authentication`] (§7.2).
//!
//! What the caller owes, since it needs a store and a clock: challenges of at least 16 random bytes, bound to
//! one browser and one kind of ceremony, used once and soon; credential ids unique across users; the answer to
//! [`Authenticated::clone_suspected`]; the policy on synced passkeys.
//!
//! Attestation is asked for as `none` and never verified: a [`NewCredential`] names the statement's format and
//! an AAGUID, and both are hints, not proofs.

mod attestation;
mod authenticate;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod expected;
mod options;
mod register;
mod response;

pub use attestation::AttestationError;
pub use authenticate::{Authenticated, AuthenticationError, Owner, StoredCredential, verify_authentication};
pub use authenticator_data::{AttestedCredentialData, AuthenticatorData, AuthenticatorDataError, Flags};
pub use cbor::CborError;
pub use client_data::{ClientDataError, CollectedClientData};
pub use cose::{BadSignature, CoseAlgorithm, CoseKeyError, CosePublicKey};
pub use expected::{Expected, PublicReason};
pub use options::{
    Attachment, AuthenticatorSelection, CreationExtensions, CredentialDescriptor, CredentialParameters,
    PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON, RelyingParty, ResidentKey,
    Transport, User, UserVerification,
};
pub use register::{NewCredential, RegistrationError, verify_registration};
pub use response::{AuthenticationResponse, RegistrationResponse, ResponseError};

/// Longest credential id in bytes (WebAuthn §4, "Credential ID").
pub const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

/// Longest user handle in bytes (WebAuthn §4, "User Handle").
pub const MAX_USER_HANDLE_BYTES: usize = 64;
