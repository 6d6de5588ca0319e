//! The core of Latchkey: everything a host needs and nothing a host is.
//!
//! A request is served by *loading* the facts it needs in one database batch, *deciding* with pure functions,
//! and *saving* the effects in one atomic batch. See `docs/ARCHITECTURE.md`.

pub mod api;
pub mod db;
pub mod decide;
pub mod failure;
pub mod flow;
pub mod host;
pub mod http;
pub mod jobs;
pub mod keyring;
pub mod log;
pub mod login;
pub mod outbound;
pub mod pages;
pub mod ports;
pub mod refusal;
pub mod settings;
pub mod store;
pub mod subject;
pub mod text;
