//! A second opinion: the crate `webauthn_rp` judges the same responses, and must come to the same verdict.

use super::*;
use ciborium::Value as Cbor;
use testkit::authenticator::{AT, BE, BS, UP, UV};
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle, UserHandle16,
};
use webauthn_rp::request::{AsciiDomain, RpId};
use webauthn_rp::response::register::{CompressedPubKey, StaticState};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthentication, DiscoverableCredentialRequestOptions,
    PublicKeyCredentialCreationOptions, Registration,
};

type OracleKey = CompressedPubKey<[u8; 32], [u8; 32], [u8; 48], Vec<u8>>;

const USER: [u8; 16] = *b"a user in 16 byt";

fn rp_id() -> RpId {
    RpId::Domain(AsciiDomain::try_from(RP_ID.to_owned()).unwrap())
}

fn user() -> UserHandle16 {
    UserHandle::decode(USER).unwrap()
}

fn ours(options: &Value) -> (Vec<u8>, UserVerification) {
    (b64::decode(options["challenge"].as_str().unwrap()).unwrap(), UserVerification::Required)
}

/// Registers with one lie; whether we and whether the oracle accept.
fn registrations(authenticator: &mut SoftAuthenticator, origin: &str, lie: &Tamper) -> (bool, bool) {
    let (rp_id, user) = (rp_id(), user());
    let entity = PublicKeyCredentialUserEntity::from(&user);
    let (server, client) =
        PublicKeyCredentialCreationOptions::passkey(&rp_id, entity, Vec::new()).start_ceremony().unwrap();
    let options = serde_json::to_value(&client).unwrap();
    let json = authenticator.create_with(&options, origin, lie).unwrap().to_string();

    let (challenge, user_verification) = ours(&options);
    let expected = Expected { challenge: &challenge, user_verification, ..expected() };
    let we_accept = RegistrationResponse::parse(json.as_bytes())
        .is_ok_and(|response| verify_registration(&response, &expected, &CoseAlgorithm::OFFERED).is_ok());
    let they_accept = serde_json::from_str::<Registration>(&json).is_ok_and(|response| {
        server.verify(&rp_id, &response, &RegistrationVerificationOptions::<&str, &str>::default()).is_ok()
    });
    (we_accept, they_accept)
}

/// Registers honestly, then authenticates with one lie and one change of the response; whether we and whether the
/// oracle accept. A suspected clone counts as not accepted, which is the oracle's policy.
fn authentications(
    authenticator: &mut SoftAuthenticator,
    flags: u8,
    lie: &Tamper,
    change: impl FnOnce(&mut Value),
) -> (bool, bool) {
    let (rp_id, user) = (rp_id(), user());
    let entity = PublicKeyCredentialUserEntity::from(&user);
    let (server, client) =
        PublicKeyCredentialCreationOptions::passkey(&rp_id, entity, Vec::new()).start_ceremony().unwrap();
    let options = serde_json::to_value(&client).unwrap();
    let json = authenticator.create(&options, ORIGIN).unwrap().to_string();
    let (challenge, user_verification) = ours(&options);
    let expected = Expected { challenge: &challenge, user_verification, ..expected() };
    let response = RegistrationResponse::parse(json.as_bytes()).unwrap();
    let stored = verify_registration(&response, &expected, &CoseAlgorithm::OFFERED).unwrap().stored();
    let registration: Registration = serde_json::from_str(&json).unwrap();
    let registered = server
        .verify(&rp_id, &registration, &RegistrationVerificationOptions::<&str, &str>::default())
        .unwrap();
    let state = registered.static_state().encode().unwrap();
    let state = StaticState::<OracleKey>::decode(&state).unwrap();
    let mut credential =
        AuthenticatedCredential::new(registered.id(), &user, state, registered.dynamic_state()).unwrap();

    let (server, client) = DiscoverableCredentialRequestOptions::passkey(&rp_id).start_ceremony().unwrap();
    let options = serde_json::to_value(&client).unwrap();
    authenticator.flags = flags;
    let mut json = authenticator.get_with(&options, ORIGIN, lie).unwrap();
    change(&mut json);
    let json = json.to_string();
    let (challenge, user_verification) = ours(&options);
    let expected = Expected { challenge: &challenge, user_verification, ..expected };
    let we_accept = AuthenticationResponse::parse(json.as_bytes()).is_ok_and(|response| {
        verify_authentication(&response, &expected, Owner::Discovered(&USER), &stored)
            .is_ok_and(|verified| !verified.clone_suspected)
    });
    let they_accept = serde_json::from_str::<DiscoverableAuthentication<16>>(&json).is_ok_and(|response| {
        let options = AuthenticationVerificationOptions::<&str, &str>::default();
        server.verify(&rp_id, &response, &mut credential, &options).is_ok()
    });
    (we_accept, they_accept)
}

