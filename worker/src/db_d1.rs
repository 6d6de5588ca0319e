//! The database on D1: one `batch` is one transaction and one round trip.

use async_trait::async_trait;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use shared::db::dialect::{MUST_CHECK, MUST_CLEAR, sqlite_constraint};
use shared::db::{Row, Rows, Stmt, Value};
use shared::ports::{Db, DbError};
use std::fmt;
use std::sync::Arc;
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::{D1Database, D1DatabaseSession, D1PreparedStatement, D1SessionConstraint};

/// Largest whole number that a JavaScript number holds exactly, 2^53 − 1.
const MAX_SAFE: i64 = 9_007_199_254_740_991;

/// A D1 database.
pub(crate) struct D1 {
    database: D1Database,
}

impl D1 {
    /// Takes the binding into use.
    pub(crate) const fn new(database: D1Database) -> Self {
        Self { database }
    }

    async fn run(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        if stmts.is_empty() {
            return Ok(Vec::new());
        }
        // A new session per batch that begins at the primary: never a replica's older state.
        let session =
            self.database.with_session_constraint(D1SessionConstraint::FirstPrimary).map_err(failure)?;
        let guarded = stmts.iter().any(|stmt| stmt.must_change_one);
        let mut batch = Vec::with_capacity(stmts.len());
        for stmt in &stmts {
            batch.push(prepare(&session, stmt)?);
            if stmt.must_change_one {
                batch.push(session.prepare(MUST_CHECK));
            }
        }
        if guarded {
            batch.push(session.prepare(MUST_CLEAR));
        }
        let mut results = session.batch(batch).await.map_err(failure)?.into_iter();
        stmts
            .iter()
            .map(|stmt| {
                let result =
                    results.next().ok_or_else(|| DbError::Other("a result is missing".to_owned()))?;
                if stmt.must_change_one {
                    results.next();
                }
                let rows: Vec<RawRow> = result.results().map_err(|e| DbError::Other(e.to_string()))?;
                Ok(named(rows))
            })
            .collect()
    }
}

#[async_trait]
impl Db for D1 {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        SendFuture::new(self.run(stmts)).await
    }
}

fn prepare(session: &D1DatabaseSession, stmt: &Stmt) -> Result<D1PreparedStatement, DbError> {
    let args = stmt.args.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
    session.prepare(stmt.sql).bind(&args).map_err(failure)
}

fn bound(value: &Value) -> Result<JsValue, DbError> {
    match value {
        Value::Null => Ok(JsValue::NULL),
        Value::Text(text) => Ok(JsValue::from_str(text)),
        Value::Int(n) if (-MAX_SAFE..=MAX_SAFE).contains(n) =>
        {
            #[expect(clippy::cast_precision_loss, reason = "exact within the range just checked")]
            Ok(JsValue::from_f64(*n as f64))
        }
        Value::Int(_) => Err(DbError::Other("a bound number is beyond 2^53".to_owned())),
    }
}

/// D1 throws errors with one line of text; the wording of SQLite is part of it.
fn failure(error: worker::Error) -> DbError {
    let text = match &error {
        worker::Error::D1(e) => String::from(AsRef::<js_sys::Error>::as_ref(e).message()),
        other => other.to_string(),
    };
    if let Some(known) = sqlite_constraint(&text) {
        return known;
    }
    // https://developers.cloudflare.com/d1/observability/debug-d1/: those that a later try may escape.
    let passing = ["overloaded", "reset because", "Network connection lost", "timed out", "storage caused"];
    if passing.iter().any(|part| text.contains(part)) {
        DbError::Unavailable(text)
    } else {
        DbError::Other(text)
    }
}

/// Rows of one statement; D1 gives each with its own column names.
fn named(rows: Vec<RawRow>) -> Rows {
    let mut columns: Arc<[String]> = Arc::default();
    let mut out = Rows::with_capacity(rows.len());
    for RawRow(cells) in rows {
        let (names, values): (Vec<_>, Vec<_>) = cells.into_iter().map(|(name, cell)| (name, cell.0)).unzip();
        if out.is_empty() {
            columns = names.into();
        }
        out.push(Row { columns: Arc::clone(&columns), values });
    }
    out
}

/// A row as an object: names and values in the order of the columns.
struct RawRow(Vec<(String, Cell)>);

struct Cell(Value);

impl<'de> Deserialize<'de> for RawRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells;
        impl<'de> Visitor<'de> for Cells {
            type Value = RawRow;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawRow, A::Error> {
                let mut cells = Vec::new();
                while let Some(cell) = map.next_entry()? {
                    cells.push(cell);
                }
                Ok(RawRow(cells))
            }
        }
        deserializer.deserialize_map(Cells)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Cell;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number below 2^53, or null")
            }
            fn visit_unit<E>(self) -> Result<Cell, E> {
                Ok(Cell(Value::Null))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Cell, E> {
                Ok(Cell(Value::Int(n)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
                Ok(Cell(Value::Text(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Cell, E> {
                Ok(Cell(Value::Text(text)))
            }
        }
        deserializer.deserialize_any(One)
    }
}
