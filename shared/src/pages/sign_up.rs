//! Making an account of one's own.

use super::{AccountValues, Ceremony, Frame, Hidden, Problem};
use askama::Template;

/// The page behind `/signup`, and the step `sign_up` of `/interaction`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_up.html", whitespace = "minimize")]
pub struct SignUpPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app that the person comes from.
    pub client: Option<&'a str>,
    /// The ceremony, with creation options.
    pub ceremony: Ceremony<'a>,
    /// Fields sent along: `redirect` or `interaction`.
    pub hidden: Vec<Hidden<'a>>,
    /// What was typed before, to show again.
    pub values: AccountValues<'a>,
    /// Where people go who have an account.
    pub sign_in: &'a str,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

impl SignUpPage<'_> {
    /// Value of `aria-invalid` for the field that `problem` would be about.
    fn invalid(&self, problem: Problem) -> &'static str {
        problem.invalid(self.problem)
    }
}
