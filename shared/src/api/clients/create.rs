//! Making a client, for the API and for `latchkey client create`.

use super::dto::ClientInput;
use super::subject_type::check_sector;
use crate::api::error::ApiError;
use crate::failure::{Failure, Fault};
use crate::host::Host;
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
    // An admin chose the address: it may be one of this network.
    check_sector(host, None, &client, PrivateAddresses::AllowConfigured).await?;
    let mut stmts = vec![client.insert(created_by_id, now)];
    stmts.extend(origin::replace(&client));
    match host.db.batch(stmts).await {
        Ok(_) => Ok(client),
        Err(DbError::Unique(_)) => Err(ApiError::ClientIdTaken.into()),
        Err(error) => Err(Fault::from(error).into()),
    }
}
