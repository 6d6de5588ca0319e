//! Asking before a session ends.

use super::{Frame, Hidden};
use askama::Template;

/// The page behind `GET /logout`, and behind `end-session` when the person must confirm.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_out.html", whitespace = "minimize")]
pub struct SignOutPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Who is signed in: name or username.
    pub account: &'a str,
    /// Where the form is sent.
    pub action: &'a str,
    /// Fields sent along.
    pub hidden: Vec<Hidden<'a>>,
    /// Whether other accounts are signed in beside it, which can be signed out of together.
    pub has_others: bool,
    /// Where "Cancel" goes.
    pub cancel_url: &'a str,
}
