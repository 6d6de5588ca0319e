//! Signing in with a passkey, and confirming an existing sign-in.

use super::{Ceremony, Frame, Hidden, Problem};
use askama::Template;

/// The page behind `/login`, and the step `authenticate` or `reauthenticate` of `/interaction`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html", whitespace = "minimize")]
pub struct SignInPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Why the passkey is asked for.
    pub purpose: Purpose,
    /// Name of the app that the person comes from.
    pub client: Option<&'a str>,
    /// The ceremony, with request options.
    pub ceremony: Ceremony<'a>,
    /// Fields sent along: `redirect` or `interaction`.
    pub hidden: Vec<Hidden<'a>>,
    /// Whom the app expects (`login_hint`), by its own word: whether there is such an account is not looked up.
    pub login_hint: Option<&'a str>,
    /// Which passkeys the app would like.
    pub strength: Strength,
    /// Where an account can be made, if it can.
    pub sign_up: Option<&'a str>,
    /// Why the last try failed.
    pub problem: Option<Problem>,
}

/// Which passkeys will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// All.
    Any,
    /// Those that cannot leave their device.
    DeviceBound,
}

/// Why a passkey is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Nobody is signed in.
    SignIn,
    /// The person is signed in and must show that it is them.
    Reauthenticate,
}

impl Purpose {
    /// Value of `data-step` (behaviour of `/interaction`).
    #[must_use]
    pub const fn step(self) -> &'static str {
        match self {
            Self::SignIn => "authenticate",
            Self::Reauthenticate => "reauthenticate",
        }
    }
}
