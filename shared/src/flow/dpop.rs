//! DPoP at our endpoints (RFC 9449): who shows a key gets tokens that are of use to the holder of that key alone.

use crate::failure::Failure;
use crate::http::{Cx, Req};
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::jti;
use http::{HeaderMap, HeaderValue};
use proto::hash;
use proto::oauth::dpop::{self, Expected, NonceState, Proof};
use zeroize::Zeroizing;

/// The request header that carries the proof.
pub const HEADER: &str = "dpop";

/// The key that the sender of a request has shown to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// RFC 7638 thumbprint: `cnf.jkt` of what is issued.
    pub jkt: String,
}

fn nonce_key(cx: &Cx) -> Zeroizing<[u8; 32]> {
    hash::hkdf_sha256(cx.host.settings.encryption_key.expose().as_bytes(), b"latchkey/dpop-nonce")
}

/// Puts a new nonce into the answer to whoever uses DPoP (RFC 9449 §8.2).
pub fn offer_nonce(cx: &Cx, req: &Req, headers: &mut HeaderMap) {
    if !req.headers.contains_key(HEADER) {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&dpop::nonce(&nonce_key(cx), cx.now)) {
        headers.insert("dpop-nonce", value);
    }
}

/// The proof of a request, checked apart from its `jti`; `None` if it has none.
fn read(cx: &Cx, req: &Req, access_token: Option<&str>) -> Result<Option<Proof>, Refusal> {
    let mut sent = req.headers.get_all(HEADER).iter();
    let Some(first) = sent.next() else { return Ok(None) };
    let text = first.to_str().ok().filter(|_| sent.next().is_none()).ok_or(Refusal::DpopProofSeveral)?;
    let settings = &cx.host.settings;
    let path = req.uri.path();
    let expected = Expected {
        method: req.method.as_str(),
        addresses: &[settings.app_url.join(path), settings.internal_app_url.join(path)],
        access_token,
        nonce_key: &nonce_key(cx),
        now: cx.now,
    };
    dpop::verify(text, &expected).map(Some).map_err(Refusal::DpopProof)
}

/// Lets a proof count once. Identifiers are told apart by key, so that nobody can use up another's.
async fn spend(cx: &Cx, proof: &Proof) -> Result<(), Failure> {
    let stmt = jti::use_once(&format!("dpop:{}", proof.jkt), &proof.jti, proof.forget_at);
    match cx.host.db.query(stmt).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::or_if_lost(error, Refusal::DpopProofReplayed)),
    }
}

/// Whether the nonce is as it must be: a stale one is never taken, none only where none is asked for.
fn check_nonce(proof: &Proof, is_required: bool) -> Result<(), Refusal> {
    match proof.nonce {
        NonceState::Fresh => Ok(()),
        NonceState::Absent if !is_required => Ok(()),
        NonceState::Absent | NonceState::Stale => Err(Refusal::DpopNonceNeeded),
    }
}

/// The key that a client shows at an endpoint of its own: token, device authorization, pushed requests. To be called
/// once a request, after the client is proven and before anything is used up. A client that is registered with
/// `dpop_bound_access_tokens` must show one, with a nonce of ours (RFC 9449 §5, §5.2, §8).
///
/// # Errors
/// [`Refusal`] for a missing, wrong or repeated proof; a fault if the store fails.
pub async fn proof(cx: &Cx, req: &Req, client: &Client) -> Result<Option<Bound>, Failure> {
    let is_bound = client.metadata.dpop_bound_access_tokens;
    let Some(proof) = read(cx, req, None)? else {
        return if is_bound { Err(Refusal::DpopProofMissing.into()) } else { Ok(None) };
    };
    check_nonce(&proof, is_bound || cx.host.settings.dpop_nonce_required)?;
    spend(cx, &proof).await?;
    Ok(Some(Bound { jkt: proof.jkt }))
}

/// The key that a pushed request binds its code to: `dpop_jkt`, or the key of a proof that is sent along, which must be
/// the same (RFC 9449 §10.1). Nothing is demanded here; the token endpoint does that.
///
/// # Errors
/// [`Refusal`] for a wrong or repeated proof, or one of another key; a fault if the store fails.
pub async fn pushed(cx: &Cx, req: &Req, dpop_jkt: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(proof) = read(cx, req, None)? else { return Ok(dpop_jkt.map(str::to_owned)) };
    if dpop_jkt.is_some_and(|jkt| jkt != proof.jkt) {
        return Err(Refusal::PushedKeyMismatch.into());
    }
    check_nonce(&proof, cx.host.settings.dpop_nonce_required)?;
    spend(cx, &proof).await?;
    Ok(Some(proof.jkt))
}

/// Checks that a request with an access token bound to `jkt` comes from the holder of that key (RFC 9449 §7.1).
///
/// # Errors
/// [`Refusal`] for a missing, wrong or repeated proof; a fault if the store fails.
pub async fn at_resource(cx: &Cx, req: &Req, access_token: &str, jkt: &str) -> Result<(), Failure> {
    let proof = read(cx, req, Some(access_token))?.ok_or(Refusal::DpopProofMissing)?;
    if !proto::secret::ct_eq(proof.jkt.as_bytes(), jkt.as_bytes()) {
        return Err(Refusal::TokenOfOtherKey.into());
    }
    check_nonce(&proof, cx.host.settings.dpop_nonce_required)?;
    spend(cx, &proof).await
}
