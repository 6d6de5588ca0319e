//! By which `sub` a client knows a person (OpenID Connect Core §8). Wherever a subject leaves or comes back, it is
//! made here: ID and access tokens, userinfo, introspection, logout tokens, hints.

use crate::failure::{Failure, Fault};
use crate::host::Host;
use crate::keyring;
use crate::store::client::Client;
use crate::store::instance::{self, PAIRWISE_SALT};
use crate::store::load;
use proto::hash;
use proto::oidc::subject::{PAIRWISE, pairwise, sector};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// The salt of pairwise identifiers, once it was read. One per process or isolate.
pub type Salt = OnceLock<Zeroizing<[u8; 32]>>;

/// Whether a client knows people by identifiers of its own.
#[must_use]
pub fn is_pairwise(client: &Client) -> bool {
    client.metadata.subject_type.as_deref() == Some(PAIRWISE)
}

/// The `sub` of the person with this id at this client.
///
/// # Errors
/// A fault if the store fails, or the stored salt does not open.
pub async fn of(host: &Host, client: &Client, user_id: &str) -> Result<String, Failure> {
    if !is_pairwise(client) {
        return Ok(user_id.to_owned());
    }
    // Saving a pairwise client without a sector is refused.
    let sector = sector(client.metadata.sector_identifier_uri.as_deref(), &client.callback_urls)
        .map_err(|_| Fault::Bug("a pairwise client without a sector"))?;
    Ok(match host.keyring.salt.get() {
        Some(salt) => pairwise(salt, &sector, user_id),
        None => {
            let salt = stored(host).await?;
            pairwise(host.keyring.salt.get_or_init(|| salt), &sector, user_id)
        }
    })
}

/// The salt from the database; the first caller of an installation makes it.
async fn stored(host: &Host) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let rows = host.db.query(instance::find(PAIRWISE_SALT)).await?;
    if let Some(sealed) = instance::read(&rows)? {
        return Ok(open(host, &sealed)?);
    }
    // A node with another ENCRYPTION_KEY must not make a salt that the others cannot open.
    keyring::check(host).await?;
    let salt = Zeroizing::new(host.random::<32>()?);
    let sealed =
        hash::seal(&key(host), host.random()?, &instance::sealed_for(PAIRWISE_SALT), salt.as_slice())
            .map_err(|_| Fault::Sealed("pairwise salt"))?;
    // When many isolates come here at once, all go on with the first one's.
    let [_, rows] =
        load(&*host.db, [instance::insert_if_first(PAIRWISE_SALT, &sealed), instance::find(PAIRWISE_SALT)])
            .await?;
    let sealed = instance::read(&rows)?.ok_or(Fault::Bug("no pairwise salt"))?;
    Ok(open(host, &sealed)?)
}

fn open(host: &Host, sealed: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let plain = hash::open(&key(host), &instance::sealed_for(PAIRWISE_SALT), sealed)
        .map_err(|_| Fault::Sealed("pairwise salt"))?;
    let salt = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| Fault::Sealed("pairwise salt"))?;
    Ok(Zeroizing::new(salt))
}

fn key(host: &Host) -> Zeroizing<[u8; 32]> {
    hash::hkdf_sha256(host.settings.encryption_key.expose().as_bytes(), b"latchkey/pairwise-salt")
}
