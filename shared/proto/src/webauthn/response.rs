//! What the browser posts back, in the JSON forms of `PublicKeyCredential.toJSON()` (WebAuthn §5.1).

use super::expected::PublicReason;
use super::options::{Attachment, PUBLIC_KEY, Transport};
use super::{MAX_CREDENTIAL_ID_BYTES, MAX_USER_HANDLE_BYTES};
use crate::b64;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Why a text is not a `RegistrationResponseJSON` or `AuthenticationResponseJSON`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// Longer than any response.
    #[error("response exceeds the size limit")]
    TooLarge,
    /// Not JSON, or a member is missing, repeated or of the wrong type.
    #[error("response is not a public key credential in JSON")]
    NotACredential,
    /// `type` is not `public-key`.
    #[error("response is not of type public-key")]
    WrongType,
    /// `id` and `rawId` differ.
    #[error("id and rawId differ")]
    IdMismatch,
    /// The credential id is empty or longer than 1023 bytes.
    #[error("credential id has an impossible length")]
    CredentialIdLength,
    /// The user handle is empty or longer than 64 bytes.
    #[error("user handle has an impossible length")]
    UserHandleLength,
    /// A member that carries bytes is not base64url without padding.
    #[error("a member is not base64url")]
    NotBase64Url,
}

impl ResponseError {
    /// What a person is told.
    #[must_use]
    pub const fn public(self) -> PublicReason {
        PublicReason::InvalidResponse
    }
}

/// A `RegistrationResponseJSON`, decoded but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationResponse {
    pub(super) credential_id: String,
    pub(super) client_data_json: Vec<u8>,
    pub(super) attestation_object: Vec<u8>,
    pub(super) transports: Vec<Transport>,
    pub(super) attachment: Option<Attachment>,
    pub(super) discoverable: Option<bool>,
}

impl RegistrationResponse {
    /// Parses the JSON text. Members we do not need, such as `publicKey`, are ignored: what they say is in the
    /// attestation object too.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(json: &[u8]) -> Result<Self, ResponseError> {
        let credential: Credential<Attestation> = credential(json)?;
        Ok(Self {
            client_data_json: decode(&credential.response.client_data_json)?,
            attestation_object: decode(&credential.response.attestation_object)?,
            transports: credential.response.transports,
            attachment: attachment(credential.authenticator_attachment.as_deref()),
            discoverable: credential.client_extension_results.cred_props.and_then(|props| props.rk),
            credential_id: credential.id,
        })
    }

    /// The credential id, base64url.
    #[must_use]
    pub fn credential_id(&self) -> &str {
        &self.credential_id
    }
}

/// An `AuthenticationResponseJSON`, decoded but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationResponse {
    pub(super) credential_id: String,
    pub(super) client_data_json: Vec<u8>,
    pub(super) authenticator_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) user_handle: Option<Vec<u8>>,
}

impl AuthenticationResponse {
    /// Parses the JSON text. Members we do not need are ignored.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(json: &[u8]) -> Result<Self, ResponseError> {
        let credential: Credential<Assertion> = credential(json)?;
        let user_handle = credential.response.user_handle.as_deref().map(decode).transpose()?;
        if user_handle.as_ref().is_some_and(|h| h.is_empty() || h.len() > MAX_USER_HANDLE_BYTES) {
            return Err(ResponseError::UserHandleLength);
        }
        Ok(Self {
            client_data_json: decode(&credential.response.client_data_json)?,
            authenticator_data: decode(&credential.response.authenticator_data)?,
            signature: decode(&credential.response.signature)?,
            user_handle,
            credential_id: credential.id,
        })
    }

    /// The credential id, base64url: the key to look the stored credential up by.
    #[must_use]
    pub fn credential_id(&self) -> &str {
        &self.credential_id
    }

    /// The user handle the authenticator stored, if it sent one. Not to be believed before verification.
    #[must_use]
    pub fn user_handle(&self) -> Option<&[u8]> {
        self.user_handle.as_deref()
    }
}

/// The members both forms share.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<R> {
    id: String,
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: R,
    authenticator_attachment: Option<String>,
    #[serde(default)]
    client_extension_results: ClientExtensionResults,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
    #[serde(default, deserialize_with = "Transport::deserialize_known")]
    transports: Vec<Transport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientExtensionResults {
    cred_props: Option<CredentialProperties>,
}

#[derive(Deserialize)]
struct CredentialProperties {
    rk: Option<bool>,
}

fn credential<R: DeserializeOwned>(json: &[u8]) -> Result<Credential<R>, ResponseError> {
    if json.len() > MAX_BYTES {
        return Err(ResponseError::TooLarge);
    }
    let credential: Credential<R> =
        serde_json::from_slice(json).map_err(|_| ResponseError::NotACredential)?;
    if credential.kind != PUBLIC_KEY {
        return Err(ResponseError::WrongType);
    }
    if credential.id != credential.raw_id {
        return Err(ResponseError::IdMismatch);
    }
    if !(1..=MAX_CREDENTIAL_ID_BYTES).contains(&decode(&credential.id)?.len()) {
        return Err(ResponseError::CredentialIdLength);
    }
    Ok(credential)
}

fn decode(text: impl AsRef<str>) -> Result<Vec<u8>, ResponseError> {
    b64::decode(text.as_ref()).map_err(|_| ResponseError::NotBase64Url)
}

/// An attachment unknown to us counts as none given (§5.1).
fn attachment(name: Option<&str>) -> Option<Attachment> {
    match name {
        Some("platform") => Some(Attachment::Platform),
        Some("cross-platform") => Some(Attachment::CrossPlatform),
        _ => None,
    }
}

