//! A whole host of fakes.

use crate::{
    FixedClock, MapBlob, RecordingMailer, RunAtOnce, RustCryptoKeys, ScriptedFetch, ScriptedLimit, SeededRng,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use proto::time::UnixTime;
use shared::db::CountingDb;
use shared::db::migrate::{MIGRATIONS, migrate};
use shared::host::Host;
use shared::http::{App, Peer};
use shared::settings::Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A host whose database is SQLite in memory and whose other ports are fakes. Its clock starts at
/// [`World::START`], and its randomness is the same in every run.
pub struct World {
    /// The host.
    pub host: Arc<Host>,
    /// Its clock.
    pub clock: Arc<FixedClock>,
    /// Its database, which counts batches.
    pub db: Arc<CountingDb>,
    /// Its outgoing mail.
    pub mail: Arc<RecordingMailer>,
    /// Its outgoing HTTP.
    pub fetch: Arc<ScriptedFetch>,
    /// Its flood shield.
    pub limit: Arc<ScriptedLimit>,
    after: Arc<RunAtOnce>,
    app: Arc<App>,
}

impl World {
    /// When every world begins: 2026-01-02T03:04:05Z.
    pub const START: UnixTime = UnixTime(1_767_323_045);

    /// Where every world is, unless its settings say otherwise (`APP_URL`).
    pub const APP_URL: &str = "https://id.example.com";

    /// A world of default settings.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A world of these settings, by the names of their environment variables.
    ///
    /// # Panics
    /// If a setting is refused or the schema cannot be made: the test cannot go on.
    #[expect(clippy::expect_used, reason = "test support: the test cannot go on")]
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let source = |name: &str| {
            let given = settings.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
            let given = given.or(match name {
                "APP_URL" => Some(Self::APP_URL),
                "ENCRYPTION_KEY" => Some("0123456789abcdef0123456789abcdef"),
                _ => None,
            });
            given.map(str::to_owned)
        };
        let settings = Settings::load(&source).expect("settings of the test");
        let sqlite = native_db::Sqlite::open_in_memory().expect("SQLite in memory");
        migrate(&sqlite, MIGRATIONS).await.expect("schema");

        let db = Arc::new(CountingDb::new(Arc::new(sqlite)));
        let clock = Arc::new(FixedClock::new(Self::START));
        let mail = Arc::new(RecordingMailer::default());
        let fetch = Arc::new(ScriptedFetch::default());
        let limit = Arc::new(ScriptedLimit::default());
        let after = Arc::new(RunAtOnce::default());
        let host = Arc::new(Host {
            keyring: Arc::default(),
            db: db.clone(),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(1)),
            keys: Arc::new(RustCryptoKeys::new(2)),
            fetch: fetch.clone(),
            mail: mail.clone(),
            blob: Arc::new(MapBlob::default()),
            limit: limit.clone(),
            after: after.clone(),
            settings: Arc::new(settings),
        });
        let app = Arc::new(App::new(host.clone()));
        Self { host, clock, db, mail, fetch, limit, after, app }
    }

    /// Another node of the same installation: it shares every port, holds nothing in memory, and differs in what
    /// `change` replaces.
    #[must_use]
    pub fn another_node(&self, change: impl FnOnce(&mut Host)) -> Self {
        let mut host = Host { keyring: Arc::default(), ..(*self.host).clone() };
        change(&mut host);
        let host = Arc::new(host);
        Self {
            app: Arc::new(App::new(host.clone())),
            host,
            clock: self.clock.clone(),
            db: self.db.clone(),
            mail: self.mail.clone(),
            fetch: self.fetch.clone(),
            limit: self.limit.clone(),
            after: self.after.clone(),
        }
    }

    /// Sends a request and waits for the response and for the work after it. The other end is
    /// [`Peer::default`] unless the request carries one in its extensions, and the `Host` is the one of `APP_URL`
    /// unless the request names another.
    ///
    /// # Panics
    /// If the host of `APP_URL` is no header value.
    #[expect(clippy::expect_used, reason = "test support: the test cannot go on")]
    pub async fn request(&self, mut request: Request<Bytes>) -> Response<Bytes> {
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(Peer::default());
        }
        if !request.headers().contains_key(header::HOST) && request.uri().authority().is_none() {
            let host =
                HeaderValue::from_str(self.host.settings.app_url.authority()).expect("host of APP_URL");
            request.headers_mut().insert(header::HOST, host);
        }
        let response = self.app.answer(request.map(Full::new)).await;
        self.after.settle().await;
        response
    }

    /// Does what is due without a request, and waits for it.
    ///
    /// # Errors
    /// Those of [`shared::jobs::tick`].
    pub async fn tick(&self) -> Result<(), shared::ports::DbError> {
        let done = shared::jobs::tick(&self.host).await;
        self.after.settle().await;
        done
    }

    /// A browser without cookies.
    #[must_use]
    pub const fn browser(&self) -> Browser<'_> {
        Browser { world: self, cookies: Mutex::new(BTreeMap::new()) }
    }
}

/// Something that keeps cookies and says where its forms come from. Redirects are not followed.
pub struct Browser<'w> {
    world: &'w World,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser<'_> {
    /// GETs a path.
    pub async fn get(&self, path: &str) -> Response<Bytes> {
        self.send(build(Method::GET, path, None, Bytes::new())).await
    }

    /// POSTs a form from a page of the same origin.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Response<Bytes> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(self.own_page(Method::POST, path, "application/x-www-form-urlencoded", body)).await
    }

    /// Sends JSON from a page of the same origin.
    pub async fn send_json(&self, method: Method, path: &str, json: &serde_json::Value) -> Response<Bytes> {
        self.send(self.own_page(method, path, "application/json", json.to_string())).await
    }

    /// Sends any request with the cookies, and keeps those that come back.
    pub async fn send(&self, mut request: Request<Bytes>) -> Response<Bytes> {
        if let Some(value) = self.cookie_header() {
            request.headers_mut().insert(header::COOKIE, value);
        }
        let response = self.world.request(request).await;
        for line in response.headers().get_all(header::SET_COOKIE) {
            self.keep(line.to_str().unwrap_or_default());
        }
        response
    }

    /// Value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    /// Sets a cookie, as somebody with access to the browser could.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.lock().insert(name.to_owned(), value.to_owned());
    }

    fn own_page(&self, method: Method, path: &str, media: &str, body: String) -> Request<Bytes> {
        let mut request = build(method, path, Some(media), Bytes::from(body));
        let origin = HeaderValue::from_str(self.world.host.settings.app_url.as_str());
        if let Ok(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin);
        }
        request.headers_mut().insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        request
    }

    fn cookie_header(&self) -> Option<HeaderValue> {
        let cookies = self.lock();
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { None } else { HeaderValue::from_str(&pairs.join("; ")).ok() }
    }

    fn keep(&self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        if parts.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0")) {
            self.lock().remove(name);
        } else {
            self.set_cookie(name, value);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::expect_used, reason = "test support: the test cannot go on")]
fn build(method: Method, path: &str, media: Option<&str>, body: Bytes) -> Request<Bytes> {
    let mut builder = Request::builder().method(method).uri(path);
    if let Some(media) = media {
        builder = builder.header(header::CONTENT_TYPE, media);
    }
    builder.body(body).expect("path of the test")
}
