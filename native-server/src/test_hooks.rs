//! Routes of the black-box tests. Compiled in with the cargo feature `test-hooks` only, never in a released binary.

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use http::StatusCode;
use proto::time::UnixTime;
use serde_json::Value;
use shared::db::CountingDb;
use shared::host::Host;
use shared::ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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

/// Puts a movable clock and a counting database into the host, and gives the routes that reach them:
/// `POST /__test/clock {"advance": seconds}` → 204; `GET /__test/stats` → `{"db_batches": n}` since start;
/// `POST /__test/contract {"suite": "db"}` → the report of the suite, with status 500 if it failed.
pub(crate) fn around(host: Host) -> (Host, Router) {
    let plain = host.clone();
    let clock = Arc::new(ShiftedClock { inner: host.clock, seconds: AtomicI64::new(0) });
    let db = Arc::new(CountingDb::new(host.db));
    let host = Host { clock: Arc::<ShiftedClock>::clone(&clock), db: Arc::<CountingDb>::clone(&db), ..host };
    let routes =
        Router::new().route("/__test/clock", post(async move |body: Bytes| advance(&clock, &body))).route(
            "/__test/stats",
            get(async move || serde_json::json!({ "db_batches": db.batches() }).to_string()),
        );
    (host, routes)
}

async fn contract(host: &Host, body: &[u8]) -> (StatusCode, String) {
    let asked = serde_json::from_slice::<Value>(body).ok();
    let outcome = match asked.as_ref().and_then(|json| json.get("suite")?.as_str()) {
        Some("db") => {
            let mut tag = [0; 8];
            match host.rng.fill(&mut tag) {
                Ok(()) => {
                    let tag = format!("{:016x}", u64::from_be_bytes(tag));
                    testkit::contract::db(Arc::clone(&host.db), &tag).await.map(|report| report.to_string())
                }
                Err(e) => Err(e.to_string()),
            }
        }
        _ => Err("suite: db".to_owned()),
    };
    match outcome {
        Ok(report) => (StatusCode::OK, report),
        Err(report) => (StatusCode::INTERNAL_SERVER_ERROR, report),
    }
}

fn advance(clock: &ShiftedClock, body: &[u8]) -> (StatusCode, &'static str) {
    let asked = serde_json::from_slice::<Value>(body).ok();
    match asked.and_then(|json| json.get("advance")?.as_i64()) {
        Some(seconds) => {
            clock.seconds.fetch_add(seconds, Ordering::Relaxed);
            (StatusCode::NO_CONTENT, "")
        }
        None => (StatusCode::BAD_REQUEST, "advance: whole seconds"),
    }
}
