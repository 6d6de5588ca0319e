//! `POST /api/oidc/introspect` (RFC 7662, RFC 9701).

mod caller;

use super::{body, own_token};
use crate::decide::claims;
use crate::decide::introspection::{self, Facts, Token};
use crate::decide::refresh;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::grant::{self, By, Grant, RefreshToken};
use crate::store::user::User;
use crate::store::{consent, load, revoked_token};
use crate::subject;
use ::http::{StatusCode, header};
use proto::hash::sha256_b64;
use proto::jose::jwt::{Expiry, TokenType};
use proto::oidc::access_token::AccessToken;
use serde_json::{Map, Value, json};

/// Media type of signed answers (RFC 9701 §4).
const SIGNED: &str = "application/token-introspection+jwt";

/// Claims of access tokens that are told as they are, where a token has them.
const FURTHER: [&str; 4] = ["cnf", "act", "acr", "auth_time"];

/// Tells whether a token is active, and if so, about what. `token_type_hint` is not looked at: the token's own form
/// says what it is (RFC 7662 §2.1).
///
/// # Errors
/// Authentication of the caller, a missing `token`, or a fault.
pub async fn post(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let params = body(&req)?;
    let token = params.get("token").unwrap_or("");
    let caller = caller::authenticate(&cx, &req, &params, token).await?;
    if token.is_empty() {
        return Err(Refusal::TokenParameterMissing.into());
    }
    let told = match read(&cx, token).await? {
        Some(shown) => look(&cx, &caller, &shown).await?,
        None => None,
    };
    answer(&cx, &req, &caller, told).await
}

/// A token by its form: access tokens are signed, refresh tokens are opaque.
enum Shown {
    Access(Box<AccessToken>, Map<String, Value>),
    Opaque(String),
}

async fn read(cx: &Cx, token: &str) -> Result<Option<Shown>, Failure> {
    if !token.contains('.') {
        return Ok(Some(Shown::Opaque(sha256_b64(token))));
    }
    let claims = keyring::verify(&cx.host, cx.now, TokenType::AccessToken, token).await?;
    let claims = claims.filter(|c| c.check(&own_token(cx, Expiry::Required)).is_ok());
    let Some(claims) = claims else { return Ok(None) };
    let further = |name: &&str| claims.get(name).map(|value| ((*name).to_owned(), value.clone()));
    let further = FURTHER.iter().filter_map(further).collect();
    Ok(AccessToken::from_claims(&claims).ok().map(|token| Shown::Access(Box::new(token), further)))
}

async fn look(cx: &Cx, caller: &Client, shown: &Shown) -> Result<Option<Map<String, Value>>, Failure> {
    let (by, jti, hash) = match shown {
        Shown::Access(token, _) => {
            let Some(id) = claims::grant_of(&token.jti) else { return Ok(None) };
            (By::Id(id), token.jti.as_str(), "")
        }
        Shown::Opaque(hash) => (By::RefreshHash(hash), "", hash.as_str()),
    };
    let [found, refresh, owner, user, groups, given, revoked] = load(
        &*cx.host.db,
        [
            grant::find(by),
            grant::by_refresh(hash),
            grant::client(by),
            grant::user(by),
            grant::groups(by),
            grant::consent(by),
            revoked_token::find(jti),
        ],
    )
    .await?;
    let (Some(grant), Some(owner)) = (grant::read(&found)?, Client::from_rows(&owner)?) else {
        return Ok(None);
    };
    let refresh: Option<(RefreshToken, Grant)> = grant::read_refresh(&refresh)?;
    let token = match (shown, &refresh) {
        (Shown::Access(token, further), _) => Token::Access(token, further),
        (Shown::Opaque(_), Some((token, _))) => Token::Refresh(token),
        (Shown::Opaque(_), None) => return Ok(None),
    };
    let user = user.first().map(User::from_row).transpose()?;
    let subject = match &user {
        Some(user) => Some(subject::of(&cx.host, &owner, &user.id).await?),
        None => None,
    };
    Ok(introspection::describe(&Facts {
        caller,
        token,
        grant: &grant,
        owner: &owner,
        user: user.as_ref(),
        subject: subject.as_deref(),
        is_member: claims::groups(&groups)?.is_member,
        has_consent: refresh::has_consent(consent::read(&given)?.as_ref(), &grant)?,
        is_given_back: !revoked.is_empty(),
        issuer: cx.issuer(),
        now: cx.now,
    }))
}

/// The answer: JSON, or a signed JWT where the request or the registration asks for one (RFC 9701 §4, §6).
async fn answer(
    cx: &Cx,
    req: &Req,
    caller: &Client,
    told: Option<Map<String, Value>>,
) -> Result<Resp, Failure> {
    let told = told.unwrap_or_else(|| Map::from_iter([("active".to_owned(), json!(false))]));
    if !wants_signed(req.header(header::ACCEPT).unwrap_or(""), caller) {
        return Ok(respond::json(StatusCode::OK, &told));
    }
    let claims = Map::from_iter([
        ("iss".to_owned(), json!(cx.issuer())),
        ("aud".to_owned(), json!(caller.id)),
        ("iat".to_owned(), json!(cx.now)),
        ("token_introspection".to_owned(), Value::Object(told)),
    ]);
    let alg = caller.metadata.introspection_signed_response_alg.as_deref();
    let key = keyring::active_for(&cx.host, cx.now, alg).await?;
    let jwt = keyring::sign(&cx.host, &key, TokenType::Introspection, &claims).await?;
    Ok(respond::jwt(SIGNED, jwt))
}

fn wants_signed(accept: &str, caller: &Client) -> bool {
    let accepts = |wanted: &str| {
        accept
            .split(',')
            .any(|range| range.split(';').next().is_some_and(|r| r.trim().eq_ignore_ascii_case(wanted)))
    };
    accepts(SIGNED)
        || (caller.metadata.introspection_signed_response_alg.is_some() && !accepts("application/json"))
}
