//! The audit log: what happened to accounts, written in the batch that made it happen.

use crate::db::Stmt;
use crate::failure::Failure;
use crate::host::Host;
use crate::http::{Cx, Req};
use proto::time::UnixTime;
use serde_json::Value;

/// What happened. The names are stored and shown by the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Signed in with a passkey.
    SignIn,
    /// An account was made.
    AccountCreated,
    /// An app was used again.
    ClientAuthorization,
    /// An app was used for the first time, or for more than before.
    NewClientAuthorization,
    /// A person took back what an app was allowed.
    ClientAuthorizationRevoked,
    /// A device was connected again.
    DeviceCodeAuthorization,
    /// A device was connected with an app that is new to the person, or may do more than before.
    NewDeviceCodeAuthorization,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey's counter went backwards: a copy may be in use.
    PasskeyCloneSuspected,
    /// A used refresh token or code came again; what was issued from it is revoked.
    TokenReuse,
    /// An app gave back what it held.
    TokenRevocation,
    /// A token was exchanged for one that another party may act with.
    TokenExchange,
    /// Signed out.
    SignOut,
    /// A client registered itself.
    ClientRegistered,
    /// An admin let such a client be used.
    ClientApproved,
    /// A signing key was made.
    SigningKeyCreated,
    /// A signing key began to sign; the one before it retired.
    SigningKeyActivated,
    /// A signing key was taken back before its time.
    SigningKeyRevoked,
    /// Sessions were ended from a list of them.
    SessionEnded,
}

impl Event {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "SIGN_IN",
            Self::AccountCreated => "ACCOUNT_CREATED",
            Self::ClientAuthorization => "CLIENT_AUTHORIZATION",
            Self::NewClientAuthorization => "NEW_CLIENT_AUTHORIZATION",
            Self::ClientAuthorizationRevoked => "CLIENT_AUTHORIZATION_REVOKED",
            Self::DeviceCodeAuthorization => "DEVICE_CODE_AUTHORIZATION",
            Self::NewDeviceCodeAuthorization => "NEW_DEVICE_CODE_AUTHORIZATION",
            Self::PasskeyAdded => "PASSKEY_ADDED",
            Self::PasskeyCloneSuspected => "PASSKEY_CLONE_SUSPECTED",
            Self::TokenReuse => "TOKEN_REUSE",
            Self::TokenRevocation => "TOKEN_REVOCATION",
            Self::TokenExchange => "TOKEN_EXCHANGE",
            Self::SignOut => "SIGN_OUT",
            Self::ClientRegistered => "CLIENT_REGISTERED",
            Self::ClientApproved => "CLIENT_APPROVED",
            Self::SigningKeyCreated => "SIGNING_KEY_CREATED",
            Self::SigningKeyActivated => "SIGNING_KEY_ACTIVATED",
            Self::SigningKeyRevoked => "SIGNING_KEY_REVOKED",
            Self::SessionEnded => "SESSION_ENDED",
        }
    }
}

/// An entry about what happened without a request: on schedule, or by a command.
///
/// # Errors
/// A fault if there is no randomness for the id.
pub fn unattended(event: Event, data: &Value, host: &Host, now: UnixTime) -> Result<Stmt, Failure> {
    Ok(Stmt::new("INSERT INTO audit_events (id, created_at, event, data) VALUES (?1, ?2, ?3, ?4)")
        .bind(host.uuid()?)
        .bind(now)
        .bind(event.as_str())
        .bind(data.to_string()))
}

/// An entry about `user_id`, or about a client alone, with address and device of the request. Where a signed-in person
/// does it to another's account, that person is the actor.
///
/// # Errors
/// A fault if there is no randomness for the id.
pub fn record(
    event: Event,
    user_id: Option<&str>,
    client_id: Option<&str>,
    data: &Value,
    cx: &Cx,
    req: &Req,
) -> Result<Stmt, Failure> {
    let actor = cx.who.as_ref().map(|who| who.user.id.as_str()).filter(|id| Some(*id) != user_id);
    Ok(Stmt::new(
        "INSERT INTO audit_events (id, created_at, event, user_id, client_id, ip, country, city, user_agent, data, \
         actor_user_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )
    .bind(cx.host.uuid()?)
    .bind(cx.now)
    .bind(event.as_str())
    .bind(user_id)
    .bind(client_id)
    .bind(cx.peer.ip.map(|ip| ip.to_string()))
    .bind(cx.peer.country.clone())
    .bind(cx.peer.city.clone())
    .bind(req.user_agent())
    .bind(data.to_string())
    .bind(actor))
}
