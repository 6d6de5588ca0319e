//! Making the first account.

use super::{Ceremony, Frame, Problem};
use askama::Template;

/// The page behind `/setup`.
#[derive(Debug, Clone, Template)]
#[template(path = "setup.html", whitespace = "minimize")]
pub struct SetupPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// The ceremony, with creation options.
    pub ceremony: Ceremony<'a>,
    /// What was typed before, to show again.
    pub values: AccountValues<'a>,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

/// The fields of the form.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountValues<'a> {
    /// `username`.
    pub username: &'a str,
    /// `email`.
    pub email: &'a str,
    /// `firstName`.
    pub first_name: &'a str,
    /// `lastName`.
    pub last_name: &'a str,
}

impl SetupPage<'_> {
    /// Value of `aria-invalid` for the field that `problem` would be about.
    fn invalid(&self, problem: Problem) -> &'static str {
        problem.invalid(self.problem)
    }
}
