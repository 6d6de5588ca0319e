//! What happens without a request. The hosts call [`tick`] every minute: cron triggers at the edge, a timer on native.

pub mod logout;

use crate::db::Stmt;
use crate::host::Host;
use crate::keyring::rotation;
use crate::log;
use crate::ports::DbError;
use crate::store::{
    self, challenge, client, counter, device_code, grant, initial_access_token, interaction, jti,
    pushed_request, remote_document, revoked_token, session,
};
use proto::time::UnixTime;
use std::sync::Arc;

/// Most rounds of one tick, so that a backlog never holds the store up for long.
const ROUNDS: usize = 50;

const SWEEPS: [fn(UnixTime) -> Stmt; 13] = [
    challenge::sweep,
    interaction::sweep,
    grant::sweep,
    session::sweep,
    jti::sweep,
    pushed_request::sweep,
    revoked_token::sweep,
    remote_document::sweep,
    client::sweep,
    store::logout::sweep,
    initial_access_token::sweep,
    device_code::sweep,
    counter::sweep,
];

/// Removes what has expired, a thousand rows a statement, moves the signing keys on, and begins to deliver what is due.
/// Running it twice or on several nodes at once does no harm.
///
/// # Errors
/// [`DbError`]; the next tick tries again.
pub async fn tick(host: &Arc<Host>) -> Result<(), DbError> {
    let now = host.clock.now();
    for sweep in SWEEPS {
        for _ in 0..ROUNDS {
            if host.db.query(sweep(now)).await?.is_empty() {
                break;
            }
        }
    }
    // Keys on their own: what is wrong with them must not keep the rest from being done.
    if let Err(failure) = rotation::tick(host, now).await {
        tracing::error!(error = log::describe(&failure), "signing keys");
    }
    logout::begin_due(host).await
}
