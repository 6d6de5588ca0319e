//! While apps are told that a session has ended.

use super::{Asset, Frame, assets};
use askama::Template;

/// The page that loads the apps' own logout pages (OpenID Connect Front-Channel Logout 1.0 §3) and then goes on.
#[derive(Debug, Clone, Template)]
#[template(path = "signing_out.html", whitespace = "minimize")]
pub struct SigningOutPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Addresses of the apps' logout pages.
    pub frames: Vec<&'a str>,
    /// Where it goes on to.
    pub target: &'a str,
}

impl SigningOutPage<'_> {
    /// The island that goes on by itself.
    const SCRIPT: Asset = assets::SIGNING_OUT_JS;
}
