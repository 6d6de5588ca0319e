//! A browser with an authenticator, in software: answers WebAuthn options as `navigator.credentials` and
//! `toJSON()` would, deterministically, and lies on request.

#![expect(clippy::expect_used, reason = "a fake that cannot work should stop the test that uses it")]

use ciborium::Value as Cbor;
use p256::ecdsa::signature::{SignatureEncoding, Signer};
use proto::{b64, hash};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;
use serde_json::{Value, json};

/// Flag UP of the authenticator data (WebAuthn §6.1).
pub const UP: u8 = 0x01;
/// Flag UV.
pub const UV: u8 = 0x04;
/// Flag BE.
pub const BE: u8 = 0x08;
/// Flag BS.
pub const BS: u8 = 0x10;
/// Flag AT.
pub const AT: u8 = 0x40;
/// Flag ED.
pub const ED: u8 = 0x80;

/// A software authenticator together with the browser that drives it. Equal seeds make equal credentials.
#[derive(Debug, Clone)]
pub struct SoftAuthenticator {
    seed: u64,
    credentials: Vec<SoftCredential>,
    /// Flags it sets, besides AT at creation: [`UP`] and [`UV`] unless changed. Add [`BE`] and [`BS`] for a synced
    /// passkey.
    pub flags: u8,
    /// Signature counter of the next signature; `None` keeps no counter and always says 0.
    pub counter: Option<u32>,
    /// Model it claims to be.
    pub aaguid: [u8; 16],
    /// COSE algorithms it knows: all three unless changed. The first one offered that is known is used.
    pub algorithms: Vec<i64>,
    /// Whether it insists on a `packed` self attestation where none is wanted.
    pub self_attestation: bool,
}

/// What to get wrong in one ceremony; the default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Tamper {
    /// Client data: `type`.
    pub kind: Option<&'static str>,
    /// Client data: `challenge`, base64url.
    pub challenge: Option<String>,
    /// Client data: `crossOrigin`.
    pub cross_origin: Option<bool>,
    /// Client data: `topOrigin`.
    pub top_origin: Option<&'static str>,
    /// Client data as a whole.
    pub client_data_json: Option<Vec<u8>>,
    /// RP ID that is hashed into the authenticator data.
    pub rp_id: Option<&'static str>,
    /// The flags byte. AT decides whether attested credential data is there, at creation and at signing.
    pub flags: Option<u8>,
    /// The signature counter.
    pub sign_count: Option<u32>,
    /// Extension outputs, CBOR; sets ED.
    pub extensions: Option<Vec<u8>>,
    /// Bytes after the authenticator data.
    pub trailing: Vec<u8>,
    /// Credential id in the attested credential data.
    pub attested_id: Option<Vec<u8>>,
    /// `COSE_Key` bytes in the attested credential data.
    pub public_key: Option<Vec<u8>>,
    /// `alg` within the `COSE_Key`, the key itself staying what it is.
    pub alg: Option<i64>,
    /// Attestation object: `fmt`.
    pub format: Option<&'static str>,
    /// Attestation object: `attStmt`.
    pub statement: Option<Cbor>,
    /// Attestation object: write the outer map with an indefinite length.
    pub indefinite_cbor: bool,
    /// Attestation object: bytes after it.
    pub object_trailing: Vec<u8>,
    /// Assertion: the user handle; `Some(None)` leaves it out.
    pub user_handle: Option<Option<Vec<u8>>>,
    /// Assertion: flip a bit of the signature's last byte.
    pub flip_signature: bool,
}

/// Why the authenticator does not play along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// None of `pubKeyCredParams` is known (`NotSupportedError`).
    NoAlgorithm,
    /// One of `excludeCredentials` is held (`InvalidStateError`).
    Excluded,
    /// No credential fits the RP ID and `allowCredentials` (`NotAllowedError`).
    NoCredential,
}

