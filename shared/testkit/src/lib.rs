//! Test kit.

pub mod authenticator;
