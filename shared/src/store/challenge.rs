//! WebAuthn challenges: one ceremony, one browser, one use.

use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// How long a challenge lives, in seconds (WebAuthn L3 §15.1 recommends five to ten minutes).
pub const LIFETIME_S: i64 = 300;

/// What a challenge was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// Registration of the first admin's passkey.
    Setup,
    /// Registration of the passkey of an account that somebody makes for themselves.
    SignUp,
    /// Registration of a further passkey of a signed-in person.
    Create,
    /// Sign-in.
    Get,
}

impl Ceremony {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::SignUp => "signup",
            Self::Create => "create",
            Self::Get => "get",
        }
    }
}

/// A challenge row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Row id, sent to the page.
    pub id: String,
    /// 32 random bytes, base64url.
    pub challenge: String,
    /// Id of the account that a registration is for.
    pub user_handle: Option<String>,
}

/// Stores a challenge.
#[must_use]
pub fn insert(c: &Challenge, ceremony: Ceremony, browser_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO webauthn_challenges (id, ceremony, challenge, browser_hash, user_handle, created_at, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&c.id)
    .bind(ceremony.as_str())
    .bind(&c.challenge)
    .bind(browser_hash)
    .bind(c.user_handle.clone())
    .bind(now)
    .bind(now.plus(LIFETIME_S))
}

/// Takes a challenge out: whoever gets the row is the only one. Another browser or ceremony gets none, and
/// does not use it up.
#[must_use]
pub fn consume(id: &str, ceremony: Ceremony, browser_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM webauthn_challenges WHERE id = ?1 AND ceremony = ?2 AND browser_hash = ?3 AND expires_at > ?4 \
         RETURNING id, challenge, user_handle",
    )
    .bind(id)
    .bind(ceremony.as_str())
    .bind(browser_hash)
    .bind(now)
}

/// Removes some of what expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM webauthn_challenges WHERE id IN (SELECT id FROM webauthn_challenges WHERE expires_at <= ?1 LIMIT 1000) RETURNING id",
    )
    .bind(now)
}

/// Reads the row of [`consume`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<Challenge>, DbError> {
    rows.first()
        .map(|row| {
            Ok(Challenge {
                id: row.text("id")?,
                challenge: row.text("challenge")?,
                user_handle: row.opt_text("user_handle")?,
            })
        })
        .transpose()
}
