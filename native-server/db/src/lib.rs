//! The Db port on SQLite and Postgres.
