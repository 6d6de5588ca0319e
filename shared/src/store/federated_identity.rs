//! Issuers whose tokens authenticate a client: workloads that prove themselves with what their platform gives them
//! (Kubernetes, GitHub Actions, SPIFFE), without a secret of ours.

use super::client::Client;
use crate::ports::DbError;
use serde::{Deserialize, Serialize};

/// One such issuer, stored as JSON in `clients.federated_identities`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct FederatedIdentity {
    /// `iss`, byte for byte.
    pub issuer: String,
    /// `sub`, byte for byte; the client id if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What `aud` must hold, byte for byte; our issuer if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub audience: String,
    /// Address of the issuer's key set; found from the issuer if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwks: String,
    /// Whether a token needs a `jti` and counts once.
    pub replay_protection: bool,
}

impl FederatedIdentity {
    /// Those of a client.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn all_of(client: &Client) -> Result<Vec<Self>, DbError> {
        serde_json::from_str(&client.federated_identities).map_err(|_| DbError::Inconsistent {
            table: "clients",
            what: "federated_identities is no list of identities".into(),
        })
    }
}
