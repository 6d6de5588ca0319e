//! Identifiers of signed messages that count once: client assertions, request objects, DPoP proofs
//! (RFC 7523 §3, RFC 9449 §11.1).

use crate::db::Stmt;
use proto::hash::sha256_b64;
use proto::time::UnixTime;

/// Takes note of a `jti` until the message that carries it has expired; one that was noted before undoes the batch
/// with `DbError::Lost`. `issuer` tells apart who chose the identifier and what for.
#[must_use]
pub fn use_once(issuer: &str, jti: &str, expires_at: UnixTime) -> Stmt {
    Stmt::new("INSERT INTO used_jtis (issuer, jti, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
        .bind(issuer)
        .bind(sha256_b64(jti))
        .bind(expires_at)
        .one()
}

/// Removes some of those whose messages have expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM used_jtis WHERE (issuer, jti) IN \
         (SELECT issuer, jti FROM used_jtis WHERE expires_at <= ?1 LIMIT 1000) RETURNING jti",
    )
    .bind(now)
}
