//! From an HTTP request to a handler and back: the columns of the route table are carried out here, once.

use super::csrf::{self, Origin};
use super::routes::{Auth, Cache, Cors, ROUTES, Route, Shape};
use super::security::{self, Opener};
use super::types::{Cx, Peer, Req, Resp};
use super::{ContentSecurity, cookies, cors, peer, respond};
use crate::api::error::ApiError;
use crate::failure::Failure;
use crate::flow;
use crate::host::Host;
use crate::log;
use crate::pages::ErrorKind;
use crate::ports::Verdict;
use crate::store::session::{self, Who};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a body may fail with.
type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// A host with its routes: everything that answers requests.
pub struct App {
    host: Arc<Host>,
    paths: matchit::Router<Vec<&'static Route>>,
}

impl App {
    /// The route table, bound to a host.
    #[must_use]
    pub fn new(host: Arc<Host>) -> Self {
        let mut by_path: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
        for route in ROUTES {
            by_path.entry(route.path).or_default().push(route);
        }
        let mut paths = matchit::Router::new();
        for (path, routes) in by_path {
            if let Err(error) = paths.insert(path, routes) {
                tracing::error!(path, %error, "a row of the route table cannot be reached");
            }
        }
        Self { host, paths }
    }

    /// Answers a request. The host puts a [`Peer`] into its extensions.
    pub async fn answer<B>(&self, request: Request<B>) -> Resp
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BodyError>,
    {
        let (routes, params) = self.find(request.uri().path()).unwrap_or_default();
        serve(self.host.clone(), &routes, params, request).await
    }

    /// The rows of a path, and its parameters, percent-decoded. A path that is not UTF-8 is nobody's.
    fn find(&self, path: &str) -> Option<(Vec<&'static Route>, BTreeMap<String, String>)> {
        let found = self.paths.at(path).ok()?;
        let mut params = BTreeMap::new();
        for (name, value) in found.params.iter() {
            params.insert(name.to_owned(), percent_decode_str(value).decode_utf8().ok()?.into_owned());
        }
        Some((found.value.clone(), params))
    }
}

/// The two ways of having no route.
static NO_API: Route = Route::missing(Shape::Api);
static NO_PAGE: Route = Route::missing(Shape::Page);

