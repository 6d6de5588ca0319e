//! Answers of a libSQL server, and what proxies say about visitors. The first byte says what the rest is.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue};
use shared::db::{Hrana, Stmt};
use shared::http::peer;
use shared::ports::{Db, FetchError, FetchPolicy, HttpFetch};
use shared::settings::{AppUrl, TrustProxy};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A server that always answers the same.
struct Answers(Bytes);

#[async_trait]
impl HttpFetch for Answers {
    async fn send(&self, _: http::Request<Bytes>, _: FetchPolicy) -> Result<http::Response<Bytes>, FetchError> {
        Ok(http::Response::new(self.0.clone()))
    }
}

/// Rules: no panic; every statement has an answer or the batch is an error; a visitor without a trusted proxy is who
/// connects; an address of our own, written, is read again as the same.
pub fn remote(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 3 {
        0 => {
            let db = Hrana::new(Arc::new(Answers(Bytes::copy_from_slice(rest))), "https://db.example", None).unwrap();
            let done = db.batch(vec![Stmt::new("SELECT 1"), Stmt::new("SELECT 2")]).now_or_never();
            if let Some(Ok(rows)) = done {
                assert_eq!(rows.len(), 2);
            }
        }
        1 => {
            let mut headers = HeaderMap::new();
            for line in rest.split(|b| *b == b'\n') {
                if let Ok(value) = HeaderValue::from_bytes(line) {
                    headers.append("x-forwarded-for", value);
                }
            }
            let socket = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert_eq!(peer::client_ip(socket, &headers, &TrustProxy::Nobody), socket);
            let loopback = TrustProxy::Ranges(vec![(IpAddr::V4(Ipv4Addr::LOCALHOST), 8)]);
            for trust in [TrustProxy::Everybody, loopback] {
                let _ = peer::client_ip(socket, &headers, &trust).map(peer::fold).unwrap();
            }
        }
        _ => {
            if let Some(url) = std::str::from_utf8(rest).ok().and_then(AppUrl::parse) {
                assert_eq!(AppUrl::parse(url.as_str()), Some(url));
            }
        }
    }
}
