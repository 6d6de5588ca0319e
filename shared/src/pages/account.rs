//! The signed-in person's own page.

use super::{Asset, Ceremony, Frame, Problem};
use askama::Template;
use proto::time::UnixTime;

/// The page behind `/settings/account`.
#[derive(Debug, Clone, Template)]
#[template(path = "account.html", whitespace = "minimize")]
pub struct AccountPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name to show.
    pub name: &'a str,
    /// Username.
    pub username: &'a str,
    /// E-mail address, if there is one.
    pub email: Option<&'a str>,
    /// Whether the person administers this server.
    pub is_admin: bool,
    /// All passkeys, oldest first.
    pub passkeys: Vec<PasskeyLine<'a>>,
    /// How a passkey can be added now.
    pub add: AddPasskey<'a>,
    /// Why the last change failed.
    pub problem: Option<Problem>,
}

/// One passkey.
#[derive(Debug, Clone, Copy)]
pub struct PasskeyLine<'a> {
    /// Name given to it.
    pub name: &'a str,
    /// When it was added.
    pub created: UnixTime,
    /// When it was last used.
    pub last_used: Option<UnixTime>,
    /// Where it lives.
    pub kind: PasskeyKind,
}

/// Where a passkey lives, from its backup eligibility (WebAuthn L3 §6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyKind {
    /// Backup eligible: may be on several devices.
    Synced,
    /// On one device only.
    DeviceBound,
}

/// How a passkey can be added.
#[derive(Debug, Clone, Copy)]
pub enum AddPasskey<'a> {
    /// Now: the ceremony, with creation options.
    Ceremony(Ceremony<'a>),
    /// After confirming who it is, at this address.
    ConfirmFirst(&'a str),
}

impl AccountPage<'_> {
    /// The script that the page needs, if any.
    const fn script(&self) -> Option<Asset> {
        match self.add {
            AddPasskey::Ceremony(_) => Some(Ceremony::SCRIPT),
            AddPasskey::ConfirmFirst(_) => None,
        }
    }
}

/// Machine-readable and shown form of an instant.
fn when(instant: &UnixTime) -> (String, String) {
    let full = instant.rfc3339();
    let date = full.split('T').next().unwrap_or_default().to_owned();
    (full, date)
}
