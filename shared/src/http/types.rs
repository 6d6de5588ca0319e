//! Requests and responses as handlers see them.

use crate::host::Host;
use crate::store::session::Who;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use proto::time::UnixTime;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Facts about the other end of the connection, filled in by the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Address of the visitor, after forwarding headers of trusted proxies.
    pub ip: Option<IpAddr>,
    /// English country name, if the host knows.
    pub country: Option<String>,
    /// English city name, if the host knows.
    pub city: Option<String>,
}

/// A request whose body has been read within the route's limit.
#[derive(Debug, Clone)]
pub struct Req {
    /// Method.
    pub method: Method,
    /// Request target.
    pub uri: Uri,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Path parameters, percent-decoded.
    pub params: BTreeMap<String, String>,
}

impl Req {
    /// A header field as text; `None` if it is absent or not visible ASCII.
    #[must_use]
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// A path parameter; empty if the route has none of the name.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The `User-Agent`, cut to what is worth storing.
    #[must_use]
    pub fn user_agent(&self) -> String {
        self.header(http::header::USER_AGENT).unwrap_or("").chars().take(300).collect()
    }
}

/// A response.
pub type Resp = http::Response<Bytes>;

/// What belongs to one request: the host, the one instant, and who is asking.
#[derive(Clone)]
pub struct Cx {
    /// The host.
    pub host: Arc<Host>,
    /// The instant of this request; every rule uses this one.
    pub now: UnixTime,
    /// Random id of this request, also in `X-Request-ID`.
    pub request_id: String,
    /// The other end.
    pub peer: Peer,
    /// The signed-in person, on routes whose `auth` column asks for one.
    pub who: Option<Who>,
}

impl Cx {
    /// The issuer: the address of this installation.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.host.settings.app_url.as_str()
    }
}
