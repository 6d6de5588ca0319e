//! Authentication context classes (OpenID Connect Core §2, EAP ACR Values 1.0): how strongly a person signed in.

use serde::{Deserialize, Serialize};

/// A class. Each one is at least as strong as those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Acr {
    /// A code that was sent to the person. It can be phished.
    #[serde(rename = "urn:latchkey:acr:code")]
    Code,
    /// Phishing-resistant: a passkey, the person verified by its device (EAP ACR Values §2).
    #[serde(rename = "phr")]
    Phr,
    /// Phishing-resistant and hardware-protected: a passkey that cannot leave its device (EAP ACR Values §2).
    #[serde(rename = "phrh")]
    Phrh,
}

impl Acr {
    /// Every class, weakest first.
    pub const ALL: [Self; 3] = [Self::Code, Self::Phr, Self::Phrh];

    /// The classes that people can sign in with, as discovery lists them.
    pub const OFFERED: [Self; 2] = [Self::Phr, Self::Phrh];

    /// The value on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "urn:latchkey:acr:code",
            Self::Phr => "phr",
            Self::Phrh => "phrh",
        }
    }

    /// The class of this name; `None` for names of others.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == text)
    }

    /// The classes of an `acr_values` parameter, best liked first. Names of others are left out: the parameter is
    /// a wish (OpenID Connect Core §3.1.2.1).
    #[must_use]
    pub fn known<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let mut known = Vec::new();
        for acr in names.into_iter().filter_map(Self::parse) {
            if !known.contains(&acr) {
                known.push(acr);
            }
        }
        known
    }
}

/// `acr` where nothing is known: less than ISO/IEC 29115 level 1 (OpenID Connect Core §2).
pub const NOTHING_KNOWN: &str = "0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_an_order_and_one_name() {
        assert!(Acr::Code < Acr::Phr && Acr::Phr < Acr::Phrh);
        for acr in Acr::ALL {
            assert_eq!(Acr::parse(acr.as_str()), Some(acr));
            assert_eq!(serde_json::to_value(acr).unwrap(), acr.as_str());
        }
        assert_eq!(Acr::parse("PHR"), None);
        assert_eq!(Acr::known("phrh 0 phr  phrh urn:x".split(' ')), [Acr::Phrh, Acr::Phr]);
        assert_eq!(Acr::known("".split(' ')), []);
    }
}
