//! Ending sessions: the one place that knows what goes with them. Whoever ends a session puts these statements into
//! its batch, so that tokens stop counting and the apps' notices are written in the moment that the session ends.

use crate::db::Stmt;
use proto::time::UnixTime;

/// Which sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// One, by id.
    One(&'a str),
    /// All of a person, those that only await their removal included: apps may still hold what they gave.
    User(&'a str),
    /// All of a person but one, which is the one that asks.
    Others {
        /// The person.
        user_id: &'a str,
        /// The session that stays.
        but: &'a str,
    },
}

macro_rules! scoped {
    ($which:expr, $now:expr, $before:literal, $after:literal) => {
        match $which {
            Which::One(id) => Stmt::new(concat!($before, "s.id = ?2", $after)).bind($now).bind(id),
            Which::User(id) => Stmt::new(concat!($before, "s.user_id = ?2", $after)).bind($now).bind(id),
            Which::Others { user_id, but } => {
                Stmt::new(concat!($before, "s.user_id = ?2 AND s.id <> ?3", $after))
                    .bind($now)
                    .bind(user_id)
                    .bind(but)
            }
        }
    };
}

/// Ends the sessions, writes a notice for every client that got a grant in one of them and wants to be told
/// (OpenID Connect Back-Channel Logout 1.0 §2.5), and revokes those grants. The notices' ids come back as rows.
///
/// The session rows change first: a grant that another request is just making holds its session's row, so it is
/// either seen here or not made.
#[must_use]
pub fn end(which: Which<'_>, now: UnixTime) -> Vec<Stmt> {
    vec![
        scoped!(
            which,
            now,
            "UPDATE sessions SET ended_at = ?1 WHERE ended_at IS NULL \
             AND id IN (SELECT s.id FROM sessions s WHERE ",
            ")"
        ),
        // Which clients have an address is asked of the text of their metadata, which holds each member's name but once
        // at its top. One that holds it elsewhere gets a notice that fails for want of an address.
        scoped!(
            which,
            now,
            "INSERT INTO logout_deliveries (id, client_id, user_id, session_id, state, attempts, next_attempt_at, created_at) \
             SELECT MIN(g.id), g.client_id, s.user_id, s.id, 'pending', 0, CAST(?1 AS BIGINT), CAST(?1 AS BIGINT) \
             FROM sessions s JOIN grants g ON g.session_id = s.id JOIN clients c ON c.id = g.client_id \
             WHERE s.ended_at = ?1 AND c.metadata LIKE '%\"backchannel_logout_uri\":\"%' AND ",
            " GROUP BY g.client_id, s.user_id, s.id ON CONFLICT (id) DO NOTHING RETURNING id"
        ),
        scoped!(
            which,
            now,
            "UPDATE grants SET revoked_at = ?1, revoked_reason = 'session_ended' WHERE revoked_at IS NULL \
             AND session_id IN (SELECT s.id FROM sessions s WHERE s.ended_at = ?1 AND ",
            ")"
        ),
    ]
}
