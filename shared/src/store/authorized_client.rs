//! The clients of a person: those that were allowed something, and those that may be used.

use super::client::client_columns;
use crate::db::Stmt;

/// A listing by time of last use, or else by a property of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Longest unused first; never used ones last.
    LastUsedAscending,
    /// Last used first; never used ones last.
    LastUsedDescending,
    /// By name, a to z.
    NameAscending,
    /// By name, z to a.
    NameDescending,
    /// Oldest first.
    CreatedAscending,
    /// Newest first.
    CreatedDescending,
}

macro_rules! in_order {
    ($order:expr, $before:expr) => {
        match $order {
            Order::LastUsedAscending => concat!(
                $before,
                " ORDER BY CASE WHEN k.last_used_at IS NULL THEN 1 ELSE 0 END, k.last_used_at, c.name_folded, c.id \
                 LIMIT ?3 OFFSET ?4"
            ),
            Order::LastUsedDescending => concat!(
                $before,
                " ORDER BY CASE WHEN k.last_used_at IS NULL THEN 1 ELSE 0 END, k.last_used_at DESC, c.name_folded, \
                 c.id LIMIT ?3 OFFSET ?4"
            ),
            Order::NameAscending => concat!($before, " ORDER BY c.name_folded, c.id LIMIT ?3 OFFSET ?4"),
            Order::NameDescending => {
                concat!($before, " ORDER BY c.name_folded DESC, c.id DESC LIMIT ?3 OFFSET ?4")
            }
            Order::CreatedAscending => concat!($before, " ORDER BY c.created_at, c.id LIMIT ?3 OFFSET ?4"),
            Order::CreatedDescending => {
                concat!($before, " ORDER BY c.created_at DESC, c.id DESC LIMIT ?3 OFFSET ?4")
            }
        }
    };
}

/// Clients that the person consented to. `?2` is 1 or 0 for those with or without an address to start them, -1 for
/// all.
macro_rules! authorized {
    () => {
        " FROM consents k JOIN clients c ON c.id = k.client_id WHERE k.user_id = ?1 \
         AND (CAST(?2 AS BIGINT) < 0 OR CASE WHEN c.launch_url IS NULL THEN 0 ELSE 1 END = CAST(?2 AS BIGINT))"
    };
}

/// Clients that the person may use: open to everybody, or to one of the person's groups.
macro_rules! usable {
    () => {
        " FROM clients c LEFT JOIN consents k ON k.client_id = c.id AND k.user_id = ?1 WHERE c.approval = 'approved' \
         AND (c.is_group_restricted = 0 OR c.id IN (SELECT a.client_id FROM client_allowed_groups a \
         JOIN user_group_members m ON m.group_id = a.group_id WHERE m.user_id = ?1)) \
         AND (CAST(?2 AS BIGINT) < 0 OR CASE WHEN c.launch_url IS NULL THEN 0 ELSE 1 END = CAST(?2 AS BIGINT))"
    };
}

const fn flag(has_launch_url: Option<bool>) -> i64 {
    match has_launch_url {
        None => -1,
        Some(false) => 0,
        Some(true) => 1,
    }
}

/// How many clients the person consented to.
#[must_use]
pub fn count_authorized(user_id: &str, has_launch_url: Option<bool>) -> Stmt {
    Stmt::new(concat!("SELECT COUNT(*) AS n", authorized!())).bind(user_id).bind(flag(has_launch_url))
}

/// One page of the clients that the person consented to, with `consent_scope` and `last_used_at`.
#[must_use]
pub fn authorized(
    user_id: &str,
    has_launch_url: Option<bool>,
    order: Order,
    limit: i64,
    offset: i64,
) -> Stmt {
    let sql = in_order!(
        order,
        concat!("SELECT k.scope AS consent_scope, k.last_used_at, ", client_columns!(), authorized!())
    );
    Stmt::new(sql).bind(user_id).bind(flag(has_launch_url)).bind(limit).bind(offset)
}

/// How many clients the person may use.
#[must_use]
pub fn count_usable(user_id: &str, has_launch_url: Option<bool>) -> Stmt {
    Stmt::new(concat!("SELECT COUNT(*) AS n", usable!())).bind(user_id).bind(flag(has_launch_url))
}

/// One page of the clients that the person may use, with `last_used_at` where they have been.
#[must_use]
pub fn usable(user_id: &str, has_launch_url: Option<bool>, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = in_order!(order, concat!("SELECT k.last_used_at, ", client_columns!(), usable!()));
    Stmt::new(sql).bind(user_id).bind(flag(has_launch_url)).bind(limit).bind(offset)
}
