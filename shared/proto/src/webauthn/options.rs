//! The options a page passes to `navigator.credentials`, in their JSON forms (WebAuthn §5.1.8, §5.1.9).
//!
//! `PublicKeyCredential.parseCreationOptionsFromJSON()` and `parseRequestOptionsFromJSON()` read them as they are.

use super::cose::CoseAlgorithm;
use crate::b64;
use serde::{Deserialize, Deserializer, Serialize};

/// What `navigator.credentials.create()` is asked for (§5.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyCredentialCreationOptionsJSON {
    /// On whose behalf.
    pub rp: RelyingParty,
    /// For whom.
    pub user: User,
    /// base64url of the challenge.
    pub challenge: String,
    /// Accepted algorithms, most wanted first.
    pub pub_key_cred_params: Vec<CredentialParameters>,
    /// Milliseconds the person has.
    pub timeout: u32,
    /// Credentials the user has; an authenticator that holds one refuses to make another.
    pub exclude_credentials: Vec<CredentialDescriptor>,
    /// Demands on the authenticator.
    pub authenticator_selection: AuthenticatorSelection,
    /// Attestation conveyance preference; `none` is all we ask for.
    pub attestation: &'static str,
    /// Extension inputs.
    pub extensions: CreationExtensions,
}

impl PublicKeyCredentialCreationOptionsJSON {
    /// Options for a passkey: discoverable, with user verification required, of any offered algorithm and any
    /// authenticator, without attestation, within 60 seconds. The members may be changed afterwards.
    #[must_use]
    pub fn new(rp: RelyingParty, user: User, challenge: &[u8]) -> Self {
        Self {
            rp,
            user,
            challenge: b64::encode(challenge),
            pub_key_cred_params: CoseAlgorithm::OFFERED.into_iter().map(CredentialParameters::new).collect(),
            timeout: TIMEOUT_MS,
            exclude_credentials: Vec::new(),
            authenticator_selection: AuthenticatorSelection {
                authenticator_attachment: None,
                resident_key: ResidentKey::Required,
                require_resident_key: true,
                user_verification: UserVerification::Required,
            },
            attestation: "none",
            extensions: CreationExtensions { cred_props: true },
        }
    }
}

/// What `navigator.credentials.get()` is asked for (§5.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicKeyCredentialRequestOptionsJSON {
    /// base64url of the challenge.
    pub challenge: String,
    /// Milliseconds the person has.
    pub timeout: u32,
    /// The RP ID.
    pub rp_id: String,
    /// Credentials that will do; empty lets the person choose among discoverable ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_credentials: Vec<CredentialDescriptor>,
    /// Demand for user verification.
    pub user_verification: UserVerification,
}

impl PublicKeyCredentialRequestOptionsJSON {
    /// Options for signing in with any passkey, with user verification required, within 60 seconds. The members
    /// may be changed afterwards.
    #[must_use]
    pub fn new(rp_id: &str, challenge: &[u8]) -> Self {
        Self {
            challenge: b64::encode(challenge),
            timeout: TIMEOUT_MS,
            rp_id: rp_id.to_owned(),
            allow_credentials: Vec::new(),
            user_verification: UserVerification::Required,
        }
    }
}

/// `PublicKeyCredentialRpEntity` (§5.4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelyingParty {
    /// The RP ID: a host name.
    pub id: String,
    /// Name for people.
    pub name: String,
}

/// `PublicKeyCredentialUserEntityJSON` (§5.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// base64url of the user handle.
    pub id: String,
    /// Account name, for people to tell accounts apart.
    pub name: String,
    /// The person's name.
    pub display_name: String,
}

impl User {
    /// A user whose handle is the bytes of `handle`, 64 at most: an identifier that says nothing about the person.
    #[must_use]
    pub fn new(handle: &[u8], name: &str, display_name: &str) -> Self {
        Self { id: b64::encode(handle), name: name.to_owned(), display_name: display_name.to_owned() }
    }
}

/// `PublicKeyCredentialParameters` (§5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CredentialParameters {
    /// Always `public-key`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The algorithm's COSE number.
    pub alg: CoseAlgorithm,
}

impl CredentialParameters {
    /// Parameters for one algorithm.
    #[must_use]
    pub const fn new(alg: CoseAlgorithm) -> Self {
        Self { kind: PUBLIC_KEY, alg }
    }
}

/// `PublicKeyCredentialDescriptorJSON` (§5.8.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialDescriptor {
    /// Always `public-key`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// base64url of the credential id.
    pub id: String,
    /// Ways the authenticator can be reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<Transport>,
}

impl CredentialDescriptor {
    /// Describes the credential with this id (base64url).
    #[must_use]
    pub const fn new(id: String, transports: Vec<Transport>) -> Self {
        Self { kind: PUBLIC_KEY, id, transports }
    }
}

