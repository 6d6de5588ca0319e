//! Work after the response: tasks that shutdown waits for.

use shared::ports::{After, Job};
use std::sync::{Mutex, PoisonError};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Runs jobs as tasks and remembers those still running.
#[derive(Default)]
pub(crate) struct Tasks {
    running: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// Waits until every job has ended, until `deadline` at the latest; then the rest is cut off.
    pub(crate) async fn drain(&self, deadline: Instant) {
        let mut set = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async { while set.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, all).await.is_err() {
            tracing::warn!(left = set.len(), "work after responses was cut off");
        }
    }
}

impl After for Tasks {
    fn run(&self, job: Job) {
        let mut set = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Ended jobs are forgotten here, so that the set never holds more than what runs.
        while set.try_join_next().is_some() {}
        set.spawn(job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    #[tokio::test]
    async fn drain_waits_for_every_job() {
        let done = Arc::new(AtomicU32::new(0));
        let tasks = Tasks::default();
        for _ in 0..3 {
            let done = Arc::clone(&done);
            tasks.run(Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                done.fetch_add(1, Ordering::SeqCst);
            }));
        }
        tasks.drain(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(done.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn drain_gives_up_at_the_deadline() {
        let tasks = Tasks::default();
        tasks.run(Box::pin(std::future::pending()));
        tasks.drain(Instant::now() + Duration::from_millis(10)).await;
    }
}
