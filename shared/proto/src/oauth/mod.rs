//! OAuth 2.0 (RFC 6749, 6750, 7636, 8252, 9207, 9700).

pub mod error;

pub use error::ErrorCode;
