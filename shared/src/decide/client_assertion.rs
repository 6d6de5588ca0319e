//! Client assertions (RFC 7521 §4.2, RFC 7523 §3, draft-ietf-oauth-rfc7523bis): whose they are and whether their
//! claims count. Signatures are checked in between, by keys that the first answer names.

use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::federated_identity::FederatedIdentity;
use proto::jose::Alg;
use proto::jose::jwt::{Claims, ClaimsError, Expected, Expiry, media_type_is};
use proto::time::UnixTime;

/// By how many seconds clocks of clients and issuers may differ from ours.
const SKEW_S: i64 = 30;
/// How far ahead an assertion of a client's own may expire, in seconds.
const LONGEST_S: i64 = 600;
/// Longest `jti` taken, in bytes.
const LONGEST_JTI: usize = 1024;

/// Who signed an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The client itself: `private_key_jwt`.
    Client,
    /// An issuer that the client trusts.
    Federated(FederatedIdentity),
}

/// A `jti` that must not have been used before, to be noted until it has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The issuer's names are told apart by this.
    pub issuer: String,
    /// The `jti`.
    pub jti: String,
    /// When the assertion no longer counts anyway.
    pub expires_at: UnixTime,
}

/// Whose keys have to be asked, told by the claims before they are verified. Issuers are compared byte for byte,
/// so `https://a` and `https://a/` are two.
///
/// # Errors
/// [`Refusal::AssertionOfOther`], or [`Refusal::ClientAuthMethodNotRegistered`] for a client of another method.
pub fn signer(
    client: &Client,
    identities: Vec<FederatedIdentity>,
    issuer: &str,
    subject: &str,
) -> Result<Signer, Refusal> {
    let method = client.metadata.token_endpoint_auth_method.as_deref();
    if method.is_some_and(|method| method != "private_key_jwt") {
        return Err(Refusal::ClientAuthMethodNotRegistered);
    }
    if issuer == client.id {
        let has_keys = client.metadata.jwks.is_some() || client.metadata.jwks_uri.is_some();
        return if has_keys && subject == client.id {
            Ok(Signer::Client)
        } else {
            Err(Refusal::AssertionOfOther)
        };
    }
    identities
        .into_iter()
        .find(|identity| identity.issuer == issuer && wanted_subject(client, identity) == subject)
        .map(Signer::Federated)
        .ok_or(Refusal::AssertionOfOther)
}

fn wanted_subject<'a>(client: &'a Client, identity: &'a FederatedIdentity) -> &'a str {
    if identity.subject.is_empty() { &client.id } else { &identity.subject }
}

/// Whether the algorithm is the one that the client registered for its assertions, if it did.
///
/// # Errors
/// [`Refusal::AssertionSignatureWrong`].
pub fn check_alg(client: &Client, signer: &Signer, alg: Option<Alg>) -> Result<(), Refusal> {
    let registered = client.metadata.token_endpoint_auth_signing_alg.as_deref();
    let fits = *signer != Signer::Client || registered.is_none_or(|name| alg.map(Alg::as_str) == Some(name));
    if fits { Ok(()) } else { Err(Refusal::AssertionSignatureWrong) }
}

/// Whether a `typ` header names an assertion, or says nothing: issuers of today write `JWT`, `JOSE` or none, and the
/// draft's own name is new. Tokens of other purposes have types of their own (RFC 8725 §3.11).
#[must_use]
pub fn is_assertion(typ: Option<&str>) -> bool {
    let accepted = ["JWT", "JOSE", "client-authentication+jwt"];
    typ.is_none_or(|typ| accepted.iter().any(|wanted| media_type_is(typ, wanted)))
}

/// Checks the claims of an assertion whose signature was right: issuer and subject once more, audience, times.
/// Gives the `jti` to note, always for the client's own, and for others where replays are to be noticed.
///
/// | | the client's own | of an issuer |
/// | --- | --- | --- |
/// | `aud` | our issuer and nothing else | holds the configured audience |
/// | `exp` | required, at most 10 minutes ahead | required |
/// | `jti` | required, counts once | with `replayProtection` |
///
/// # Errors
/// The first rule that is broken.
pub fn check(
    claims: &Claims,
    client: &Client,
    signer: &Signer,
    our_issuer: &str,
    now: UnixTime,
) -> Result<Option<Once>, Refusal> {
    let (issuer, subject, audience) = match signer {
        Signer::Client => (client.id.as_str(), client.id.as_str(), our_issuer),
        Signer::Federated(identity) => {
            let audience = Some(identity.audience.as_str()).filter(|a| !a.is_empty()).unwrap_or(our_issuer);
            (identity.issuer.as_str(), wanted_subject(client, identity), audience)
        }
    };
    let expected = Expected {
        issuer,
        audience: Some(audience),
        expiry: Expiry::Required,
        now: now.plus(-SKEW_S),
        leeway: 2 * SKEW_S,
    };
    claims.check(&expected).map_err(|error| match error {
        ClaimsError::WrongIssuer => Refusal::AssertionOfOther,
        ClaimsError::WrongAudience => Refusal::AssertionAudienceWrong,
        ClaimsError::Expired | ClaimsError::NotYetValid => Refusal::AssertionTimeWrong,
        ClaimsError::Malformed => Refusal::AssertionMalformed,
    })?;
    if claims.text("sub") != Some(subject) {
        return Err(Refusal::AssertionOfOther);
    }
    let exp = claims.instant("exp").ok().flatten().ok_or(Refusal::AssertionTimeWrong)?;
    let counts_once = match signer {
        Signer::Client => {
            // An assertion for several servers could be passed on by one of them to the others.
            if claims.audience().map(|all| all.len()) != Ok(1) {
                return Err(Refusal::AssertionAudienceWrong);
            }
            if exp > now.plus(LONGEST_S + SKEW_S) {
                return Err(Refusal::AssertionTimeWrong);
            }
            true
        }
        Signer::Federated(identity) => identity.replay_protection,
    };
    if !counts_once {
        return Ok(None);
    }
    let jti = claims.text("jti").filter(|jti| !jti.is_empty() && jti.len() <= LONGEST_JTI);
    let jti = jti.ok_or(Refusal::AssertionReplayed)?.to_owned();
    Ok(Some(Once { issuer: format!("client_assertion {issuer}"), jti, expires_at: exp.plus(SKEW_S) }))
}
