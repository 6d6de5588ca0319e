//! What a client says about the identifiers it wants (OpenID Connect Core §8.1, Registration §5).

use crate::api::error::{ApiError, FieldError};
use crate::failure::Failure;
use crate::flow::remote;
use crate::host::Host;
use crate::ports::{FetchPolicy, PrivateAddresses};
use crate::store::client::Client;
use crate::subject::is_pairwise;
use bytes::Bytes;
use http::{StatusCode, header};
use proto::oauth::ClientMetadata;
use proto::oidc::subject::{self, SectorError};
use proto::time::UnixTime;

/// How the list behind `sector_identifier_uri` is fetched.
const FETCH: FetchPolicy =
    FetchPolicy { timeout_ms: 5000, max_bytes: 64 * 1024, private: PrivateAddresses::Refuse };

/// Checks `subject_type` and that a sector can be told.
pub(super) fn check(errors: &mut Vec<FieldError>, metadata: &ClientMetadata, callbacks: &[String]) {
    let subject_type = metadata.subject_type.as_deref().unwrap_or(subject::PUBLIC);
    if !subject::TYPES.contains(&subject_type) {
        errors.push(FieldError::new("metadata", "subject_type", "has an unknown subject_type"));
        return;
    }
    let uri = metadata.sector_identifier_uri.as_deref();
    if uri.is_none() && subject_type != subject::PAIRWISE {
        return;
    }
    match subject::sector(uri, callbacks) {
        Ok(_) => {}
        Err(SectorError::NotHttps) => errors.push(FieldError::new(
            "metadata",
            "sector_identifier_uri",
            "needs an https address as sector_identifier_uri",
        )),
        Err(SectorError::Ambiguous) => errors.push(FieldError::new(
            "metadata",
            "sector_identifier_uri",
            "needs a sector_identifier_uri, since the callback URLs do not have one and the same host",
        )),
    }
}

/// Fetches the list behind `sector_identifier_uri`, which must name every callback, unless nothing about either
/// has changed since it was fetched before. `private` says whether the address may be one of this network: an admin
/// wrote it down; one that a stranger named is asked three times a minute at most.
///
/// # Errors
/// [`ApiError::Validation`] if it is not there or does not name them.
pub async fn check_sector(
    host: &Host,
    now: UnixTime,
    before: Option<&Client>,
    after: &Client,
    private: PrivateAddresses,
) -> Result<(), Failure> {
    let told =
        |c: &Client| (c.metadata.sector_identifier_uri.clone(), c.callback_urls.clone(), is_pairwise(c));
    let Some(uri) = &after.metadata.sector_identifier_uri else { return Ok(()) };
    if before.is_some_and(|before| told(before) == told(after)) {
        return Ok(());
    }
    let may_ask = private == PrivateAddresses::AllowConfigured
        || remote::may_ask(host, now, &format!("sector {uri}")).await?;
    let request = http::Request::get(uri).header(header::ACCEPT, "application/json").body(Bytes::new());
    let answer = match request {
        Ok(request) if may_ask => host.fetch.send(request, FetchPolicy { private, ..FETCH }).await.ok(),
        _ => None,
    };
    let problem = match answer.filter(|a| a.status() == StatusCode::OK) {
        Some(answer) if subject::lists_all(answer.body(), &after.callback_urls) => return Ok(()),
        Some(_) => "has a sector_identifier_uri whose document does not list every callback URL",
        None => "has a sector_identifier_uri that cannot be fetched",
    };
    Err(ApiError::Validation(vec![FieldError::new("metadata", "sector_identifier_uri", problem)]).into())
}
