//! The test vectors of WebAuthn Level 3 §16, as far as our algorithms go.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stop the test")]

use proto::b64;
use proto::webauthn::{
    Authenticated, AuthenticationError, AuthenticationResponse, CoseAlgorithm, Expected, Owner,
    RegistrationError, RegistrationResponse, StoredCredential, UserVerification, verify_authentication,
    verify_registration,
};
use serde_json::{Value, json};

/// One credential of §16: its registration and its assertion.
struct Vector {
    algorithm: CoseAlgorithm,
    format: &'static str,
    /// `attStmt`, CBOR.
    statement: String,
    aaguid: &'static str,
    credential_id: &'static str,
    /// `COSE_Key`, CBOR.
    public_key: String,
    registration: Ceremony,
    assertion: Ceremony,
    signature: &'static str,
}

struct Ceremony {
    challenge: &'static str,
    flags: &'static str,
    /// Random bytes told in the additional member that some vectors have.
    extra: Option<&'static str>,
    cross_origin: bool,
}

const RP_ID: &str = "example.org";
const ORIGIN: &str = "https://example.org";
/// SHA-256 of [`RP_ID`].
const RP_ID_HASH: &str = "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b5";

/// §16.2.
fn none_es256() -> Vector {
    Vector {
        algorithm: CoseAlgorithm::ES256,
        format: "none",
        statement: "a0".into(),
        aaguid: "8446ccb9ab1db374750b2367ff6f3a1f",
        credential_id: "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
        public_key: "a5010203262001215820afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61\
                     225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220"
            .into(),
        registration: Ceremony {
            challenge: "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130",
            flags: "59",
            extra: Some("06441e0e375c4c1ad70620302532c4e5"),
            cross_origin: false,
        },
        assertion: Ceremony {
            challenge: "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
            flags: "19",
            extra: None,
            cross_origin: false,
        },
        signature: "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd38\
                    0221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87",
    }
}

/// §16.3.
fn packed_self_es256() -> Vector {
    Vector {
        algorithm: CoseAlgorithm::ES256,
        format: "packed",
        statement:
            "a263616c672663736967584630440220067a20754ab925005dbf378097c92120031581c73228d1fb4f5b881bcd7da983\
                    02207fc7b147558c7c0eba3af18bd9d121fa3d3a26d17fe3f220272178f473b6006d"
                .into(),
        aaguid: "df850e09db6afbdfab51697791506cfc",
        credential_id: "455ef34e2043a87db3d4afeb39bbcb6cc32df9347c789a865ecdca129cbef58c",
        public_key: "a5010203262001215820eb151c8176b225cc651559fecf07af450fd85802046656b34c18f6cf193843c5\
                     225820927b8aa427a2be1b8834d233a2d34f61f13bfd44119c325d5896e183fee484f2"
            .into(),
        registration: Ceremony {
            challenge: "7869c2b772d4b58eba9378cf8f29e26cf935aa77df0da89fa99c0bdc0a76f7e5",
            flags: "5d",
            extra: Some("53d8535ef284d944643276ffd3160756"),
            cross_origin: false,
        },
        assertion: Ceremony {
            challenge: "4478a10b1352348dd160c1353b0d469b5db19eb91c27f7dfa6fed39fe26af20b",
            flags: "09",
            extra: Some("8136f9debcfa121496a265c6ce2982d5"),
            cross_origin: false,
        },
        signature: "304402203310b9431903c401f1be2bdc8d23a4007682dbbddcf846994947b7f465daf840\
                    02204e94dd00047b316061b3b99772b7efd95994a83ef584b3b6b825ea3550251b66",
    }
}

