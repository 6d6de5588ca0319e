//! Attestation objects and the shapes of attestation statements (WebAuthn §6.5.4, §8).
//!
//! Statements are read, never verified: we ask for none, so one that comes along proves nothing to us. Reading it
//! keeps malformed responses out and tells audit which format an authenticator insisted on.

use super::cbor::{self, CborError};
use ciborium::Value;

/// Why bytes are not an attestation object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Not CBOR in canonical form.
    #[error("attestation object is not canonical CBOR: {0}")]
    Cbor(#[from] CborError),
    /// Not a map of exactly `fmt`, `attStmt` and `authData` of their types.
    #[error("attestation object has missing, superfluous or mistyped members")]
    WrongMembers,
}

/// An attestation object, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AttestationObject {
    /// `fmt`: name of the statement's format.
    pub(super) format: String,
    /// `attStmt`: the statement.
    pub(super) statement: Value,
    /// `authData`: bytes of the authenticator data.
    pub(super) authenticator_data: Vec<u8>,
}

impl AttestationObject {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, AttestationError> {
        let Value::Map(members) = cbor::decode(bytes)? else { return Err(AttestationError::WrongMembers) };
        let (mut format, mut statement, mut authenticator_data) = (None, None, None);
        for (name, value) in members {
            match (name.as_text(), value) {
                (Some("fmt"), Value::Text(name)) => format = Some(name),
                (Some("attStmt"), value) => statement = Some(value),
                (Some("authData"), Value::Bytes(bytes)) => authenticator_data = Some(bytes),
                _ => return Err(AttestationError::WrongMembers),
            }
        }
        match (format, statement, authenticator_data) {
            (Some(format), Some(statement), Some(authenticator_data)) => {
                Ok(Self { format, statement, authenticator_data })
            }
            _ => Err(AttestationError::WrongMembers),
        }
    }

    /// Whether the format's name is one that can be registered (§8.1): at most 32 printable ASCII characters
    /// without quotation mark and backslash.
    pub(super) fn has_format_name(&self) -> bool {
        (1..=32).contains(&self.format.len())
            && self.format.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    }

    /// Whether the statement has the members its format requires (§8.2 to §8.9). Of formats we do not know, any
    /// map with names for keys will do.
    pub(super) fn has_readable_statement(&self) -> bool {
        is_readable(&self.format, &self.statement)
    }
}

fn is_readable(format: &str, statement: &Value) -> bool {
    match (format, statement) {
        ("none", Value::Map(members)) => members.is_empty(),
        // §8.9: at least two attestations of other formats.
        ("compound", Value::Array(parts)) => parts.len() >= 2 && parts.iter().all(is_readable_part),
        ("compound", _) => false,
        (_, Value::Map(members)) => {
            let required = FORMATS.iter().find(|(name, _)| *name == format).map_or(&[][..], |(_, m)| *m);
            members.iter().all(|(name, _)| name.is_text())
                && required.iter().all(|(name, kind)| member(members, name).is_some_and(|v| kind.fits(v)))
                && member(members, "x5c").is_none_or(|chain| Kind::Chain.fits(chain))
        }
        _ => false,
    }
}

fn is_readable_part(part: &Value) -> bool {
    let Value::Map(members) = part else { return false };
    let format = member(members, "fmt").and_then(Value::as_text);
    let statement = member(members, "attStmt");
    format.zip(statement).is_some_and(|(format, statement)| {
        members.len() == 2 && format != "compound" && is_readable(format, statement)
    })
}

fn member<'a>(members: &'a [(Value, Value)], wanted: &str) -> Option<&'a Value> {
    members.iter().find(|(name, _)| name.as_text() == Some(wanted)).map(|(_, value)| value)
}

/// Types of statement members.
enum Kind {
    Integer,
    Bytes,
    Text,
    /// A certificate and its chain, DER each.
    Chain,
}

impl Kind {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Integer => value.is_integer(),
            Self::Bytes => value.is_bytes(),
            Self::Text => value.is_text(),
            Self::Chain => value.as_array().is_some_and(|c| !c.is_empty() && c.iter().all(Value::is_bytes)),
        }
    }
}

