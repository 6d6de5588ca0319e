//! Routes of the black-box tests. Compiled in with the cargo feature `test-hooks` only, never in a released bundle.

use crate::host::Edge;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use shared::db::CountingDb;
use shared::host::Host;
use shared::http::Resp;
use std::sync::Arc;
use std::time::Duration;
use testkit::ShiftedClock;
use testkit::contract::{self, Precision, Report};
use worker::send::SendFuture;
use worker::{Body, Delay};

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
        let clock = Arc::new(ShiftedClock::new(Arc::clone(&host.clock)));
        let db = Arc::new(CountingDb::new(Arc::clone(&host.db)));
        let wrapped = Host { clock: clock.clone(), db: db.clone(), ..host.clone() };
        (wrapped, Self { host, clock, db })
    }
}

/// Answers a request to a test route; gives any other request back.
///
/// # Errors
/// The request, if it is for no test route.
pub(crate) async fn intercept(edge: &Edge, request: Request<Body>) -> Result<Resp, Request<Body>> {
    let hooks = &edge.hooks;
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/__test/stats") => {
            let text = serde_json::json!({ "db_batches": hooks.db.batches() }).to_string();
            Ok(answer(StatusCode::OK, text))
        }
        (&Method::POST, "/__test/clock") => {
            let ask = body(request).await.unwrap_or_default();
            let Some(seconds) = ask.get("advance").and_then(Value::as_i64) else {
                return Ok(answer(StatusCode::BAD_REQUEST, "advance: whole seconds".to_owned()));
            };
            hooks.clock.advance(seconds);
            Ok(answer(StatusCode::NO_CONTENT, String::new()))
        }
        (&Method::POST, "/__test/tick") => Ok(match shared::jobs::tick(&edge.host).await {
            Ok(()) => answer(StatusCode::NO_CONTENT, String::new()),
            Err(error) => answer(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }),
        (&Method::POST, "/__test/contract") => {
            let ask = body(request).await.unwrap_or_default();
            let text = |name: &str| ask.get(name).and_then(Value::as_str).unwrap_or_default();
            Ok(match contract(&hooks.host, text("suite"), text("base")).await {
                Ok(report) => answer(StatusCode::OK, report.to_string()),
                Err(report) => answer(StatusCode::INTERNAL_SERVER_ERROR, report),
            })
        }
        _ => Err(request),
    }
}

/// Runs a contract suite on this host's adapters. `base` is the address of the target that the suite `fetch` wants.
async fn contract(host: &Host, suite: &str, base: &str) -> Result<Report, String> {
    let mut tag = [0; 5];
    host.rng.fill(&mut tag).map_err(|e| e.to_string())?;
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    match suite {
        "after" => {
            let settle = SendFuture::new(Delay::from(Duration::from_millis(50)));
            contract::after(Arc::clone(&host.after), settle).await
        }
        "clock" => contract::clock(&*host.clock),
        "db" => contract::db(Arc::clone(&host.db), &tag).await,
        "fetch" => contract::fetch(Arc::clone(&host.fetch), base).await,
        "keys" => contract::keys(Arc::clone(&host.keys)).await,
        "limit" => contract::limit(Arc::clone(&host.limit), &tag, Precision::Exact).await,
        "rng" => contract::rng(&*host.rng),
        _ => Err("suite: after, clock, db, fetch (with base), keys, limit or rng".to_owned()),
    }
}

async fn body(request: Request<Body>) -> Option<Value> {
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect().await.ok()?.to_bytes();
    serde_json::from_slice(&body).ok()
}

fn answer(status: StatusCode, text: String) -> Resp {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
