//! Outgoing mail.

use async_trait::async_trait;

/// One message to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Recipient address.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Plain text body.
    pub text: String,
    /// HTML body.
    pub html: String,
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// No mail transport is configured on this host.
    #[error("mail is not configured")]
    NotConfigured,
    /// The transport refused or failed.
    #[error("mail transport failed: {0}")]
    Transport(String),
}

/// The mail transport.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one message over.
    ///
    /// # Errors
    /// [`MailError`].
    async fn send(&self, mail: Mail) -> Result<(), MailError>;
}
