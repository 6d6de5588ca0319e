//! WebAuthn §7.1, one lie per error.

use super::*;
use ciborium::Value as Cbor;
use proto::webauthn::{
    AttestationError, AuthenticatorDataError, CborError, ClientDataError, CoseKeyError, PublicReason,
    ResponseError,
};
use testkit::authenticator::{AT, BE, BS, UP, UV};

fn refused(lie: Tamper) -> RegistrationError {
    register_with(lie).unwrap_err()
}

#[test]
fn s30_type_is_create() {
    for kind in ["webauthn.get", "webauthn.create ", "payment.get", ""] {
        let lie = Tamper { kind: Some(kind), ..Tamper::default() };
        assert_eq!(refused(lie), RegistrationError::Type, "{kind}");
    }
}

#[test]
fn s30_origin_is_compared_whole() {
    for origin in FOREIGN_ORIGINS {
        let created = authenticator(CoseAlgorithm::ES256).create(&creation_options(), origin).unwrap();
        assert_eq!(verify_created(&created), Err(RegistrationError::Origin), "{origin}");
    }
}

#[test]
fn s30_frames_of_other_origins_are_refused() {
    let lie = Tamper { cross_origin: Some(true), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::CrossOrigin);
    for top in ["https://top.example", ORIGIN, ""] {
        let lie = Tamper { top_origin: Some(top), ..Tamper::default() };
        assert_eq!(refused(lie), RegistrationError::TopOrigin, "{top}");
    }
}

#[test]
fn s30_rp_id_hash_is_exact() {
    for rp_id in ["example.org", "ID.example.org", "id.example.org.", "https://id.example.org", ""] {
        let lie = Tamper { rp_id: Some(rp_id), ..Tamper::default() };
        assert_eq!(refused(lie), RegistrationError::RpIdHash, "{rp_id}");
    }
}

#[test]
fn s31_challenge_is_the_one_sent() {
    let padded = [&b64::encode(CHALLENGE), "="].concat();
    for challenge in [b64::encode([8; 32]), b64::encode([7; 31]), b64::encode([7; 33]), padded, String::new()]
    {
        let lie = Tamper { challenge: Some(challenge.clone()), ..Tamper::default() };
        assert_eq!(refused(lie), RegistrationError::Challenge, "{challenge}");
    }
}

#[test]
fn s31_an_assertion_is_not_a_registration() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    register(&mut authenticator);
    let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
    assert_eq!(
        RegistrationResponse::parse(asserted.to_string().as_bytes()),
        Err(ResponseError::NotACredential)
    );
}

#[test]
fn s32_user_presence_is_required() {
    let lie = Tamper { flags: Some(AT | UV), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::UserPresence);
}

#[test]
fn s32_user_verification_is_enforced_when_required() {
    let lie = Tamper { flags: Some(AT | UP), ..Tamper::default() };
    let error = refused(lie.clone());
    assert_eq!(error, RegistrationError::UserVerification);
    assert_eq!(error.public(), PublicReason::UserVerificationRequired);

    let created = authenticator(CoseAlgorithm::ES256).create_with(&creation_options(), ORIGIN, &lie).unwrap();
    let response = RegistrationResponse::parse(created.to_string().as_bytes()).unwrap();
    for user_verification in [UserVerification::Preferred, UserVerification::Discouraged] {
        let expected = Expected { user_verification, ..expected() };
        let created = verify_registration(&response, &expected, &CoseAlgorithm::OFFERED).unwrap();
        assert!(!created.user_verified);
    }
}

#[test]
fn s33_backup_state_needs_eligibility() {
    let lie = |flags| Tamper { flags: Some(AT | UP | UV | flags), ..Tamper::default() };
    assert_eq!(refused(lie(BS)), RegistrationError::BackupState);
    for (flags, eligible, state) in [(0, false, false), (BE, true, false), (BE | BS, true, true)] {
        let created = register_with(lie(flags)).unwrap();
        assert_eq!((created.backup_eligible, created.backup_state), (eligible, state));
    }
}

#[test]
fn s34_the_counter_starts_where_the_authenticator_says() {
    let created = register_with(Tamper { sign_count: Some(u32::MAX), ..Tamper::default() }).unwrap();
    assert_eq!(created.sign_count, u32::MAX);
}

#[test]
fn s35_credential_ids_are_at_most_1023_bytes_long() {
    let lie = Tamper { attested_id: Some(vec![9; 1024]), ..Tamper::default() };
    let mut created =
        authenticator(CoseAlgorithm::ES256).create_with(&creation_options(), ORIGIN, &lie).unwrap();
    assert_eq!(
        RegistrationResponse::parse(created.to_string().as_bytes()),
        Err(ResponseError::CredentialIdLength)
    );
    // An id the browser could not have shortened.
    created["id"] = "AQ".into();
    created["rawId"] = "AQ".into();
    assert_eq!(verify_created(&created), Err(RegistrationError::CredentialIdLength));
}

