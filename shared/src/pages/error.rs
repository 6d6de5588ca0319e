//! Errors that cannot be sent on to an app.

use super::{Frame, Messages};
use askama::Template;

/// An error page.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html", whitespace = "minimize")]
pub struct ErrorPage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// What happened.
    pub kind: ErrorKind,
    /// Facts that help to mend it; only for eyes that may see them.
    pub details: Vec<Detail<'a>>,
    /// Id of the request, also in the log.
    pub request_id: &'a str,
}

/// What happened, as far as the person is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No such page.
    NotFound,
    /// `client_id` missing or not registered.
    ClientUnknown,
    /// `redirect_uri` missing or not registered.
    Callback,
    /// A parameter is malformed, missing or doubled before the app could be told.
    Request,
    /// The interaction is done, expired or of another browser.
    Interaction,
    /// A form from another site.
    ForeignForm,
    /// Signed in, but not allowed.
    Forbidden,
    /// Opened at a host that is not the one of `APP_URL`.
    WrongAddress,
    /// The flood shield is up.
    TooMany,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::ClientUnknown | Self::Callback | Self::Request | Self::Interaction => 400,
            Self::ForeignForm | Self::Forbidden => 403,
            Self::WrongAddress => 421,
            Self::TooMany => 429,
            Self::Internal => 500,
        }
    }

    /// Heading.
    #[must_use]
    pub const fn title(self, m: &Messages) -> &'static str {
        match self {
            Self::NotFound => m.error_not_found_title(),
            Self::ClientUnknown => m.error_client_unknown_title(),
            Self::Callback => m.error_callback_title(),
            Self::Request => m.error_request_title(),
            Self::Interaction => m.error_interaction_title(),
            Self::ForeignForm => m.error_foreign_form_title(),
            Self::Forbidden => m.error_forbidden_title(),
            Self::WrongAddress => m.error_wrong_address_title(),
            Self::TooMany => m.error_too_many_title(),
            Self::Internal => m.error_internal_title(),
        }
    }

    /// What it means and what to do.
    #[must_use]
    pub const fn text(self, m: &Messages) -> &'static str {
        match self {
            Self::NotFound => m.error_not_found_text(),
            Self::ClientUnknown => m.error_client_unknown_text(),
            Self::Callback => m.error_callback_text(),
            Self::Request => m.error_request_text(),
            Self::Interaction => m.error_interaction_text(),
            Self::ForeignForm => m.error_foreign_form_text(),
            Self::Forbidden => m.error_forbidden_text(),
            Self::WrongAddress => m.error_wrong_address_text(),
            Self::TooMany => m.error_too_many_text(),
            Self::Internal => m.error_internal_text(),
        }
    }
}

/// One fact about an error.
#[derive(Debug, Clone, Copy)]
pub struct Detail<'a> {
    /// What the value is.
    pub label: DetailLabel,
    /// The value, shown as it is.
    pub value: &'a str,
}

/// What a fact about an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetailLabel {
    /// App by name or `client_id`.
    Client,
    /// Name of the parameter at fault.
    Parameter,
    /// Value that arrived.
    Arrived,
    /// Value that is registered.
    Registered,
    /// Page or setting where it can be changed.
    ChangeAt,
    /// The rule that was broken, in a fixed sentence.
    Reason,
}

impl DetailLabel {
    /// The word to show.
    #[must_use]
    pub const fn text(self, m: &Messages) -> &'static str {
        match self {
            Self::Client => m.detail_client(),
            Self::Parameter => m.detail_parameter(),
            Self::Arrived => m.detail_arrived(),
            Self::Registered => m.detail_registered(),
            Self::ChangeAt => m.detail_change_at(),
            Self::Reason => m.detail_reason(),
        }
    }
}
