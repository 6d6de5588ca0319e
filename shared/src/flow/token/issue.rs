//! Making the tokens of a token response (RFC 6749 §5.1, RFC 9068, OpenID Connect Core §3.1.3.3).

use crate::decide::claims;
use crate::failure::{Failure, Fault};
use crate::http::{Cx, Resp, respond};
use crate::keyring;
use crate::store::client::Client;
use crate::store::grant::Grant;
use http::{HeaderValue, StatusCode, header};
use proto::jose::jwt::TokenType;
use proto::oauth::scope::Scope;
use proto::oidc::access_token::AccessTokenClaims;
use proto::oidc::claims::UserClaims;
use proto::oidc::id_token::{self, IdTokenClaims};
use serde::Serialize;

/// Lifetime of ID tokens in seconds.
const ID_TOKEN_LIFETIME_S: i64 = 3600;

/// What tokens are made of.
pub struct Basis<'a> {
    /// The client.
    pub client: &'a Client,
    /// What was granted.
    pub grant: &'a Grant,
    /// Scope of this access token.
    pub scope: &'a Scope,
    /// The person's claims.
    pub user: &'a UserClaims,
    /// Whether the ID token repeats the request's `nonce`: the first one does, refreshed ones do not.
    pub nonce: Nonce,
}

/// See [`Basis::nonce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// Repeat it.
    Repeated,
    /// Leave it out (OpenID Connect Core §12.2).
    Omitted,
}

/// The tokens, signed.
pub struct Tokens {
    access_token: String,
    id_token: Option<String>,
    scope: String,
    expires_in: i64,
}

#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    refresh_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    scope: &'a str,
}

/// Signs an access token, and an ID token if `openid` was granted.
///
/// # Errors
/// A fault if keys or randomness fail.
pub async fn tokens(cx: &Cx, basis: &Basis<'_>) -> Result<Tokens, Failure> {
    let key = keyring::active(&cx.host, cx.now).await?;
    let expires_in = basis.client.access_token_lifetime_s();
    let access = AccessTokenClaims {
        iss: cx.issuer().to_owned(),
        sub: basis.grant.user_id.clone(),
        aud: claims::access_token_audience(&basis.client.id, cx.issuer(), basis.scope),
        client_id: basis.client.id.clone(),
        scope: basis.scope.to_string(),
        scp: basis.scope.iter().map(str::to_owned).collect(),
        jti: claims::access_token_id(&basis.grant.id, &cx.host.uuid()?),
        iat: cx.now,
        exp: cx.now.plus(expires_in),
    };
    let access_token = keyring::sign(&cx.host, &key, TokenType::AccessToken.typ(), &access).await?;
    let id_token = if basis.scope.contains("openid") {
        let id = IdTokenClaims {
            iss: cx.issuer().to_owned(),
            sub: basis.grant.user_id.clone(),
            aud: vec![basis.client.id.clone()],
            exp: cx.now.plus(ID_TOKEN_LIFETIME_S),
            iat: cx.now,
            auth_time: basis.grant.auth_time,
            nonce: basis.grant.nonce.clone().filter(|_| basis.nonce == Nonce::Repeated),
            at_hash: id_token::half_hash(key.alg, &access_token),
            sid: basis.grant.session_id.clone(),
            jti: cx.host.uuid()?,
            amr: basis.grant.amr.split(' ').filter(|m| !m.is_empty()).map(str::to_owned).collect(),
            user: basis.user.for_scope(basis.scope),
        };
        Some(keyring::sign(&cx.host, &key, TokenType::IdToken.typ(), &id).await?)
    } else {
        None
    };
    Ok(Tokens { access_token, id_token, scope: basis.scope.to_string(), expires_in })
}

impl Tokens {
    /// The token response.
    ///
    /// # Errors
    /// None today.
    pub fn respond(&self, refresh_token: &str) -> Result<Resp, Fault> {
        let mut resp = respond::json(
            StatusCode::OK,
            &Body {
                access_token: &self.access_token,
                token_type: "Bearer",
                expires_in: self.expires_in,
                refresh_token,
                id_token: self.id_token.as_deref(),
                scope: &self.scope,
            },
        );
        resp.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        Ok(resp)
    }
}
