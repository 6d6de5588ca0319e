use proto::time::UnixTime;
use shared::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that stands until it is moved.
pub struct FixedClock {
    now: AtomicI64,
}

impl FixedClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: UnixTime) -> Self {
        Self { now: AtomicI64::new(now.0) }
    }

    /// Moves the hands by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.now.load(Ordering::SeqCst))
    }
}

/// A clock that runs ahead of another.
pub struct ShiftedClock {
    inner: Arc<dyn Clock>,
    seconds: AtomicI64,
}

impl ShiftedClock {
    /// The clock `inner`, not ahead yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Clock>) -> Self {
        Self { inner, seconds: AtomicI64::new(0) }
    }

    /// Moves the hands by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> UnixTime {
        self.inner.now().plus(self.seconds.load(Ordering::Relaxed))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }
}
