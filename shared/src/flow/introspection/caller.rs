//! Who asks: a client with a secret or key, or one with an access token of its own (RFC 7662 §2.1).

use crate::decide::{claims, code};
use crate::failure::Failure;
use crate::flow::{client, own_token};
use crate::http::{Cx, Req};
use crate::keyring;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::grant::{self, By};
use crate::store::user::User;
use crate::store::{self, load, revoked_token};
use ::http::header;
use proto::form::Params;
use proto::jose::jwt::{Expiry, TokenType};
use proto::oidc::access_token::AccessToken;
use proto::secret::ct_eq;

/// The calling client, proven. Public clients are refused either way: anybody can say their name, and their tokens
/// lie in browsers.
///
/// # Errors
/// [`Refusal`] of client authentication or of the bearer token, or a fault.
pub(super) async fn authenticate(
    cx: &Cx,
    req: &Req,
    params: &Params,
    asked: &str,
) -> Result<Client, Failure> {
    let client = match bearer(req) {
        Some(_) if params.get("client_secret").is_some() || params.get("client_assertion").is_some() => {
            return Err(Refusal::SeveralClientAuthMethods.into());
        }
        // RFC 7662 §2.1 wants authorization apart from the token asked about.
        Some(token) if ct_eq(token.as_bytes(), asked.as_bytes()) => return Err(Refusal::TokenInvalid.into()),
        Some(token) => by_access_token(cx, token).await?,
        None => {
            let credentials = client::credentials(req, params)?;
            let id = credentials.id();
            let [client, secrets] =
                load(&*cx.host.db, [store::client::by_id(id), store::client::secrets(id)]).await?;
            client::prove(cx, &credentials, &client, &secrets).await?
        }
    };
    if client.is_public {
        return Err(Refusal::PublicClientIntrospects.into());
    }
    Ok(client)
}

fn bearer(req: &Req) -> Option<&str> {
    let (scheme, token) = req.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// The client whose access token this is. It must be meant for us and the client itself and nobody else: an API that
/// was handed a token must not ask in the name of the client that handed it over.
async fn by_access_token(cx: &Cx, token: &str) -> Result<Client, Failure> {
    let verified = keyring::verify(&cx.host, cx.now, TokenType::AccessToken, token).await?;
    let claims = verified.filter(|c| c.check(&own_token(cx, Expiry::Required)).is_ok());
    // A token that is bound to a key is no bearer token (RFC 9449 §7.1).
    let claims = claims.filter(|c| c.get("cnf").is_none()).ok_or(Refusal::TokenInvalid)?;
    let token = AccessToken::from_claims(&claims).map_err(|_| Refusal::TokenInvalid)?;
    if !token.audience.iter().all(|a| a == cx.issuer() || *a == token.client_id) {
        return Err(Refusal::TokenInvalid.into());
    }
    let by = By::Id(claims::grant_of(&token.jti).ok_or(Refusal::TokenInvalid)?);
    let [found, owner, user, groups, revoked] = load(
        &*cx.host.db,
        [
            grant::find(by),
            grant::client(by),
            grant::user(by),
            grant::groups(by),
            revoked_token::find(&token.jti),
        ],
    )
    .await?;
    let grant = grant::read(&found)?.filter(|g| g.revoked_at.is_none() && revoked.is_empty());
    let grant = grant.ok_or(Refusal::TokenInvalid)?;
    let owner = Client::from_rows(&owner)?.filter(|c| !c.is_pending).ok_or(Refusal::TokenInvalid)?;
    if grant.user_id.is_some() {
        let user = user.first().map(User::from_row).transpose()?;
        code::person(user.as_ref(), &owner, claims::groups(&groups)?.is_member)
            .map_err(|_| Refusal::TokenInvalid)?;
    }
    Ok(owner)
}
