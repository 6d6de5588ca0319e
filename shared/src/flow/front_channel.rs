//! OpenID Connect Front-Channel Logout 1.0: loading the clients' logout pages before the browser goes on.

use super::frame;
use crate::decide::logout;
use crate::http::{Cx, Req, Resp, respond};
use crate::pages::{self, SigningOutPage};
use crate::store::logout::Framed;
use std::collections::BTreeSet;

/// Goes on to `target`: at once, or by a page that loads the logout pages of the clients of the sessions that ended.
#[must_use]
pub fn go_on(cx: &Cx, req: &Req, framed: &[Framed], ended: &[&str], target: &str) -> Resp {
    let frames: Vec<url::Url> = framed
        .iter()
        .filter(|f| ended.contains(&f.session_id.as_str()))
        .filter_map(|f| logout::frame(&f.metadata, cx.issuer(), &f.session_id))
        .collect();
    if frames.is_empty() {
        return respond::see_other(target);
    }
    let origins: BTreeSet<String> = frames.iter().map(|url| url.origin().ascii_serialization()).collect();
    let html = pages::render(&SigningOutPage {
        frame: frame(cx, req),
        frames: frames.iter().map(url::Url::as_str).collect(),
        target,
    });
    respond::framing_page(html, origins.into_iter().collect())
}
