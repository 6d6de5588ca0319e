//! Delivering logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.5).
//!
//! The outbox row is the truth: whoever claims it tries once and notes what came of it. If a node dies between the two,
//! or the store fails, the claim runs out and another try is made with a new token. A client may then be told twice,
//! never not at all.

use crate::decide::logout::{Answer, outcome};
use crate::failure::Failure;
use crate::host::Host;
use crate::keyring;
use crate::ports::{DbError, FetchPolicy, PrivateAddresses};
use crate::store::client::Client;
use crate::store::logout::{self, Delivery};
use crate::subject;
use bytes::Bytes;
use http::{Method, Request, header};
use proto::form::render_query;
use proto::jose::jwt::TokenType;
use proto::oidc::LogoutToken;
use std::sync::Arc;

/// Deliveries that one tick begins, so that a backlog does not crowd everything else out.
const A_TICK: i64 = 100;

/// How long a claim holds, in seconds: much longer than a try can take.
const LEASE_S: i64 = 60;

/// Time for a client's answer, in milliseconds.
const TIMEOUT_MS: u32 = 5000;

/// Largest answer taken, in bytes. Nothing in it is read.
const MAX_BYTES: usize = 64 * 1024;

/// Begins what is due, each delivery for itself, so that a slow client holds up nobody else.
///
/// # Errors
/// [`DbError`].
pub async fn begin_due(host: &Arc<Host>) -> Result<(), DbError> {
    let due = host.db.query(logout::due(host.clock.now(), A_TICK)).await?;
    let ids = due.iter().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
    begin(host, ids);
    Ok(())
}

/// Begins these deliveries, after the response that is being made.
pub fn begin(host: &Arc<Host>, ids: impl IntoIterator<Item = String>) {
    for id in ids {
        let own = Arc::clone(host);
        host.after.run(Box::pin(async move {
            if let Err(failure) = deliver(&own, &id).await {
                let error = crate::log::describe(&failure);
                tracing::error!(delivery = id, error, "logout token not delivered");
            }
        }));
    }
}

async fn deliver(host: &Host, id: &str) -> Result<(), Failure> {
    let now = host.clock.now();
    let claimed = match host.db.batch(logout::claim(id, now, now.plus(LEASE_S)).into()).await {
        // Another node has it, or it was done.
        Err(DbError::Lost) => return Ok(()),
        other => other?,
    };
    let Some((delivery, client)) = claimed.last().map(logout::read_claimed).transpose()?.flatten() else {
        return Ok(());
    };
    let answer = match &client.metadata.backchannel_logout_uri {
        Some(uri) => match token(host, &delivery, &client).await {
            Ok(token) => send(host, &client, uri, &token).await,
            Err(failure) => {
                tracing::error!(
                    delivery = id,
                    error = crate::log::describe(&failure),
                    "logout token not made"
                );
                Answer::NoToken
            }
        },
        None => Answer::NoAddress,
    };
    let now = host.clock.now();
    let outcome = outcome(&answer, delivery.attempts, now);
    tracing::info!(
        client = client.id,
        delivery = id,
        attempt = delivery.attempts,
        state = outcome.state.as_str(),
        error = outcome.error,
        "logout token sent"
    );
    host.db.query(logout::finish(id, delivery.attempts, &outcome, now)).await?;
    Ok(())
}

async fn token(host: &Host, delivery: &Delivery, client: &Client) -> Result<String, Failure> {
    let now = host.clock.now();
    let alg = client.metadata.id_token_signed_response_alg.as_deref();
    let key = keyring::active_for(host, now, alg).await?;
    let token = LogoutToken {
        issuer: host.settings.app_url.as_str(),
        subject: &subject::of(host, client, &delivery.user_id).await?,
        client_id: &client.id,
        session_id: &delivery.session_id,
        jti: &host.uuid()?,
        issued_at: now,
    };
    keyring::sign(host, &key, TokenType::LogoutToken, &token.claims()).await
}

async fn send(host: &Host, client: &Client, uri: &str, token: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(render_query(&[("logout_token", token)])));
    let Ok(request) = request else { return Answer::NoAddress };
    // An admin has named the address of a standard client; anybody may have named another's.
    let private = match client.client_type.as_str() {
        "standard" => PrivateAddresses::AllowConfigured,
        _ => PrivateAddresses::Refuse,
    };
    let policy = FetchPolicy { timeout_ms: TIMEOUT_MS, max_bytes: MAX_BYTES, private };
    match host.fetch.send(request, policy).await {
        Ok(response) => Answer::Status(response.status().as_u16()),
        Err(error) => Answer::Failed(error),
    }
}
