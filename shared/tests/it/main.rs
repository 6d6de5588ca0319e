//! Requests against a whole host of fakes: what each endpoint answers, and what it leaves in the database.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests stop the test"
)]

mod authorize;
mod interaction;
mod prompts;
mod refresh;
mod routes;
mod setup;
mod stage;
mod token;
