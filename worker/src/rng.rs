//! Randomness: `crypto.getRandomValues`.

use shared::ports::{Rng, RngError};

/// The runtime's random source.
pub(crate) struct CryptoRng;

impl Rng for CryptoRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(out).map_err(|_| RngError)
    }
}
