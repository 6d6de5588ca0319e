//! `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4).

use super::issue::{self, Basis, Nonce};
use crate::decide::device;
use crate::decide::resource::{self, SubjectType};
use crate::failure::{Failure, Fault};
use crate::flow::client::{may_use, prove};
use crate::flow::dpop;
use crate::http::{Cx, Req, Resp};
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::grant::{self, By};
use crate::store::{api, client, device_code, load, save};
use proto::form::Params;
use proto::hash::sha256_b64;
use proto::oauth::client_auth::ClientCredentials;
use proto::oauth::scope::Scope;

/// One poll of a device. Person, groups and APIs are looked at again, and the database lets one poll have the tokens.
///
/// # Errors
/// The rule that was broken, or a fault.
pub(super) async fn exchange(
    cx: &Cx,
    req: &Req,
    params: &Params,
    credentials: &ClientCredentials,
) -> Result<Resp, Failure> {
    let hash = sha256_b64(params.get("device_code").ok_or(Refusal::DeviceCodeMissing)?);
    let by = By::DeviceCodeHash(&hash);
    let [client, secrets, stored, grant, user, groups, custom, reach] = load(
        &*cx.host.db,
        [
            client::by_id(credentials.id()),
            client::secrets(credentials.id()),
            device_code::by_device_code(&hash),
            grant::find(by),
            grant::user(by),
            grant::groups(by),
            grant::custom_claims(by),
            api::reach(credentials.id(), SubjectType::User, None),
        ],
    )
    .await?;
    let client = prove(cx, credentials, &client, &secrets).await?;
    may_use(&client, device::GRANT_TYPE)?;
    let bound = dpop::proof(cx, req, &client).await?;
    let jkt = bound.as_ref().map(|b| b.jkt.as_str());
    let (stored, grant) = (device_code::read(&stored)?, grant::read(&grant)?);
    if let Err(refusal) = device::poll(stored.as_ref(), grant.as_ref(), &client, cx.now) {
        if matches!(refusal, Refusal::DevicePending | Refusal::DeviceSlowDown) {
            let is_early = refusal == Refusal::DeviceSlowDown;
            cx.host.db.query(device_code::polled(&hash, is_early, cx.now)).await?;
        }
        return Err(refusal.into());
    }
    let grant = grant.ok_or(Refusal::GrantRevoked)?;
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
    let until = cx.now.plus(client.longest_lifetime_s());
    let mut stmts = vec![device_code::redeem(&hash, cx.now), grant::extend(&grant.id, until)];
    let (refresh_token, stored) = issue::first_refresh_token(cx, &basis)?;
    stmts.extend(stored);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(tokens.respond(refresh_token.as_deref())),
        Err(DbError::Lost) => Err(Refusal::DeviceCodeAlreadyUsed.into()),
        // The grant went away meanwhile, with its client or person.
        Err(DbError::Constraint(_)) => Err(Refusal::GrantRevoked.into()),
        Err(error) => Err(error.into()),
    }
}
