//! Randomness.

/// The operating system gave no randomness; nothing secret may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no randomness available")]
pub struct RngError;

/// A cryptographically secure random source.
pub trait Rng: Send + Sync {
    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// [`RngError`] if the source is unavailable.
    fn fill(&self, out: &mut [u8]) -> Result<(), RngError>;
}
