//! What a client may ask for at APIs: the facts of `decide::resource`.

use crate::db::{Rows, Stmt};
use crate::decide::resource::{Api, Permission, Reach, SubjectType};
use crate::ports::DbError;

/// The APIs in reach of the client that `$client` gives, and the one of the address `?3`. One row a permission; an
/// API without any has one row too. Public clients have nothing of their own, whatever rows are left.
macro_rules! reach_sql {
    ($client:literal) => {
        concat!(
            "SELECT a.resource, a.name AS api_name, \
             CASE WHEN ac.api_id IS NOT NULL OR (a.allow_cimd_clients = 1 AND c.client_type = 'cimd' AND ?2 = 'user') \
             THEN 1 ELSE 0 END AS is_reachable, \
             p.key, p.name AS permission_name, p.description AS permission_description, \
             CASE WHEN cp.permission_id IS NOT NULL OR (p.allowed_for_cimd_clients = 1 AND a.allow_cimd_clients = 1 \
             AND c.client_type = 'cimd' AND ?2 = 'user') THEN 1 ELSE 0 END AS is_granted \
             FROM clients c JOIN apis a ON a.id IN \
             (SELECT x.api_id FROM api_clients x WHERE x.client_id = c.id AND x.subject_type = ?2) \
             OR a.resource = ?3 OR (a.allow_cimd_clients = 1 AND c.client_type = 'cimd' AND ?2 = 'user') \
             LEFT JOIN api_clients ac ON ac.api_id = a.id AND ac.client_id = c.id AND ac.subject_type = ?2 \
             AND (c.is_public = 0 OR ?2 = 'user') \
             LEFT JOIN api_permissions p ON p.api_id = a.id \
             LEFT JOIN api_client_permissions cp ON cp.permission_id = p.id AND cp.client_id = c.id \
             AND cp.subject_type = ?2 AND (c.is_public = 0 OR ?2 = 'user') WHERE c.id = ",
            $client,
            " ORDER BY a.name_folded, a.id, p.key"
        )
    };
}

/// What a client reaches, and the API of `resource` whether it reaches it or not. Read it with [`read_reach`].
#[must_use]
pub fn reach(client_id: &str, subject: SubjectType, resource: Option<&str>) -> Stmt {
    let resource = crate::decide::resource::trimmed(resource.unwrap_or(""));
    Stmt::new(reach_sql!("?1")).bind(client_id).bind(subject.as_str()).bind(resource)
}

/// What the client of an interaction reaches in the person's name.
#[must_use]
pub fn reach_of_interaction(interaction_id: &str) -> Stmt {
    Stmt::new(reach_sql!("(SELECT i.client_id FROM interactions i WHERE i.id = ?1)"))
        .bind(interaction_id)
        .bind(SubjectType::User.as_str())
        .bind("")
}

/// What the client that a device waits for reaches in the person's name.
#[must_use]
pub fn reach_of_device(user_code_hash: &str) -> Stmt {
    Stmt::new(reach_sql!("(SELECT d.client_id FROM device_codes d WHERE d.user_code_hash = ?1)"))
        .bind(user_code_hash)
        .bind(SubjectType::User.as_str())
        .bind("")
}

/// Reads the rows of [`reach`], [`reach_of_interaction`] and [`reach_of_device`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_reach(rows: &Rows) -> Result<Reach, DbError> {
    let mut apis: Vec<Api> = Vec::new();
    for row in rows {
        let resource = row.text("resource")?;
        let permission = match row.opt_text("key")? {
            Some(key) => Some(Permission {
                key,
                name: row.text("permission_name")?,
                description: row.opt_text("permission_description")?,
                is_granted: row.flag("is_granted")?,
            }),
            None => None,
        };
        match apis.last_mut().filter(|a| a.resource == resource) {
            Some(api) => api.permissions.extend(permission),
            None => apis.push(Api {
                resource,
                name: row.text("api_name")?,
                is_reachable: row.flag("is_reachable")?,
                permissions: permission.into_iter().collect(),
            }),
        }
    }
    Ok(Reach { apis })
}
