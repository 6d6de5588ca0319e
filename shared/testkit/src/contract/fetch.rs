//! Outgoing HTTP.

use super::{Outcome, Report, same};
use bytes::Bytes;
use http::{Method, Request, Response};
use shared::ports::{FetchError, FetchPolicy, HttpFetch, PrivateAddresses};
use std::sync::Arc;

/// Runs the suite. `base` is the URL of a [`FetchTarget`](crate::FetchTarget) (or a server that answers alike), which
/// lies on a private address.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn fetch(fetch: Arc<dyn HttpFetch>, base: &str) -> Result<Report, String> {
    let mut report = Report::new("fetch");
    report.add("s50_private_addresses_are_refused", private(&*fetch, base).await);
    report.add("s50_other_schemes_are_refused", schemes(&*fetch).await);
    report.add("request_and_response_arrive", round_trip(&*fetch, base).await);
    report.add("s50_redirects_are_not_followed", redirect(&*fetch, base).await);
    report.add("s50_size_is_bounded", size(&*fetch, base).await);
    report.add("s50_time_is_bounded", time(&*fetch, base).await);
    report.verdict()
}

const POLICY: FetchPolicy =
    FetchPolicy { timeout_ms: 5_000, max_bytes: 1_000, private: PrivateAddresses::AllowConfigured };

async fn get(fetch: &dyn HttpFetch, url: &str, policy: FetchPolicy) -> Result<Response<Bytes>, FetchError> {
    let request = Request::get(url).body(Bytes::new()).map_err(|_| FetchError::Unreachable)?;
    fetch.send(request, policy).await
}

async fn private(fetch: &dyn HttpFetch, base: &str) -> Outcome {
    let policy = FetchPolicy { private: PrivateAddresses::Refuse, ..POLICY };
    for url in [
        base,
        "http://127.0.0.1/",
        "http://127.1.2.3:8080/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
    ] {
        same(url, get(fetch, url, policy).await.err(), Some(FetchError::Refused))?;
    }
    Ok(())
}

async fn schemes(fetch: &dyn HttpFetch) -> Outcome {
    for url in ["ftp://example.com/", "file:///etc/passwd", "gopher://example.com/"] {
        let Ok(request) = Request::get(url).body(Bytes::new()) else { continue };
        same(url, fetch.send(request, POLICY).await.err(), Some(FetchError::Refused))?;
    }
    Ok(())
}

async fn round_trip(fetch: &dyn HttpFetch, base: &str) -> Outcome {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{base}/echo?a=b%20c"))
        .header("x-echo", "kept")
        .body(Bytes::from_static(b"sent"))
        .map_err(super::unexpected)?;
    let response = fetch.send(request, POLICY).await.map_err(super::unexpected)?;
    same("status", response.status().as_u16(), 200)?;
    same("field", response.headers().get("x-echo").map(|v| v.as_bytes().to_vec()), Some(b"kept".to_vec()))?;
    same("body", response.into_body(), Bytes::from_static(b"POST /echo?a=b%20c sent"))?;
    let missing = get(fetch, &format!("{base}/missing"), POLICY).await.map_err(super::unexpected)?;
    same("an error status is a response", missing.status().as_u16(), 404)
}

async fn redirect(fetch: &dyn HttpFetch, base: &str) -> Outcome {
    let response = get(fetch, &format!("{base}/redirect"), POLICY).await.map_err(super::unexpected)?;
    same("status", response.status().as_u16(), 302)
}

async fn size(fetch: &dyn HttpFetch, base: &str) -> Outcome {
    let fits = get(fetch, &format!("{base}/bytes/1000"), POLICY).await.map_err(super::unexpected)?;
    same("fits", fits.body().len(), 1_000)?;
    let large = get(fetch, &format!("{base}/bytes/1001"), POLICY).await;
    same("too large", large.err(), Some(FetchError::TooLarge))
}

async fn time(fetch: &dyn HttpFetch, base: &str) -> Outcome {
    let policy = FetchPolicy { timeout_ms: 200, ..POLICY };
    let slow = get(fetch, &format!("{base}/never"), policy).await;
    same("slow", slow.err(), Some(FetchError::Timeout))
}
