//! Which clients may use which API, and the end of what they got when they may no longer.

use super::{Order as ApiOrder, api_columns, apis_in_order, permission_columns};
use crate::db::{Rows, Stmt};
use crate::decide::resource::SubjectType;
use crate::ports::DbError;
use crate::store::client::{Order, client_columns, in_order};
use proto::time::UnixTime;
use std::collections::BTreeMap;

/// What a client may do at an API in people's names and in its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// Tokens in a person's name.
    pub user: bool,
    /// Tokens in its own name.
    pub client: bool,
    /// Ids of permissions it may use in a person's name.
    pub user_permissions: Vec<String>,
    /// Ids of permissions of its own.
    pub client_permissions: Vec<String>,
}

impl Access {
    /// Reads rows of an id (`$owner` column), `subject_type` and perhaps `permission_id`, by that id.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn by(column: &str, rows: &Rows) -> Result<BTreeMap<String, Self>, DbError> {
        let mut all: BTreeMap<String, Self> = BTreeMap::new();
        for row in rows {
            let access = all.entry(row.text(column)?).or_default();
            let permission = row.opt_text("permission_id")?;
            if row.text("subject_type")? == SubjectType::User.as_str() {
                access.user = true;
                access.user_permissions.extend(permission);
            } else {
                access.client = true;
                access.client_permissions.extend(permission);
            }
        }
        Ok(all)
    }
}

/// Lets a client use an API; the client and the API must exist. Public clients have nothing of their own.
#[must_use]
pub fn give_access(api_id: &str, client_id: &str, subject: SubjectType) -> Stmt {
    Stmt::new(
        "INSERT INTO api_clients (api_id, client_id, subject_type) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )
    .bind(api_id)
    .bind(client_id)
    .bind(subject.as_str())
}

/// Gives a client a permission of an API; one of another API is passed over.
#[must_use]
pub fn give_permission(api_id: &str, permission_id: &str, client_id: &str, subject: SubjectType) -> Stmt {
    Stmt::new(
        "INSERT INTO api_client_permissions (permission_id, client_id, subject_type) \
         SELECT p.id, CAST(?2 AS TEXT), CAST(?3 AS TEXT) FROM api_permissions p WHERE p.id = ?1 AND p.api_id = ?4 \
         ON CONFLICT DO NOTHING",
    )
    .bind(permission_id)
    .bind(client_id)
    .bind(subject.as_str())
    .bind(api_id)
}

/// Takes everything at an API from a client.
#[must_use]
pub fn clear_access(api_id: &str, client_id: &str) -> [Stmt; 2] {
    [
        Stmt::new(
            "DELETE FROM api_client_permissions WHERE client_id = ?2 \
             AND permission_id IN (SELECT p.id FROM api_permissions p WHERE p.api_id = ?1)",
        )
        .bind(api_id)
        .bind(client_id),
        Stmt::new("DELETE FROM api_clients WHERE api_id = ?1 AND client_id = ?2")
            .bind(api_id)
            .bind(client_id),
    ]
}

/// Takes an API from those whose only permission there is this one, before it is removed.
#[must_use]
pub fn drop_access_of_last(api_id: &str, permission_id: &str) -> Stmt {
    Stmt::new(
        "DELETE FROM api_clients WHERE api_id = ?1 AND EXISTS (SELECT 1 FROM api_client_permissions h \
         WHERE h.permission_id = ?2 AND h.client_id = api_clients.client_id AND h.subject_type = api_clients.subject_type) \
         AND NOT EXISTS (SELECT 1 FROM api_client_permissions o JOIN api_permissions p ON p.id = o.permission_id \
         WHERE p.api_id = ?1 AND p.id <> ?2 AND o.client_id = api_clients.client_id \
         AND o.subject_type = api_clients.subject_type)",
    )
    .bind(api_id)
    .bind(permission_id)
}

/// Revokes all that was issued for an API, before it is removed.
#[must_use]
pub fn revoke_all(api_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?2, revoked_reason = 'api_removed' \
         WHERE resource = (SELECT a.resource FROM apis a WHERE a.id = ?1) AND revoked_at IS NULL",
    )
    .bind(api_id)
    .bind(now)
}

