//! Asking whether an app may know what it asks for.

use super::{Frame, Messages};
use askama::Template;

/// The step `consent` of `/interaction`.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html", whitespace = "minimize")]
pub struct ConsentPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app.
    pub client: &'a str,
    /// Host of the address that the app is known by, if it is known by one and not registered.
    pub known_by: Option<&'a str>,
    /// What the app says about itself.
    pub description: Option<&'a str>,
    /// Host (and port) of the redirect URI, or the whole URI where its scheme has no host.
    pub redirect_host: &'a str,
    /// Who is signed in: name or username.
    pub account: &'a str,
    /// Standard scopes asked for, by wire name.
    pub scopes: Vec<&'a str>,
    /// The API that is asked for.
    pub api: Option<ConsentApi<'a>>,
    /// Id of the interaction.
    pub interaction: &'a str,
}

/// An API and what an app asks for there.
#[derive(Debug, Clone)]
pub struct ConsentApi<'a> {
    /// Its name.
    pub name: &'a str,
    /// Name and description of each permission; none if only access as such is asked for.
    pub permissions: Vec<(&'a str, Option<&'a str>)>,
}

/// A scope in plain words.
pub(super) struct Line {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

impl ConsentPage<'_> {
    fn lines(&self) -> Vec<Line> {
        lines(self.frame.messages, &self.scopes)
    }
}

/// The scopes worth a line; `openid` only says what such a page says anyway.
pub(super) fn lines(m: &'static Messages, scopes: &[&str]) -> Vec<Line> {
    scopes.iter().filter_map(|s| line(m, s)).collect()
}

fn line(m: &'static Messages, scope: &str) -> Option<Line> {
    let (title, text) = match scope {
        "profile" => (m.scope_profile(), m.scope_profile_text()),
        "email" => (m.scope_email(), m.scope_email_text()),
        "groups" => (m.scope_groups(), m.scope_groups_text()),
        "offline_access" => (m.scope_offline_access(), m.scope_offline_access_text()),
        _ => return None,
    };
    Some(Line { title, text })
}
