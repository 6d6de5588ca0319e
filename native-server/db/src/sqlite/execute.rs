//! Running the statements of one batch on one connection.

use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};
use shared::db::dialect::sqlite_constraint;
use shared::db::{Row, Rows, Stmt, Value};
use shared::ports::DbError;
use std::sync::Arc;

/// Runs the statements in order, inside whatever transaction there is, up to the first that fails.
pub(super) fn statements(connection: &Connection, stmts: &[Stmt]) -> Result<Vec<Rows>, DbError> {
    stmts.iter().map(|stmt| statement(connection, stmt)).collect()
}

/// Runs a batch of reads; several see one snapshot.
pub(super) fn read_batch(connection: &mut Connection, stmts: &[Stmt]) -> Result<Vec<Rows>, DbError> {
    if stmts.len() == 1 {
        return statements(connection, stmts);
    }
    let transaction = connection.transaction().map_err(|e| db_error(&e))?;
    let rows = statements(&transaction, stmts);
    transaction.finish().map_err(|e| db_error(&e))?;
    rows
}

fn statement(connection: &Connection, stmt: &Stmt) -> Result<Rows, DbError> {
    let rows = run(connection, stmt).map_err(|e| db_error(&e))??;
    // changes() speaks of the last INSERT, UPDATE or DELETE; a statement that is none of them changed nothing.
    let changed = if writes(stmt.sql) { connection.changes() } else { 0 };
    if stmt.must_change_one && changed != 1 { Err(DbError::Lost) } else { Ok(rows) }
}

fn writes(sql: &str) -> bool {
    let first = sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    matches!(first, "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "WITH")
}

fn run(connection: &Connection, stmt: &Stmt) -> rusqlite::Result<Result<Rows, DbError>> {
    let mut prepared = connection.prepare_cached(stmt.sql)?;
    // SQLite would take a forgotten value for NULL.
    if prepared.parameter_count() != stmt.args.len() {
        return Ok(Err(DbError::Other("placeholders and values differ in number".to_owned())));
    }
    for (at, arg) in (1..).zip(&stmt.args) {
        prepared.raw_bind_parameter(at, Bound(arg))?;
    }
    let columns: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let mut values = Vec::with_capacity(columns.len());
        for at in 0..columns.len() {
            match read_value(row.get_ref(at)?) {
                Ok(value) => values.push(value),
                Err(e) => return Ok(Err(e)),
            }
        }
        out.push(Row { columns: columns.clone(), values });
    }
    Ok(Ok(out))
}

fn read_value(value: ValueRef<'_>) -> Result<Value, DbError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(n) => Ok(Value::Int(n)),
        ValueRef::Text(bytes) => String::from_utf8(bytes.to_vec())
            .map(Value::Text)
            .map_err(|_| DbError::Inconsistent { table: "result", what: "text is not UTF-8".to_owned() }),
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            Err(DbError::Inconsistent { table: "result", what: "neither text nor integer".to_owned() })
        }
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Owned(Owned::Null),
            Value::Int(n) => ToSqlOutput::Owned(Owned::Integer(*n)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// The port's error for one of rusqlite. SQLite's texts name tables and columns, never values.
pub(super) fn db_error(error: &rusqlite::Error) -> DbError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => sqlite_constraint(&text).unwrap_or(DbError::Constraint(text)),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly,
        ) => DbError::Unavailable(text),
        _ => DbError::Other(text),
    }
}
