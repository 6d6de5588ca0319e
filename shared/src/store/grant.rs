//! Grants (what a person gave a client), their authorization codes and refresh tokens.

use super::client::client_columns;
use super::user::user_columns;
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::time::UnixTime;

/// What a person gave a client, once. Codes, refresh tokens and access tokens hang on it and die with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// UUID; the first part of every access token's `jti`.
    pub id: String,
    /// How it came about.
    pub kind: Kind,
    /// Client.
    pub client_id: String,
    /// Person; `None` where a client acts for itself.
    pub user_id: Option<String>,
    /// Session it was given in: the `sid` of ID tokens.
    pub session_id: Option<String>,
    /// Granted scope, space separated.
    pub scope: String,
    /// API that access tokens are for (RFC 8707), if not the client itself.
    pub resource: Option<String>,
    /// Requested claims (OpenID Connect Core §5.5), JSON.
    pub claims: Option<String>,
    /// When the person authenticated.
    pub auth_time: UnixTime,
    /// How (RFC 8176), space separated.
    pub amr: String,
    /// Authentication context class (OpenID Connect Core §2).
    pub acr: Option<String>,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// Thumbprint of the key that refresh tokens are bound to (RFC 9449 §5): only for clients without a secret.
    pub dpop_jkt: Option<String>,
    /// `act` claim of exchanged tokens (RFC 8693 §4.1), JSON.
    pub actor: Option<String>,
    /// When it was revoked.
    pub revoked_at: Option<UnixTime>,
}

/// How a grant came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 8628.
    DeviceCode,
    /// RFC 8693.
    TokenExchange,
}

impl Kind {
    const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::ClientCredentials, Self::DeviceCode, Self::TokenExchange];

    /// How it is stored.
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "device_code",
            Self::TokenExchange => "token_exchange",
        }
    }

    fn parse(text: &str) -> Result<Self, DbError> {
        let found = Self::ALL.into_iter().find(|k| k.as_str() == text);
        found.ok_or_else(|| DbError::Inconsistent { table: "grants", what: format!("kind {text}") })
    }
}

macro_rules! grant_columns {
    () => {
        "g.id AS grant_id, g.kind AS grant_kind, g.client_id AS grant_client_id, g.user_id AS grant_user_id, \
         g.session_id AS grant_session_id, g.scope AS grant_scope, g.resource AS grant_resource, g.claims, \
         g.auth_time AS grant_auth_time, g.amr AS grant_amr, g.acr AS grant_acr, g.nonce, \
         g.dpop_jkt AS grant_dpop_jkt, g.actor, g.revoked_at"
    };
}

impl Grant {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("grant_id")?,
            kind: Kind::parse(&row.text("grant_kind")?)?,
            client_id: row.text("grant_client_id")?,
            user_id: row.opt_text("grant_user_id")?,
            session_id: row.opt_text("grant_session_id")?,
            scope: row.text("grant_scope")?,
            resource: row.opt_text("grant_resource")?,
            claims: row.opt_text("claims")?,
            auth_time: row.time("grant_auth_time")?,
            amr: row.text("grant_amr")?,
            acr: row.opt_text("grant_acr")?,
            nonce: row.opt_text("nonce")?,
            dpop_jkt: row.opt_text("grant_dpop_jkt")?,
            actor: row.opt_text("actor")?,
            revoked_at: row.opt_time("revoked_at")?,
        })
    }

    /// Inserts the grant; the row is swept after `expires_at`.
    #[must_use]
    pub fn insert(&self, now: UnixTime, expires_at: UnixTime) -> Stmt {
        Stmt::new(
            "INSERT INTO grants (id, kind, client_id, user_id, session_id, scope, resource, claims, auth_time, amr, acr, \
             nonce, dpop_jkt, actor, created_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )
        .bind(&self.id)
        .bind(self.kind.as_str())
        .bind(&self.client_id)
        .bind(self.user_id.clone())
        .bind(self.session_id.clone())
        .bind(&self.scope)
        .bind(self.resource.clone())
        .bind(self.claims.clone())
        .bind(self.auth_time)
        .bind(&self.amr)
        .bind(self.acr.clone())
        .bind(self.nonce.clone())
        .bind(self.dpop_jkt.clone())
        .bind(self.actor.clone())
        .bind(now)
        .bind(expires_at)
    }
}

