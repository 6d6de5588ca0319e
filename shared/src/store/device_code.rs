//! Device codes: a device that waits for a person (RFC 8628).

use super::client::{Client, client_columns};
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// How long a device waits, in seconds (`expires_in`).
pub const LIFETIME_S: i64 = 900;

/// Seconds between polls to begin with (`interval`).
pub const INTERVAL_S: i64 = 5;

/// By how much `slow_down` widens the interval, in seconds (§3.5).
const SLOWER_S: i64 = 5;

/// How often a right code can be entered.
const MOST_TRIES: i64 = 10;

/// Where a device code is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody has entered the user code.
    Pending,
    /// Somebody has, and nobody else can decide.
    Claimed,
    /// That person said yes.
    Approved,
    /// That person said no.
    Denied,
    /// The device has its tokens.
    Redeemed,
}

impl State {
    fn parse(text: &str) -> Result<Self, DbError> {
        Ok(match text {
            "pending" => Self::Pending,
            "claimed" => Self::Claimed,
            "approved" => Self::Approved,
            "denied" => Self::Denied,
            "redeemed" => Self::Redeemed,
            other => {
                return Err(DbError::Inconsistent { table: "device_codes", what: format!("state {other}") });
            }
        })
    }
}

/// What a device asked for. The scope is fixed here; nothing that follows can change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// Client.
    pub client_id: String,
    /// Scope asked for, space separated.
    pub scope: String,
    /// API asked for (RFC 8707).
    pub resource: Option<String>,
    /// `nonce` of the request, for the ID token.
    pub nonce: Option<String>,
    /// See [`State`].
    pub state: State,
    /// Who entered the user code.
    pub user_id: Option<String>,
    /// How often the code was entered.
    pub tries: i64,
    /// Seconds that polls have to be apart.
    pub interval_s: i64,
    /// The last poll.
    pub last_polled_at: Option<UnixTime>,
    /// Address that asked.
    pub ip: Option<String>,
    /// Its country, in English.
    pub country: Option<String>,
    /// Its city, in English.
    pub city: Option<String>,
    /// Software that asked.
    pub user_agent: String,
    /// Beginning.
    pub created_at: UnixTime,
    /// End, if nobody has decided until then.
    pub expires_at: UnixTime,
}

macro_rules! device_columns {
    () => {
        "d.client_id AS device_client_id, d.scope AS device_scope, d.resource AS device_resource, \
         d.nonce AS device_nonce, d.state AS device_state, d.user_id AS device_user_id, d.tries, d.interval_s, \
         d.last_polled_at, d.ip, d.country, d.city, d.user_agent, d.created_at AS device_created_at, \
         d.expires_at AS device_expires_at"
    };
}

impl DeviceCode {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            client_id: row.text("device_client_id")?,
            scope: row.text("device_scope")?,
            resource: row.opt_text("device_resource")?,
            nonce: row.opt_text("device_nonce")?,
            state: State::parse(&row.text("device_state")?)?,
            user_id: row.opt_text("device_user_id")?,
            tries: row.int("tries")?,
            interval_s: row.int("interval_s")?,
            last_polled_at: row.opt_time("last_polled_at")?,
            ip: row.opt_text("ip")?,
            country: row.opt_text("country")?,
            city: row.opt_text("city")?,
            user_agent: row.opt_text("user_agent")?.unwrap_or_default(),
            created_at: row.time("device_created_at")?,
            expires_at: row.time("device_expires_at")?,
        })
    }

    /// Stores a new request; a taken user code gives `DbError::Unique`.
    #[must_use]
    pub fn insert(&self, device_code_hash: &str, user_code_hash: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO device_codes (device_code_hash, user_code_hash, client_id, scope, resource, nonce, state, \
             interval_s, ip, country, city, user_agent, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .bind(device_code_hash)
        .bind(user_code_hash)
        .bind(&self.client_id)
        .bind(&self.scope)
        .bind(self.resource.clone())
        .bind(self.nonce.clone())
        .bind(self.interval_s)
        .bind(self.ip.clone())
        .bind(self.country.clone())
        .bind(self.city.clone())
        .bind(&self.user_agent)
        .bind(self.created_at)
        .bind(self.expires_at)
    }

    /// Whether this person may enter the code and decide: nobody else has, and it is not decided. Whether it has
    /// expired is another question.
    #[must_use]
    pub fn is_open_to(&self, user_id: &str) -> bool {
        let is_free = match self.state {
            State::Pending => true,
            State::Claimed => self.is_of(user_id),
            State::Approved | State::Denied | State::Redeemed => false,
        };
        is_free && self.tries < MOST_TRIES
    }

    /// Whether this person entered the code.
    #[must_use]
    pub fn is_of(&self, user_id: &str) -> bool {
        self.user_id.as_deref() == Some(user_id)
    }
}

