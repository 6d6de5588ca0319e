//! The core of Latchkey: everything a host needs and nothing a host is.
//!
//! A request is served by *loading* the facts it needs in one database batch, *deciding* with pure functions,
//! and *saving* the effects in one atomic batch. See `docs/ARCHITECTURE.md`.

pub mod db;
pub mod host;
pub mod http;
pub mod pages;
pub mod outbound;
pub mod ports;
pub mod settings;
