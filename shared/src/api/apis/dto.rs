//! APIs as the API reads and shows them, and the rules their fields keep.

use crate::api::error::{ApiError, FieldError};
use crate::decide::resource;
use crate::store::api::{Access, Api, Permission};
use crate::text::nfc;
use proto::oauth::scope::Scope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most permissions of one API: a scope holds no more.
const MOST_PERMISSIONS: usize = proto::oauth::scope::MAX_TOKENS;

/// Keys that are no permissions of an API, whatever their case.
const RESERVED: [&str; 6] = ["openid", "profile", "email", "email_verified", "groups", "offline_access"];

/// Body of a new API, and of a new name for one: then `resource` is not read.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ApiInput {
    /// Name, 1 to 50 characters.
    pub name: String,
    /// Address of the API (RFC 8707): an absolute URI of up to 350 characters.
    pub resource: String,
}

/// Body with all permissions of an API.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionsInput {
    /// The permissions.
    pub permissions: Vec<PermissionInput>,
}

/// One permission.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct PermissionInput {
    /// The scope that asks for it, 1 to 128 characters of RFC 6749 §3.3.
    pub key: String,
    /// Name, 1 to 50 characters.
    pub name: String,
    /// What it allows, up to 200 characters.
    pub description: Option<String>,
}

/// What clients known by a metadata document get without being let in one by one.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct CimdAccessInput {
    /// Whether they get anything.
    pub enabled: bool,
    /// Ids of the permissions. An empty list leaves the selection as it is while access is off.
    pub permission_ids: Vec<String>,
}

/// What a client may do at an API.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ApiGrant {
    /// Tokens in a person's name.
    pub user_delegated_access: bool,
    /// Tokens in its own name; never for public clients.
    pub client_access: bool,
    /// Ids of permissions it may use in a person's name.
    pub user_delegated_permission_ids: Vec<String>,
    /// Ids of permissions of its own.
    pub client_permission_ids: Vec<String>,
}

impl From<Access> for ApiGrant {
    fn from(access: Access) -> Self {
        Self {
            user_delegated_access: access.user,
            client_access: access.client,
            user_delegated_permission_ids: access.user_permissions,
            client_permission_ids: access.client_permissions,
        }
    }
}

impl ApiGrant {
    /// What comes of this wish at an API: permissions of others are passed over, a permission implies access, and a
    /// public client has nothing of its own.
    #[must_use]
    pub fn applied(self, permissions: &[Permission], is_public: bool) -> Self {
        let known = |ids: Vec<String>| -> Vec<String> {
            permissions.iter().filter(|p| ids.contains(&p.id)).map(|p| p.id.clone()).collect()
        };
        let user = known(self.user_delegated_permission_ids);
        let client = if is_public { Vec::new() } else { known(self.client_permission_ids) };
        Self {
            user_delegated_access: self.user_delegated_access || !user.is_empty(),
            client_access: !is_public && (self.client_access || !client.is_empty()),
            user_delegated_permission_ids: user,
            client_permission_ids: client,
        }
    }
}

/// What a client gets at an API because it is known by a metadata document.
#[derive(Debug, Clone, Default, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CimdGrant {
    cimd_granted_access: bool,
    cimd_granted_permission_ids: Vec<String>,
}

impl CimdGrant {
    /// What a client of a type gets at an API.
    #[must_use]
    pub fn new(client_type: &str, api: &Api, permissions: &[Permission]) -> Self {
        if client_type != "cimd" || !api.allow_cimd_clients {
            return Self::default();
        }
        let granted = permissions.iter().filter(|p| p.allowed_for_cimd_clients);
        Self {
            cimd_granted_access: true,
            cimd_granted_permission_ids: granted.map(|p| p.id.clone()).collect(),
        }
    }
}

/// An API.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(in crate::api) struct ApiDto {
    id: String,
    name: String,
    resource: String,
    created_at: String,
    permissions: Vec<PermissionDto>,
    allow_cimd_clients: bool,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
struct PermissionDto {
    id: String,
    key: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    allowed_for_cimd_clients: bool,
}

