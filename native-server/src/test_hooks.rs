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
/// `POST /__test/clock {"advance": seconds}` → 204; `GET /__test/stats` → `{"db_batches": n}` since start.
pub(crate) fn around(host: Host) -> (Host, Router) {
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