/// Revokes a grant with everything issued from it.
#[must_use]
pub fn revoke(id: &str, reason: &'static str, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE grants SET revoked_at = ?2, revoked_reason = ?3 WHERE id = ?1 AND revoked_at IS NULL")
        .bind(id)
        .bind(now)
        .bind(reason)
}

/// Revokes what a client got in a session.
#[must_use]
pub fn revoke_of_session_and_client(session_id: &str, client_id: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?3, revoked_reason = 'rp_logout' \
         WHERE session_id = ?1 AND client_id = ?2 AND revoked_at IS NULL",
    )
    .bind(session_id)
    .bind(client_id)
    .bind(now)
}

/// Revokes everything that was issued for a person, in sessions and without.
#[must_use]
pub fn revoke_of_user(user_id: &str, reason: &'static str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?2, revoked_reason = ?3 WHERE user_id = ?1 AND revoked_at IS NULL",
    )
    .bind(user_id)
    .bind(now)
    .bind(reason)
}

/// Revokes everything that a person gave a client.
#[must_use]
pub fn revoke_of_user_and_client(
    user_id: &str,
    client_id: &str,
    reason: &'static str,
    now: UnixTime,
) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?3, revoked_reason = ?4 \
         WHERE user_id = ?1 AND client_id = ?2 AND revoked_at IS NULL",
    )
    .bind(user_id)
    .bind(client_id)
    .bind(now)
    .bind(reason)
}

/// Revokes everything that people gave a client; what it got for itself stays.
#[must_use]
pub fn revoke_of_people_and_client(client_id: &str, reason: &'static str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE grants SET revoked_at = ?2, revoked_reason = ?3 \
         WHERE client_id = ?1 AND user_id IS NOT NULL AND revoked_at IS NULL",
    )
    .bind(client_id)
    .bind(now)
    .bind(reason)
}

/// An authorization code (RFC 6749 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// SHA-256 of the code, base64url.
    pub code_hash: String,
    /// `redirect_uri` as the client sent it; `None` if it sent none.
    pub redirect_uri: Option<String>,
    /// `code_challenge` (RFC 7636).
    pub code_challenge: Option<String>,
    /// `code_challenge_method`.
    pub code_challenge_method: Option<String>,
    /// `dpop_jkt` of the authorization request (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// End of life.
    pub expires_at: UnixTime,
    /// When it was redeemed.
    pub used_at: Option<UnixTime>,
}

/// How long a code lives, in seconds.
pub const CODE_LIFETIME_S: i64 = 60;

impl Code {
    /// Inserts the code of a grant.
    #[must_use]
    pub fn insert(&self, grant_id: &str, now: UnixTime) -> Stmt {
        Stmt::new(
            "INSERT INTO authorization_codes (code_hash, grant_id, redirect_uri, code_challenge, code_challenge_method, \
             dpop_jkt, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(&self.code_hash)
        .bind(grant_id)
        .bind(self.redirect_uri.clone())
        .bind(self.code_challenge.clone())
        .bind(self.code_challenge_method.clone())
        .bind(self.dpop_jkt.clone())
        .bind(now)
        .bind(self.expires_at)
    }
}

/// A code with its grant.
#[must_use]
pub fn by_code(code_hash: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT a.code_hash, a.redirect_uri, a.code_challenge, a.code_challenge_method, a.dpop_jkt, a.expires_at, a.used_at, ",
        grant_columns!(),
        " FROM authorization_codes a JOIN grants g ON g.id = a.grant_id WHERE a.code_hash = ?1"
    ))
    .bind(code_hash)
}

/// Reads the row of [`by_code`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_code(rows: &Rows) -> Result<Option<(Code, Grant)>, DbError> {
    rows.first()
        .map(|row| {
            let code = Code {
                code_hash: row.text("code_hash")?,
                redirect_uri: row.opt_text("redirect_uri")?,
                code_challenge: row.opt_text("code_challenge")?,
                code_challenge_method: row.opt_text("code_challenge_method")?,
                dpop_jkt: row.opt_text("dpop_jkt")?,
                expires_at: row.time("expires_at")?,
                used_at: row.opt_time("used_at")?,
            };
            Ok((code, Grant::from_row(row)?))
        })
        .transpose()
}

