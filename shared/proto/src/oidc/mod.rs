//! OpenID Connect Core 1.0 and Discovery 1.0, and the JWT access tokens of RFC 9068.

pub mod access_token;
pub mod acr;
pub mod claims;
pub mod claims_request;
pub mod discovery;
pub mod id_token;
pub mod logout_token;
pub mod subject;
pub mod userinfo;

pub use access_token::AccessToken;
pub use acr::Acr;
pub use claims::Person;
pub use claims_request::ClaimsRequest;
pub use discovery::Discovery;
pub use id_token::IdToken;
pub use logout_token::LogoutToken;