impl ApiDto {
    /// Shows an API with its permissions.
    #[must_use]
    pub(in crate::api) fn new(api: &Api, permissions: Vec<Permission>) -> Self {
        let permissions = permissions.into_iter().map(|p| PermissionDto {
            id: p.id,
            key: p.key,
            name: p.name,
            description: p.description,
            allowed_for_cimd_clients: p.allowed_for_cimd_clients,
        });
        Self {
            id: api.id.clone(),
            name: api.name.clone(),
            resource: api.resource.clone(),
            created_at: api.created_at.rfc3339(),
            permissions: permissions.collect(),
            allow_cimd_clients: api.allow_cimd_clients,
        }
    }
}

fn check_name(errors: &mut Vec<FieldError>, field: String, name: &str) {
    if name.trim().is_empty() {
        errors.push(FieldError::new(field, "required", "is required"));
    } else if name.chars().count() > 50 {
        errors.push(FieldError::new(field, "too_long", "must be at most 50 characters long"));
    }
}

fn done<T>(value: T, errors: Vec<FieldError>) -> Result<T, ApiError> {
    if errors.is_empty() { Ok(value) } else { Err(ApiError::Validation(errors)) }
}

impl ApiInput {
    /// The name, normalised.
    ///
    /// # Errors
    /// [`ApiError::Validation`].
    pub fn checked_name(&self) -> Result<String, ApiError> {
        let mut errors = Vec::new();
        check_name(&mut errors, "name".to_owned(), &self.name);
        done(nfc(&self.name), errors)
    }

    /// Name and address as they are stored. The issuer's address is none of an API's: tokens for it are for us.
    ///
    /// # Errors
    /// [`ApiError::Validation`].
    pub fn checked(&self, issuer: &str) -> Result<(String, String), ApiError> {
        let mut errors = Vec::new();
        check_name(&mut errors, "name".to_owned(), &self.name);
        let address = resource::trimmed(&self.resource);
        let problem = if self.resource.is_empty() {
            Some(("required", "is required"))
        } else if self.resource.chars().count() > 350 {
            Some(("too_long", "must be at most 350 characters long"))
        } else if !resource::is_resource_uri(address) {
            Some(("invalid_format", "must be an absolute URI without whitespace or a fragment"))
        } else if address == issuer {
            Some(("reserved", "is reserved"))
        } else {
            None
        };
        errors.extend(problem.map(|(code, message)| FieldError::new("resource", code, message)));
        done((nfc(&self.name), address.to_owned()), errors)
    }
}

impl PermissionsInput {
    /// The permissions, normalised.
    ///
    /// # Errors
    /// [`ApiError::Validation`] with every field that breaks a rule.
    pub fn checked(self) -> Result<Vec<PermissionInput>, ApiError> {
        let mut errors = Vec::new();
        if self.permissions.len() > MOST_PERMISSIONS {
            errors.push(FieldError::new("permissions", "too_long", "must be at most 100 entries long"));
        }
        let mut seen = BTreeSet::new();
        for (i, permission) in self.permissions.iter().enumerate() {
            if let Some((code, message)) = key_problem(&permission.key) {
                errors.push(FieldError::new(format!("permissions[{i}].key"), code, message));
            } else if !seen.insert(permission.key.as_str()) {
                errors.push(FieldError::new(format!("permissions[{i}].key"), "duplicate", "is given twice"));
            }
            check_name(&mut errors, format!("permissions[{i}].name"), &permission.name);
            if permission.description.as_ref().is_some_and(|d| d.chars().count() > 200) {
                let message = "must be at most 200 characters long";
                errors.push(FieldError::new(format!("permissions[{i}].description"), "too_long", message));
            }
        }
        let normalised = self.permissions.iter().map(|p| PermissionInput {
            key: p.key.clone(),
            name: nfc(&p.name),
            description: p.description.as_ref().filter(|d| !d.is_empty()).map(|d| nfc(d)),
        });
        done(normalised.collect(), errors)
    }
}

