//! The flood shield. Exact counters (tries of a code) are rows, never this port.

use async_trait::async_trait;
use proto::time::UnixTime;

/// A named token bucket (GCRA): `count` requests per `period_s` seconds on average, `burst` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Name, part of the key and of the binding at the edge.
    pub name: &'static str,
    /// Requests per period.
    pub count: u32,
    /// Period in seconds.
    pub period_s: u32,
    /// Requests that may come at once.
    pub burst: u32,
    /// Whether a failing limiter refuses (every bucket but `api`) or lets through.
    pub fail_closed: bool,
}

/// What the limiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Refuse with 429.
    Refused {
        /// Seconds until the next request can pass, at least 1.
        retry_after_s: u32,
    },
}

/// The limiter itself failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limiter failed: {0}")]
pub struct LimitError(pub String);

/// The limiter; may be approximate.
#[async_trait]
pub trait Limit: Send + Sync {
    /// Counts one request of `key` (a client address, IPv6 folded to /64) against `bucket`.
    ///
    /// # Errors
    /// [`LimitError`] if it cannot tell; the caller then goes by [`Bucket::fail_closed`].
    async fn check(&self, bucket: &Bucket, key: &str, now: UnixTime) -> Result<Verdict, LimitError>;
}
