//! `grant_type=client_credentials` (RFC 6749 §4.4): a client acts in its own name.

use super::issue::{self, Basis, Nonce};
use crate::decide::resource::{self, SubjectType};
use crate::failure::Failure;
use crate::flow::client::{may_use, prove};
use crate::flow::dpop;
use crate::http::{Cx, Req, Resp};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::grant::{Grant, Kind};
use crate::store::{api, client, load, save};
use proto::form::Params;
use proto::oauth::client_auth::ClientCredentials;
use proto::oauth::scope::Scope;

/// The value of `grant_type`.
pub(super) const GRANT_TYPE: &str = "client_credentials";

/// Issues an access token for the API that `resource` names, else for the client itself. There is no person, so
/// there is no ID token, and nothing to refresh. The grant behind it can be revoked like any other.
///
/// # Errors
/// The rule that was broken, or a fault.
pub(super) async fn exchange(
    cx: &Cx,
    req: &Req,
    params: &Params,
    credentials: &ClientCredentials,
) -> Result<Resp, Failure> {
    let [client, secrets, reach] = load(
        &*cx.host.db,
        [
            client::by_id(credentials.id()),
            client::secrets(credentials.id()),
            api::reach(credentials.id(), SubjectType::Client, params.get("resource")),
        ],
    )
    .await?;
    let client = prove(cx, credentials, &client, &secrets).await?;
    may_use(&client, GRANT_TYPE)?;
    if client.is_public {
        return Err(Refusal::GrantTypeNotForPublic.into());
    }
    let bound = dpop::proof(cx, req, &client).await?;
    let asked = Scope::parse(params.get("scope").unwrap_or("")).map_err(|_| Refusal::ScopeMalformed)?;
    let reach = api::read_reach(&reach)?;
    let resolved = resource::resolve(&asked, params.get("resource"), &reach, SubjectType::Client)?;
    let grant = Grant {
        id: cx.host.uuid()?,
        kind: Kind::ClientCredentials,
        client_id: client.id.clone(),
        user_id: None,
        session_id: None,
        scope: resolved.scope.to_string(),
        resource: resolved.resource,
        claims: None,
        auth_time: cx.now,
        amr: String::new(),
        acr: None,
        nonce: None,
        dpop_jkt: None,
        actor: None,
        revoked_at: None,
    };
    let basis = Basis {
        client: &client,
        grant: &grant,
        scope: &resolved.scope,
        person: None,
        most_s: None,
        nonce: Nonce::Omitted,
        jkt: bound.as_ref().map(|b| b.jkt.as_str()),
    };
    let tokens = issue::tokens(cx, &basis).await?;
    let until = cx.now.plus(client.access_token_lifetime_s());
    match save(&*cx.host.db, vec![grant.insert(cx.now, until)]).await {
        Ok(()) => Ok(tokens.respond(None)),
        // The client was removed meanwhile.
        Err(DbError::Constraint(_)) => Err(Refusal::ClientSecretWrong.into()),
        Err(error) => Err(error.into()),
    }
}
