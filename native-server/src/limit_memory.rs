//! The flood shield in memory: GCRA, one instant per key.

use async_trait::async_trait;
use proto::time::UnixTime;
use shared::ports::{Bucket, Limit, LimitError, Verdict};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Most keys remembered; about 10 MB.
const CAPACITY: usize = 65_536;

const MICROS: i64 = 1_000_000;

/// Per bucket and key the theoretical arrival time: when the bucket will be full again, in microseconds.
type Arrivals = BTreeMap<(&'static str, String), i64>;

/// The limiter of one process.
#[derive(Default)]
pub(crate) struct MemoryLimit {
    arrivals: Mutex<Arrivals>,
}

#[async_trait]
impl Limit for MemoryLimit {
    async fn check(&self, bucket: &Bucket, key: &str, now: UnixTime) -> Result<Verdict, LimitError> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(take(&mut arrivals, CAPACITY, bucket, key, now.0.saturating_mul(MICROS)))
    }
}

fn take(arrivals: &mut Arrivals, capacity: usize, bucket: &Bucket, key: &str, now: i64) -> Verdict {
    let interval = i64::from(bucket.period_s)
        .saturating_mul(MICROS)
        .checked_div(bucket.count.into())
        .unwrap_or(i64::MAX);
    let tolerance = interval.saturating_mul(i64::from(bucket.burst.max(1).saturating_sub(1)));
    let id = (bucket.name, key.to_owned());
    let arrival = arrivals.get(&id).copied().unwrap_or(now).max(now);
    let wait = arrival.saturating_sub(now).saturating_sub(tolerance);
    if wait > 0 {
        let seconds = wait.saturating_add(MICROS - 1) / MICROS;
        return Verdict::Refused { retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX) };
    }
    if arrivals.len() >= capacity && !arrivals.contains_key(&id) {
        evict(arrivals, now);
    }
    arrivals.insert(id, arrival.saturating_add(interval));
    Verdict::Allowed
}

/// Forgets the keys whose bucket is full again, which changes no verdict; if that frees too little, the half of
/// the keys that has used the least.
fn evict(arrivals: &mut Arrivals, now: i64) {
    let before = arrivals.len();
    arrivals.retain(|_, arrival| *arrival > now);
    if arrivals.len() > before / 2 {
        let mut instants: Vec<i64> = arrivals.values().copied().collect();
        let middle = instants.len() / 2;
        let (_, median, _) = instants.select_nth_unstable(middle);
        let median = *median;
        arrivals.retain(|_, arrival| *arrival > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Bucket = Bucket { name: "login", count: 1, period_s: 5, burst: 3, fail_closed: true };

    fn at(arrivals: &mut Arrivals, key: &str, seconds: i64) -> Verdict {
        take(arrivals, 4, &LOGIN, key, seconds * MICROS)
    }

    #[test]
    fn a_burst_passes_then_one_per_interval() {
        let a = &mut Arrivals::new();
        for _ in 0..3 {
            assert_eq!(at(a, "k", 100), Verdict::Allowed);
        }
        assert_eq!(at(a, "k", 100), Verdict::Refused { retry_after_s: 5 });
        assert_eq!(at(a, "k", 104), Verdict::Refused { retry_after_s: 1 });
        assert_eq!(at(a, "k", 105), Verdict::Allowed);
        assert_eq!(at(a, "k", 105), Verdict::Refused { retry_after_s: 5 });
        // refused requests cost nothing, and a quiet time fills the bucket up, not over
        for _ in 0..3 {
            assert_eq!(at(a, "k", 1000), Verdict::Allowed);
        }
        assert_eq!(at(a, "k", 1000), Verdict::Refused { retry_after_s: 5 });
    }

    #[test]
    fn keys_and_buckets_are_apart() {
        let a = &mut Arrivals::new();
        let other = Bucket { name: "other", ..LOGIN };
        for _ in 0..3 {
            at(a, "k", 0);
        }
        assert_eq!(at(a, "k", 0), Verdict::Refused { retry_after_s: 5 });
        assert_eq!(at(a, "l", 0), Verdict::Allowed);
        assert_eq!(take(a, 4, &other, "k", 0), Verdict::Allowed);
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out_for_ever() {
        let a = &mut Arrivals::new();
        at(a, "k", 100);
        assert_eq!(at(a, "k", 90), Verdict::Refused { retry_after_s: 5 });
        assert_eq!(at(a, "k", 95), Verdict::Allowed);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_offender_is_remembered() {
        let a = &mut Arrivals::new();
        for _ in 0..3 {
            at(a, "flood", 0);
        }
        for n in 0..1000 {
            at(a, &n.to_string(), 0);
            assert!(a.len() <= 4);
        }
        assert_eq!(at(a, "flood", 0), Verdict::Refused { retry_after_s: 5 });
    }
}
