//! How an authorization response travels back (OAuth 2.0 Multiple Response Type Encoding Practices §2.1,
//! OAuth 2.0 Form Post Response Mode, JWT Secured Authorization Response Mode §2.3).

use crate::form::render_query;
use crate::uri::RedirectUri;
use serde::{Deserialize, Serialize};

/// A `response_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI; the default for `response_type=code`.
    #[default]
    Query,
    /// In the fragment of the redirect URI.
    Fragment,
    /// In the body of a form that the browser posts.
    FormPost,
    /// As one signed `response` in the query.
    QueryJwt,
    /// As one signed `response` in the fragment.
    FragmentJwt,
    /// As one signed `response` in the body of a form.
    FormPostJwt,
}

/// The value is none of the response modes that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown response mode")]
pub struct UnknownResponseMode;

/// What to answer the browser with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A redirect to this absolute URL.
    Redirect(String),
    /// A page with a form that posts `fields`, in order, to `action`. Neither is escaped for HTML yet.
    FormPost {
        /// Where the form goes.
        action: String,
        /// Names and values of its inputs.
        fields: Vec<(&'static str, String)>,
    },
}

impl ResponseMode {
    /// Every value of `response_mode`, in the order discovery lists them, with what it means for
    /// `response_type=code`: `jwt` alone is the default mode, signed (JARM §2.3.4).
    pub const NAMES: [(&'static str, Self); 7] = [
        ("query", Self::Query),
        ("fragment", Self::Fragment),
        ("form_post", Self::FormPost),
        ("jwt", Self::QueryJwt),
        ("query.jwt", Self::QueryJwt),
        ("fragment.jwt", Self::FragmentJwt),
        ("form_post.jwt", Self::FormPostJwt),
    ];

    /// Whether the parameters travel as the claims of a signed token, in the one parameter `response`
    /// (JARM §2.3).
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }

    /// Reads a `response_mode` parameter; `None`, not sent, is [`ResponseMode::Query`].
    ///
    /// # Errors
    /// [`UnknownResponseMode`].
    pub fn parse(value: Option<&str>) -> Result<Self, UnknownResponseMode> {
        let Some(value) = value else { return Ok(Self::default()) };
        let named = Self::NAMES.into_iter().find(|(name, _)| *name == value);
        named.map(|(_, mode)| mode).ok_or(UnknownResponseMode)
    }

    /// Brings `params` to `uri`, which must have been accepted by the client's patterns. A query that the URI
    /// has already is kept (RFC 6749 §3.1.2).
    #[must_use]
    pub fn deliver(self, uri: &RedirectUri, params: &[(&'static str, &str)]) -> Delivery {
        let uri = uri.as_str();
        match self {
            Self::Query | Self::QueryJwt => {
                let joint = match uri.split_once('?') {
                    None => "?",
                    Some((_, "")) => "",
                    Some(_) => "&",
                };
                Delivery::Redirect(format!("{uri}{joint}{}", render_query(params)))
            }
            Self::Fragment | Self::FragmentJwt => {
                Delivery::Redirect(format!("{uri}#{}", render_query(params)))
            }
            Self::FormPost | Self::FormPostJwt => Delivery::FormPost {
                action: uri.to_owned(),
                fields: params.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read() {
        for (value, expected) in [
            (None, Ok(ResponseMode::Query)),
            (Some("query"), Ok(ResponseMode::Query)),
            (Some("fragment"), Ok(ResponseMode::Fragment)),
            (Some("form_post"), Ok(ResponseMode::FormPost)),
            (Some("Query"), Err(UnknownResponseMode)),
            (Some("jwt"), Ok(ResponseMode::QueryJwt)),
            (Some("query.jwt"), Ok(ResponseMode::QueryJwt)),
            (Some("fragment.jwt"), Ok(ResponseMode::FragmentJwt)),
            (Some("form_post.jwt"), Ok(ResponseMode::FormPostJwt)),
            (Some("web_message.jwt"), Err(UnknownResponseMode)),
            (Some("JWT"), Err(UnknownResponseMode)),
            (Some("web_message"), Err(UnknownResponseMode)),
        ] {
            assert_eq!(ResponseMode::parse(value), expected, "{value:?}");
        }
    }

    #[test]
    fn parameters_are_added_and_what_is_there_is_kept() {
        let params = [("code", "a b&c=d#e"), ("iss", "https://id.example")];
        let encoded = "code=a+b%26c%3Dd%23e&iss=https%3A%2F%2Fid.example";
        for (uri, query, fragment) in [
            ("https://app.example/cb", "https://app.example/cb?", "https://app.example/cb#"),
            ("https://app.example", "https://app.example/?", "https://app.example/#"),
            ("https://app.example/cb?", "https://app.example/cb?", "https://app.example/cb?#"),
            (
                "https://app.example/cb?a=b+c",
                "https://app.example/cb?a=b+c&",
                "https://app.example/cb?a=b+c#",
            ),
            ("app.immich:///cb", "app.immich:///cb?", "app.immich:///cb#"),
            ("com.example.app:cb", "com.example.app:cb?", "com.example.app:cb#"),
        ] {
            let uri = RedirectUri::parse(uri).unwrap();
            let redirect = |start: &str| Delivery::Redirect(format!("{start}{encoded}"));
            for mode in [ResponseMode::Query, ResponseMode::QueryJwt] {
                assert_eq!(mode.deliver(&uri, &params), redirect(query));
            }
            for mode in [ResponseMode::Fragment, ResponseMode::FragmentJwt] {
                assert_eq!(mode.deliver(&uri, &params), redirect(fragment));
            }
        }
    }

    #[test]
    fn a_form_carries_the_values_as_they_are() {
        let uri = RedirectUri::parse("https://app.example/cb?a=b").unwrap();
        for mode in [ResponseMode::FormPost, ResponseMode::FormPostJwt] {
            assert_eq!(
                mode.deliver(&uri, &[("state", "<&\">")]),
                Delivery::FormPost {
                    action: "https://app.example/cb?a=b".into(),
                    fields: vec![("state", "<&\">".into())]
                }
            );
        }
    }
}
