//! `GET` and `POST /api/oidc/userinfo` (OpenID Connect Core §5.3).

use super::body;
use crate::decide::claims;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::refusal::Refusal;
use crate::store::grant::{self, By};
use crate::store::load;
use crate::store::user::User;
use ::http::{StatusCode, header};
use proto::form;
use proto::jose::jwt::TokenType;
use proto::oauth::scope::Scope;
use serde_json::{Map, Value};

/// The person's claims, as they are now, for the scope of the access token.
///
/// # Errors
/// RFC 6750 §3.1.
pub async fn handle(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let token = bearer(&req)?.ok_or(Refusal::TokenMissing)?;
    let claims = keyring::verify(&cx.host, cx.now, TokenType::AccessToken, &token).await?;
    let claims = claims.ok_or(Refusal::TokenInvalid)?;
    let grant_id = check(&claims, cx.issuer(), cx.now.0).ok_or(Refusal::TokenInvalid)?;
    let scope = Scope::parse(text(&claims, "scope")).map_err(|_| Refusal::TokenInvalid)?;
    let for_us = claims.get("aud").and_then(Value::as_array).is_some_and(|aud| aud.iter().any(|a| a == cx.issuer()));
    if !scope.contains("openid") || !for_us {
        return Err(Refusal::TokenScopeInsufficient.into());
    }
    let by = By::Id(&grant_id);
    let [found, user, groups, custom] = load(
        &*cx.host.db,
        [grant::find(by), grant::user(by), grant::groups(by), grant::custom_claims(by)],
    )
    .await?;
    // The token is as good as the grant behind it: sign-out, revocation and deletion end it here at once.
    grant::read(&found)?.filter(|g| g.revoked_at.is_none()).ok_or(Refusal::TokenInvalid)?;
    let user = user.first().map(User::from_row).transpose()?;
    let user = user.filter(|u| !u.disabled && u.id == text(&claims, "sub")).ok_or(Refusal::TokenInvalid)?;
    let person = claims::user(&user, claims::groups(&groups)?, &custom, cx.issuer())?;
    let mut answer = person.for_scope(&scope);
    answer.insert("sub".to_owned(), Value::String(user.id));
    Ok(respond::json(StatusCode::OK, &answer))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or("")
}

/// Issuer and life time; gives the grant's id.
fn check(claims: &Map<String, Value>, issuer: &str, now: i64) -> Option<String> {
    let expires = claims.get("exp").and_then(Value::as_i64)?;
    (text(claims, "iss") == issuer && now < expires).then_some(())?;
    claims::grant_of(text(claims, "jti")).map(str::to_owned)
}

/// The token from the header, or from a form body (RFC 6750 §2.1, §2.2). The query is not looked at
/// (RFC 9700 §4.3.2).
fn bearer(req: &Req) -> Result<Option<String>, Failure> {
    let header = match req.headers.get(header::AUTHORIZATION) {
        Some(value) => Some(value.to_str().ok().and_then(credentials).ok_or(Refusal::TokenMissing)?),
        None => None,
    };
    let is_form = req.header(header::CONTENT_TYPE).is_some_and(form::is_form);
    let in_body = if is_form && !req.body.is_empty() {
        body(req)?.get("access_token").map(str::to_owned)
    } else {
        None
    };
    match (header, in_body) {
        (Some(_), Some(_)) => Err(Refusal::TokenSentTwice.into()),
        (header, in_body) => Ok(header.or(in_body)),
    }
}

fn credentials(header: &str) -> Option<String> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim().to_owned())
}