/// §16.10: an attestation certificate comes along. The RSA key is the product of the Mersenne primes 2^1279 − 1
/// and 2^2203 − 1.
fn packed_rs256() -> Vector {
    let modulus = ["03", &"ff".repeat(159), "f7", &"ff".repeat(115), "80", &"00".repeat(158), "01"].concat();
    Vector {
        algorithm: CoseAlgorithm::RS256,
        format: "packed",
        statement: certified(
            "30450221008b8c5c6ea8c142c032e0be69e1353d44461c5c9109941cdda951b976eb95b6b3\
             02204d52f406c19e254b3ff9589bd18070fb055ac8db12fdd0a6734bea9d7168e900",
            "30820222308201c7a00302010202101f6fb7a5ece81b45896b983a995da5f3",
            "04b7b36b7542a11120b443c794d0c99fdc25a06b76586413d81e086163ef6fe147\
             a557afc34e2861d9057d6d465d4705a0310550bdeeb5f35ee35b9425ab859981",
            "fb37b647bccfb9e54d989eaaacc1633868703fb3",
            "3046022100b86bc129d92afca7d9869a39f70f139a305b4073a39eb654d81424bed5757d91\
             022100cf9f7c60cab7c4a7d3e7f0020f281a93d4fd0a9f95121b989f56932a68885fba",
        ),
        aaguid: "428f8878298b9862a36ad8c7527bfef2",
        credential_id: "992a18acc83f67533600c1138a4b4c4bd236de13629cf025ed17cb00b00b74df",
        public_key: ["a4010303390100205901b4", &modulus, "2143010001"].concat(),
        registration: Ceremony {
            challenge: "bea8f0770009bd57f2c0df6fea9f743a27e4b61bbe923c862c7aad7a9fc8e4a6",
            flags: "5d",
            extra: None,
            cross_origin: false,
        },
        assertion: Ceremony {
            challenge: "295f59f5fa8fe62c5aca9e27626c78c8da376ae6d8cd2dd29aebad601e1bc4c5",
            flags: "19",
            extra: None,
            cross_origin: false,
        },
        signature: "01063d52d7c39b4d432fc7063c5d93e582bdcb16889cd71f888d67d880ea730a428498d3bc8e1ee11f2b1ecbe6c292b1\
                    18c55ffaaddefa8cad0a54dd137c51f1eec673f1bb6c4d1789d6826a222b22d0f585fc901fdc933212e579d199b89d67\
                    2aa44891333e6a1355536025e82b25590256c3538229b55737083b2f6b9377e49e2472f11952f79fdd0da180b5ffd901\
                    b4049a8f081bb40711bef76c62aed943571f2d0575304cb549d68d8892f95086a30f93716aee818f8dc06e96c0d5e0ed\
                    4cfa9fd8773d90464b68cf140f7986666ff9c9e3302acd0535d60d769f465e2ab57ef8aabc89fccfef7ba32a64154a8b\
                    3d26be2298f470b8cc5377dbe3dfd4b0b45f8f01e63bde6cfc76b62771f9b70aa27cf40152cad93aa5acd784fd4b90f6\
                    76e2ea828d0bf2400aebbaae4153e5838f537f88b6228346782a93a899be66ec77de45b3efcf311da6321c92e6b0cd11\
                    bfe653bf3e98cee8e341f02d67dbb6f9c98d9e8178090cfb5b70fbc6d541599ac794ae2f1d4de1286ec8de8c2daf7b1d\
                    15c8438e90d924df5c19045220a4c8438c1b979bbe016cf3d0eeec23c3999d4882cc645b776de930756612cdc6dd3981\
                    60ff02a6",
    }
}

/// §16.11: an attestation certificate comes along.
fn packed_eddsa() -> Vector {
    Vector {
        algorithm: CoseAlgorithm::EdDSA,
        format: "packed",
        statement: certified(
            "3046022100d83f60bd80269537583218858aefb03ac57d45fa06e42feaae332d187f62da9f\
             022100a02bd3cb6f7e1d283c93bad1f3f4b5a4c0494463da7fdbf256949116754d1f17",
            "30820223308201c8a003020102021100b2cfc9ea33c8643b0e1a760463eaf164",
            "04dd2b7a564b73b8c0b81c4c62e521925c4d1198ec9f583dbf1eebe364b65cd9c2\
             9a9bdf346aaa81fb6b9507e5249a52fdaf8e39e26b0b7dc45992a7e233b70f70",
            "0ae27546bc7eccb1b4b597bd354f0c0b1f1f8f8e",
            "3046022100a0d434ecb5fc3bfd7da5f41904517ad2836249f561bd834ba7a438a8ab7a4ce8\
             022100fac845bb7a02513b58e9f319654dbe49b0f02b95835bac568c71f8a18cdde9ab",
        ),
        aaguid: "d5aa33581e8ca478e20fe713f5d32ff2",
        credential_id: "ce9f840ed96599580cd140fbc7bb3230633f50f61041aff73308ae71caa8a2bd",
        public_key: "a401010327200621582044e06ddd331c36a8dc667bab52bcae63486c916aa5e339e6acebaa84934bf832"
            .into(),
        registration: Ceremony {
            challenge: "a8abf9dabdc6b0df63466b39bda9e8a34a34e185337a59f1c579990676d3b3bd",
            flags: "41",
            extra: Some("07f0d3e60ed90fffbd3932d85f922f11"),
            cross_origin: false,
        },
        assertion: Ceremony {
            challenge: "895957e01c633a698348a2d8a31a54b7db27e8c1c43b2080d79ae2190267bfd2",
            flags: "01",
            extra: None,
            cross_origin: false,
        },
        signature: "f5c59c7e46c34f6f8cc197101ddf9934fa2595f68eb1913a637e8419eb9ba4cf\
                    dfc48f85393bc0d40b011f0d6fecb097d6607525713223a0dc0d453993dae00b",
    }
}

