//! What the logout addresses in a client's metadata have to be.

use crate::api::error::FieldError;
use proto::oauth::ClientMetadata;
use proto::uri::{CallbackPattern, RedirectUri};
use url::Url;

/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// Checks `backchannel_logout_uri` (OpenID Connect Back-Channel Logout 1.0 §2.2) and `frontchannel_logout_uri` (OpenID
/// Connect Front-Channel Logout 1.0 §2), which must be of the origin of a registered callback.
pub(super) fn check(errors: &mut Vec<FieldError>, metadata: &ClientMetadata, callback_urls: &[String]) {
    let mut invalid =
        |member, message: &'static str| errors.push(FieldError::new("metadata", member, message));
    if metadata.backchannel_logout_uri.as_deref().is_some_and(|uri| parse(uri).is_none()) {
        invalid(
            "backchannel_logout_uri",
            "has a logout address that is no http or https URL without fragment",
        );
    }
    match metadata.frontchannel_logout_uri.as_deref().map(parse) {
        Some(None) => {
            invalid(
                "frontchannel_logout_uri",
                "has a logout address that is no http or https URL without fragment",
            );
        }
        Some(Some(url)) if !callback_urls.iter().any(|callback| has_origin(callback, &url)) => {
            invalid(
                "frontchannel_logout_uri",
                "has a logout address without the scheme, host and port of a callback URL",
            );
        }
        _ => {}
    }
}

fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= LONGEST)?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    fits.then_some(url)
}

/// Whether a callback pattern could be of this origin: its scheme, host and port are tried with a path that it takes.
fn has_origin(callback: &str, url: &Url) -> bool {
    let Ok(pattern) = CallbackPattern::parse(callback) else { return false };
    let rest = callback.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").replace('*', "x");
    let at_origin = format!("{}{path}", url.origin().ascii_serialization());
    RedirectUri::parse(&at_origin).is_ok_and(|uri| pattern.matches(&uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(backchannel: Option<&str>, frontchannel: Option<&str>, callbacks: &[&str]) -> Vec<String> {
        let metadata = ClientMetadata {
            backchannel_logout_uri: backchannel.map(str::to_owned),
            frontchannel_logout_uri: frontchannel.map(str::to_owned),
            ..ClientMetadata::default()
        };
        let callbacks: Vec<String> = callbacks.iter().map(|c| (*c).to_owned()).collect();
        let mut errors = Vec::new();
        check(&mut errors, &metadata, &callbacks);
        errors.iter().map(|e| e.code.to_owned()).collect()
    }

    #[test]
    fn backchannel_addresses() {
        for good in ["https://app.example/out", "http://10.0.0.5:8080/out?x=1"] {
            assert_eq!(fields(Some(good), None, &[]), [""; 0], "{good}");
        }
        let long = format!("https://app.example/{}", "x".repeat(LONGEST));
        for bad in [
            "",
            "/out",
            "app.example",
            "javascript:alert(1)",
            "ftp://a/",
            "https://a/#x",
            "https://u@a/",
            &long,
        ] {
            assert_eq!(fields(Some(bad), None, &[]), ["backchannel_logout_uri"], "{bad}");
        }
    }

    #[test]
    fn frontchannel_addresses_have_the_origin_of_a_callback() {
        let out = Some("https://app.example/out");
        for callback in [
            "https://app.example/cb",
            "https://*.example/cb/*",
            "https://app.example:*/a?b=*",
            "*",
            "https://app.example",
        ] {
            assert_eq!(fields(None, out, &["https://other.example/cb", callback]), [""; 0], "{callback}");
        }
        for callback in [
            "http://app.example/cb",
            "https://app.example:8443/cb",
            "https://evil.example/https://app.example/",
            "https://*.app.example/cb",
            "com.app:/cb",
        ] {
            assert_eq!(fields(None, out, &[callback]), ["frontchannel_logout_uri"], "{callback}");
        }
        assert_eq!(fields(None, out, &[]), ["frontchannel_logout_uri"]);
        for bad in ["", "javascript:alert(1)", "https://app.example/#x"] {
            let want = ["frontchannel_logout_uri"];
            assert_eq!(fields(None, Some(bad), &["https://app.example/cb"]), want, "{bad}");
        }
    }
}
