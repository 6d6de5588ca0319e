//! Randomness of the operating system.

use shared::ports::{Rng, RngError};

/// `getrandom(2)` or its like.
pub(crate) struct OsRng;

impl Rng for OsRng {
    fn fill(&self, out: &mut [u8]) -> Result<(), RngError> {
        getrandom::fill(out).map_err(|_| RngError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        OsRng.fill(&mut a).unwrap();
        OsRng.fill(&mut b).unwrap();
        assert_ne!(a, b);
    }
}