/// A credential the authenticator holds.
#[derive(Debug, Clone)]
struct SoftCredential {
    id: Vec<u8>,
    rp_id: String,
    user_handle: Vec<u8>,
    key: Key,
}

#[derive(Debug, Clone)]
enum Key {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
    Rs256(Box<rsa::pkcs1v15::SigningKey<sha2::Sha256>>),
}

impl SoftAuthenticator {
    /// An authenticator without credentials.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            credentials: Vec::new(),
            flags: UP | UV,
            counter: None,
            aaguid: *b"soft-authentic8r",
            algorithms: vec![-7, -8, -257],
            self_attestation: false,
        }
    }

    /// `navigator.credentials.create()` on a page of `origin`, with `PublicKeyCredentialCreationOptionsJSON`; gives
    /// a `RegistrationResponseJSON`.
    ///
    /// # Errors
    /// [`Refusal::NoAlgorithm`], [`Refusal::Excluded`].
    ///
    /// # Panics
    /// If the options lack a member.
    pub fn create(&mut self, options: &Value, origin: &str) -> Result<Value, Refusal> {
        self.create_with(options, origin, &Tamper::default())
    }

    /// [`SoftAuthenticator::create`], with lies.
    ///
    /// # Errors
    /// [`Refusal::NoAlgorithm`], [`Refusal::Excluded`].
    ///
    /// # Panics
    /// If the options lack a member.
    pub fn create_with(&mut self, options: &Value, origin: &str, lie: &Tamper) -> Result<Value, Refusal> {
        if descriptors(options, "/excludeCredentials").any(|id| self.credentials.iter().any(|c| c.id == id)) {
            return Err(Refusal::Excluded);
        }
        let params = options.pointer("/pubKeyCredParams").and_then(Value::as_array);
        let alg = params
            .expect("pubKeyCredParams")
            .iter()
            .filter_map(|p| p.pointer("/alg")?.as_i64())
            .find(|alg| self.algorithms.contains(alg))
            .ok_or(Refusal::NoAlgorithm)?;
        let number = self.credentials.len();
        let credential = SoftCredential {
            id: self.secret("id", number).to_vec(),
            rp_id: text(options, "/rp/id").to_owned(),
            user_handle: b64::decode(text(options, "/user/id")).expect("user.id in base64url"),
            key: Key::new(alg, &self.secret("key", number)),
        };

        let client_data = client_data("webauthn.create", options, origin, lie);
        let data = self.authenticator_data(&credential, self.flags | AT, lie);
        let (format, statement) = self.attestation(&credential, &data, &client_data, lie);
        let mut object = encode(&Cbor::Map(vec![
            ("fmt".into(), format.into()),
            ("attStmt".into(), statement),
            ("authData".into(), Cbor::Bytes(data.clone())),
        ]));
        if lie.indefinite_cbor {
            object = [&[0xbf], object.get(1..).unwrap_or_default(), &[0xff]].concat();
        }
        object.extend(&lie.object_trailing);

        let wants_cred_props = options.pointer("/extensions/credProps") == Some(&Value::Bool(true));
        let id = b64::encode(lie.attested_id.as_ref().unwrap_or(&credential.id));
        let response = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": b64::encode(client_data),
                "authenticatorData": b64::encode(data),
                "transports": ["hybrid", "internal"],
                "publicKey": b64::encode(credential.key.spki()),
                "publicKeyAlgorithm": alg,
                "attestationObject": b64::encode(object),
            },
            "clientExtensionResults": if wants_cred_props { json!({"credProps": {"rk": true}}) } else { json!({}) },
        });
        self.credentials.push(credential);
        Ok(response)
    }

    /// `navigator.credentials.get()` on a page of `origin`, with `PublicKeyCredentialRequestOptionsJSON`; gives an
    /// `AuthenticationResponseJSON` by the newest credential that fits.
    ///
    /// # Errors
    /// [`Refusal::NoCredential`].
    ///
    /// # Panics
    /// If the options lack a member.
    pub fn get(&mut self, options: &Value, origin: &str) -> Result<Value, Refusal> {
        self.get_with(options, origin, &Tamper::default())
    }

    /// [`SoftAuthenticator::get`], with lies.
    ///
    /// # Errors
    /// [`Refusal::NoCredential`].
    ///
    /// # Panics
    /// If the options lack a member.
    pub fn get_with(&mut self, options: &Value, origin: &str, lie: &Tamper) -> Result<Value, Refusal> {
        let allowed: Vec<Vec<u8>> = descriptors(options, "/allowCredentials").collect();
        let rp_id = text(options, "/rpId");
        let fits = |c: &&SoftCredential| c.rp_id == rp_id && (allowed.is_empty() || allowed.contains(&c.id));
        let credential = self.credentials.iter().rev().find(fits).ok_or(Refusal::NoCredential)?.clone();

        let client_data = client_data("webauthn.get", options, origin, lie);
        let data = self.authenticator_data(&credential, self.flags, lie);
        let mut signature = credential.key.sign(&signed_bytes(&data, &client_data));
        if let (true, Some(last)) = (lie.flip_signature, signature.last_mut()) {
            *last ^= 1;
        }
        let user_handle = lie.user_handle.clone().unwrap_or_else(|| Some(credential.user_handle.clone()));
        let id = b64::encode(&credential.id);
        let mut response = json!({
            "id": id,
            "rawId": id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": b64::encode(client_data),
                "authenticatorData": b64::encode(data),
                "signature": b64::encode(signature),
            },
            "clientExtensionResults": {},
        });
        if let (Some(handle), Some(members)) =
            (user_handle, response.pointer_mut("/response").and_then(Value::as_object_mut))
        {
            members.insert("userHandle".into(), b64::encode(handle).into());
        }
        Ok(response)
    }

    fn authenticator_data(&mut self, credential: &SoftCredential, flags: u8, lie: &Tamper) -> Vec<u8> {
        let rp_id = lie.rp_id.unwrap_or(&credential.rp_id);
        let sign_count = lie.sign_count.unwrap_or_else(|| {
            let count = self.counter.unwrap_or(0);
            self.counter = self.counter.map(|count| count.saturating_add(1));
            count
        });
        let flags = lie.flags.unwrap_or(flags) | if lie.extensions.is_some() { ED } else { 0 };
        let mut data = hash::sha256(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(sign_count.to_be_bytes());
        if flags & AT != 0 {
            let id = lie.attested_id.as_ref().unwrap_or(&credential.id);
            data.extend(self.aaguid);
            data.extend(u16::try_from(id.len()).expect("credential id of at most 65535 bytes").to_be_bytes());
            data.extend(id);
            data.extend(lie.public_key.clone().unwrap_or_else(|| credential.key.cose(lie.alg)));
        }
        data.extend(lie.extensions.iter().flatten());
        data.extend(&lie.trailing);
        data
    }

    fn attestation(
        &self,
        credential: &SoftCredential,
        data: &[u8],
        client_data: &[u8],
        lie: &Tamper,
    ) -> (&'static str, Cbor) {
        let honest = if self.self_attestation {
            let signature = credential.key.sign(&signed_bytes(data, client_data));
            let alg = credential.key.alg().into();
            let statement = vec![("alg".into(), alg), ("sig".into(), Cbor::Bytes(signature))];
            ("packed", Cbor::Map(statement))
        } else {
            ("none", Cbor::Map(Vec::new()))
        };
        (lie.format.unwrap_or(honest.0), lie.statement.clone().unwrap_or(honest.1))
    }

    fn secret(&self, purpose: &str, number: usize) -> [u8; 32] {
        hash::sha256(format!("{purpose}:{}:{number}", self.seed).as_bytes())
    }
}

