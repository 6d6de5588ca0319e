//! The thread that writes: group commit.

use super::Job;
use super::execute::statements;
use rusqlite::Connection;
use shared::db::Rows;
use shared::ports::DbError;
use std::sync::mpsc;

/// Batches in one transaction at most, so that the first of them is not kept waiting by all who come after.
const GROUP: usize = 256;

/// Serves jobs until all senders are gone.
pub(super) fn run(connection: &mut Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let group: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1)).collect();
        let results = commit(connection, &group);
        for (job, result) in group.into_iter().zip(results) {
            // Whoever asked may have gone; the batch counts all the same.
            drop(job.answer.send(result));
        }
    }
}

/// Runs the batches in one transaction. If the transaction itself fails, all of them failed.
fn commit(connection: &Connection, group: &[Job]) -> Vec<Result<Vec<Rows>, DbError>> {
    match in_transaction(connection, group) {
        Ok(results) => results,
        Err(e) => {
            if !connection.is_autocommit() {
                // If even this fails, the next BEGIN does too, and says so.
                drop(connection.execute_batch("ROLLBACK"));
            }
            let error = DbError::Unavailable(e.to_string());
            group.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

fn in_transaction(
    connection: &Connection,
    group: &[Job],
) -> rusqlite::Result<Vec<Result<Vec<Rows>, DbError>>> {
    run_plain(connection, "BEGIN IMMEDIATE")?;
    let mut results = Vec::with_capacity(group.len());
    for job in group {
        run_plain(connection, "SAVEPOINT batch")?;
        let result = statements(connection, &job.stmts);
        if result.is_err() {
            // Some errors (disk full) make SQLite undo the whole transaction; then this fails, and so does the group.
            run_plain(connection, "ROLLBACK TO batch")?;
        }
        run_plain(connection, "RELEASE batch")?;
        results.push(result);
    }
    run_plain(connection, "COMMIT")?;
    Ok(results)
}

fn run_plain(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.raw_execute().map(drop)
}
