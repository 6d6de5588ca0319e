//! Work that runs after the response has gone out.

use std::future::Future;
use std::pin::Pin;

/// A piece of work.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Runs work after the response (`ctx.waitUntil` at the edge, a task on native).
pub trait After: Send + Sync {
    /// Queues the job.
    fn run(&self, job: Job);
}
