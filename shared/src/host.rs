//! A host is a plain struct of ports and settings.

use crate::ports::{After, Blob, Clock, Db, HttpFetch, Keys, Limit, Mailer, Rng};
use crate::settings::Settings;
use std::sync::Arc;

/// What a host supplies. Handlers see the world through this struct alone.
#[derive(Clone)]
pub struct Host {
    /// Database.
    pub db: Arc<dyn Db>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Private keys.
    pub keys: Arc<dyn Keys>,
    /// Outgoing HTTP.
    pub fetch: Arc<dyn HttpFetch>,
    /// Outgoing mail.
    pub mail: Arc<dyn Mailer>,
    /// Small files.
    pub blob: Arc<dyn Blob>,
    /// Flood shield.
    pub limit: Arc<dyn Limit>,
    /// Work after the response.
    pub after: Arc<dyn After>,
    /// Configuration, validated.
    pub settings: Arc<Settings>,
}
