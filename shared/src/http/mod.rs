//! The HTTP seam: requests and responses as values, the one route table, and what guards it.

pub mod peer;
mod types;

pub use types::{Cx, Peer, Req, Resp};

use crate::host::Host;
use std::sync::Arc;

/// Builds the router of a host from the route table. The host puts a [`Peer`] into each request's extensions.
#[must_use]
pub fn router(_host: Arc<Host>) -> axum::Router {
    axum::Router::new()
}
