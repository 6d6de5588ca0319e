//! What a caller of the introspection endpoint learns about a token (RFC 7662 §2.2).

use super::code;
use super::refresh::{self, Turn};
use crate::store::client::Client;
use crate::store::grant::{Grant, RefreshToken};
use crate::store::user::User;
use proto::oidc::access_token::AccessToken;
use proto::time::UnixTime;
use serde_json::{Map, Value, json};

/// A token that is one of ours.
#[derive(Debug, Clone, Copy)]
pub enum Token<'a> {
    /// A verified access token that has not expired, and its further claims (`cnf`, `act`, …) to be told as they are.
    Access(&'a AccessToken, &'a Map<String, Value>),
    /// A refresh token in whatever state.
    Refresh(&'a RefreshToken),
}

/// The facts the rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The authenticated caller.
    pub caller: &'a Client,
    /// The token asked about.
    pub token: Token<'a>,
    /// Its grant.
    pub grant: &'a Grant,
    /// The client it was issued to.
    pub owner: &'a Client,
    /// The person behind the grant, if there still is one.
    pub user: Option<&'a User>,
    /// `sub` of that person for `owner`.
    pub subject: Option<&'a str>,
    /// Whether that person is in a group that `owner` allows.
    pub is_member: bool,
    /// Whether the person's consent still stands.
    pub has_consent: bool,
    /// Whether the token was revoked by itself.
    pub is_given_back: bool,
    /// Our issuer.
    pub issuer: &'a str,
    /// This instant.
    pub now: UnixTime,
}

/// What is told about the token; `None` if no more than that it is not active. The caller must be the client that
/// it was issued to, or one that its `aud` names (§4): else a token found somewhere could be tried out.
#[must_use]
pub fn describe(f: &Facts<'_>) -> Option<Map<String, Value>> {
    if !may_ask(f) || f.is_given_back || f.grant.revoked_at.is_some() || f.owner.is_pending {
        return None;
    }
    if f.grant.user_id.is_some() && code::person(f.user, f.owner, f.is_member).is_err() {
        return None;
    }
    match f.token {
        Token::Access(token, further) => Some(access(f, token, further)),
        Token::Refresh(token) => is_live(f, token).then(|| refresh(f, token)),
    }
}

fn may_ask(f: &Facts<'_>) -> bool {
    let names_caller = |token: &AccessToken| token.audience.contains(&f.caller.id);
    f.owner.id == f.caller.id || matches!(f.token, Token::Access(token, _) if names_caller(token))
}

fn is_live(f: &Facts<'_>, token: &RefreshToken) -> bool {
    let stored = (token.clone(), f.grant.clone());
    let facts = refresh::Facts {
        stored: Some(&stored),
        client: f.owner,
        has_consent: f.has_consent,
        // The caller does not use the token, it asks about it.
        jkt: f.grant.dpop_jkt.as_deref(),
        now: f.now,
    };
    refresh::turn(&facts) == Ok(Turn::Rotate)
}

fn access(f: &Facts<'_>, token: &AccessToken, further: &Map<String, Value>) -> Map<String, Value> {
    let mut told = token.claims(f.issuer);
    told.remove("scp");
    told.extend(further.clone());
    let bound = told.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
    told.insert("token_type".to_owned(), json!(if bound { "DPoP" } else { "Bearer" }));
    told.insert("username".to_owned(), json!(username(f, &token.subject, token.scope.contains("profile"))));
    told.insert("active".to_owned(), json!(true));
    told
}

fn refresh(f: &Facts<'_>, token: &RefreshToken) -> Map<String, Value> {
    let subject = f.subject.map_or_else(|| format!("client-{}", f.owner.id), str::to_owned);
    let has_profile = f.grant.scope.split(' ').any(|s| s == "profile");
    let mut told = Map::new();
    let mut put = |name: &str, value: Value| told.insert(name.to_owned(), value);
    put("active", json!(true));
    put("iss", json!(f.issuer));
    put("client_id", json!(f.owner.id));
    put("aud", json!([f.grant.resource.as_ref().unwrap_or(&f.owner.id)]));
    put("username", json!(username(f, &subject, has_profile)));
    put("sub", json!(subject));
    put("iat", json!(token.issued_at));
    put("exp", json!(token.expires_at));
    if !f.grant.scope.is_empty() {
        put("scope", json!(f.grant.scope));
    }
    if let Some(jkt) = &f.grant.dpop_jkt {
        put("cnf", json!({ "jkt": jkt }));
    }
    told
}

