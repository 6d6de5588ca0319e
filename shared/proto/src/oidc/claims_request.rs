//! The `claims` request parameter (OpenID Connect Core §5.5): single claims, asked for by name.

use super::claims::SUPPORTED;
use crate::json;
use crate::oauth::scope::{EMAIL, GROUPS, PROFILE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The longest parameter taken, in bytes. It is stored for anonymous visitors.
pub const MAX_BYTES: usize = 4096;

/// The parameter is not what §5.5 describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsRequestError {
    /// Longer than [`MAX_BYTES`].
    #[error("claims is too long")]
    TooLong,
    /// No JSON object with distinct names, or a member of it of another shape.
    #[error("claims is malformed")]
    Malformed,
}

/// What is asked for in each place. Claims that we do not know are left out while reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimsRequest {
    /// In the ID token, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token: BTreeMap<String, Wanted>,
    /// From the userinfo endpoint, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo: BTreeMap<String, Wanted>,
}

/// How one claim is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Whether the app needs it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// Values that would do, best first, from `value` or `values`; empty if any will.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Value>,
}

impl Wanted {
    /// The values that are strings.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter_map(Value::as_str)
    }

    /// `null`, or an object with `essential`, `value` and `values`; other members are ignored (§5.5.1).
    fn read(value: &Value) -> Result<Self, ClaimsRequestError> {
        let object = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err(ClaimsRequestError::Malformed),
        };
        let essential = match object.get("essential") {
            None => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(ClaimsRequestError::Malformed),
        };
        let values = match (object.get("value"), object.get("values")) {
            (None, None) => Vec::new(),
            (Some(one), None) => vec![one.clone()],
            (None, Some(Value::Array(many))) => many.clone(),
            _ => return Err(ClaimsRequestError::Malformed),
        };
        // Every claim that we tell and that a value could be asked of is a string, a number or a truth value.
        if values.iter().any(|v| v.is_object() || v.is_array() || v.is_null()) {
            return Err(ClaimsRequestError::Malformed);
        }
        Ok(Self { essential, values })
    }
}

impl ClaimsRequest {
    /// Reads the parameter. Members other than `id_token` and `userinfo` are ignored.
    ///
    /// # Errors
    /// [`ClaimsRequestError`].
    pub fn parse(text: &str) -> Result<Self, ClaimsRequestError> {
        if text.len() > MAX_BYTES {
            return Err(ClaimsRequestError::TooLong);
        }
        let object = json::parse_object(text.as_bytes()).map_err(|_| ClaimsRequestError::Malformed)?;
        Ok(Self { id_token: place(&object, "id_token")?, userinfo: place(&object, "userinfo")? })
    }

    /// JSON, as it is stored; `serde_json` reads it back.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// Whether a person with this `sub` will do: no other one was asked for (§5.5.1).
    #[must_use]
    pub fn accepts_subject(&self, subject: &str) -> bool {
        let asked = [&self.id_token, &self.userinfo].into_iter().filter_map(|place| place.get("sub"));
        asked.filter(|sub| !sub.values.is_empty()).all(|sub| sub.texts().any(|text| text == subject))
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id_token.is_empty() && self.userinfo.is_empty()
    }

    /// The scopes that would tell what is asked for, each once: what the person is asked about.
    #[must_use]
    pub fn scopes(&self) -> Vec<&'static str> {
        let asked = |scope: &str| {
            self.id_token.keys().chain(self.userinfo.keys()).any(|name| scope_of(name) == Some(scope))
        };
        [PROFILE, EMAIL, GROUPS].into_iter().filter(|scope| asked(scope)).collect()
    }
}

fn place(object: &Map<String, Value>, name: &str) -> Result<BTreeMap<String, Wanted>, ClaimsRequestError> {
    let members = match object.get(name) {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ClaimsRequestError::Malformed),
    };
    let mut wanted = BTreeMap::new();
    for (name, value) in members {
        let read = Wanted::read(value)?;
        if SUPPORTED.contains(&name.as_str()) {
            wanted.insert(name.clone(), read);
        }
    }
    Ok(wanted)
}