fn key_problem(key: &str) -> Option<(&'static str, &'static str)> {
    if key.is_empty() {
        return Some(("required", "is required"));
    }
    if key.chars().count() > 128 {
        return Some(("too_long", "must be at most 128 characters long"));
    }
    if key.contains(' ') || Scope::parse(key).is_err() {
        return Some(("invalid_format", "must only contain characters that scopes may have"));
    }
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(key)).then_some(("reserved", "is reserved"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes<T: std::fmt::Debug>(result: Result<T, ApiError>) -> Vec<String> {
        match result {
            Err(ApiError::Validation(errors)) => {
                errors.iter().map(|e| format!("{} {}", e.field, e.code)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn addresses_of_apis_are_trimmed_and_checked() {
        let input = |resource: &str| ApiInput { name: "A".into(), resource: resource.into() };
        let checked = |resource: &str| input(resource).checked("https://id.example");
        assert_eq!(checked("https://a.example/v1//"), Ok(("A".into(), "https://a.example/v1".into())));
        assert_eq!(codes(checked("")), ["resource required"]);
        assert_eq!(codes(checked(&format!("urn:{}", "x".repeat(347)))), ["resource too_long"]);
        for bad in ["files", "https://", "https://a b", "urn:a#b", "///"] {
            assert_eq!(codes(checked(bad)), ["resource invalid_format"], "{bad}");
        }
        for own in ["https://id.example", "https://id.example/"] {
            assert_eq!(codes(checked(own)), ["resource reserved"], "{own}");
        }
        let nothing = ApiInput::default().checked("https://id.example");
        assert_eq!(codes(nothing), ["name required", "resource required"]);
        let long = ApiInput { name: "x".repeat(51), resource: String::new() };
        assert_eq!(codes(long.checked_name()), ["name too_long"]);
    }

    #[test]
    fn permissions_are_named_by_their_place() {
        let permission = |key: &str| PermissionInput { key: key.into(), name: "N".into(), description: None };
        let run = |permissions: Vec<PermissionInput>| PermissionsInput { permissions }.checked();
        assert!(
            run(vec![permission("read:all"), permission("READ:ALL"), permission(&"x".repeat(128))]).is_ok()
        );
        assert_eq!(
            codes(run(vec![
                permission("a"),
                permission("a b"),
                permission("a\"b"),
                permission("é"),
                permission("OpenID"),
                permission("email_verified"),
                permission("a"),
                permission(""),
                permission(&"x".repeat(129)),
            ])),
            [
                "permissions[1].key invalid_format",
                "permissions[2].key invalid_format",
                "permissions[3].key invalid_format",
                "permissions[4].key reserved",
                "permissions[5].key reserved",
                "permissions[6].key duplicate",
                "permissions[7].key required",
                "permissions[8].key too_long",
            ]
        );
        let odd =
            PermissionInput { key: "k".into(), name: String::new(), description: Some("x".repeat(201)) };
        assert_eq!(
            codes(run(vec![odd])),
            ["permissions[0].name required", "permissions[0].description too_long"]
        );
        let many = (0..101).map(|i| permission(&format!("k{i}"))).collect();
        assert_eq!(codes(run(many)), ["permissions too_long"]);
    }

    #[test]
    fn a_grant_is_what_can_be_granted() {
        let permission = |id: &str| Permission {
            id: id.into(),
            key: id.into(),
            name: id.into(),
            description: None,
            allowed_for_cimd_clients: false,
        };
        let known = [permission("a"), permission("b")];
        let ask = || ApiGrant {
            user_delegated_permission_ids: vec!["b".into(), "foreign".into()],
            client_permission_ids: vec!["a".into()],
            ..ApiGrant::default()
        };
        let given = ask().applied(&known, false);
        assert_eq!((given.user_delegated_access, given.client_access), (true, true));
        assert_eq!(
            (given.user_delegated_permission_ids, given.client_permission_ids),
            (vec!["b".into()], vec!["a".into()])
        );
        let public = ApiGrant { client_access: true, ..ask() }.applied(&known, true);
        assert_eq!((public.user_delegated_access, public.client_access), (true, false));
        assert!(public.client_permission_ids.is_empty());
    }
}
