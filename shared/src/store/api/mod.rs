//! APIs (resource servers, RFC 8707) with their permissions, and which client may use them.

mod access;
mod reach;

pub use access::{
    Access, access_of_api_page, access_of_client, apis_of_client, assignable_apis, assignable_clients,
    clear_access, clients_of_api, count_assignable_apis, count_assignable_clients, count_clients_of_api,
    drop_access_of_last, end_lost_access, end_with_permission, give_access, give_permission,
    permissions_of_client_apis, revoke_all,
};
pub use reach::{reach, reach_of_device, reach_of_interaction, read_reach};

use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;
use std::collections::BTreeMap;

/// An API that tokens are issued for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// UUID.
    pub id: String,
    /// Name people see.
    pub name: String,
    /// Its address: `resource` of requests and `aud` of tokens, without trailing slashes.
    pub resource: String,
    /// Whether every client known by a metadata document may use it in a person's name.
    pub allow_cimd_clients: bool,
    /// Creation.
    pub created_at: UnixTime,
}

/// The columns that [`Api::from_row`] reads, for a `SELECT` from `apis a`.
macro_rules! api_columns {
    () => {
        "a.id AS api_id, a.name AS api_name, a.resource, a.allow_cimd_clients, a.created_at AS api_created_at"
    };
}
pub(crate) use api_columns;

impl Api {
    /// Reads the columns of `api_columns!`.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("api_id")?,
            name: row.text("api_name")?,
            resource: row.text("resource")?,
            allow_cimd_clients: row.flag("allow_cimd_clients")?,
            created_at: row.time("api_created_at")?,
        })
    }

    /// Inserts the API; a taken address gives `DbError::Unique`.
    #[must_use]
    pub fn insert(&self) -> Stmt {
        Stmt::new(
            "INSERT INTO apis (id, name, name_folded, resource, allow_cimd_clients, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )
        .bind(&self.id)
        .bind(&self.name)
        .bind(self.name.to_lowercase())
        .bind(&self.resource)
        .bind(self.allow_cimd_clients)
        .bind(self.created_at)
    }
}

/// A permission that an API knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// UUID.
    pub id: String,
    /// The scope that asks for it.
    pub key: String,
    /// Name people see.
    pub name: String,
    /// What it allows.
    pub description: Option<String>,
    /// Whether it is among those that [`Api::allow_cimd_clients`] gives.
    pub allowed_for_cimd_clients: bool,
}

/// The columns that [`Permission::from_row`] reads, for a `SELECT` from `api_permissions p`.
macro_rules! permission_columns {
    () => {
        "p.id AS permission_id, p.api_id, p.key, p.name AS permission_name, p.description AS permission_description, \
         p.allowed_for_cimd_clients"
    };
}
pub(crate) use permission_columns;

impl Permission {
    /// Reads the columns of `permission_columns!`.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("permission_id")?,
            key: row.text("key")?,
            name: row.text("permission_name")?,
            description: row.opt_text("permission_description")?,
            allowed_for_cimd_clients: row.flag("allowed_for_cimd_clients")?,
        })
    }

    /// Inserts the permission, or gives the one of the same key another name and description.
    #[must_use]
    pub fn put(&self, api_id: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO api_permissions (id, api_id, key, name, description, allowed_for_cimd_clients) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (api_id, key) DO UPDATE SET name = excluded.name, \
             description = excluded.description",
        )
        .bind(&self.id)
        .bind(api_id)
        .bind(&self.key)
        .bind(&self.name)
        .bind(self.description.clone())
        .bind(self.allowed_for_cimd_clients)
    }
}

/// An API by id.
#[must_use]
pub fn by_id(id: &str) -> Stmt {
    Stmt::new(concat!("SELECT ", api_columns!(), " FROM apis a WHERE a.id = ?1")).bind(id)
}

/// One row if an API has this address.
#[must_use]
pub fn by_resource(resource: &str) -> Stmt {
    Stmt::new("SELECT id FROM apis WHERE resource = ?1").bind(resource)
}

/// The permissions of an API, by key.
#[must_use]
pub fn permissions(api_id: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        permission_columns!(),
        " FROM api_permissions p WHERE p.api_id = ?1 ORDER BY p.key"
    ))
    .bind(api_id)
}

/// Reads rows of permissions, by the id of their API.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn by_api(rows: &Rows) -> Result<BTreeMap<String, Vec<Permission>>, DbError> {
    let mut by_api: BTreeMap<String, Vec<Permission>> = BTreeMap::new();
    for row in rows {
        by_api.entry(row.text("api_id")?).or_default().push(Permission::from_row(row)?);
    }
    Ok(by_api)
}

