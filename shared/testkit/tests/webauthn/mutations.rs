//! What was signed cannot be changed, not by a bit.

use super::*;
use proptest::prelude::*;
use proptest::sample::Index;

pub(super) const SIGNED_PARTS: [&str; 3] = ["authenticatorData", "clientDataJSON", "signature"];

fn ceremony(algorithm: CoseAlgorithm) -> (Value, StoredCredential) {
    let mut authenticator = authenticator(algorithm);
    let stored = register(&mut authenticator);
    (authenticator.get(&request_options(), ORIGIN).unwrap(), stored)
}

/// The response with one of its byte strings passed through `change`.
pub(super) fn changed(response: &Value, part: &str, change: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut response = response.clone();
    let member = &mut response["response"][part];
    let mut bytes = b64::decode(member.as_str().unwrap()).unwrap();
    change(&mut bytes);
    *member = b64::encode(bytes).into();
    response
}

fn length(response: &Value, part: &str) -> usize {
    b64::decode(response["response"][part].as_str().unwrap()).unwrap().len()
}

#[test]
fn s38_no_single_bit_of_an_assertion_can_change() {
    for algorithm in CoseAlgorithm::OFFERED {
        let (response, stored) = ceremony(algorithm);
        assert!(verify_asserted(&response, &stored).is_ok());
        for part in SIGNED_PARTS {
            for at in 0..length(&response, part) {
                for bit in 0..8 {
                    let lie = changed(&response, part, |bytes| bytes[at] ^= 1 << bit);
                    assert!(verify_asserted(&lie, &stored).is_err(), "{algorithm:?} {part} {at} {bit}");
                }
            }
        }
    }
}

#[test]
fn s38_no_byte_of_an_assertion_can_be_left_out_or_added() {
    for algorithm in CoseAlgorithm::OFFERED {
        let (response, stored) = ceremony(algorithm);
        for part in SIGNED_PARTS {
            for at in 0..length(&response, part) {
                let shorter = changed(&response, part, |bytes| bytes.truncate(at));
                assert!(verify_asserted(&shorter, &stored).is_err(), "{algorithm:?} {part} {at}");
            }
            let longer = changed(&response, part, |bytes| bytes.push(0));
            assert!(verify_asserted(&longer, &stored).is_err(), "{algorithm:?} {part}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn s38_no_byte_of_an_assertion_can_change(part in 0..3_usize, at: Index, byte: u8) {
        let (response, stored) = ceremony(CoseAlgorithm::ES256);
        let mut is_same = false;
        let lie = changed(&response, SIGNED_PARTS[part], |bytes| {
            let at = at.index(bytes.len());
            is_same = bytes[at] == byte;
            bytes[at] = byte;
        });
        prop_assert_eq!(verify_asserted(&lie, &stored).is_ok(), is_same);
    }

    #[test]
    fn s38_a_changed_registration_never_panics(part in 0..2_usize, at: Index, byte: u8) {
        let created = authenticator(CoseAlgorithm::ES256).create(&creation_options(), ORIGIN).unwrap();
        let lie = changed(&created, ["attestationObject", "clientDataJSON"][part], |bytes| {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        });
        let _ = verify_created(&lie);
    }
}
