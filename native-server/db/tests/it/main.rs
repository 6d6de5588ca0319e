//! The adapters against the port's contract, and what each does beyond it.

mod postgres;
mod schema;
mod sqlite;
