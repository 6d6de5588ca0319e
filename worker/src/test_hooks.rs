//! Routes of the black-box tests. Compiled in with the cargo feature `test-hooks` only, never in a released bundle.

use crate::host::Edge;
use axum::body::{Body, Bytes, to_bytes};
use http::{Method, Request, Response, StatusCode};
use proto::time::UnixTime;
use shared::db::CountingDb;
use shared::host::Host;
use shared::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use testkit::contract::{self, Report};

const LONGEST_BODY: usize = 10_000;

/// Wrappers around ports that the tests reach in for.
pub(crate) struct Hooks {
    host: Host,
    clock: Arc<ShiftedClock>,
    db: Arc<CountingDb>,
}

impl Hooks {
    /// Puts the wrappers into a host.
    pub(crate) fn around(host: Host) -> (Host, Self) {
        let clock = Arc::new(ShiftedClock { inner: Arc::clone(&host.clock), seconds: AtomicI64::new(0) });
        let db = Arc::new(CountingDb::new(Arc::clone(&host.db)));
        let wrapped = Host { clock: clock.clone(), db: db.clone(), ..host.clone() };
        (wrapped, Self { host, clock, db })
    }
}

/// A clock that runs ahead.
struct ShiftedClock {
    inner: Arc<dyn Clock>,
    seconds: AtomicI64,
}

impl Clock for ShiftedClock {
    fn now(&self) -> UnixTime {
        self.inner.now().plus(self.seconds.load(Ordering::Relaxed))
    }

    fn monotonic_ms(&self) -> u64 {
        self.inner.monotonic_ms()
    }
}

/// Answers a request to a test route; gives any other request back.
///
/// # Errors
/// The request, if it is for no test route.
pub(crate) async fn intercept(edge: &Edge, request: Request<Body>) -> Result<Response<Body>, Request<Body>> {
    let hooks = &edge.hooks;
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/__test/stats") => {
            let text = serde_json::json!({ "db_batches": hooks.db.batches() }).to_string();
            Ok(answer(StatusCode::OK, text))
        }
        (&Method::POST, "/__test/clock") => {
            let Some(seconds) = field(request, "advance").await.and_then(|v| v.as_i64()) else {
                return Ok(answer(StatusCode::BAD_REQUEST, "advance: whole seconds".to_owned()));
            };
            hooks.clock.seconds.fetch_add(seconds, Ordering::Relaxed);
            Ok(answer(StatusCode::NO_CONTENT, String::new()))
        }
        (&Method::POST, "/__test/contract") => {
            let suite = field(request, "suite").await;
            Ok(match contract(&hooks.host, suite.as_ref().and_then(|v| v.as_str())).await {
                Ok(report) => answer(StatusCode::OK, report.to_string()),
                Err(report) => answer(StatusCode::INTERNAL_SERVER_ERROR, report),
            })
        }
        _ => Err(request),
    }
}

/// Runs a contract suite on this host's adapters.
async fn contract(host: &Host, suite: Option<&str>) -> Result<Report, String> {
    match suite {
        Some("db") => {
            let mut tag = [0; 5];
            host.rng.fill(&mut tag).map_err(|e| e.to_string())?;
            let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
            contract::db(Arc::clone(&host.db), &tag).await
        }
        _ => Err("suite: db".to_owned()),
    }
}

async fn field(request: Request<Body>, name: &str) -> Option<serde_json::Value> {
    let body: Bytes = to_bytes(request.into_body(), LONGEST_BODY).await.ok()?;
    serde_json::from_slice::<serde_json::Value>(&body).ok()?.get(name).cloned()
}

fn answer(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
