//! What a person has agreed to share with a client, and where it may be sent.

use super::{grant, list_from_text, list_to_text};
use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// A consent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    /// Scopes agreed to.
    pub scope: Vec<String>,
    /// Hosts (or schemes of apps without one) that answers were sent to when the person agreed.
    pub redirect_hosts: Vec<String>,
}

/// The consent of the signed-in person (by session cookie) to a client.
#[must_use]
pub fn of_session(secret_hash: Option<&str>, client_id: &str) -> Stmt {
    Stmt::new(
        "SELECT k.scope, k.redirect_hosts FROM consents k JOIN sessions s ON s.user_id = k.user_id \
         WHERE s.secret_hash = ?1 AND k.client_id = ?2",
    )
    .bind(secret_hash.unwrap_or(""))
    .bind(client_id)
}

/// Reads a consent row; `None` if there is no consent.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<Consent>, DbError> {
    rows.first()
        .map(|row| {
            Ok(Consent {
                scope: list_from_text("consents", &row.text("scope")?)?,
                redirect_hosts: list_from_text("consents", &row.text("redirect_hosts")?)?,
            })
        })
        .transpose()
}

/// A stored list of scopes as one text, with the permissions of APIs by their keys.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn scope_text(stored: &str) -> Result<String, DbError> {
    let all = list_from_text("consents", stored)?;
    let keys: Vec<&str> =
        all.iter().filter_map(|key| key.rsplit('\u{1f}').next()).filter(|key| !key.is_empty()).collect();
    Ok(keys.join(" "))
}

/// Takes a consent back; it must be there.
#[must_use]
pub fn delete(user_id: &str, client_id: &str) -> Stmt {
    Stmt::new("DELETE FROM consents WHERE user_id = ?1 AND client_id = ?2")
        .bind(user_id)
        .bind(client_id)
        .one()
}

/// Stores a consent: what is given now, merged by the caller with what was given before.
#[must_use]
pub fn put(user_id: &str, client_id: &str, consent: &Consent, now: UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO consents (user_id, client_id, scope, redirect_hosts, created_at, last_used_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, \
         redirect_hosts = excluded.redirect_hosts, last_used_at = excluded.last_used_at",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(list_to_text(&consent.scope))
    .bind(list_to_text(&consent.redirect_hosts))
    .bind(now)
}

/// Ends the consents of all people to a client that has become another, and everything that was issued for them.
#[must_use]
pub fn end_all_of_client(client_id: &str, now: UnixTime) -> [Stmt; 2] {
    [
        Stmt::new("DELETE FROM consents WHERE client_id = ?1").bind(client_id),
        grant::revoke_of_people_and_client(client_id, "client_changed", now),
    ]
}

/// Takes a consent back, and everything that was issued for it. `DbError::Lost` if there is none.
#[must_use]
pub fn withdraw(user_id: &str, client_id: &str, now: UnixTime) -> Vec<Stmt> {
    vec![
        Stmt::new("DELETE FROM consents WHERE user_id = ?1 AND client_id = ?2")
            .bind(user_id)
            .bind(client_id)
            .one(),
        grant::revoke_of_user_and_client(user_id, client_id, "consent_withdrawn", now),
    ]
}
