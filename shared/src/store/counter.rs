//! Exact counters within a span of time. The flood shield may be approximate; these are not.

use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// Counts one more under `name` and gives the count, this one included; the first one begins a span of `span_s`
/// seconds, after which it begins anew. Counting is the same statement as reading, so that no two tries see the same
/// number.
#[must_use]
pub fn take(name: &str, now: UnixTime, span_s: i64) -> Stmt {
    Stmt::new(
        "INSERT INTO counters (name, count, expires_at) VALUES (?1, 1, ?2) ON CONFLICT (name) DO UPDATE SET \
         count = CASE WHEN counters.expires_at <= ?3 THEN 1 ELSE counters.count + 1 END, \
         expires_at = CASE WHEN counters.expires_at <= ?3 THEN excluded.expires_at ELSE counters.expires_at END \
         RETURNING count, expires_at",
    )
    .bind(name)
    .bind(now.plus(span_s))
    .bind(now)
}

/// Takes one count back.
#[must_use]
pub fn give_back(name: &str) -> Stmt {
    Stmt::new("UPDATE counters SET count = count - 1 WHERE name = ?1 AND count > 0").bind(name)
}

/// Reads the row of [`take`]: the count, and when it begins anew.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<(i64, UnixTime), DbError> {
    let row =
        rows.first().ok_or_else(|| DbError::Inconsistent { table: "counters", what: "no count".into() })?;
    Ok((row.int("count")?, row.time("expires_at")?))
}

/// Removes some of those whose span is over.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM counters WHERE name IN (SELECT name FROM counters WHERE expires_at <= ?1 LIMIT 1000) RETURNING name",
    )
    .bind(now)
}
