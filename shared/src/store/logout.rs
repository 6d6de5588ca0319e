//! The outbox of back-channel logout (OpenID Connect Back-Channel Logout 1.0): a row per session that ended and client
//! that has to be told. [`super::session_end::end`] writes them. And what front-channel logout needs to know.

use super::client::{Client, client_columns};
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::oauth::ClientMetadata;
use proto::time::UnixTime;

/// Where a delivery is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// To be tried at `next_attempt_at`.
    Pending,
    /// The client took it.
    Delivered,
    /// Given up.
    Failed,
}

impl State {
    /// How it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Result<Self, DbError> {
        let found = [Self::Pending, Self::Delivered, Self::Failed].into_iter().find(|s| s.as_str() == text);
        found.ok_or_else(|| DbError::Inconsistent {
            table: "logout_deliveries",
            what: format!("state {text}"),
        })
    }
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// UUID.
    pub id: String,
    /// Whom the token is about. The account may be gone by now.
    pub user_id: String,
    /// The session that ended.
    pub session_id: String,
    /// See [`State`].
    pub state: State,
    /// Tries so far.
    pub attempts: i64,
    /// When the next try is due, or the present one counts as lost.
    pub next_attempt_at: UnixTime,
    /// Why the last try failed, in a fixed sentence.
    pub last_error: Option<String>,
    /// When the session ended.
    pub created_at: UnixTime,
    /// When it was delivered or given up.
    pub ended_at: Option<UnixTime>,
}

macro_rules! delivery_columns {
    () => {
        "d.id AS delivery_id, d.user_id AS delivery_user_id, d.session_id AS delivery_session_id, d.state, d.attempts, \
         d.next_attempt_at, d.last_error, d.created_at AS delivery_created_at, d.ended_at"
    };
}

impl Delivery {
    /// Reads a row of [`page`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("delivery_id")?,
            user_id: row.text("delivery_user_id")?,
            session_id: row.text("delivery_session_id")?,
            state: State::parse(&row.text("state")?)?,
            attempts: row.int("attempts")?,
            next_attempt_at: row.time("next_attempt_at")?,
            last_error: row.opt_text("last_error")?,
            created_at: row.time("delivery_created_at")?,
            ended_at: row.opt_time("ended_at")?,
        })
    }
}

/// Ids of the deliveries that are due, those that wait longest first.
#[must_use]
pub fn due(now: UnixTime, limit: i64) -> Stmt {
    Stmt::new(
        "SELECT id FROM logout_deliveries WHERE state = 'pending' AND next_attempt_at <= ?1 \
         ORDER BY next_attempt_at, id LIMIT ?2",
    )
    .bind(now)
    .bind(limit)
}

/// Takes a due delivery on: the database lets one node do it. Until `lease` nobody else tries. The statement after it in
/// the batch reads what was claimed.
#[must_use]
pub fn claim(id: &str, now: UnixTime, lease: UnixTime) -> [Stmt; 2] {
    [
        Stmt::new(
            "UPDATE logout_deliveries SET attempts = attempts + 1, next_attempt_at = ?3 \
             WHERE id = ?1 AND state = 'pending' AND next_attempt_at <= ?2",
        )
        .bind(id)
        .bind(now)
        .bind(lease)
        .one(),
        Stmt::new(concat!(
            "SELECT ",
            delivery_columns!(),
            ", ",
            client_columns!(),
            " FROM logout_deliveries d JOIN clients c ON c.id = d.client_id WHERE d.id = ?1"
        ))
        .bind(id),
    ]
}

/// Reads the row of [`claim`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_claimed(rows: &Rows) -> Result<Option<(Delivery, Client)>, DbError> {
    rows.first().map(|row| Ok((Delivery::from_row(row)?, Client::from_row(row)?))).transpose()
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The state it leads to.
    pub state: State,
    /// Why it failed.
    pub error: Option<String>,
    /// When to try again; only counts while pending.
    pub next_attempt_at: UnixTime,
}

/// Notes the outcome of try number `attempts`, unless somebody has tried again meanwhile.
#[must_use]
pub fn finish(id: &str, attempts: i64, outcome: &Outcome, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE logout_deliveries SET state = ?3, last_error = ?4, next_attempt_at = ?5, ended_at = ?6 \
         WHERE id = ?1 AND attempts = ?2 AND state = 'pending'",
    )
    .bind(id)
    .bind(attempts)
    .bind(outcome.state.as_str())
    .bind(outcome.error.clone())
    .bind(outcome.next_attempt_at)
    .bind((outcome.state != State::Pending).then_some(now))
}

/// Makes an undelivered delivery of a client due at once, with all its tries before it.
#[must_use]
pub fn retry(client_id: &str, id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE logout_deliveries SET state = 'pending', attempts = 0, next_attempt_at = ?3, ended_at = NULL \
         WHERE client_id = ?1 AND id = ?2 AND state <> 'delivered'",
    )
    .bind(client_id)
    .bind(id)
    .bind(now)
    .one()
}

/// How many deliveries a client has.
#[must_use]
pub fn count(client_id: &str) -> Stmt {
    Stmt::new("SELECT COUNT(*) AS n FROM logout_deliveries WHERE client_id = ?1").bind(client_id)
}

/// One page of a client's deliveries, newest first.
#[must_use]
pub fn page(client_id: &str, limit: i64, offset: i64) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        delivery_columns!(),
        " FROM logout_deliveries d WHERE d.client_id = ?1 ORDER BY d.created_at DESC, d.id LIMIT ?2 OFFSET ?3"
    ))
    .bind(client_id)
    .bind(limit)
    .bind(offset)
}

/// A client with a page to load when a session ends (OpenID Connect Front-Channel Logout 1.0 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// The session in which it got a grant.
    pub session_id: String,
    /// Its metadata.
    pub metadata: ClientMetadata,
}

impl Framed {
    /// Reads the rows of [`framed`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_rows(rows: &Rows) -> Result<Vec<Self>, DbError> {
        let read = |row: &Row| {
            Ok(Self {
                session_id: row.text("session_id")?,
                metadata: super::client::read_metadata(&row.text("metadata")?)?,
            })
        };
        rows.iter().map(read).collect()
    }
}

/// The usable clients with a page to load that got a grant in the session of this cookie or in one of this browser's sessions.
#[must_use]
pub fn framed(secret_hash: Option<&str>, browser_hash: Option<&str>) -> Stmt {
    Stmt::new(
        "SELECT DISTINCT s.id AS session_id, c.id AS client_id, c.metadata FROM sessions s \
         JOIN grants g ON g.session_id = s.id JOIN clients c ON c.id = g.client_id \
         WHERE (s.secret_hash = ?1 OR s.browser_hash = ?2) AND s.ended_at IS NULL \
         AND c.approval = 'approved' AND c.metadata LIKE '%\"frontchannel_logout_uri\":\"%' ORDER BY s.id, c.id",
    )
    .bind(secret_hash.unwrap_or(""))
    .bind(browser_hash.unwrap_or(""))
}

/// How long deliveries stay for the records, in seconds (30 days).
const KEPT_S: i64 = 2_592_000;

/// Removes some of the deliveries of sessions that ended long ago.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM logout_deliveries WHERE id IN \
         (SELECT id FROM logout_deliveries WHERE created_at <= ?1 LIMIT 1000) RETURNING id",
    )
    .bind(now.plus(-KEPT_S))
}
