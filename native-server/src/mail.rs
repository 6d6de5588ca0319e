//! Outgoing mail. This host has no transport yet: every message is refused as not configured.

use async_trait::async_trait;
use shared::ports::{Mail, MailError, Mailer};

/// The absent transport.
pub(crate) struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _mail: Mail) -> Result<(), MailError> {
        Err(MailError::NotConfigured)
    }
}
