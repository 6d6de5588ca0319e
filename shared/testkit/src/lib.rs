//! Test kit.

pub mod authenticator;
//! Fakes of the ports and suites that hold every adapter to its port. Development only.

pub mod contract;
#[cfg(feature = "native")]
mod native;

#[cfg(feature = "native")]
pub use native::{PostgresServer, TempDir};
