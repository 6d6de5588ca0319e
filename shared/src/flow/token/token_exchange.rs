//! `grant_type=urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a client that was handed a person's token
//! gets one with which it may act for that person elsewhere.

use super::issue::{self, Basis, Nonce};
use crate::db::{Rows, Stmt};
use crate::decide::resource::SubjectType;
use crate::decide::token_exchange::{self as rules, Exchanged, Facts, Token};
use crate::decide::{claims, code};
use crate::failure::{Failure, Fault};
use crate::flow::client::{may_use, prove};
use crate::flow::dpop::{self, Bound};
use crate::flow::own_token;
use crate::http::{Cx, Req, Resp};
use crate::keyring;
use crate::ports::DbError;
use crate::refusal::Refusal;
use crate::store::audit::{self, Event};
use crate::store::client::{self, Client};
use crate::store::grant::{self, By, Grant, Kind};
use crate::store::user::User;
use crate::store::{api, load, revoked_token, save, session};
use proto::form::Params;
use proto::jose::jwt::{Claims, Expiry, TokenType};
use proto::oauth::client_auth::ClientCredentials;
use proto::oauth::scope::Scope;
use proto::oauth::token_exchange::{ExchangeError, ExchangeRequest, GRANT_TYPE, Sent, SentType, Target};
use proto::oidc::access_token::AccessToken;
use serde_json::json;

/// A verified token of ours and how its grant is found.
struct Presented {
    token: Token,
    /// `sid` of an ID token, which names no grant.
    session_id: Option<String>,
    /// `jti` of an access token, which begins with its grant.
    jti: Option<String>,
    /// Key that the token is bound to.
    jkt: Option<String>,
}

impl Presented {
    /// Whether the sender may use it: a token that is bound to a key goes with a proof of that key (RFC 9449 §7).
    fn is_held_by(&self, bound: Option<&Bound>) -> bool {
        self.jkt.as_deref().is_none_or(|jkt| bound.is_some_and(|b| b.jkt == jkt))
    }

    fn by(&self) -> By<'_> {
        match (&self.jti, &self.session_id) {
            (Some(jti), _) => By::Id(claims::grant_of(jti).unwrap_or("")),
            (None, sid) => By::Session(sid.as_deref().unwrap_or(""), &self.token.client_id),
        }
    }
}

/// Exchanges a token. Client, both tokens' grants, person and what the client may ask for are one load; the new grant
/// is one save, in which the subject's grant must still live.
///
/// # Errors
/// The rule that was broken, or a fault.
pub(super) async fn exchange(
    cx: &Cx,
    req: &Req,
    params: &Params,
    credentials: &ClientCredentials,
) -> Result<Resp, Failure> {
    let asked = ExchangeRequest::parse(params).map_err(|error| match error {
        ExchangeError::Malformed => Refusal::ExchangeMalformed,
        ExchangeError::UnsupportedType => Refusal::ExchangeTypeUnsupported,
    })?;
    let subject = verify(cx, asked.subject).await?;
    let actor = match asked.actor {
        Some(sent) => Some(verify(cx, sent).await?),
        None => None,
    };
    let acting = actor.as_ref().and_then(Option::as_ref);
    let (resource, audience) = match asked.target {
        Target::Resource(address) => (Some(address), credentials.id()),
        Target::Audience(id) => (None, id),
        Target::Own => (None, credentials.id()),
    };
    let by = subject.as_ref().map_or(By::Id(""), Presented::by);
    let [
        client,
        secrets,
        found,
        giver,
        user,
        members,
        reach,
        target,
        home,
        taken_back,
        behind_actor,
        actor_taken_back,
    ] = load(
        &*cx.host.db,
        [
            client::by_id(credentials.id()),
            client::secrets(credentials.id()),
            grant::find(by),
            grant::client(by),
            grant::user(by),
            grant::memberships(by),
            api::reach(credentials.id(), SubjectType::User, resource),
            client::by_id(audience),
            api::by_resource(
                subject.as_ref().and_then(|s| s.token.audience.first()).map_or("", String::as_str),
            ),
            jti_of(subject.as_ref()),
            grant::find(acting.map_or(By::Id(""), Presented::by)),
            jti_of(acting),
        ],
    )
    .await?;
    let client = prove(cx, credentials, &client, &secrets).await?;
    may_use(&client, GRANT_TYPE)?;
    let bound = dpop::proof(cx, req, &client).await?;
    if subject.as_ref().is_some_and(|s| !s.is_held_by(bound.as_ref())) {
        return Err(Refusal::SubjectTokenInvalid.into());
    }
    if acting.is_some_and(|a| !a.is_held_by(bound.as_ref())) {
        return Err(Refusal::ActorTokenInvalid.into());
    }
    let subject_grant = grant::read(&found)?;
    let actor_is_live =
        grant::read(&behind_actor)?.is_some_and(|g| g.revoked_at.is_none()) && actor_taken_back.is_empty();
    let target = Client::from_rows(&target)?;
    let token = subject.map(|s| with_scope(s, subject_grant.as_ref(), &client)).transpose()?;
    let exchanged = rules::exchange(&Facts {
        client: &client,
        target: asked.target,
        target_exists: target.as_ref().is_some_and(|t| !t.is_pending),
        subject: token.as_ref().filter(|_| taken_back.is_empty()),
        grant: subject_grant.as_ref(),
        is_for_api: !home.is_empty(),
        actor: actor.as_ref().map(|a| a.as_ref().map(|p| &p.token).filter(|_| actor_is_live)),
        scope: asked.scope,
        reach: &api::read_reach(&reach)?,
        now: cx.now,
    })?;
    let subject_grant = subject_grant.ok_or(Refusal::SubjectTokenInvalid)?;
    let giver = Client::from_rows(&giver)?.filter(|g| !g.is_pending).ok_or(Refusal::SubjectTokenInvalid)?;
    for client in [Some(&giver), Some(&client), target.as_ref()].into_iter().flatten() {
        may_enter(&user, &members, client)?;
    }
    issue(cx, req, &client, &subject_grant, &exchanged, bound.as_ref()).await
}

