//! The JSON API, one folder or file per resource.

pub mod api_access;
pub mod apis;
pub mod authorized_clients;
pub mod clients;
pub mod device;
pub mod error;
pub mod initial_access_tokens;
pub mod json;
#[cfg(test)]
mod openapi;
pub mod paging;
pub mod sessions;
pub mod signing_keys;
pub mod users;
