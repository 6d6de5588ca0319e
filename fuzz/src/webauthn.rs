//! What browsers and authenticators send. The first byte says what the rest is.

use proto::b64;
use proto::webauthn::{
    AuthenticationResponse, AuthenticatorData, CollectedClientData, CoseAlgorithm, CosePublicKey, Expected, Owner,
    RegistrationResponse, StoredCredential, UserVerification, verify_authentication, verify_registration,
};
use serde_json::json;

const EXPECTED: Expected<'static> = Expected {
    challenge: b"0123456789abcdef0123456789abcdef",
    rp_id: "id.example",
    origins: &["https://id.example"],
    user_verification: UserVerification::Required,
};

/// Client data that fits [`EXPECTED`], so that what comes after it is reached.
fn client_data(ceremony: &str) -> String {
    let challenge = b64::encode(EXPECTED.challenge);
    let text = format!(r#"{{"type":"{ceremony}","challenge":"{challenge}","origin":"https://id.example","crossOrigin":false}}"#);
    b64::encode(text.as_bytes())
}

/// Rules: no panic, and nothing is accepted as a signature of a key whose private half nobody here has.
pub fn webauthn(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 5 {
        0 => {
            let _ = CollectedClientData::parse(rest);
            let _ = AuthenticatorData::parse(rest);
        }
        1 => {
            if let Ok(key) = CosePublicKey::parse(rest) {
                let _ = key.algorithm();
                assert!(key.verify(b"message", &[0; 64]).is_err());
            }
        }
        2 => attestation(rest),
        3 => assertion(rest),
        _ => {
            if let Ok(response) = RegistrationResponse::parse(rest) {
                let _ = verify_registration(&response, &EXPECTED, &[CoseAlgorithm::ES256]);
            }
            let _ = AuthenticationResponse::parse(rest);
        }
    }
}

fn attestation(object: &[u8]) {
    let text = json!({
        "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {},
        "response": { "clientDataJSON": client_data("webauthn.create"), "attestationObject": b64::encode(object), "transports": [] },
    });
    let response = RegistrationResponse::parse(text.to_string().as_bytes()).unwrap();
    let _ = verify_registration(&response, &EXPECTED, &[CoseAlgorithm::ES256, CoseAlgorithm::RS256, CoseAlgorithm::EdDSA]);
}

fn assertion(rest: &[u8]) {
    let (signature, authenticator_data) = rest.split_at(rest.len().min(72));
    let text = json!({
        "id": "AAAA", "rawId": "AAAA", "type": "public-key", "clientExtensionResults": {},
        "response": {
            "clientDataJSON": client_data("webauthn.get"), "authenticatorData": b64::encode(authenticator_data),
            "signature": b64::encode(signature), "userHandle": "AAAA",
        },
    });
    let response = AuthenticationResponse::parse(text.to_string().as_bytes()).unwrap();
    // A COSE key of Ed25519 with the point of RFC 8037 appendix A.2.
    let mut key = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
    key.extend(b64::decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap());
    let stored = StoredCredential {
        credential_id: "AAAA".to_owned(),
        public_key: b64::encode(&key),
        sign_count: 0,
        backup_eligible: false,
    };
    assert!(CosePublicKey::parse(&key).is_ok());
    assert!(verify_authentication(&response, &EXPECTED, Owner::Discovered(&[0, 0, 0]), &stored).is_err());
}
