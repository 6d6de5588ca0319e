//! Work after the response.

use super::{Report, same};
use shared::ports::After;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs the suite; `settle` ends when the host has done its work.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn after(after: Arc<dyn After>, settle: impl Future<Output = ()> + Send) -> Result<Report, String> {
    let mut report = Report::new("after");
    let sum = Arc::new(AtomicU32::new(0));
    for n in 1..=3 {
        let sum = sum.clone();
        after.run(Box::pin(async move {
            sum.fetch_add(n, Ordering::SeqCst);
        }));
    }
    settle.await;
    report.add("every_job_runs_once", same("sum", sum.load(Ordering::SeqCst), 6));
    report.verdict()
}
