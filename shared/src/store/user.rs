//! Users, their groups and their custom claims.

use super::grant;
use super::session_end::{self, Which};
use crate::db::{Row, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// UUID; also the WebAuthn user handle and the `sub` of tokens.
    pub id: String,
    /// Login name, as typed; unique without regard to case.
    pub username: String,
    /// E-mail address.
    pub email: Option<String>,
    /// Whether the address was proven.
    pub email_verified: bool,
    /// Given name.
    pub first_name: String,
    /// Family name; empty if there is none.
    pub last_name: String,
    /// Name shown to people.
    pub display_name: String,
    /// Whether the person administers this installation.
    pub is_admin: bool,
    /// Whether the account is shut.
    pub disabled: bool,
    /// Language tag the person chose.
    pub locale: Option<String>,
    /// Id in the LDAP directory.
    pub ldap_id: Option<String>,
    /// When something about the account last changed.
    pub updated_at: UnixTime,
}

/// The columns that [`User::from_row`] reads, for a `SELECT` from `users u`.
macro_rules! user_columns {
    () => {
        "u.id AS user_id, u.username, u.email, u.email_verified, u.first_name, u.last_name, u.display_name, \
         u.is_admin, u.disabled, u.locale, u.ldap_id, u.updated_at AS user_updated_at"
    };
}
pub(crate) use user_columns;

impl User {
    /// Reads the columns of `user_columns!`.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("user_id")?,
            username: row.text("username")?,
            email: row.opt_text("email")?,
            email_verified: row.flag("email_verified")?,
            first_name: row.text("first_name")?,
            last_name: row.text("last_name")?,
            display_name: row.text("display_name")?,
            is_admin: row.flag("is_admin")?,
            disabled: row.flag("disabled")?,
            locale: row.opt_text("locale")?,
            ldap_id: row.opt_text("ldap_id")?,
            updated_at: row.time("user_updated_at")?,
        })
    }

    /// The name to greet the person with.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        if self.display_name.is_empty() { &self.username } else { &self.display_name }
    }

    /// Inserts the account.
    #[must_use]
    pub fn insert(&self, now: UnixTime) -> Stmt {
        Stmt::new(
            "INSERT INTO users (id, username, username_folded, email, email_verified, first_name, last_name, \
             display_name, is_admin, disabled, locale, ldap_id, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13)",
        )
        .bind(&self.id)
        .bind(&self.username)
        .bind(fold(&self.username))
        .bind(self.email.clone())
        .bind(self.email_verified)
        .bind(&self.first_name)
        .bind(&self.last_name)
        .bind(&self.display_name)
        .bind(self.is_admin)
        .bind(self.disabled)
        .bind(self.locale.clone())
        .bind(self.ldap_id.clone())
        .bind(now)
    }
}

/// The form in which names are compared: lower case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// One row if anybody has an account.
#[must_use]
pub fn any() -> Stmt {
    Stmt::new("SELECT id FROM users LIMIT 1")
}

/// Shuts or opens an account. Shutting it ends its sessions and all that was issued for it.
#[must_use]
pub fn set_disabled(id: &str, disabled: bool, now: UnixTime) -> Vec<Stmt> {
    let mut stmts = vec![
        Stmt::new("UPDATE users SET disabled = ?2, updated_at = ?3 WHERE id = ?1")
            .bind(id)
            .bind(disabled)
            .bind(now)
            .one(),
    ];
    if disabled {
        stmts.extend(session_end::end(Which::User(id), now));
        stmts.push(grant::revoke_of_user(id, "user_disabled", now));
    }
    stmts
}

/// Removes an account, and with it all that belongs to it or was issued for it. The apps' notices stay.
#[must_use]
pub fn delete(id: &str, now: UnixTime) -> Vec<Stmt> {
    let mut stmts = session_end::end(Which::User(id), now);
    stmts.push(Stmt::new("DELETE FROM users WHERE id = ?1").bind(id).one());
    stmts
}
