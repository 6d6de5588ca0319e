//! Outgoing mail: not offered by this host yet.

use async_trait::async_trait;
use shared::ports::{Mail, MailError, Mailer};

/// No mail transport.
pub(crate) struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _mail: Mail) -> Result<(), MailError> {
        Err(MailError::NotConfigured)
    }
}
