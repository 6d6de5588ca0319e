//! Making a client, for the API and for `latchkey client create`.

use super::dto::ClientInput;
use super::subject_type::check_sector;
use crate::api::error::{ApiError, FieldError};
use crate::failure::{Failure, Fault};
use crate::host::Host;
use crate::keyring;
use crate::ports::{DbError, PrivateAddresses};
use crate::store::client::Client;
use crate::store::origin;
use proto::time::UnixTime;

/// Checks and stores a new client. Without an id of its own it gets a UUID.
///
/// # Errors
/// Validation, [`ApiError::ClientIdTaken`], or a fault.
pub async fn new_client(
    host: &Host,
    now: UnixTime,
    input: ClientInput,
    created_by_id: Option<&str>,
) -> Result<Client, Failure> {
    let id = match input.checked_id()? {
        Some(id) => id,
        None => host.uuid()?,
    };
    let client = input.apply(Client::blank(id, now))?;
    check_algorithms(host, now, &client).await?;
    // An admin chose the address: it may be one of this network.
    check_sector(host, now, None, &client, PrivateAddresses::AllowConfigured).await?;
    let mut stmts = vec![client.insert(created_by_id, now)];
    stmts.extend(origin::replace(&client));
    match host.db.batch(stmts).await {
        Ok(_) => Ok(client),
        Err(DbError::Unique(_)) => Err(ApiError::ClientIdTaken.into()),
        Err(error) => Err(Fault::from(error).into()),
    }
}

/// Whether there is a key for each algorithm that the client wants our answers signed with.
///
/// # Errors
/// Validation, or a fault.
pub(crate) async fn check_algorithms(host: &Host, now: UnixTime, client: &Client) -> Result<(), Failure> {
    let asked: Vec<_> = client
        .metadata
        .signed_response_algs()
        .into_iter()
        .filter_map(|(name, alg)| Some((name, alg?)))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let offered = keyring::algorithms(host, now).await?;
    let errors: Vec<FieldError> = asked
        .into_iter()
        .filter(|(_, alg)| !offered.iter().any(|o| o.as_str() == *alg))
        .map(|(name, _)| FieldError::new(name, "no_signing_key", "has no active signing key"))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(ApiError::Validation(errors).into()) }
}
