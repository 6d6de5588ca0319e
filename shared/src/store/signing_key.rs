//! Signing keys, sealed at rest.

use crate::db::{Row, Stmt};
use crate::ports::DbError;
use proto::jose::{Alg, Jwk};
use proto::time::UnixTime;

/// A signing key row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// RFC 7638 thumbprint of the public key.
    pub kid: String,
    /// Algorithm.
    pub alg: Alg,
    /// Public half.
    pub public: Jwk,
    /// PKCS#8 sealed under the key-encryption key, bound to this row.
    pub private_sealed: String,
    /// Whether new tokens are signed with it; there is at most one such key an algorithm.
    pub active: bool,
}

impl SigningKey {
    /// Reads a row of [`published`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        let misfit = |what: &str| DbError::Inconsistent { table: "signing_keys", what: what.into() };
        Ok(Self {
            kid: row.text("kid")?,
            alg: row.text("alg")?.parse().map_err(|_| misfit("alg"))?,
            public: serde_json::from_str(&row.text("public_jwk")?).map_err(|_| misfit("public_jwk"))?,
            private_sealed: row.text("private_sealed")?,
            active: row.text("state")? == "active",
        })
    }

    /// Inserts the key as the active one of its algorithm, unless there is one already.
    #[must_use]
    pub fn insert_if_first(&self, now: UnixTime) -> Stmt {
        Stmt::new(
            "INSERT INTO signing_keys (kid, alg, public_jwk, private_sealed, state, created_at) \
             VALUES (?1, ?2, ?3, ?4, 'active', ?5) ON CONFLICT DO NOTHING",
        )
        .bind(&self.kid)
        .bind(self.alg.as_str())
        .bind(serde_json::to_string(&self.public).unwrap_or_default())
        .bind(&self.private_sealed)
        .bind(now)
    }
}

/// The place a private key is sealed for (`table:column:row`).
#[must_use]
pub fn sealed_for(kid: &str) -> String {
    format!("signing_keys:private_sealed:{kid}")
}

/// All keys that are published.
#[must_use]
pub fn published() -> Stmt {
    Stmt::new("SELECT kid, alg, public_jwk, private_sealed, state FROM signing_keys ORDER BY created_at, kid")
}