/// The scope that tells a claim; `None` for those that every token has.
#[must_use]
pub fn scope_of(claim: &str) -> Option<&'static str> {
    match claim {
        "sub" | "auth_time" | "amr" | "acr" => None,
        "email" | "email_verified" => Some(EMAIL),
        "groups" => Some(GROUPS),
        _ => Some(PROFILE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_example_of_the_specification() {
        // OpenID Connect Core §5.5
        let read = ClaimsRequest::parse(
            r#"{
             "userinfo": {
               "given_name": {"essential": true},
               "nickname": null,
               "email": {"essential": true},
               "email_verified": {"essential": true},
               "picture": null,
               "http://example.info/claims/groups": null
              },
             "id_token": {
               "auth_time": {"essential": true},
               "acr": {"values": ["urn:mace:incommon:iap:silver"] }
              }
            }"#,
        )
        .unwrap();
        let names = |place: &BTreeMap<String, Wanted>| place.keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&read.userinfo), "email email_verified given_name picture");
        assert!(read.userinfo["email"].essential && !read.userinfo["picture"].essential);
        assert_eq!(names(&read.id_token), "acr auth_time");
        assert_eq!(read.id_token["acr"].texts().collect::<Vec<_>>(), ["urn:mace:incommon:iap:silver"]);
        assert_eq!(read.scopes(), ["profile", "email"]);
        // what is stored is read back
        assert_eq!(serde_json::from_str::<ClaimsRequest>(&read.to_text()).unwrap(), read);
    }

    #[test]
    fn what_is_not_known_is_ignored() {
        for text in ["{}", r#"{"userinfo":{}}"#, r#"{"userinfo":null,"id_token":null}"#, r#"{"other":[1]}"#] {
            assert!(ClaimsRequest::parse(text).unwrap().is_empty(), "{text}");
        }
        let text =
            r#"{"id_token":{"name#de":null,"shoe_size":{"essential":true},"sub":{"value":"u","x":[]}}}"#;
        let read = ClaimsRequest::parse(text).unwrap();
        let sub = Wanted { essential: false, values: vec![json!("u")] };
        assert_eq!(read.id_token, [("sub".to_owned(), sub)].into());
        assert_eq!(read.scopes(), [""; 0]);
    }

    #[test]
    fn the_shape_is_held_to() {
        use ClaimsRequestError::{Malformed, TooLong};
        let deep = format!(r#"{{"userinfo":{{"email":{}}}}}"#, "[".repeat(1000));
        for bad in [
            "",
            "[]",
            "null",
            "1",
            r#"{"userinfo":[]}"#,
            r#"{"userinfo":"email"}"#,
            r#"{"userinfo":{"email":true}}"#,
            r#"{"userinfo":{"email":[]}}"#,
            r#"{"userinfo":{"email":{"essential":"true"}}}"#,
            r#"{"userinfo":{"email":{"values":"a"}}}"#,
            r#"{"userinfo":{"email":{"value":"a","values":["a"]}}}"#,
            r#"{"userinfo":{"email":{"value":{}}}}"#,
            r#"{"userinfo":{"email":{"values":[null]}}}"#,
            r#"{"userinfo":{"email":null,"email":null}}"#,
            r#"{"userinfo":{},"userinfo":{}}"#,
            r#"{"userinfo":{"email":{"essential":true,"essential":true}}}"#,
            // also where the claim is not one of ours
            r#"{"userinfo":{"shoe_size":7}}"#,
            &deep,
        ] {
            assert_eq!(ClaimsRequest::parse(bad), Err(Malformed), "{}", bad.get(..60).unwrap_or(bad));
        }
        let padded = |length: usize| format!("{{}}{}", " ".repeat(length - 2));
        assert_eq!(ClaimsRequest::parse(&padded(4096)), Ok(ClaimsRequest::default()));
        assert_eq!(ClaimsRequest::parse(&padded(4097)), Err(TooLong));
    }

    #[test]
    fn one_subject_may_be_asked_for() {
        let accepts = |text: &str| ClaimsRequest::parse(text).unwrap().accepts_subject("u1");
        for good in [
            "{}",
            r#"{"id_token":{"sub":null},"userinfo":{"sub":{"essential":true}}}"#,
            r#"{"id_token":{"sub":{"value":"u1"}}}"#,
            r#"{"id_token":{"sub":{"values":["u2","u1"]}}}"#,
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            r#"{"id_token":{"sub":{"value":"u2"}}}"#,
            r#"{"id_token":{"sub":{"value":1}}}"#,
            r#"{"userinfo":{"sub":{"value":"u2"}}}"#,
            r#"{"id_token":{"sub":{"value":"u1"}},"userinfo":{"sub":{"value":"u2"}}}"#,
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn every_claim_has_a_scope_or_is_in_every_token() {
        let told = |scope: Option<&str>| {
            SUPPORTED.iter().filter(|c| scope_of(c) == scope).copied().collect::<Vec<_>>()
        };
        assert_eq!(told(None), ["sub", "auth_time", "acr", "amr"]);
        assert_eq!(told(Some("email")), ["email", "email_verified"]);
        assert_eq!(told(Some("groups")), ["groups"]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}") {
            let _ = ClaimsRequest::parse(&text);
        }
    }
}
