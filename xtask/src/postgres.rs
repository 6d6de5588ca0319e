//! A Postgres of our own: one cluster in a temporary folder on a free port, gone at the end.

use crate::{debian, tools};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Variable by which the tests find the server.
pub(crate) const URL_VARIABLE: &str = "TEST_POSTGRES_URL";

/// Whether commits wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As a server is run: for measurements.
    Full,
    /// None: for tests.
    None,
}

/// A running server. Dropping it stops it and removes its files.
pub(crate) struct Cluster {
    folder: PathBuf,
    /// `postgres://user@host:port` of a superuser without a password, on this machine only. It names no database: each
    /// test makes its own.
    pub(crate) url: String,
}

impl Cluster {
    /// Makes and starts a cluster.
    ///
    /// # Errors
    /// A sentence that says what failed.
    pub(crate) fn start(durability: Durability) -> Result<Self, String> {
        debian::ensure(debian::POSTGRES)?;
        let port = free_port()?;
        let folder = std::env::temp_dir().join(format!("latchkey-postgres-{port}"));
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        if debian::is_root() {
            tools::run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let cluster = Self { url: format!("postgres://postgres@127.0.0.1:{port}"), folder };
        cluster.command(
            "initdb",
            &["-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        )?;
        let careless = match durability {
            Durability::Full => "",
            Durability::None => " -c fsync=off -c synchronous_commit=off -c full_page_writes=off",
        };
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300{careless}"
        );
        let log = cluster.folder.join("log");
        cluster.command("pg_ctl", &["start", "-w", "-s", "-l", &log.to_string_lossy(), "-o", &options])?;
        Ok(cluster)
    }

    /// Runs one of Postgres' programs on the cluster; root becomes the user `postgres` for it, as servers demand.
    fn command(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let path = debian::find(program).unwrap_or_else(|| PathBuf::from(program));
        let mut command = if debian::is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.args(args).arg("-D").arg(self.data()).current_dir(&self.folder).stdout(Stdio::null());
        tools::run(&mut command)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            let _ = self.command("pg_ctl", &["stop", "-s", "-m", "immediate"]);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    listener.local_addr().map(|a| a.port()).map_err(|e| format!("no free port: {e}"))
}