#[test]
fn honest_ceremonies_agree() {
    for algorithm in CoseAlgorithm::OFFERED {
        for flags in [UP | UV, UP | UV | BE, UP | UV | BE | BS] {
            let mut authenticator = authenticator(algorithm);
            authenticator.flags = flags;
            authenticator.self_attestation = flags & BS != 0;
            authenticator.counter = Some(3);
            let verdicts = registrations(&mut authenticator, ORIGIN, &Tamper::default());
            assert_eq!(verdicts, (true, true), "{algorithm:?} {flags:#x}");
            let verdicts = authentications(&mut authenticator, flags, &Tamper::default(), |_| ());
            assert_eq!(verdicts, (true, true), "{algorithm:?} {flags:#x}");
        }
    }
}

#[test]
fn s30_to_s38_lies_at_registration_agree() {
    let none = Tamper::default;
    let lies = [
        Tamper { kind: Some("webauthn.get"), ..none() },
        Tamper { challenge: Some(b64::encode([1; 16])), ..none() },
        Tamper { cross_origin: Some(true), ..none() },
        Tamper { cross_origin: Some(true), top_origin: Some("https://top.example"), ..none() },
        Tamper { client_data_json: Some(b"{}".to_vec()), ..none() },
        Tamper { rp_id: Some("example.org"), ..none() },
        Tamper { flags: Some(AT | UP), ..none() },
        Tamper { flags: Some(AT | UV), ..none() },
        Tamper { flags: Some(AT | UP | UV | BS), ..none() },
        Tamper { flags: Some(UP | UV), ..none() },
        Tamper { extensions: Some(vec![0xbf, 0xff]), ..none() },
        Tamper { extensions: Some(vec![0x80]), ..none() },
        Tamper { trailing: vec![0], ..none() },
        Tamper { attested_id: Some(vec![9; 1024]), ..none() },
        Tamper { public_key: Some(vec![0xa0]), ..none() },
        Tamper { alg: Some(-8), ..none() },
        Tamper { alg: Some(-65535), ..none() },
        Tamper { format: Some("packed"), ..none() },
        Tamper { statement: Some(Cbor::Map(vec![("alg".into(), (-7).into())])), ..none() },
        Tamper { indefinite_cbor: true, ..none() },
        Tamper { object_trailing: vec![0], ..none() },
    ];
    for lie in lies {
        let verdicts = registrations(&mut authenticator(CoseAlgorithm::ES256), ORIGIN, &lie);
        assert_eq!(verdicts, (false, false), "{lie:?}");
    }
    for origin in FOREIGN_ORIGINS {
        let verdicts = registrations(&mut authenticator(CoseAlgorithm::ES256), origin, &none());
        assert_eq!(verdicts, (false, false), "{origin}");
    }
    let longest = Tamper { attested_id: Some(vec![9; 1023]), ..none() };
    let verdicts = registrations(&mut authenticator(CoseAlgorithm::ES256), ORIGIN, &longest);
    assert_eq!(verdicts, (true, true));
}

#[test]
fn s30_to_s38_lies_at_authentication_agree() {
    let none = Tamper::default;
    let lies = [
        Tamper { kind: Some("webauthn.create"), ..none() },
        Tamper { challenge: Some(b64::encode([1; 16])), ..none() },
        Tamper { cross_origin: Some(true), ..none() },
        Tamper { cross_origin: Some(true), top_origin: Some("https://top.example"), ..none() },
        Tamper { client_data_json: Some(b"{}".to_vec()), ..none() },
        Tamper { rp_id: Some("example.org"), ..none() },
        Tamper { flags: Some(UP), ..none() },
        Tamper { flags: Some(UV), ..none() },
        Tamper { flags: Some(UP | UV | BS), ..none() },
        Tamper { flags: Some(UP | UV | BE), ..none() },
        Tamper { flags: Some(UP | UV | AT), ..none() },
        Tamper { sign_count: Some(3), ..none() },
        Tamper { sign_count: Some(0), ..none() },
        Tamper { extensions: Some(vec![0x80]), ..none() },
        Tamper { trailing: vec![0], ..none() },
        Tamper { user_handle: Some(None), ..none() },
        Tamper { user_handle: Some(Some(b"another 16 bytes".to_vec())), ..none() },
        Tamper { flip_signature: true, ..none() },
    ];
    for lie in lies {
        let mut authenticator = authenticator(CoseAlgorithm::ES256);
        authenticator.counter = Some(3);
        let verdicts = authentications(&mut authenticator, UP | UV, &lie, |_| ());
        assert_eq!(verdicts, (false, false), "{lie:?}");
    }
}

#[test]
fn s38_changed_assertions_agree() {
    let honest = Tamper::default();
    for part in mutations::SIGNED_PARTS {
        for at in [0, 1, 2, 5, 20, 31, 32, 33, 36, 40, 63] {
            let mut authenticator = authenticator(CoseAlgorithm::EdDSA);
            let verdicts = authentications(&mut authenticator, UP | UV, &honest, |json| {
                *json = mutations::changed(json, part, |bytes| {
                    let at = at % bytes.len();
                    bytes[at] ^= 0x04;
                });
            });
            assert_eq!(verdicts, (false, false), "{part} {at}");
        }
    }
}
