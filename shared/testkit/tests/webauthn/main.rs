//! WebAuthn ceremonies from options to verdict, between `proto::webauthn` and the software authenticator.
//! Each variant of `RegistrationError` and `AuthenticationError` is provoked here by one lie.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stop the test")]

mod authentication;
mod mutations;
mod oracle;
mod registration;

use proto::b64;
use proto::webauthn::{
    Authenticated, AuthenticationError, AuthenticationResponse, CoseAlgorithm, CredentialDescriptor,
    Expected, NewCredential, Owner, PublicKeyCredentialCreationOptionsJSON,
    PublicKeyCredentialRequestOptionsJSON, RegistrationError, RegistrationResponse, RelyingParty,
    StoredCredential, User, UserVerification, verify_authentication, verify_registration,
};
use serde_json::Value;
use testkit::authenticator::{SoftAuthenticator, Tamper};

const RP_ID: &str = "id.example.org";
const ORIGIN: &str = "https://id.example.org";
const HANDLE: &[u8] = b"0190a5a0-user-1";
const CHALLENGE: [u8; 32] = [7; 32];

fn expected() -> Expected<'static> {
    Expected {
        challenge: &CHALLENGE,
        rp_id: RP_ID,
        origins: &[ORIGIN],
        user_verification: UserVerification::Required,
    }
}

fn creation_options() -> Value {
    let rp = RelyingParty { id: RP_ID.into(), name: "Example".into() };
    let user = User::new(HANDLE, "ada", "Ada Lovelace");
    serde_json::to_value(PublicKeyCredentialCreationOptionsJSON::new(rp, user, &CHALLENGE)).unwrap()
}

fn request_options() -> Value {
    serde_json::to_value(PublicKeyCredentialRequestOptionsJSON::new(RP_ID, &CHALLENGE)).unwrap()
}

/// An authenticator that knows one algorithm only.
fn authenticator(algorithm: CoseAlgorithm) -> SoftAuthenticator {
    let mut authenticator = SoftAuthenticator::new(1);
    authenticator.algorithms = vec![algorithm.id()];
    authenticator
}

fn verify_created(json: &Value) -> Result<NewCredential, RegistrationError> {
    let response = RegistrationResponse::parse(json.to_string().as_bytes()).unwrap();
    verify_registration(&response, &expected(), &CoseAlgorithm::OFFERED)
}

/// Registers with one lie.
fn register_with(lie: Tamper) -> Result<NewCredential, RegistrationError> {
    verify_created(
        &authenticator(CoseAlgorithm::ES256).create_with(&creation_options(), ORIGIN, &lie).unwrap(),
    )
}

/// Registers honestly.
fn register(authenticator: &mut SoftAuthenticator) -> StoredCredential {
    verify_created(&authenticator.create(&creation_options(), ORIGIN).unwrap()).unwrap().stored()
}

fn verify_asserted(json: &Value, stored: &StoredCredential) -> Result<Authenticated, AuthenticationError> {
    let response = AuthenticationResponse::parse(json.to_string().as_bytes()).unwrap();
    verify_authentication(&response, &expected(), Owner::Discovered(HANDLE), stored)
}

/// Registers honestly, then authenticates with one lie.
fn authenticate_with(lie: Tamper) -> Result<Authenticated, AuthenticationError> {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    verify_asserted(&authenticator.get_with(&request_options(), ORIGIN, &lie).unwrap(), &stored)
}

/// Origins that look like [`ORIGIN`] and are not.
const FOREIGN_ORIGINS: [&str; 11] = [
    "https://id.example.org.evil.example",
    "https://evil-id.example.org",
    "https://sub.id.example.org",
    "https://example.org",
    "http://id.example.org",
    "https://id.example.org:443",
    "https://id.example.org:8443",
    "https://id.example.org/",
    "https://ID.example.org",
    "null",
    "",
];

#[test]
fn every_algorithm_registers_and_signs_in() {
    for algorithm in CoseAlgorithm::OFFERED {
        let mut authenticator = authenticator(algorithm);
        let created = verify_created(&authenticator.create(&creation_options(), ORIGIN).unwrap()).unwrap();
        assert_eq!(created.algorithm, algorithm);
        assert!(created.user_verified);
        assert_eq!((created.backup_eligible, created.backup_state, created.sign_count), (false, false, 0));
        assert_eq!(created.aaguid, "736f6674-2d61-7574-6865-6e7469633872");
        assert_eq!(created.attestation_format, "none");
        assert_eq!(created.discoverable, Some(true));
        assert_eq!(
            serde_json::to_value(&created.transports).unwrap(),
            serde_json::json!(["hybrid", "internal"])
        );
        assert_eq!(
            verify_asserted(&authenticator.get(&request_options(), ORIGIN).unwrap(), &created.stored()),
            Ok(Authenticated {
                sign_count: 0,
                backup_state: false,
                user_verified: true,
                clone_suspected: false
            })
        );
    }
}

#[test]
fn the_first_offered_algorithm_is_used() {
    let created = SoftAuthenticator::new(1).create(&creation_options(), ORIGIN).unwrap();
    assert_eq!(verify_created(&created).unwrap().algorithm, CoseAlgorithm::ES256);
}

#[test]
fn a_second_listed_origin_is_as_good() {
    let mut authenticator = authenticator(CoseAlgorithm::EdDSA);
    let created = authenticator.create(&creation_options(), "https://login.example.org").unwrap();
    let response = RegistrationResponse::parse(created.to_string().as_bytes()).unwrap();
    let both = Expected { origins: &[ORIGIN, "https://login.example.org"], ..expected() };
    assert!(verify_registration(&response, &both, &CoseAlgorithm::OFFERED).is_ok());
    assert_eq!(verify_created(&created), Err(RegistrationError::Origin));
}

#[test]
fn s35_excluded_credentials_are_not_made_again() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let mut options = creation_options();
    let descriptor = CredentialDescriptor::new(stored.credential_id, vec![]);
    options["excludeCredentials"] = serde_json::to_value(vec![descriptor]).unwrap();
    assert_eq!(authenticator.create(&options, ORIGIN), Err(testkit::authenticator::Refusal::Excluded));
}

#[test]
fn s35_ids_up_to_1023_bytes_register() {
    let created = register_with(Tamper { attested_id: Some(vec![9; 1023]), ..Tamper::default() }).unwrap();
    assert_eq!(created.credential_id, b64::encode([9; 1023]));
}
