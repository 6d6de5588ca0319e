//! Where the database lives and how a connection is set up.

use super::execute::db_error;
use rusqlite::{Connection, OpenFlags};
use shared::ports::DbError;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the database lives.
pub(super) enum Place {
    Memory,
    File(PathBuf),
}

impl Place {
    /// The file named by a path or `file:` URI; it and its folders exist afterwards.
    pub(super) fn file(path: &str) -> Result<Self, DbError> {
        let path = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path);
        let path = path.split('?').next().unwrap_or_default();
        if path.is_empty() {
            return Err(DbError::Unavailable("no path of a database file".to_owned()));
        }
        let path = PathBuf::from(path);
        create_private(&path).map_err(|e| DbError::Unavailable(format!("{}: {e}", path.display())))?;
        Ok(Self::File(path))
    }

    /// The connection that writes.
    pub(super) fn open_writer(&self) -> Result<Connection, DbError> {
        let connection = match self {
            Self::Memory => Connection::open_in_memory(),
            Self::File(path) => Connection::open_with_flags(
                path,
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            ),
        }
        .map_err(|e| db_error(&e))?;
        prepare(
            &connection,
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
        )?;
        Ok(connection)
    }

    /// A connection that cannot write.
    pub(super) fn open_reader(&self) -> Result<Connection, DbError> {
        let Self::File(path) = self else { return self.open_writer() };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| db_error(&e))?;
        prepare(&connection, "")?;
        Ok(connection)
    }
}

/// Copies a database that may be in use to a new file.
pub(super) fn copy(source: &Path, target: &Path) -> Result<(), DbError> {
    let text = target.to_str().ok_or_else(|| DbError::Other("path is not UTF-8".to_owned()))?;
    // VACUUM INTO fills an empty file and refuses any other, so the mode is ours from the start.
    create_private(target).map_err(|e| DbError::Unavailable(format!("{}: {e}", target.display())))?;
    let connection = Place::File(source.to_owned()).open_reader()?;
    connection.execute("VACUUM INTO ?1", [text]).map(drop).map_err(|e| db_error(&e))
}

fn prepare(connection: &Connection, pragmas: &str) -> Result<(), DbError> {
    connection.busy_timeout(Duration::from_secs(5)).map_err(|e| db_error(&e))?;
    connection.execute_batch(pragmas).map_err(|e| db_error(&e))?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// Makes the file and its folders if they are absent, for the owner only.
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty() && !f.exists()) {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}