#[test]
fn s35_the_response_names_the_credential_that_was_made() {
    let mut created = authenticator(CoseAlgorithm::ES256).create(&creation_options(), ORIGIN).unwrap();
    created["id"] = "AQ".into();
    created["rawId"] = "AQ".into();
    assert_eq!(verify_created(&created), Err(RegistrationError::CredentialIdMismatch));
}

#[test]
fn s35_only_offered_algorithms_register() {
    for algorithm in CoseAlgorithm::OFFERED {
        let created = authenticator(algorithm).create(&creation_options(), ORIGIN).unwrap();
        let response = RegistrationResponse::parse(created.to_string().as_bytes()).unwrap();
        let others: Vec<_> = CoseAlgorithm::OFFERED.into_iter().filter(|a| *a != algorithm).collect();
        assert_eq!(verify_registration(&response, &expected(), &others), Err(RegistrationError::Algorithm));
    }
    let lie = |alg| Tamper { alg: Some(alg), ..Tamper::default() };
    assert_eq!(refused(lie(-35)), RegistrationError::PublicKey(CoseKeyError::UnsupportedAlgorithm));
    assert_eq!(refused(lie(-257)), RegistrationError::PublicKey(CoseKeyError::WrongKeyType));
}

#[test]
fn s35_keys_must_be_sane() {
    let off_curve =
        [&b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..], &[7; 32], b"\x22\x58\x20", &[7; 32]].concat();
    let lie = Tamper { public_key: Some(off_curve), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::PublicKey(CoseKeyError::InvalidPoint));
    let weak_rsa =
        [&b"\xa4\x01\x03\x03\x39\x01\x00\x20\x58\x80"[..], &[0xff; 128], b"\x21\x43\x01\x00\x01"].concat();
    let lie = Tamper { public_key: Some(weak_rsa), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::PublicKey(CoseKeyError::InvalidModulus));
}

#[test]
fn s36_other_statements_are_read_and_not_believed() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    authenticator.self_attestation = true;
    let created = verify_created(&authenticator.create(&creation_options(), ORIGIN).unwrap()).unwrap();
    assert_eq!(created.attestation_format, "packed");

    // A forged signature changes nothing: no trust is drawn from it.
    let forged = Cbor::Map(vec![("alg".into(), (-7).into()), ("sig".into(), Cbor::Bytes(vec![0; 70]))]);
    let lie = Tamper { format: Some("packed"), statement: Some(forged), ..Tamper::default() };
    assert_eq!(register_with(lie).unwrap().attestation_format, "packed");

    let lie = Tamper { format: Some("packed"), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AttestationStatement);
    let not_empty = Cbor::Map(vec![("alg".into(), (-7).into())]);
    let lie = Tamper { statement: Some(not_empty), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AttestationStatement);
    let lie = Tamper { format: Some("no such\nformat"), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AttestationFormat);
}

#[test]
fn s38_attestation_objects_are_strict() {
    use AttestationError::Cbor;
    let lie = Tamper { indefinite_cbor: true, ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AttestationObject(Cbor(CborError::Indefinite)));
    let lie = Tamper { object_trailing: vec![0], ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AttestationObject(Cbor(CborError::Trailing)));
}

#[test]
fn s38_authenticator_data_is_strict() {
    let lie = Tamper { trailing: vec![0], ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::AuthenticatorData(AuthenticatorDataError::Trailing));
    let lie = Tamper { extensions: Some(vec![0xbf, 0xff]), ..Tamper::default() };
    assert_eq!(
        refused(lie),
        RegistrationError::AuthenticatorData(AuthenticatorDataError::Extensions(CborError::Indefinite))
    );
    let lie = Tamper { extensions: Some(b"\xa1\x6bcredProtect\x02".to_vec()), ..Tamper::default() };
    assert!(register_with(lie).is_ok());
    let lie = Tamper { flags: Some(UP | UV), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::NoCredential);
}

#[test]
fn s38_client_data_is_strict() {
    let lie = Tamper { client_data_json: Some(b"{\"type\":".to_vec()), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::ClientData(ClientDataError::NotJson));
    let twice = format!(
        r#"{{"type":"webauthn.create","challenge":"{}","origin":"{ORIGIN}","origin":"{ORIGIN}"}}"#,
        b64::encode(CHALLENGE)
    );
    let lie = Tamper { client_data_json: Some(twice.into_bytes()), ..Tamper::default() };
    assert_eq!(refused(lie), RegistrationError::ClientData(ClientDataError::DuplicateMember));
}
