//! `latchkey healthcheck`: for container runtimes and monitors.

use crate::config::{Complaints, Environment};
use crate::fetch::Outgoing;
use bytes::Bytes;
use shared::ports::{FetchPolicy, HttpFetch, PrivateAddresses};
use shared::settings::SETTINGS;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

const POLICY: FetchPolicy =
    FetchPolicy { timeout_ms: 5000, max_bytes: 1024, private: PrivateAddresses::AllowConfigured };

/// Asks `/healthz` of `endpoint`, by default of the server that the settings describe.
///
/// # Errors
/// Why the server does not count as well.
pub(crate) async fn run(endpoint: Option<String>) -> Result<(), Complaints> {
    let endpoint = match endpoint {
        Some(endpoint) => endpoint,
        None => own_endpoint(&Environment::of_process(Path::new("."))?)?,
    };
    let address = format!("{}/healthz", endpoint.trim_end_matches('/'));
    let request = http::Request::get(&address)
        .body(Bytes::new())
        .map_err(|_| vec![format!("{endpoint:?} is no address")])?;
    let fetch = Outgoing::new().map_err(|e| vec![e.to_string()])?;
    match fetch.send(request, POLICY).await {
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(vec![format!("{address} answered {}", answer.status())]),
        Err(e) => Err(vec![format!("{address}: {e}")]),
    }
}

/// Where a server with these settings listens, seen from this machine.
fn own_endpoint(env: &Environment) -> Result<String, Complaints> {
    let value = |name: &str| {
        let default = SETTINGS.iter().find(|s| s.name == name).map_or("", |s| s.default);
        env.get(name).unwrap_or(default).trim().to_owned()
    };
    let (host, port) = (value("HOST"), value("PORT"));
    match (host.parse::<IpAddr>(), port.parse::<u16>()) {
        (Ok(ip), Ok(port)) if ip.is_unspecified() => Ok(format!("http://localhost:{port}")),
        (Ok(ip), Ok(port)) => Ok(format!("http://{}", SocketAddr::new(ip, port))),
        _ => Err(vec![format!("HOST is {host:?} and PORT is {port:?}: nothing can listen there")]),
    }
}