/// §2.2 `username`: the name that the scope lets the client see, else the subject.
fn username(f: &Facts<'_>, subject: &str, has_profile: bool) -> String {
    let name = f.user.filter(|_| has_profile).map(|u| u.username.clone());
    name.unwrap_or_else(|| subject.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::decide::code::tests::grant;
    use crate::store::grant::RefreshState;
    use proto::oauth::scope::Scope;

    fn user(disabled: bool) -> User {
        User {
            id: "u".into(),
            username: "ada".into(),
            email: None,
            email_verified: false,
            first_name: String::new(),
            last_name: String::new(),
            display_name: String::new(),
            is_admin: false,
            disabled,
            locale: None,
            ldap_id: None,
            updated_at: UnixTime(0),
        }
    }

    fn token(scope: &str) -> AccessToken {
        AccessToken {
            subject: "u".into(),
            client_id: "app".into(),
            audience: vec!["app".into(), "api-server".into()],
            scope: Scope::parse(scope).unwrap(),
            auth_time: Some(UnixTime(50)),
            acr: Some("phr".into()),
            jti: "g.1".into(),
            issued_at: UnixTime(100),
            expires_at: UnixTime(400),
            jkt: None,
            actor: None,
        }
    }

    fn with<T>(change: impl FnOnce(&mut Facts<'_>) -> T, token: Token<'_>) -> Option<Map<String, Value>> {
        let (owner, grant, user) = (client(), grant(), user(false));
        let mut facts = Facts {
            caller: &owner,
            token,
            grant: &grant,
            owner: &owner,
            user: Some(&user),
            subject: Some("u"),
            is_member: false,
            has_consent: true,
            is_given_back: false,
            issuer: "https://id.example",
            now: UnixTime(200),
        };
        change(&mut facts);
        describe(&facts)
    }

    #[test]
    fn what_is_told_of_an_access_token() {
        let (token, none) = (token("openid profile"), Map::new());
        let told = with(|_| (), Token::Access(&token, &none)).map(Value::Object);
        let want = json!({
            "active": true, "iss": "https://id.example", "sub": "u", "aud": ["app", "api-server"],
            "client_id": "app", "jti": "g.1", "iat": 100, "exp": 400, "auth_time": 50, "acr": "phr", "scope": "openid profile",
            "username": "ada", "token_type": "Bearer",
        });
        assert_eq!(told, Some(want));
        let further = json!({ "cnf": { "jkt": "k" }, "act": { "sub": "x" } });
        let told = with(|_| (), Token::Access(&token, further.as_object().unwrap())).unwrap();
        assert_eq!(
            (&told["token_type"], &told["cnf"], &told["act"]["sub"]),
            (&json!("DPoP"), &further["cnf"], &json!("x"))
        );
    }

    #[test]
    fn the_name_is_told_only_with_the_scope_for_it() {
        let (token, none) = (token("openid email"), Map::new());
        assert_eq!(with(|_| (), Token::Access(&token, &none)).unwrap()["username"], "u");
    }

    #[test]
    fn s22_who_may_ask() {
        let (token, none) = (token("openid"), Map::new());
        let access = Token::Access(&token, &none);
        let server = Client { id: "api-server".into(), ..client() };
        let stranger = Client { id: "stranger".into(), ..client() };
        let active = |caller: &Client, token| {
            let (owner, grant, user) = (client(), grant(), user(false));
            let facts = Facts {
                caller,
                token,
                grant: &grant,
                owner: &owner,
                user: Some(&user),
                subject: Some("u"),
                is_member: false,
                has_consent: true,
                is_given_back: false,
                issuer: "i",
                now: UnixTime(200),
            };
            describe(&facts).is_some()
        };
        let kept = RefreshToken {
            token_hash: "h".into(),
            state: RefreshState::Live,
            issued_at: UnixTime(1),
            expires_at: UnixTime(1000),
        };
        assert!(active(&client(), access) && active(&server, access) && !active(&stranger, access));
        let refresh = Token::Refresh(&kept);
        assert!(active(&client(), refresh) && !active(&server, refresh) && !active(&stranger, refresh));
    }

    #[test]
    fn s22_what_has_ended_is_not_active() {
        let (token, none) = (token("openid"), Map::new());
        let access = Token::Access(&token, &none);
        let disabled = user(true);
        let revoked = Grant { revoked_at: Some(UnixTime(1)), ..grant() };
        let restricted = Client { is_group_restricted: true, ..client() };
        let pending = Client { is_pending: true, ..client() };
        assert!(with(|_| (), access).is_some());
        assert_eq!(with(|f| f.is_given_back = true, access), None);
        assert_eq!(with(|f| f.user = None, access), None);
        let run = |grant: &Grant, owner: &Client, user: Option<&User>, is_member| {
            describe(&Facts {
                caller: owner,
                token: access,
                grant,
                owner,
                user,
                subject: Some("u"),
                is_member,
                has_consent: true,
                is_given_back: false,
                issuer: "i",
                now: UnixTime(200),
            })
            .is_some()
        };
        let ada = user(false);
        assert!(!run(&grant(), &client(), Some(&disabled), false), "disabled");
        assert!(!run(&revoked, &client(), Some(&ada), false), "revoked");
        assert!(!run(&grant(), &restricted, Some(&ada), false), "left the group");
        assert!(run(&grant(), &restricted, Some(&ada), true), "in the group");
        assert!(!run(&grant(), &pending, Some(&ada), false), "client not approved");
        let machine = Grant { user_id: None, ..grant() };
        assert!(run(&machine, &restricted, None, false), "no person, no groups");
    }

    #[test]
    fn s22_only_a_live_refresh_token_is_active() {
        let kept = |state, expires_at| RefreshToken {
            token_hash: "h".into(),
            state,
            issued_at: UnixTime(1),
            expires_at: UnixTime(expires_at),
        };
        let used = RefreshState::Used { at: UnixTime(199), successor_sealed: "s".into() };
        let live = kept(RefreshState::Live, 201);
        let told = with(|_| (), Token::Refresh(&live)).map(Value::Object);
        let want = json!({
            "active": true, "iss": "https://id.example", "client_id": "app", "aud": ["app"], "username": "u",
            "sub": "u", "iat": 1, "exp": 201, "scope": "openid",
        });
        assert_eq!(told, Some(want));
        assert_eq!(with(|_| (), Token::Refresh(&kept(used, 201))), None);
        assert_eq!(with(|_| (), Token::Refresh(&kept(RefreshState::Live, 200))), None);
        assert_eq!(with(|f| f.has_consent = false, Token::Refresh(&live)), None);
    }
}
