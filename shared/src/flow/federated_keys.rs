//! The keys of an issuer whose tokens authenticate a client. They are, in this order: behind the configured address,
//! behind `/.well-known/jwks.json` of the issuer, or where the issuer's OpenID Connect metadata says
//! (OpenID Connect Discovery §4).

use super::client_keys::is_key_set;
use super::remote::{self, Need, RemoteError, Source};
use crate::failure::Failure;
use crate::http::Cx;
use crate::outbound::looks_public;
use crate::ports::PrivateAddresses;
use crate::refusal::Refusal;
use crate::store::federated_identity::FederatedIdentity;
use proto::jose::KeySet;
use proto::jose::jws::{Unverified, Verified};
use proto::jose::key_set::KeySetError;
use serde_json::{Map, Value};
use url::Url;

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
    let source = Source { private: reach(&identity.issuer, url)?, ..key_set(url) };
    remote::document(cx, source, need).await
}

/// Where an issuer's metadata may lead. The admin wrote the issuer down and nothing else: one on the Internet leads to no
/// other host of this network, and none that uses TLS leads away from it.
fn reach(issuer: &str, url: &str) -> Result<PrivateAddresses, RemoteError> {
    let refused = |_| RemoteError::Unavailable("address not allowed");
    let (issuer, url) = (Url::parse(issuer).map_err(refused)?, Url::parse(url).map_err(refused)?);
    if issuer.scheme() == "https" && url.scheme() != "https" {
        return Err(RemoteError::Unavailable("address not allowed"));
    }
    let is_own = issuer.origin() == url.origin();
    Ok(if is_own || !looks_public(&issuer) {
        PrivateAddresses::AllowConfigured
    } else {
        PrivateAddresses::Refuse
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s50_metadata_of_an_issuer_on_the_internet_leads_to_nothing_private() {
        use PrivateAddresses::{AllowConfigured, Refuse};
        for (issuer, url, want) in [
            ("https://ci.example", "https://keys.example/jwks", Some(Refuse)),
            ("https://ci.example", "https://10.0.0.1/jwks", Some(Refuse)),
            ("https://ci.example", "https://ci.example:8443/jwks", Some(Refuse)),
            ("https://ci.example", "http://ci.example/jwks", None),
            ("https://ci.example", "x", None),
            ("https://ci.example/a", "https://ci.example/b", Some(AllowConfigured)),
            ("https://k8s.cluster.local", "https://10.0.0.1:6443/jwks", Some(AllowConfigured)),
            ("https://k8s.cluster.local", "http://10.0.0.1:6443/jwks", None),
            ("https://10.0.0.1", "https://keys.example/jwks", Some(AllowConfigured)),
            ("https://gitlab", "https://10.0.0.1/jwks", Some(AllowConfigured)),
            ("http://10.0.0.1", "http://10.0.0.2/jwks", Some(AllowConfigured)),
            ("https://[fd12::1]", "https://[fd12::2]/jwks", Some(AllowConfigured)),
        ] {
            assert_eq!(reach(issuer, url).ok(), want, "{issuer} {url}");
        }
    }
}