/// The largest attestation object in base64url, twice over.
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn registration() -> Value {
        json!({
            "id": "AQID",
            "rawId": "AQID",
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": "e30",
                "attestationObject": "oA",
                "transports": ["usb", "internal", "usb", "telepathy"],
                "publicKey": null,
                "publicKeyAlgorithm": -7,
            },
            "clientExtensionResults": {"credProps": {"rk": true}, "prf": {"enabled": true}},
            "unknown": [1],
        })
    }

    fn authentication() -> Value {
        json!({
            "id": "AQID",
            "rawId": "AQID",
            "type": "public-key",
            "response": {
                "clientDataJSON": "e30",
                "authenticatorData": "AAE",
                "signature": "MAA",
                "userHandle": "dTE",
            },
            "clientExtensionResults": {},
        })
    }

    fn parse_registration(json: &Value) -> Result<RegistrationResponse, ResponseError> {
        RegistrationResponse::parse(json.to_string().as_bytes())
    }

    fn parse_authentication(json: &Value) -> Result<AuthenticationResponse, ResponseError> {
        AuthenticationResponse::parse(json.to_string().as_bytes())
    }

    fn with(mut json: Value, pointer: &str, value: impl Into<Value>) -> Value {
        *json.pointer_mut(pointer).unwrap() = value.into();
        json
    }

    #[test]
    fn known_members_are_decoded() {
        assert_eq!(
            parse_registration(&registration()),
            Ok(RegistrationResponse {
                credential_id: "AQID".into(),
                client_data_json: b"{}".to_vec(),
                attestation_object: vec![0xa0],
                transports: vec![Transport::Internal, Transport::Usb],
                attachment: Some(Attachment::Platform),
                discoverable: Some(true),
            })
        );
        let response = parse_authentication(&authentication()).unwrap();
        assert_eq!(response.credential_id(), "AQID");
        assert_eq!(response.user_handle(), Some(&b"u1"[..]));
        assert_eq!(response.authenticator_data, [0, 1]);
        assert_eq!(response.signature, [0x30, 0]);
    }

    #[test]
    fn optional_members_may_be_absent_or_null() {
        let mut bare = registration();
        bare.as_object_mut().unwrap().remove("clientExtensionResults");
        bare["authenticatorAttachment"] = Value::Null;
        bare["response"].as_object_mut().unwrap().remove("transports");
        let bare = parse_registration(&bare).unwrap();
        assert_eq!((bare.attachment, bare.discoverable), (None, None));
        assert_eq!(bare.transports, []);
        let null = with(authentication(), "/response/userHandle", Value::Null);
        assert_eq!(parse_authentication(&null).unwrap().user_handle(), None);
    }

    #[test]
    fn s38_each_departure_has_its_error() {
        use ResponseError::*;
        let long = |bytes: usize| b64::encode(vec![1; bytes]);
        let both_ids = |id: &str| with(with(registration(), "/id", id), "/rawId", id);
        let cases = [
            (with(registration(), "/type", "password"), WrongType),
            (with(registration(), "/rawId", "AQIE"), IdMismatch),
            (both_ids(""), CredentialIdLength),
            (both_ids(&long(1024)), CredentialIdLength),
            (both_ids("AQI="), NotBase64Url),
            (both_ids("AQI/"), NotBase64Url),
            (with(registration(), "/response/clientDataJSON", "e31"), NotBase64Url),
            (with(registration(), "/response/attestationObject", "oA=="), NotBase64Url),
            (with(registration(), "/response/attestationObject", 7), NotACredential),
            (with(registration(), "/response", "e30"), NotACredential),
            (with(registration(), "/id", Value::Null), NotACredential),
            (with(registration(), "/clientExtensionResults", "x"), NotACredential),
            (json!([]), NotACredential),
            (with(registration(), "/unknown", " ".repeat(MAX_BYTES)), TooLarge),
        ];
        for (json, error) in cases {
            assert_eq!(parse_registration(&json), Err(error), "{json}");
            assert_eq!(error.public(), PublicReason::InvalidResponse);
        }
        assert!(parse_registration(&both_ids(&long(1023))).is_ok());

        let cases = [
            (with(authentication(), "/response/userHandle", ""), UserHandleLength),
            (with(authentication(), "/response/userHandle", long(65)), UserHandleLength),
            (with(authentication(), "/response/userHandle", "dTE="), NotBase64Url),
            (with(authentication(), "/response/signature", "M"), NotBase64Url),
            (with(authentication(), "/response/authenticatorData", "+A"), NotBase64Url),
            (registration(), NotACredential),
        ];
        for (json, error) in cases {
            assert_eq!(parse_authentication(&json), Err(error), "{json}");
        }
        assert!(parse_authentication(&with(authentication(), "/response/userHandle", long(64))).is_ok());
    }

    #[test]
    fn s38_repeated_members_are_refused() {
        let text = authentication().to_string().replacen('{', r#"{"id":"AQID","#, 1);
        assert_eq!(AuthenticationResponse::parse(text.as_bytes()), Err(ResponseError::NotACredential));
        let text = authentication().to_string().replace(r#""signature""#, r#""signature":"MAA","signature""#);
        assert_eq!(AuthenticationResponse::parse(text.as_bytes()), Err(ResponseError::NotACredential));
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = RegistrationResponse::parse(&bytes);
            let _ = AuthenticationResponse::parse(&bytes);
        }

        #[test]
        fn s38_changed_json_never_panics(at: prop::sample::Index, byte: u8) {
            let mut json = authentication().to_string().into_bytes();
            let at = at.index(json.len());
            json[at] = byte;
            let _ = AuthenticationResponse::parse(&json);
        }
    }
}
