//! Latchkey, native: the whole provider as one binary with SQLite, Postgres or libSQL.
#![expect(clippy::print_stdout, reason = "a command line program answers on stdout")]

mod after;
mod assets;
mod blob_fs;
mod clock;
mod config;
mod fetch;
mod host;
mod keys_awslc;
mod limit_memory;
mod log;
mod mail;
mod rng;
#[cfg(test)]
mod scratch;
mod serve;
mod settings_table;
mod store;
fn main() {}
