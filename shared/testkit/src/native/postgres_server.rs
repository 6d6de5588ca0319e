//! A Postgres of our own for tests.

use super::TempDir;
use super::temp_dir::unique_name;
use shared::db::Stmt;
use shared::ports::Db;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A server with fresh databases. It is the one that `TEST_POSTGRES_URL` names (a URL without a database, as in
/// `postgres://postgres@127.0.0.1:5432`), or else a cluster of its own, which is stopped and removed on drop.
pub struct PostgresServer {
    url: String,
    /// Held until the end, never asked.
    _cluster: Option<Cluster>,
}

struct Cluster {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
}

static RUNNING: Mutex<Weak<PostgresServer>> = Mutex::new(Weak::new());

impl PostgresServer {
    /// The server that other tests of this process are using, or a new one if there is none.
    ///
    /// # Errors
    /// As [`PostgresServer::start`].
    pub fn shared() -> Result<Arc<Self>, String> {
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start()?);
        *running = Arc::downgrade(&server);
        Ok(server)
    }

    /// Starts or finds the server.
    ///
    /// # Errors
    /// What is missing or went wrong. Tests are to fail then, not to be skipped.
    pub fn start() -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "test support; no setting of the program")]
        let given = std::env::var("TEST_POSTGRES_URL").ok().filter(|url| !url.is_empty());
        if let Some(url) = given {
            return Ok(Self { url: url.trim_end_matches('/').to_owned(), _cluster: None });
        }
        let cluster = Cluster::start()?;
        Ok(Self { url: format!("postgres://postgres@127.0.0.1:{}", cluster.port), _cluster: Some(cluster) })
    }

    /// URL of the server, without a database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes an empty database and returns its URL.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn database(&self) -> Result<String, String> {
        let name = unique_name();
        let admin = format!("{}/postgres", self.url);
        // Statements are constants everywhere else; a test run can afford to leak a few.
        let create: &'static str = Box::leak(format!("CREATE DATABASE {name}").into_boxed_str());
        native_db::Postgres::open(&admin, 1)
            .map_err(|e| e.to_string())?
            .batch(vec![Stmt::new(create)])
            .await
            .map_err(|e| format!("cannot make a database on the test server: {e}"))?;
        Ok(format!("{}/{name}", self.url))
    }
}

impl Cluster {
    fn start() -> Result<Self, String> {
        let bin = binaries().ok_or("no Postgres found: install it (initdb) or set TEST_POSTGRES_URL")?;
        let folder = TempDir::new().map_err(|e| e.to_string())?;
        let port = TcpListener::bind(("127.0.0.1", 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|e| e.to_string())?
            .port();
        let cluster = Self { bin, folder, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()))?;
        }
        cluster.postgres(
            "initdb",
            &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--no-locale"],
        )?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off \
             -c max_connections=300"
        );
        let log = cluster.folder.path().join("log");
        cluster.postgres("pg_ctl", &["-w", "-l", &log.to_string_lossy(), "-o", &options, "start"])?;
        Ok(cluster)
    }

    /// Runs a program of Postgres on the cluster; not as root, which Postgres refuses.
    fn postgres(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.current_dir(self.folder.path()).arg("-D").arg(self.folder.path().join("data")).args(args))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The folder is removed next; a server that did not stop ends by itself without it.
        drop(self.postgres("pg_ctl", &["-m", "immediate", "stop"]));
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    // No pipes: the server inherits them, and whoever reads to their end would wait for ever.
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| format!("{command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}

/// The folder of the newest installed version.
fn binaries() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|v| v.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    folders.reverse();
    folders.push("/usr/bin".into());
    folders.push("/usr/local/bin".into());
    folders.push("/opt/homebrew/bin".into());
    folders.into_iter().find(|folder| folder.join("initdb").exists())
}

fn is_root() -> bool {
    #[cfg(unix)]
    return fs::metadata(Path::new("/proc/self")).is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    #[cfg(not(unix))]
    return false;
}