/// Notes a change of an API, which must exist.
#[must_use]
pub fn touch(id: &str, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE apis SET updated_at = ?2 WHERE id = ?1").bind(id).bind(now).one()
}

/// Gives an API another name.
#[must_use]
pub fn rename(id: &str, name: &str, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE apis SET name = ?2, name_folded = ?3, updated_at = ?4 WHERE id = ?1")
        .bind(id)
        .bind(name)
        .bind(name.to_lowercase())
        .bind(now)
        .one()
}

/// Removes an API with its permissions and who may use it.
#[must_use]
pub fn delete(id: &str) -> Stmt {
    Stmt::new("DELETE FROM apis WHERE id = ?1").bind(id).one()
}

/// Removes a permission, and takes it from all clients.
#[must_use]
pub fn delete_permission(id: &str) -> Stmt {
    Stmt::new("DELETE FROM api_permissions WHERE id = ?1").bind(id)
}

/// Opens an API to clients known by a metadata document, or shuts it.
#[must_use]
pub fn allow_cimd(id: &str, allowed: bool, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE apis SET allow_cimd_clients = ?2, updated_at = ?3 WHERE id = ?1")
        .bind(id)
        .bind(allowed)
        .bind(now)
        .one()
}

/// Takes a permission into what such clients get, or out of it.
#[must_use]
pub fn allow_permission_for_cimd(id: &str, allowed: bool) -> Stmt {
    Stmt::new("UPDATE api_permissions SET allowed_for_cimd_clients = ?2 WHERE id = ?1").bind(id).bind(allowed)
}

/// Column and direction of a listing of APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name, a to z.
    NameAscending,
    /// By name, z to a.
    NameDescending,
    /// Oldest first.
    CreatedAscending,
    /// Newest first.
    CreatedDescending,
    /// By address, a to z.
    ResourceAscending,
    /// By address, z to a.
    ResourceDescending,
}

impl Order {
    /// The order of a listing that sorts by `column`; by name unless it is another column that can be sorted by.
    #[must_use]
    pub fn of(column: Option<&str>, descending: bool) -> Self {
        match (column, descending) {
            (Some("createdAt"), false) => Self::CreatedAscending,
            (Some("createdAt"), true) => Self::CreatedDescending,
            (Some("resource"), false) => Self::ResourceAscending,
            (Some("resource"), true) => Self::ResourceDescending,
            (Some("name"), true) => Self::NameDescending,
            _ => Self::NameAscending,
        }
    }
}

/// A listing of APIs in each order: the text before, the order, the text after.
macro_rules! apis_in_order {
    ($order:expr, $before:expr, $after:expr) => {
        match $order {
            Order::NameAscending => concat!($before, " ORDER BY a.name_folded, a.id", $after),
            Order::NameDescending => concat!($before, " ORDER BY a.name_folded DESC, a.id DESC", $after),
            Order::CreatedAscending => concat!($before, " ORDER BY a.created_at, a.id", $after),
            Order::CreatedDescending => concat!($before, " ORDER BY a.created_at DESC, a.id DESC", $after),
            Order::ResourceAscending => concat!($before, " ORDER BY a.resource", $after),
            Order::ResourceDescending => concat!($before, " ORDER BY a.resource DESC", $after),
        }
    };
}
pub(crate) use apis_in_order;

/// How many APIs match the search (a folded LIKE pattern) by name or address.
#[must_use]
pub fn count(pattern: &str) -> Stmt {
    Stmt::new(
        "SELECT COUNT(*) AS n FROM apis a WHERE a.name_folded LIKE ?1 ESCAPE '\\' OR LOWER(a.resource) LIKE ?1 ESCAPE '\\'",
    )
    .bind(pattern)
}

/// One page of the APIs that match the search.
#[must_use]
pub fn page(pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = apis_in_order!(
        order,
        concat!(
            "SELECT ",
            api_columns!(),
            " FROM apis a WHERE a.name_folded LIKE ?1 ESCAPE '\\' OR LOWER(a.resource) LIKE ?1 ESCAPE '\\'"
        ),
        " LIMIT ?2 OFFSET ?3"
    );
    Stmt::new(sql).bind(pattern).bind(limit).bind(offset)
}

/// The permissions of all APIs on that page.
#[must_use]
pub fn permissions_of_page(pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = apis_in_order!(
        order,
        concat!(
            "SELECT ",
            permission_columns!(),
            " FROM api_permissions p WHERE p.api_id IN (SELECT a.id FROM apis a \
             WHERE a.name_folded LIKE ?1 ESCAPE '\\' OR LOWER(a.resource) LIKE ?1 ESCAPE '\\'"
        ),
        " LIMIT ?2 OFFSET ?3) ORDER BY p.key"
    );
    Stmt::new(sql).bind(pattern).bind(limit).bind(offset)
}