/// A `packed` statement with the certificate that §16 issues from its test root; the arguments are what differs.
fn certified(signature: &str, head: &str, point: &str, key_id: &str, ca_signature: &str) -> String {
    let certificate = [
        head,
        "300a06082a8648ce3d0403023062311e301c06035504030c15576562417574686e207465737420766563746f7273310c300a06\
         0355040a0c0357334331253023060355040b0c1c41757468656e74696361746f72204174746573746174696f6e204341310b30\
         090603550406130241413020170d3234303130313030303030305a180f33303234303130313030303030305a305f311e301c06\
         035504030c15576562417574686e207465737420766563746f7273310c300a060355040a0c0357334331223020060355040b0c\
         1941757468656e74696361746f72204174746573746174696f6e310b30090603550406130241413059301306072a8648ce3d02\
         0106082a8648ce3d030107034200",
        point,
        "a360305e300c0603551d130101ff04023000300e0603551d0f0101ff040403020780301d0603551d0e04160414",
        key_id,
        "301f0603551d2304183016801445aff715b0dd786741fee996ebc16547a3931b1e300a06082a8648ce3d040302034900",
        ca_signature,
    ]
    .concat();
    let (sig_len, der_len) = (signature.len() / 2, certificate.len() / 2);
    format!("a363616c67266373696758{sig_len:02x}{signature}637835638159{der_len:04x}{certificate}")
}

impl Vector {
    fn registration(&self) -> RegistrationResponse {
        let data = hex(&[
            RP_ID_HASH,
            self.registration.flags,
            "00000000",
            self.aaguid,
            "0020",
            self.credential_id,
            &self.public_key,
        ]
        .concat());
        let length = if data.len() < 256 { vec![0x58] } else { vec![0x59, 0x02] };
        let attestation_object = [
            b"\xa3\x63fmt",
            &[0x60 | self.format.len() as u8][..],
            self.format.as_bytes(),
            b"\x67attStmt",
            &hex(&self.statement),
            b"\x68authData",
            &length,
            &[data.len() as u8],
            &data,
        ]
        .concat();
        let json = self.response(json!({
            "clientDataJSON": b64::encode(self.registration.client_data("webauthn.create")),
            "attestationObject": b64::encode(attestation_object),
        }));
        RegistrationResponse::parse(json.to_string().as_bytes()).unwrap()
    }

    fn assertion(&self) -> AuthenticationResponse {
        let json = self.response(json!({
            "clientDataJSON": b64::encode(self.assertion.client_data("webauthn.get")),
            "authenticatorData": b64::encode(hex(&[RP_ID_HASH, self.assertion.flags, "00000000"].concat())),
            "signature": b64::encode(hex(self.signature)),
        }));
        AuthenticationResponse::parse(json.to_string().as_bytes()).unwrap()
    }

    fn response(&self, response: Value) -> Value {
        let id = b64::encode(hex(self.credential_id));
        json!({"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": {}})
    }
}

impl Ceremony {
    fn client_data(&self, kind: &str) -> String {
        let challenge = b64::encode(hex(self.challenge));
        let extra = self.extra.map_or(String::new(), |random| {
            let random = b64::encode(hex(random));
            format!(
                r#","extraData":"clientDataJSON may be extended with additional fields in the future, such as this: {random}""#
            )
        });
        let cross_origin = self.cross_origin;
        format!(
            r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":{cross_origin}{extra}}}"#
        )
    }
}