fn choose(routes: &[&'static Route], method: &Method, path: &str) -> Result<&'static Route, &'static Route> {
    let wanted = if method == Method::HEAD { "GET" } else { method.as_str() };
    if let Some(route) = routes.iter().find(|r| r.method.as_str() == wanted) {
        return Ok(route);
    }
    let missing =
        if path.starts_with("/api/") || path.starts_with("/.well-known/") { &NO_API } else { &NO_PAGE };
    Err(missing)
}

async fn serve<B>(
    host: Arc<Host>,
    routes: &[&'static Route],
    params: BTreeMap<String, String>,
    request: Request<B>,
) -> Resp
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    let began = host.clock.monotonic_ms();
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().cloned().unwrap_or_default();
    // Without randomness there is no id, but there must still be an answer.
    let request_id = host.uuid().unwrap_or_default();
    let now = host.clock.now();
    let mut cx = Cx { host, now, request_id, peer, who: None };
    let mut req =
        Req { method: parts.method, uri: parts.uri, headers: parts.headers, body: Bytes::new(), params };

    let (route, answer) = match choose(routes, &req.method, req.uri.path()) {
        Ok(route) => (route, handle(&mut cx, route, &mut req, body).await),
        Err(_) if req.method == Method::OPTIONS && !routes.is_empty() => {
            let route = routes.first().copied().unwrap_or(&NO_API);
            (route, Ok(preflight(routes)))
        }
        Err(missing) if routes.is_empty() => match without_slash(&req) {
            Some(path) if missing.shape == Shape::Page => (missing, Ok(respond::moved(path))),
            _ => (missing, Err(missing_failure(missing))),
        },
        Err(missing) => (missing, Ok(method_not_allowed(routes, &cx))),
    };
    let outcome = log::Outcome::of(&answer);
    let mut resp = answer.unwrap_or_else(|failure| render(&cx, &req, route, &failure));
    let readable = cors::is_readable(&cx, route, &req).await;
    finish(&cx, route, &req, &mut resp, readable);
    log::request(&cx, route, &req, &resp, &outcome, cx.host.clock.monotonic_ms().saturating_sub(began));
    resp
}

/// The path that a page's address with a slash too many means.
fn without_slash(req: &Req) -> Option<&str> {
    let path = req.uri.path().strip_suffix('/')?;
    (req.method == Method::GET).then(|| proto::uri::local_path(path)).flatten()
}

fn missing_failure(route: &Route) -> Failure {
    match route.shape {
        Shape::Page => ErrorKind::NotFound.into(),
        _ => ApiError::NoEndpoint.into(),
    }
}

async fn handle<B>(cx: &mut Cx, route: &'static Route, req: &mut Req, body: B) -> Result<Resp, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    // No name of ours holds NUL, and Postgres takes none.
    if req.params.values().any(|value| value.contains('\0')) {
        return Err(missing_failure(route));
    }
    // Before the flood shield: no other site may use up its visitor's share.
    if route.origin == Origin::Same && !csrf::is_own_page(&req.headers, &cx.host.settings.app_url) {
        return Err(refuse(route, ErrorKind::ForeignForm, ApiError::Forbidden));
    }
    if route.checks_host {
        limit(cx, route, req).await?;
        if !is_own_host(cx, req) {
            return Ok(wrong_host(cx, route, req));
        }
    }
    req.body = read_body(body, route).await?;
    authenticate(cx, route, req).await?;
    if cx.who.is_none() && route.auth == Auth::UserPage {
        return Ok(respond::see_other(&sign_in_first(req)));
    }
    (route.handler)(cx.clone(), req.clone()).await
}

/// The sign-in page, which leads back to this one. A form that was sent is lost, and its address shows no page.
fn sign_in_first(req: &Req) -> String {
    if req.method == Method::GET || req.method == Method::HEAD {
        let page = req.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let back: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
        format!("/login?redirect={back}")
    } else {
        "/login".to_owned()
    }
}

fn refuse(route: &Route, page: ErrorKind, api: ApiError) -> Failure {
    if route.shape == Shape::Page { page.into() } else { api.into() }
}

/// Whether the request names a host that this installation answers to. Ports are left out: proxies drop them.
fn is_own_host(cx: &Cx, req: &Req) -> bool {
    let settings = &cx.host.settings;
    requested_host(req).is_some_and(|authority| {
        let host = host_of(authority);
        [&settings.app_url, &settings.internal_app_url]
            .iter()
            .any(|own| host.eq_ignore_ascii_case(own.host()))
    })
}

/// The host that the request is for; `None` if it names none, or several (RFC 9112 §3.2).
fn requested_host(req: &Req) -> Option<&str> {
    if req.headers.get_all(header::HOST).iter().count() > 1 {
        return None;
    }
    req.header(header::HOST).or_else(|| req.uri.authority().map(http::uri::Authority::as_str))
}

/// `host[:port]` without the port; brackets of IPv6 stay, as in URLs.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn wrong_host(cx: &Cx, route: &Route, req: &Req) -> Resp {
    let asked: String = requested_host(req).unwrap_or("").chars().take(255).collect();
    let asked = asked.as_str();
    tracing::warn!(
        request_id = cx.request_id,
        asked,
        app_url = cx.issuer(),
        "request for another host than APP_URL: set APP_URL to the address people type, and let proxies keep Host"
    );
    if route.shape == Shape::Page {
        return flow::page_error::wrong_address(cx, req, asked);
    }
    api_error(cx, &ApiError::WrongHost)
}

async fn limit(cx: &Cx, route: &Route, req: &Req) -> Result<(), Failure> {
    if cx.host.settings.disable_rate_limiting {
        return Ok(());
    }
    let key = cx.peer.ip.map_or_else(|| "unknown".to_owned(), peer::fold);
    let refused = |retry_after_s: u32| {
        tracing::info!(
            request_id = cx.request_id,
            bucket = route.limit.name,
            retry_after_s,
            path = req.uri.path(),
            "rate limited"
        );
        Failure::from(ApiError::RateLimited { retry_after_s })
    };
    match cx.host.limit.check(route.limit, &key, cx.now).await {
        Ok(Verdict::Allowed) => Ok(()),
        Ok(Verdict::Refused { retry_after_s }) => Err(refused(retry_after_s)),
        Err(_) if route.limit.fail_closed => Err(refused(1)),
        Err(_) => Ok(()),
    }
}

