//! The parameters of an authorization request, wherever they come from: the same for `/authorize` and for requests
//! that are pushed.

use super::client_keys;
use crate::db::Stmt;
use crate::decide::authorize::Policy;
use crate::decide::request_source::{self, Source, Way};
use crate::failure::Failure;
use crate::http::Cx;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::jti;
use crate::store::pushed_request::PushedRequest;
use proto::form::Params;
use proto::jose::jws::Unverified;
use proto::jose::jwt;
use proto::oauth::request_object::{self, Expected};

/// What the installation allows.
#[must_use]
pub fn policy(cx: &Cx) -> Policy {
    Policy { allow_insecure_callback_urls: cx.host.settings.allow_insecure_callback_urls }
}

/// A request whose parameters have been found.
pub struct Asked {
    /// The parameters that count.
    pub params: Params,
    /// How they came.
    pub source: Source,
    /// What has to be saved with the request's effect, so that a request object with a `jti` counts once; it loses
    /// (`DbError::Lost`) where the `jti` was seen before.
    pub once: Option<Stmt>,
}

/// Finds the parameters of what was sent; `pushed` is the row of its URN.
///
/// # Errors
/// [`Refusal`] for a request object or URN that does not count, or a fault.
pub async fn open(
    cx: &Cx,
    client: &Client,
    sent: &Params,
    way: Result<Way<'_>, Refusal>,
    pushed: Option<PushedRequest>,
) -> Result<Asked, Failure> {
    match way? {
        Way::Plain => Ok(Asked { params: sent.clone(), source: Source::default(), once: None }),
        Way::Object(object) => from_object(cx, client, sent, object).await,
        Way::Pushed(_) => {
            let PushedRequest { params, is_signed } = pushed.ok_or(Refusal::PushedRequestUnknown)?;
            Ok(Asked { params, source: Source { is_pushed: true, is_signed }, once: None })
        }
    }
}

/// Opens a request object (RFC 9101 §6): signature and algorithm by the client's keys, then what it says.
async fn from_object(cx: &Cx, client: &Client, sent: &Params, object: &str) -> Result<Asked, Failure> {
    let token = Unverified::parse(object).map_err(|_| Refusal::RequestObjectMalformed)?;
    let registered = client.metadata.request_object_signing_alg.as_deref();
    if registered.is_some_and(|alg| token.alg().map(|a| a.as_str()) != Some(alg)) {
        return Err(Refusal::RequestObjectAlg.into());
    }
    let verified = match client_keys::verify(cx, client, &token).await {
        Err(Failure::Refused(_)) | Ok(Err(_)) => return Err(Refusal::RequestObjectSignature.into()),
        Err(failure) => return Err(failure),
        Ok(Ok(verified)) => verified,
    };
    let claims = jwt::read(&verified, request_object::is_type).map_err(|error| match error {
        jwt::JwtError::WrongType => Refusal::RequestObjectType,
        _ => Refusal::RequestObjectMalformed,
    })?;
    let expected = Expected { client_id: &client.id, issuer: cx.issuer(), now: cx.now };
    let object = request_object::read(&claims, &expected).map_err(|error| {
        tracing::info!(request_id = cx.request_id, client = client.id, %error, "request object refused");
        Refusal::RequestObjectClaims
    })?;
    request_source::agree(sent, &object.params)?;
    let once = object
        .jti
        .as_ref()
        .map(|jti| jti::use_once(&format!("request_object:{}", client.id), jti, object.expires_at));
    Ok(Asked { params: object.params, source: Source { is_signed: true, is_pushed: false }, once })
}
