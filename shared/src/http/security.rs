//! Security headers, the same constants on both hosts.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The `Content-Security-Policy` of a response. No policy has inline script or style; none needs a nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSecurity {
    /// Not a page: nothing may load.
    Nothing,
    /// One of our pages. `form_action` are further sources that a POST from the page may end at: browsers
    /// apply `form-action` to the redirect after the POST too.
    Page {
        /// Sources such as `https:` or `com.example.app:`.
        form_action: Vec<String>,
        /// Origins whose pages may be framed by it; none on most pages.
        frame_src: Vec<String>,
    },
}

impl ContentSecurity {
    fn render(&self) -> String {
        match self {
            Self::Nothing => {
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'".into()
            }
            Self::Page { form_action, frame_src } => {
                let list = |sources: &[String]| sources.iter().map(|s| format!(" {s}")).collect::<String>();
                let frames = match frame_src.as_slice() {
                    [] => String::new(),
                    some => format!("; frame-src{}", list(some)),
                };
                format!(
                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{}{frames}",
                    list(form_action)
                )
            }
        }
    }
}

const FIXED: &[(&str, &str)] = &[
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    (
        "permissions-policy",
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=(), geolocation=()",
    ),
];

/// Whether a page may be opened by another origin's page that keeps hold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opener {
    /// Apps open the sign-in in a popup and wait for it.
    Kept,
    /// Nobody has business with the page but the person.
    Severed,
}

/// Adds the headers that every response carries.
pub(crate) fn apply(headers: &mut HeaderMap, policy: &ContentSecurity, opener: Opener, https: bool) {
    // `no-referrer` on a page would make browsers send `Origin: null` with its own forms. Other origins learn
    // nothing either way.
    let referrer = if *policy == ContentSecurity::Nothing { "no-referrer" } else { "same-origin" };
    headers.insert(http::header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    if opener == Opener::Severed {
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    }
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if https {
        headers.insert(http::header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // A source that is no header text leaves the strictest policy.
    let csp = HeaderValue::from_str(&policy.render())
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(http::header::CONTENT_SECURITY_POLICY, csp);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csp(policy: &ContentSecurity) -> String {
        let mut headers = HeaderMap::new();
        apply(&mut headers, policy, Opener::Severed, false);
        assert!(!headers.contains_key("strict-transport-security"));
        headers["content-security-policy"].to_str().unwrap().to_owned()
    }

    #[test]
    fn s59_a_source_that_is_no_header_text_leaves_the_strictest_policy() {
        let page = |form_action: &[&str]| {
            csp(&ContentSecurity::Page {
                form_action: form_action.iter().map(|s| (*s).to_owned()).collect(),
                frame_src: vec![],
            })
        };
        let framing =
            ContentSecurity::Page { form_action: vec![], frame_src: vec!["https://app.example".into()] };
        assert!(csp(&framing).ends_with("; form-action 'self'; frame-src https://app.example"));
        assert!(page(&[]).ends_with("; form-action 'self'"));
        assert!(page(&["https://app.example", "com.app:"]).ends_with("'self' https://app.example com.app:"));
        assert_eq!(page(&["https://a\r\nx: y"]), "default-src 'none'; frame-ancestors 'none'");
    }
}
