//! One file per aggregate: its struct, its SQL, and functions that give statements and read rows.
//! SQL stays in the common dialect of `migrations/README.md`.

pub mod api;
pub mod audit;
pub mod authorized_client;
pub mod challenge;
pub mod client;
pub mod consent;
pub mod counter;
pub mod device_code;
pub mod federated_identity;
pub mod grant;
pub mod initial_access_token;
pub mod instance;
pub mod interaction;
pub mod jti;
pub mod logout;
pub mod origin;
pub mod passkey;
pub mod pushed_request;
pub mod remote_document;
pub mod revoked_token;
pub mod session;
pub mod session_end;
pub mod signing_key;
pub mod user;

use crate::db::{Rows, Stmt};
use crate::ports::{Db, DbError};

/// Runs `N` statements as one batch and gives the rows of each.
///
/// # Errors
/// [`DbError`].
pub async fn load<const N: usize>(db: &dyn Db, stmts: [Stmt; N]) -> Result<[Rows; N], DbError> {
    let rows = db.batch(stmts.into()).await?;
    rows.try_into().map_err(|_| DbError::Other("batch gave another number of results".into()))
}

/// Runs the statements as one batch for their effects.
///
/// # Errors
/// [`DbError`]; then nothing was written.
pub async fn save(db: &dyn Db, stmts: Vec<Stmt>) -> Result<(), DbError> {
    db.batch(stmts).await.map(drop)
}

/// A JSON list of strings, as it is stored.
fn list_to_text(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

fn list_from_text(table: &'static str, text: &str) -> Result<Vec<String>, DbError> {
    serde_json::from_str(text)
        .map_err(|_| DbError::Inconsistent { table, what: "no JSON list of strings".into() })
}
