//! The parts of SQL that the stores share.

use super::super::same;
use super::{Cx, Outcome};
use shared::db::Stmt;
use shared::ports::DbError;

pub(super) async fn returning(cx: &Cx) -> Outcome {
    let id = cx.id("returning");
    let insert = Stmt::new(
        "INSERT INTO users (id, username, username_folded, created_at, updated_at)
         VALUES (?1, ?1, ?1, 5, 6) RETURNING id, created_at + updated_at AS both, email",
    )
    .bind(&id);
    let row = cx.row(insert).await?;
    same(
        "insert",
        (row.text("id"), row.int("both"), row.opt_text("email")),
        (Ok(id.clone()), Ok(11), Ok(None)),
    )?;
    let update = Stmt::new("UPDATE users SET created_at = created_at + 1 WHERE id = ?1 RETURNING created_at");
    same("update", cx.row(update.bind(&id)).await?.int("created_at"), Ok(6))?;
    let delete = || Stmt::new("DELETE FROM users WHERE id = ?1 RETURNING created_at").bind(&id);
    same("delete", cx.row(delete()).await?.int("created_at"), Ok(6))?;
    same("delete again", cx.run(delete()).await?.len(), 0)
}

pub(super) async fn on_conflict(cx: &Cx) -> Outcome {
    let name = cx.id("conflict");
    let nothing = |value: &str| {
        Stmt::new("INSERT INTO instance (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING RETURNING value")
            .bind(&name)
            .bind(value)
    };
    let update = Stmt::new(
        "INSERT INTO instance (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    let read = || Stmt::new("SELECT value FROM instance WHERE name = ?1").bind(&name);
    same("first", cx.run(nothing("a").one()).await?.len(), 1)?;
    same("second", cx.run(nothing("b")).await?.len(), 0)?;
    same("guarded second", cx.refusal(vec![nothing("b").one()]).await?, DbError::Lost)?;
    same("kept", cx.row(read()).await?.text("value"), Ok("a".to_owned()))?;
    cx.run(update.bind(&name).bind("c").one()).await?;
    same("replaced", cx.row(read()).await?.text("value"), Ok("c".to_owned()))
}

pub(super) async fn keyset(cx: &Cx) -> Outcome {
    // Names repeat, so the id decides; the order of bytes must hold on every store.
    let rows = [("k1", "a"), ("k2", "b"), ("k3", "b"), ("k4", "c")];
    for (name, folded) in rows {
        cx.run(cx.client(name)).await?;
        let rename = Stmt::new("UPDATE clients SET name_folded = ?2 WHERE id = ?1");
        cx.run(rename.bind(cx.id(name)).bind(cx.id(folded))).await?;
    }
    let page = Stmt::new(
        "SELECT id FROM clients WHERE (name_folded, id) > (?1, ?2) AND name_folded LIKE ?3
         ORDER BY name_folded, id LIMIT ?4",
    )
    .bind(cx.id("b"))
    .bind(cx.id("k2"))
    .bind(cx.id("_"))
    .bind(2);
    let ids: Vec<_> = cx.run(page).await?.iter().map(|r| r.text("id")).collect();
    same("page", ids, vec![Ok(cx.id("k3")), Ok(cx.id("k4"))])
}

pub(super) async fn like(cx: &Cx) -> Outcome {
    for name in ["l10%", "l10x", "l1_0"] {
        cx.run(cx.user(name)).await?;
    }
    for (pattern, want) in [
        ("l10\\%", vec!["l10%"]),
        ("l1\\_0", vec!["l1_0"]),
        ("l10%", vec!["l10%", "l10x"]),
        ("l1_0", vec!["l1_0"]),
    ] {
        let find = Stmt::new(
            "SELECT id FROM users WHERE username_folded LIKE ?1 ESCAPE '\\' AND id LIKE ?2 ORDER BY id",
        )
        .bind(cx.id(pattern))
        .bind(cx.id("l%"));
        let ids: Result<Vec<String>, _> = cx.run(find).await?.iter().map(|r| r.text("id")).collect();
        same(pattern, ids, Ok(want.into_iter().map(|name| cx.id(name)).collect()))?;
    }
    Ok(())
}

pub(super) async fn sums(cx: &Cx) -> Outcome {
    cx.batch(vec![cx.user("sum1"), cx.user("sum2")]).await?;
    cx.run(
        Stmt::new(
            "UPDATE users SET created_at = 3, locale = CASE WHEN id = ?2 THEN 'de' END WHERE id LIKE ?1",
        )
        .bind(cx.id("sum%"))
        .bind(cx.id("sum1")),
    )
    .await?;
    let row = cx
        .row(
            Stmt::new(
                "SELECT COUNT(*) AS n, CAST(SUM(created_at) AS BIGINT) AS total, MAX(created_at) AS most,
                   CAST(SUM(CASE WHEN locale = 'de' THEN 1 ELSE 0 END) AS BIGINT) AS german,
                   CASE WHEN COUNT(*) > 1 THEN 1 ELSE 0 END AS several
                 FROM users WHERE id LIKE ?1",
            )
            .bind(cx.id("sum%")),
        )
        .await?;
    for (name, want) in [("n", 2), ("total", 6), ("most", 3), ("german", 1)] {
        same(name, row.int(name), Ok(want))?;
    }
    same("flag", row.flag("several"), Ok(true))?;
    let order = Stmt::new("SELECT id FROM users WHERE id LIKE ?1 ORDER BY locale NULLS LAST, id");
    let ids: Vec<_> = cx.run(order.bind(cx.id("sum%"))).await?.iter().map(|r| r.text("id")).collect();
    same("nulls last", ids, vec![Ok(cx.id("sum1")), Ok(cx.id("sum2"))])
}
