//! What a handler can fail with, and how each kind is shown.

use crate::api::error::ApiError;
use crate::pages::ErrorKind;
use crate::ports::{DbError, KeyError, RngError};
use crate::refusal::Refusal;

/// Why a handler gives no ordinary answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// A rule of OAuth or OpenID Connect was broken; shown as the endpoint's specification says.
    Refused(Refusal),
    /// A rule of the JSON API was broken.
    Api(ApiError),
    /// A page cannot be shown; the person gets a sentence.
    Page(ErrorKind),
    /// Our fault, or that of something we depend on: always a 500 with an id that is in the log too.
    Fault(Fault),
}

/// Something that should not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A key could not be made or used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No randomness.
    #[error(transparent)]
    Rng(#[from] RngError),
    /// A stored secret does not open with the configured `ENCRYPTION_KEY`.
    #[error("the stored {0} cannot be opened: was ENCRYPTION_KEY changed?")]
    Sealed(&'static str),
    /// A client asks for an algorithm that no active signing key has.
    #[error("a client asks for signatures by {0}, and there is no active key for it")]
    NoSigningKey(String),
    /// A page could not be rendered, or another impossibility.
    #[error("{0}")]
    Bug(&'static str),
}

impl Failure {
    /// What a save that failed means: `instead` if somebody else was first or the row is gone
    /// ([`DbError::Lost`]), else a fault.
    #[must_use]
    pub fn or_if_lost(error: DbError, instead: impl Into<Self>) -> Self {
        if error == DbError::Lost { instead.into() } else { error.into() }
    }
}

impl From<Refusal> for Failure {
    fn from(r: Refusal) -> Self {
        Self::Refused(r)
    }
}
impl From<ApiError> for Failure {
    fn from(e: ApiError) -> Self {
        Self::Api(e)
    }
}
impl From<ErrorKind> for Failure {
    fn from(e: ErrorKind) -> Self {
        Self::Page(e)
    }
}
impl From<Fault> for Failure {
    fn from(f: Fault) -> Self {
        Self::Fault(f)
    }
}
impl From<DbError> for Failure {
    fn from(e: DbError) -> Self {
        Self::Fault(e.into())
    }
}
impl From<KeyError> for Failure {
    fn from(e: KeyError) -> Self {
        Self::Fault(e.into())
    }
}
impl From<RngError> for Failure {
    fn from(e: RngError) -> Self {
        Self::Fault(e.into())
    }
}
