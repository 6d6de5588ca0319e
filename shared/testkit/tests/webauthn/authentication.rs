//! WebAuthn §7.2, one lie per error.

use super::*;
use proto::webauthn::{AuthenticatorDataError, ClientDataError, PublicReason, ResponseError};
use testkit::authenticator::{AT, BE, BS, UP, UV};

fn refused(lie: Tamper) -> AuthenticationError {
    authenticate_with(lie).unwrap_err()
}

#[test]
fn s30_type_is_get() {
    for kind in ["webauthn.create", "Webauthn.get", "payment.get", ""] {
        let lie = Tamper { kind: Some(kind), ..Tamper::default() };
        assert_eq!(refused(lie), AuthenticationError::Type, "{kind}");
    }
}

#[test]
fn s30_origin_is_compared_whole() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    for origin in FOREIGN_ORIGINS {
        let asserted = authenticator.get(&request_options(), origin).unwrap();
        assert_eq!(verify_asserted(&asserted, &stored), Err(AuthenticationError::Origin), "{origin}");
    }
}

#[test]
fn s30_frames_of_other_origins_are_refused() {
    let lie = Tamper { cross_origin: Some(true), ..Tamper::default() };
    assert_eq!(refused(lie), AuthenticationError::CrossOrigin);
    for top in ["https://top.example", ORIGIN, ""] {
        let lie = Tamper { top_origin: Some(top), ..Tamper::default() };
        assert_eq!(refused(lie), AuthenticationError::TopOrigin, "{top}");
    }
}

#[test]
fn s30_rp_id_hash_is_exact() {
    for rp_id in ["example.org", "ID.example.org", "id.example.org.", ""] {
        let lie = Tamper { rp_id: Some(rp_id), ..Tamper::default() };
        assert_eq!(refused(lie), AuthenticationError::RpIdHash, "{rp_id}");
    }
}

#[test]
fn s31_challenge_is_the_one_sent() {
    let padded = [&b64::encode(CHALLENGE), "="].concat();
    for challenge in [b64::encode([8; 32]), b64::encode([7; 31]), padded, String::new()] {
        let lie = Tamper { challenge: Some(challenge.clone()), ..Tamper::default() };
        assert_eq!(refused(lie), AuthenticationError::Challenge, "{challenge}");
    }
}

#[test]
fn s31_a_replay_against_the_next_challenge_fails() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
    let response = AuthenticationResponse::parse(asserted.to_string().as_bytes()).unwrap();
    let next = Expected { challenge: &[8; 32], ..expected() };
    assert_eq!(
        verify_authentication(&response, &next, Owner::Discovered(HANDLE), &stored),
        Err(AuthenticationError::Challenge)
    );
}

#[test]
fn s32_user_presence_is_required() {
    let lie = Tamper { flags: Some(UV), ..Tamper::default() };
    assert_eq!(refused(lie), AuthenticationError::UserPresence);
}

#[test]
fn s32_user_verification_is_enforced_when_required() {
    let lie = Tamper { flags: Some(UP), ..Tamper::default() };
    let error = refused(lie.clone());
    assert_eq!(error, AuthenticationError::UserVerification);
    assert_eq!(error.public(), PublicReason::UserVerificationRequired);

    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let asserted = authenticator.get_with(&request_options(), ORIGIN, &lie).unwrap();
    let response = AuthenticationResponse::parse(asserted.to_string().as_bytes()).unwrap();
    let expected = Expected { user_verification: UserVerification::Preferred, ..expected() };
    let verified = verify_authentication(&response, &expected, Owner::Discovered(HANDLE), &stored).unwrap();
    assert!(!verified.user_verified);
}

#[test]
fn s33_backup_eligibility_never_changes() {
    for (at_first, later, verdict) in [
        (0, 0, Ok(false)),
        (0, BE, Err(AuthenticationError::BackupEligibility)),
        (0, BE | BS, Err(AuthenticationError::BackupEligibility)),
        (0, BS, Err(AuthenticationError::BackupState)),
        (BE, 0, Err(AuthenticationError::BackupEligibility)),
        (BE, BS, Err(AuthenticationError::BackupState)),
        (BE, BE, Ok(false)),
        (BE, BE | BS, Ok(true)),
        (BE | BS, BE, Ok(false)),
    ] {
        let mut authenticator = authenticator(CoseAlgorithm::ES256);
        authenticator.flags = UP | UV | at_first;
        let stored = register(&mut authenticator);
        authenticator.flags = UP | UV | later;
        let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
        let state = verify_asserted(&asserted, &stored).map(|verified| verified.backup_state);
        assert_eq!(state, verdict, "{at_first:#x} {later:#x}");
    }
}

