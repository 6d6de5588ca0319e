//! Words and rules of the specifications Latchkey speaks: OAuth 2.0, OpenID Connect, JOSE and WebAuthn.
//!
//! Nothing here does I/O, reads a clock or draws randomness: every function takes what it needs and returns
//! what it decided. Time arrives as [`time::UnixTime`], randomness as bytes, keys as values.
// The test of the discovery document is one large JSON literal.
#![cfg_attr(test, recursion_limit = "256")]

pub mod b64;
pub mod cookie;
pub mod form;
pub mod hash;
pub mod id;
pub mod jose;
pub mod json;
pub mod oauth;
pub mod oidc;
pub mod secret;
pub mod time;
pub mod uri;
pub mod webauthn;
