//! Small builders of responses.

use super::{ContentSecurity, Resp};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Resp {
    let mut resp = Response::new(body);
    *resp.status_mut() = status;
    resp.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    resp
}

/// A response without body.
#[must_use]
pub fn empty(status: StatusCode) -> Resp {
    let mut resp = Response::new(Bytes::new());
    *resp.status_mut() = status;
    resp
}

/// JSON, exactly `application/json`.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Resp {
    // Our response types have string keys and no failing serialiser, so this cannot fail.
    let text = serde_json::to_vec(body).unwrap_or_default();
    with_type(status, "application/json", text.into())
}

/// A signed answer with its own media type.
#[must_use]
pub fn jwt(content_type: &'static str, jwt: String) -> Resp {
    with_type(StatusCode::OK, content_type, jwt.into())
}

/// A page. `form_action` are further sources (such as `https:`) its forms may end at.
#[must_use]
pub fn page(status: StatusCode, html: String, form_action: Vec<String>) -> Resp {
    page_with(status, html, ContentSecurity::Page { form_action, frame_src: Vec::new() })
}

/// A page that frames pages of these origins.
#[must_use]
pub fn framing_page(html: String, frame_src: Vec<String>) -> Resp {
    page_with(StatusCode::OK, html, ContentSecurity::Page { form_action: Vec::new(), frame_src })
}

fn page_with(status: StatusCode, html: String, policy: ContentSecurity) -> Resp {
    let mut resp = with_type(status, "text/html; charset=utf-8", html.into());
    resp.extensions_mut().insert(policy);
    resp
}

/// Plain text.
#[must_use]
pub fn text(status: StatusCode, body: String) -> Resp {
    with_type(status, "text/plain; charset=utf-8", body.into())
}

/// 301 Moved Permanently, to a path of ours.
#[must_use]
pub fn moved(path: &str) -> Resp {
    let mut resp = see_other(path);
    if resp.status() == StatusCode::SEE_OTHER {
        *resp.status_mut() = StatusCode::MOVED_PERMANENTLY;
    }
    resp
}

/// 303 See Other: the browser goes on with GET (RFC 9110 §15.4.4; RFC 9700 §4.12 asks for 303, never 307).
/// An address that is no header text gives an empty 500.
#[must_use]
pub fn see_other(location: &str) -> Resp {
    let Ok(value) = HeaderValue::from_str(location) else {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut resp = empty(StatusCode::SEE_OTHER);
    resp.headers_mut().insert(header::LOCATION, value);
    resp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_no_header_text_redirects_nowhere() {
        let location = |address: &str| {
            let resp = see_other(address);
            (resp.status().as_u16(), resp.headers().get(header::LOCATION).cloned())
        };
        assert_eq!(location("/login?a=b"), (303, Some(HeaderValue::from_static("/login?a=b"))));
        for bad in ["/a\r\nset-cookie: x=y", "/a\nb", "/\0"] {
            assert_eq!(location(bad), (500, None), "{bad:?}");
        }
    }
}