/// Revokes all that was issued with a permission, before it is removed.
#[must_use]
pub fn end_with_permission(permission_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?2, revoked_reason = 'permission_removed' WHERE revoked_at IS NULL \
         AND resource = (SELECT a.resource FROM apis a JOIN api_permissions p ON p.api_id = a.id WHERE p.id = ?1) \
         AND EXISTS (SELECT 1 FROM api_permissions p WHERE p.id = ?1 \
         AND REPLACE(' ' || grants.scope || ' ', ' ' || p.key || ' ', '') <> ' ' || grants.scope || ' ')",
    )
    .bind(permission_id)
    .bind(now)
}

/// Revokes what was issued for an API to clients that may no longer have it: those without access, and those without
/// one of the permissions that they were granted. Run it after access changed, in the same batch.
#[must_use]
pub fn end_lost_access(api_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?2, revoked_reason = 'api_access_ended' WHERE revoked_at IS NULL \
         AND resource = (SELECT a.resource FROM apis a WHERE a.id = ?1) AND ( \
         (NOT EXISTS (SELECT 1 FROM api_clients h WHERE h.api_id = ?1 AND h.client_id = grants.client_id \
          AND h.subject_type = CASE WHEN grants.user_id IS NULL THEN 'client' ELSE 'user' END) \
          AND NOT EXISTS (SELECT 1 FROM apis a JOIN clients c ON c.client_type = 'cimd' WHERE a.id = ?1 \
          AND a.allow_cimd_clients = 1 AND c.id = grants.client_id AND grants.user_id IS NOT NULL)) \
         OR EXISTS (SELECT 1 FROM api_permissions p WHERE p.api_id = ?1 \
          AND REPLACE(' ' || grants.scope || ' ', ' ' || p.key || ' ', '') <> ' ' || grants.scope || ' ' \
          AND NOT EXISTS (SELECT 1 FROM api_client_permissions h WHERE h.permission_id = p.id \
          AND h.client_id = grants.client_id \
          AND h.subject_type = CASE WHEN grants.user_id IS NULL THEN 'client' ELSE 'user' END) \
          AND NOT EXISTS (SELECT 1 FROM apis a JOIN clients c ON c.client_type = 'cimd' WHERE a.id = ?1 \
          AND a.allow_cimd_clients = 1 AND p.allowed_for_cimd_clients = 1 AND c.id = grants.client_id \
          AND grants.user_id IS NOT NULL)))",
    )
    .bind(api_id)
    .bind(now)
}

/// The clients that may use API `?1` and match the search `?2`.
macro_rules! clients_of_api {
    () => {
        " FROM clients c JOIN apis a ON a.id = ?1 WHERE c.name_folded LIKE ?2 ESCAPE '\\' \
         AND (c.id IN (SELECT h.client_id FROM api_clients h WHERE h.api_id = ?1) \
         OR (a.allow_cimd_clients = 1 AND c.client_type = 'cimd'))"
    };
}

/// The clients that may not use API `?1` yet and match the search `?2`.
macro_rules! other_clients {
    () => {
        " FROM clients c JOIN apis a ON a.id = ?1 WHERE c.name_folded LIKE ?2 ESCAPE '\\' \
         AND c.id NOT IN (SELECT h.client_id FROM api_clients h WHERE h.api_id = ?1) \
         AND NOT (a.allow_cimd_clients = 1 AND c.client_type = 'cimd')"
    };
}

/// How many clients may use an API.
#[must_use]
pub fn count_clients_of_api(api_id: &str, pattern: &str) -> Stmt {
    Stmt::new(concat!("SELECT COUNT(*) AS n", clients_of_api!())).bind(api_id).bind(pattern)
}

/// One page of the clients that may use an API.
#[must_use]
pub fn clients_of_api(api_id: &str, pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql =
        in_order!(order, concat!("SELECT ", client_columns!(), clients_of_api!()), " LIMIT ?3 OFFSET ?4");
    Stmt::new(sql).bind(api_id).bind(pattern).bind(limit).bind(offset)
}

/// What the clients of that page may do; read it with [`Access::by`] `client_id`.
#[must_use]
pub fn access_of_api_page(api_id: &str, pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = in_order!(
        order,
        concat!(
            "SELECT h.client_id, h.subject_type, p.id AS permission_id FROM api_clients h \
             JOIN clients o ON o.id = h.client_id \
             LEFT JOIN api_client_permissions cp ON cp.client_id = h.client_id AND cp.subject_type = h.subject_type \
             AND cp.permission_id IN (SELECT x.id FROM api_permissions x WHERE x.api_id = ?1) \
             LEFT JOIN api_permissions p ON p.id = cp.permission_id \
             WHERE h.api_id = ?1 AND (o.is_public = 0 OR h.subject_type = 'user') AND h.client_id IN (SELECT c.id",
            clients_of_api!()
        ),
        " LIMIT ?3 OFFSET ?4) ORDER BY h.client_id, h.subject_type, p.key"
    );
    Stmt::new(sql).bind(api_id).bind(pattern).bind(limit).bind(offset)
}

