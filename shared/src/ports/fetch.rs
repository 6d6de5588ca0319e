//! Requests the server makes itself. Every one goes through this port, which guards against SSRF
//! (`docs/SPECS.md`, security line 50).

use async_trait::async_trait;
use bytes::Bytes;

/// Whether a request may reach loopback, private, link-local, CGNAT and similar addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateAddresses {
    /// Refuse them: the target comes from outside.
    Refuse,
    /// Allow them: the operator named the target in the configuration.
    AllowConfigured,
}

/// Bounds of one outgoing request. Redirects are never followed.
#[derive(Debug, Clone, Copy)]
pub struct FetchPolicy {
    /// Time for the whole exchange, in milliseconds.
    pub timeout_ms: u32,
    /// Largest response body taken, in bytes.
    pub max_bytes: usize,
    /// See [`PrivateAddresses`].
    pub private: PrivateAddresses,
}

/// Why no response came. The texts name no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The scheme, port or address is not allowed.
    #[error("target not allowed")]
    Refused,
    /// No answer in time.
    #[error("timed out")]
    Timeout,
    /// The body is larger than the policy allows.
    #[error("answer too large")]
    TooLarge,
    /// Name, connection, TLS or protocol failure.
    #[error("could not be reached")]
    Unreachable,
}

/// The outgoing HTTP client.
#[async_trait]
pub trait HttpFetch: Send + Sync {
    /// Sends the request within the policy.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn send(
        &self,
        request: http::Request<Bytes>,
        policy: FetchPolicy,
    ) -> Result<http::Response<Bytes>, FetchError>;
}
