//! Interactions: an authorization request that waits for the person.

use super::client::{Client, client_columns};
use super::session::Who;
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// How long an interaction waits, in seconds.
pub const LIFETIME_S: i64 = 3600;

/// A waiting authorization request. Its parameters never pass through the browser again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// Random id, 256 bits.
    pub id: String,
    /// Which browser began it.
    pub browser_hash: String,
    /// The checked request, JSON.
    pub request: String,
    /// Who chose the account or gave consent, if somebody has.
    pub user_id: Option<String>,
    /// Who authenticated for this interaction, after it began.
    pub authenticated_user_id: Option<String>,
    /// When that person chose this account.
    pub account_selected_at: Option<UnixTime>,
    /// When that person gave consent.
    pub consented_at: Option<UnixTime>,
    /// Beginning.
    pub created_at: UnixTime,
}

impl Interaction {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("interaction_id")?,
            browser_hash: row.text("browser_hash")?,
            request: row.text("request")?,
            user_id: row.opt_text("interaction_user_id")?,
            authenticated_user_id: row.opt_text("authenticated_user_id")?,
            account_selected_at: row.opt_time("account_selected_at")?,
            consented_at: row.opt_time("consented_at")?,
            created_at: row.time("interaction_created_at")?,
        })
    }
}

/// Stores a new interaction of a client.
#[must_use]
pub fn insert(i: &Interaction, client_id: &str) -> Stmt {
    Stmt::new(
        "INSERT INTO interactions (id, browser_hash, client_id, request, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .bind(&i.id)
    .bind(&i.browser_hash)
    .bind(client_id)
    .bind(&i.request)
    .bind(i.created_at)
    .bind(i.created_at.plus(LIFETIME_S))
}

/// A live interaction and its client.
#[must_use]
pub fn with_client(id: &str, now: UnixTime) -> Stmt {
    Stmt::new(concat!(
        "SELECT i.id AS interaction_id, i.browser_hash, i.request, i.user_id AS interaction_user_id, i.authenticated_user_id, \
         i.account_selected_at, i.consented_at, i.created_at AS interaction_created_at, ",
        client_columns!(),
        " FROM interactions i JOIN clients c ON c.id = i.client_id WHERE i.id = ?1 AND i.expires_at > ?2"
    ))
    .bind(id)
    .bind(now)
}

/// Reads the row of [`with_client`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_with_client(rows: &Rows) -> Result<Option<(Interaction, Client)>, DbError> {
    rows.first().map(|row| Ok((Interaction::from_row(row)?, Client::from_row(row)?))).transpose()
}

/// The consent of the signed-in person to the interaction's client.
#[must_use]
pub fn consent(id: &str, secret_hash: Option<&str>) -> Stmt {
    Stmt::new(
        "SELECT k.scope, k.redirect_hosts FROM consents k JOIN interactions i ON i.client_id = k.client_id \
         JOIN sessions s ON s.user_id = k.user_id WHERE i.id = ?1 AND s.secret_hash = ?2",
    )
    .bind(id)
    .bind(secret_hash.unwrap_or(""))
}

/// One row if the signed-in person is in a group that the interaction's client allows.
#[must_use]
pub fn membership(id: &str, secret_hash: Option<&str>) -> Stmt {
    Stmt::new(
        "SELECT m.group_id FROM user_group_members m JOIN sessions s ON s.user_id = m.user_id \
         JOIN client_allowed_groups a ON a.group_id = m.group_id JOIN interactions i ON i.client_id = a.client_id \
         WHERE i.id = ?1 AND s.secret_hash = ?2 LIMIT 1",
    )
    .bind(id)
    .bind(secret_hash.unwrap_or(""))
}

/// One row if the signed-in person is in a group that the client allows.
#[must_use]
pub fn membership_of_client(client_id: &str, secret_hash: Option<&str>) -> Stmt {
    Stmt::new(
        "SELECT m.group_id FROM user_group_members m JOIN sessions s ON s.user_id = m.user_id \
         JOIN client_allowed_groups a ON a.group_id = m.group_id WHERE a.client_id = ?1 AND s.secret_hash = ?2 LIMIT 1",
    )
    .bind(client_id)
    .bind(secret_hash.unwrap_or(""))
}

/// Notes who has just authenticated for the interaction, in the browser that began it. One that is gone meanwhile
/// is no reason to refuse the sign-in.
#[must_use]
pub fn authenticated(id: &str, browser_hash: &str, user_id: &str) -> Stmt {
    Stmt::new("UPDATE interactions SET authenticated_user_id = ?3 WHERE id = ?1 AND browser_hash = ?2")
        .bind(id)
        .bind(browser_hash)
        .bind(user_id)
}

/// Notes that the person chose to go on with this account. Another person's consent is forgotten.
#[must_use]
pub fn select_account(id: &str, who: &Who, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE interactions SET account_selected_at = ?3, \
         consented_at = CASE WHEN user_id = ?2 THEN consented_at END, user_id = ?2 WHERE id = ?1",
    )
    .bind(id)
    .bind(&who.user.id)
    .bind(now)
    .one()
}

/// Notes that the person agreed.
#[must_use]
pub fn give_consent(id: &str, who: &Who, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE interactions SET consented_at = ?3, user_id = ?2 WHERE id = ?1")
        .bind(id)
        .bind(&who.user.id)
        .bind(now)
        .one()
}

/// Ends the interaction: one answer only comes out of it.
#[must_use]
pub fn finish(id: &str) -> Stmt {
    Stmt::new("DELETE FROM interactions WHERE id = ?1").bind(id).one()
}

/// Removes some of what expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM interactions WHERE id IN (SELECT id FROM interactions WHERE expires_at <= ?1 LIMIT 1000) RETURNING id",
    )
    .bind(now)
}
