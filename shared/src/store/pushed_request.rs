//! Pushed authorization requests (RFC 9126).

use crate::db::{Rows, Stmt};
use crate::ports::DbError;
use proto::form::Params;
use proto::hash::sha256_b64;
use proto::time::UnixTime;
use serde::{Deserialize, Serialize};

/// How long a pushed request waits, in seconds.
pub const LIFETIME_S: i64 = 90;

/// Most requests of one client that wait at once.
pub const MOST: i64 = 1000;

/// What is kept of a pushed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRequest {
    /// Its parameters, without what authenticated the client.
    pub params: Params,
    /// Whether they came in a signed request object.
    pub is_signed: bool,
}

/// The column `request`.
#[derive(Serialize, Deserialize)]
struct Stored {
    params: String,
    is_signed: bool,
}

impl PushedRequest {
    /// Stores the request under the hash of its URN, unless [`MOST`] of the client wait already.
    #[must_use]
    pub fn insert(&self, request_uri: &str, client_id: &str, now: UnixTime) -> Stmt {
        let stored = Stored { params: self.params.render(), is_signed: self.is_signed };
        Stmt::new(
            "INSERT INTO pushed_requests (request_uri_hash, client_id, request, created_at, expires_at) \
             SELECT ?1, ?2, ?3, CAST(?4 AS BIGINT), CAST(?5 AS BIGINT) WHERE (SELECT COUNT(*) FROM pushed_requests p \
             WHERE p.client_id = ?2 AND p.expires_at > CAST(?4 AS BIGINT)) < ?6",
        )
        .bind(sha256_b64(request_uri))
        .bind(client_id)
        .bind(serde_json::to_string(&stored).unwrap_or_default())
        .bind(now)
        .bind(now.plus(LIFETIME_S))
        .bind(MOST)
        .one()
    }
}

/// How many requests of a client wait.
#[must_use]
pub fn count(client_id: &str, now: UnixTime) -> Stmt {
    Stmt::new("SELECT COUNT(*) AS n FROM pushed_requests WHERE client_id = ?1 AND expires_at > ?2")
        .bind(client_id)
        .bind(now)
}

/// Takes a live request of this client out: whoever gets the row is the only one who ever does.
#[must_use]
pub fn take(request_uri: &str, client_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM pushed_requests WHERE request_uri_hash = ?1 AND client_id = ?2 AND expires_at > ?3 \
         RETURNING request",
    )
    .bind(sha256_b64(request_uri))
    .bind(client_id)
    .bind(now)
}

/// Reads the row of [`take`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<PushedRequest>, DbError> {
    let misfit = |what: &str| DbError::Inconsistent { table: "pushed_requests", what: what.into() };
    let Some(row) = rows.first() else { return Ok(None) };
    let stored: Stored =
        serde_json::from_str(&row.text("request")?).map_err(|_| misfit("no stored request"))?;
    let params = Params::parse(&stored.params).map_err(|_| misfit("parameters"))?;
    Ok(Some(PushedRequest { params, is_signed: stored.is_signed }))
}

/// Removes some of what expired.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM pushed_requests WHERE request_uri_hash IN \
         (SELECT request_uri_hash FROM pushed_requests WHERE expires_at <= ?1 LIMIT 1000) RETURNING request_uri_hash",
    )
    .bind(now)
}
