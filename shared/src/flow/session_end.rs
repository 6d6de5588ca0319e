//! Saving the end of sessions, and telling the apps.

use crate::db::Stmt;
use crate::http::Cx;
use crate::jobs::logout;
use crate::ports::DbError;

/// Runs a batch that holds the statements of [`crate::store::session_end::end`], and begins to deliver the logout tokens
/// that it wrote, after the response. No other statement of the batch may give rows.
///
/// # Errors
/// [`DbError`]; then no session has ended, and nobody is told.
pub async fn save(cx: &Cx, stmts: Vec<Stmt>) -> Result<(), DbError> {
    let written = cx.host.db.batch(stmts).await?;
    let ids = written.iter().flatten().map(|row| row.text("id")).collect::<Result<Vec<_>, _>>()?;
    logout::begin(&cx.host, ids);
    Ok(())
}
