//! The flood shield.

use super::{Outcome, Report, same, unexpected};
use proto::time::UnixTime;
use shared::ports::{Bucket, Limit, Verdict};
use std::sync::Arc;

/// How exactly an adapter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// By the instants it is given, to the request.
    Exact,
    /// By a clock of its own, roughly, as Cloudflare's limiter does.
    Rough,
}

/// Runs the suite with keys that begin with `tag`.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn limit(limit: Arc<dyn Limit>, tag: &str, precision: Precision) -> Result<Report, String> {
    let mut report = Report::new("limit");
    report.add("a_burst_passes", burst(&*limit, &format!("{tag}-burst")).await);
    if precision == Precision::Exact {
        report.add("the_rate_is_kept", rate(&*limit, &format!("{tag}-rate")).await);
        report.add("keys_do_not_share", keys(&*limit, tag).await);
    }
    report.verdict()
}

/// One request every six seconds, three at once.
const BUCKET: Bucket = Bucket { name: "contract", count: 10, period_s: 60, burst: 3, fail_closed: true };
const START: i64 = 1_767_323_045;

async fn at(limit: &dyn Limit, key: &str, second: i64) -> Result<Verdict, String> {
    limit.check(&BUCKET, key, UnixTime(START + second)).await.map_err(unexpected)
}

async fn burst(limit: &dyn Limit, key: &str) -> Outcome {
    for _ in 0..BUCKET.burst {
        same("within the burst", at(limit, key, 0).await?, Verdict::Allowed)?;
    }
    Ok(())
}

async fn rate(limit: &dyn Limit, key: &str) -> Outcome {
    burst(limit, key).await?;
    same("fourth", at(limit, key, 0).await?, Verdict::Refused { retry_after_s: 6 })?;
    same("one second early", at(limit, key, 5).await?, Verdict::Refused { retry_after_s: 1 })?;
    same("in time", at(limit, key, 6).await?, Verdict::Allowed)?;
    same("right after", at(limit, key, 6).await?, Verdict::Refused { retry_after_s: 6 })?;
    for _ in 0..BUCKET.burst {
        same("after a rest", at(limit, key, 1000).await?, Verdict::Allowed)?;
    }
    same("no more than a burst", at(limit, key, 1000).await?, Verdict::Refused { retry_after_s: 6 })
}

async fn keys(limit: &dyn Limit, tag: &str) -> Outcome {
    let (a, b) = (format!("{tag}-a"), format!("{tag}-b"));
    burst(limit, &a).await?;
    same("first key", at(limit, &a, 0).await?, Verdict::Refused { retry_after_s: 6 })?;
    same("second key", at(limit, &b, 0).await?, Verdict::Allowed)
}