/// The request of a device code.
#[must_use]
pub fn by_device_code(device_code_hash: &str) -> Stmt {
    Stmt::new(concat!("SELECT ", device_columns!(), " FROM device_codes d WHERE d.device_code_hash = ?1"))
        .bind(device_code_hash)
}

/// Reads the row of [`by_device_code`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<DeviceCode>, DbError> {
    rows.first().map(DeviceCode::from_row).transpose()
}

/// The request of a user code, and its client.
#[must_use]
pub fn by_user_code(user_code_hash: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        device_columns!(),
        ", ",
        client_columns!(),
        " FROM device_codes d JOIN clients c ON c.id = d.client_id WHERE d.user_code_hash = ?1"
    ))
    .bind(user_code_hash)
}

/// Reads the row of [`by_user_code`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_with_client(rows: &Rows) -> Result<Option<(DeviceCode, Client)>, DbError> {
    rows.first().map(|row| Ok((DeviceCode::from_row(row)?, Client::from_row(row)?))).transpose()
}

/// The person's consent to the client of the request.
#[must_use]
pub fn consent(user_code_hash: &str, user_id: &str) -> Stmt {
    Stmt::new(
        "SELECT k.scope, k.redirect_hosts FROM consents k JOIN device_codes d ON d.client_id = k.client_id \
         WHERE d.user_code_hash = ?1 AND k.user_id = ?2",
    )
    .bind(user_code_hash)
    .bind(user_id)
}

/// One row if the person is in a group that the client of the request allows.
#[must_use]
pub fn membership(user_code_hash: &str, user_id: &str) -> Stmt {
    Stmt::new(
        "SELECT m.group_id FROM user_group_members m JOIN client_allowed_groups a ON a.group_id = m.group_id \
         JOIN device_codes d ON d.client_id = a.client_id WHERE d.user_code_hash = ?1 AND m.user_id = ?2 LIMIT 1",
    )
    .bind(user_code_hash)
    .bind(user_id)
}

/// Takes note of a poll; one that came too early widens the interval.
#[must_use]
pub fn polled(device_code_hash: &str, is_early: bool, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE device_codes SET last_polled_at = ?2, interval_s = interval_s + ?3 WHERE device_code_hash = ?1")
        .bind(device_code_hash)
        .bind(now)
        .bind(if is_early { SLOWER_S } else { 0 })
}

/// Gives the decision to the person who entered the code. The database lets one person have it.
#[must_use]
pub fn claim(user_code_hash: &str, user_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE device_codes SET state = 'claimed', user_id = ?2, tries = tries + 1 \
         WHERE user_code_hash = ?1 AND expires_at > ?3 \
         AND (state = 'pending' OR (state = 'claimed' AND user_id = ?2))",
    )
    .bind(user_code_hash)
    .bind(user_id)
    .bind(now)
    .one()
}

/// The person says yes, once; the grant must be there already.
#[must_use]
pub fn approve(user_code_hash: &str, user_id: &str, session_id: &str, grant_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE device_codes SET state = 'approved', user_id = ?2, session_id = ?3, grant_id = ?4 \
         WHERE user_code_hash = ?1 AND expires_at > ?5 \
         AND (state = 'pending' OR (state = 'claimed' AND user_id = ?2))",
    )
    .bind(user_code_hash)
    .bind(user_id)
    .bind(session_id)
    .bind(grant_id)
    .bind(now)
    .one()
}

/// The person who entered the code says no.
#[must_use]
pub fn deny(user_code_hash: &str, user_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE device_codes SET state = 'denied' \
         WHERE user_code_hash = ?1 AND user_id = ?2 AND state = 'claimed' AND expires_at > ?3",
    )
    .bind(user_code_hash)
    .bind(user_id)
    .bind(now)
    .one()
}

/// Hands the grant to the device; the database lets one poll do it.
#[must_use]
pub fn redeem(device_code_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE device_codes SET state = 'redeemed', last_polled_at = ?2 \
         WHERE device_code_hash = ?1 AND state = 'approved'",
    )
    .bind(device_code_hash)
    .bind(now)
    .one()
}

/// How long an expired request stays, in seconds, so that a late device learns why it failed.
const KEPT_S: i64 = 3600;

/// Removes some of those that expired a while ago.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM device_codes WHERE device_code_hash IN \
         (SELECT device_code_hash FROM device_codes WHERE expires_at <= ?1 LIMIT 1000) RETURNING device_code_hash",
    )
    .bind(now.plus(-KEPT_S))
}