async fn read_body<B>(body: B, route: &Route) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BodyError>,
{
    match Limited::new(body, route.body_limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge.into()),
        Err(_) => Err(ApiError::InvalidBody.into()),
    }
}

/// Who is signed in; without a cookie the store is not asked.
///
/// # Errors
/// A fault if the store fails.
pub(crate) async fn signed_in(cx: &Cx, req: &Req) -> Result<Option<Who>, Failure> {
    let Some(hash) = cookies::session_hash(cx, req) else { return Ok(None) };
    Ok(Who::from_rows(&cx.host.db.query(session::live(Some(&hash), cx.now)).await?)?)
}

async fn authenticate(cx: &mut Cx, route: &Route, req: &Req) -> Result<(), Failure> {
    if matches!(route.auth, Auth::Public | Auth::Client | Auth::Bearer) {
        return Ok(());
    }
    let who = signed_in(cx, req).await?;
    match &who {
        Some(who) if who.user.disabled => {
            return Err(refuse(route, ErrorKind::Forbidden, ApiError::UserDisabled));
        }
        Some(who) if route.auth == Auth::Admin && !who.user.is_admin => {
            return Err(ApiError::Forbidden.into());
        }
        None if route.auth != Auth::UserPage => return Err(ApiError::NotSignedIn.into()),
        _ => {}
    }
    if let Some(who) = &who {
        slide(cx, who);
    }
    cx.who = who;
    Ok(())
}

/// Extends a session that is in use, after the response, at most once a minute.
pub(crate) fn slide(cx: &Cx, who: &Who) {
    if cx.now.since(who.session.last_seen_at) < 60 {
        return;
    }
    let touch = session::touch(&who.session.id, cx.now, cx.now.plus(cx.host.settings.session_duration_s));
    let db = cx.host.db.clone();
    cx.host.after.run(Box::pin(async move {
        if let Err(error) = db.query(touch).await {
            tracing::warn!(%error, "session could not be extended");
        }
    }));
}

