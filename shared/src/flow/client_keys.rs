//! The public keys of a client (RFC 7591 §2 `jwks`, `jwks_uri`), which its assertions and request objects are
//! signed with.

use super::remote::{self, Need, Source};
use crate::failure::Failure;
use crate::http::Cx;
use crate::ports::PrivateAddresses;
use crate::refusal::Refusal;
use crate::store::client::Client;
use proto::jose::KeySet;
use proto::jose::jws::{Unverified, Verified};
use proto::jose::key_set::KeySetError;
use serde_json::{Map, Value};

/// The keys of a client: its `jwks`, else those of its `jwks_uri`; none if it has neither.
///
/// # Errors
/// [`Refusal::ClientKeysUnavailable`] if they are no key set or cannot be fetched, or a fault.
pub async fn keys(cx: &Cx, client: &Client) -> Result<KeySet, Failure> {
    load(cx, client, Need::Fresh).await
}

/// Checks the signature of a token against the keys of a client. Where none fits, keys behind a `jwks_uri` are
/// fetched again, at most once a minute: the client may have made a new one.
///
/// # Errors
/// `Ok(Err(_))` if no key of the client signed the token; [`Refusal::ClientKeysUnavailable`], or a fault.
pub async fn verify(
    cx: &Cx,
    client: &Client,
    token: &Unverified<'_>,
) -> Result<Result<Verified, KeySetError>, Failure> {
    let first = load(cx, client, Need::Fresh).await?.verify(token);
    if first == Err(KeySetError::UnknownKey) && client.metadata.jwks.is_none() {
        return Ok(load(cx, client, Need::Newer).await?.verify(token));
    }
    Ok(first)
}

async fn load(cx: &Cx, client: &Client, need: Need) -> Result<KeySet, Failure> {
    let unusable = || Failure::from(Refusal::ClientKeysUnavailable);
    if let Some(set) = &client.metadata.jwks {
        return KeySet::read(set.as_object().ok_or_else(unusable)?).map_err(|_| unusable());
    }
    let Some(url) = &client.metadata.jwks_uri else { return Ok(KeySet::default()) };
    let source = Source { url, private: private_addresses(client), is_one: is_key_set };
    let set = remote::document(cx, source, need).await.map_err(|e| e.or(Refusal::ClientKeysUnavailable))?;
    KeySet::read(&set).map_err(|_| unusable())
}

/// Whether a remote document is a key set.
pub(super) fn is_key_set(document: &Map<String, Value>) -> bool {
    KeySet::read(document).is_ok()
}

/// What addresses of a client may lead to: home labs live on private addresses, but only what an admin wrote down
/// may lead there.
#[must_use]
pub fn private_addresses(client: &Client) -> PrivateAddresses {
    if client.client_type == "standard" {
        PrivateAddresses::AllowConfigured
    } else {
        PrivateAddresses::Refuse
    }
}
