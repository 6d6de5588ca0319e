//! Which database `DB_CONNECTION_STRING` names, and opening it.

use native_db::{Postgres, Sqlite};
use proto::secret::Secret;
use shared::db::Hrana;
use shared::db::migrate::Migrate;
use shared::ports::{DbError, HttpFetch};
use shared::settings::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections to Postgres at a time.
const POSTGRES_CONNECTIONS: usize = 16;

/// Opens the database of the settings. `fetch` carries the requests to a libSQL server.
///
/// # Errors
/// [`DbError`] if it cannot be opened. Servers are not asked yet.
pub(crate) fn open(settings: &Settings, fetch: Arc<dyn HttpFetch>) -> Result<Arc<dyn Migrate>, DbError> {
    let connection = Connection::parse(settings.db_connection_string.expose());
    Ok(match connection {
        Connection::Postgres(url) => Arc::new(Postgres::open(url, POSTGRES_CONNECTIONS)?),
        Connection::Libsql(url) => {
            let token = settings.db_auth_token.expose();
            let token = (!token.is_empty()).then(|| Secret::new(token.to_owned()));
            Arc::new(Hrana::new(fetch, url, token)?)
        }
        Connection::Sqlite(_) if connection.file().is_none() => Arc::new(Sqlite::open_in_memory()?),
        Connection::Sqlite(path) => Arc::new(Sqlite::open(path)?),
    })
}

/// A connection string, by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection<'a> {
    /// A SQLite file, as a path or a `file:` URI.
    Sqlite(&'a str),
    /// A Postgres server.
    Postgres(&'a str),
    /// A libSQL server.
    Libsql(&'a str),
}

impl<'a> Connection<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let begins = |schemes: &[&str]| schemes.iter().any(|s| text.starts_with(s));
        if begins(&["postgres://", "postgresql://"]) {
            Self::Postgres(text)
        } else if begins(&["libsql://", "https://", "http://"]) {
            Self::Libsql(text)
        } else {
            Self::Sqlite(text)
        }
    }

    /// The database file, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(":memory:") | Self::Postgres(_) | Self::Libsql(_) => None,
            Self::Sqlite(text) => {
                let path = text.strip_prefix("file:").unwrap_or(text);
                let path = path.strip_prefix("//").unwrap_or(path);
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
            }
        }
    }

    /// The data folder: where the database file lies, else `data`.
    pub(crate) fn folder(&self) -> PathBuf {
        self.file().as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("data"), Path::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_by_form() {
        for (text, file) in [
            ("data/latchkey.db", Some("data/latchkey.db")),
            ("/var/lib/latchkey/a.db", Some("/var/lib/latchkey/a.db")),
            ("file:data/a.db?mode=rwc", Some("data/a.db")),
            ("file:///srv/a.db", Some("/srv/a.db")),
            (":memory:", None),
            ("file::memory:", None),
        ] {
            assert_eq!(Connection::parse(text), Connection::Sqlite(text));
            assert_eq!(Connection::parse(text).file(), file.map(PathBuf::from), "{text}");
        }
        for text in ["postgres://u@h/d", "postgresql://u@h/d"] {
            assert_eq!(Connection::parse(text), Connection::Postgres(text));
        }
        for text in ["libsql://h", "https://h", "http://127.0.0.1:8080"] {
            assert_eq!(Connection::parse(text), Connection::Libsql(text));
        }
        assert_eq!(Connection::parse("postgres://u@h/d").folder(), PathBuf::from("data"));
        assert_eq!(Connection::parse("a.db").folder(), PathBuf::from(""));
    }
}
