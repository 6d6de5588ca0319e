//! libSQL over HTTP: the Hrana protocol (version 2 of `POST /v2/pipeline`) on the outgoing HTTP port.
//!
//! A batch is one HTTP request with one stream request in it, a Hrana batch whose steps are chained by conditions:
//! `BEGIN`, each statement if the one before went well, `COMMIT` if all did, `ROLLBACK` otherwise. No stream stays
//! open (and some servers know no `close`), so none is closed.

use super::dialect::{MUST_CHECK, MUST_CLEAR, sqlite_constraint};
use super::{Row, Rows, Stmt, Value};
use crate::ports::{Db, DbError, FetchError, FetchPolicy, HttpFetch, PrivateAddresses};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use libsql_hrana::proto;
use std::sync::Arc;

/// A libSQL server.
pub struct Hrana {
    fetch: Arc<dyn HttpFetch>,
    pipeline: String,
    token: Option<::proto::secret::Secret>,
}

impl Hrana {
    /// A server by its URL (`libsql://`, `https://` or `http://`, without a path) and its bearer token, if it wants
    /// one. Nothing is sent yet.
    ///
    /// # Errors
    /// [`DbError::Other`] if the URL is not of this form.
    pub fn new(
        fetch: Arc<dyn HttpFetch>,
        url: &str,
        token: Option<::proto::secret::Secret>,
    ) -> Result<Self, DbError> {
        let base = match url.strip_prefix("libsql://") {
            Some(rest) => format!("https://{rest}"),
            None if url.starts_with("https://") || url.starts_with("http://") => url.to_owned(),
            None => return Err(DbError::Other("not a libSQL URL".to_owned())),
        };
        let base = base.trim_end_matches('/');
        if base.contains(['?', '#', '@']) {
            return Err(DbError::Other("a libSQL URL has no query and no user".to_owned()));
        }
        Ok(Self { fetch, pipeline: format!("{base}/v2/pipeline"), token })
    }

    async fn send(&self, batch: proto::Batch) -> Result<proto::BatchResult, DbError> {
        let request = proto::PipelineReqBody {
            baton: None,
            requests: vec![proto::StreamRequest::Batch(proto::BatchStreamReq { batch })],
        };
        let body = serde_json::to_vec(&request).map_err(|e| DbError::Other(e.to_string()))?;
        let mut builder = Request::builder()
            .method(Method::POST)
            .uri(&self.pipeline)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = builder.body(Bytes::from(body)).map_err(|e| DbError::Other(e.to_string()))?;
        let response = self.fetch.send(request, POLICY).await.map_err(|e| match e {
            FetchError::Refused | FetchError::TooLarge => DbError::Other(e.to_string()),
            FetchError::Timeout | FetchError::Unreachable => DbError::Unavailable(e.to_string()),
        })?;
        match response.status() {
            StatusCode::OK => {}
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(DbError::Unavailable(format!("libSQL answered {status}")));
            }
            status => return Err(DbError::Other(format!("libSQL answered {status}"))),
        }
        let answer: proto::PipelineRespBody = serde_json::from_slice(response.body())
            .map_err(|e| DbError::Other(format!("unreadable answer of libSQL: {e}")))?;
        match answer.results.into_iter().next() {
            Some(proto::StreamResult::Ok { response: proto::StreamResponse::Batch(batch) }) => {
                Ok(batch.result)
            }
            Some(proto::StreamResult::Error { error }) => Err(failure(&error)),
            _ => Err(DbError::Other("libSQL answered something else than a batch".to_owned())),
        }
    }
}

#[async_trait]
impl Db for Hrana {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        if stmts.is_empty() {
            return Ok(Vec::new());
        }
        let plan = Plan::of(&stmts);
        let result = self.send(plan.batch).await?;
        if let Some(error) = result.step_errors.iter().flatten().next() {
            return Err(failure(error));
        }
        plan.answers
            .iter()
            .map(|step| match result.step_results.get(*step) {
                Some(Some(rows)) => rows_of(rows),
                _ => Err(DbError::Other("libSQL left a step out".to_owned())),
            })
            .collect()
    }
}

#[async_trait]
impl super::migrate::Migrate for Hrana {
    async fn create_record(&self) -> Result<(), DbError> {
        self.batch(vec![Stmt::new(super::migrate::SQLITE_RECORD)]).await?;
        // Deleting a client relies on them: its secrets must not outlive it.
        let rows = self.batch(vec![Stmt::new("PRAGMA foreign_keys")]).await?;
        let on = rows.first().and_then(|rows| rows.first()).map(|row| row.int("foreign_keys")).transpose()?;
        match on {
            Some(1) => Ok(()),
            _ => Err(DbError::Other("the libSQL server does not enforce foreign keys".to_owned())),
        }
    }
}

