//! Rules about sessions.

use crate::store::session::Who;
use proto::time::UnixTime;

/// How recently a person must have authenticated to change how they sign in, in seconds.
pub const FRESH_S: i64 = 300;

/// Whether the person authenticated recently enough to add a passkey.
#[must_use]
pub fn is_fresh(who: &Who, now: UnixTime) -> bool {
    now.since(who.session.auth_time) < FRESH_S
}
