//! The clock.

use super::{Report, same};
use proto::time::UnixTime;
use shared::ports::Clock;

/// Runs the suite.
///
/// # Errors
/// The text of the report, if a check failed.
pub fn clock(clock: &dyn Clock) -> Result<Report, String> {
    let mut report = Report::new("clock");
    // Seconds and not milliseconds, and not the start of 1970.
    let (year_2025, year_2200) = (UnixTime(1_735_689_600), UnixTime(7_258_118_400));
    let now = clock.now();
    report.add("seconds_since_1970", same("in range", (year_2025..year_2200).contains(&now), true));
    let before = clock.monotonic_ms();
    report.add("never_runs_back", same("later", clock.now() >= now && clock.monotonic_ms() >= before, true));
    report.verdict()
}
