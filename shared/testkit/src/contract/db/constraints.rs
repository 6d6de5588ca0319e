//! What the schema refuses, and how it says so.

use super::super::same;
use super::{Cx, Outcome};
use shared::db::Stmt;
use shared::ports::DbError;

pub(super) async fn unique(cx: &Cx) -> Outcome {
    let named = |id: &str, email: &str| {
        Stmt::new(
            "INSERT INTO users (id, username, username_folded, email, created_at, updated_at)
             VALUES (?1, ?2, ?2, ?3, 0, 0)",
        )
        .bind(cx.id(id))
        .bind(cx.id("unique"))
        .bind(cx.id(email))
    };
    cx.run(named("unique", "mail")).await?;
    same(
        "username",
        cx.refusal(vec![named("unique2", "mail2")]).await?,
        DbError::Unique("users.username_folded".to_owned()),
    )?;
    let mail = Stmt::new(
        "INSERT INTO users (id, username, username_folded, email, created_at, updated_at)
         VALUES (?1, ?1, ?1, ?2, 0, 0)",
    );
    same(
        "email",
        cx.refusal(vec![mail.bind(cx.id("unique3")).bind(cx.id("mail"))]).await?,
        DbError::Unique("users.email".to_owned()),
    )?;
    let consent = Stmt::new(
        "INSERT INTO consents (user_id, client_id, scope, redirect_hosts, created_at, last_used_at)
         VALUES (?1, ?1, '[]', '[]', 0, 0)",
    )
    .bind(cx.id("unique"));
    cx.batch(vec![cx.client("unique"), consent.clone()]).await?;
    same(
        "key of two columns",
        cx.refusal(vec![consent]).await?,
        DbError::Unique("consents.user_id, consents.client_id".to_owned()),
    )
}

pub(super) async fn null_and_check(cx: &Cx) -> Outcome {
    let no_name = Stmt::new(
        "INSERT INTO user_groups (id, name, friendly_name, created_at, updated_at) VALUES (?1, ?1, ?2, 0, 0)",
    )
    .bind(cx.id("null-name"))
    .bind(None::<&str>);
    let error = cx.refusal(vec![no_name]).await?;
    same("NOT NULL", matches!(error, DbError::Constraint(_)), true)?;
    let ownerless =
        Stmt::new("INSERT INTO custom_claims (id, name, value) VALUES (?1, 'a', 'b')").bind(cx.id("claim"));
    let error = cx.refusal(vec![ownerless]).await?;
    same("CHECK", matches!(error, DbError::Constraint(_)), true)
}

pub(super) async fn foreign_keys(cx: &Cx) -> Outcome {
    let id = cx.id("foreign");
    let orphan = Stmt::new(
        "INSERT INTO client_secrets (id, client_id, secret_hash, hash_alg, prefix, created_at)
         VALUES (?1, 'nobody', '', '', '', 0)",
    )
    .bind(&id);
    let error = cx.refusal(vec![orphan]).await?;
    same("orphan", matches!(error, DbError::Constraint(_)), true)?;

    let mut setup = cx.grant("foreign");
    setup.push(
        Stmt::new(
            "INSERT INTO refresh_tokens (token_hash, grant_id, state, created_at, expires_at)
             VALUES (?1, ?1, 'live', 0, 0)",
        )
        .bind(&id),
    );
    setup.push(Stmt::new("UPDATE clients SET created_by_id = ?1 WHERE id = ?1").bind(&id));
    cx.batch(setup).await?;
    // Rows that go or change by cascade do not count: the guard sees one row.
    cx.run(Stmt::new("DELETE FROM users WHERE id = ?1").bind(&id).one()).await?;
    let left = cx
        .batch(vec![
            Stmt::new("SELECT id FROM grants WHERE id = ?1").bind(&id),
            Stmt::new("SELECT token_hash FROM refresh_tokens WHERE token_hash = ?1").bind(&id),
            Stmt::new("SELECT id FROM clients WHERE id = ?1 AND created_by_id IS NULL").bind(&id),
        ])
        .await?;
    same("rows left", left.iter().map(Vec::len).collect(), vec![0, 0, 1])
}

pub(super) async fn partial_index(cx: &Cx) -> Outcome {
    let key = |name: &str, state: &str| {
        Stmt::new(
            "INSERT INTO signing_keys (kid, alg, public_jwk, private_sealed, state, created_at)
             VALUES (?1, ?2, '{}', '', ?3, 0)",
        )
        .bind(cx.id(name))
        .bind(&cx.tag)
        .bind(state)
    };
    cx.batch(vec![key("k1", "retired"), key("k2", "retired"), key("k3", "active")]).await?;
    same(
        "second active key",
        cx.refusal(vec![key("k4", "active")]).await?,
        DbError::Unique("signing_keys.alg".to_owned()),
    )
}
