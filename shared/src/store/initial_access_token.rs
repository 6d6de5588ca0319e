//! Initial access tokens: who may register clients (RFC 7591 §1.2, §3).

use crate::db::{Row, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// A token, of which only the hash is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialAccessToken {
    /// UUID.
    pub id: String,
    /// What it is for, in an admin's words.
    pub name: String,
    /// How many clients can still be registered with it; any number if absent.
    pub uses_left: Option<i64>,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it ends, if it does.
    pub expires_at: Option<UnixTime>,
}

impl InitialAccessToken {
    /// Reads a row of [`all`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            uses_left: row.opt_int("uses_left")?,
            created_at: row.time("created_at")?,
            expires_at: row.opt_time("expires_at")?,
        })
    }

    /// Stores the token by its hash.
    #[must_use]
    pub fn insert(&self, token_hash: &str, created_by_id: Option<&str>) -> Stmt {
        Stmt::new(
            "INSERT INTO initial_access_tokens (id, token_hash, name, uses_left, created_by_id, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(&self.id)
        .bind(token_hash)
        .bind(&self.name)
        .bind(self.uses_left)
        .bind(created_by_id)
        .bind(self.created_at)
        .bind(self.expires_at)
    }
}

/// The newest tokens.
#[must_use]
pub fn all() -> Stmt {
    Stmt::new(
        "SELECT id, name, uses_left, created_at, expires_at FROM initial_access_tokens \
         ORDER BY created_at DESC, id LIMIT 500",
    )
}

/// One row if the token of this hash can be used now.
#[must_use]
pub fn usable(token_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "SELECT id FROM initial_access_tokens WHERE token_hash = ?1 AND (uses_left IS NULL OR uses_left > 0) \
         AND (expires_at IS NULL OR expires_at > ?2)",
    )
    .bind(token_hash)
    .bind(now)
}

/// Takes one use; none left, or an end that has come, undoes the batch with `DbError::Lost`.
#[must_use]
pub fn use_one(token_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE initial_access_tokens SET uses_left = uses_left - 1 WHERE token_hash = ?1 \
         AND (uses_left IS NULL OR uses_left > 0) AND (expires_at IS NULL OR expires_at > ?2)",
    )
    .bind(token_hash)
    .bind(now)
    .one()
}

/// Removes a token.
#[must_use]
pub fn delete(id: &str) -> Stmt {
    Stmt::new("DELETE FROM initial_access_tokens WHERE id = ?1").bind(id).one()
}

/// Removes some of those that ended or are used up.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM initial_access_tokens WHERE id IN \
         (SELECT id FROM initial_access_tokens WHERE expires_at <= ?1 OR uses_left <= 0 LIMIT 1000) RETURNING id",
    )
    .bind(now)
}
