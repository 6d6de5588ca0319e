//! Asking which account to go on with.

use super::Frame;
use askama::Template;

/// The step `select_account` of `/interaction`.
#[derive(Debug, Clone, Template)]
#[template(path = "select_account.html", whitespace = "minimize")]
pub struct SelectAccountPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app.
    pub client: &'a str,
    /// Name to show for the account.
    pub name: &'a str,
    /// Second line: e-mail address or username.
    pub login: &'a str,
    /// Id of the interaction.
    pub interaction: &'a str,
}

impl SelectAccountPage<'_> {
    /// First letter of the name, for the round badge.
    fn initial(&self) -> String {
        self.name
            .chars()
            .find(|c| c.is_alphanumeric())
            .map(|c| c.to_uppercase().collect())
            .unwrap_or_default()
    }
}