#[test]
fn s34_a_counter_that_does_not_grow_is_flagged() {
    for (stored_count, told, clone_suspected) in [
        (0, 0, false),
        (0, 1, false),
        (1, 2, false),
        (1, u32::MAX, false),
        (1, 1, true),
        (2, 1, true),
        (1, 0, true),
        (u32::MAX, u32::MAX, true),
    ] {
        let mut authenticator = authenticator(CoseAlgorithm::ES256);
        let stored = StoredCredential { sign_count: stored_count, ..register(&mut authenticator) };
        let lie = Tamper { sign_count: Some(told), ..Tamper::default() };
        let asserted = authenticator.get_with(&request_options(), ORIGIN, &lie).unwrap();
        let verified = verify_asserted(&asserted, &stored).unwrap();
        assert_eq!(
            (verified.sign_count, verified.clone_suspected),
            (told, clone_suspected),
            "{stored_count}"
        );
    }
}

#[test]
fn s34_an_honest_counter_is_never_flagged() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    authenticator.counter = Some(0);
    let mut stored = register(&mut authenticator);
    for count in 1..4 {
        let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
        let verified = verify_asserted(&asserted, &stored).unwrap();
        assert_eq!((verified.sign_count, verified.clone_suspected), (count, false));
        stored.sign_count = verified.sign_count;
    }
}

#[test]
fn s35_the_user_handle_is_the_owners() {
    let lie =
        |handle: Option<&[u8]>| Tamper { user_handle: Some(handle.map(<[u8]>::to_vec)), ..Tamper::default() };
    assert_eq!(refused(lie(Some(b"someone-else"))), AuthenticationError::UserHandle);
    assert_eq!(refused(lie(Some(&HANDLE[1..]))), AuthenticationError::UserHandle);
    assert_eq!(refused(lie(None)), AuthenticationError::UserHandleMissing);

    // Someone known beforehand need not be named, but nobody else may be.
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let mut identified = |handle| {
        let asserted = authenticator.get_with(&request_options(), ORIGIN, &lie(handle)).unwrap();
        let response = AuthenticationResponse::parse(asserted.to_string().as_bytes()).unwrap();
        verify_authentication(&response, &expected(), Owner::Identified(HANDLE), &stored).map(|_| ())
    };
    assert_eq!(identified(None), Ok(()));
    assert_eq!(identified(Some(HANDLE)), Ok(()));
    assert_eq!(identified(Some(b"someone-else")), Err(AuthenticationError::UserHandle));
}

#[test]
fn s35_the_response_is_for_the_stored_credential() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let other = register(&mut authenticator);
    assert_ne!(stored, other);
    let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
    assert_eq!(verify_asserted(&asserted, &stored), Err(AuthenticationError::CredentialId));
    let swapped = StoredCredential { public_key: stored.public_key, ..other };
    assert_eq!(verify_asserted(&asserted, &swapped), Err(AuthenticationError::Signature));
}

#[test]
fn s35_signatures_must_verify() {
    for algorithm in CoseAlgorithm::OFFERED {
        let mut authenticator = authenticator(algorithm);
        let stored = register(&mut authenticator);
        let lie = Tamper { flip_signature: true, ..Tamper::default() };
        let asserted = authenticator.get_with(&request_options(), ORIGIN, &lie).unwrap();
        let error = verify_asserted(&asserted, &stored).unwrap_err();
        assert_eq!(error, AuthenticationError::Signature, "{algorithm:?}");
        assert_eq!(error.public(), PublicReason::NotVerified);
    }
}

#[test]
fn s35_a_stored_key_that_cannot_be_read_verifies_nothing() {
    let mut authenticator = authenticator(CoseAlgorithm::ES256);
    let stored = register(&mut authenticator);
    let asserted = authenticator.get(&request_options(), ORIGIN).unwrap();
    for public_key in ["", "oA", "not base64url!"] {
        let broken = StoredCredential { public_key: public_key.into(), ..stored.clone() };
        assert_eq!(verify_asserted(&asserted, &broken), Err(AuthenticationError::StoredPublicKey));
    }
}

#[test]
fn s38_a_registration_is_not_an_assertion() {
    let created = authenticator(CoseAlgorithm::ES256).create(&creation_options(), ORIGIN).unwrap();
    assert_eq!(
        AuthenticationResponse::parse(created.to_string().as_bytes()),
        Err(ResponseError::NotACredential)
    );
    let lie = Tamper { flags: Some(UP | UV | AT), ..Tamper::default() };
    assert_eq!(refused(lie), AuthenticationError::UnexpectedCredential);
}

#[test]
fn s38_signed_bytes_are_strict() {
    let lie = Tamper { trailing: vec![0], ..Tamper::default() };
    assert_eq!(refused(lie), AuthenticationError::AuthenticatorData(AuthenticatorDataError::Trailing));
    let lie = Tamper { extensions: Some(vec![0x80]), ..Tamper::default() };
    assert_eq!(
        refused(lie),
        AuthenticationError::AuthenticatorData(AuthenticatorDataError::ExtensionsNotAMap)
    );
    let lie = Tamper { extensions: Some(b"\xa1\x6bhmac-secret\x41\x00".to_vec()), ..Tamper::default() };
    assert!(authenticate_with(lie).is_ok());
    let lie = Tamper { client_data_json: Some(b"{}".to_vec()), ..Tamper::default() };
    let error = refused(lie);
    assert_eq!(error, AuthenticationError::ClientData(ClientDataError::WrongMember));
    assert_eq!(error.public(), PublicReason::InvalidResponse);
}
