//! What time it is.

use proto::time::UnixTime;

/// The wall clock. Read once per request; rules take the instant as a value.
pub trait Clock: Send + Sync {
    /// Now, in whole seconds.
    fn now(&self) -> UnixTime;

    /// Milliseconds from some fixed point, for durations in logs only. Stands still on hosts that hide it.
    fn monotonic_ms(&self) -> u64 {
        0
    }
}
