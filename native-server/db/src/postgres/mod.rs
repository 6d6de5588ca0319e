//! Postgres by tokio-postgres and deadpool.
//!
//! A batch is one transaction, its statements sent in one go: one round trip, and a second for the `COMMIT` if a
//! statement is guarded, since that cannot be sent before the counts are known.
//!
//! Isolation: several `SELECT`s run `REPEATABLE READ READ ONLY`, so that they see one snapshot. Batches that write
//! run `READ COMMITTED`: an `UPDATE … WHERE state = 'live'` that waited for another one looks at the row again and
//! then finds it used, which is what conditional updates need, and no batch is refused for touching the same page as
//! another, as `SERIALIZABLE` would do. It follows that the condition of a guard must be about the row that is
//! changed, or be a UNIQUE key: `INSERT … WHERE NOT EXISTS (…)` is no guard here.

mod execute;
mod tls;
mod value;

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use execute::{Failed, db_error};
use shared::db::migrate::{Migrate, Migration};
use shared::db::{Rows, Stmt, dialect};
use shared::ports::{Db, DbError};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tls::Rustls;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

/// A Postgres database. Cheap to clone.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    texts: Arc<Texts>,
}

impl Postgres {
    /// A database by its URL (`postgres://user:password@host:port/name`). Connections are made when they are needed,
    /// at most `connections` at a time. They are under TLS if the URL says `?sslmode=require` (or `verify-full`), and
    /// plain otherwise: a server that offers TLS with a certificate of its own making is common on local networks.
    ///
    /// # Errors
    /// [`DbError::Other`] if the URL is malformed.
    pub fn open(url: &str, connections: usize) -> Result<Self, DbError> {
        // The parser's own texts may repeat the password.
        let mut config: tokio_postgres::Config = url
            .replace("sslmode=verify-full", "sslmode=require")
            .parse()
            .map_err(|_| DbError::Other("malformed Postgres URL".to_owned()))?;
        if config.get_application_name().is_none() {
            config.application_name("latchkey");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Require {
            let tls = Rustls::new().map_err(|e| DbError::Other(e.to_string()))?;
            Manager::from_config(config, tls, recycling)
        } else {
            config.ssl_mode(SslMode::Disable);
            Manager::from_config(config, NoTls, recycling)
        };
        let pool = Pool::builder(manager)
            .max_size(connections)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(CONNECT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| DbError::Other(e.to_string()))?;
        Ok(Self { pool, texts: Arc::default() })
    }

    async fn connection(&self) -> Result<Object, DbError> {
        self.pool.get().await.map_err(|e| match e {
            PoolError::Backend(e) => match db_error(&e) {
                // Whatever else happens before a connection stands is about reaching the server.
                DbError::Other(text) if e.as_db_error().is_none() => DbError::Unavailable(text),
                error => error,
            },
            other => DbError::Unavailable(other.to_string()),
        })
    }

    async fn run(&self, stmts: &[Stmt]) -> Result<Vec<Rows>, DbError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let connection = self.connection().await?;
            let Ok(result) =
                tokio::time::timeout(BATCH, execute::batch(&connection, &self.texts, stmts)).await
            else {
                // Nobody knows in which state it is.
                drop(Object::take(connection));
                return Err(DbError::Unavailable("the batch took too long".to_owned()));
            };
            match result {
                Ok(rows) => return Ok(rows),
                Err(Failed::Again(_)) if attempt < ATTEMPTS => {}
                Err(Failed::Again(e) | Failed::ForGood(e)) => return Err(e),
                Err(Failed::Broken(e)) => {
                    drop(Object::take(connection));
                    return Err(e);
                }
            }
            drop(connection);
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }

    /// Runs fixed texts by the simple protocol, in which several statements are one transaction.
    async fn run_plain(&self, sql: &str) -> Result<(), DbError> {
        let sql = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK});\n{sql}");
        self.connection().await?.batch_execute(&sql).await.map_err(|e| db_error(&e))
    }
}

#[async_trait]
impl Db for Postgres {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        // A task of its own: if the caller goes away, its future is dropped wherever it stands, and a transaction must
        // not be left open on a pooled connection.
        let this = self.clone();
        tokio::spawn(async move { this.run(&stmts).await })
            .await
            .map_err(|e| DbError::Other(e.to_string()))?
    }
}

#[async_trait]
impl Migrate for Postgres {
    async fn create_record(&self) -> Result<(), DbError> {
        // Two `CREATE TABLE IF NOT EXISTS` at once can fail on Postgres' own catalogue, hence the lock.
        self.run_plain(
            "CREATE TABLE IF NOT EXISTS d1_migrations (
               id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
               name TEXT UNIQUE,
               applied_at TIMESTAMP DEFAULT (CURRENT_TIMESTAMP AT TIME ZONE 'UTC') NOT NULL
             )",
        )
        .await
    }

    async fn apply(&self, migration: &Migration) -> Result<(), DbError> {
        // The simple protocol, since later statements speak of tables that earlier ones make.
        let record = format!("INSERT INTO d1_migrations (name) VALUES ('{}');", migration.name);
        self.run_plain(&format!("{record}\n{}", migration.sql)).await
    }
}

/// SQL in Postgres' words, by the text it was made from. Bounded, since those are constants of the program.
#[derive(Default)]
struct Texts(RwLock<BTreeMap<&'static str, Arc<str>>>);

impl Texts {
    fn rewritten(&self, sql: &'static str) -> Arc<str> {
        if let Some(text) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return text.clone();
        }
        let text: Arc<str> = dialect::postgres(sql).into();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(sql, text.clone());
        text
    }
}

const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);
const WAIT: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(10);
const BATCH: Duration = Duration::from_secs(30);
/// Any number will do that no other program uses on the same database.
const MIGRATION_LOCK: i64 = 7_108_521_164;
