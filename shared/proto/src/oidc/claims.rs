//! What scopes tell a client about a person (OpenID Connect Core §5.1 and §5.4), the same in ID tokens and at
//! the userinfo endpoint.

use super::claims_request::Wanted;
use crate::oauth::Scope;
use crate::oauth::scope::{EMAIL, GROUPS, PROFILE};
use crate::time::UnixTime;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Every claim that discovery lists.
pub const SUPPORTED: [&str; 15] = [
    "sub",
    "given_name",
    "family_name",
    "name",
    "display_name",
    "email",
    "email_verified",
    "preferred_username",
    "picture",
    "groups",
    "locale",
    "updated_at",
    "auth_time",
    "acr",
    "amr",
];

/// Names that custom claims may not have.
pub const RESERVED: [&str; 23] = [
    "given_name",
    "family_name",
    "name",
    "email",
    "email_verified",
    "preferred_username",
    "display_name",
    "groups",
    "type",
    "sub",
    "iss",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "amr",
    "azp",
    "client_id",
    "nbf",
    "jti",
    "sid",
];

/// A claim an admin gave to a person or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomClaim {
    /// Its name.
    pub key: String,
    /// Its value: JSON if it can be read as JSON, else a string.
    pub value: String,
}

/// What is known about a person.
#[derive(Debug, Clone)]
pub struct Person {
    /// The account's id, a UUID: the `sub` unless the client has identifiers of its own.
    pub id: String,
    /// The name to sign in with.
    pub username: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// Display name; may be empty.
    pub display_name: String,
    /// Address, if one is known.
    pub email: Option<String>,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Language tag the person chose, if they did.
    pub locale: Option<String>,
    /// When something about the account last changed.
    pub updated_at: UnixTime,
    /// The names of the person's groups.
    pub groups: Vec<String>,
    /// The person's custom claims, as [`merge_custom`] gives them.
    pub custom: BTreeMap<String, String>,
}

impl Person {
    /// `name`: first and last name, else the display name, else the user name.
    #[must_use]
    pub fn full_name(&self) -> String {
        let full = format!("{} {}", self.first_name, self.last_name);
        [full.trim(), self.display_name.trim(), &self.username]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned()
    }
}

/// Who is told about a person, and how much.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// The `sub` that the client knows the person by.
    pub subject: &'a str,
    /// What was granted.
    pub scope: &'a Scope,
    /// What was asked for by name in this place, see [`super::claims_request`].
    pub claims: &'a BTreeMap<String, Wanted>,
    /// Our own address without a trailing slash; pictures live there.
    pub app_url: &'a str,
}

/// The claims of `person` that a client is told, `sub` always.
#[must_use]
pub fn told(person: &Person, to: &Listener<'_>) -> Map<String, Value> {
    let mut claims = for_scope(person, to.scope, to);
    if !to.claims.is_empty() {
        let all = for_scope(person, &Scope::of(&[PROFILE, EMAIL, GROUPS]), to);
        let named = |name: &str| SUPPORTED.contains(&name) && to.claims.contains_key(name);
        claims.extend(all.into_iter().filter(|(name, _)| named(name)));
    }
    claims
}

fn for_scope(person: &Person, scope: &Scope, to: &Listener<'_>) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    if scope.contains(PROFILE) {
        // custom claims first, so that none of them replaces a standard one
        for (key, value) in &person.custom {
            if !RESERVED.contains(&key.as_str()) {
                put(key, serde_json::from_str(value).unwrap_or_else(|_| json!(value)));
            }
        }
        put("given_name", json!(person.first_name));
        put("family_name", json!(person.last_name));
        put("name", json!(person.full_name()));
        put("display_name", json!(person.display_name));
        put("preferred_username", json!(person.username));
        if let Some(locale) = &person.locale {
            put("locale", json!(locale));
        }
        put("updated_at", json!(person.updated_at));
        // The address names the account, which a client with identifiers of its own must not learn.
        if to.subject == person.id {
            put("picture", json!(format!("{}/api/users/{}/profile-picture.png", to.app_url, person.id)));
        }
    }
    if let Some(email) = person.email.as_ref().filter(|_| scope.contains(EMAIL)) {
        put("email", json!(email));
        put("email_verified", json!(person.email_verified));
    }
    if scope.contains(GROUPS) {
        put("groups", json!(person.groups));
    }
    put("sub", json!(to.subject));
    claims
}

