//! Test support that needs a native host.

mod postgres_server;
mod temp_dir;

pub use postgres_server::PostgresServer;
pub use temp_dir::TempDir;