/// Redeems a code; the database lets one caller do it.
#[must_use]
pub fn use_code(code_hash: &str, now: UnixTime) -> Stmt {
    Stmt::new("UPDATE authorization_codes SET used_at = ?2 WHERE code_hash = ?1 AND used_at IS NULL")
        .bind(code_hash)
        .bind(now)
        .one()
}

/// Where a refresh token is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshState {
    /// Can be used.
    Live,
    /// Was used; its successor is sealed under a key that only the token itself gives.
    Used {
        /// When.
        at: UnixTime,
        /// `proto::hash::seal` of the successor.
        successor_sealed: String,
    },
}

/// A refresh token (RFC 6749 §1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token, base64url.
    pub token_hash: String,
    /// See [`RefreshState`].
    pub state: RefreshState,
    /// Beginning of life.
    pub issued_at: UnixTime,
    /// End of life.
    pub expires_at: UnixTime,
}

/// Inserts a live refresh token.
#[must_use]
pub fn insert_refresh(token_hash: &str, grant_id: &str, now: UnixTime, expires_at: UnixTime) -> Stmt {
    Stmt::new(
        "INSERT INTO refresh_tokens (token_hash, grant_id, state, created_at, expires_at) \
         VALUES (?1, ?2, 'live', ?3, ?4)",
    )
    .bind(token_hash)
    .bind(grant_id)
    .bind(now)
    .bind(expires_at)
}

/// Binds the refresh tokens of a grant to a key, unless they are bound already.
#[must_use]
pub fn bind_to_key(grant_id: &str, jkt: &str) -> Stmt {
    Stmt::new("UPDATE grants SET dpop_jkt = ?2 WHERE id = ?1 AND dpop_jkt IS NULL").bind(grant_id).bind(jkt)
}

/// Keeps the grant's row until its newest refresh token ends.
#[must_use]
pub fn extend(grant_id: &str, expires_at: UnixTime) -> Stmt {
    Stmt::new("UPDATE grants SET expires_at = ?2 WHERE id = ?1 AND expires_at < ?2")
        .bind(grant_id)
        .bind(expires_at)
}

/// Marks a refresh token used; the database lets one caller do it.
#[must_use]
pub fn use_refresh(token_hash: &str, successor_sealed: &str, now: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE refresh_tokens SET state = 'used', used_at = ?3, successor_sealed = ?2 \
         WHERE token_hash = ?1 AND state = 'live'",
    )
    .bind(token_hash)
    .bind(successor_sealed)
    .bind(now)
    .one()
}

/// A refresh token with its grant.
#[must_use]
pub fn by_refresh(token_hash: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT r.token_hash, r.state, r.successor_sealed, r.used_at, r.created_at AS issued_at, r.expires_at, ",
        grant_columns!(),
        " FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id WHERE r.token_hash = ?1"
    ))
    .bind(token_hash)
}

/// Reads the row of [`by_refresh`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read_refresh(rows: &Rows) -> Result<Option<(RefreshToken, Grant)>, DbError> {
    rows.first()
        .map(|row| {
            let state = match (
                row.text("state")?.as_str(),
                row.opt_time("used_at")?,
                row.opt_text("successor_sealed")?,
            ) {
                ("live", None, None) => RefreshState::Live,
                ("used", Some(at), Some(successor_sealed)) => RefreshState::Used { at, successor_sealed },
                (state, ..) => {
                    return Err(DbError::Inconsistent {
                        table: "refresh_tokens",
                        what: format!("state {state}"),
                    });
                }
            };
            let token = RefreshToken {
                token_hash: row.text("token_hash")?,
                state,
                issued_at: row.time("issued_at")?,
                expires_at: row.time("expires_at")?,
            };
            Ok((token, Grant::from_row(row)?))
        })
        .transpose()
}

