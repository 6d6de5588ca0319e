//! The `Db` port on SQLite and Postgres.

mod postgres;
mod sqlite;

pub use postgres::Postgres;
pub use sqlite::Sqlite;
