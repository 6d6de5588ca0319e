//! Whether a token may be exchanged, and for what (RFC 8693). Nothing is allowed unless an admin listed the target
//! at the client; nobody gets more than the token that is handed in, and nothing lives longer.

use super::claims::client_subject;
use super::resource::{self, Reach, SubjectType};
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::grant::Grant;
use proto::oauth::scope::{STANDARD, Scope};
use proto::oauth::token_exchange::Target;
use proto::time::UnixTime;
use serde_json::{Value, json};

/// Most parties in an `act` claim.
const MOST_ACTORS: usize = 8;

/// A token that was handed in: verified, of our issuer, not expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// `sub`.
    pub subject: String,
    /// Client it was issued to.
    pub client_id: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// Scope that it stands for.
    pub scope: Scope,
    /// `exp`.
    pub expires_at: UnixTime,
    /// `act`.
    pub actor: Option<Value>,
}

/// What is known of an exchange.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The authenticated client.
    pub client: &'a Client,
    /// Who the new token is for.
    pub target: Target<'a>,
    /// Whether that is a client that exists, where it is a client.
    pub target_exists: bool,
    /// The token to exchange, if it is one of ours.
    pub subject: Option<&'a Token>,
    /// The grant behind it, if it is there.
    pub grant: Option<&'a Grant>,
    /// Whether the token was issued for an API, which may hand it on.
    pub is_for_api: bool,
    /// The token of the acting party; `Some(None)` if one was sent that is not good.
    pub actor: Option<Option<&'a Token>>,
    /// Scope asked for.
    pub scope: Option<&'a str>,
    /// What the client may ask for at APIs in people's names.
    pub reach: &'a Reach,
    /// This instant.
    pub now: UnixTime,
}

/// What is issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// Scope of the new token.
    pub scope: Scope,
    /// API or client that it is for; `None` if it is for the asking client.
    pub resource: Option<String>,
    /// `act`: who acts, and for whom before.
    pub actor: Value,
    /// The longest that it may live, in seconds.
    pub most_s: i64,
}

/// Decides.
///
/// # Errors
/// The first rule that is broken.
pub fn exchange(f: &Facts<'_>) -> Result<Exchanged, Refusal> {
    if f.client.is_public {
        return Err(Refusal::GrantTypeNotForPublic);
    }
    let target = allowed_target(f)?;
    let (subject, _) = live_subject(f)?;
    let is_theirs = subject.client_id == f.client.id || subject.audience.contains(&f.client.id);
    if !is_theirs && !f.is_for_api {
        return Err(Refusal::SubjectTokenOfOther);
    }
    Ok(Exchanged {
        scope: scope(f, subject)?,
        resource: target,
        actor: acting(f, subject)?,
        most_s: subject.expires_at.since(f.now),
    })
}

/// security.md 21: the list of the client decides, and is empty at first.
fn allowed_target(f: &Facts<'_>) -> Result<Option<String>, Refusal> {
    let listed = |name: &str| f.client.metadata.token_exchange_audiences.iter().any(|a| a == name);
    let (name, is_allowed) = match f.target {
        Target::Own => (None, listed(&f.client.id)),
        Target::Audience(id) => (Some(id).filter(|id| *id != f.client.id), listed(id) && f.target_exists),
        Target::Resource(address) => {
            let address = resource::trimmed(address);
            let all = f.client.metadata.token_exchange_audiences.iter();
            (Some(address), all.map(|a| resource::trimmed(a)).any(|a| a == address))
        }
    };
    if is_allowed { Ok(name.map(str::to_owned)) } else { Err(Refusal::ExchangeTargetNotAllowed) }
}

fn live_subject<'a>(f: &Facts<'a>) -> Result<(&'a Token, &'a Grant), Refusal> {
    let subject = f.subject.ok_or(Refusal::SubjectTokenInvalid)?;
    let grant = f.grant.filter(|g| g.revoked_at.is_none() && g.user_id.is_some());
    let grant = grant.filter(|g| g.client_id == subject.client_id).ok_or(Refusal::SubjectTokenInvalid)?;
    Ok((subject, grant))
}

