//! Signing keys, sealed at rest, and their way from `next` over `active` to `retired`.

use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::jose::{Alg, Jwk};
use proto::time::UnixTime;

/// Where a key is in its life. All three are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// New tokens are signed with it; there is at most one such key an algorithm.
    Active,
    /// Waits until everybody who caches the published keys knows it; at most one an algorithm.
    Next,
    /// Signs nothing any more; what it signed still verifies.
    Retired,
}

impl State {
    const ALL: [Self; 3] = [Self::Active, Self::Next, Self::Retired];

    /// How it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Next => "next",
            Self::Retired => "retired",
        }
    }
}

/// A signing key row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// Algorithm.
    pub alg: Alg,
    /// Public half.
    pub public: Jwk,
    /// PKCS#8 sealed under the key-encryption key, bound to this row.
    pub private_sealed: String,
    /// Where it is in its life.
    pub state: State,
    /// When it was made.
    pub created_at: UnixTime,
    /// When it began to sign, or will.
    pub activates_at: UnixTime,
    /// When another took its place.
    pub retired_at: Option<UnixTime>,
    /// When the last token it signed is over; then it is removed.
    pub expires_at: Option<UnixTime>,
}

impl SigningKey {
    /// Reads a row of [`published`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        let misfit = |what: &str| DbError::Inconsistent { table: "signing_keys", what: what.into() };
        let state = row.text("state")?;
        let created_at = row.time("created_at")?;
        Ok(Self {
            kid: row.text("kid")?,
            alg: row.text("alg")?.parse().map_err(|_| misfit("alg"))?,
            public: serde_json::from_str(&row.text("public_jwk")?).map_err(|_| misfit("public_jwk"))?,
            private_sealed: row.text("private_sealed")?,
            state: State::ALL.into_iter().find(|s| s.as_str() == state).ok_or_else(|| misfit("state"))?,
            created_at,
            activates_at: row.opt_time("activates_at")?.unwrap_or(created_at),
            retired_at: row.opt_time("retired_at")?,
            expires_at: row.opt_time("expires_at")?,
        })
    }

    /// Whether it waits and its time has come.
    #[must_use]
    pub fn is_due(&self, now: UnixTime) -> bool {
        self.state == State::Next && self.activates_at <= now
    }

    /// Inserts the key, unless its algorithm has one in the same state already: then nothing happens.
    #[must_use]
    pub fn insert_if_first(&self) -> Stmt {
        Stmt::new(
            "INSERT INTO signing_keys (kid, alg, public_jwk, private_sealed, state, created_at, activates_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )
        .bind(&self.kid)
        .bind(self.alg.as_str())
        .bind(serde_json::to_string(&self.public).unwrap_or_default())
        .bind(&self.private_sealed)
        .bind(self.state.as_str())
        .bind(self.created_at)
        .bind(self.activates_at)
    }
}

/// The place a private key is sealed for (`table:column:row`).
#[must_use]
pub fn sealed_for(kid: &str) -> String {
    format!("signing_keys:private_sealed:{kid}")
}

/// All keys that are published now.
#[must_use]
pub fn published(now: UnixTime) -> Stmt {
    Stmt::new(
        "SELECT kid, alg, public_jwk, private_sealed, state, created_at, activates_at, retired_at, expires_at \
         FROM signing_keys WHERE expires_at IS NULL OR expires_at > ?1 ORDER BY created_at, kid",
    )
    .bind(now)
}

/// Retires whatever key of the algorithm is active, in favour of the key `successor`.
#[must_use]
pub fn retire_for(successor: &str, alg: Alg, now: UnixTime, expires_at: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE signing_keys SET state = 'retired', retired_at = ?3, expires_at = ?4 \
         WHERE alg = ?2 AND state = 'active' AND kid <> ?1",
    )
    .bind(successor)
    .bind(alg.as_str())
    .bind(now)
    .bind(expires_at)
}

/// Retires an active key; the database lets one caller do it.
#[must_use]
pub fn retire(kid: &str, now: UnixTime, expires_at: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE signing_keys SET state = 'retired', retired_at = ?2, expires_at = ?3 \
         WHERE kid = ?1 AND state = 'active'",
    )
    .bind(kid)
    .bind(now)
    .bind(expires_at)
    .one()
}

/// Lets a waiting key sign; the database lets one caller do it.
#[must_use]
pub fn activate(kid: &str, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE signing_keys SET state = 'active', activates_at = ?2 WHERE kid = ?1 AND state = 'next'")
        .bind(kid)
        .bind(now)
        .one()
}

/// Removes the waiting key of an algorithm, if there is one.
#[must_use]
pub fn drop_next(alg: Alg) -> Stmt {
    Stmt::new("DELETE FROM signing_keys WHERE alg = ?1 AND state = 'next'").bind(alg.as_str())
}

/// Removes a key that is still in `state`.
#[must_use]
pub fn remove(kid: &str, state: State) -> Stmt {
    Stmt::new("DELETE FROM signing_keys WHERE kid = ?1 AND state = ?2").bind(kid).bind(state.as_str()).one()
}

/// The longest life of an access token of any client, in minutes: [`read_longest`] reads it.
#[must_use]
pub fn longest_access_token() -> Stmt {
    Stmt::new("SELECT COALESCE(MAX(access_token_duration_minutes), 0) AS longest FROM clients")
}

/// Reads the row of [`longest_access_token`], in seconds.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_longest(rows: &Rows) -> Result<i64, DbError> {
    Ok(rows.first().map_or(Ok(0), |row| row.int("longest"))?.saturating_mul(60))
}

/// One row if a client asks for answers that are signed with the algorithm.
#[must_use]
pub fn asked_for(alg: Alg) -> Stmt {
    // All members of client metadata that name an algorithm of ours end alike.
    Stmt::new("SELECT id FROM clients WHERE metadata LIKE ?1 LIMIT 1")
        .bind(format!("%_signed_response_alg\":\"{}\"%", alg.as_str()))
}

/// Removes retired keys whose last token is over.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new("DELETE FROM signing_keys WHERE state = 'retired' AND expires_at <= ?1").bind(now)
}
