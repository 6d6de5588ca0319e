//! Client authentication (RFC 6749 §2.3), the same at every endpoint that clients call themselves.

use super::{cimd, client_assertion};
use crate::db::Rows;
use crate::decide::client_auth;
use crate::failure::Failure;
use crate::http::{Cx, Req};
use crate::refusal::Refusal;
use crate::store::client::{Client, ClientSecret};
use http::header;
use proto::form::Params;
use proto::oauth::client_auth::{self as wire, ClientAuthError, ClientCredentials};

/// What the request says about its client, by exactly one method.
///
/// # Errors
/// [`Refusal`] for none, several, or unreadable ones, and for a query (RFC 6749 §3.2).
pub fn credentials(req: &Req, params: &Params) -> Result<ClientCredentials, Refusal> {
    // Parameters in the query would end up in logs.
    if req.uri.query().is_some_and(|q| !q.is_empty()) {
        return Err(Refusal::QueryParameters);
    }
    // A header that is no text is malformed, not absent.
    let authorization = req.headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or("?"));
    wire::parse(authorization, params).map_err(|error| match error {
        ClientAuthError::Missing => Refusal::ClientAuthMissing,
        ClientAuthError::Multiple | ClientAuthError::IdMismatch => Refusal::SeveralClientAuthMethods,
        ClientAuthError::Unsupported | ClientAuthError::Malformed => Refusal::ClientAuthMalformed,
        ClientAuthError::MalformedAssertion => Refusal::AssertionMalformed,
    })
}

/// Proves the client from the rows of `client::by_id` and `client::secrets` of the claimed id, which endpoints
/// load together with what they need themselves. Nothing may be written before this has succeeded; what this
/// writes itself is the `jti` of an assertion.
///
/// # Errors
/// [`Refusal`] if it is not who it claims to be, or a fault.
pub async fn prove(
    cx: &Cx,
    credentials: &ClientCredentials,
    client: &Rows,
    secrets: &Rows,
) -> Result<Client, Failure> {
    let client = cimd::at_use(cx, credentials.id(), Client::from_rows(client)?).await?;
    let client = if let ClientCredentials::Assertion { assertion, .. } = credentials {
        client_assertion::prove(cx, client, assertion.expose()).await?
    } else {
        let secrets = secrets.iter().map(ClientSecret::from_row).collect::<Result<Vec<_>, _>>()?;
        client_auth::authenticate(credentials, client, &secrets, cx.now)?
    };
    if client.is_pending { Err(Refusal::ClientPending.into()) } else { Ok(client) }
}

/// Whether a client may use a grant (RFC 7591 §2 `grant_types`).
///
/// # Errors
/// [`Refusal::GrantTypeNotRegistered`].
pub fn may_use(client: &Client, grant_type: &str) -> Result<(), Refusal> {
    if client.metadata.allows_grant_type(grant_type) { Ok(()) } else { Err(Refusal::GrantTypeNotRegistered) }
}
