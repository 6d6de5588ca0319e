//! OAuth 2.0 (RFC 6749, 6750, 7636, 8252, 9101, 9207, 9449, 9700; JARM).

pub mod client_auth;
pub mod client_id_url;
pub mod client_metadata;
pub mod dpop;
pub mod error;
pub mod jarm;
pub mod pkce;
pub mod prompt;
pub mod request_object;
pub mod response_mode;
pub mod scope;
pub mod token_exchange;
pub mod user_code;

pub use client_auth::ClientCredentials;
pub use client_metadata::ClientMetadata;
pub use error::ErrorCode;
pub use response_mode::ResponseMode;
pub use scope::Scope;
pub use user_code::UserCode;
