//! The client data a browser collects and hashes into the signature (WebAuthn §5.8.1).

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// What the browser says about the ceremony it ran. Members we do not know are allowed and dropped: the
/// specification reserves the right to add some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedClientData {
    /// `type`: `webauthn.create` or `webauthn.get`.
    pub kind: String,
    /// `challenge`: base64url of the challenge in the options.
    pub challenge: String,
    /// `origin` of the page that ran the ceremony.
    pub origin: String,
    /// `crossOrigin`: whether that page sat in a frame of another origin; absent means `false`.
    pub cross_origin: bool,
    /// `topOrigin`: the outermost page's origin, present for a cross-origin frame only.
    pub top_origin: Option<String>,
}

/// Why bytes are not client data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientDataError {
    /// More bytes than client data ever needs.
    #[error("client data exceeds the size limit")]
    TooLarge,
    /// Not a JSON object in UTF-8.
    #[error("client data is not a JSON object")]
    NotJson,
    /// A member occurs twice, so that two readers could see two values.
    #[error("client data repeats a member")]
    DuplicateMember,
    /// A required member is missing, or a known one has another type.
    #[error("client data lacks a member or has one of the wrong type")]
    WrongMember,
}

impl CollectedClientData {
    /// Parses the bytes of `clientDataJSON`.
    ///
    /// # Errors
    /// [`ClientDataError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ClientDataError> {
        if bytes.len() > MAX_BYTES {
            return Err(ClientDataError::TooLarge);
        }
        // "UTF-8 decode" of the Encoding standard, which §7.1 step 5 calls for, drops a byte order mark.
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Members(members) = serde_json::from_slice(json).map_err(|_| ClientDataError::NotJson)?;
        let mut names = BTreeSet::new();
        if !members.iter().all(|(name, _)| names.insert(name.as_str())) {
            return Err(ClientDataError::DuplicateMember);
        }
        let member = |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let optional_text = |wanted| match member(wanted) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(ClientDataError::WrongMember),
        };
        let text = |wanted| optional_text(wanted)?.ok_or(ClientDataError::WrongMember);
        Ok(Self {
            kind: text("type")?,
            challenge: text("challenge")?,
            origin: text("origin")?,
            cross_origin: match member("crossOrigin") {
                None => false,
                Some(value) => value.as_bool().ok_or(ClientDataError::WrongMember)?,
            },
            top_origin: optional_text("topOrigin")?,
        })
    }
}

/// A JSON object as it was written: in order, repeated names included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// Three origins and a challenge fit many times over; room is left for members to come.
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: &str =
        r#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://a.example","crossOrigin":false}"#;

    #[test]
    fn members_are_read_and_strangers_dropped() {
        let plain = CollectedClientData::parse(PLAIN.as_bytes()).unwrap();
        assert_eq!(
            plain,
            CollectedClientData {
                kind: "webauthn.get".into(),
                challenge: "AAAA".into(),
                origin: "https://a.example".into(),
                cross_origin: false,
                top_origin: None,
            }
        );
        let with_bom = ["\u{feff}", PLAIN].concat();
        assert_eq!(CollectedClientData::parse(with_bom.as_bytes()), Ok(plain));
        let framed = CollectedClientData::parse(
            br#"{"tokenBinding":{"status":"supported"},"topOrigin":"https://t.example","crossOrigin":true,
                "origin":"https://a.example","challenge":"AAAA","type":"webauthn.create"}"#,
        )
        .unwrap();
        assert!(framed.cross_origin);
        assert_eq!(framed.top_origin.as_deref(), Some("https://t.example"));
    }

    #[test]
    fn s38_client_data_is_strict() {
        use ClientDataError::*;
        let cases = [
            ("", NotJson),
            ("[]", NotJson),
            ("null", NotJson),
            ("\"type\"", NotJson),
            (&PLAIN.replace('}', "},"), NotJson),
            (&PLAIN.replace('}', "} {}"), NotJson),
            (&["[".repeat(2000), "]".repeat(2000)].concat(), NotJson),
            (&PLAIN.replace('}', r#","origin":"https://b.example"}"#), DuplicateMember),
            (&PLAIN.replace('}', r#","\u006frigin":"https://b.example"}"#), DuplicateMember),
            (&PLAIN.replace('}', r#","x":1,"x":1}"#), DuplicateMember),
            ("{}", WrongMember),
            (&PLAIN.replace("\"AAAA\"", "7"), WrongMember),
            (&PLAIN.replace("\"webauthn.get\"", "null"), WrongMember),
            (&PLAIN.replace("\"origin\"", "\"Origin\""), WrongMember),
            (&PLAIN.replace("false", "\"false\""), WrongMember),
            (&PLAIN.replace("false", "null"), WrongMember),
            (&PLAIN.replace('}', r#","topOrigin":null}"#), WrongMember),
            (&PLAIN.replace('}', &[" ".repeat(4096), "}".into()].concat()), TooLarge),
        ];
        for (json, error) in cases {
            assert_eq!(CollectedClientData::parse(json.as_bytes()), Err(error), "{json}");
        }
        assert_eq!(CollectedClientData::parse(b"{\"type\":\"\xff\"}"), Err(NotJson));
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = CollectedClientData::parse(&bytes);
        }

        #[test]
        fn s38_arbitrary_text_never_panics(text in "[{}\\[\\]\",:a-z0-9\\\\ ]{0,60}") {
            let _ = CollectedClientData::parse(text.as_bytes());
        }
    }
}
