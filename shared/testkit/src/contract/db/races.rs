//! Several at once: who is first wins, all others lose, and nothing is in between.

use super::super::same;
use super::{Cx, Outcome};
use futures_util::future::{join, join_all};
use shared::db::{Rows, Stmt};
use shared::ports::DbError;

/// Sends copies of a batch at once.
async fn at_once(
    cx: &Cx,
    copies: usize,
    batch: impl Fn(usize) -> Vec<Stmt>,
) -> Vec<Result<Vec<Rows>, DbError>> {
    join_all((0..copies).map(|n| cx.db.batch(batch(n)))).await
}

/// Fails unless one batch passed and all others ended with `error`.
fn one_winner(results: Vec<Result<Vec<Rows>, DbError>>, error: &DbError) -> Outcome {
    let copies = results.len();
    let won = results.iter().filter(|r| r.is_ok()).count();
    let lost = results.iter().filter(|r| r.as_ref().err() == Some(error)).count();
    if (won, lost) == (1, copies.saturating_sub(1)) {
        return Ok(());
    }
    let other = results.into_iter().filter_map(Result::err).find(|e| e != error);
    Err(format!("{won} of {copies} passed, {lost} ended with {error:?}, another with {other:?}"))
}

pub(super) async fn consume(cx: &Cx) -> Outcome {
    let id = cx.id("consume");
    let mut setup = cx.grant("consume");
    setup.push(
        Stmt::new("INSERT INTO authorization_codes (code_hash, grant_id, created_at, expires_at) VALUES (?1, ?1, 0, 60)")
            .bind(&id),
    );
    cx.batch(setup).await?;
    let results = at_once(cx, 20, |n| {
        let used = i64::try_from(n).unwrap_or(0);
        vec![
            Stmt::new(
                "UPDATE authorization_codes SET used_at = ?2
                 WHERE code_hash = ?1 AND used_at IS NULL AND expires_at > ?3 RETURNING used_at",
            )
            .bind(&id)
            .bind(used)
            .bind(1),
        ]
    })
    .await;
    one_row(results)
}

pub(super) async fn delete(cx: &Cx) -> Outcome {
    let id = cx.id("delete");
    let challenge = Stmt::new(
        "INSERT INTO webauthn_challenges (id, ceremony, challenge, browser_hash, created_at, expires_at)
         VALUES (?1, 'get', '', '', 0, 60)",
    );
    cx.run(challenge.bind(&id)).await?;
    let results = at_once(cx, 20, |_| {
        vec![
            Stmt::new("DELETE FROM webauthn_challenges WHERE id = ?1 AND expires_at > ?2 RETURNING id")
                .bind(&id)
                .bind(1),
        ]
    })
    .await;
    one_row(results)
}

/// Fails unless all batches passed and exactly one got a row.
fn one_row(results: Vec<Result<Vec<Rows>, DbError>>) -> Outcome {
    let mut rows = 0;
    for result in results {
        rows += result.map_err(super::unexpected)?.iter().map(Vec::len).sum::<usize>();
    }
    same("rows returned", rows, 1)
}

pub(super) async fn guarded(cx: &Cx) -> Outcome {
    let id = cx.id("guarded");
    cx.run(cx.user("guarded")).await?;
    let results = at_once(cx, 50, |n| {
        vec![
            Stmt::new("UPDATE users SET locale = 'taken', created_at = created_at + 1 WHERE id = ?1 AND locale IS NULL")
                .bind(&id)
                .one(),
            cx.user(&format!("winner{n}")),
        ]
    })
    .await;
    one_winner(results, &DbError::Lost)?;
    let seen = cx
        .batch(vec![
            Stmt::new("SELECT created_at FROM users WHERE id = ?1").bind(&id),
            Stmt::new("SELECT id FROM users WHERE id LIKE ?1").bind(cx.id("winner%")),
        ])
        .await?;
    let changes: Vec<_> = seen.iter().flatten().filter_map(|r| r.int("created_at").ok()).collect();
    same("times changed", changes, vec![1])?;
    same("rows of winners", seen.last().map(Vec::len), Some(1))
}

pub(super) async fn rotate(cx: &Cx) -> Outcome {
    let token = |name: &str| {
        Stmt::new(
            "INSERT INTO refresh_tokens (token_hash, grant_id, state, created_at, expires_at)
             VALUES (?1, ?2, 'live', 0, 60)",
        )
        .bind(cx.id(name))
        .bind(cx.id("rotate"))
    };
    let mut setup = cx.grant("rotate");
    setup.push(token("first"));
    cx.batch(setup).await?;
    let results = at_once(cx, 10, |n| {
        let used = Stmt::new(
            "UPDATE refresh_tokens SET state = 'used', used_at = ?2 WHERE token_hash = ?1 AND state = 'live'",
        );
        vec![used.bind(cx.id("first")).bind(1).one(), token(&format!("next{n}"))]
    })
    .await;
    one_winner(results, &DbError::Lost)?;
    let states = Stmt::new(
        "SELECT state, COUNT(*) AS n FROM refresh_tokens WHERE grant_id = ?1 GROUP BY state ORDER BY state",
    );
    let rows = cx.run(states.bind(cx.id("rotate"))).await?;
    let read = rows.iter().map(|r| (r.text("state"), r.int("n"))).collect();
    same("tokens", read, vec![(Ok("live".to_owned()), Ok(1)), (Ok("used".to_owned()), Ok(1))])
}

pub(super) async fn claim(cx: &Cx) -> Outcome {
    let results = at_once(cx, 50, |n| {
        let claim = Stmt::new("INSERT INTO instance (name, value) VALUES (?1, ?2)");
        vec![claim.bind(cx.id("setup")).bind(n.to_string()), cx.user(&format!("admin{n}"))]
    })
    .await;
    one_winner(results, &DbError::Unique("instance.name".to_owned()))?;
    let admins = cx.run(Stmt::new("SELECT id FROM users WHERE id LIKE ?1").bind(cx.id("admin%"))).await?;
    same("rows of winners", admins.len(), 1)
}

/// Moves units between two rows while others read both: no reader may see one half.
pub(super) async fn snapshot(cx: &Cx) -> Outcome {
    let (a, b) = (cx.id("snap-a"), cx.id("snap-b"));
    cx.batch(vec![cx.user("snap-a"), cx.user("snap-b")]).await?;
    let moves = at_once(cx, 30, |_| {
        vec![
            Stmt::new("UPDATE users SET created_at = created_at - 1 WHERE id = ?1").bind(&a).one(),
            Stmt::new("UPDATE users SET created_at = created_at + 1 WHERE id = ?1").bind(&b).one(),
        ]
    });
    let reads = at_once(cx, 60, |_| {
        let read = || Stmt::new("SELECT created_at FROM users WHERE id = ?1");
        vec![read().bind(&a), read().bind(&b)]
    });
    let (moved, seen) = join(moves, reads).await;
    for result in moved {
        result.map_err(super::unexpected)?;
    }
    for result in seen {
        let rows = result.map_err(super::unexpected)?;
        let sum = rows.iter().flatten().map(|r| r.int("created_at").unwrap_or(i64::MIN / 4)).sum::<i64>();
        same("sum of the two rows", sum, 0)?;
    }
    let row = cx.row(Stmt::new("SELECT created_at FROM users WHERE id = ?1").bind(&b)).await?;
    same("units moved", row.int("created_at"), Ok(30))
}
