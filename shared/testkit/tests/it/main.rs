//! The fakes against the contracts of their ports.
#![expect(clippy::unwrap_used, reason = "also helpers of tests may fail the test")]

mod fakes;
mod hrana;
mod world;
