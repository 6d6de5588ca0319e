//! Which API and which scopes a request may have (RFC 8707 §2).
//!
//! A permission of an API is asked for by its key in `scope`, together with the address of the API in `resource`.
//! What a person hands on (`User`) and what a client may do by itself (`Client`) are granted apart.

use crate::refusal::Refusal;
use proto::oauth::scope::{STANDARD, Scope};

/// Stands in stored consents between the address of an API and the key of its permission. No URI has it.
const SEPARATOR: char = '\u{1f}';

/// In whose name a token is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectType {
    /// A person's: authorization code, device code, refresh token, token exchange.
    User,
    /// The client's own: client credentials.
    Client,
}

impl SubjectType {
    /// How it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
        }
    }
}

/// A permission of an API, as one client may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The scope that asks for it.
    pub key: String,
    /// Name people see.
    pub name: String,
    /// What it allows, for people.
    pub description: Option<String>,
    /// Whether the client has it.
    pub is_granted: bool,
}

/// An API, as one client may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// Its address (RFC 8707 §2), without trailing slashes.
    pub resource: String,
    /// Name people see.
    pub name: String,
    /// Whether the client may ask for tokens for it.
    pub is_reachable: bool,
    /// All its permissions.
    pub permissions: Vec<Permission>,
}

impl Api {
    /// The permission that a scope names.
    #[must_use]
    pub fn permission(&self, key: &str) -> Option<&Permission> {
        self.permissions.iter().find(|p| p.key == key)
    }

    fn grants(&self, key: &str) -> bool {
        self.permission(key).is_some_and(|p| p.is_granted)
    }
}

/// All APIs that a client reaches for one [`SubjectType`], and the one that the request names, reached or not:
/// what `store::api::reach` loads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The APIs.
    pub apis: Vec<Api>,
}

impl Reach {
    /// The API of an address, trailing slashes or not.
    #[must_use]
    pub fn api(&self, resource: &str) -> Option<&Api> {
        let resource = trimmed(resource);
        self.apis.iter().find(|a| a.resource == resource)
    }

    /// Whether a scope is a permission that the client has at some API.
    #[must_use]
    pub fn knows(&self, key: &str) -> bool {
        self.reachable().any(|a| a.grants(key))
    }

    fn reachable(&self) -> impl Iterator<Item = &Api> {
        self.apis.iter().filter(|a| a.is_reachable)
    }
}

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The scopes that count.
    pub scope: Scope,
    /// Address of the API that tokens are for, without trailing slashes; `None` if they are for the client itself.
    pub resource: Option<String>,
}

/// An address without its trailing slashes, which never matter.
#[must_use]
pub fn trimmed(resource: &str) -> &str {
    resource.trim_end_matches('/')
}

/// RFC 8707 §2: an absolute URI without fragment.
#[must_use]
pub fn is_resource_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme
        && !rest.trim_matches('/').is_empty()
        && !text.contains('#')
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && url::Url::parse(text).is_ok()
}

/// Decides scope and resource of a request. Scopes that nobody knows, or that belong to APIs out of reach, are
/// dropped without a word; a permission of an API within reach that is asked for without that API is an error.
/// Without any scope a client that acts for itself gets all permissions it has.
///
/// # Errors
/// [`Refusal::ResourceMalformed`], [`Refusal::ResourceUnknown`], [`Refusal::ResourceNotAllowed`] or
/// [`Refusal::ScopeNotOfResource`].
pub fn resolve(
    scope: &Scope,
    resource: Option<&str>,
    reach: &Reach,
    subject: SubjectType,
) -> Result<Resolved, Refusal> {
    let api = resource.map(|asked| named(asked, reach)).transpose()?;
    let is_standard = |token: &str| STANDARD.contains(&token);
    for token in scope.iter().filter(|token| !is_standard(token)) {
        let is_elsewhere = reach.knows(token);
        match api {
            Some(api) if api.grants(token) => {}
            Some(api) if is_elsewhere || api.permission(token).is_some() => {
                return Err(Refusal::ScopeNotOfResource);
            }
            None if is_elsewhere => return Err(Refusal::ScopeNotOfResource),
            _ => {}
        }
    }
    let kept = scope.filtered(|token| match subject {
        _ if !is_standard(token) => api.is_some_and(|a| a.grants(token)),
        SubjectType::User => true,
        // A client tells nothing about a person, and has nobody's absence to work through.
        SubjectType::Client => false,
    });
    let scope = match (subject, api) {
        (SubjectType::Client, Some(api)) if scope.is_empty() => all_granted(api)?,
        _ => kept,
    };
    Ok(Resolved { scope, resource: api.map(|a| a.resource.clone()) })
}

