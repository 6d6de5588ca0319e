//! Values in and out.

use super::super::same;
use super::{Cx, Outcome};
use shared::db::{Stmt, Value};

pub(super) async fn text(cx: &Cx) -> Outcome {
    let texts = [
        "",
        " ",
        "007",
        "7.0",
        "it's \"quoted\" \\ and\nbroken\tup",
        "Ærøskøbing 北京 🔑👩‍🚀 e\u{301} \u{202e}שלום",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let id = cx.id(&format!("text{n}"));
        cx.run(
            Stmt::new(
                "INSERT INTO users (id, username, username_folded, display_name, created_at, updated_at)
                 VALUES (?1, ?1, ?1, ?2, 0, 0)",
            )
            .bind(&id)
            .bind(text),
        )
        .await?;
        let row = cx.row(Stmt::new("SELECT display_name FROM users WHERE id = ?1").bind(&id)).await?;
        same("text", row.text("display_name"), Ok(text.to_owned()))?;
    }
    Ok(())
}

/// The edge is JavaScript's: D1 passes numbers, which are exact up to 2^53 − 1.
pub(super) async fn numbers(cx: &Cx) -> Outcome {
    const EDGE: i64 = (1 << 53) - 1;
    for (n, number) in [0, 1, -1, 1_767_323_045, EDGE, -EDGE].into_iter().enumerate() {
        let id = cx.id(&format!("number{n}"));
        cx.run(
            Stmt::new(
                "INSERT INTO users (id, username, username_folded, created_at, updated_at)
                 VALUES (?1, ?1, ?1, ?2, 0)",
            )
            .bind(&id)
            .bind(number),
        )
        .await?;
        let row = cx
            .row(
                Stmt::new("SELECT created_at FROM users WHERE id = ?1 AND created_at = ?2")
                    .bind(&id)
                    .bind(number),
            )
            .await?;
        same("number", row.int("created_at"), Ok(number))?;
    }
    Ok(())
}

pub(super) async fn null(cx: &Cx) -> Outcome {
    let id = cx.id("null");
    cx.run(cx.user("null")).await?;
    let read = Stmt::new("SELECT email, locale, created_at FROM users WHERE id = ?1").bind(&id);
    let set = Stmt::new("UPDATE users SET email = ?2, locale = ?3 WHERE id = ?1").bind(&id);
    cx.run(set.clone().bind(&id).bind(None::<&str>)).await?;
    same("kept", cx.row(read.clone()).await?.opt_text("email"), Ok(Some(id.clone())))?;
    cx.run(set.bind(None::<&str>).bind("")).await?;
    let row = cx.row(read).await?;
    same("removed", row.opt_text("email"), Ok(None))?;
    same("empty is not null", row.opt_text("locale"), Ok(Some(String::new())))?;
    same("null text is an error for a caller that wants text", row.text("email").is_err(), true)?;
    // Session and passkey lists use optional filters of this form.
    for filter in [None, Some(id.as_str())] {
        let found = cx
            .run(
                Stmt::new("SELECT id FROM users WHERE id = ?1 AND (?2 IS NULL OR id = ?2)")
                    .bind(&id)
                    .bind(filter),
            )
            .await?;
        same("optional filter", found.len(), 1)?;
    }
    Ok(())
}

/// D1 takes 100 values a statement and not one more.
pub(super) async fn hundred_values(cx: &Cx) -> Outcome {
    cx.run(cx.user("hundred")).await?;
    let mut stmt = Stmt::new(HUNDRED);
    for n in 0..99 {
        stmt = stmt.bind(format!("nobody{n}"));
    }
    let rows = cx.run(stmt.bind(cx.id("hundred"))).await?;
    same("found", rows.iter().map(|row| row.text("id")).collect(), vec![Ok(cx.id("hundred"))])
}

pub(super) async fn order(cx: &Cx) -> Outcome {
    same("an empty batch", cx.batch(Vec::new()).await?.len(), 0)?;
    let results = cx
        .batch(vec![
            Stmt::new("SELECT 'a' AS x, 1 AS y"),
            cx.user("order"),
            Stmt::new("SELECT id FROM users WHERE id = ?1").bind(cx.id("order")),
            Stmt::new("SELECT id FROM users WHERE id = ?1").bind("nobody"),
        ])
        .await?;
    let read: Vec<Vec<Vec<Value>>> =
        results.into_iter().map(|rows| rows.into_iter().map(|row| row.values).collect()).collect();
    let want = vec![
        vec![vec![Value::from("a"), Value::from(1)]],
        vec![],
        vec![vec![Value::from(cx.id("order"))]],
        vec![],
    ];
    same("results", read, want)
}

const HUNDRED: &str = "SELECT id FROM users WHERE id IN \
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, \
     ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, \
     ?39, ?40, ?41, ?42, ?43, ?44, ?45, ?46, ?47, ?48, ?49, ?50, ?51, ?52, ?53, ?54, ?55, ?56, \
     ?57, ?58, ?59, ?60, ?61, ?62, ?63, ?64, ?65, ?66, ?67, ?68, ?69, ?70, ?71, ?72, ?73, ?74, \
     ?75, ?76, ?77, ?78, ?79, ?80, ?81, ?82, ?83, ?84, ?85, ?86, ?87, ?88, ?89, ?90, ?91, ?92, \
     ?93, ?94, ?95, ?96, ?97, ?98, ?99, ?100)";