/// Required members per format; `x5c` is checked wherever it occurs.
const FORMATS: &[(&str, &[(&str, Kind)])] = &[
    ("packed", &[("alg", Kind::Integer), ("sig", Kind::Bytes)]),
    (
        "tpm",
        &[
            ("ver", Kind::Text),
            ("alg", Kind::Integer),
            ("x5c", Kind::Chain),
            ("sig", Kind::Bytes),
            ("certInfo", Kind::Bytes),
            ("pubArea", Kind::Bytes),
        ],
    ),
    ("android-key", &[("alg", Kind::Integer), ("sig", Kind::Bytes), ("x5c", Kind::Chain)]),
    ("android-safetynet", &[("ver", Kind::Text), ("response", Kind::Bytes)]),
    ("fido-u2f", &[("x5c", Kind::Chain), ("sig", Kind::Bytes)]),
    ("apple", &[("x5c", Kind::Chain)]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(members: Vec<(&str, Value)>) -> Value {
        Value::Map(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    fn object(format: &str, statement: Value) -> AttestationObject {
        AttestationObject { format: format.into(), statement, authenticator_data: Vec::new() }
    }

    #[test]
    fn s38_exactly_three_members() {
        use AttestationError::*;
        let good = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x41\x07";
        let parsed = AttestationObject::parse(good).unwrap();
        assert_eq!(parsed, AttestationObject { authenticator_data: vec![7], ..object("none", map(vec![])) });
        let cases: &[(&[u8], AttestationError)] = &[
            (b"\xa2\x63fmt\x64none\x67attStmt\xa0", WrongMembers),
            (b"\xa2\x67attStmt\xa0\x68authData\x41\x07", WrongMembers),
            (b"\xa2\x63fmt\x64none\x68authData\x41\x07", WrongMembers),
            (b"\xa4\x63fmt\x64none\x65epAtt\xf5\x67attStmt\xa0\x68authData\x41\x07", WrongMembers),
            (b"\xa3\x63fmt\x44none\x67attStmt\xa0\x68authData\x41\x07", WrongMembers),
            (b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x61\x07", WrongMembers),
            (b"\xa3\x63fmt\x64none\x68authData\x41\x07\x67attStmt\xa0", Cbor(CborError::NotCanonical)),
            (b"\xbf\x63fmt\x64none\x67attStmt\xa0\x68authData\x41\x07\xff", Cbor(CborError::Indefinite)),
            (b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x41\x07\x00", Cbor(CborError::Trailing)),
            (b"\x80", WrongMembers),
        ];
        for (bytes, error) in cases {
            assert_eq!(AttestationObject::parse(bytes), Err(*error), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn s36_statements_must_be_readable() {
        let bytes = || Value::Bytes(vec![1]);
        let chain = || Value::Array(vec![Value::Bytes(vec![1])]);
        let packed = || map(vec![("alg", (-7).into()), ("sig", bytes())]);
        let full = map(vec![("alg", (-7).into()), ("sig", bytes()), ("x5c", chain())]);
        let part = |format: &str, statement| map(vec![("fmt", format.into()), ("attStmt", statement)]);
        let compound = |parts| object("compound", Value::Array(parts));
        let readable = [
            object("none", map(vec![])),
            object("packed", packed()),
            object("packed", full.clone()),
            object("android-key", full),
            object("apple", map(vec![("x5c", chain())])),
            object("fido-u2f", map(vec![("x5c", chain()), ("sig", bytes())])),
            object("android-safetynet", map(vec![("ver", "1".into()), ("response", bytes())])),
            object("example-2030", map(vec![("anything", 1.into())])),
            compound(vec![part("packed", packed()), part("none", map(vec![]))]),
        ];
        for good in readable {
            assert!(good.has_format_name() && good.has_readable_statement(), "{good:?}");
        }
        let unreadable = [
            object("none", packed()),
            object("none", Value::Array(vec![])),
            object("packed", map(vec![])),
            object("packed", map(vec![("alg", "-7".into()), ("sig", bytes())])),
            object(
                "packed",
                map(vec![("alg", (-7).into()), ("sig", bytes()), ("x5c", Value::Array(vec![]))]),
            ),
            object("packed", map(vec![("alg", (-7).into()), ("sig", bytes()), ("x5c", bytes())])),
            object("apple", map(vec![("x5c", Value::Array(vec!["der".into()]))])),
            object("tpm", packed()),
            object("example-2030", Value::Map(vec![(1.into(), 1.into())])),
            object("example-2030", Value::Null),
            object("compound", map(vec![])),
            compound(vec![part("packed", packed())]),
            compound(vec![part("packed", packed()), part("packed", map(vec![]))]),
            compound(vec![part("packed", packed()), part("compound", Value::Array(vec![]))]),
            compound(vec![part("packed", packed()), packed()]),
        ];
        for bad in unreadable {
            assert!(!bad.has_readable_statement(), "{bad:?}");
        }
        for name in ["", "a b", "naïve", "\"", "\\", "\n", &"x".repeat(33)] {
            assert!(!object(name, Value::Null).has_format_name(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn s38_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(object) = AttestationObject::parse(&bytes) {
                let _ = object.has_readable_statement();
            }
        }
    }
}
