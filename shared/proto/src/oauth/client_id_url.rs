//! Client identifiers that are addresses (draft-ietf-oauth-client-id-metadata-document §3).

use crate::uri::RedirectUri;
use url::Url;

/// Longest client identifier that is an address, in bytes.
const LONGEST: usize = 512;

/// Whether a `client_id` could be the address of a metadata document at all.
#[must_use]
pub fn looks_like_one(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

/// Reads a `client_id` as the address of its metadata document: `https` with a path, without fragment, user and dot
/// segments, and written as a URL parser writes it, so that one document has one identifier.
#[must_use]
pub fn parse(client_id: &str) -> Option<RedirectUri> {
    let fits = client_id.len() <= LONGEST && looks_like_one(client_id);
    let url = Url::parse(client_id).ok().filter(|url| fits && url.as_str() == client_id)?;
    let has_path = url.path().len() > 1;
    let has_encoded_dots = url.path().to_ascii_lowercase().contains("%2e");
    if !has_path || has_encoded_dots { None } else { RedirectUri::parse(client_id).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s51_an_identifier_is_a_plain_https_address_with_a_path() {
        for good in [
            "https://app.example/client",
            "https://app.example:8443/client.json",
            "https://app.example/a/b?v=1",
            "https://xn--bcher-kva.example/c",
        ] {
            assert!(parse(good).is_some(), "{good}");
        }
        let long = format!("https://app.example/{}", "x".repeat(500));
        for bad in [
            "http://app.example/client",
            "https://app.example",
            "https://app.example/",
            "https://app.example/?c=1",
            "https://app.example/c#f",
            "https://app.example/c#",
            "https://user@app.example/c",
            "https://user:pw@app.example/c",
            "https://app.example/a/../c",
            "https://app.example/./c",
            "https://app.example/a/%2e%2E/c",
            "https://app.example/a/.%2e/c",
            "https://App.example/c",
            "https://app.example:443/c",
            "https://bücher.example/c",
            "https://app.example\\c",
            "https:/app.example/c",
            "https:///app.example/c",
            " https://app.example/c",
            "https://app.example/c\n",
            "https://app.example/a b",
            "HTTPS://app.example/c",
            "app",
            "",
            &long,
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