fn expected(challenge: &[u8]) -> Expected<'_> {
    Expected { challenge, rp_id: RP_ID, origins: &[ORIGIN], user_verification: UserVerification::Preferred }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn register(vector: &Vector) -> StoredCredential {
    let challenge = hex(vector.registration.challenge);
    let credential =
        verify_registration(&vector.registration(), &expected(&challenge), &CoseAlgorithm::OFFERED).unwrap();
    let flags = hex(vector.registration.flags)[0];
    assert_eq!(credential.credential_id, b64::encode(hex(vector.credential_id)));
    assert_eq!(credential.public_key, b64::encode(hex(&vector.public_key)));
    assert_eq!(credential.algorithm, vector.algorithm);
    assert_eq!(credential.attestation_format, vector.format);
    assert_eq!(credential.aaguid.replace('-', ""), vector.aaguid);
    assert_eq!(credential.sign_count, 0);
    assert_eq!(credential.user_verified, flags & 4 != 0);
    assert_eq!(credential.backup_eligible, flags & 8 != 0);
    assert_eq!(credential.backup_state, flags & 16 != 0);
    credential.stored()
}

fn check(vector: &Vector) {
    let stored = register(vector);
    let challenge = hex(vector.assertion.challenge);
    let response = vector.assertion();
    let flags = hex(vector.assertion.flags)[0];
    assert_eq!(
        verify_authentication(&response, &expected(&challenge), Owner::Identified(b"u1"), &stored),
        Ok(Authenticated {
            sign_count: 0,
            backup_state: flags & 16 != 0,
            user_verified: flags & 4 != 0,
            clone_suspected: false,
        })
    );
    // The vectors carry no user handle, so they cannot sign in anyone who is not known yet.
    assert_eq!(
        verify_authentication(&response, &expected(&challenge), Owner::Discovered(b"u1"), &stored),
        Err(AuthenticationError::UserHandleMissing)
    );
    let other = StoredCredential { backup_eligible: !stored.backup_eligible, ..stored };
    assert_eq!(
        verify_authentication(&response, &expected(&challenge), Owner::Identified(b"u1"), &other),
        Err(AuthenticationError::BackupEligibility)
    );
}

#[test]
fn es256_without_attestation() {
    check(&none_es256());
}

#[test]
fn es256_with_self_attestation() {
    check(&packed_self_es256());
}

#[test]
fn rs256_with_packed_attestation() {
    check(&packed_rs256());
}

#[test]
fn ed25519_with_packed_attestation() {
    check(&packed_eddsa());
}

/// §16.4.
#[test]
fn s30_cross_origin_vector_is_refused() {
    let vector = Vector {
        aaguid: "883f4f6014f19c09d87aa38123be48d0",
        credential_id: "6e1050c0d2ca2f07c755cb2c66a74c64fa43065c18f938354d9915db2bd5ce57",
        public_key: "a501020326200121582022200a473f90b11078851550d03b4e44a2279f8c4eca27b3153dedfe03e4e97d\
                     225820cbd0be95e746ad6f5a8191be11756e4c0420e72f65b466d39bc56b8b123a9c6e"
            .into(),
        registration: Ceremony {
            challenge: "3be5aacd03537142472340ab5969f240f1d87716e20b6807ac230655fa4b3b49",
            flags: "45",
            extra: Some("cd9aae12d0d1f435aaa56e6d0564c5ba"),
            cross_origin: true,
        },
        ..none_es256()
    };
    let challenge = hex(vector.registration.challenge);
    assert_eq!(
        verify_registration(&vector.registration(), &expected(&challenge), &CoseAlgorithm::OFFERED),
        Err(RegistrationError::CrossOrigin)
    );
    // Nothing else is wrong with it.
    let same_origin =
        Vector { registration: Ceremony { cross_origin: false, ..vector.registration }, ..vector };
    register(&same_origin);
}

#[test]
fn s31_vectors_do_not_cross_ceremonies_or_challenges() {
    let vector = none_es256();
    let stored = register(&vector);
    let other = hex(packed_self_es256().assertion.challenge);
    assert_eq!(
        verify_authentication(&vector.assertion(), &expected(&other), Owner::Identified(b"u1"), &stored),
        Err(AuthenticationError::Challenge)
    );
    let other = hex(vector.assertion.challenge);
    assert_eq!(
        verify_registration(&vector.registration(), &expected(&other), &CoseAlgorithm::OFFERED),
        Err(RegistrationError::Challenge)
    );
}
