//! The signing keys of this installation: sealed at rest, cached for a minute in memory, changed by [`rotation`].

pub mod rotation;

use crate::failure::{Failure, Fault};
use crate::host::Host;
use crate::ports::Signer;
use crate::store::signing_key::{self, SigningKey, State};
use crate::subject::Salt;
use proto::hash;
use proto::jose::jws::{self, Unverified};
use proto::jose::jwt::{self, Claims, TokenType};
use proto::jose::{Alg, VerifyingKey, thumbprint};
use proto::time::UnixTime;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use zeroize::Zeroizing;

/// How long keys are believed before they are read again, in seconds.
const FRESH_S: i64 = 60;

/// For how long a `kid` that is not among them is taken as forged, in seconds; then they are read again, since
/// another node may have made a key.
const RECHECK_S: i64 = 5;

/// A key in use.
pub struct HeldKey {
    /// The key as it is stored.
    pub row: SigningKey,
    /// Public half, ready to verify.
    pub verifying: VerifyingKey,
    signer: OnceLock<Arc<dyn Signer>>,
}

/// The published keys: those that sign first, the one of `KEYS_ALGORITHM` before all.
pub type Keys = Arc<[Arc<HeldKey>]>;

/// The cache. One per process or isolate.
#[derive(Default)]
pub struct Keyring {
    cached: Mutex<Option<(UnixTime, Keys)>>,
    /// See [`crate::subject`].
    pub(crate) salt: Salt,
}

impl Keyring {
    fn lock(&self) -> MutexGuard<'_, Option<(UnixTime, Keys)>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_encryption_key(host: &Host) -> Zeroizing<[u8; 32]> {
    hash::hkdf_sha256(host.settings.encryption_key.expose().as_bytes(), b"latchkey/signing-keys")
}

/// All published keys, brought up to date: the first call of an installation makes the key of `KEYS_ALGORITHM`, and a
/// waiting key whose time has come takes the place of the one before it.
///
/// # Errors
/// A fault if the store, the provider or the randomness fails.
pub async fn keys(host: &Host, now: UnixTime) -> Result<Keys, Failure> {
    let cached = host.keyring.lock().clone();
    match cached {
        Some((at, keys)) if now.since(at).abs() < FRESH_S && !keys.iter().any(|k| k.row.is_due(now)) => {
            Ok(keys)
        }
        _ => reload(host, now).await,
    }
}

/// Seconds since the keys were last read.
fn read_since(host: &Host, now: UnixTime) -> i64 {
    host.keyring.lock().as_ref().map_or(i64::MAX, |(at, _)| now.since(*at).abs())
}

/// Whether the stored keys open with the configured `ENCRYPTION_KEY`: a wrong one is better found at the start
/// than at somebody's sign-in.
///
/// # Errors
/// A fault that says so, or that the store failed.
pub async fn check(host: &Host) -> Result<(), Failure> {
    for key in read(host, host.clock.now()).await?.iter() {
        open(host, &key.row)?;
    }
    Ok(())
}

async fn reload(host: &Host, now: UnixTime) -> Result<Keys, Failure> {
    let mut keys = read(host, now).await?;
    if rotation::settle(host, now, &keys).await? {
        keys = read(host, now).await?;
    }
    *host.keyring.lock() = Some((now, keys.clone()));
    Ok(keys)
}

async fn read(host: &Host, now: UnixTime) -> Result<Keys, Failure> {
    let known = host.keyring.lock().as_ref().map(|(_, keys)| keys.clone());
    let rows = host.db.query(signing_key::published(now)).await?;
    // A key that this version cannot read (a newer one made it) must not take the others with it.
    let readable = rows.iter().filter_map(|row| match SigningKey::from_row(row) {
        Ok(key) => Some(key),
        Err(error) => {
            tracing::error!(%error, "a signing key cannot be read");
            None
        }
    });
    let hold = |row: SigningKey| {
        if let Some(held) = known.iter().flat_map(|k| k.iter()).find(|k| k.row == row) {
            return Ok(held.clone());
        }
        let verifying = VerifyingKey::from_jwk(&row.public, row.alg)
            .map_err(|_| Fault::Bug("a stored public key does not fit its algorithm"))?;
        Ok(Arc::new(HeldKey { row, verifying, signer: OnceLock::new() }))
    };
    let mut keys = readable.map(hold).collect::<Result<Vec<_>, Fault>>()?;
    keys.sort_by_key(|k| (k.row.state, k.row.alg != host.settings.keys_algorithm));
    Ok(keys.into())
}