impl Key {
    fn new(alg: i64, secret: &[u8; 32]) -> Self {
        match alg {
            -7 => Self::Es256(p256::ecdsa::SigningKey::from_slice(secret).expect("a scalar")),
            -8 => Self::EdDsa(ed25519_dalek::SigningKey::from_bytes(secret)),
            // Making RSA keys is slow, so all authenticators share one.
            _ => {
                let key = rsa::PrivateKey::from_pkcs8_der(RSA_KEY).expect("the embedded key");
                Self::Rs256(Box::new(rsa::pkcs1v15::SigningKey::new(key)))
            }
        }
    }

    fn alg(&self) -> i64 {
        match self {
            Self::Es256(_) => -7,
            Self::EdDsa(_) => -8,
            Self::Rs256(_) => -257,
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).to_vec(),
            Self::Rs256(key) => key.sign(message).to_vec(),
        }
    }

    fn cose(&self, alg: Option<i64>) -> Vec<u8> {
        let alg = alg.unwrap_or_else(|| self.alg());
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let (kty, parameters) = match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.x().zip(point.y()).expect("an uncompressed point");
                (2, vec![(-1, 1.into()), (-2, bytes(x)), (-3, bytes(y))])
            }
            Self::EdDsa(key) => (1, vec![(-1, 6.into()), (-2, bytes(key.verifying_key().as_bytes()))]),
            Self::Rs256(key) => {
                let key: &rsa::PrivateKey = key.as_ref().as_ref();
                (3, vec![(-1, bytes(&key.n_bytes())), (-2, bytes(&key.e_bytes()))])
            }
        };
        let members = [(1, Cbor::from(kty)), (3, alg.into())].into_iter().chain(parameters);
        encode(&Cbor::Map(members.map(|(label, value)| (label.into(), value)).collect()))
    }

    /// `SubjectPublicKeyInfo`, which `getPublicKey()` gives.
    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) => [P256_SPKI, key.verifying_key().to_sec1_point(false).as_bytes()].concat(),
            Self::EdDsa(key) => [ED25519_SPKI, key.verifying_key().as_bytes()].concat(),
            Self::Rs256(key) => {
                let key: &rsa::PrivateKey = key.as_ref().as_ref();
                key.to_public_key().to_public_key_der().expect("a public key").into_vec()
            }
        }
    }
}

