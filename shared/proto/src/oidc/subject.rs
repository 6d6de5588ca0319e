//! Subject identifiers (OpenID Connect Core §8): the same for every client, or another for each sector.

use crate::hash::hmac_sha256;
use crate::uri::CallbackPattern;
use crate::{b64, uri};
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;

/// What discovery lists.
pub const TYPES: [&str; 2] = [PUBLIC, PAIRWISE];
/// Every client knows a person by the same identifier.
pub const PUBLIC: &str = "public";
/// Clients of different sectors know a person by different identifiers.
pub const PAIRWISE: &str = "pairwise";

/// Why no sector can be told from what a client registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SectorError {
    /// `sector_identifier_uri` is no `https` address.
    #[error("sector_identifier_uri must be an https address")]
    NotHttps,
    /// The callbacks have no host, several, or one with a wildcard, and there is no `sector_identifier_uri`.
    #[error("callbacks must have one and the same host, or sector_identifier_uri must be set")]
    Ambiguous,
}

/// The sector that pairwise identifiers are made for: the host of `sector_identifier_uri`, else the one host that
/// all callback patterns have (OpenID Connect Core §8.1).
///
/// # Errors
/// [`SectorError`].
pub fn sector(sector_identifier_uri: Option<&str>, callbacks: &[String]) -> Result<String, SectorError> {
    if let Some(text) = sector_identifier_uri {
        let url = Url::parse(text).ok().filter(|u| u.scheme() == "https" && text.len() <= uri::MAX_BYTES);
        return url.and_then(|u| u.host_str().map(str::to_owned)).ok_or(SectorError::NotHttps);
    }
    let host = |text: &String| CallbackPattern::parse(text).ok()?.exact_host().map(str::to_owned);
    let hosts = callbacks.iter().map(host).collect::<Option<BTreeSet<String>>>().unwrap_or_default();
    let mut hosts = hosts.into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(SectorError::Ambiguous),
    }
}

/// Whether a document fetched from `sector_identifier_uri`, a JSON array of addresses, names every callback
/// (OpenID Connect Registration §5).
#[must_use]
pub fn lists_all(document: &[u8], callbacks: &[String]) -> bool {
    let Ok(Value::Array(listed)) = serde_json::from_slice::<Value>(document) else { return false };
    let listed: Option<BTreeSet<&str>> = listed.iter().map(Value::as_str).collect();
    listed.is_some_and(|listed| callbacks.iter().all(|c| listed.contains(c.as_str())))
}

/// The pairwise identifier of a person in a sector: base64url of HMAC-SHA-256 over `sector`, a zero byte and the
/// account's id, keyed with a salt that no client knows (OpenID Connect Core §8.1).
#[must_use]
pub fn pairwise(salt: &[u8; 32], sector: &str, user_id: &str) -> String {
    b64::encode(hmac_sha256(salt, &[sector.as_bytes(), &[0], user_id.as_bytes()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uri: Option<&str>, callbacks: &[&str]) -> Result<String, SectorError> {
        sector(uri, &callbacks.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_sector_is_one_host_or_the_one_that_is_named() {
        let app = || Ok("app.example".to_owned());
        assert_eq!(of(None, &["https://app.example/cb"]), app());
        assert_eq!(of(None, &["https://app.example/cb", "https://APP.example:8443/*"]), app());
        assert_eq!(of(None, &["http://127.0.0.1:*/cb"]), Ok("127.0.0.1".into()));
        let several = ["https://app.example/cb", "https://other.example/cb"];
        assert_eq!(of(Some("https://app.example/sector.json"), &several), app());
        assert_eq!(of(Some("https://app.example/sector.json"), &[]), app());
        for callbacks in
            [&[][..], &several[..], &["https://*.example/cb"], &["*"], &["com.app:/cb"], &["no scheme"]]
        {
            assert_eq!(of(None, callbacks), Err(SectorError::Ambiguous), "{callbacks:?}");
        }
        for bad in ["http://app.example/s", "app.example", "", "https://", "javascript:alert(1)"] {
            assert_eq!(of(Some(bad), &["https://app.example/cb"]), Err(SectorError::NotHttps), "{bad}");
        }
    }

    #[test]
    fn the_document_must_name_every_callback() {
        let callbacks = ["https://a.example/cb".to_owned(), "https://b.example/cb".to_owned()];
        let all = br#"["https://b.example/cb","https://a.example/cb","https://c.example/"]"#;
        assert!(lists_all(all, &callbacks));
        for bad in [
            r#"["https://a.example/cb"]"#,
            r#"["https://a.example/cb","https://b.example/cb/"]"#,
            r#"["https://a.example/cb","https://b.example/cb",1]"#,
            r#"{"redirect_uris":["https://a.example/cb","https://b.example/cb"]}"#,
            "[]",
            "",
            "null",
        ] {
            assert!(!lists_all(bad.as_bytes(), &callbacks), "{bad}");
        }
    }

    #[test]
    fn identifiers_differ_by_salt_sector_and_person() {
        let one = pairwise(&[1; 32], "app.example", "u1");
        // computed with another implementation of HMAC
        assert_eq!(one, "bqR9wmQ7NJ_zqrA8KhAtfsMWLGfBRqtt6anBJ_mSi1c");
        assert_eq!(one, pairwise(&[1; 32], "app.example", "u1"));
        for other in [
            pairwise(&[2; 32], "app.example", "u1"),
            pairwise(&[1; 32], "app.exampl", "u1"),
            pairwise(&[1; 32], "app.example", "u2"),
            pairwise(&[1; 32], "app.exampleu", "1"),
        ] {
            assert_ne!(other, one);
        }
    }
}
