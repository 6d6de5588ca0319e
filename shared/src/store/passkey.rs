//! Passkeys: WebAuthn credentials (WebAuthn L3 §4, credential record).

use super::list_to_text;
use super::user::{User, user_columns};
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// A registered credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// UUID of the row.
    pub id: String,
    /// Owner.
    pub user_id: String,
    /// Credential id, base64url.
    pub credential_id: String,
    /// `COSE_Key`, base64url.
    pub public_key: String,
    /// Signature counter at the last use.
    pub sign_count: u32,
    /// BE flag; never changes.
    pub backup_eligible: bool,
    /// BS flag at the last use.
    pub backup_state: bool,
    /// Whether the user was verified at registration.
    pub user_verified: bool,
    /// Transports the browser named.
    pub transports: Vec<String>,
    /// AAGUID as a UUID.
    pub aaguid: String,
    /// Attestation statement format; the statement itself is not verified.
    pub attestation_format: String,
    /// Name the person sees.
    pub name: String,
    /// When the counter last looked like that of a clone.
    pub clone_suspected_at: Option<UnixTime>,
    /// Registration.
    pub created_at: UnixTime,
    /// Last sign-in.
    pub last_used_at: Option<UnixTime>,
}

macro_rules! passkey_columns {
    () => {
        "p.id AS passkey_id, p.user_id AS passkey_user_id, p.credential_id, p.public_key, p.sign_count, \
         p.backup_eligible, p.backup_state, p.user_verified, p.transports, p.aaguid, p.attestation_format, \
         p.name AS passkey_name, p.clone_suspected_at, p.created_at AS passkey_created_at, p.last_used_at"
    };
}

impl Passkey {
    /// Reads the columns of `passkey_columns!`.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        let misfit = |what: &str| DbError::Inconsistent { table: "passkeys", what: what.into() };
        Ok(Self {
            id: row.text("passkey_id")?,
            user_id: row.text("passkey_user_id")?,
            credential_id: row.text("credential_id")?,
            public_key: row.text("public_key")?,
            sign_count: u32::try_from(row.int("sign_count")?).map_err(|_| misfit("sign_count"))?,
            backup_eligible: row.flag("backup_eligible")?,
            backup_state: row.flag("backup_state")?,
            user_verified: row.flag("user_verified")?,
            transports: super::list_from_text("passkeys", &row.text("transports")?)?,
            aaguid: row.text("aaguid")?,
            attestation_format: row.text("attestation_format")?,
            name: row.text("passkey_name")?,
            clone_suspected_at: row.opt_time("clone_suspected_at")?,
            created_at: row.time("passkey_created_at")?,
            last_used_at: row.opt_time("last_used_at")?,
        })
    }

    /// Inserts the credential; a credential id that anybody has already gives `DbError::Unique`.
    #[must_use]
    pub fn insert(&self) -> Stmt {
        Stmt::new(
            "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, \
             backup_state, user_verified, transports, aaguid, attestation_format, name, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )
        .bind(&self.id)
        .bind(&self.user_id)
        .bind(&self.credential_id)
        .bind(&self.public_key)
        .bind(i64::from(self.sign_count))
        .bind(self.backup_eligible)
        .bind(self.backup_state)
        .bind(self.user_verified)
        .bind(list_to_text(&self.transports))
        .bind(&self.aaguid)
        .bind(&self.attestation_format)
        .bind(&self.name)
        .bind(self.created_at)
    }
}

/// The passkey of a credential id (base64url) with its owner.
#[must_use]
pub fn with_owner(credential_id: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        passkey_columns!(),
        ", ",
        user_columns!(),
        " FROM passkeys p JOIN users u ON u.id = p.user_id WHERE p.credential_id = ?1"
    ))
    .bind(credential_id)
}

/// Reads the row of [`with_owner`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_with_owner(rows: &Rows) -> Result<Option<(Passkey, User)>, DbError> {
    rows.first().map(|row| Ok((Passkey::from_row(row)?, User::from_row(row)?))).transpose()
}

/// A user's passkeys, oldest first.
#[must_use]
pub fn of_user(user_id: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        passkey_columns!(),
        " FROM passkeys p WHERE p.user_id = ?1 ORDER BY p.created_at, p.id LIMIT 100"
    ))
    .bind(user_id)
}

/// Records a use: counter (which only grows, whoever saves last), backup state, time, and whether a clone is
/// suspected.
#[must_use]
pub fn used(id: &str, sign_count: u32, backup_state: bool, clone_suspected: bool, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE passkeys SET sign_count = CASE WHEN sign_count < ?2 THEN ?2 ELSE sign_count END, backup_state = ?3, last_used_at = ?4, \
         clone_suspected_at = COALESCE(?5, clone_suspected_at) WHERE id = ?1",
    )
    .bind(id)
    .bind(i64::from(sign_count))
    .bind(backup_state)
    .bind(now)
    .bind(clone_suspected.then_some(now))
    .one()
}
