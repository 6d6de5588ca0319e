//! A wrapper that counts round trips.

use super::{Rows, Stmt};
use crate::ports::{Db, DbError};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the batches that pass through to another adapter: one batch is one round trip at the edge.
pub struct CountingDb {
    inner: Arc<dyn Db>,
    batches: AtomicU64,
}

impl CountingDb {
    /// Wraps an adapter; the count starts at 0.
    #[must_use]
    pub const fn new(inner: Arc<dyn Db>) -> Self {
        Self { inner, batches: AtomicU64::new(0) }
    }

    /// Batches sent so far, refused ones included.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Db for CountingDb {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.inner.batch(stmts).await
    }
}
