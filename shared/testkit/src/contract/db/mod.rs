//! The database: types, atomicity, constraints, the common dialect, races.

mod atomic;
mod constraints;
mod dialect;
mod races;
mod types;

use super::{Outcome, Report, unexpected};
use shared::db::{Row, Rows, Stmt};
use shared::ports::{Db, DbError};
use std::sync::Arc;

/// Runs the suite on a migrated database, which may be in use: every row the suite writes has an id or name that
/// begins with `tag`, and is removed at the end. `tag` is 1 to 12 characters of `[a-z0-9]`, unique on the database.
///
/// # Errors
/// The text of the report, if a check failed.
pub async fn db(db: Arc<dyn Db>, tag: &str) -> Result<Report, String> {
    let cx = Cx { db, tag: tag.to_owned() };
    let mut report = Report::new("db");
    report.add("text_comes_back_as_it_was", types::text(&cx).await);
    report.add("numbers_come_back_as_they_were", types::numbers(&cx).await);
    report.add("null_comes_back_as_null", types::null(&cx).await);
    report.add("a_hundred_values", types::hundred_values(&cx).await);
    report.add("results_in_order_of_statements", types::order(&cx).await);
    report.add("a_refused_batch_leaves_nothing", atomic::refused(&cx).await);
    report.add("a_lost_batch_leaves_nothing", atomic::lost(&cx).await);
    report.add("one_means_exactly_one", atomic::exactly_one(&cx).await);
    report.add("unique_names_its_columns", constraints::unique(&cx).await);
    report.add("null_and_check_are_refused", constraints::null_and_check(&cx).await);
    report.add("foreign_keys_refuse_and_cascade", constraints::foreign_keys(&cx).await);
    report.add("one_active_signing_key_per_algorithm", constraints::partial_index(&cx).await);
    report.add("returning", dialect::returning(&cx).await);
    report.add("on_conflict", dialect::on_conflict(&cx).await);
    report.add("keyset_paging", dialect::keyset(&cx).await);
    report.add("like_with_escape", dialect::like(&cx).await);
    report.add("sums_and_counts_are_numbers", dialect::sums(&cx).await);
    report.add("s14_s61_twenty_consume_one_row", races::consume(&cx).await);
    report.add("s14_s61_twenty_delete_one_row", races::delete(&cx).await);
    report.add("s14_s61_fifty_guarded_updates", races::guarded(&cx).await);
    report.add("s16_s61_ten_rotations", races::rotate(&cx).await);
    report.add("s46_s61_fifty_claim_one_name", races::claim(&cx).await);
    report.add("a_read_batch_is_one_snapshot", races::snapshot(&cx).await);
    report.add("removes_its_rows", cx.clean().await);
    report.verdict()
}

struct Cx {
    db: Arc<dyn Db>,
    tag: String,
}

impl Cx {
    /// An id of this run.
    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    async fn batch(&self, stmts: Vec<Stmt>) -> Result<Vec<Rows>, String> {
        self.db.batch(stmts).await.map_err(unexpected)
    }

    async fn run(&self, stmt: Stmt) -> Result<Rows, String> {
        self.db.query(stmt).await.map_err(unexpected)
    }

    async fn row(&self, stmt: Stmt) -> Result<Row, String> {
        self.run(stmt).await?.into_iter().next().ok_or_else(|| "no row".to_owned())
    }

    /// The error of a batch that must fail.
    async fn refusal(&self, stmts: Vec<Stmt>) -> Result<DbError, String> {
        match self.db.batch(stmts).await {
            Ok(_) => Err("was not refused".to_owned()),
            Err(e) => Ok(e),
        }
    }

    /// Whether there is a user of the name.
    async fn has_user(&self, name: &str) -> Result<bool, String> {
        let found = self.run(Stmt::new("SELECT id FROM users WHERE id = ?1").bind(self.id(name))).await?;
        Ok(!found.is_empty())
    }

    fn user(&self, name: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO users (id, username, username_folded, created_at, updated_at)
             VALUES (?1, ?1, ?1, ?2, ?2)",
        )
        .bind(self.id(name))
        .bind(0)
    }

    fn client(&self, name: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO clients (id, name, name_folded, callback_urls, logout_callback_urls, created_at, updated_at)
             VALUES (?1, ?1, ?1, '[]', '[]', ?2, ?2)",
        )
        .bind(self.id(name))
        .bind(0)
    }

    /// A user, a client and a grant of the name.
    fn grant(&self, name: &str) -> Vec<Stmt> {
        let grant = Stmt::new(
            "INSERT INTO grants (id, kind, client_id, user_id, scope, auth_time, amr, created_at, expires_at)
             VALUES (?1, 'authorization_code', ?1, ?1, 'openid', 0, '[]', 0, 0)",
        )
        .bind(self.id(name));
        vec![self.user(name), self.client(name), grant]
    }

    async fn clean(&self) -> Outcome {
        let pattern = format!("{}-%", self.tag);
        self.batch(vec![
            Stmt::new("DELETE FROM users WHERE id LIKE ?1").bind(&pattern),
            Stmt::new("DELETE FROM clients WHERE id LIKE ?1").bind(&pattern),
            Stmt::new("DELETE FROM signing_keys WHERE kid LIKE ?1").bind(&pattern),
            Stmt::new("DELETE FROM instance WHERE name LIKE ?1").bind(&pattern),
            Stmt::new("DELETE FROM webauthn_challenges WHERE id LIKE ?1").bind(&pattern),
        ])
        .await
        .map(drop)
    }
}
