//! What happens without a request. The hosts call [`tick`]: cron triggers at the edge, a timer on native.

use crate::db::Stmt;
use crate::host::Host;
use crate::keyring::rotation;
use crate::log;
use crate::ports::DbError;
use crate::store::{
    challenge, client, grant, initial_access_token, interaction, jti, remote_document, revoked_token, session,
};
use proto::time::UnixTime;

/// Most rounds of one tick, so that a backlog never holds the store up for long.
const ROUNDS: usize = 50;

const SWEEPS: [fn(UnixTime) -> Stmt; 9] = [
    challenge::sweep,
    interaction::sweep,
    grant::sweep,
    session::sweep,
    jti::sweep,
    revoked_token::sweep,
    remote_document::sweep,
    client::sweep,
    initial_access_token::sweep,
];

/// Removes what has expired, a thousand rows a statement, and moves the signing keys on. Running it twice or on
/// several nodes at once does no harm.
///
/// # Errors
/// [`DbError`]; the next tick tries again.
pub async fn tick(host: &Host) -> Result<(), DbError> {
    let now = host.clock.now();
    for sweep in SWEEPS {
        for _ in 0..ROUNDS {
            if host.db.query(sweep(now)).await?.is_empty() {
                break;
            }
        }
    }
    // Keys come last and on their own: what is wrong with them must not keep rows from being removed.
    if let Err(failure) = rotation::tick(host, now).await {
        tracing::error!(error = log::describe(&failure), "signing keys");
    }
    Ok(())
}
