//! Using a refresh token (RFC 6749 §6) with rotation (RFC 9700 §4.14.2).

use super::claims;
use super::resource::{self, Reach};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::consent::Consent;
use crate::store::grant::{Grant, RefreshState, RefreshToken};
use proto::oauth::scope::{STANDARD, Scope};
use proto::time::UnixTime;

/// For how long after its use a token still gives its successor, in seconds: the answer may have been lost, or
/// two tabs may have asked at once.
pub const GRACE_S: i64 = 30;

/// What to do with a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Mark it used and issue a successor.
    Rotate,
    /// It was used just now: give the same successor again, sealed here.
    Repeat(String),
}

/// What the token request sent.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The token and its grant.
    pub stored: Option<&'a (RefreshToken, Grant)>,
    /// The authenticated client.
    pub client: &'a Client,
    /// Whether the person's consent still stands: [`has_consent`].
    pub has_consent: bool,
    /// Thumbprint of the DPoP proof's key.
    pub jkt: Option<&'a str>,
    /// This instant.
    pub now: UnixTime,
}

/// Whether what the person agrees to now covers all that the grant holds, the claims asked for by name included. A
/// consent that was ended and given again for less does not revive the grant.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn has_consent(given: Option<&Consent>, grant: &Grant) -> Result<bool, DbError> {
    let Some(given) = given else { return Ok(false) };
    let scope = Scope::parse(&grant.scope)
        .map_err(|_| DbError::Inconsistent { table: "grants", what: "scope does not parse".into() })?;
    let scope = scope.union(&Scope::of(&claims::requested(grant)?.scopes()));
    let needed = resource::consent_keys(&scope, grant.resource.as_deref());
    Ok(needed.iter().all(|key| given.scope.contains(key)))
}

/// Whether the token may be used, and how.
///
/// # Errors
/// [`Refusal::RefreshTokenReused`] asks the caller to revoke the grant; the others change nothing.
pub fn turn(f: &Facts<'_>) -> Result<Turn, Refusal> {
    let (token, grant) = f.stored.ok_or(Refusal::RefreshTokenUnknown)?;
    if grant.client_id != f.client.id {
        return Err(Refusal::RefreshTokenOfOtherClient);
    }
    if grant.dpop_jkt.is_some() && grant.dpop_jkt.as_deref() != f.jkt {
        return Err(Refusal::RefreshTokenOfOtherKey);
    }
    if grant.revoked_at.is_some() {
        return Err(Refusal::GrantRevoked);
    }
    if token.expires_at <= f.now {
        return Err(Refusal::RefreshTokenExpired);
    }
    if !f.has_consent {
        return Err(Refusal::ConsentWithdrawn);
    }
    match &token.state {
        RefreshState::Live => Ok(Turn::Rotate),
        RefreshState::Used { at, successor_sealed } if f.now.since(*at) <= GRACE_S => {
            Ok(Turn::Repeat(successor_sealed.clone()))
        }
        RefreshState::Used { .. } => Err(Refusal::RefreshTokenReused),
    }
}

