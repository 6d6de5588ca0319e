use proto::time::UnixTime;
use shared::ports::Clock;
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