fn preflight(routes: &[&'static Route]) -> Resp {
    let mut resp = respond::empty(StatusCode::NO_CONTENT);
    resp.headers_mut().insert(header::ALLOW, allow(routes));
    resp
}

fn method_not_allowed(routes: &[&'static Route], cx: &Cx) -> Resp {
    let mut resp = api_error(cx, &ApiError::MethodNotAllowed);
    resp.headers_mut().insert(header::ALLOW, allow(routes));
    resp
}

fn allow(routes: &[&'static Route]) -> HeaderValue {
    let mut methods: Vec<&str> = routes.iter().map(|r| r.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

fn api_error(cx: &Cx, error: &ApiError) -> Resp {
    let status = StatusCode::from_u16(error.public().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond::json(status, &error.body(&cx.request_id))
}

fn render(cx: &Cx, req: &Req, route: &Route, failure: &Failure) -> Resp {
    let mut resp = match (failure, route.shape) {
        (Failure::Refused(refusal), Shape::Page) => flow::page_error::refusal(cx, req, *refusal),
        (Failure::Refused(refusal), _) => flow::oauth_error::response(*refusal, req),
        (Failure::Page(error), _) => flow::page_error::page(cx, req, *error),
        (Failure::Api(ApiError::RateLimited { .. }), Shape::Page) => {
            flow::page_error::page(cx, req, ErrorKind::TooMany)
        }
        (Failure::Api(ApiError::BodyTooLarge | ApiError::InvalidBody), Shape::Page) => {
            flow::page_error::page(cx, req, ErrorKind::Request)
        }
        (Failure::Api(error), Shape::OAuth) => flow::oauth_error::from_api(error),
        (Failure::Api(error), _) => api_error(cx, error),
        (Failure::Fault(_), Shape::Page) => flow::page_error::page(cx, req, ErrorKind::Internal),
        (Failure::Fault(_), Shape::OAuth) => flow::oauth_error::server_error(),
        (Failure::Fault(_), Shape::Api) => api_error(cx, &ApiError::Internal),
    };
    if let Failure::Api(ApiError::RateLimited { retry_after_s }) = failure {
        resp.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_s));
    }
    resp
}

fn finish(cx: &Cx, route: &Route, req: &Req, resp: &mut Resp, readable: bool) {
    let policy = resp.extensions_mut().remove::<ContentSecurity>().unwrap_or(ContentSecurity::Nothing);
    let opener =
        if route.auth == Auth::UserPage || route.path == "/setup" { Opener::Severed } else { Opener::Kept };
    let headers = resp.headers_mut();
    security::apply(headers, &policy, opener, cx.host.settings.app_url.is_https());
    if let Ok(id) = HeaderValue::from_str(&cx.request_id) {
        headers.insert("x-request-id", id);
    }
    let cacheable = matches!(route.cache, Cache::Public(_)) && resp.status().is_success();
    let headers = resp.headers_mut();
    if !headers.contains_key(header::CACHE_CONTROL) {
        let value = match route.cache {
            Cache::Public(seconds) if cacheable => {
                HeaderValue::from_str(&format!("public, max-age={seconds}"))
                    .unwrap_or(HeaderValue::from_static("no-store"))
            }
            Cache::NoStore => HeaderValue::from_static("no-store"),
            _ => HeaderValue::from_static("private, no-store"),
        };
        headers.insert(header::CACHE_CONTROL, value);
    }
    if matches!(route.auth, Auth::Client | Auth::Bearer) {
        flow::dpop::offer_nonce(cx, req, headers);
    }
    if route.cors != Cors::None {
        cors::apply(headers, req, readable);
    }
    if req.method == Method::HEAD {
        let length = resp.body().len();
        *resp.body_mut() = Bytes::new();
        resp.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s44_ports_are_no_part_of_a_host_name() {
        let table = [
            ("id.example.com", "id.example.com"),
            ("id.example.com:443", "id.example.com"),
            ("id.example.com:", "id.example.com"),
            ("[::1]:1411", "[::1]"),
            ("[::1]", "[::1]"),
            ("id.example.com:evil", "id.example.com:evil"),
            ("id.example.com:80@evil.example", "id.example.com:80@evil.example"),
            ("a:1:2", "a:1"),
            ("", ""),
        ];
        for (authority, host) in table {
            assert_eq!(host_of(authority), host, "{authority}");
        }
    }

    fn of_path(path: &str) -> Vec<&'static Route> {
        ROUTES.iter().filter(|r| r.path == path).collect()
    }

    #[test]
    fn methods_find_their_row_and_head_finds_that_of_get() {
        let login = of_path("/login");
        let row = |method: &Method| choose(&login, method, "/login").map(|r| r.method.as_str());
        assert_eq!(row(&Method::GET).ok(), Some("GET"));
        assert_eq!(row(&Method::HEAD).ok(), Some("GET"));
        assert_eq!(row(&Method::POST).ok(), Some("POST"));
        for method in [Method::PUT, Method::OPTIONS, Method::TRACE] {
            assert_eq!(choose(&login, &method, "/login").err().map(|r| r.shape), Some(Shape::Page));
        }
        for path in ["/api/x", "/api/", "/.well-known/x"] {
            assert_eq!(choose(&[], &Method::GET, path).err().map(|r| r.shape), Some(Shape::Api), "{path}");
        }
        for path in ["/", "/api", "/apix", "/.well-known"] {
            assert_eq!(choose(&[], &Method::GET, path).err().map(|r| r.shape), Some(Shape::Page), "{path}");
        }
    }

    #[test]
    fn allow_lists_what_a_path_takes() {
        assert_eq!(allow(&of_path("/login")), "GET, POST, HEAD, OPTIONS");
        assert_eq!(allow(&of_path("/api/oidc/token")), "POST, OPTIONS");
        assert_eq!(allow(&of_path("/api/oidc/clients/{id}")), "GET, PUT, DELETE, HEAD, OPTIONS");
    }
}
