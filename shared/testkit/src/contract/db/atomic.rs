//! All of a batch, or nothing of it.

use super::super::same;
use super::{Cx, Outcome};
use shared::db::Stmt;
use shared::ports::DbError;

pub(super) async fn refused(cx: &Cx) -> Outcome {
    cx.run(cx.user("refused")).await?;
    let again = cx.refusal(vec![cx.user("refused1"), cx.user("refused"), cx.user("refused2")]).await?;
    // Which of the two keys is named is up to the store.
    same("error", matches!(again, DbError::Unique(_)), true)?;
    same("first statement", cx.has_user("refused1").await?, false)?;
    same("last statement", cx.has_user("refused2").await?, false)?;
    let broken = cx.refusal(vec![cx.user("refused1"), Stmt::new("SELECT nothing FROM nowhere")]).await?;
    same("broken SQL is a bug", matches!(broken, DbError::Other(_)), true)?;
    same("before broken SQL", cx.has_user("refused1").await?, false)
}

pub(super) async fn lost(cx: &Cx) -> Outcome {
    let nobody = || Stmt::new("UPDATE users SET locale = 'x' WHERE id = ?1").bind("nobody").one();
    for (name, batch) in [
        ("alone", vec![nobody()]),
        ("guard first", vec![nobody(), cx.user("lost")]),
        ("guard last", vec![cx.user("lost"), nobody()]),
        ("guard between", vec![cx.user("lost"), nobody(), cx.user("lost2")]),
    ] {
        same(name, cx.refusal(batch).await?, DbError::Lost)?;
        same(name, cx.has_user("lost").await? || cx.has_user("lost2").await?, false)?;
    }
    same("nothing stays in must", must_is_empty(cx).await?, true)
}

pub(super) async fn exactly_one(cx: &Cx) -> Outcome {
    let (a, b) = (cx.id("one-a"), cx.id("one-b"));
    let both = Stmt::new("UPDATE users SET locale = 'both' WHERE id IN (?1, ?2)").bind(&a).bind(&b).one();
    let one = Stmt::new("UPDATE users SET locale = 'one' WHERE id = ?1").bind(&a).one();
    cx.batch(vec![cx.user("one-a").one(), cx.user("one-b").one()]).await?;
    same("two rows", cx.refusal(vec![both.clone()]).await?, DbError::Lost)?;
    same("two rows after one", cx.refusal(vec![one.clone(), both]).await?, DbError::Lost)?;
    let locales = || Stmt::new("SELECT locale FROM users WHERE id IN (?1, ?2) ORDER BY id").bind(&a).bind(&b);
    let read = cx.run(locales()).await?;
    same("unchanged", read.iter().map(|r| r.opt_text("locale")).collect(), vec![Ok(None), Ok(None)])?;
    // The second guard must not take the count of the first for its own.
    let gone = Stmt::new("DELETE FROM users WHERE id = ?1 RETURNING id").bind("nobody").one();
    same("no row after one", cx.refusal(vec![one.clone(), gone]).await?, DbError::Lost)?;
    let returned = cx
        .batch(vec![
            one,
            Stmt::new("UPDATE users SET locale = 'two' WHERE id = ?1 RETURNING locale").bind(&b).one(),
        ])
        .await?;
    let second: Vec<_> = returned.iter().flatten().map(|r| r.text("locale")).collect();
    same("a guarded statement returns its row", second, vec![Ok("two".to_owned())])?;
    same("nothing stays in must", must_is_empty(cx).await?, true)
}

async fn must_is_empty(cx: &Cx) -> Result<bool, String> {
    Ok(cx.run(Stmt::new("SELECT one FROM must")).await?.is_empty())
}