/// The scope of the new access token: what was granted, or less if the request says so (RFC 6749 §6).
///
/// # Errors
/// [`Refusal::ScopeMalformed`] or [`Refusal::ScopeExceedsGrant`].
pub fn narrowed(granted: &str, requested: Option<&str>, reach: &Reach) -> Result<Scope, Refusal> {
    let granted = Scope::parse(granted).map_err(|_| Refusal::ScopeMalformed)?;
    let Some(requested) = requested else { return Ok(granted) };
    // What the authorization request had dropped is dropped here too: clients repeat their whole scope.
    let requested = Scope::parse(requested).map_err(|_| Refusal::ScopeMalformed)?;
    let requested = requested.filtered(|s| STANDARD.contains(&s) || granted.contains(s) || reach.knows(s));
    if requested.is_subset(&granted) { Ok(requested) } else { Err(Refusal::ScopeExceedsGrant) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::decide::code::tests::grant;
    use crate::decide::resource::tests::reach;

    fn token(state: RefreshState) -> RefreshToken {
        RefreshToken { token_hash: "h".into(), state, issued_at: UnixTime(0), expires_at: UnixTime(1000) }
    }

    fn used(at: i64) -> RefreshState {
        RefreshState::Used { at: UnixTime(at), successor_sealed: "next".into() }
    }

    fn run(state: RefreshState, grant: Grant, has_consent: bool, now: i64) -> Result<Turn, Refusal> {
        turn(&Facts {
            stored: Some(&(token(state), grant)),
            client: &client(),
            has_consent,
            jkt: None,
            now: UnixTime(now),
        })
    }

    #[test]
    fn s16_rotation_grace_and_reuse() {
        assert_eq!(run(RefreshState::Live, grant(), true, 999), Ok(Turn::Rotate));
        assert_eq!(run(used(100), grant(), true, 130), Ok(Turn::Repeat("next".into())));
        assert_eq!(run(used(100), grant(), true, 131), Err(Refusal::RefreshTokenReused));
    }

    #[test]
    fn s16_bindings_are_checked_at_each_use() {
        let live = RefreshState::Live;
        assert_eq!(run(live.clone(), grant(), true, 1000), Err(Refusal::RefreshTokenExpired));
        assert_eq!(run(live.clone(), grant(), false, 0), Err(Refusal::ConsentWithdrawn));
        let other = Grant { client_id: "other".into(), ..grant() };
        assert_eq!(run(live.clone(), other, true, 0), Err(Refusal::RefreshTokenOfOtherClient));
        let revoked = Grant { revoked_at: Some(UnixTime(1)), ..grant() };
        assert_eq!(run(live, revoked.clone(), true, 2), Err(Refusal::GrantRevoked));
        assert_eq!(run(used(0), revoked, true, 500), Err(Refusal::GrantRevoked));
        let none = Facts { stored: None, client: &client(), has_consent: true, jkt: None, now: UnixTime(0) };
        assert_eq!(turn(&none), Err(Refusal::RefreshTokenUnknown));
    }

    #[test]
    fn s23_a_refresh_token_that_is_bound_to_a_key_needs_that_key() {
        let bound = Grant { dpop_jkt: Some("k".into()), ..grant() };
        let turn = |grant: &Grant, state, jkt| {
            let stored = (token(state), grant.clone());
            let client = client();
            super::turn(&Facts {
                stored: Some(&stored),
                client: &client,
                has_consent: true,
                jkt,
                now: UnixTime(100),
            })
        };
        let live = RefreshState::Live;
        assert_eq!(turn(&bound, live.clone(), Some("k")), Ok(Turn::Rotate));
        for jkt in [None, Some("K")] {
            assert_eq!(turn(&bound, live.clone(), jkt), Err(Refusal::RefreshTokenOfOtherKey));
            // whoever stole a used token without the key ends nothing
            assert_eq!(turn(&bound, used(0), jkt), Err(Refusal::RefreshTokenOfOtherKey));
        }
        assert_eq!(turn(&bound, used(0), Some("k")), Err(Refusal::RefreshTokenReused));
        assert_eq!(turn(&grant(), live, Some("k")), Ok(Turn::Rotate));
    }

    #[test]
    fn s16_scope_can_only_shrink() {
        let text = |s: Result<Scope, Refusal>| s.map(|s| s.to_string());
        let narrowed = |granted, asked| narrowed(granted, asked, &reach());
        assert_eq!(text(narrowed("openid email", None)), Ok("openid email".into()));
        assert_eq!(text(narrowed("openid email", Some("openid"))), Ok("openid".into()));
        assert_eq!(text(narrowed("openid email", Some("openid email made-up"))), Ok("openid email".into()));
        assert_eq!(text(narrowed("openid", Some("openid email"))), Err(Refusal::ScopeExceedsGrant));
        assert_eq!(text(narrowed("openid", Some("open\"id"))), Err(Refusal::ScopeMalformed));
        assert_eq!(text(narrowed("openid read", Some("read"))), Ok("read".into()));
        assert_eq!(text(narrowed("openid read", Some("read write"))), Err(Refusal::ScopeExceedsGrant));
    }
}