/// Client data in the one spelling that clients produce (WebAuthn §5.8.1.1).
fn client_data(kind: &str, options: &Value, origin: &str, lie: &Tamper) -> Vec<u8> {
    if let Some(whole) = &lie.client_data_json {
        return whole.clone();
    }
    let kind = Value::from(lie.kind.unwrap_or(kind));
    let challenge = Value::from(lie.challenge.as_deref().unwrap_or_else(|| text(options, "/challenge")));
    let origin = Value::from(origin);
    let cross_origin = lie.cross_origin.unwrap_or(false);
    let top_origin =
        lie.top_origin.map_or(String::new(), |top| format!(r#","topOrigin":{}"#, Value::from(top)));
    format!(
        r#"{{"type":{kind},"challenge":{challenge},"origin":{origin},"crossOrigin":{cross_origin}{top_origin}}}"#
    )
    .into_bytes()
}

fn signed_bytes(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, &hash::sha256(client_data)].concat()
}

fn encode(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing to memory");
    bytes
}

fn text<'a>(options: &'a Value, pointer: &str) -> &'a str {
    options.pointer(pointer).and_then(Value::as_str).expect(pointer)
}

fn descriptors<'a>(options: &'a Value, pointer: &str) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let list = options.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    list.map(|descriptor| b64::decode(text(descriptor, "/id")).expect("id in base64url"))
}

/// A key of 2048 bits that protects nothing, PKCS #8.
const RSA_KEY: &[u8] = include_bytes!("authenticator_rsa.pk8");
/// What precedes the point in a P-256 `SubjectPublicKeyInfo` (RFC 5480).
const P256_SPKI: &[u8] =
    b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
/// What precedes the key in an Ed25519 `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
