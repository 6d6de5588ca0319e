//! Latchkey at the edge: a Cloudflare Worker. Entry points are a request and a cron event; everything else is the
//! core, `shared`, with the adapters of this crate.

mod after;
mod blob;
mod clock;
mod db_d1;
mod fetch;
mod host;
mod keys_webcrypto;
mod limit;
mod log;
mod mail;
mod peer;
mod rng;
mod seam;
#[cfg(feature = "test-hooks")]
mod test_hooks;

use std::rc::Rc;
use worker::{Context, Env, Request, Response, ScheduleContext, ScheduledEvent, event};

/// Runs once per isolate, before the first event.
#[event(start)]
fn start() {
    // In front of the hook that is there: the runtime's glue uses it to renew the isolate after a panic.
    let earlier = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        console_error_panic_hook::hook(info);
        earlier(info);
    }));
}

/// Answers a request.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    after::within(Rc::new(move |job| context.wait_until(job)), respond(request, env)).await
}

async fn respond(request: Request, env: Env) -> worker::Result<Response> {
    let edge = match host::edge(&env) {
        Ok(edge) => edge,
        Err(wrong) => return wrong.page(),
    };
    let Some(mut inner) = seam::request(&request) else {
        return Response::error("Bad Request", 400);
    };
    inner.extensions_mut().insert(peer::peer(&request));
    #[cfg(feature = "test-hooks")]
    let inner = match test_hooks::intercept(&edge, inner).await {
        Ok(response) => return seam::response(response),
        Err(inner) => inner,
    };
    seam::response(edge.app.answer(inner).await)
}

/// Does what is due without a request.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, context: ScheduleContext) {
    let edge = match host::edge(&env) {
        Ok(edge) => edge,
        Err(wrong) => {
            worker::console_error!("{wrong}");
            return;
        }
    };
    let tick = shared::jobs::tick(&edge.host);
    if let Err(e) = after::within(Rc::new(move |job| context.wait_until(job)), tick).await {
        tracing::error!(error = %e, "tick");
    }
}
