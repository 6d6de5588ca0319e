use super::lock;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use shared::ports::{Rng, RngError};
use std::sync::Mutex;

/// The same "random" bytes in every run.
pub struct SeededRng(Mutex<ChaCha20Rng>);

impl SeededRng {
    /// A source by its seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), RngError> {
        lock(&self.0).fill_bytes(out);
        Ok(())
    }
}
