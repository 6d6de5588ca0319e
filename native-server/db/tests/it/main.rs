//! The adapters against the port's contract, and what each does beyond it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "also helpers of tests may fail the test")]

mod postgres;
mod schema;
mod sqlite;
