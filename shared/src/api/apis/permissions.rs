//! `/api/apis/{id}/permissions` and `/api/apis/{id}/cimd-access`.

use super::dto::{ApiDto, CimdAccessInput, PermissionsInput};
use super::{NOT_FOUND, find};
use crate::api::json;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::store::api::{self, Permission};
use crate::store::save;
use ::http::StatusCode;
use std::collections::BTreeSet;

/// `PUT /api/apis/{id}/permissions`: all permissions, told apart by key. With one that is left out goes what was
/// issued with it, and the access of those who had nothing else at the API.
///
/// # Errors
/// Validation, 404, or a fault.
pub async fn replace_permissions(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: PermissionsInput = json::body(&req)?;
    let wanted = input.checked()?;
    let (found, before) = find(&cx, &json::id(&req, "id")).await?;
    let keys: BTreeSet<&str> = wanted.iter().map(|p| p.key.as_str()).collect();
    let mut stmts = vec![api::touch(&found.id, cx.now)];
    for gone in before.iter().filter(|p| !keys.contains(p.key.as_str())) {
        stmts.extend([
            api::drop_access_of_last(&found.id, &gone.id),
            api::end_with_permission(&gone.id, cx.now),
            api::delete_permission(&gone.id),
        ]);
    }
    let is_less = stmts.len() > 1;
    for want in wanted {
        let known = before.iter().find(|p| p.key == want.key);
        if known.is_some_and(|k| k.name == want.name && k.description == want.description) {
            continue;
        }
        let permission = Permission {
            id: match known {
                Some(known) => known.id.clone(),
                None => cx.host.uuid()?,
            },
            key: want.key,
            name: want.name,
            description: want.description,
            allowed_for_cimd_clients: false,
        };
        stmts.push(permission.put(&found.id));
    }
    if is_less {
        stmts.push(api::end_lost_access(&found.id, cx.now));
    }
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    let (found, permissions) = find(&cx, &found.id).await?;
    Ok(respond::json(StatusCode::OK, &ApiDto::new(&found, permissions)))
}

/// `PUT /api/apis/{id}/cimd-access`: what all clients known by a metadata document may do in people's names.
///
/// # Errors
/// 404, or a fault.
pub async fn cimd_access(cx: Cx, req: Req) -> Result<Resp, Failure> {
    let input: CimdAccessInput = json::body(&req)?;
    let (mut found, mut permissions) = find(&cx, &json::id(&req, "id")).await?;
    let mut stmts = vec![api::allow_cimd(&found.id, input.enabled, cx.now)];
    let keeps_selection = !input.enabled && input.permission_ids.is_empty();
    for permission in permissions.iter_mut().filter(|_| !keeps_selection) {
        let allowed = input.permission_ids.contains(&permission.id);
        if permission.allowed_for_cimd_clients != allowed {
            permission.allowed_for_cimd_clients = allowed;
            stmts.push(api::allow_permission_for_cimd(&permission.id, allowed));
        }
    }
    stmts.push(api::end_lost_access(&found.id, cx.now));
    save(&*cx.host.db, stmts).await.map_err(|e| Failure::or_if_lost(e, NOT_FOUND))?;
    found.allow_cimd_clients = input.enabled;
    Ok(respond::json(StatusCode::OK, &ApiDto::new(&found, permissions)))
}
