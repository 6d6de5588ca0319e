//! Facts about this installation that are written once and never changed.

use crate::db::{Rows, Stmt};
use crate::ports::DbError;

/// The salt of pairwise subject identifiers, sealed. Another one would make everybody a stranger to every such
/// client, so nothing replaces it.
pub const PAIRWISE_SALT: &str = "pairwise_salt";

/// Writes a fact, unless it is there already.
#[must_use]
pub fn insert_if_first(name: &str, value: &str) -> Stmt {
    Stmt::new("INSERT INTO instance (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(name)
        .bind(value)
}

/// A fact.
#[must_use]
pub fn find(name: &str) -> Stmt {
    Stmt::new("SELECT value FROM instance WHERE name = ?1").bind(name)
}

/// Reads the row of [`find`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<String>, DbError> {
    rows.first().map(|row| row.text("value")).transpose()
}

/// The place a sealed fact is sealed for (`table:column:row`).
#[must_use]
pub fn sealed_for(name: &str) -> String {
    format!("instance:value:{name}")
}
