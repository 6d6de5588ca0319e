//! Applying `migrations/*.sql`. The record of what was applied is the table `d1_migrations` on every store, as
//! wrangler keeps it, so that an export of D1 opens natively and back.

use super::Stmt;
use crate::ports::{Db, DbError};
use async_trait::async_trait;

/// One file of `migrations/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// File name, as recorded.
    pub name: &'static str,
    /// Text of the file.
    pub sql: &'static str,
}

/// Every migration, in order.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_init.sql", sql: include_str!("../../../migrations/0001_init.sql") }];

/// The table of applied migrations in the words of SQLite, D1 and libSQL.
pub const SQLITE_RECORD: &str = "CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)";

impl Migration {
    /// The statements of the file, without their `;` and the comments before them: by the rule of
    /// `migrations/README.md` a statement ends with `;` at the end of a line.
    #[must_use]
    pub fn statements(&self) -> Vec<&'static str> {
        self.sql
            .split_inclusive(";\n")
            .map(without_leading_comments)
            .map(|block| block.trim_end().trim_end_matches(';'))
            .filter(|block| !block.is_empty())
            .collect()
    }
}

/// A database that migrations can be applied to.
#[async_trait]
pub trait Migrate: Db {
    /// Creates the table `d1_migrations` if it is absent.
    ///
    /// # Errors
    /// [`DbError`].
    async fn create_record(&self) -> Result<(), DbError>;

    /// Called before a migration of a database that holds data already, with the name of the migration.
    /// Stores that are a file keep a copy of it.
    ///
    /// # Errors
    /// [`DbError`]; the migration is then not tried.
    async fn keep_copy(&self, name: &str) -> Result<(), DbError> {
        let _ = name;
        Ok(())
    }

    /// Applies a migration and records it, both or neither. If another node records it first, nothing is applied
    /// and the error is [`DbError::Unique`].
    ///
    /// # Errors
    /// [`DbError`].
    async fn apply(&self, migration: &Migration) -> Result<(), DbError> {
        // The record goes first: its UNIQUE name is what only one of several nodes can take.
        let record = Stmt::new("INSERT INTO d1_migrations (name) VALUES (?1)").bind(migration.name);
        let statements = migration.statements().into_iter().map(Stmt::new);
        self.batch(std::iter::once(record).chain(statements).collect()).await.map(drop)
    }
}

/// Applies what is missing and returns the names of what this call applied. Safe to run on several nodes at once:
/// each migration is applied by exactly one of them.
///
/// # Errors
/// [`DbError`] of the first migration that failed; those before it stay applied.
pub async fn migrate(db: &dyn Migrate, migrations: &[Migration]) -> Result<Vec<&'static str>, DbError> {
    db.create_record().await?;
    let mut applied = Vec::new();
    for migration in missing(db, migrations).await? {
        if !recorded(db).await?.is_empty() {
            db.keep_copy(migration.name).await?;
        }
        match db.apply(&migration).await {
            Ok(()) => applied.push(migration.name),
            Err(e) => {
                // Another node may have been first; then the name is there now.
                if !recorded(db).await?.iter().any(|name| name == migration.name) {
                    return Err(e);
                }
            }
        }
    }
    Ok(applied)
}

/// Names of the migrations that are not applied yet; all of them on an empty database.
///
/// # Errors
/// [`DbError`] if the database cannot be reached.
pub async fn pending(db: &dyn Migrate, migrations: &[Migration]) -> Result<Vec<&'static str>, DbError> {
    db.create_record().await?;
    Ok(missing(db, migrations).await?.into_iter().map(|m| m.name).collect())
}

async fn missing(db: &dyn Migrate, migrations: &[Migration]) -> Result<Vec<Migration>, DbError> {
    let recorded = recorded(db).await?;
    Ok(migrations.iter().filter(|m| !recorded.iter().any(|name| name == m.name)).copied().collect())
}

async fn recorded(db: &dyn Migrate) -> Result<Vec<String>, DbError> {
    let mut results = db.batch(vec![Stmt::new("SELECT name FROM d1_migrations ORDER BY id")]).await?;
    results.pop().unwrap_or_default().iter().map(|row| row.text("name")).collect()
}

fn without_leading_comments(block: &'static str) -> &'static str {
    let mut rest = block.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_semicolons_that_end_a_line() {
        let m = Migration {
            name: "x",
            sql: "-- one; two\n-- more;\n\nCREATE TABLE a (\n  b TEXT -- why; really\n);\n\nCREATE INDEX c ON a (b);\n-- end\n",
        };
        assert_eq!(
            m.statements(),
            ["CREATE TABLE a (\n  b TEXT -- why; really\n)", "CREATE INDEX c ON a (b)"]
        );
    }

    #[test]
    fn every_file_is_listed_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".sql"))
            .collect();
        files.sort();
        assert_eq!(MIGRATIONS.iter().map(|m| m.name).collect::<Vec<_>>(), files);
        for migration in MIGRATIONS {
            for statement in migration.statements() {
                assert!(statement.starts_with("CREATE ") || statement.starts_with("ALTER "), "{statement}");
            }
        }
    }
}
