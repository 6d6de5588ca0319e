//! Who may cause a state-changing request: the `origin` column of the route table.

use crate::settings::AppUrl;
use http::HeaderMap;

/// Which pages may send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Anybody's: the route trusts no cookie, or changes nothing.
    Any,
    /// Only our own pages': the route trusts the session cookie.
    Same,
}

/// Whether the browser says that the request comes from one of our own pages.
/// Requests without either header come from no browser, hence carry no cookie of one.
#[must_use]
pub(crate) fn is_own_page(headers: &HeaderMap, app_url: &AppUrl) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    // `none` is a person typing the address or a bookmark; those are never POSTs that matter.
    let own_site = site.is_none_or(|site| site == "same-origin" || site == "none");
    let own_origin = match text("origin") {
        None => true,
        // A strict referrer policy hides the origin of our own forms too; the browser still says whose they are.
        Some("null") => site == Some("same-origin"),
        Some(origin) => origin == app_url.as_str(),
    };
    own_origin && own_site
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_only_own_pages_pass() {
        let url = AppUrl::parse("https://id.example.com").unwrap();
        let table = [
            (None, None, true),
            (Some("https://id.example.com"), Some("same-origin"), true),
            (Some("https://id.example.com"), None, true),
            (None, Some("none"), true),
            (Some("null"), None, false),
            (Some("null"), Some("none"), false),
            (Some("null"), Some("cross-site"), false),
            (Some("null"), Some("same-origin"), true),
            (Some("https://evil.example"), None, false),
            (Some("https://id.example.com:444"), None, false),
            (Some("http://id.example.com"), None, false),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (Some("https://id.example.com"), Some("cross-site"), false),
        ];
        for (origin, site, pass) in table {
            let mut headers = HeaderMap::new();
            if let Some(o) = origin {
                headers.insert("origin", o.parse().unwrap());
            }
            if let Some(s) = site {
                headers.insert("sec-fetch-site", s.parse().unwrap());
            }
            assert_eq!(is_own_page(&headers, &url), pass, "{origin:?} {site:?}");
        }
    }
}