/// The operator named the server; a slow one is given up before the visitor is.
const POLICY: FetchPolicy =
    FetchPolicy { timeout_ms: 15_000, max_bytes: 16 << 20, private: PrivateAddresses::AllowConfigured };

/// The steps of a batch, and which of them answer the caller's statements.
struct Plan {
    batch: proto::Batch,
    answers: Vec<usize>,
}

impl Plan {
    fn of(stmts: &[Stmt]) -> Self {
        let reads = stmts.iter().all(Stmt::is_read);
        let mut chain = Chain::default();
        // One read needs no transaction; several share one snapshot. Writers take the lock at once, so that two of
        // them never fail for having read first.
        let alone = reads && stmts.len() == 1;
        if !alone {
            chain.then(plain(if reads { "BEGIN" } else { "BEGIN IMMEDIATE" }));
        }
        let mut answers = Vec::with_capacity(stmts.len());
        for stmt in stmts {
            answers.push(chain.then(hrana_stmt(stmt)));
            if stmt.must_change_one {
                chain.then(plain(MUST_CHECK));
            }
        }
        if stmts.iter().any(|s| s.must_change_one) {
            chain.then(plain(MUST_CLEAR));
        }
        if !alone {
            chain.then(plain("COMMIT"));
            chain.unless_done(plain("ROLLBACK"));
        }
        Self { batch: proto::Batch { steps: chain.steps, replication_index: None }, answers }
    }
}

#[derive(Default)]
struct Chain {
    steps: Vec<proto::BatchStep>,
}

impl Chain {
    /// Appends a step that runs if the one before went well; returns its number.
    fn then(&mut self, stmt: proto::Stmt) -> usize {
        let at = self.steps.len();
        let condition = at.checked_sub(1).map(ok);
        self.steps.push(proto::BatchStep { condition, stmt });
        at
    }

    /// Appends a step that runs if the first went well and the last did not.
    fn unless_done(&mut self, stmt: proto::Stmt) {
        let last = self.steps.len().saturating_sub(1);
        let conds = vec![ok(0), proto::BatchCond::Not { cond: Box::new(ok(last)) }];
        let condition = Some(proto::BatchCond::And(proto::BatchCondList { conds }));
        self.steps.push(proto::BatchStep { condition, stmt });
    }
}

fn ok(step: usize) -> proto::BatchCond {
    proto::BatchCond::Ok { step: u32::try_from(step).unwrap_or(u32::MAX) }
}

fn plain(sql: &'static str) -> proto::Stmt {
    proto::Stmt::new(sql, false)
}

fn hrana_stmt(stmt: &Stmt) -> proto::Stmt {
    let mut out = proto::Stmt::new(stmt.sql, true);
    for arg in &stmt.args {
        out.bind(match arg {
            Value::Null => proto::Value::Null,
            Value::Int(value) => proto::Value::Integer { value: *value },
            Value::Text(text) => proto::Value::Text { value: text.as_str().into() },
        });
    }
    out
}

fn rows_of(result: &proto::StmtResult) -> Result<Rows, DbError> {
    let columns: Arc<[String]> = result.cols.iter().map(|col| col.name.clone().unwrap_or_default()).collect();
    result
        .rows
        .iter()
        .map(|row| {
            let values = row.values.iter().map(value_of).collect::<Result<Vec<_>, _>>()?;
            Ok(Row { columns: columns.clone(), values })
        })
        .collect()
}

fn value_of(value: &proto::Value) -> Result<Value, DbError> {
    match value {
        proto::Value::Null => Ok(Value::Null),
        proto::Value::Integer { value } => Ok(Value::Int(*value)),
        proto::Value::Text { value } => Ok(Value::Text(value.to_string())),
        proto::Value::None | proto::Value::Float { .. } | proto::Value::Blob { .. } => {
            Err(DbError::Inconsistent { table: "result", what: "neither text nor integer".to_owned() })
        }
    }
}

fn failure(error: &proto::Error) -> DbError {
    if let Some(constraint) = sqlite_constraint(&error.message) {
        return constraint;
    }
    let text = format!("{}: {}", error.code, error.message);
    match error.code.as_str() {
        "SQLITE_BUSY" | "SQLITE_LOCKED" | "SQLITE_FULL" | "SQLITE_IOERR" => DbError::Unavailable(text),
        _ => DbError::Other(text),
    }
}
