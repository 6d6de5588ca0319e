//! Sessions: who is signed in, in which browser.

use super::user::{User, user_columns};
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::oidc::Acr;
use proto::time::UnixTime;

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Public id: the `sid` of ID tokens. Not the cookie.
    pub id: String,
    /// Owner.
    pub user_id: String,
    /// How the person proved who they are (RFC 8176), space separated.
    pub amr: String,
    /// How strongly.
    pub acr: Option<Acr>,
    /// When they last did.
    pub auth_time: UnixTime,
    /// Last request seen, to within a minute.
    pub last_seen_at: UnixTime,
    /// When the session ends if nothing more is seen.
    pub expires_at: UnixTime,
}

/// A live session and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The session.
    pub session: Session,
    /// Its owner, possibly disabled.
    pub user: User,
}

impl Who {
    /// Reads the one row of [`live`]; `None` if nobody is signed in.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_rows(rows: &Rows) -> Result<Option<Self>, DbError> {
        rows.first().map(Self::from_row).transpose()
    }

    /// Reads the rows of [`of_browser`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn all_from_rows(rows: &Rows) -> Result<Vec<Self>, DbError> {
        rows.iter().map(Self::from_row).collect()
    }

    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            session: Session {
                id: row.text("session_id")?,
                user_id: row.text("user_id")?,
                amr: row.text("amr")?,
                acr: row.opt_text("acr")?.as_deref().and_then(Acr::parse),
                auth_time: row.time("auth_time")?,
                last_seen_at: row.time("last_seen_at")?,
                expires_at: row.time("expires_at")?,
            },
            user: User::from_row(row)?,
        })
    }
}

/// The live session of a cookie, with its owner. An absent cookie gives no row.
#[must_use]
pub fn live(secret_hash: Option<&str>, now: UnixTime) -> Stmt {
    Stmt::new(concat!(
        "SELECT s.id AS session_id, s.amr, s.acr, s.auth_time, s.last_seen_at, s.expires_at, ",
        user_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.secret_hash = ?1 AND s.ended_at IS NULL AND s.expires_at > ?2"
    ))
    .bind(secret_hash.unwrap_or(""))
    .bind(now)
}

/// What a new or renewed session is made of.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// Session id.
    pub id: String,
    /// SHA-256 of the cookie, base64url.
    pub secret_hash: String,
    /// Who signed in.
    pub user_id: String,
    /// Which browser it is of: the hash of the accounts cookie that goes with the session's.
    pub browser_hash: String,
    /// With which passkey.
    pub passkey_id: String,
    /// See [`Session::amr`].
    pub amr: &'static str,
    /// See [`Session::acr`].
    pub acr: Acr,
    /// Until when the session lives unused.
    pub expires_at: UnixTime,
    /// Client address.
    pub ip: Option<String>,
    /// Client software.
    pub user_agent: String,
}

/// Begins a session, unless the account was shut or removed meanwhile.
#[must_use]
pub fn insert(s: &SignIn, now: UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO sessions (id, secret_hash, user_id, passkey_id, amr, acr, auth_time, created_at, last_seen_at, \
         expires_at, ip, user_agent, browser_hash) SELECT ?1, ?2, u.id, ?4, ?5, ?6, CAST(?7 AS BIGINT), \
         CAST(?7 AS BIGINT), CAST(?7 AS BIGINT), CAST(?8 AS BIGINT), CAST(?9 AS TEXT), ?10, ?11 FROM users u WHERE u.id = ?3 AND u.disabled = 0",
    )
    .bind(&s.id)
    .bind(&s.secret_hash)
    .bind(&s.user_id)
    .bind(&s.passkey_id)
    .bind(s.amr)
    .bind(s.acr.as_str())
    .bind(now)
    .bind(s.expires_at)
    .bind(s.ip.clone())
    .bind(&s.user_agent)
    .bind(&s.browser_hash)
    .one()
}

/// Renews a session after the same person has authenticated again: a new cookie, the same `sid`, so that what
/// apps hold stays valid.
#[must_use]
pub fn renew(s: &SignIn, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE sessions SET secret_hash = ?2, passkey_id = ?3, amr = ?4, acr = ?5, auth_time = ?6, last_seen_at = ?6, \
         expires_at = ?7, ip = ?8, user_agent = ?9, browser_hash = ?10 WHERE id = ?1 AND ended_at IS NULL",
    )
    .bind(&s.id)
    .bind(&s.secret_hash)
    .bind(&s.passkey_id)
    .bind(s.amr)
    .bind(s.acr.as_str())
    .bind(now)
    .bind(s.expires_at)
    .bind(s.ip.clone())
    .bind(&s.user_agent)
    .bind(&s.browser_hash)
    .one()
}

