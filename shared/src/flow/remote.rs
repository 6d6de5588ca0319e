//! JSON documents of other servers, fetched under guard and kept for a while.
//!
//! | the server | what happens |
//! | --- | --- |
//! | answers 200 with such a document | the copy counts for `max-age`, at least 15 minutes and at most a day |
//! | is slow, down, or answers anything else | the last copy counts for another day; without one, an error |
//! | answers more than 64 KB, or for longer than 5 s | the same |
//!
//! What a server answered wrongly is never kept. A server whose copy is at hand is asked at most once a minute, by one of
//! all nodes; one without, at most three times a minute: who may ask for documents is not always somebody known.

use crate::failure::{Failure, Fault};
use crate::host::Host;
use crate::http::Cx;
use crate::outbound;
use crate::ports::{DbError, FetchError, FetchPolicy, PrivateAddresses};
use crate::store::counter;
use crate::store::remote_document::{self, RemoteDocument};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use proto::hash::sha256_b64;
use proto::json;
use proto::time::UnixTime;
use serde_json::{Map, Value};

/// Time for one exchange, in milliseconds.
const TIMEOUT_MS: u32 = 5_000;
/// Largest document, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Longest address, in bytes: it is a key of the store.
const MAX_URL: usize = 2_000;
/// For how long a copy counts at least, in seconds.
const FRESH_AT_LEAST_S: i64 = 15 * 60;
/// For how long a copy counts at most, in seconds.
const FRESH_AT_MOST_S: i64 = 24 * 3600;
/// For how much longer it counts while the server does not answer, in seconds.
const STALE_S: i64 = 24 * 3600;
/// Between two requests for the same document, in seconds.
const PAUSE_S: i64 = 60;
/// How many requests fit in that time while there is no copy: those that come at once do not wait for one another.
const TRIES: i64 = 3;

/// Where a document is, and what the address may lead to.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Address.
    pub url: &'a str,
    /// [`PrivateAddresses::AllowConfigured`] only if an admin wrote the address down.
    pub private: PrivateAddresses,
    /// Whether an object is such a document; one that is not never takes the place of one that is.
    pub is_one: fn(&Map<String, Value>) -> bool,
}

/// How new a document has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A copy that still counts will do.
    Fresh,
    /// The copy lacks something that the server may have by now: ask, unless that was done within a minute.
    Newer,
}

/// Why there is no document. The texts name no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The server says that it has none (404).
    #[error("there is no such document")]
    Absent,
    /// The address is not allowed, the server is slow or down, or the answer is too large or no JSON object.
    #[error("the document could not be fetched: {0}")]
    Unavailable(&'static str),
    /// The store failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DbError> for RemoteError {
    fn from(e: DbError) -> Self {
        Self::Fault(e.into())
    }
}

impl RemoteError {
    /// This error as a failure of a request that depends on the document: `instead`, unless the store failed.
    #[must_use]
    pub fn or(self, instead: impl Into<Failure>) -> Failure {
        match self {
            Self::Fault(fault) => fault.into(),
            Self::Absent | Self::Unavailable(_) => instead.into(),
        }
    }
}

/// A document: the copy at hand, or a new one.
///
/// # Errors
/// [`RemoteError`] if there is no copy and none can be had.
pub async fn document(cx: &Cx, source: Source<'_>, need: Need) -> Result<Map<String, Value>, RemoteError> {
    if source.url.len() > MAX_URL {
        return Err(RemoteError::Unavailable("address too long"));
    }
    let key = key(source);
    let rows = cx.host.db.query(remote_document::by_key(&key, cx.now)).await?;
    let held = RemoteDocument::from_rows(&rows)?;
    if let Some(held) = &held {
        let is_due = need == Need::Newer || held.fresh_until <= cx.now;
        if !is_due || !claim(cx, &key, held).await? {
            return read(&held.body);
        }
    } else if !may_ask(&cx.host, cx.now, &key).await? {
        return Err(RemoteError::Unavailable("was asked for a moment ago"));
    }
    match fetch(cx, source).await {
        Ok(new) => {
            cx.host.db.query(new.store(&key)).await?;
            read(&new.body)
        }
        Err(error) => {
            tracing::warn!(request_id = cx.request_id, url = source.url, %error, "remote document");
            held.map_or(Err(error), |held| read(&held.body))
        }
    }
}

