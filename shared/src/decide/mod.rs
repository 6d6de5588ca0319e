//! Rules: pure functions from a request and facts to a decision. No I/O, no clock, no randomness.

pub mod account_fields;
pub mod acr;
pub mod authorize;
pub mod cimd;
pub mod claims;
pub mod client_assertion;
pub mod client_auth;
pub mod code;
pub mod device;
pub mod introspection;
pub mod logout;
pub mod prompt;
pub mod refresh;
pub mod registration;
pub mod request_source;
pub mod resource;
pub mod session;
pub mod token_exchange;
