//! Access tokens that their client gave back before they expired (RFC 7009 §2). Grants end with all their tokens and
//! need no row here.

use crate::db::Stmt;
use proto::time::UnixTime;

/// Takes note of an access token until it has expired anyway; twice does no harm.
#[must_use]
pub fn insert(jti: &str, expires_at: UnixTime) -> Stmt {
    Stmt::new("INSERT INTO revoked_access_tokens (jti, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(jti)
        .bind(expires_at)
}

/// One row if the access token was given back.
#[must_use]
pub fn find(jti: &str) -> Stmt {
    Stmt::new("SELECT jti FROM revoked_access_tokens WHERE jti = ?1").bind(jti)
}

/// Removes some of those that have expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM revoked_access_tokens WHERE jti IN \
         (SELECT jti FROM revoked_access_tokens WHERE expires_at <= ?1 LIMIT 1000) RETURNING jti",
    )
    .bind(now)
}
