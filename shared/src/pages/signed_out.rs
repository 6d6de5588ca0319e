//! After a session has ended.

use super::Frame;
use askama::Template;

/// The page that a sign-out ends on.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html", whitespace = "minimize")]
pub struct SignedOutPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Where "Sign in again" goes.
    pub sign_in_url: &'a str,
}
