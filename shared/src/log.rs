//! One log event per request, with a fixed list of fields. Never tokens, codes, cookies, query strings or
//! e-mail addresses.

use crate::failure::Failure;
use crate::http::routes::Route;
use crate::http::{Cx, Req, Resp};

/// How a request ended, as one word.
#[derive(Debug)]
pub struct Outcome {
    word: String,
    fault: Option<String>,
}

impl Outcome {
    /// Sums up what a handler gave.
    #[must_use]
    pub fn of(answer: &Result<Resp, Failure>) -> Self {
        let (word, fault) = match answer {
            Ok(_) => ("ok".to_owned(), None),
            Err(Failure::Refused(refusal)) => (format!("{refusal:?}"), None),
            Err(Failure::Api(error)) => (error.public().1.to_owned(), None),
            Err(Failure::Page(kind)) => (format!("{kind:?}"), None),
            Err(Failure::Fault(fault)) => ("fault".to_owned(), Some(fault.to_string())),
        };
        Self { word, fault }
    }
}

/// Writes the event.
pub fn request(cx: &Cx, route: &Route, req: &Req, resp: &Resp, outcome: &Outcome, duration_ms: u64) {
    let status = resp.status().as_u16();
    let ip = cx.peer.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let user = cx.who.as_ref().map_or("", |w| w.user.id.as_str());
    let method = req.method.as_str();
    let (id, path, word) = (cx.request_id.as_str(), route.path, outcome.word.as_str());
    if let Some(fault) = &outcome.fault {
        tracing::error!(
            request_id = id,
            method,
            route = path,
            status,
            outcome = word,
            fault,
            duration_ms,
            ip,
            user,
            "request"
        );
    } else {
        tracing::info!(
            request_id = id,
            method,
            route = path,
            status,
            outcome = word,
            duration_ms,
            ip,
            user,
            "request"
        );
    }
}

/// A failure as a sentence for an operator.
#[must_use]
pub fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Fault(fault) => fault.to_string(),
        Failure::Api(error) => error.public().2,
        Failure::Refused(refusal) => refusal.public().1.to_owned(),
        Failure::Page(kind) => format!("{kind:?}"),
    }
}