/// A token of ours that has not expired; `None` for any other.
async fn verify(cx: &Cx, sent: Sent<'_>) -> Result<Option<Presented>, Failure> {
    let typ = match sent.kind {
        SentType::AccessToken => TokenType::AccessToken,
        SentType::IdToken => TokenType::IdToken,
    };
    let claims = keyring::verify(&cx.host, cx.now, typ, sent.token).await?;
    let ours = claims.filter(|c| c.check(&own_token(cx, Expiry::Required)).is_ok());
    Ok(ours.and_then(|c| match sent.kind {
        SentType::AccessToken => access_token(&c),
        SentType::IdToken => id_token(&c),
    }))
}

fn access_token(claims: &Claims) -> Option<Presented> {
    let token = AccessToken::from_claims(claims).ok()?;
    Some(Presented {
        jti: Some(token.jti),
        jkt: token.jkt,
        session_id: None,
        token: Token {
            subject: token.subject,
            client_id: token.client_id,
            audience: token.audience,
            scope: token.scope,
            expires_at: token.expires_at,
            actor: token.actor,
        },
    })
}

/// An ID token is for its client alone, and has the scope of what the session gave that client.
fn id_token(claims: &Claims) -> Option<Presented> {
    let client_id = (*claims.audience().ok()?.first()?).to_owned();
    Some(Presented {
        jti: None,
        jkt: None,
        session_id: Some(claims.text("sid")?.to_owned()),
        token: Token {
            subject: claims.text("sub")?.to_owned(),
            audience: vec![client_id.clone()],
            client_id,
            scope: Scope::default(),
            expires_at: claims.instant("exp").ok()??,
            actor: None,
        },
    })
}

/// The token with the scope it stands for: an ID token tells about a person, and gives nothing at an API.
fn with_scope(presented: Presented, grant: Option<&Grant>, client: &Client) -> Result<Token, Failure> {
    let Presented { token, jti, .. } = presented;
    let Some(grant) = grant.filter(|_| jti.is_none() && token.client_id == client.id) else {
        return Ok(token);
    };
    let granted = Scope::parse(&grant.scope).map_err(|_| Fault::Bug("a stored scope does not parse"))?;
    let scope = granted.filtered(|t| proto::oauth::scope::IDENTITY.contains(&t));
    Ok(Token { scope, ..token })
}

fn jti_of(presented: Option<&Presented>) -> Stmt {
    revoked_token::find(presented.and_then(|p| p.jti.as_deref()).unwrap_or(""))
}

/// The person must be allowed to use the client that the token was given to, the one that asks, and the one that the
/// new token is for.
fn may_enter(user: &Rows, members: &Rows, client: &Client) -> Result<(), Failure> {
    let user = user.first().map(User::from_row).transpose()?;
    let mut is_member = false;
    for row in members {
        is_member |= row.text("client_id")? == client.id;
    }
    Ok(code::person(user.as_ref(), client, is_member)?)
}

async fn issue(
    cx: &Cx,
    req: &Req,
    client: &Client,
    subject: &Grant,
    exchanged: &Exchanged,
    bound: Option<&Bound>,
) -> Result<Resp, Failure> {
    let grant = Grant {
        id: cx.host.uuid()?,
        kind: Kind::TokenExchange,
        client_id: client.id.clone(),
        scope: exchanged.scope.to_string(),
        resource: exchanged.resource.clone(),
        claims: None,
        nonce: None,
        dpop_jkt: None,
        actor: Some(exchanged.actor.to_string()),
        ..subject.clone()
    };
    let basis = Basis {
        client,
        grant: &grant,
        scope: &exchanged.scope,
        person: None,
        most_s: Some(exchanged.most_s),
        nonce: Nonce::Omitted,
        jkt: bound.map(|b| b.jkt.as_str()),
    };
    let tokens = issue::tokens(cx, &basis).await?;
    let data = json!({ "clientName": client.name, "target": exchanged.resource, "act": exchanged.actor });
    let entry =
        audit::record(Event::TokenExchange, grant.user_id.as_deref(), Some(&client.id), &data, cx, req)?;
    let until = cx.now.plus(exchanged.most_s);
    // The session first, as whoever ends it does: its end sees the new grant, or there is none.
    let mut stmts: Vec<Stmt> = grant.session_id.as_deref().map(session::still_live).into_iter().collect();
    stmts.extend([grant::still_live(&subject.id), grant.insert(cx.now, until), entry]);
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(tokens.respond_exchanged()),
        // The session, the subject's grant, the client or the person went away meanwhile.
        Err(DbError::Lost | DbError::Constraint(_)) => Err(Refusal::SubjectTokenInvalid.into()),
        Err(error) => Err(error.into()),
    }
}
