//! Test support that needs a native host.

mod fetch_target;
mod hrana_server;
mod postgres_server;
mod temp_dir;
mod world;

pub use fetch_target::FetchTarget;
pub use hrana_server::HranaServer;
pub use postgres_server::PostgresServer;
pub use temp_dir::TempDir;
pub use world::{Browser, World};