/// One value per name: the person's own claim before those of groups, an earlier group before a later one.
#[must_use]
pub fn merge_custom<'a>(
    own: impl IntoIterator<Item = &'a CustomClaim>,
    groups: impl IntoIterator<Item = &'a CustomClaim>,
) -> BTreeMap<String, String> {
    let mut merged = BTreeMap::new();
    for claim in own.into_iter().chain(groups) {
        merged.entry(claim.key.clone()).or_insert_with(|| claim.value.clone());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Person {
        Person {
            id: "u1".into(),
            username: "ada".into(),
            first_name: "Ada".into(),
            last_name: "Lovelace".into(),
            display_name: "Countess".into(),
            email: Some("ada@example.com".into()),
            email_verified: true,
            locale: Some("de".into()),
            updated_at: UnixTime(1000),
            groups: vec!["admins".into(), "dev".into()],
            custom: [
                ("level", "7"),
                ("tags", r#"["a"]"#),
                ("motto", "so it be"),
                ("picture", "x"),
                ("iss", "evil"),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        }
    }

    fn told_as(person: &Person, subject: &str, scope: &str) -> Value {
        let scope = Scope::parse(scope).unwrap();
        let none = BTreeMap::new();
        let to = Listener { subject, scope: &scope, claims: &none, app_url: "https://id.example" };
        Value::Object(super::told(person, &to))
    }

    fn told(person: &Person, scope: &str) -> Value {
        told_as(person, &person.id, scope)
    }

    #[test]
    fn a_client_with_identifiers_of_its_own_never_sees_the_account_id() {
        let all = told_as(&ada(), "p4irwise", "profile email groups");
        assert_eq!(all["sub"], "p4irwise");
        assert_eq!(all["picture"], "x", "a custom claim may have the name, our address may not be told");
        assert!(!all.to_string().contains("u1"));
    }

    #[test]
    fn each_scope_tells_its_claims() {
        let profile = json!({
            "sub": "u1", "given_name": "Ada", "family_name": "Lovelace", "name": "Ada Lovelace",
            "display_name": "Countess", "preferred_username": "ada",
            "picture": "https://id.example/api/users/u1/profile-picture.png",
            "locale": "de", "updated_at": 1000,
            "level": 7, "tags": ["a"], "motto": "so it be",
        });
        for (scope, expected) in [
            ("", json!({"sub": "u1"})),
            ("openid offline_access other", json!({"sub": "u1"})),
            ("email", json!({"sub": "u1", "email": "ada@example.com", "email_verified": true})),
            ("groups", json!({"sub": "u1", "groups": ["admins", "dev"]})),
            ("profile", profile),
        ] {
            assert_eq!(told(&ada(), scope), expected, "{scope}");
        }
    }

    #[test]
    fn claims_are_told_one_by_one_too() {
        let by_name = |scope: &str, names: &[&str]| {
            let scope = Scope::parse(scope).unwrap();
            let claims = names.iter().map(|n| ((*n).to_owned(), Wanted::default())).collect();
            let to =
                Listener { subject: "u1", scope: &scope, claims: &claims, app_url: "https://id.example" };
            Value::Object(super::told(&ada(), &to))
        };
        assert_eq!(by_name("", &["email"]), json!({"sub": "u1", "email": "ada@example.com"}));
        let more = json!({"sub": "u1", "groups": ["admins", "dev"], "name": "Ada Lovelace"});
        assert_eq!(by_name("groups", &["name", "sub", "auth_time"]), more);
        // custom claims have no name that could be asked for
        assert_eq!(by_name("", &["level", "iss", "motto"]), json!({"sub": "u1"}));
        let person = Person { email: None, locale: None, ..ada() };
        let scope = Scope::default();
        let claims =
            [("email".to_owned(), Wanted::default()), ("locale".to_owned(), Wanted::default())].into();
        let to = Listener { subject: "u1", scope: &scope, claims: &claims, app_url: "" };
        assert_eq!(Value::Object(super::told(&person, &to)), json!({"sub": "u1"}));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let person = Person { email: None, groups: vec![], ..ada() };
        assert_eq!(told(&person, "email"), json!({"sub": "u1"}));
        assert_eq!(told(&person, "groups"), json!({"sub": "u1", "groups": []}));
    }

    #[test]
    fn names_fall_back() {
        for (first, last, display, expected) in [
            ("Ada", "Lovelace", "C", "Ada Lovelace"),
            ("Ada", "", "C", "Ada"),
            ("", "Lovelace", "C", "Lovelace"),
            ("", " ", "C", "C"),
            ("", "", "", "ada"),
        ] {
            let person = Person {
                first_name: first.into(),
                last_name: last.into(),
                display_name: display.into(),
                ..ada()
            };
            assert_eq!(person.full_name(), expected);
        }
    }

    #[test]
    fn own_claims_come_before_those_of_groups() {
        let claim = |key: &str, value: &str| CustomClaim { key: key.into(), value: value.into() };
        let own = [claim("a", "own")];
        let groups = [claim("a", "g1"), claim("b", "g1"), claim("b", "g2"), claim("c", "g2")];
        let expected = [("a", "own"), ("b", "g1"), ("c", "g2")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(merge_custom(&own, &groups), expected.into());
    }
}
