//! What happens without a request. The hosts call [`tick`]: cron triggers at the edge, a timer on native.

use crate::db::Stmt;
use crate::host::Host;
use crate::ports::DbError;
use crate::store::{challenge, grant, interaction};
use proto::time::UnixTime;

/// How long an ended or expired session stays for the records, in seconds (30 days).
const KEEP_SESSIONS_S: i64 = 2_592_000;

/// Removes what has expired. Running it twice or on several nodes at once does no harm.
///
/// # Errors
/// [`DbError`]; the next tick tries again.
pub async fn tick(host: &Host) -> Result<(), DbError> {
    let now = host.clock.now();
    host.db
        .batch(vec![challenge::sweep(now), interaction::sweep(now), grant::sweep(now), sweep_sessions(now)])
        .await
        .map(drop)
}

fn sweep_sessions(now: UnixTime) -> Stmt {
    Stmt::new("DELETE FROM sessions WHERE expires_at <= ?1").bind(now.plus(-KEEP_SESSIONS_S))
}
