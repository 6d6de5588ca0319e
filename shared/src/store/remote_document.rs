//! Copies of JSON documents of other servers: key sets, provider metadata.

use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// A copy of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteDocument {
    /// The document, JSON.
    pub body: String,
    /// When it was last asked for, whether or not that gave a new copy.
    pub fetched_at: UnixTime,
    /// Until when it is used without asking again.
    pub fresh_until: UnixTime,
    /// Until when it is used while its server does not answer.
    pub expires_at: UnixTime,
}

impl RemoteDocument {
    /// Reads the first row, if there is one.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_rows(rows: &Rows) -> Result<Option<Self>, DbError> {
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Self {
            body: row.text("body")?,
            fetched_at: row.time("fetched_at")?,
            fresh_until: row.time("fresh_until")?,
            expires_at: row.time("expires_at")?,
        }))
    }

    /// Keeps the copy under `key`, in place of an older one.
    #[must_use]
    pub fn store(&self, key: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO remote_documents (url, body, fetched_at, fresh_until, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (url) DO UPDATE SET body = excluded.body, \
             fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until, expires_at = excluded.expires_at",
        )
        .bind(key)
        .bind(&self.body)
        .bind(self.fetched_at)
        .bind(self.fresh_until)
        .bind(self.expires_at)
    }
}

/// The copy kept under `key`, unless it has expired.
#[must_use]
pub fn by_key(key: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "SELECT body, fetched_at, fresh_until, expires_at FROM remote_documents WHERE url = ?1 AND expires_at > ?2",
    )
    .bind(key)
    .bind(now)
}

/// Claims the next attempt to ask for a document again: one of several callers gets it, and only if the last
/// attempt was at or before `before`. The others get `DbError::Lost`.
#[must_use]
pub fn claim(key: &str, before: UnixTime, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE remote_documents SET fetched_at = ?3 WHERE url = ?1 AND fetched_at <= ?2")
        .bind(key)
        .bind(before)
        .bind(now)
        .one()
}

/// Removes some of those that have expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM remote_documents WHERE url IN \
         (SELECT url FROM remote_documents WHERE expires_at <= ?1 LIMIT 1000) RETURNING url",
    )
    .bind(now)
}