/// The scope: what is asked for, if the target grants it and the token that was handed in has it. At another API
/// than that token's the permissions are other ones, which an admin gave the client; the person's data is not.
fn scope(f: &Facts<'_>, subject: &Token) -> Result<Scope, Refusal> {
    let asked = f.scope.map(Scope::parse).transpose().map_err(|_| Refusal::ScopeMalformed)?;
    let Target::Resource(address) = f.target else {
        // Clients have no permissions; what a person is, they may be told.
        let asked = asked.unwrap_or_else(|| subject.scope.clone());
        let asked = asked.filtered(|token| STANDARD.contains(&token));
        return within(asked, subject, false);
    };
    let is_same = subject.audience.iter().any(|a| a == resource::trimmed(address));
    let Some(asked) = asked else {
        // Nothing in particular: what both sides have.
        let api = f.reach.api(address).ok_or(Refusal::ResourceUnknown)?;
        let both = subject.scope.filtered(|token| {
            STANDARD.contains(&token) || (is_same && api.permission(token).is_some_and(|p| p.is_granted))
        });
        return resolved(f, &both, address);
    };
    within(resolved(f, &asked, address)?, subject, !is_same)
}

fn resolved(f: &Facts<'_>, scope: &Scope, address: &str) -> Result<Scope, Refusal> {
    let resolved = resource::resolve(scope, Some(address), f.reach, SubjectType::User)?;
    // A token of an exchange cannot be refreshed.
    Ok(resolved.scope.filtered(|token| token != "offline_access"))
}

fn within(asked: Scope, subject: &Token, are_permissions_free: bool) -> Result<Scope, Refusal> {
    let asked = asked.filtered(|token| token != "offline_access");
    let is_within = asked
        .iter()
        .all(|token| subject.scope.contains(token) || (are_permissions_free && !STANDARD.contains(&token)));
    if is_within { Ok(asked) } else { Err(Refusal::ScopeExceedsSubject) }
}

