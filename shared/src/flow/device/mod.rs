//! The device authorization grant (RFC 8628): where a device begins, and where a person decides.

pub mod authorization;
pub mod page;
pub mod verification;