/// Slides a session that is in use.
#[must_use]
pub fn touch(id: &str, now: UnixTime, expires_at: UnixTime) -> Stmt {
    Stmt::new("UPDATE sessions SET last_seen_at = ?2, expires_at = ?3 WHERE id = ?1 AND ended_at IS NULL")
        .bind(id)
        .bind(now)
        .bind(expires_at)
}

/// The hash that binds the sessions of one browser together is replaced at each sign-in, and the new session joins
/// them: whoever planted the old cookie in this browser cannot reach what is signed in to afterwards. `current` is the
/// session of the request, which belongs to this browser too.
#[must_use]
pub fn rebind(old: Option<&str>, current: Option<&str>, new: &str) -> Stmt {
    Stmt::new(
        "UPDATE sessions SET browser_hash = ?3 WHERE (browser_hash = ?1 OR id = ?2) AND ended_at IS NULL",
    )
    .bind(old.unwrap_or(""))
    .bind(current.unwrap_or(""))
    .bind(new)
}

/// Most accounts of one browser that are listed.
const MOST_ACCOUNTS: i64 = 20;

/// The live sessions of a browser whose owners may sign in, by the hash of its accounts cookie, in the order of their
/// usernames. An absent cookie gives no row.
#[must_use]
pub fn of_browser(browser_hash: Option<&str>, now: UnixTime) -> Stmt {
    Stmt::new(concat!(
        "SELECT s.id AS session_id, s.amr, s.acr, s.auth_time, s.last_seen_at, s.expires_at, ",
        user_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user_id \
         WHERE s.browser_hash = ?1 AND s.ended_at IS NULL AND s.expires_at > ?2 AND u.disabled = 0 \
         ORDER BY u.username_folded, s.id LIMIT ?3"
    ))
    .bind(browser_hash.unwrap_or(""))
    .bind(now)
    .bind(MOST_ACCOUNTS)
}

/// Makes a session of this browser the current one: it gets a new secret, the one that its cookie had is dead.
#[must_use]
pub fn take_up(id: &str, browser_hash: &str, secret_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE sessions SET secret_hash = ?3 WHERE id = ?1 AND browser_hash = ?2 AND ended_at IS NULL \
         AND expires_at > ?4",
    )
    .bind(id)
    .bind(browser_hash)
    .bind(secret_hash)
    .bind(now)
    .one()
}

/// A live session as its owner and admins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// See [`Session::id`].
    pub id: String,
    /// First sign-in.
    pub created_at: UnixTime,
    /// See [`Session::last_seen_at`].
    pub last_seen_at: UnixTime,
    /// Client address at the last sign-in.
    pub ip: Option<String>,
    /// Client software at the last sign-in.
    pub user_agent: Option<String>,
}

impl Seen {
    /// Reads a row of [`of_user`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("id")?,
            created_at: row.time("created_at")?,
            last_seen_at: row.time("last_seen_at")?,
            ip: row.opt_text("ip")?,
            user_agent: row.opt_text("user_agent")?,
        })
    }
}

/// The live sessions of a person, the hundred used last.
#[must_use]
pub fn of_user(user_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "SELECT id, created_at, last_seen_at, ip, user_agent FROM sessions \
         WHERE user_id = ?1 AND ended_at IS NULL AND expires_at > ?2 ORDER BY last_seen_at DESC, id LIMIT 100",
    )
    .bind(user_id)
    .bind(now)
}

/// Demands that a session of this person is live, at the head of the batch that ends it.
#[must_use]
pub fn held(id: &str, user_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE sessions SET last_seen_at = last_seen_at WHERE id = ?1 AND user_id = ?2 AND ended_at IS NULL \
         AND expires_at > ?3",
    )
    .bind(id)
    .bind(user_id)
    .bind(now)
    .one()
}

/// Locks a session that must not have ended until the batch is done.
#[must_use]
pub fn still_live(id: &str) -> Stmt {
    Stmt::new("UPDATE sessions SET last_seen_at = last_seen_at WHERE id = ?1 AND ended_at IS NULL")
        .bind(id)
        .one()
}

/// How long an ended or expired session stays for the records, in seconds (30 days).
const KEPT_S: i64 = 2_592_000;

/// Removes some of the sessions that ended long ago.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ?1 LIMIT 1000) RETURNING id",
    )
    .bind(now.plus(-KEPT_S))
}
