//! The clock: `Date.now()`, which stands still while a request computes and moves on after I/O.

use proto::time::UnixTime;
use shared::ports::Clock;

/// The isolate's wall clock.
pub(crate) struct DateClock;

impl Clock for DateClock {
    fn now(&self) -> UnixTime {
        UnixTime(whole(js_sys::Date::now() / 1000.0))
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(whole(js_sys::Date::now())).unwrap_or_default()
    }
}

/// A time of `Date`, which lies within the whole numbers that a double holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "the fraction is cut off on purpose")]
const fn whole(number: f64) -> i64 {
    number as i64
}
