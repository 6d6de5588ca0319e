//! The database: statements in, rows out, atomically.

use crate::db::{Rows, Stmt};
use async_trait::async_trait;

/// Why a batch did not happen. In every case nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// A statement marked [`Stmt::one`] changed no row or several: somebody else was first.
    #[error("a guarded statement did not change exactly one row")]
    Lost,
    /// A UNIQUE or PRIMARY KEY constraint refused a row; names its columns: `users.email`, `t.a, t.b`.
    #[error("unique constraint violated: {0}")]
    Unique(String),
    /// A FOREIGN KEY, NOT NULL or CHECK constraint refused a row.
    #[error("constraint violated: {0}")]
    Constraint(String),
    /// A stored row fits none of the shapes the code knows.
    #[error("row in {table} does not fit: {what}")]
    Inconsistent {
        /// Table the row was read from.
        table: &'static str,
        /// What is missing or malformed.
        what: String,
    },
    /// The database cannot be reached or is overloaded; trying again may help.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// Anything else, a bug as a rule.
    #[error("database error: {0}")]
    Other(String),
}

/// The database port. SQL is the common dialect of `migrations/README.md`, placeholders are `?1 ?2 …`.
#[async_trait]
pub trait Db: Send + Sync {
    /// Runs the statements in order as one atomic unit and returns the rows of each.
    /// Reads see the newest committed state, never a replica.
    ///
    /// # Errors
    /// [`DbError`]; then no statement of the batch has had an effect.
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError>;
}

impl dyn Db {
    /// A batch of one.
    ///
    /// # Errors
    /// As [`Db::batch`].
    pub async fn query(&self, stmt: Stmt) -> Result<Rows, DbError> {
        Ok(self.batch(vec![stmt]).await?.pop().unwrap_or_default())
    }
}