fn named<'a>(asked: &str, reach: &'a Reach) -> Result<&'a Api, Refusal> {
    if !is_resource_uri(asked) {
        return Err(Refusal::ResourceMalformed);
    }
    let api = reach.api(asked).ok_or(Refusal::ResourceUnknown)?;
    if api.is_reachable { Ok(api) } else { Err(Refusal::ResourceNotAllowed) }
}

fn all_granted(api: &Api) -> Result<Scope, Refusal> {
    let keys: Vec<&str> = api.permissions.iter().filter(|p| p.is_granted).map(|p| p.key.as_str()).collect();
    // The keys keep the grammar of scopes, and an API has fewer than a scope may hold.
    Scope::parse(&keys.join(" ")).map_err(|_| Refusal::ScopeMalformed)
}

/// Whether what was granted can be granted still: the API is within reach and every permission is held.
///
/// # Errors
/// [`Refusal::ApiAccessWithdrawn`].
pub fn still_granted(scope: &Scope, resource: Option<&str>, reach: &Reach) -> Result<(), Refusal> {
    let Some(resource) = resource else { return Ok(()) };
    let api = reach.api(resource).filter(|a| a.is_reachable).ok_or(Refusal::ApiAccessWithdrawn)?;
    let held = scope.iter().all(|token| STANDARD.contains(&token) || api.grants(token));
    if held { Ok(()) } else { Err(Refusal::ApiAccessWithdrawn) }
}

/// RFC 8707 §2.2: a token request may name the API again, but no other one.
///
/// # Errors
/// [`Refusal::ResourceNotOfGrant`].
pub fn same_resource(granted: Option<&str>, sent: Option<&str>) -> Result<(), Refusal> {
    match sent {
        Some(sent) if granted != Some(trimmed(sent)) => Err(Refusal::ResourceNotOfGrant),
        _ => Ok(()),
    }
}

/// What has to be agreed to, as consents store it: standard scopes as they are, permissions together with their
/// API, and the API itself.
#[must_use]
pub fn consent_keys(scope: &Scope, resource: Option<&str>) -> Vec<String> {
    let api = resource.map(|r| format!("{r}{SEPARATOR}"));
    let keys = scope.iter().map(|token| match resource {
        Some(r) if !STANDARD.contains(&token) => format!("{r}{SEPARATOR}{token}"),
        _ => token.to_owned(),
    });
    keys.chain(api).collect()
}

