//! How signing keys follow one another without anybody noticing.
//!
//! Apps and proxies cache the published keys. So a new key is published first (`next`), signs once all of them must
//! have seen it (`active`), and stays published after it was replaced (`retired`) until the last token it signed is
//! over. Every step is guarded by the database, so that any number of nodes may take it at once.

use super::{FRESH_S, HeldKey, Keys, generate, open, reload};
use crate::api::error::ApiError;
use crate::db::Stmt;
use crate::failure::Failure;
use crate::host::Host;
use crate::http::{Cx, Req};
use crate::ports::DbError;
use crate::store::audit::{self, Event};
use crate::store::save;
use crate::store::signing_key::{self, State};
use proto::jose::Alg;
use proto::time::UnixTime;
use serde_json::json;
use std::sync::Arc;

/// How long a successor is published before it signs, in seconds: longer than careless apps keep what they cached.
pub const AHEAD_S: i64 = 86_400;

/// How long the first key of an algorithm is published before it signs, in seconds. Nobody has used the algorithm
/// here, so only caches count that keep to our `Cache-Control` (5 minutes), and those of our own nodes (1 minute).
pub const FIRST_AHEAD_S: i64 = 600;

/// Lifetime of ID tokens in seconds.
pub const ID_TOKEN_LIFETIME_S: i64 = 3600;

/// By how much clocks of apps may be behind, in seconds.
const SKEW_S: i64 = 60;

const DAY_S: i64 = 86_400;

/// Who wants it, for the audit log: somebody's request, or nobody in particular.
pub type Asker<'a> = Option<(&'a Cx, &'a Req)>;

fn entry(
    host: &Host,
    now: UnixTime,
    asker: Asker<'_>,
    event: Event,
    kid: &str,
    alg: Alg,
) -> Result<Stmt, Failure> {
    let data = json!({ "kid": kid, "alg": alg });
    match asker {
        Some((cx, req)) => {
            audit::record(event, cx.who.as_ref().map(|w| w.user.id.as_str()), None, &data, cx, req)
        }
        None => audit::unattended(event, &data, host, now),
    }
}

fn find(keys: &Keys, alg: Alg, state: State) -> Option<Arc<HeldKey>> {
    keys.iter().find(|k| k.row.alg == alg && k.row.state == state).cloned()
}

/// Somebody else may have been first; then theirs counts.
fn done_or_lost(saved: Result<(), DbError>) -> Result<(), DbError> {
    match saved {
        Err(DbError::Lost | DbError::Unique(_)) => Ok(()),
        other => other,
    }
}

/// Does what is due: activates waiting keys whose time has come, and sees to it that there is a key that signs. Says
/// whether the keys have to be read again.
///
/// # Errors
/// A fault if the store, the provider or the randomness fails.
pub(super) async fn settle(host: &Host, now: UnixTime, keys: &Keys) -> Result<bool, Failure> {
    let mut changed = false;
    for key in keys.iter().filter(|k| k.row.is_due(now)) {
        activate(host, now, key).await?;
        changed = true;
    }
    let wanted = host.settings.keys_algorithm;
    if changed || find(keys, wanted, State::Active).is_some() {
        return Ok(changed);
    }
    let others_sign = keys.iter().any(|k| k.row.state == State::Active);
    match find(keys, wanted, State::Next) {
        Some(_) if others_sign => Ok(false),
        Some(next) => activate(host, now, &next).await.map(|()| true),
        None => {
            // A node with another ENCRYPTION_KEY must not add a key that the others cannot open.
            if let Some(other) = keys.first() {
                open(host, &other.row)?;
            }
            let (state, at) =
                if others_sign { (State::Next, now.plus(FIRST_AHEAD_S)) } else { (State::Active, now) };
            let made = generate(host, wanted, state, now, at).await?;
            let entry = entry(host, now, None, Event::SigningKeyCreated, &made.kid, wanted)?;
            // When many isolates come here at once, the database keeps the first one's.
            done_or_lost(save(&*host.db, vec![made.insert_if_first().one(), entry]).await)?;
            Ok(true)
        }
    }
}

/// All published keys as they are in the store now, for whoever manages them.
///
/// # Errors
/// A fault if the store, the provider or the randomness fails.
pub async fn newest(host: &Host, now: UnixTime) -> Result<Keys, Failure> {
    reload(host, now).await
}

/// When everything that a key has signed until now is over.
async fn last_token(host: &Host, now: UnixTime) -> Result<UnixTime, Failure> {
    let rows = host.db.query(signing_key::longest_access_token()).await?;
    let longest = signing_key::read_longest(&rows)?.max(ID_TOKEN_LIFETIME_S);
    // Other nodes sign with it until they read the keys again.
    Ok(now.plus(longest).plus(FRESH_S).plus(SKEW_S))
}

async fn activate(host: &Host, now: UnixTime, key: &HeldKey) -> Result<(), Failure> {
    let (kid, alg) = (&key.row.kid, key.row.alg);
    let expires_at = last_token(host, now).await?;
    let stmts = vec![
        signing_key::retire_for(kid, alg, now, expires_at),
        signing_key::activate(kid, now),
        entry(host, now, None, Event::SigningKeyActivated, kid, alg)?,
    ];
    Ok(done_or_lost(save(&*host.db, stmts).await)?)
}

