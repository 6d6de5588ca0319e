//! The last step of an authorization request: the grant and its code.

use super::authorize::Standing;
use super::response;
use crate::db::Stmt;
use crate::decide::acr;
use crate::failure::{Failure, Fault};
use crate::http::{Cx, Req, Resp};
use crate::pages::ErrorKind;
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::consent::{self, Consent};
use crate::store::grant::{CODE_LIFETIME_S, Code, Grant, Kind};
use crate::store::session::{self, Who};
use crate::store::{client, interaction, save};
use proto::hash::sha256_b64;
use serde_json::json;

/// Grants the request and sends the code to the client. Interaction, consent, grant and code are one batch.
///
/// # Errors
/// The page for an interaction that was finished elsewhere, or a fault.
pub async fn issue_code(cx: &Cx, req: &Req, standing: &Standing, who: &Who) -> Result<Resp, Failure> {
    let (ask, app) = (&standing.ask, &standing.client);
    let code = cx.host.random_token()?;
    let grant = Grant {
        id: cx.host.uuid()?,
        kind: Kind::AuthorizationCode,
        client_id: app.id.clone(),
        user_id: Some(who.user.id.clone()),
        session_id: Some(who.session.id.clone()),
        scope: ask.scope.clone(),
        resource: ask.resource.clone(),
        claims: (!ask.claims.is_empty()).then(|| ask.claims.to_text()),
        auth_time: who.session.auth_time,
        amr: who.session.amr.clone(),
        acr: acr::reported(ask, who.session.acr).map(|acr| acr.as_str().to_owned()),
        nonce: ask.nonce.clone(),
        dpop_jkt: None,
        actor: None,
        revoked_at: None,
    };
    let code_row = Code {
        code_hash: sha256_b64(&code),
        redirect_uri: ask.redirect_uri_sent.clone(),
        code_challenge: ask.code_challenge.clone(),
        code_challenge_method: ask.code_challenge.as_ref().map(|_| "S256".to_owned()),
        dpop_jkt: ask.dpop_jkt.clone(),
        expires_at: cx.now.plus(CODE_LIFETIME_S),
        used_at: None,
    };
    let consent = merged(standing);
    let is_new = standing.consent.as_ref() != Some(&consent);
    let event = if is_new { Event::NewClientAuthorization } else { Event::ClientAuthorization };

    let mut stmts: Vec<Stmt> = standing.once.iter().cloned().collect();
    if let Some(waiting) = &standing.interaction {
        stmts.push(interaction::finish(&waiting.id));
    }
    // The session must still live when the grant appears, or signing out would miss it.
    let until = cx.now.plus(cx.host.settings.session_duration_s);
    stmts.push(session::touch(&who.session.id, cx.now, until).one());
    stmts.push(consent::put(&who.user.id, &app.id, &consent, cx.now));
    stmts.push(grant.insert(cx.now, cx.now.plus(app.longest_lifetime_s())));
    stmts.push(code_row.insert(&grant.id, cx.now));
    if ask.code_challenge.is_some() && !app.pkce_enabled && !app.pkce_supported {
        stmts.push(client::set_pkce_supported(&app.id));
    }
    let data = json!({ "clientName": app.name });
    stmts.push(audit::record(event, Some(&who.user.id), Some(&app.id), &data, cx, req)?);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => response::send(cx, req, &standing.known(), &[("code", &code)]).await,
        // A session that ended in the same moment looks the same, and the request cannot be repeated either way.
        Err(DbError::Lost) if standing.once.is_some() => {
            response::send_error(cx, req, &standing.known(), Refusal::RequestObjectReplayed).await
        }
        // Or the client or the person was removed meanwhile.
        Err(DbError::Lost | DbError::Constraint(_)) => Err(ErrorKind::Interaction.into()),
        Err(error) => Err(Fault::from(error).into()),
    }
}

/// The consent never shrinks by using it.
fn merged(standing: &Standing) -> Consent {
    let mut all = standing.consent.clone().unwrap_or_default();
    for key in standing.ask.consent_keys() {
        if !all.scope.contains(&key) {
            all.scope.push(key);
        }
    }
    let host = standing.ask.redirect_host();
    if !all.redirect_hosts.contains(&host) {
        all.redirect_hosts.push(host);
    }
    all
}