/// `AuthenticatorSelectionCriteria` (§5.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    /// Built in or roaming; `None` is either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authenticator_attachment: Option<Attachment>,
    /// Whether the credential shall be discoverable.
    pub resident_key: ResidentKey,
    /// The Level 1 spelling of `residentKey: "required"`.
    pub require_resident_key: bool,
    /// Demand for user verification.
    pub user_verification: UserVerification,
}

/// Extension inputs at creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationExtensions {
    /// `credProps` (§10.1.3): asks whether the credential became discoverable.
    pub cred_props: bool,
}

/// `AuthenticatorAttachment` (§5.4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// Built into the device.
    Platform,
    /// Roaming: a security key, a phone.
    CrossPlatform,
}

/// `ResidentKeyRequirement` (§5.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResidentKey {
    /// Rather not discoverable.
    Discouraged,
    /// Rather discoverable.
    Preferred,
    /// Discoverable or not at all.
    Required,
}

/// `UserVerificationRequirement` (§5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// Without it the ceremony fails, here as in the browser.
    Required,
    /// Asked for, not insisted on.
    Preferred,
    /// Rather not.
    Discouraged,
}

/// `AuthenticatorTransport` (§5.8.4): a way an authenticator can be reached. The names are kept as hints for later
/// ceremonies; names unknown to us are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Bluetooth.
    Ble,
    /// A phone, reached by QR code.
    Hybrid,
    /// Built in.
    Internal,
    /// NFC.
    Nfc,
    /// A smart card in a reader.
    SmartCard,
    /// USB.
    Usb,
}

impl Transport {
    const ALL: [Self; 6] = [Self::Ble, Self::Hybrid, Self::Internal, Self::Nfc, Self::SmartCard, Self::Usb];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ble => "ble",
            Self::Hybrid => "hybrid",
            Self::Internal => "internal",
            Self::Nfc => "nfc",
            Self::SmartCard => "smart-card",
            Self::Usb => "usb",
        }
    }

    /// Reads a list of names; each known name counts once.
    pub(super) fn deserialize_known<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Self>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self::ALL.into_iter().filter(|t| names.iter().any(|name| name == t.as_str())).collect())
    }
}

/// `PublicKeyCredentialType` (§5.8.2) has this one value.
pub(super) const PUBLIC_KEY: &str = "public-key";

const TIMEOUT_MS: u32 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn creation_options_have_the_json_form_of_the_specification() {
        let rp = RelyingParty { id: "id.example.org".into(), name: "Example".into() };
        let user = User::new(b"u1", "ada", "Ada Lovelace");
        let mut options = PublicKeyCredentialCreationOptionsJSON::new(rp, user, &[0xff; 16]);
        options.exclude_credentials = vec![
            CredentialDescriptor::new("AQ".into(), vec![Transport::Internal, Transport::SmartCard]),
            CredentialDescriptor::new("Ag".into(), vec![]),
        ];
        options.authenticator_selection.authenticator_attachment = Some(Attachment::CrossPlatform);
        assert_eq!(
            serde_json::to_value(&options).unwrap(),
            json!({
                "rp": {"id": "id.example.org", "name": "Example"},
                "user": {"id": "dTE", "name": "ada", "displayName": "Ada Lovelace"},
                "challenge": "_____________________w",
                "pubKeyCredParams": [
                    {"type": "public-key", "alg": -7},
                    {"type": "public-key", "alg": -8},
                    {"type": "public-key", "alg": -257},
                ],
                "timeout": 60000,
                "excludeCredentials": [
                    {"type": "public-key", "id": "AQ", "transports": ["internal", "smart-card"]},
                    {"type": "public-key", "id": "Ag"},
                ],
                "authenticatorSelection": {
                    "authenticatorAttachment": "cross-platform",
                    "residentKey": "required",
                    "requireResidentKey": true,
                    "userVerification": "required",
                },
                "attestation": "none",
                "extensions": {"credProps": true},
            })
        );
    }

    #[test]
    fn request_options_have_the_json_form_of_the_specification() {
        let mut options = PublicKeyCredentialRequestOptionsJSON::new("id.example.org", &[0; 16]);
        assert_eq!(
            serde_json::to_value(&options).unwrap(),
            json!({
                "challenge": "AAAAAAAAAAAAAAAAAAAAAA",
                "timeout": 60000,
                "rpId": "id.example.org",
                "userVerification": "required",
            })
        );
        options.allow_credentials = vec![CredentialDescriptor::new("AQ".into(), vec![Transport::Usb])];
        assert_eq!(
            serde_json::to_value(&options).unwrap()["allowCredentials"],
            json!([{"type": "public-key", "id": "AQ", "transports": ["usb"]}])
        );
    }

    #[test]
    fn transport_names_are_those_serde_writes() {
        for transport in Transport::ALL {
            assert_eq!(serde_json::to_value(transport).unwrap(), transport.as_str());
        }
    }
}