/// Whether there is a copy, fresh or not.
///
/// # Errors
/// [`RemoteError::Fault`].
pub async fn is_kept(cx: &Cx, source: Source<'_>) -> Result<bool, RemoteError> {
    Ok(!cx.host.db.query(remote_document::by_key(&key(source), cx.now)).await?.is_empty())
}

/// Counts a request for what `key` names, of which there is no copy, and says whether it may go out: one may three times
/// a minute.
///
/// # Errors
/// A failure of the store.
pub(crate) async fn may_ask(host: &Host, now: UnixTime, key: &str) -> Result<bool, DbError> {
    let name = format!("ask {}", sha256_b64(key));
    let rows = host.db.query(counter::take(&name, now, PAUSE_S)).await?;
    Ok(counter::read(&rows)?.0 <= TRIES)
}

/// What a stranger named is kept apart from what an admin named: nobody reads through the store what the guard
/// would not let them fetch.
fn key(source: Source<'_>) -> String {
    match source.private {
        PrivateAddresses::AllowConfigured => source.url.to_owned(),
        PrivateAddresses::Refuse => format!("public {}", source.url),
    }
}

/// Whether this request is the one that asks the server again.
async fn claim(cx: &Cx, key: &str, held: &RemoteDocument) -> Result<bool, DbError> {
    let before = cx.now.plus(-PAUSE_S);
    if held.fetched_at > before {
        return Ok(false);
    }
    match cx.host.db.query(remote_document::claim(key, before, cx.now)).await {
        Ok(_) => Ok(true),
        Err(DbError::Lost) => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(body: &str) -> Result<Map<String, Value>, RemoteError> {
    json::parse_object(body.as_bytes()).map_err(|_| RemoteError::Unavailable("not a JSON object"))
}

async fn fetch(cx: &Cx, source: Source<'_>) -> Result<RemoteDocument, RemoteError> {
    let request = get(source.url, source.private)?;
    let policy = FetchPolicy { timeout_ms: TIMEOUT_MS, max_bytes: MAX_BYTES, private: source.private };
    let answer = cx.host.fetch.send(request, policy).await.map_err(|error| {
        RemoteError::Unavailable(match error {
            FetchError::Refused => "address not allowed",
            FetchError::Timeout => "timed out",
            FetchError::TooLarge => "answer too large",
            FetchError::Unreachable => "could not be reached",
        })
    })?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(RemoteError::Absent),
        _ => return Err(RemoteError::Unavailable("answer is not 200")),
    }
    let body =
        std::str::from_utf8(answer.body()).map_err(|_| RemoteError::Unavailable("not a JSON object"))?;
    if !(source.is_one)(&read(body)?) {
        return Err(RemoteError::Unavailable("not the document that was expected"));
    }
    let fresh = max_age(answer.headers()).unwrap_or(0).clamp(FRESH_AT_LEAST_S, FRESH_AT_MOST_S);
    let fresh_until = cx.now.plus(fresh);
    Ok(RemoteDocument {
        body: body.to_owned(),
        fetched_at: cx.now,
        fresh_until,
        expires_at: fresh_until.plus(STALE_S),
    })
}

/// A GET for a document.
///
/// # Errors
/// [`RemoteError::Unavailable`] for an address that no request may go to.
pub(super) fn get(url: &str, private: PrivateAddresses) -> Result<Request<Bytes>, RemoteError> {
    let refused = |_| RemoteError::Unavailable("address not allowed");
    let uri: http::Uri = url.parse().map_err(|_| RemoteError::Unavailable("address not allowed"))?;
    outbound::check_target(&uri, private).map_err(refused)?;
    Request::get(uri)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "latchkey")
        .body(Bytes::new())
        .map_err(|_| RemoteError::Unavailable("address not allowed"))
}

/// `max-age` of `Cache-Control` in seconds (RFC 9111 §5.2.2.1).
pub(super) fn max_age(headers: &HeaderMap) -> Option<i64> {
    directives(headers)
        .find_map(|d| d.strip_prefix("max-age=").and_then(|n| n.trim_matches('"').parse().ok()))
        .filter(|seconds| *seconds >= 0)
}

/// Whether `Cache-Control` forbids to keep the answer (RFC 9111 §5.2.2.5).
pub(super) fn is_no_store(headers: &HeaderMap) -> bool {
    directives(headers).any(|d| d == "no-store")
}

fn directives(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let lines = headers.get_all(header::CACHE_CONTROL).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(',').map(|d| d.trim().to_ascii_lowercase()).collect::<Vec<_>>())
}
