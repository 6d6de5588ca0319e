//! Clients that are known by a metadata document at the address that is their `client_id`
//! (draft-ietf-oauth-client-id-metadata-document), where `CIMD_URL_ALLOWLIST` lets them.
//!
//! | the document | what happens |
//! | --- | --- |
//! | has not been seen | at the start of a sign-in it is fetched and becomes a client without secret |
//! | was fetched, and its time has not passed | nothing: at most six days, by `max-age` |
//! | is due and well formed | the client changes with it; consents and tokens end if it has become another |
//! | is due and cannot be had | no sign-in; what was granted can be used for another day |

use super::remote;
use crate::api::clients::metadata;
use crate::decide::cimd::{self, CIMD};
use crate::failure::Failure;
use crate::http::Cx;
use crate::ports::{DbError, FetchPolicy, PrivateAddresses};
use crate::refusal::Refusal;
use crate::store::client::{self, Client};
use crate::store::{consent, origin, save};
use http::{HeaderMap, StatusCode, header};
use proto::json;
use proto::oauth::client_id_url;
use serde_json::{Map, Value};

/// How documents are fetched: anybody can name one.
const FETCH: FetchPolicy =
    FetchPolicy { timeout_ms: 10_000, max_bytes: 5 * 1024, private: PrivateAddresses::Refuse };
/// For how long a document counts at least, in seconds.
const FRESH_AT_LEAST_S: i64 = 5 * 60;
/// For how long it counts if it does not say, in seconds.
const FRESH_S: i64 = 3600;
/// For how long it counts at most, in seconds. With [`STALE_S`] a week.
const FRESH_AT_MOST_S: i64 = 6 * 86_400;
/// For how much longer what was granted can be used while the document cannot be had, in seconds.
const STALE_S: i64 = 86_400;
/// Most such clients that nobody uses, all together: a bound on what strangers can store.
const MOST_UNUSED: i64 = 1000;

/// Whether such clients are let in at all.
#[must_use]
pub fn is_on(cx: &Cx) -> bool {
    !cx.host.settings.cimd_url_allowlist.is_empty()
}

fn is_allowed(cx: &Cx, client_id: &str) -> bool {
    client_id_url::parse(client_id)
        .is_some_and(|uri| cx.host.settings.cimd_url_allowlist.iter().any(|p| p.matches(&uri)))
}

/// Makes sure, before a sign-in, that a client known by its document is stored as the document says it now. Ids that
/// are no addresses, and clients that an admin registered, are none of its business.
///
/// # Errors
/// [`Refusal::ClientUnknown`] for an address that is no longer let in,
/// [`Refusal::ClientDocumentUnavailable`], or a fault.
pub async fn resolve(cx: &Cx, client_id: &str) -> Result<(), Failure> {
    if !client_id_url::looks_like_one(client_id) {
        return Ok(());
    }
    let found = Client::from_rows(&cx.host.db.query(client::by_id(client_id)).await?)?;
    match found {
        Some(client) if client.client_type != CIMD => Ok(()),
        found if !is_allowed(cx, client_id) => found.map_or(Ok(()), |_| Err(Refusal::ClientUnknown.into())),
        Some(client) if is_fresh(cx, &client) => Ok(()),
        None if is_full(cx).await? => Err(Refusal::ClientDocumentUnavailable.into()),
        found => match renew_at_times(cx, client_id, found).await? {
            Ok(_) => Ok(()),
            Err(reason) => {
                tracing::info!(request_id = cx.request_id, client_id, reason, "metadata document refused");
                Err(Refusal::ClientDocumentUnavailable.into())
            }
        },
    }
}

async fn is_full(cx: &Cx) -> Result<bool, Failure> {
    let rows = cx.host.db.query(client::count_unused_cimd()).await?;
    let is_full = rows.first().map_or(Ok(0), |row| row.int("n"))? >= MOST_UNUSED;
    if is_full {
        tracing::warn!(
            request_id = cx.request_id,
            "as many unused clients with a metadata document as may be"
        );
    }
    Ok(is_full)
}

