//! Routes of the black-box tests. Compiled in with the cargo feature `test-hooks` only, never in a released binary.

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use shared::db::CountingDb;
use shared::host::Host;
use std::sync::Arc;
use std::time::Duration;
use testkit::ShiftedClock;
use testkit::contract::{self, Precision, Report};

/// Time in which jobs after a response are done.
const SETTLE: Duration = Duration::from_millis(50);

/// Puts a movable clock and a counting database into the host, and gives the routes that reach them:
/// `POST /__test/clock {"advance": seconds}` → 204; `GET /__test/stats` → `{"db_batches": n}` since start;
/// `POST /__test/tick` does what is due without a request → 204; `POST /__test/contract {"suite": name}` → the report of the suite, with status 500 if it failed.
pub(crate) fn around(host: Host) -> (Host, Router) {
    let plain = host.clone();
    let clock = Arc::new(ShiftedClock::new(host.clock));
    let db = Arc::new(CountingDb::new(host.db));
    let host = Host { clock: Arc::<ShiftedClock>::clone(&clock), db: Arc::<CountingDb>::clone(&db), ..host };
    let ticked = Arc::new(host.clone());
    let stats = async move || serde_json::json!({ "db_batches": db.batches() }).to_string();
    let routes = Router::new()
        .route("/__test/clock", post(async move |body: Bytes| advance(&clock, &body)))
        .route("/__test/contract", post(async move |body: Bytes| run_contract(&plain, &body).await))
        .route("/__test/stats", get(stats))
        .route("/__test/tick", post(async move || tick(&ticked).await));
    (host, routes)
}

async fn tick(host: &Arc<Host>) -> (StatusCode, String) {
    match shared::jobs::tick(host).await {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn run_contract(host: &Host, body: &[u8]) -> (StatusCode, String) {
    let ask = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let text = |name: &str| ask.get(name).and_then(Value::as_str).unwrap_or_default();
    match suite(host, text("suite"), text("base")).await {
        Ok(report) => (StatusCode::OK, report.to_string()),
        Err(report) => (StatusCode::INTERNAL_SERVER_ERROR, report),
    }
}

/// Runs a contract suite on this host's adapters. `base` is the address of the target that the suite `fetch` wants.
async fn suite(host: &Host, name: &str, base: &str) -> Result<Report, String> {
    let tag = format!("{:016x}", u64::from_be_bytes(host.random().map_err(|e| e.to_string())?));
    match name {
        "after" => contract::after(Arc::clone(&host.after), tokio::time::sleep(SETTLE)).await,
        "blob" => contract::blob(Arc::clone(&host.blob), &tag).await,
        "clock" => contract::clock(&*host.clock),
        "db" => contract::db(Arc::clone(&host.db), &tag).await,
        "fetch" => contract::fetch(Arc::clone(&host.fetch), base).await,
        "keys" => contract::keys(Arc::clone(&host.keys)).await,
        "limit" => contract::limit(Arc::clone(&host.limit), &tag, Precision::Exact).await,
        "rng" => contract::rng(&*host.rng),
        _ => Err("suite: after, blob, clock, db, fetch (with base), keys, limit or rng".to_owned()),
    }
}

fn advance(clock: &ShiftedClock, body: &[u8]) -> (StatusCode, &'static str) {
    let asked = serde_json::from_slice::<Value>(body).ok();
    match asked.and_then(|json| json.get("advance")?.as_i64()) {
        Some(seconds) => {
            clock.advance(seconds);
            (StatusCode::NO_CONTENT, "")
        }
        None => (StatusCode::BAD_REQUEST, "advance: whole seconds"),
    }
}
