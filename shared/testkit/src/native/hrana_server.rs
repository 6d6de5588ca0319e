//! A libSQL server inside the test process.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ffi};
use serde_json::{Value as Json, json};
use shared::ports::{FetchError, FetchPolicy, HttpFetch};
use std::sync::{Mutex, PoisonError};

/// Answers `POST <base>/v2/pipeline` (Hrana 2: `execute`, and `batch` with conditions) from a SQLite database in
/// memory, behind a bearer token. Written from the protocol's text and not with the types that the client uses, so
/// that the two check each other. One stream ends with each request; an open transaction is then undone.
pub struct HranaServer {
    connection: Mutex<Connection>,
    pipeline: String,
    token: String,
}

impl HranaServer {
    /// A server at a base URL (without `/` at its end) with an empty database.
    ///
    /// # Errors
    /// If SQLite cannot start.
    pub fn new(base: &str, token: &str) -> Result<Self, String> {
        let connection = Connection::open_in_memory().map_err(|e| e.to_string())?;
        connection.pragma_update(None, "foreign_keys", true).map_err(|e| e.to_string())?;
        Ok(Self {
            connection: Mutex::new(connection),
            pipeline: format!("{base}/v2/pipeline"),
            token: format!("Bearer {token}"),
        })
    }

    fn pipeline(&self, body: &[u8]) -> Option<Json> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let request: Json = serde_json::from_slice(body).ok()?;
        let results: Vec<Json> =
            request.get("requests")?.as_array()?.iter().map(|r| answer(&connection, r)).collect();
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").ok()?;
        }
        Some(json!({ "baton": null, "base_url": null, "results": results }))
    }
}

#[async_trait]
impl HttpFetch for HranaServer {
    async fn send(
        &self,
        request: Request<Bytes>,
        policy: FetchPolicy,
    ) -> Result<Response<Bytes>, FetchError> {
        if request.method() != Method::POST || *request.uri() != *self.pipeline {
            return Err(FetchError::Unreachable);
        }
        let token = request.headers().get(header::AUTHORIZATION);
        if token.is_none_or(|token| token.as_bytes() != self.token.as_bytes()) {
            return Ok(response(StatusCode::UNAUTHORIZED, Bytes::new()));
        }
        let body = match self.pipeline(request.body()) {
            Some(json) => Bytes::from(json.to_string()),
            None => return Ok(response(StatusCode::BAD_REQUEST, Bytes::new())),
        };
        if body.len() > policy.max_bytes {
            Err(FetchError::TooLarge)
        } else {
            Ok(response(StatusCode::OK, body))
        }
    }
}

