//! `grant_type=authorization_code` (RFC 6749 §4.1.3).

use super::issue::{self, Basis, Nonce};
use crate::decide::code::{self, Redemption};
use crate::decide::resource::{self, SubjectType};
use crate::failure::{Failure, Fault};
use crate::flow::client::{may_use, prove};
use crate::flow::dpop;
use crate::http::{Cx, Req, Resp};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::grant::{self, By, Grant};
use crate::store::{api, client, load, save};
use proto::form::Params;
use proto::hash::sha256_b64;
use proto::oauth::client_auth::ClientCredentials;
use proto::oauth::scope::Scope;
use serde_json::json;

/// Redeems a code. Client, code and person are one load; using the code up and the refresh token are one save.
///
/// # Errors
/// The rule that was broken, or a fault. A failed client authentication leaves the code as it was.
pub(super) async fn exchange(
    cx: &Cx,
    req: &Req,
    params: &Params,
    credentials: &ClientCredentials,
) -> Result<Resp, Failure> {
    let code_hash = sha256_b64(params.get("code").ok_or(Refusal::GrantMissing)?);
    let by = By::CodeHash(&code_hash);
    let [client, secrets, stored, user, groups, custom, reach] = load(
        &*cx.host.db,
        [
            client::by_id(credentials.id()),
            client::secrets(credentials.id()),
            grant::by_code(&code_hash),
            grant::user(by),
            grant::groups(by),
            grant::custom_claims(by),
            api::reach(credentials.id(), SubjectType::User, None),
        ],
    )
    .await?;
    let client = prove(cx, credentials, &client, &secrets).await?;
    may_use(&client, "authorization_code")?;
    let bound = dpop::proof(cx, req, &client).await?;
    let jkt = bound.as_ref().map(|b| b.jkt.as_str());
    let stored = grant::read_code(&stored)?;
    let sent = Redemption {
        redirect_uri: params.get("redirect_uri"),
        code_verifier: params.get("code_verifier"),
        jkt,
    };
    if let Err(refusal) = code::redeem(stored.as_ref(), &client, sent, cx.now) {
        if let Some((_, grant)) = stored.as_ref().filter(|_| refusal == Refusal::CodeAlreadyUsed) {
            revoke(cx, req, grant).await?;
        }
        return Err(refusal.into());
    }
    let (_, grant) = stored.ok_or(Refusal::CodeUnknown)?;
    let person = super::person(&client, &user, &groups, &custom)?;

    let scope = Scope::parse(&grant.scope).map_err(|_| Fault::Bug("a stored scope does not parse"))?;
    resource::same_resource(grant.resource.as_deref(), params.get("resource"))?;
    resource::still_granted(&scope, grant.resource.as_deref(), &api::read_reach(&reach)?)?;
    let basis = Basis {
        client: &client,
        grant: &grant,
        scope: &scope,
        person: Some(&person),
        most_s: None,
        nonce: Nonce::Repeated,
        jkt,
    };
    let tokens = issue::tokens(cx, &basis).await?;
    let mut stmts = vec![grant::use_code(&code_hash, cx.now)];
    let (refresh_token, stored) = issue::first_refresh_token(cx, &basis)?;
    stmts.extend(stored);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(tokens.respond(refresh_token.as_deref())),
        Err(DbError::Lost) => {
            // Somebody redeemed it between our load and our save: the same as a second use.
            revoke(cx, req, &grant).await?;
            Err(Refusal::CodeAlreadyUsed.into())
        }
        // The grant went away meanwhile, with its client or person.
        Err(DbError::Constraint(_)) => Err(Refusal::GrantRevoked.into()),
        Err(error) => Err(error.into()),
    }
}

/// RFC 6749 §4.1.2: a code that comes twice takes back what was issued from it.
async fn revoke(cx: &Cx, req: &Req, grant: &Grant) -> Result<(), Failure> {
    tracing::warn!(
        request_id = cx.request_id,
        client = grant.client_id,
        grant = grant.id,
        "authorization code came twice"
    );
    let data = json!({ "kind": "authorization_code" });
    let entry =
        audit::record(Event::TokenReuse, grant.user_id.as_deref(), Some(&grant.client_id), &data, cx, req)?;
    Ok(save(&*cx.host.db, vec![grant::revoke(&grant.id, "code_reuse", cx.now), entry]).await?)
}
