//! The host: settings and adapters, made by the first event of an isolate and kept.

use crate::after::WaitUntil;
use crate::blob::NoBlob;
use crate::clock::DateClock;
use crate::db_d1::D1;
use crate::fetch::EdgeFetch;
use crate::keys_webcrypto::WebCrypto;
use crate::limit::EdgeLimit;
use crate::log;
use crate::mail::NoMail;
use crate::rng::CryptoRng;
#[cfg(feature = "test-hooks")]
use crate::test_hooks::Hooks;
use js_sys::{Object, Reflect};
use shared::db::Hrana;
use shared::host::Host;
use shared::http::App;
use shared::ports::{Db, HttpFetch};
use shared::settings::Settings;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;
use wasm_bindgen::{JsCast, JsValue};
use worker::{Env, Response, ResponseBuilder};

/// What an isolate keeps.
pub(crate) struct Edge {
    /// The host.
    pub(crate) host: Arc<Host>,
    /// The routes, bound to the host.
    pub(crate) app: App,
    /// What the black-box tests reach in for.
    #[cfg(feature = "test-hooks")]
    pub(crate) hooks: Hooks,
}

/// What is wrong with the configuration: one sentence per variable or binding, without secrets.
pub(crate) struct Misconfigured(Vec<String>);

impl Misconfigured {
    /// 503 with the sentences, for whoever deploys.
    pub(crate) fn page(&self) -> worker::Result<Response> {
        let lines: String = self.0.iter().map(|line| format!("- {line}\n")).collect();
        let text = format!("Latchkey cannot start. Put this right and deploy again:\n\n{lines}");
        Ok(ResponseBuilder::new()
            .with_status(503)
            .with_header("content-type", "text/plain; charset=utf-8")?
            .with_header("cache-control", "no-store")?
            .with_header("x-content-type-options", "nosniff")?
            .fixed(text.into_bytes()))
    }
}

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

thread_local! {
    static EDGE: OnceCell<Rc<Edge>> = const { OnceCell::new() };
}

/// The isolate's host.
///
/// # Errors
/// [`Misconfigured`]; the next event tries again.
pub(crate) fn edge(env: &Env) -> Result<Rc<Edge>, Misconfigured> {
    EDGE.with(|cell| {
        if let Some(edge) = cell.get() {
            return Ok(Rc::clone(edge));
        }
        let edge = Rc::new(build(env)?);
        Ok(Rc::clone(cell.get_or_init(|| edge)))
    })
}

fn build(env: &Env) -> Result<Edge, Misconfigured> {
    let settings = Settings::load(&|name| variable(env, name))
        .map_err(|errors| Misconfigured(errors.iter().map(ToString::to_string).collect()))?;
    log::start(&settings.log_level);
    let names: Vec<String> =
        Object::keys(env.unchecked_ref::<Object>()).iter().filter_map(|name| name.as_string()).collect();
    for name in Settings::unknown_names(names.iter().map(String::as_str)) {
        tracing::warn!(name, "no setting has this name");
    }
    if variable(env, "APP_URL").is_none() {
        return Err(Misconfigured(vec![
            "APP_URL is not set, expected the address people will type".to_owned(),
        ]));
    }
    let fetch: Arc<dyn HttpFetch> = Arc::new(EdgeFetch);
    let host = Host {
        db: database(env, &settings, &fetch)?,
        clock: Arc::new(DateClock),
        rng: Arc::new(CryptoRng),
        keys: Arc::new(WebCrypto),
        fetch,
        mail: Arc::new(NoMail),
        blob: Arc::new(NoBlob),
        limit: Arc::new(EdgeLimit::new(env.clone())),
        after: Arc::new(WaitUntil),
        settings: Arc::new(settings),
        keyring: Arc::default(),
    };
    #[cfg(feature = "test-hooks")]
    let (host, hooks) = Hooks::around(host);
    let host = Arc::new(host);
    Ok(Edge {
        app: App::new(Arc::clone(&host)),
        host,
        #[cfg(feature = "test-hooks")]
        hooks,
    })
}

fn database(
    env: &Env,
    settings: &Settings,
    fetch: &Arc<dyn HttpFetch>,
) -> Result<Arc<dyn Db>, Misconfigured> {
    // Not the setting's value: its default is a file, which means nothing here.
    if variable(env, "DB_CONNECTION_STRING").is_some() {
        let token = Some(settings.db_auth_token.clone()).filter(|token| !token.expose().is_empty());
        let url = settings.db_connection_string.expose();
        let server = Hrana::new(Arc::clone(fetch), url, token)
            .map_err(|e| Misconfigured(vec![format!("DB_CONNECTION_STRING: {e}, expected libsql://…")]))?;
        return Ok(Arc::new(server));
    }
    let database = env.d1("DB").map_err(|_| {
        let what = "DB is not bound, expected a D1 database (or DB_CONNECTION_STRING, a libSQL server)";
        Misconfigured(vec![what.to_owned()])
    })?;
    Ok(Arc::new(D1::new(database)))
}

/// A variable or secret as text; numbers and truth values of `[vars]` are spelled out. `None` if absent or empty.
fn variable(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    let text = value
        .as_string()
        .or_else(|| value.as_f64().map(|number| number.to_string()))
        .or_else(|| value.as_bool().map(|truth| truth.to_string()))?;
    Some(text).filter(|text| !text.is_empty())
}
