//! Requests against a whole host of fakes: what each endpoint answers, and what it leaves in the database.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test"
)]

mod acr;
mod apis;
mod assertions;
mod authorize;
mod cimd;
mod claims;
mod clients_api;
mod end_session;
mod garbage;
mod hosts;
mod interaction;
mod introspection;
mod keys;
mod limits;
mod logs;
mod meanwhile;
mod metadata;
mod pairwise;
mod passkeys;
mod prompts;
mod refresh;
mod remote;
mod revocation;
mod round_trips;
mod routes;
mod sessions;
mod setup;
mod sign_in;
mod sign_up;
mod stage;
mod token;
mod userinfo;