/// `aud` of an access token: the API, else the client, and this server too if userinfo may be asked with it.
#[must_use]
pub fn audience(resource: Option<&str>, client_id: &str, issuer: &str, scope: &Scope) -> Vec<String> {
    let mut audience = vec![resource.unwrap_or(client_id).to_owned()];
    if scope.has_identity() {
        audience.push(issuer.to_owned());
    }
    audience
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const FILES: &str = "https://files.example";

    fn api(resource: &str, is_reachable: bool, permissions: &[(&str, bool)]) -> Api {
        let permissions = permissions.iter().map(|(key, is_granted)| Permission {
            key: (*key).to_owned(),
            name: format!("{key}!"),
            description: None,
            is_granted: *is_granted,
        });
        Api {
            resource: resource.to_owned(),
            name: "API".to_owned(),
            is_reachable,
            permissions: permissions.collect(),
        }
    }

    pub(crate) fn reach() -> Reach {
        Reach {
            apis: vec![
                api(FILES, true, &[("read", true), ("write", true), ("erase", false)]),
                api("urn:mail", true, &[("send", true), ("read", true)]),
                api("https://hidden.example", false, &[("secret", false)]),
                api("https://bare.example", true, &[]),
            ],
        }
    }

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn run(text: &str, resource: &str, subject: SubjectType) -> Result<(String, Option<String>), Refusal> {
        let resource = Some(resource).filter(|r| !r.is_empty());
        resolve(&scope(text), resource, &reach(), subject).map(|r| (r.scope.to_string(), r.resource))
    }

    fn ok(scope: &str, resource: &str) -> Result<(String, Option<String>), Refusal> {
        Ok((scope.to_owned(), Some(resource.to_owned()).filter(|r| !r.is_empty())))
    }

    #[test]
    fn resource_and_scope_table() {
        use SubjectType::{Client, User};
        let table = [
            // without an API
            ("openid made-up", "", User, ok("openid", "")),
            ("", "", User, ok("", "")),
            ("openid read", "", User, Err(Refusal::ScopeNotOfResource)),
            ("erase", "", User, ok("", "")),
            ("secret", "", User, ok("", "")),
            // with one
            ("openid read", FILES, User, ok("openid read", FILES)),
            ("read", "https://files.example//", User, ok("read", FILES)),
            ("", FILES, User, ok("", FILES)),
            ("made-up read", FILES, User, ok("read", FILES)),
            ("erase", FILES, User, Err(Refusal::ScopeNotOfResource)),
            ("send", FILES, User, Err(Refusal::ScopeNotOfResource)),
            ("read", "https://bare.example", User, Err(Refusal::ScopeNotOfResource)),
            ("secret", FILES, User, ok("", FILES)),
            ("read", "urn:mail", User, ok("read", "urn:mail")),
            // which API
            ("openid", "https://hidden.example", User, Err(Refusal::ResourceNotAllowed)),
            ("openid", "https://nowhere.example", User, Err(Refusal::ResourceUnknown)),
            ("openid", "HTTPS://files.example", User, Err(Refusal::ResourceUnknown)),
            ("openid", "files.example", User, Err(Refusal::ResourceMalformed)),
            ("openid", "https://files.example#x", User, Err(Refusal::ResourceMalformed)),
            ("openid", "https://files.example /", User, Err(Refusal::ResourceMalformed)),
            ("openid", "https://", User, Err(Refusal::ResourceMalformed)),
            // a client for itself
            ("", FILES, Client, ok("read write", FILES)),
            ("read", FILES, Client, ok("read", FILES)),
            ("openid email offline_access read", FILES, Client, ok("read", FILES)),
            ("openid", FILES, Client, ok("", FILES)),
            ("openid", "", Client, ok("", "")),
            ("read", "", Client, Err(Refusal::ScopeNotOfResource)),
        ];
        for (text, resource, subject, want) in table {
            assert_eq!(run(text, resource, subject), want, "{text:?} at {resource:?} for {subject:?}");
        }
    }

    #[test]
    fn addresses_of_apis() {
        for good in
            ["https://a.example", "http://10.0.0.1:8080/v1", "urn:x:y", "api://files", "com.example:files"]
        {
            assert!(is_resource_uri(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "/a",
            "//a.example",
            ":a",
            "1a:b",
            "https://",
            "https:",
            "urn:",
            "a b:c",
            "urn:a#b",
            "urn:a\u{7f}",
        ] {
            assert!(!is_resource_uri(bad), "{bad}");
        }
    }

    #[test]
    fn what_was_granted_must_be_granted_still() {
        let run = |text: &str, resource: Option<&str>| still_granted(&scope(text), resource, &reach());
        let gone = Err(Refusal::ApiAccessWithdrawn);
        assert_eq!(run("openid", None), Ok(()));
        assert_eq!(run("openid read", Some(FILES)), Ok(()));
        assert_eq!(run("openid", Some("https://bare.example")), Ok(()));
        assert_eq!(run("openid erase", Some(FILES)), gone);
        assert_eq!(run("read removed", Some(FILES)), gone);
        assert_eq!(run("openid", Some("https://hidden.example")), gone);
        assert_eq!(run("openid", Some("https://nowhere.example")), gone);
    }

    #[test]
    fn a_token_request_may_repeat_the_resource_and_not_change_it() {
        assert_eq!(same_resource(Some(FILES), None), Ok(()));
        assert_eq!(same_resource(Some(FILES), Some("https://files.example/")), Ok(()));
        assert_eq!(same_resource(None, None), Ok(()));
        for granted in [None, Some("urn:mail")] {
            assert_eq!(same_resource(granted, Some(FILES)), Err(Refusal::ResourceNotOfGrant));
        }
    }

    #[test]
    fn consent_names_the_api() {
        let keys = |text: &str, resource| consent_keys(&scope(text), resource);
        assert_eq!(keys("openid email", None), ["openid", "email"]);
        assert_eq!(keys("openid read", Some("urn:mail")), ["openid", "urn:mail\u{1f}read", "urn:mail\u{1f}"]);
        assert_eq!(keys("", Some("urn:mail")), ["urn:mail\u{1f}"]);
    }

    #[test]
    fn audiences() {
        let of = |resource, text: &str| audience(resource, "app", "https://id.example", &scope(text));
        assert_eq!(of(None, "offline_access"), ["app"]);
        assert_eq!(of(None, "email"), ["app", "https://id.example"]);
        assert_eq!(of(Some(FILES), "read"), [FILES]);
        assert_eq!(of(Some(FILES), "read openid"), [FILES, "https://id.example"]);
    }
}
