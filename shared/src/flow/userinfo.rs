//! `GET` and `POST /api/oidc/userinfo` (OpenID Connect Core §5.3).

use super::oauth_error::scheme_is;
use super::{body, dpop, own_token};
use crate::decide::claims;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::grant::{self, By};
use crate::store::user::User;
use crate::store::{load, revoked_token};
use crate::subject;
use ::http::{StatusCode, header};
use proto::form;
use proto::jose::jwt::{Expiry, TokenType};
use proto::oidc::access_token::AccessToken;
use proto::oidc::claims::{Listener, told};
use proto::oidc::userinfo::signed;

/// The person's claims, as they are now, for the scope of the access token; signed if the client is registered so
/// (`userinfo_signed_response_alg`).
///
/// # Errors
/// RFC 6750 §3.1, RFC 9449 §7.1.
pub async fn handle(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let sent = token(&req)?.ok_or(Refusal::TokenMissing)?;
    let claims = keyring::verify(&cx.host, cx.now, TokenType::AccessToken, &sent.token).await?;
    let claims = claims.ok_or(Refusal::TokenInvalid)?;
    claims.check(&own_token(&cx, Expiry::Required)).map_err(|_| Refusal::TokenInvalid)?;
    let token = AccessToken::from_claims(&claims).map_err(|_| Refusal::TokenInvalid)?;
    match (&token.jkt, sent.scheme) {
        (Some(_), Scheme::Bearer) => return Err(Refusal::TokenBound.into()),
        (None, Scheme::Dpop) => return Err(Refusal::TokenInvalid.into()),
        _ => {}
    }
    if !token.scope.contains("openid") || !token.audience.iter().any(|a| a == cx.issuer()) {
        return Err(Refusal::TokenScopeInsufficient.into());
    }
    let by = By::Id(claims::grant_of(&token.jti).ok_or(Refusal::TokenInvalid)?);
    let [given_back, found, client, user, groups, custom] = load(
        &*cx.host.db,
        [
            revoked_token::find(&token.jti),
            grant::find(by),
            grant::client(by),
            grant::user(by),
            grant::groups(by),
            grant::custom_claims(by),
        ],
    )
    .await?;
    if !given_back.is_empty() {
        return Err(Refusal::TokenInvalid.into());
    }
    // The token is as good as the grant behind it: sign-out, revocation and deletion end it here at once.
    let grant = grant::read(&found)?.filter(|g| g.revoked_at.is_none()).ok_or(Refusal::TokenInvalid)?;
    let user = user.first().map(User::from_row).transpose()?;
    let user = user.filter(|u| !u.disabled).ok_or(Refusal::TokenInvalid)?;
    let client = Client::from_rows(&client)?.filter(|c| !c.is_pending).ok_or(Refusal::TokenInvalid)?;
    // A client that knows people by other identifiers since then has to ask anew.
    let subject = subject::of(&cx.host, &client, &user.id).await?;
    if subject != token.subject {
        return Err(Refusal::TokenInvalid.into());
    }
    if let Some(jkt) = &token.jkt {
        dpop::at_resource(&cx, &req, &sent.token, jkt).await?;
    }
    let groups = claims::groups(&groups)?;
    // Whoever was taken out of the groups that may use the app is told no more about at it.
    if client.is_group_restricted && !groups.is_member {
        return Err(Refusal::TokenInvalid.into());
    }
    let person = claims::person(&user, groups, &custom)?;
    let by_name = claims::requested(&grant)?.userinfo;
    let told = told(
        &person,
        &Listener { subject: &subject, scope: &token.scope, claims: &by_name, app_url: cx.issuer() },
    );
    let Some(alg) = client.metadata.userinfo_signed_response_alg.as_deref() else {
        return Ok(respond::json(StatusCode::OK, &told));
    };
    let key = keyring::active_for(&cx.host, cx.now, Some(alg)).await?;
    let signed = signed(told, cx.issuer(), &client.id, cx.now);
    let jwt = keyring::sign(&cx.host, &key, TokenType::UserInfo, &signed).await?;
    Ok(respond::jwt("application/jwt", jwt))
}

/// How a token was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// By its bearer, whoever that is.
    Bearer,
    /// With a proof of its key.
    Dpop,
}

struct Sent {
    token: String,
    scheme: Scheme,
}

/// The token from the header, or from a form body (RFC 6750 §2.1, §2.2; RFC 9449 §7.1). The query is not looked at
/// (RFC 9700 §4.3.2).
fn token(req: &Req) -> Result<Option<Sent>, Failure> {
    let header = match req.headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.to_str().ok().and_then(credentials).ok_or(Refusal::TokenMissing)?),
        None => None,
    };
    let is_form = req.header(header::CONTENT_TYPE).is_some_and(form::is_form);
    let in_body = if is_form && !req.body.is_empty() {
        body(req)?.get("access_token").map(|t| Sent { token: t.to_owned(), scheme: Scheme::Bearer })
    } else {
        None
    };
    match (header, in_body) {
        (Some(_), Some(_)) => Err(Refusal::TokenSentTwice.into()),
        (header, in_body) => Ok(header.or(in_body)),
    }
}

fn credentials(header: &str) -> Option<Sent> {
    let scheme = match () {
        () if scheme_is(header, "Bearer") => Scheme::Bearer,
        () if scheme_is(header, "DPoP") => Scheme::Dpop,
        () => return None,
    };
    let (_, token) = header.split_once(' ')?;
    Some(Sent { token: token.trim().to_owned(), scheme })
}
