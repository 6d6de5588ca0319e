//! Signing in with a passkey, and what a signed-in person does to it: shells over `proto::webauthn`.

pub mod account;
pub mod accounts;
pub mod begin;
pub mod ceremony;
mod new_account;
pub mod setup;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
