use super::lock;
use shared::ports::{After, Job};
use std::sync::Mutex;

/// Keeps the jobs until the test lets them run: right after each response, in a [`World`](crate::World).
#[derive(Default)]
pub struct RunAtOnce {
    jobs: Mutex<Vec<Job>>,
}

impl RunAtOnce {
    /// Runs all jobs to their end, those included that they start.
    pub async fn settle(&self) {
        loop {
            let jobs = std::mem::take(&mut *lock(&self.jobs));
            if jobs.is_empty() {
                return;
            }
            for job in jobs {
                job.await;
            }
        }
    }
}

impl After for RunAtOnce {
    fn run(&self, job: Job) {
        lock(&self.jobs).push(job);
    }
}
