use super::lock;
use async_trait::async_trait;
use shared::ports::{Mail, MailError, Mailer};
use std::sync::Mutex;

/// Takes every message and keeps it.
#[derive(Default)]
pub struct RecordingMailer {
    sent: Mutex<Vec<Mail>>,
}

impl RecordingMailer {
    /// Takes the messages sent so far.
    #[must_use]
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *lock(&self.sent))
    }
}

#[async_trait]
impl Mailer for RecordingMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        lock(&self.sent).push(mail);
        Ok(())
    }
}
