//! What a person has agreed to share with a client.

use super::{list_from_text, list_to_text};
use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// The consent of the signed-in person (by session cookie) to a client.
#[must_use]
pub fn of_session(secret_hash: Option<&str>, client_id: &str) -> Stmt {
    Stmt::new(
        "SELECT k.scope FROM consents k JOIN sessions s ON s.user_id = k.user_id \
         WHERE s.secret_hash = ?1 AND k.client_id = ?2",
    )
    .bind(secret_hash.unwrap_or(""))
    .bind(client_id)
}

/// Reads the scope list of a consent row; `None` if there is no consent.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<Vec<String>>, DbError> {
    rows.first().map(|row| list_from_text("consents", &row.text("scope")?)).transpose()
}

/// Stores a consent: the scopes given, merged by the caller with those given before.
#[must_use]
pub fn put(user_id: &str, client_id: &str, scope: &[String], now: UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO consents (user_id, client_id, scope, created_at, last_used_at) VALUES (?1, ?2, ?3, ?4, ?4) \
         ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, last_used_at = excluded.last_used_at",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(list_to_text(scope))
    .bind(now)
}