/// Replaces the key of an algorithm. In the ordinary way the successor is published now and signs a day later; asked
/// for again meanwhile, it stays the same one. `at_once`, for emergencies, a new key signs from now on, a waiting one
/// is dropped, and apps that cache the published keys may refuse its tokens until they look again. Either way the old
/// key stays published until its tokens are over; [`revoke`] ends them.
///
/// # Errors
/// [`ApiError::NotFound`] if the algorithm has no key, or a fault.
pub async fn rotate(
    host: &Host,
    now: UnixTime,
    alg: Alg,
    at_once: bool,
    asker: Asker<'_>,
) -> Result<Arc<HeldKey>, Failure> {
    let keys = reload(host, now).await?;
    let old = find(&keys, alg, State::Active).ok_or(ApiError::NotFound("Signing key"))?;
    let state = if at_once { State::Active } else { State::Next };
    if !at_once && let Some(waiting) = find(&keys, alg, State::Next) {
        return Ok(waiting);
    }
    let at = if at_once { now } else { now.plus(AHEAD_S) };
    let made = generate(host, alg, state, now, at).await?;
    let mut stmts = Vec::new();
    if at_once {
        stmts.push(signing_key::retire(&old.row.kid, now, last_token(host, now).await?));
        stmts.push(signing_key::drop_next(alg));
    }
    stmts.push(made.insert_if_first().one());
    stmts.push(entry(host, now, asker, Event::SigningKeyCreated, &made.kid, alg)?);
    done_or_lost(save(&*host.db, stmts).await)?;
    find(&reload(host, now).await?, alg, state).ok_or_else(|| ApiError::NotFound("Signing key").into())
}

/// Makes the first key of a further algorithm, which signs ten minutes later, or `at_once`.
///
/// # Errors
/// [`ApiError::SigningKeyExists`] if the algorithm has one, or a fault.
pub async fn add(
    host: &Host,
    now: UnixTime,
    alg: Alg,
    at_once: bool,
    asker: Asker<'_>,
) -> Result<Arc<HeldKey>, Failure> {
    let keys = reload(host, now).await?;
    if find(&keys, alg, State::Active).or_else(|| find(&keys, alg, State::Next)).is_some() {
        return Err(ApiError::SigningKeyExists.into());
    }
    let (state, at) = if at_once { (State::Active, now) } else { (State::Next, now.plus(FIRST_AHEAD_S)) };
    let made = generate(host, alg, state, now, at).await?;
    let stmts = vec![
        made.insert_if_first().one(),
        entry(host, now, asker, Event::SigningKeyCreated, &made.kid, alg)?,
    ];
    save(&*host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, ApiError::SigningKeyExists))?;
    find(&reload(host, now).await?, alg, state).ok_or_else(|| ApiError::SigningKeyExists.into())
}

/// Takes a key back: it is published no more, and what it signed counts no more, on other nodes a minute later.
///
/// # Errors
/// [`ApiError::NotFound`]; [`ApiError::SigningKeyInUse`] for a key that the installation or a client signs with, which
/// has to be replaced first; or a fault.
pub async fn revoke(host: &Host, now: UnixTime, kid: &str, asker: Asker<'_>) -> Result<(), Failure> {
    const GONE: ApiError = ApiError::NotFound("Signing key");
    let keys = reload(host, now).await?;
    let key = keys.iter().find(|k| k.row.kid == kid).ok_or(GONE)?;
    let (alg, state) = (key.row.alg, key.row.state);
    if state == State::Active {
        let is_last = !keys.iter().any(|k| k.row.state == State::Active && k.row.kid != kid);
        let is_wanted = alg == host.settings.keys_algorithm;
        if is_last || is_wanted || !host.db.query(signing_key::asked_for(alg)).await?.is_empty() {
            return Err(ApiError::SigningKeyInUse.into());
        }
    }
    let stmts =
        vec![signing_key::remove(kid, state), entry(host, now, asker, Event::SigningKeyRevoked, kid, alg)?];
    save(&*host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, GONE))?;
    reload(host, now).await.map(drop)
}

/// What is due without a request: waiting keys are activated, keys older than `KEYS_ROTATION_DAYS` get a successor,
/// and retired ones are removed when their tokens are over.
///
/// # Errors
/// A fault; the next tick tries again.
pub async fn tick(host: &Host, now: UnixTime) -> Result<(), Failure> {
    host.db.query(signing_key::sweep(now)).await?;
    if super::read(host, now).await?.is_empty() {
        // Nobody has been here yet; the first request makes the key.
        return Ok(());
    }
    let keys = reload(host, now).await?;
    let days = host.settings.keys_rotation_days;
    let is_old = |k: &HeldKey| now.since(k.row.activates_at) >= days.saturating_mul(DAY_S);
    for key in keys.iter().filter(|k| days > 0 && k.row.state == State::Active && is_old(k)) {
        rotate(host, now, key.row.alg, false, None).await?;
    }
    Ok(())
}
