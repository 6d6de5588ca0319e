//! The keys of an issuer whose tokens authenticate a client. They are, in this order: behind the configured address,
//! behind `/.well-known/jwks.json` of the issuer, or where the issuer's OpenID Connect metadata says
//! (OpenID Connect Discovery §4).

use super::client_keys::is_key_set;
use super::remote::{self, Need, RemoteError, Source};
use crate::failure::Failure;
use crate::http::Cx;
use crate::ports::PrivateAddresses;
use crate::refusal::Refusal;
use crate::store::federated_identity::FederatedIdentity;
use proto::jose::KeySet;
use proto::jose::jws::{Unverified, Verified};
use proto::jose::key_set::KeySetError;
use serde_json::{Map, Value};

/// Checks the signature of a token against the issuer's keys; where none fits, they are fetched again, at most once
/// a minute.
///
/// # Errors
/// `Ok(Err(_))` if none of the keys signed the token; [`Refusal::ClientKeysUnavailable`] if they cannot be fetched and
/// there is no copy, or a fault.
pub(super) async fn verify(
    cx: &Cx,
    identity: &FederatedIdentity,
    token: &Unverified<'_>,
) -> Result<Result<Verified, KeySetError>, Failure> {
    let read = async |need| {
        let document = find(cx, identity, need).await.map_err(|e| e.or(Refusal::ClientKeysUnavailable))?;
        KeySet::read(&document).map_err(|_| Failure::from(Refusal::ClientKeysUnavailable))
    };
    let first = read(Need::Fresh).await?.verify(token);
    if first == Err(KeySetError::UnknownKey) {
        return Ok(read(Need::Newer).await?.verify(token));
    }
    Ok(first)
}

async fn find(cx: &Cx, identity: &FederatedIdentity, need: Need) -> Result<Map<String, Value>, RemoteError> {
    if !identity.jwks.is_empty() {
        return remote::document(cx, key_set(&identity.jwks), need).await;
    }
    let base = identity.issuer.trim_end_matches('/');
    let metadata_url = format!("{base}/.well-known/openid-configuration");
    let metadata = configured(&metadata_url, is_metadata);
    // Metadata at hand says that the first address led nowhere; asking there each time would cost a request.
    if !remote::is_kept(cx, metadata).await? {
        match remote::document(cx, key_set(&format!("{base}/.well-known/jwks.json")), need).await {
            Err(RemoteError::Absent) => {}
            other => return other,
        }
    }
    let metadata = remote::document(cx, metadata, Need::Fresh).await?;
    let text = |name| metadata.get(name).and_then(Value::as_str);
    if text("issuer") != Some(&identity.issuer) {
        return Err(RemoteError::Unavailable("metadata is of another issuer"));
    }
    let url = text("jwks_uri").ok_or(RemoteError::Unavailable("metadata names no key set"))?;
    remote::document(cx, key_set(url), need).await
}

fn key_set(url: &str) -> Source<'_> {
    configured(url, is_key_set)
}

/// An address that an admin wrote down, or that follows from one: a cluster's issuer is on a private address.
fn configured(url: &str, is_one: fn(&Map<String, Value>) -> bool) -> Source<'_> {
    Source { url, private: PrivateAddresses::AllowConfigured, is_one }
}

fn is_metadata(document: &Map<String, Value>) -> bool {
    ["issuer", "jwks_uri"].iter().all(|name| document.get(*name).is_some_and(Value::is_string))
}
