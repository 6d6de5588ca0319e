//! A host is a plain struct of ports and settings.

use crate::keyring::Keyring;
use crate::ports::{After, Blob, Clock, Db, HttpFetch, Keys, Limit, Mailer, Rng, RngError};
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
    /// Signing keys in use; starts empty (`Arc::default()`) and fills itself from the database.
    pub keyring: Arc<Keyring>,
}

impl Host {
    /// `N` random bytes.
    ///
    /// # Errors
    /// [`RngError`].
    pub fn random<const N: usize>(&self) -> Result<[u8; N], RngError> {
        let mut out = [0; N];
        self.rng.fill(&mut out)?;
        Ok(out)
    }

    /// A token of 256 random bits, base64url (43 characters).
    ///
    /// # Errors
    /// [`RngError`].
    pub fn random_token(&self) -> Result<String, RngError> {
        Ok(proto::b64::encode(self.random::<32>()?))
    }

    /// 32 letters and digits (190 bits): for secrets that people copy by hand.
    ///
    /// # Errors
    /// [`RngError`].
    pub fn alphanumeric(&self) -> Result<String, RngError> {
        let mut drawn = Ok(());
        let text = proto::id::alphanumeric(32, |out| {
            drawn = drawn.and(self.rng.fill(out));
        });
        drawn.map(|()| text)
    }

    /// A version 4 UUID.
    ///
    /// # Errors
    /// [`RngError`].
    pub fn uuid(&self) -> Result<String, RngError> {
        Ok(proto::id::uuid_v4(self.random()?))
    }
}