/// RFC 8693 §4.1: who acts now stands outside, who acted before inside.
fn acting(f: &Facts<'_>, subject: &Token) -> Result<Value, Refusal> {
    let who = match f.actor {
        None => client_subject(&f.client.id),
        Some(actor) => {
            let own = actor.filter(|a| a.client_id == f.client.id);
            own.ok_or(Refusal::ActorTokenInvalid)?.subject.clone()
        }
    };
    let mut acting = json!({ "sub": who, "client_id": f.client.id });
    if let (Some(before), Some(map)) = (&subject.actor, acting.as_object_mut()) {
        map.insert("act".to_owned(), before.clone());
    }
    let parties = std::iter::successors(Some(&acting), |act| act.get("act")).count();
    if parties > MOST_ACTORS { Err(Refusal::ActorChainTooLong) } else { Ok(acting) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::decide::code::tests::grant;
    use crate::decide::resource::tests::{FILES, reach};
    use proto::oauth::ClientMetadata;

    fn service(listed: &[&str]) -> Client {
        let metadata = ClientMetadata {
            token_exchange_audiences: listed.iter().map(|a| (*a).to_owned()).collect(),
            ..ClientMetadata::default()
        };
        Client { id: "service".into(), metadata, ..client() }
    }

    fn token() -> Token {
        Token {
            subject: "u".into(),
            client_id: "app".into(),
            audience: vec![FILES.into()],
            scope: Scope::parse("openid read offline_access").unwrap(),
            expires_at: UnixTime(1000),
            actor: None,
        }
    }

    /// Runs an exchange of [`token`] for `target`, with changes.
    fn run(
        target: Target<'_>,
        scope: Option<&str>,
        change: impl FnOnce(&mut Client, &mut Token, &mut Grant),
    ) -> Result<Exchanged, Refusal> {
        let mut client = service(&[FILES, "urn:mail", "other", "service"]);
        let (mut token, mut grant) = (token(), Grant { client_id: "app".into(), ..grant() });
        change(&mut client, &mut token, &mut grant);
        exchange(&Facts {
            client: &client,
            target,
            target_exists: true,
            subject: Some(&token),
            grant: Some(&grant),
            is_for_api: token.audience.iter().any(|a| a.contains(':')),
            actor: None,
            scope,
            reach: &reach(),
            now: UnixTime(400),
        })
    }

    fn none(_: &mut Client, _: &mut Token, _: &mut Grant) {}

    fn scope_of(result: Result<Exchanged, Refusal>) -> Result<String, Refusal> {
        result.map(|e| e.scope.to_string())
    }

    #[test]
    fn s21_nothing_is_allowed_that_is_not_listed() {
        let deny = Err(Refusal::ExchangeTargetNotAllowed);
        for target in [Target::Own, Target::Audience("other"), Target::Resource(FILES)] {
            assert!(run(target, None, none).is_ok(), "{target:?}");
            assert_eq!(
                run(target, None, |c, _, _| c.metadata.token_exchange_audiences.clear()),
                deny,
                "{target:?}"
            );
        }
        for target in [Target::Audience("third"), Target::Resource("urn:third"), Target::Audience("app")] {
            assert_eq!(run(target, None, none), deny, "{target:?}");
        }
        let public = run(Target::Own, None, |c, _, _| c.is_public = true);
        assert_eq!(public, Err(Refusal::GrantTypeNotForPublic));
        // listed, and still out of reach as an API
        let hidden = "https://hidden.example";
        let list = |c: &mut Client, _: &mut Token, _: &mut Grant| {
            c.metadata.token_exchange_audiences.push(hidden.into());
        };
        assert_eq!(run(Target::Resource(hidden), Some("openid"), list), Err(Refusal::ResourceNotAllowed));
    }

    #[test]
    fn s21_scope_never_grows() {
        let same = |scope| scope_of(run(Target::Resource(FILES), scope, none));
        assert_eq!(same(None), Ok("openid read".into()));
        assert_eq!(same(Some("read")), Ok("read".into()));
        assert_eq!(same(Some("write")), Err(Refusal::ScopeExceedsSubject));
        assert_eq!(same(Some("erase")), Err(Refusal::ScopeNotOfResource));
        assert_eq!(same(Some("openid email")), Err(Refusal::ScopeExceedsSubject));
        let other = |scope| scope_of(run(Target::Resource("urn:mail"), scope, none));
        assert_eq!(other(None), Ok("openid".into()));
        assert_eq!(other(Some("send")), Ok("send".into()));
        assert_eq!(other(Some("send email")), Err(Refusal::ScopeExceedsSubject));
        assert_eq!(other(Some("write")), Err(Refusal::ScopeNotOfResource));
        let client = |scope| scope_of(run(Target::Audience("other"), scope, none));
        assert_eq!(client(None), Ok("openid".into()));
        assert_eq!(client(Some("openid read")), Ok("openid".into()));
        assert_eq!(client(Some("groups")), Err(Refusal::ScopeExceedsSubject));
    }

    #[test]
    fn s21_the_subject_token_is_ours_live_and_meant_for_the_client() {
        let run = |change: fn(&mut Client, &mut Token, &mut Grant)| run(Target::Own, None, change).map(drop);
        let invalid = Err(Refusal::SubjectTokenInvalid);
        assert_eq!(run(none), Ok(()));
        assert_eq!(run(|_, _, g| g.revoked_at = Some(UnixTime(1))), invalid);
        assert_eq!(run(|_, _, g| g.user_id = None), invalid);
        assert_eq!(run(|_, _, g| g.client_id = "another".into()), invalid);
        let of_other = Err(Refusal::SubjectTokenOfOther);
        assert_eq!(run(|_, t, _| t.audience = vec!["app".into()]), of_other);
        assert_eq!(run(|_, t, _| t.audience = vec!["service".into()]), Ok(()));
    }

    #[test]
    fn s21_actors_are_chained() {
        let plain = run(Target::Own, None, none).unwrap();
        assert_eq!(plain.actor, json!({ "sub": "client-service", "client_id": "service" }));
        assert_eq!((plain.resource, plain.most_s), (None, 600));
        let again = run(Target::Own, None, |_, t, _| t.actor = Some(json!({ "sub": "client-a" }))).unwrap();
        assert_eq!(
            again.actor,
            json!({ "sub": "client-service", "client_id": "service", "act": { "sub": "client-a" } })
        );
        let long = (0..8).fold(json!({ "sub": "x" }), |act, _| json!({ "sub": "y", "act": act }));
        assert_eq!(run(Target::Own, None, |_, t, _| t.actor = Some(long)), Err(Refusal::ActorChainTooLong));
    }

    #[test]
    fn s21_an_actor_token_is_the_clients_own() {
        let client = service(&["service"]);
        let (subject, grant, reach) = (token(), grant(), reach());
        let run = |actor: Option<&Token>| {
            let facts = Facts {
                client: &client,
                target: Target::Own,
                target_exists: true,
                subject: Some(&subject),
                grant: Some(&grant),
                is_for_api: true,
                actor: Some(actor),
                scope: None,
                reach: &reach,
                now: UnixTime(400),
            };
            exchange(&facts).map(|e| e.actor["sub"].clone())
        };
        let own = Token { subject: "robot".into(), client_id: "service".into(), ..token() };
        assert_eq!(run(Some(&own)), Ok(json!("robot")));
        assert_eq!(run(Some(&token())), Err(Refusal::ActorTokenInvalid));
        assert_eq!(run(None), Err(Refusal::ActorTokenInvalid));
    }
}