/// The client of a request that it sends itself, from the row that was loaded with it. One that was never part of a
/// sign-in is not looked up.
///
/// # Errors
/// [`Refusal::ClientDocumentUnavailable`]; [`Refusal::ClientDocumentChanged`] if consents ended just now, so that what
/// was loaded with the row no longer holds; or a fault.
pub(super) async fn at_use(
    cx: &Cx,
    client_id: &str,
    found: Option<Client>,
) -> Result<Option<Client>, Failure> {
    let Some(known) = found else { return Ok(None) };
    if !client_id_url::looks_like_one(client_id) || known.client_type != CIMD {
        return Ok(Some(known));
    }
    if !is_allowed(cx, client_id) {
        return Ok(None);
    }
    if is_fresh(cx, &known) {
        return Ok(Some(known));
    }
    match renew_at_times(cx, client_id, Some(known.clone())).await? {
        Ok(Renewed { is_another: true, .. }) => Err(Refusal::ClientDocumentChanged.into()),
        Ok(Renewed { client, .. }) => Ok(Some(client)),
        Err(reason) => {
            tracing::info!(request_id = cx.request_id, client_id, reason, "metadata document refused");
            let still_counts = |c: &Client| c.metadata_expires_at.is_some_and(|at| at.plus(STALE_S) > cx.now);
            if still_counts(&known) {
                Ok(Some(known))
            } else {
                Err(Refusal::ClientDocumentUnavailable.into())
            }
        }
    }
}

fn is_fresh(cx: &Cx, client: &Client) -> bool {
    client.metadata_expires_at.is_some_and(|at| at > cx.now)
}

/// What a fetch led to.
pub(crate) struct Renewed {
    /// The client, as it is stored now.
    pub(crate) client: Client,
    /// Whether consents ended.
    pub(crate) is_another: bool,
}

/// Fetches the document now, for an admin who does not want to wait.
///
/// # Errors
/// `Ok(Err(_))` with the reason in words, or a fault.
pub(crate) async fn refresh(cx: &Cx, client: Client) -> Result<Result<Client, &'static str>, Failure> {
    if client.client_type != CIMD {
        return Ok(Err("is not the address of a metadata document"));
    }
    if !is_allowed(cx, &client.id) {
        return Ok(Err("is not in CIMD_URL_ALLOWLIST"));
    }
    let id = client.id.clone();
    Ok(renew(cx, &id, Some(client)).await?.map(|renewed| renewed.client))
}

/// The same for a request of anybody: only so often in a minute.
async fn renew_at_times(
    cx: &Cx,
    client_id: &str,
    before: Option<Client>,
) -> Result<Result<Renewed, &'static str>, Failure> {
    if !remote::may_ask(&cx.host, cx.now, &format!("client {client_id}")).await? {
        return Ok(Err("the document was asked for a moment ago"));
    }
    renew(cx, client_id, before).await
}

async fn renew(
    cx: &Cx,
    client_id: &str,
    before: Option<Client>,
) -> Result<Result<Renewed, &'static str>, Failure> {
    let (document, lifetime_s) = match fetch(cx, client_id).await {
        Ok(fetched) => fetched,
        Err(reason) => return Ok(Err(reason)),
    };
    let expires_at = cx.now.plus(lifetime_s);
    let mut after = match cimd::client(client_id, &document, before.clone(), cx.now, expires_at) {
        Ok(client) => client,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut errors = Vec::new();
    metadata::check(&mut errors, &after);
    if !errors.is_empty() {
        return Ok(Err("the document holds a malformed address or text"));
    }
    let is_another = before.as_ref().is_some_and(|before| cimd::is_another(before, &after));
    let mut stmts = match before {
        None => vec![after.insert(None, cx.now)],
        Some(_) => vec![after.update_own_words(cx.now)],
    };
    stmts.extend(origin::replace(&after));
    if is_another {
        stmts.extend(consent::end_all_of_client(client_id, cx.now));
        stmts.push(client::ask_people(client_id));
        after.skip_consent = false;
        tracing::info!(request_id = cx.request_id, client_id, "metadata document changed, consents ended");
    }
    match save(&*cx.host.db, stmts).await {
        Ok(()) => Ok(Ok(Renewed { client: after, is_another })),
        // Another request was first, with the same document.
        Err(DbError::Unique(_)) => Ok(Ok(Renewed { client: after, is_another: false })),
        Err(DbError::Lost) => Ok(Err("the client was removed meanwhile")),
        Err(error) => Err(error.into()),
    }
}

/// The document and for how many seconds it counts.
async fn fetch(cx: &Cx, client_id: &str) -> Result<(Map<String, Value>, i64), &'static str> {
    let request =
        remote::get(client_id, PrivateAddresses::Refuse).map_err(|_| "the address is not allowed")?;
    let answer = cx.host.fetch.send(request, FETCH).await.map_err(|_| "the document could not be fetched")?;
    if answer.status() != StatusCode::OK {
        return Err("the address does not answer with 200");
    }
    if !is_json(answer.headers()) {
        return Err("the answer is not application/json");
    }
    if remote::is_no_store(answer.headers()) {
        return Err("the document must not be marked no-store");
    }
    let document = json::parse_object(answer.body()).map_err(|_| "the document is not a JSON object")?;
    let seconds = remote::max_age(answer.headers()).unwrap_or(FRESH_S);
    Ok((document, seconds.clamp(FRESH_AT_LEAST_S, FRESH_AT_MOST_S)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let media_type = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}
