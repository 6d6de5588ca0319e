//! `response_mode=form_post` (OAuth 2.0 Form Post Response Mode §2).

use super::{Asset, Frame, Hidden, assets};
use askama::Template;
use url::Url;

/// A page that posts the authorization response to the app.
#[derive(Debug, Clone, Template)]
#[template(path = "form_post.html", whitespace = "minimize")]
pub struct FormPostPage<'a> {
    frame: Frame<'a>,
    action: String,
    host: String,
    response: Vec<Hidden<'a>>,
}

impl<'a> FormPostPage<'a> {
    /// The island that sends the form.
    const SCRIPT: Asset = assets::FORM_POST_JS;

    /// A page that posts `response` to `redirect_uri`.
    ///
    /// `None` for schemes that a browser would run or open itself instead of handing the form to an app.
    #[must_use]
    pub fn new(frame: Frame<'a>, redirect_uri: &Url, response: Vec<Hidden<'a>>) -> Option<Self> {
        if matches!(redirect_uri.scheme(), "javascript" | "data" | "vbscript" | "blob" | "file" | "about") {
            return None;
        }
        let host = redirect_uri.host_str().unwrap_or_else(|| redirect_uri.scheme()).to_owned();
        Some(Self { frame, action: redirect_uri.as_str().to_owned(), host, response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{render, tests::frame};

    #[test]
    fn s13_form_post_targets_are_never_run_by_the_browser() {
        for uri in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
        ] {
            let uri = Url::parse(uri).unwrap();
            assert!(FormPostPage::new(frame(), &uri, vec![]).is_none(), "{uri}");
        }
    }

    #[test]
    fn s13_form_post_values_are_escaped() {
        let uri = Url::parse("https://app.example/cb?x=\"><script>").unwrap();
        let hidden = vec![Hidden { name: "state", value: "\"><script>alert(1)</script>" }];
        let html = render(&FormPostPage::new(frame(), &uri, hidden).unwrap());
        assert!(html.contains(r#"action="https://app.example/cb?x=%22%3E%3Cscript%3E""#), "{html}");
        assert!(
            html.contains(r#"name="state" value="&#34;&#62;&#60;script&#62;alert(1)&#60;/script&#62;""#),
            "{html}"
        );
    }

    #[test]
    fn custom_schemes_of_native_apps_are_kept() {
        let uri = Url::parse("com.example.app:/cb").unwrap();
        let html = render(&FormPostPage::new(frame(), &uri, vec![]).unwrap());
        assert!(html.contains(r#"action="com.example.app:/cb""#), "{html}");
        assert!(html.contains("<bdi>com.example.app</bdi>"), "{html}");
    }
}