/// What a token request or userinfo names the grant by.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// SHA-256 of an authorization code.
    CodeHash(&'a str),
    /// SHA-256 of a refresh token.
    RefreshHash(&'a str),
    /// SHA-256 of a device code.
    DeviceCodeHash(&'a str),
    /// Grant id, from an access token.
    Id(&'a str),
    /// Session and client, from an ID token: their newest grant that lives.
    Session(&'a str, &'a str),
}

macro_rules! by {
    ($by:expr, $before:expr, $after:literal) => {
        match $by {
            By::CodeHash(hash) => Stmt::new(concat!(
                $before,
                " WHERE g.id = (SELECT grant_id FROM authorization_codes WHERE code_hash = ?1)",
                $after
            ))
            .bind(hash),
            By::RefreshHash(hash) => Stmt::new(concat!(
                $before,
                " WHERE g.id = (SELECT grant_id FROM refresh_tokens WHERE token_hash = ?1)",
                $after
            ))
            .bind(hash),
            By::DeviceCodeHash(hash) => Stmt::new(concat!(
                $before,
                " WHERE g.id = (SELECT grant_id FROM device_codes WHERE device_code_hash = ?1)",
                $after
            ))
            .bind(hash),
            By::Id(id) => Stmt::new(concat!($before, " WHERE g.id = ?1", $after)).bind(id),
            By::Session(session_id, client_id) => Stmt::new(concat!(
                $before,
                " WHERE g.id = (SELECT n.id FROM grants n WHERE n.session_id = ?1 AND n.client_id = ?2 \
                 AND n.revoked_at IS NULL AND n.kind <> 'token_exchange' ORDER BY n.created_at DESC, n.id LIMIT 1)",
                $after
            ))
            .bind(session_id)
            .bind(client_id),
        }
    };
}

/// The grant itself.
#[must_use]
pub fn find(by: By<'_>) -> Stmt {
    by!(by, concat!("SELECT ", grant_columns!(), " FROM grants g"), "")
}

/// Reads the row of [`find`].
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn read(rows: &Rows) -> Result<Option<Grant>, DbError> {
    rows.first().map(Grant::from_row).transpose()
}

/// The grant's person.
#[must_use]
pub fn user(by: By<'_>) -> Stmt {
    by!(by, concat!("SELECT ", user_columns!(), " FROM users u JOIN grants g ON g.user_id = u.id"), "")
}

/// The grant's client.
#[must_use]
pub fn client(by: By<'_>) -> Stmt {
    by!(by, concat!("SELECT ", client_columns!(), " FROM clients c JOIN grants g ON g.client_id = c.id"), "")
}

/// Names of the person's groups, and per group whether the grant's client allows it.
#[must_use]
pub fn groups(by: By<'_>) -> Stmt {
    by!(
        by,
        "SELECT ug.name, CASE WHEN a.group_id IS NULL THEN 0 ELSE 1 END AS allowed FROM user_groups ug \
         JOIN user_group_members m ON m.group_id = ug.id JOIN grants g ON g.user_id = m.user_id \
         LEFT JOIN client_allowed_groups a ON a.group_id = ug.id AND a.client_id = g.client_id",
        " ORDER BY ug.name"
    )
}

/// Ids of the clients that let the grant's person in as a member of an allowed group.
#[must_use]
pub fn memberships(by: By<'_>) -> Stmt {
    by!(
        by,
        "SELECT DISTINCT a.client_id FROM client_allowed_groups a \
         JOIN user_group_members m ON m.group_id = a.group_id JOIN grants g ON g.user_id = m.user_id",
        ""
    )
}

/// Locks a grant that must not have been revoked until the batch is done.
#[must_use]
pub fn still_live(id: &str) -> Stmt {
    Stmt::new("UPDATE grants SET expires_at = expires_at WHERE id = ?1 AND revoked_at IS NULL").bind(id).one()
}

/// Custom claims of the person and of their groups, with which are their `own`.
#[must_use]
pub fn custom_claims(by: By<'_>) -> Stmt {
    by!(
        by,
        "SELECT cc.name, cc.value, CASE WHEN cc.user_id IS NULL THEN 0 ELSE 1 END AS own FROM grants g \
         LEFT JOIN user_group_members m ON m.user_id = g.user_id \
         JOIN custom_claims cc ON cc.user_id = g.user_id OR cc.group_id = m.group_id",
        " ORDER BY own, cc.name, cc.id"
    )
}

/// The consent behind the grant, for `consent::read`; no row if it was taken back.
#[must_use]
pub fn consent(by: By<'_>) -> Stmt {
    by!(
        by,
        "SELECT k.scope, k.redirect_hosts FROM consents k JOIN grants g ON g.user_id = k.user_id AND g.client_id = k.client_id",
        ""
    )
}

/// Removes some of the grants whose last token has expired, with their codes and refresh tokens.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new("DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires_at <= ?1 LIMIT 1000) RETURNING id")
        .bind(now)
}
