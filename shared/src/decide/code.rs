//! Redeeming an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).

use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::grant::{Code, Grant};
use crate::store::user::User;
use proto::oauth::pkce::{self, CodeChallenge};
use proto::time::UnixTime;

/// What the token request sent with the code.
#[derive(Debug, Clone, Copy)]
pub struct Redemption<'a> {
    /// `redirect_uri`.
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier`.
    pub code_verifier: Option<&'a str>,
    /// Thumbprint of the DPoP proof's key.
    pub jkt: Option<&'a str>,
}

/// Whether the code may be redeemed now. Every rule is looked at before [`Refusal::CodeAlreadyUsed`] is
/// reported, because that one revokes what was issued: a guessed or stolen code alone must not.
///
/// # Errors
/// The first rule that is broken.
pub fn redeem(
    stored: Option<&(Code, Grant)>,
    client: &Client,
    sent: Redemption<'_>,
    now: UnixTime,
) -> Result<(), Refusal> {
    let (code, grant) = stored.ok_or(Refusal::CodeUnknown)?;
    if grant.client_id != client.id {
        return Err(Refusal::CodeOfOtherClient);
    }
    if code.redirect_uri.as_deref() != sent.redirect_uri {
        return Err(Refusal::CodeRedirectUriMismatch);
    }
    let challenge = code
        .code_challenge
        .as_deref()
        .map(CodeChallenge::from_stored)
        .transpose()
        .map_err(|_| Refusal::CodeVerifierMismatch)?;
    pkce::verify(challenge.as_ref(), sent.code_verifier).map_err(|_| Refusal::CodeVerifierMismatch)?;
    if code.dpop_jkt.is_some() && code.dpop_jkt.as_deref() != sent.jkt {
        return Err(Refusal::CodeOfOtherKey);
    }
    // A grant that is gone already needs no second end.
    if grant.revoked_at.is_some() {
        return Err(Refusal::GrantRevoked);
    }
    if code.used_at.is_some() {
        return Err(Refusal::CodeAlreadyUsed);
    }
    if code.expires_at <= now {
        return Err(Refusal::CodeExpired);
    }
    Ok(())
}

/// Whether the person behind a grant may still use the client.
///
/// # Errors
/// [`Refusal::AccountUnavailable`] or [`Refusal::NotInAllowedGroups`].
pub fn person(user: Option<&User>, client: &Client, is_member: bool) -> Result<(), Refusal> {
    if user.is_none_or(|u| u.disabled) {
        return Err(Refusal::AccountUnavailable);
    }
    if client.is_group_restricted && !is_member {
        return Err(Refusal::NotInAllowedGroups);
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::store::grant::Kind;

    pub(crate) fn grant() -> Grant {
        Grant {
            id: "g".into(),
            kind: Kind::AuthorizationCode,
            client_id: "app".into(),
            user_id: Some("u".into()),
            session_id: Some("s".into()),
            scope: "openid".into(),
            resource: None,
            claims: None,
            auth_time: UnixTime(0),
            amr: "phr".into(),
            acr: None,
            nonce: None,
            dpop_jkt: None,
            actor: None,
            revoked_at: None,
        }
    }

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn code() -> Code {
        Code {
            code_hash: "h".into(),
            redirect_uri: Some("https://app.example/cb".into()),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            code_challenge_method: Some("S256".into()),
            dpop_jkt: None,
            expires_at: UnixTime(60),
            used_at: None,
        }
    }

    const SENT: Redemption<'_> =
        Redemption { redirect_uri: Some("https://app.example/cb"), code_verifier: Some(VERIFIER), jkt: None };

    fn run(code: Code, grant: Grant, sent: Redemption<'_>, now: i64) -> Result<(), Refusal> {
        redeem(Some(&(code, grant)), &client(), sent, UnixTime(now))
    }

    #[test]
    fn s14_each_binding_alone() {
        assert_eq!(run(code(), grant(), SENT, 59), Ok(()));
        assert_eq!(run(code(), grant(), SENT, 60), Err(Refusal::CodeExpired));
        let other = Grant { client_id: "other".into(), ..grant() };
        assert_eq!(run(code(), other, SENT, 0), Err(Refusal::CodeOfOtherClient));
        let wrong = Redemption { redirect_uri: Some("https://app.example/cb/"), ..SENT };
        assert_eq!(run(code(), grant(), wrong, 0), Err(Refusal::CodeRedirectUriMismatch));
        let absent = Redemption { redirect_uri: None, ..SENT };
        assert_eq!(run(code(), grant(), absent, 0), Err(Refusal::CodeRedirectUriMismatch));
        assert_eq!(redeem(None, &client(), SENT, UnixTime(0)), Err(Refusal::CodeUnknown));
        let revoked = Grant { revoked_at: Some(UnixTime(1)), ..grant() };
        assert_eq!(run(code(), revoked, SENT, 1), Err(Refusal::GrantRevoked));
    }

    #[test]
    fn s15_reuse_is_reported_only_for_a_code_that_verifies() {
        let used = Code { used_at: Some(UnixTime(5)), ..code() };
        assert_eq!(run(used.clone(), grant(), SENT, 100), Err(Refusal::CodeAlreadyUsed));
        let wrong = Redemption { code_verifier: Some("x".repeat(43).leak()), ..SENT };
        assert_eq!(run(used.clone(), grant(), wrong, 10), Err(Refusal::CodeVerifierMismatch));
        let other = Grant { client_id: "other".into(), ..grant() };
        assert_eq!(run(used, other, SENT, 10), Err(Refusal::CodeOfOtherClient));
    }

    #[test]
    fn s23_a_code_that_is_bound_to_a_key_needs_that_key() {
        let bound = Code { dpop_jkt: Some("k".into()), ..code() };
        let with = |jkt| Redemption { jkt, ..SENT };
        assert_eq!(run(bound.clone(), grant(), with(Some("k")), 0), Ok(()));
        assert_eq!(run(bound.clone(), grant(), with(Some("K")), 0), Err(Refusal::CodeOfOtherKey));
        assert_eq!(run(bound, grant(), with(None), 0), Err(Refusal::CodeOfOtherKey));
        // one that is not may be redeemed with any
        assert_eq!(run(code(), grant(), with(Some("k")), 0), Ok(()));
    }

    #[test]
    fn s06_verifier_and_challenge_come_together_or_not_at_all() {
        let no_verifier = Redemption { code_verifier: None, ..SENT };
        assert_eq!(run(code(), grant(), no_verifier, 0), Err(Refusal::CodeVerifierMismatch));
        let no_challenge = Code { code_challenge: None, code_challenge_method: None, ..code() };
        assert_eq!(run(no_challenge.clone(), grant(), SENT, 0), Err(Refusal::CodeVerifierMismatch));
        assert_eq!(run(no_challenge, grant(), no_verifier, 0), Ok(()));
    }
}
