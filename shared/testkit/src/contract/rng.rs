//! Randomness: nothing can prove it, but a source that is off shows.

use super::{Outcome, Report, same, unexpected};
use shared::ports::Rng;

/// Runs the suite.
///
/// # Errors
/// The text of the report, if a check failed.
pub fn rng(rng: &dyn Rng) -> Result<Report, String> {
    let mut report = Report::new("rng");
    report.add("two_draws_differ", draws_differ(rng));
    report.add("half_of_the_bits_are_set", balanced(rng));
    report.verdict()
}

fn draws_differ(rng: &dyn Rng) -> Outcome {
    let (mut a, mut b) = ([0; 16], [0; 16]);
    rng.fill(&mut a).map_err(unexpected)?;
    rng.fill(&mut b).map_err(unexpected)?;
    rng.fill(&mut []).map_err(unexpected)?;
    same("equal", a == b, false)
}

/// More bytes than `crypto.getRandomValues` gives at a time (65 536).
fn balanced(rng: &dyn Rng) -> Outcome {
    let mut bytes = vec![0; 70_000];
    rng.fill(&mut bytes).map_err(unexpected)?;
    let ones: u32 = bytes.iter().map(|b| b.count_ones()).sum();
    // 560 000 bits: 280 000 are expected, and ten standard deviations are 3 742.
    same("ones", (276_258..=283_742).contains(&ones), true)?;
    let tail = bytes.iter().rev().take(64).all(|b| *b == 0);
    same("the end is untouched", tail, false)
}
