//! SQLite by rusqlite.
//!
//! One thread writes. It takes every batch that waits into one transaction with a savepoint for each (group
//! commit): a refused batch is undone alone, and all are answered after the `COMMIT`. So `synchronous=FULL`, with
//! which an acknowledged write survives the loss of power, costs one flush for many batches. Batches of `SELECT`s
//! go to a few reader threads, which see the newest commit (WAL).

mod connection;
mod execute;
mod writer;

use async_trait::async_trait;
use connection::Place;
use rusqlite::Connection;
use shared::db::migrate::{Migrate, SQLITE_RECORD};
use shared::db::{Rows, Stmt};
use shared::ports::{Db, DbError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use tokio::sync::oneshot;

/// A SQLite database. Dropping it lets the threads finish what they have and end.
pub struct Sqlite {
    place: Place,
    writer: mpsc::Sender<Job>,
    /// `None` for a database in memory, which has one connection only.
    readers: Option<mpsc::Sender<Job>>,
}

/// A batch and whoever waits for it.
struct Job {
    stmts: Vec<Stmt>,
    answer: oneshot::Sender<Result<Vec<Rows>, DbError>>,
}

const READERS: usize = 4;

/// Copies made by this process, for names of files that no other one writes.
static COPIES: AtomicU64 = AtomicU64::new(0);

impl Sqlite {
    /// Opens the database file, and makes it (mode 0600) and its folders (mode 0700) if they are absent. `path` may
    /// be written as `file:path`; parameters of such a URI are not taken.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if the file cannot be made or opened, [`DbError::Other`] if it is no database.
    pub fn open(path: &str) -> Result<Self, DbError> {
        Self::start(Place::file(path)?, READERS)
    }

    /// A database in memory, gone when dropped.
    ///
    /// # Errors
    /// [`DbError`] if SQLite cannot start.
    pub fn open_in_memory() -> Result<Self, DbError> {
        Self::start(Place::Memory, 0)
    }

    /// Writes a consistent copy of the whole database to a new file (mode 0600), while others read and write.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if the file exists and is not empty, or cannot be written.
    pub async fn copy_to(&self, target: &Path) -> Result<(), DbError> {
        let Place::File(source) = &self.place else {
            return Err(DbError::Other("a database in memory has no file to copy".to_owned()));
        };
        let (source, target) = (source.clone(), target.to_owned());
        tokio::task::spawn_blocking(move || connection::copy(&source, &target))
            .await
            .map_err(|e| DbError::Other(e.to_string()))?
    }

    fn start(place: Place, readers: usize) -> Result<Self, DbError> {
        let mut connection = place.open_writer()?;
        let (writer, jobs) = mpsc::channel();
        spawn("sqlite-writer", move || writer::run(&mut connection, &jobs))?;
        let readers = if readers == 0 { None } else { Some(start_readers(&place, readers)?) };
        Ok(Self { place, writer, readers })
    }
}

#[async_trait]
impl Db for Sqlite {
    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, DbError> {
        let queue = match &self.readers {
            Some(readers) if stmts.iter().all(Stmt::is_read) => readers,
            _ => &self.writer,
        };
        let (answer, answered) = oneshot::channel();
        let gone = || DbError::Unavailable("the database thread has ended".to_owned());
        queue.send(Job { stmts, answer }).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Migrate for Sqlite {
    async fn create_record(&self) -> Result<(), DbError> {
        self.batch(vec![Stmt::new(SQLITE_RECORD)]).await.map(drop)
    }

    /// Keeps `<file>.before-<migration>.bak`.
    async fn keep_copy(&self, name: &str) -> Result<(), DbError> {
        let Place::File(file) = &self.place else { return Ok(()) };
        let kept = with_suffix(file, &format!(".before-{name}.bak"));
        let number = COPIES.fetch_add(1, Ordering::Relaxed);
        let unproven = with_suffix(file, &format!(".before-{name}.{}-{number}.tmp", std::process::id()));
        let io = |e: std::io::Error| DbError::Unavailable(format!("copy before {name}: {e}"));
        match std::fs::remove_file(&unproven) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
            _ => {}
        }
        self.copy_to(&unproven).await?;
        // Another process may have applied the migration meanwhile: then this is no copy from before.
        let applied = Stmt::new("SELECT name FROM d1_migrations WHERE name = ?1").bind(name);
        if self.batch(vec![applied]).await?.iter().all(Vec::is_empty) {
            std::fs::rename(&unproven, &kept).map_err(io)
        } else {
            std::fs::remove_file(&unproven).map_err(io)
        }
    }
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn start_readers(place: &Place, count: usize) -> Result<mpsc::Sender<Job>, DbError> {
    let (sender, receiver) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(receiver));
    for _ in 0..count {
        let (mut connection, jobs) = (place.open_reader()?, jobs.clone());
        spawn("sqlite-reader", move || read(&mut connection, &jobs))?;
    }
    Ok(sender)
}

fn read(connection: &mut Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // One idle reader waits inside the lock, the others for the lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let result = execute::read_batch(connection, &job.stmts);
        // Whoever asked may have gone; nobody else wants the rows.
        drop(job.answer.send(result));
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), DbError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|e| DbError::Unavailable(e.to_string()))
}
