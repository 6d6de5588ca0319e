//! Client authentication by a signed assertion (RFC 7523 §2.2, OpenID Connect Core §9).

use super::{client_keys, federated_keys};
use crate::decide::client_assertion::{self, Once, Signer};
use crate::failure::Failure;
use crate::http::Cx;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::federated_identity::FederatedIdentity;
use crate::store::{jti, save};
use proto::jose::jws::Unverified;
use proto::jose::jwt;

/// Proves a client by its assertion. The last thing done is to note the `jti`, in a batch of its own: an assertion
/// that fails for any reason can be sent again, and one that counts has counted before anything else is written.
///
/// # Errors
/// [`Refusal`], or a fault.
pub(super) async fn prove(cx: &Cx, client: Option<Client>, assertion: &str) -> Result<Client, Failure> {
    let client = client.ok_or(Refusal::ClientSecretWrong)?;
    let token = Unverified::parse(assertion).map_err(|_| Refusal::AssertionMalformed)?;
    let claimed = |name| token.claimed(name).ok_or(Refusal::AssertionMalformed);
    let identities = FederatedIdentity::all_of(&client)?;
    let signer = client_assertion::signer(&client, identities, &claimed("iss")?, &claimed("sub")?)?;
    client_assertion::check_alg(&client, &signer, token.alg())?;
    let verified = match &signer {
        Signer::Client => client_keys::verify(cx, &client, &token).await?,
        Signer::Federated(identity) => federated_keys::verify(cx, identity, &token).await?,
    };
    let verified = verified.map_err(|_| Refusal::AssertionSignatureWrong)?;
    let claims =
        jwt::read(&verified, client_assertion::is_assertion).map_err(|_| Refusal::AssertionMalformed)?;
    if let Some(once) = client_assertion::check(&claims, &client, &signer, cx.issuer(), cx.now)? {
        let Once { issuer, jti, expires_at } = once;
        let noted = save(&*cx.host.db, vec![jti::use_once(&issuer, &jti, expires_at)]).await;
        noted.map_err(|e| Failure::or_if_lost(e, Refusal::AssertionReplayed))?;
    }
    Ok(client)
}
