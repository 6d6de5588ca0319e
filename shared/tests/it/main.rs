//! Requests against a whole host of fakes: what each endpoint answers, and what it leaves in the database.

// The discovery document is one large JSON literal.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test"
)]

mod accounts;
mod acr;
mod apis;
mod assertions;
mod authorize;
mod authorized_clients;
mod backchannel_logout;
mod cimd;
mod claims;
mod client_credentials;
mod clients_api;
mod device;
mod dpop;
mod end_session;
mod frontchannel_logout;
mod garbage;
mod hosts;
mod interaction;
mod introspection;
mod jarm;
mod keys;
mod limits;
mod logs;
mod meanwhile;
mod metadata;
mod pairwise;
mod par;
mod passkeys;
mod prompts;
mod refresh;
mod registration;
mod remote;
mod request_object;
mod revocation;
mod round_trips;
mod routes;
mod sessions;
mod setup;
mod sign_in;
mod sign_up;
mod stage;
mod token;
mod token_exchange;
mod userinfo;
