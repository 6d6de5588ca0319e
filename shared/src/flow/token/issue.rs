//! Making the tokens of a token response (RFC 6749 §5.1, RFC 9068, OpenID Connect Core §3.1.3.3).

use crate::db::Stmt;
use crate::decide::{claims, resource};
use crate::failure::{Failure, Fault};
use crate::http::{Cx, Resp, respond};
use crate::keyring;
use crate::keyring::rotation::ID_TOKEN_LIFETIME_S;
use crate::store::client::Client;
use crate::store::grant::{self, Grant};
use crate::subject;
use http::{HeaderValue, StatusCode, header};
use proto::hash::sha256_b64;
use proto::jose::jwt::TokenType;
use proto::oauth::scope::Scope;
use proto::oauth::token_exchange;
use proto::oidc::access_token::AccessToken;
use proto::oidc::acr;
use proto::oidc::claims::{Listener, Person, told};
use proto::oidc::id_token::{IdToken, half_hash};
use serde::Serialize;

/// What tokens are made of.
pub(super) struct Basis<'a> {
    /// The client.
    pub client: &'a Client,
    /// What was granted.
    pub grant: &'a Grant,
    /// Scope of this access token.
    pub scope: &'a Scope,
    /// The person; `None` where a client acts for itself, and where only an access token is wanted.
    pub person: Option<&'a Person>,
    /// The longest that the access token may live, in seconds; the client's own limit holds too.
    pub most_s: Option<i64>,
    /// Whether the ID token repeats the request's `nonce`: the first one does, refreshed ones do not.
    pub nonce: Nonce,
    /// Thumbprint of the key that the access token is bound to, from `flow::dpop::proof`.
    pub jkt: Option<&'a str>,
}

/// See [`Basis::nonce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nonce {
    /// Repeat it.
    Repeated,
    /// Leave it out (OpenID Connect Core §12.2).
    Omitted,
}

/// The tokens, signed.
pub(super) struct Tokens {
    access_token: String,
    id_token: Option<String>,
    token_type: &'static str,
    scope: String,
    expires_in: i64,
}

#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'a str>,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    scope: &'a str,
}

/// Signs an access token, and an ID token if `openid` was granted.
///
/// # Errors
/// A fault if keys or randomness fail.
pub(super) async fn tokens(cx: &Cx, basis: &Basis<'_>) -> Result<Tokens, Failure> {
    let key = keyring::active(&cx.host, cx.now).await?;
    let subject = match &basis.grant.user_id {
        Some(user_id) => subject::of(&cx.host, basis.client, user_id).await?,
        None => claims::client_subject(&basis.client.id),
    };
    let expires_in = basis.client.access_token_lifetime_s().min(basis.most_s.unwrap_or(i64::MAX));
    let actor = basis.grant.actor.as_deref().map(serde_json::from_str).transpose();
    let access = AccessToken {
        subject: subject.clone(),
        client_id: basis.client.id.clone(),
        audience: resource::audience(
            basis.grant.resource.as_deref(),
            &basis.client.id,
            cx.issuer(),
            basis.scope,
        ),
        scope: basis.scope.clone(),
        auth_time: basis.grant.user_id.as_ref().map(|_| basis.grant.auth_time),
        acr: basis.grant.acr.clone(),
        jti: claims::access_token_id(&basis.grant.id, &cx.host.uuid()?),
        issued_at: cx.now,
        expires_at: cx.now.plus(expires_in),
        jkt: basis.jkt.map(str::to_owned),
        actor: actor.map_err(|_| Fault::Bug("a stored actor does not parse"))?,
    };
    let access_token =
        keyring::sign(&cx.host, &key, TokenType::AccessToken, &access.claims(cx.issuer())).await?;
    let id_token = if let Some(person) = basis.person.filter(|_| basis.scope.contains("openid")) {
        let amr: Vec<&str> = basis.grant.amr.split(' ').filter(|m| !m.is_empty()).collect();
        let wanted = basis.client.metadata.id_token_signed_response_alg.as_deref();
        let key = keyring::active_for(&cx.host, cx.now, wanted).await?;
        let id = IdToken {
            issuer: cx.issuer(),
            subject: &subject,
            client_id: &basis.client.id,
            session_id: basis.grant.session_id.as_deref(),
            jti: &cx.host.uuid()?,
            issued_at: cx.now,
            expires_at: cx.now.plus(ID_TOKEN_LIFETIME_S),
            requested_at: cx.now,
            auth_time: basis.grant.auth_time,
            nonce: basis.grant.nonce.as_deref().filter(|_| basis.nonce == Nonce::Repeated),
            acr: basis.grant.acr.as_deref().unwrap_or(acr::NOTHING_KNOWN),
            amr: &amr,
            at_hash: Some(half_hash(key.row.alg, &access_token)),
            person: told(
                person,
                &Listener {
                    subject: &subject,
                    scope: basis.scope,
                    claims: &claims::requested(basis.grant)?.id_token,
                    app_url: cx.issuer(),
                },
            ),
        };
        Some(keyring::sign(&cx.host, &key, TokenType::IdToken, &id.claims()).await?)
    } else {
        None
    };
    // RFC 9449 §5: the type tells the client how to send the token.
    let token_type = if basis.jkt.is_some() { "DPoP" } else { "Bearer" };
    Ok(Tokens { access_token, id_token, token_type, scope: basis.scope.to_string(), expires_in })
}

/// The refresh token that a grant begins with, and the statements that store it; `None` for a client that registered
/// without the grant type.
///
/// # Errors
/// A fault if there is no randomness.
pub(super) fn first_refresh_token(
    cx: &Cx,
    basis: &Basis<'_>,
) -> Result<(Option<String>, Vec<Stmt>), Failure> {
    let (client, grant_id) = (basis.client, basis.grant.id.as_str());
    let mut stmts = Vec::new();
    let mut refresh_token = None;
    if client.metadata.allows_grant_type("refresh_token") {
        let token = cx.host.random_token()?;
        let expires_at = cx.now.plus(client.refresh_token_lifetime_s());
        stmts.push(grant::insert_refresh(&sha256_b64(&token), grant_id, cx.now, expires_at));
        refresh_token = Some(token);
    }
    // RFC 9449 §5: nothing else binds the refresh token of a client without a secret.
    if let Some(jkt) = basis.jkt.filter(|_| client.is_public) {
        stmts.push(grant::bind_to_key(grant_id, jkt));
    }
    Ok((refresh_token, stmts))
}

impl Tokens {
    /// The token response.
    pub(super) fn respond(&self, refresh_token: Option<&str>) -> Resp {
        self.respond_as(refresh_token, None)
    }

    /// The token response of a token exchange (RFC 8693 §2.2.1).
    pub(super) fn respond_exchanged(&self) -> Resp {
        self.respond_as(None, Some(token_exchange::ACCESS_TOKEN))
    }

    fn respond_as(&self, refresh_token: Option<&str>, issued_token_type: Option<&str>) -> Resp {
        let mut resp = respond::json(
            StatusCode::OK,
            &Body {
                access_token: &self.access_token,
                issued_token_type,
                token_type: self.token_type,
                expires_in: self.expires_in,
                refresh_token,
                id_token: self.id_token.as_deref(),
                scope: &self.scope,
            },
        );
        resp.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        resp
    }
}