/// Makes a key pair and seals it. Nothing is stored.
async fn generate(
    host: &Host,
    alg: Alg,
    state: State,
    now: UnixTime,
    activates_at: UnixTime,
) -> Result<SigningKey, Failure> {
    let made = host.keys.generate(alg).await?;
    let kid = thumbprint::thumbprint(&made.public);
    let place = signing_key::sealed_for(&kid);
    let private_sealed = hash::seal(&key_encryption_key(host), host.random()?, &place, &made.pkcs8)
        .map_err(|_| Fault::Sealed("signing key"))?;
    Ok(SigningKey {
        kid,
        alg,
        public: made.public,
        private_sealed,
        state,
        created_at: now,
        activates_at,
        retired_at: None,
        expires_at: None,
    })
}

fn open(host: &Host, key: &SigningKey) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let place = signing_key::sealed_for(&key.kid);
    hash::open(&key_encryption_key(host), &place, &key.private_sealed)
        .map_err(|_| Fault::Sealed("signing key"))
}

async fn signer(host: &Host, key: &HeldKey) -> Result<Arc<dyn Signer>, Failure> {
    if let Some(signer) = key.signer.get() {
        return Ok(signer.clone());
    }
    let pkcs8 = open(host, &key.row)?;
    let signer = host.keys.import(key.row.alg, &pkcs8).await?;
    Ok(key.signer.get_or_init(|| signer).clone())
}

/// The key that signs what no client asks another algorithm for: that of `KEYS_ALGORITHM`, or while that one is not
/// known to everybody yet, another.
///
/// # Errors
/// As [`keys`].
pub async fn active(host: &Host, now: UnixTime) -> Result<Arc<HeldKey>, Failure> {
    let keys = keys(host, now).await?;
    let found = keys.iter().find(|k| k.row.state == State::Active).cloned();
    found.ok_or_else(|| Fault::Bug("no active signing key").into())
}

/// The key that signs what a client wants signed with `alg`, or by default where it names none.
///
/// # Errors
/// As [`keys`], and [`Fault::NoSigningKey`] if there is no key or the name is no algorithm: never another key, since
/// clients refuse what they did not ask for.
pub async fn active_for(host: &Host, now: UnixTime, alg: Option<&str>) -> Result<Arc<HeldKey>, Failure> {
    let Some(name) = alg else { return active(host, now).await };
    let keys = keys(host, now).await?;
    let found = keys.iter().find(|k| k.row.state == State::Active && k.row.alg.as_str() == name).cloned();
    found.ok_or_else(|| Fault::NoSigningKey(name.to_owned()).into())
}

/// The algorithms that something can be signed with now, the default one first.
///
/// # Errors
/// As [`keys`].
pub async fn algorithms(host: &Host, now: UnixTime) -> Result<Vec<Alg>, Failure> {
    let keys = keys(host, now).await?;
    Ok(keys.iter().filter(|k| k.row.state == State::Active).map(|k| k.row.alg).collect())
}

/// Signs claims as a compact JWS (RFC 7515 §7.1) with the given key.
///
/// # Errors
/// A fault if the key cannot be opened or the provider fails.
pub async fn sign(
    host: &Host,
    key: &HeldKey,
    typ: TokenType,
    claims: &Map<String, Value>,
) -> Result<String, Failure> {
    let input = jwt::signing_input(key.row.alg, &key.row.kid, typ, claims);
    let signature = signer(host, key).await?.sign(input.as_bytes()).await?;
    Ok(jws::assemble(&input, &signature))
}

/// Verifies one of our own tokens: signature by the key that its `kid` names, and its type. Issuer, audience and
/// times are the caller's to check. `None` for anything that is not ours.
///
/// # Errors
/// A fault if the keys cannot be read.
pub async fn verify(
    host: &Host,
    now: UnixTime,
    typ: TokenType,
    token: &str,
) -> Result<Option<Claims>, Failure> {
    let Ok(unverified) = Unverified::parse(token) else { return Ok(None) };
    let known = keys(host, now).await?;
    let named = |keys: &Keys| keys.iter().find(|k| Some(k.row.kid.as_str()) == unverified.kid()).cloned();
    let key = match named(&known) {
        Some(key) => Some(key),
        None if read_since(host, now) < RECHECK_S => None,
        None => named(&reload(host, now).await?),
    };
    let Some(key) = key else { return Ok(None) };
    Ok(jwt::verify(unverified, &key.verifying, typ).ok())
}