fn response(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn answer(connection: &Connection, request: &Json) -> Json {
    let kind = request.get("type").and_then(Json::as_str).unwrap_or_default();
    let result = match kind {
        "execute" => {
            request.get("stmt").map_or_else(|| Err(malformed("no stmt")), |stmt| execute(connection, stmt))
        }
        "batch" => batch(connection, request.pointer("/batch/steps").and_then(Json::as_array)),
        _ => Err(malformed("unknown request")),
    };
    match result {
        Ok(result) => json!({ "type": "ok", "response": { "type": kind, "result": result } }),
        Err(error) => json!({ "type": "error", "error": error }),
    }
}

fn batch(connection: &Connection, steps: Option<&Vec<Json>>) -> Result<Json, Json> {
    let steps = steps.ok_or_else(|| malformed("no steps"))?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for step in steps {
        let due = match step.get("condition") {
            None | Some(Json::Null) => true,
            Some(condition) => holds(condition, &results, &errors, connection)?,
        };
        let stmt = step.get("stmt").ok_or_else(|| malformed("no stmt"))?;
        let (result, error) = match due.then(|| execute(connection, stmt)) {
            None => (Json::Null, Json::Null),
            Some(Ok(result)) => (result, Json::Null),
            Some(Err(error)) => (Json::Null, error),
        };
        results.push(result);
        errors.push(error);
    }
    Ok(json!({ "step_results": results, "step_errors": errors }))
}

fn holds(condition: &Json, results: &[Json], errors: &[Json], connection: &Connection) -> Result<bool, Json> {
    let done = |of: &[Json]| {
        let step = condition.get("step").and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
        let outcome = step.and_then(|n| of.get(n)).ok_or_else(|| malformed("condition on no step"))?;
        Ok(!outcome.is_null())
    };
    let all = || -> Result<Vec<bool>, Json> {
        let list = condition.get("conds").and_then(Json::as_array);
        let list = list.ok_or_else(|| malformed("no conds"))?;
        list.iter().map(|c| holds(c, results, errors, connection)).collect()
    };
    match condition.get("type").and_then(Json::as_str) {
        Some("ok") => done(results),
        Some("error") => done(errors),
        Some("not") => {
            let inner = condition.get("cond").ok_or_else(|| malformed("no cond"))?;
            Ok(!holds(inner, results, errors, connection)?)
        }
        Some("and") => Ok(all()?.into_iter().all(|held| held)),
        Some("or") => Ok(all()?.into_iter().any(|held| held)),
        Some("is_autocommit") => Ok(connection.is_autocommit()),
        _ => Err(malformed("unknown condition")),
    }
}

fn execute(connection: &Connection, stmt: &Json) -> Result<Json, Json> {
    let sql = stmt.get("sql").and_then(Json::as_str).ok_or_else(|| malformed("no sql"))?;
    let args: Vec<Value> = match stmt.get("args").and_then(Json::as_array) {
        Some(args) => args.iter().map(argument).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    run(connection, sql, args).map_err(|e| failure(&e))
}

fn run(connection: &Connection, sql: &str, args: Vec<Value>) -> rusqlite::Result<Json> {
    let mut prepared = connection.prepare(sql)?;
    let cols: Vec<Json> =
        prepared.column_names().map(|name| json!({ "name": name, "decltype": null })).collect();
    let mut rows = prepared.query(rusqlite::params_from_iter(args))?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let values: Vec<Json> =
            (0..cols.len()).map(|at| row.get_ref(at).map(result_value)).collect::<rusqlite::Result<_>>()?;
        out.push(values);
    }
    Ok(json!({
        "cols": cols,
        "rows": out,
        "affected_row_count": connection.changes(),
        "last_insert_rowid": connection.last_insert_rowid().to_string(),
        "replication_index": null,
    }))
}

fn argument(json: &Json) -> Result<Value, Json> {
    let text = json.get("value").and_then(Json::as_str);
    match (json.get("type").and_then(Json::as_str), text) {
        (Some("null"), _) => Ok(Value::Null),
        // 64 bits do not fit a JSON number, so the protocol sends them as text.
        (Some("integer"), Some(n)) => n.parse().map(Value::Integer).map_err(|_| malformed("not an integer")),
        (Some("text"), Some(text)) => Ok(Value::Text(text.to_owned())),
        _ => Err(malformed("unknown value")),
    }
}

fn result_value(value: ValueRef<'_>) -> Json {
    match value {
        ValueRef::Null => json!({ "type": "null" }),
        ValueRef::Integer(n) => json!({ "type": "integer", "value": n.to_string() }),
        ValueRef::Real(x) => json!({ "type": "float", "value": x }),
        ValueRef::Text(text) => json!({ "type": "text", "value": String::from_utf8_lossy(text) }),
        ValueRef::Blob(_) => json!({ "type": "blob", "base64": "" }),
    }
}

fn failure(error: &rusqlite::Error) -> Json {
    let code = match error.sqlite_error().map(|e| e.extended_code) {
        Some(ffi::SQLITE_CONSTRAINT_UNIQUE) => "SQLITE_CONSTRAINT_UNIQUE",
        Some(ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => "SQLITE_CONSTRAINT_PRIMARYKEY",
        Some(ffi::SQLITE_CONSTRAINT_NOTNULL) => "SQLITE_CONSTRAINT_NOTNULL",
        Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => "SQLITE_CONSTRAINT_FOREIGNKEY",
        Some(ffi::SQLITE_CONSTRAINT_CHECK) => "SQLITE_CONSTRAINT_CHECK",
        Some(ffi::SQLITE_BUSY) => "SQLITE_BUSY",
        _ => "SQLITE_ERROR",
    };
    json!({ "message": format!("SQLite error: {error}"), "code": code })
}

fn malformed(what: &str) -> Json {
    json!({ "message": what, "code": "PROTOCOL_ERROR" })
}
