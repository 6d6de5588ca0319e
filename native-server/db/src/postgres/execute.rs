//! One batch on one connection.

use super::Texts;
use super::value::{Bound, check_columns, parameter_type, read_row};
use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use shared::db::{Rows, Stmt};
use shared::ports::DbError;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement};

/// Why a batch did not happen, and what that says about the connection.
pub(super) enum Failed {
    /// Postgres gave it up for the sake of another one; the same batch may pass now.
    Again(DbError),
    /// Trying again would end the same.
    ForGood(DbError),
    /// As before, and the connection is not to be used again.
    Broken(DbError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                Self::Again(db_error(&error))
            }
            _ => Self::ForGood(db_error(&error)),
        }
    }
}

/// Runs a batch as one transaction.
pub(super) async fn batch(connection: &Object, texts: &Texts, stmts: &[Stmt]) -> Result<Vec<Rows>, Failed> {
    let mut prepared = Vec::with_capacity(stmts.len());
    for stmt in stmts {
        prepared.push(prepare(connection, texts, stmt).await?);
    }
    let guarded = stmts.iter().any(|s| s.must_change_one);
    if let ([stmt], [statement], false) = (stmts, prepared.as_slice(), guarded) {
        return Ok(vec![run(connection, statement, stmt).await?.rows]);
    }

    let begin = if stmts.iter().all(Stmt::is_read) {
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    } else {
        "BEGIN ISOLATION LEVEL READ COMMITTED"
    };
    let mut steps: Vec<Step<'_>> = vec![Box::pin(plain(connection, begin))];
    for (stmt, statement) in stmts.iter().zip(&prepared) {
        steps.push(Box::pin(run(connection, statement, stmt)));
    }
    if !guarded {
        // If a statement failed, this is a ROLLBACK.
        steps.push(Box::pin(plain(connection, "COMMIT")));
    }
    let done = in_order(steps).await;

    let outcome = outcome(done, stmts);
    if guarded {
        let end = if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" };
        plain(connection, end).await.map_err(|e| Failed::Broken(db_error(&e)))?;
    }
    outcome
}

struct Done {
    rows: Rows,
    changed: u64,
}

type Step<'a> = Pin<Box<dyn Future<Output = Result<Done, Error>> + Send + 'a>>;

fn outcome(done: Vec<Result<Done, Error>>, stmts: &[Stmt]) -> Result<Vec<Rows>, Failed> {
    // The first error is the cause; those after it only say that the transaction was given up.
    let mut done = done.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
    done.next();
    stmts
        .iter()
        .zip(done)
        .map(|(stmt, done)| {
            if stmt.must_change_one && done.changed != 1 {
                return Err(Failed::ForGood(DbError::Lost));
            }
            Ok(done.rows)
        })
        .collect()
}

async fn plain(connection: &Object, sql: &str) -> Result<Done, Error> {
    connection.batch_execute(sql).await?;
    Ok(Done { rows: Rows::new(), changed: 0 })
}

async fn run(connection: &Object, statement: &Statement, stmt: &Stmt) -> Result<Done, Error> {
    let columns: Arc<[String]> = statement.columns().iter().map(|c| c.name().to_owned()).collect();
    let mut stream = pin!(connection.query_raw(statement, stmt.args.iter().map(Bound)).await?);
    let mut rows = Rows::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(read_row(&row, &columns)?);
    }
    let changed = if stmt.is_read() { 0 } else { stream.rows_affected().unwrap_or(0) };
    Ok(Done { rows, changed })
}

async fn prepare(connection: &Object, texts: &Texts, stmt: &Stmt) -> Result<Statement, Failed> {
    let sql = texts.rewritten(stmt.sql);
    let types: Vec<Type> = stmt.args.iter().map(|v| parameter_type(v, Type::UNKNOWN)).collect();
    let statement = match connection.prepare_typed_cached(&sql, &types).await {
        // `?1 IS NULL` alone does not tell Postgres a type for the NULL; text is as good as any.
        Err(e)
            if matches!(
                e.code(),
                Some(&SqlState::INDETERMINATE_DATATYPE | &SqlState::AMBIGUOUS_PARAMETER)
            ) =>
        {
            let types: Vec<Type> = stmt.args.iter().map(|v| parameter_type(v, Type::TEXT)).collect();
            connection.prepare_typed_cached(&sql, &types).await?
        }
        other => other?,
    };
    // Before anything is written: a result that could not be read must not be found out after the COMMIT.
    check_columns(&statement).map_err(Failed::ForGood)?;
    if statement.params().len() != stmt.args.len() {
        return Err(Failed::ForGood(DbError::Other("placeholders and values differ in number".to_owned())));
    }
    Ok(statement)
}

/// Drives the steps together, always asking them in their order: each sends its message when it is first asked, so
/// the messages go out in this order and none waits for an answer to the one before.
async fn in_order(mut steps: Vec<Step<'_>>) -> Vec<Result<Done, Error>> {
    let mut results: Vec<Option<Result<Done, Error>>> = steps.iter().map(|_| None).collect();
    poll_fn(move |cx| {
        let mut waiting = false;
        for (step, result) in steps.iter_mut().zip(&mut results) {
            if result.is_none() {
                match step.as_mut().poll(cx) {
                    Poll::Ready(done) => *result = Some(done),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(std::mem::take(&mut results)) }
    })
    .await
    .into_iter()
    .flatten()
    .collect()
}

/// The port's error for one of tokio-postgres. `DETAIL`, which repeats values, is never part of it.
pub(super) fn db_error(error: &Error) -> DbError {
    let Some(db) = error.as_db_error() else {
        let io = std::error::Error::source(error).is_some_and(|e| e.is::<std::io::Error>());
        let text = error.to_string();
        return if error.is_closed() || io { DbError::Unavailable(text) } else { DbError::Other(text) };
    };
    let code = db.code().code();
    let text = format!("{} ({code})", db.message());
    if *db.code() == SqlState::UNIQUE_VIOLATION {
        return DbError::Unique(unique_columns(db));
    }
    match code.get(..2) {
        Some("23") => DbError::Constraint(text),
        Some("08" | "40" | "53" | "55" | "57") => DbError::Unavailable(text),
        _ => DbError::Other(text),
    }
}

/// `table.column, table.column` of the violated key, as SQLite names it.
fn unique_columns(error: &tokio_postgres::error::DbError) -> String {
    let key = error.detail().and_then(|d| d.split_once('(')?.1.split_once(")=(")).map(|(columns, _)| columns);
    match (error.table(), key) {
        (Some(table), Some(columns)) => {
            columns.split(", ").map(|c| format!("{table}.{c}")).collect::<Vec<_>>().join(", ")
        }
        _ => error.constraint().unwrap_or_default().to_owned(),
    }
}
