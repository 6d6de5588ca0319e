//! Asking which account to go on with.

use super::{Frame, Hidden};
use askama::Template;

/// The step `select_account` of `/interaction`, and `/accounts`.
#[derive(Debug, Clone, Template)]
#[template(path = "select_account.html", whitespace = "minimize")]
pub struct SelectAccountPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app that waits.
    pub client: Option<&'a str>,
    /// The accounts that are signed in in this browser.
    pub accounts: Vec<AccountLine<'a>>,
    /// Where the form is sent.
    pub action: &'a str,
    /// Fields sent along.
    pub hidden: Vec<Hidden<'a>>,
}

/// One account.
#[derive(Debug, Clone, Copy)]
pub struct AccountLine<'a> {
    /// Id of its session.
    pub session: &'a str,
    /// Name to show.
    pub name: &'a str,
    /// Second line: e-mail address or username.
    pub login: &'a str,
    /// Whether it is the one in use.
    pub is_current: bool,
}

impl AccountLine<'_> {
    /// First letters of the first and last word of the name, for the round badge.
    fn initials(&self) -> String {
        let mut letters =
            self.name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
        let first = letters.next();
        first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, initials) in [
            ("Ada Lovelace", "AL"),
            ("ada", "A"),
            ("  Grace  Brewster Murray Hopper ", "GH"),
            ("– ‘élan’ 9", "É9"),
            ("👩‍🔑", ""),
            ("", ""),
        ] {
            let line = AccountLine { session: "s", name, login: "", is_current: false };
            assert_eq!(line.initials(), initials, "{name}");
        }
    }
}