/// How many clients could be let in.
#[must_use]
pub fn count_assignable_clients(api_id: &str, pattern: &str) -> Stmt {
    Stmt::new(concat!("SELECT COUNT(*) AS n", other_clients!())).bind(api_id).bind(pattern)
}

/// One page of the clients that could be let in.
#[must_use]
pub fn assignable_clients(api_id: &str, pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql =
        in_order!(order, concat!("SELECT ", client_columns!(), other_clients!()), " LIMIT ?3 OFFSET ?4");
    Stmt::new(sql).bind(api_id).bind(pattern).bind(limit).bind(offset)
}

/// The APIs that client `?1` may use.
macro_rules! apis_of_client {
    () => {
        " FROM apis a JOIN clients c ON c.id = ?1 WHERE (a.id IN (SELECT h.api_id FROM api_clients h WHERE h.client_id = ?1) \
         OR (a.allow_cimd_clients = 1 AND c.client_type = 'cimd'))"
    };
}

/// The APIs that a client may use, by name.
#[must_use]
pub fn apis_of_client(client_id: &str) -> Stmt {
    Stmt::new(concat!("SELECT ", api_columns!(), apis_of_client!(), " ORDER BY a.name_folded, a.id"))
        .bind(client_id)
}

/// The permissions of those APIs.
#[must_use]
pub fn permissions_of_client_apis(client_id: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        permission_columns!(),
        " FROM api_permissions p WHERE p.api_id IN (SELECT a.id",
        apis_of_client!(),
        ") ORDER BY p.key"
    ))
    .bind(client_id)
}

/// What a client may do at each; read it with [`Access::by`] `api_id`.
#[must_use]
pub fn access_of_client(client_id: &str) -> Stmt {
    Stmt::new(
        "SELECT h.api_id, h.subject_type, p.id AS permission_id FROM api_clients h JOIN clients c ON c.id = h.client_id \
         LEFT JOIN api_permissions p ON p.api_id = h.api_id AND p.id IN (SELECT cp.permission_id \
         FROM api_client_permissions cp WHERE cp.client_id = ?1 AND cp.subject_type = h.subject_type) \
         WHERE h.client_id = ?1 AND (c.is_public = 0 OR h.subject_type = 'user') ORDER BY h.api_id, h.subject_type, p.key",
    )
    .bind(client_id)
}

/// The APIs that client `?1` may not use yet and that match the search `?2`.
macro_rules! other_apis {
    () => {
        " FROM apis a JOIN clients c ON c.id = ?1 \
         WHERE (a.name_folded LIKE ?2 ESCAPE '\\' OR LOWER(a.resource) LIKE ?2 ESCAPE '\\') \
         AND a.id NOT IN (SELECT h.api_id FROM api_clients h WHERE h.client_id = ?1) \
         AND NOT (a.allow_cimd_clients = 1 AND c.client_type = 'cimd')"
    };
}

/// How many APIs a client could be let into.
#[must_use]
pub fn count_assignable_apis(client_id: &str, pattern: &str) -> Stmt {
    Stmt::new(concat!("SELECT COUNT(*) AS n", other_apis!())).bind(client_id).bind(pattern)
}

/// One page of the APIs that a client could be let into, and their permissions.
#[must_use]
pub fn assignable_apis(
    client_id: &str,
    pattern: &str,
    order: ApiOrder,
    limit: i64,
    offset: i64,
) -> [Stmt; 2] {
    use ApiOrder as Order;
    let page =
        apis_in_order!(order, concat!("SELECT ", api_columns!(), other_apis!()), " LIMIT ?3 OFFSET ?4");
    let permissions = apis_in_order!(
        order,
        concat!(
            "SELECT ",
            permission_columns!(),
            " FROM api_permissions p WHERE p.api_id IN (SELECT a.id",
            other_apis!()
        ),
        " LIMIT ?3 OFFSET ?4) ORDER BY p.key"
    );
    [page, permissions].map(|sql| Stmt::new(sql).bind(client_id).bind(pattern).bind(limit).bind(offset))
}
