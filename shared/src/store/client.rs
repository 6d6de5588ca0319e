//! OAuth clients and their secrets.

use super::{list_from_text, list_to_text};
use crate::db::{Row, Rows, Stmt};
use crate::ports::DbError;
use proto::oauth::client_metadata::ClientMetadata;
use proto::time::UnixTime;

/// A registered client (RFC 6749 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// Name people see.
    pub name: String,
    /// What the app is for.
    pub description: String,
    /// Callback URL patterns.
    pub callback_urls: Vec<String>,
    /// Post-logout callback URL patterns.
    pub logout_callback_urls: Vec<String>,
    /// Public client: no secret, PKCE always (RFC 6749 §2.1).
    pub is_public: bool,
    /// Whether PKCE is demanded.
    pub pkce_enabled: bool,
    /// Whether the client was seen using PKCE though it need not.
    pub pkce_supported: bool,
    /// Whether each sign-in asks for the passkey again.
    pub requires_reauthentication: bool,
    /// Whether only pushed authorization requests are taken (RFC 9126).
    pub requires_pushed_authorization_requests: bool,
    /// Whether the person is not asked for consent (unless `prompt=consent`).
    pub skip_consent: bool,
    /// Whether only members of the allowed groups may use it.
    pub is_group_restricted: bool,
    /// Address that starts the app.
    pub launch_url: Option<String>,
    /// `standard`, or `cimd` for clients known by their metadata document.
    pub client_type: String,
    /// Federated identities, JSON.
    pub federated_identities: String,
    /// What registration knows and the fields above do not.
    pub metadata: ClientMetadata,
    /// When the metadata document has to be fetched again; only for clients known by one.
    pub metadata_expires_at: Option<UnixTime>,
    /// Whether an admin has yet to approve it: until then it cannot be used.
    pub is_pending: bool,
    /// Lifetime of access tokens, minutes.
    pub access_token_duration_minutes: i64,
    /// Lifetime of refresh tokens, minutes.
    pub refresh_token_duration_minutes: i64,
    /// Registration.
    pub created_at: UnixTime,
    /// Last change.
    pub updated_at: UnixTime,
}

macro_rules! client_columns {
    () => {
        "c.id AS client_id, c.name AS client_name, c.description, c.callback_urls, c.logout_callback_urls, \
         c.is_public, c.pkce_enabled, c.pkce_supported, c.requires_reauthentication, \
         c.requires_pushed_authorization_requests, c.skip_consent, c.is_group_restricted, c.launch_url, \
         c.client_type, c.federated_identities, c.metadata, c.metadata_expires_at, c.approval, c.access_token_duration_minutes, \
         c.refresh_token_duration_minutes, c.created_at AS client_created_at, c.updated_at AS client_updated_at"
    };
}
pub(crate) use client_columns;

impl Client {
    /// Reads the columns of `client_columns!`.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("client_id")?,
            name: row.text("client_name")?,
            description: row.text("description")?,
            callback_urls: list_from_text("clients", &row.text("callback_urls")?)?,
            logout_callback_urls: list_from_text("clients", &row.text("logout_callback_urls")?)?,
            is_public: row.flag("is_public")?,
            pkce_enabled: row.flag("pkce_enabled")?,
            pkce_supported: row.flag("pkce_supported")?,
            requires_reauthentication: row.flag("requires_reauthentication")?,
            requires_pushed_authorization_requests: row.flag("requires_pushed_authorization_requests")?,
            skip_consent: row.flag("skip_consent")?,
            is_group_restricted: row.flag("is_group_restricted")?,
            launch_url: row.opt_text("launch_url")?,
            client_type: row.text("client_type")?,
            federated_identities: row.text("federated_identities")?,
            metadata: read_metadata(&row.text("metadata")?)?,
            metadata_expires_at: row.opt_time("metadata_expires_at")?,
            is_pending: row.text("approval")? != "approved",
            access_token_duration_minutes: row.int("access_token_duration_minutes")?,
            refresh_token_duration_minutes: row.int("refresh_token_duration_minutes")?,
            created_at: row.time("client_created_at")?,
            updated_at: row.time("client_updated_at")?,
        })
    }

    /// Reads the first row, if there is one.
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_rows(rows: &Rows) -> Result<Option<Self>, DbError> {
        rows.first().map(Self::from_row).transpose()
    }

    /// Lifetime of access tokens in seconds.
    #[must_use]
    pub const fn access_token_lifetime_s(&self) -> i64 {
        self.access_token_duration_minutes.saturating_mul(60)
    }

    /// Lifetime of refresh tokens in seconds.
    #[must_use]
    pub const fn refresh_token_lifetime_s(&self) -> i64 {
        self.refresh_token_duration_minutes.saturating_mul(60)
    }

    /// The longest that anything issued to the client lives, in seconds.
    #[must_use]
    pub fn longest_lifetime_s(&self) -> i64 {
        self.access_token_lifetime_s().max(self.refresh_token_lifetime_s())
    }

    fn bind_editable(&self, stmt: Stmt, now: UnixTime) -> Stmt {
        stmt.bind(&self.id)
            .bind(&self.name)
            .bind(self.name.to_lowercase())
            .bind(&self.description)
            .bind(list_to_text(&self.callback_urls))
            .bind(list_to_text(&self.logout_callback_urls))
            .bind(self.is_public)
            .bind(self.pkce_enabled)
            .bind(self.pkce_supported)
            .bind(self.requires_reauthentication)
            .bind(self.requires_pushed_authorization_requests)
            .bind(self.skip_consent)
            .bind(self.is_group_restricted)
            .bind(self.launch_url.clone())
            .bind(&self.federated_identities)
            .bind(self.metadata.to_text())
            .bind(self.metadata_expires_at)
            .bind(if self.is_pending { "pending" } else { "approved" })
            .bind(&self.client_type)
            .bind(self.access_token_duration_minutes)
            .bind(self.refresh_token_duration_minutes)
            .bind(now)
    }

    /// Inserts the client; a taken id gives `DbError::Unique`.
    #[must_use]
    pub fn insert(&self, created_by_id: Option<&str>, now: UnixTime) -> Stmt {
        let stmt = Stmt::new(
            "INSERT INTO clients (id, name, name_folded, description, callback_urls, logout_callback_urls, is_public, \
             pkce_enabled, pkce_supported, requires_reauthentication, requires_pushed_authorization_requests, \
             skip_consent, is_group_restricted, launch_url, federated_identities, metadata, metadata_expires_at, approval, \
             client_type, access_token_duration_minutes, refresh_token_duration_minutes, updated_at, created_at, \
             created_by_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
             ?19, ?20, ?21, ?22, ?22, ?23)",
        );
        self.bind_editable(stmt, now).bind(created_by_id)
    }

    /// Replaces everything that can be edited; the client must exist.
    #[must_use]
    pub fn update(&self, now: UnixTime) -> Stmt {
        let stmt = Stmt::new(
            "UPDATE clients SET name = ?2, name_folded = ?3, description = ?4, callback_urls = ?5, \
             logout_callback_urls = ?6, is_public = ?7, pkce_enabled = ?8, pkce_supported = ?9, \
             requires_reauthentication = ?10, requires_pushed_authorization_requests = ?11, skip_consent = ?12, \
             is_group_restricted = ?13, launch_url = ?14, federated_identities = ?15, metadata = ?16, \
             metadata_expires_at = ?17, approval = ?18, client_type = ?19, access_token_duration_minutes = ?20, \
             refresh_token_duration_minutes = ?21, updated_at = ?22 \
             WHERE id = ?1",
        );
        self.bind_editable(stmt, now).one()
    }

    /// Replaces what the client says about itself, in its metadata document or by registering, and nothing that only an
    /// admin sets; the client must exist and be of the same kind.
    #[must_use]
    pub fn update_own_words(&self, now: UnixTime) -> Stmt {
        Stmt::new(
            "UPDATE clients SET name = ?2, name_folded = ?3, callback_urls = ?4, logout_callback_urls = ?5, \
             is_public = ?6, pkce_enabled = ?7, requires_pushed_authorization_requests = ?8, metadata = ?9, \
             metadata_expires_at = ?10, updated_at = ?11 WHERE id = ?1 AND client_type = ?12",
        )
        .bind(&self.id)
        .bind(&self.name)
        .bind(self.name.to_lowercase())
        .bind(list_to_text(&self.callback_urls))
        .bind(list_to_text(&self.logout_callback_urls))
        .bind(self.is_public)
        .bind(self.pkce_enabled)
        .bind(self.requires_pushed_authorization_requests)
        .bind(self.metadata.to_text())
        .bind(self.metadata_expires_at)
        .bind(now)
        .bind(&self.client_type)
        .one()
    }
}

/// Lets a client that waits for it be used, if it is still as it was at its last change `updated_at`.
#[must_use]
pub fn approve(id: &str, updated_at: UnixTime) -> Stmt {
    Stmt::new(
        "UPDATE clients SET approval = 'approved' WHERE id = ?1 AND approval = 'pending' AND updated_at = ?2",
    )
    .bind(id)
    .bind(updated_at)
    .one()
}

/// Has a client wait for approval.
#[must_use]
pub fn set_pending(id: &str) -> Stmt {
    Stmt::new("UPDATE clients SET approval = 'pending' WHERE id = ?1").bind(id).one()
}

/// Takes back that people need not be asked, which was said of a client that has become another.
#[must_use]
pub fn ask_people(id: &str) -> Stmt {
    Stmt::new("UPDATE clients SET skip_consent = 0 WHERE id = ?1").bind(id)
}

/// Gives a client the token that it manages itself with (RFC 7592 §1.1), by its hash.
#[must_use]
pub fn set_registration_token(id: &str, token_hash: &str) -> Stmt {
    Stmt::new("UPDATE clients SET registration_token_hash = ?2 WHERE id = ?1").bind(id).bind(token_hash).one()
}

/// Replaces that token, if it is still the one of `token_hash`.
#[must_use]
pub fn rotate_registration_token(id: &str, token_hash: &str, next_hash: &str) -> Stmt {
    Stmt::new(
        "UPDATE clients SET registration_token_hash = ?3 WHERE id = ?1 AND registration_token_hash = ?2",
    )
    .bind(id)
    .bind(token_hash)
    .bind(next_hash)
    .one()
}

/// A client by its id and the hash of that token.
#[must_use]
pub fn by_registration_token(id: &str, token_hash: &str) -> Stmt {
    Stmt::new(concat!(
        "SELECT ",
        client_columns!(),
        " FROM clients c WHERE c.id = ?1 AND c.registration_token_hash = ?2 AND c.client_type = 'dynamic'"
    ))
    .bind(id)
    .bind(token_hash)
}

/// How many clients registered themselves.
#[must_use]
pub fn count_dynamic() -> Stmt {
    Stmt::new("SELECT COUNT(*) AS n FROM clients WHERE client_type = 'dynamic'")
}

/// Removes all secrets of a client.
#[must_use]
pub fn delete_secrets(client_id: &str) -> Stmt {
    Stmt::new("DELETE FROM client_secrets WHERE client_id = ?1").bind(client_id)
}

/// How many clients are known by a document and used by nobody.
#[must_use]
pub fn count_unused_cimd() -> Stmt {
    Stmt::new(
        "SELECT COUNT(*) AS n FROM clients c WHERE c.client_type = 'cimd' \
         AND NOT EXISTS (SELECT 1 FROM consents s WHERE s.client_id = c.id) \
         AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id)",
    )
}

/// After how many seconds a client that is known by a document, and that nobody uses, is forgotten.
const CIMD_FORGOTTEN_S: i64 = 86_400;
/// After how many seconds one that registered itself is.
const DYNAMIC_FORGOTTEN_S: i64 = 7 * 86_400;

/// Removes some of those that strangers made and nobody uses: anybody can have one made, and there is room for so many.
/// What an admin decided about one (its groups, no consent page, an API) is not forgotten.
#[must_use]
pub fn sweep(now: UnixTime) -> Stmt {
    Stmt::new(
        "DELETE FROM clients WHERE id IN (SELECT c.id FROM clients c \
         WHERE ((c.client_type = 'cimd' AND c.created_at <= ?1) \
         OR (c.client_type = 'dynamic' AND c.created_at <= ?2)) \
         AND c.skip_consent = 0 AND c.is_group_restricted = 0 \
         AND NOT EXISTS (SELECT 1 FROM api_clients a WHERE a.client_id = c.id) \
         AND NOT EXISTS (SELECT 1 FROM consents s WHERE s.client_id = c.id) \
         AND NOT EXISTS (SELECT 1 FROM grants g WHERE g.client_id = c.id) LIMIT 1000) RETURNING id",
    )
    .bind(now.plus(-CIMD_FORGOTTEN_S))
    .bind(now.plus(-DYNAMIC_FORGOTTEN_S))
}

pub(super) fn read_metadata(text: &str) -> Result<ClientMetadata, DbError> {
    ClientMetadata::from_text(text).map_err(|_| DbError::Inconsistent {
        table: "clients",
        what: "metadata is not client metadata".into(),
    })
}

/// A client by id.
#[must_use]
pub fn by_id(id: &str) -> Stmt {
    Stmt::new(concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.id = ?1")).bind(id)
}

/// Removes a client and all that belongs to it.
#[must_use]
pub fn delete(id: &str) -> Stmt {
    Stmt::new("DELETE FROM clients WHERE id = ?1").bind(id).one()
}

/// Notes that the client was seen using PKCE.
#[must_use]
pub fn set_pkce_supported(id: &str) -> Stmt {
    Stmt::new("UPDATE clients SET pkce_supported = 1 WHERE id = ?1").bind(id)
}

/// How many clients match the search (a folded LIKE pattern).
#[must_use]
pub fn count(pattern: &str) -> Stmt {
    Stmt::new("SELECT COUNT(*) AS n FROM clients WHERE name_folded LIKE ?1 ESCAPE '\\'").bind(pattern)
}

/// Column and direction of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By name, a to z.
    NameAscending,
    /// By name, z to a.
    NameDescending,
    /// Oldest first.
    CreatedAscending,
    /// Newest first.
    CreatedDescending,
}

impl Order {
    /// The order of a listing that sorts by `column`; by name unless it is another column that can be sorted by.
    #[must_use]
    pub fn of(column: Option<&str>, descending: bool) -> Self {
        match (column, descending) {
            (Some("createdAt"), false) => Self::CreatedAscending,
            (Some("createdAt"), true) => Self::CreatedDescending,
            (Some("name"), true) => Self::NameDescending,
            _ => Self::NameAscending,
        }
    }
}

/// A listing statement in each order: the text before, the order, the text after.
macro_rules! in_order {
    ($order:expr, $before:expr, $after:expr) => {
        match $order {
            Order::NameAscending => concat!($before, " ORDER BY c.name_folded, c.id", $after),
            Order::NameDescending => concat!($before, " ORDER BY c.name_folded DESC, c.id DESC", $after),
            Order::CreatedAscending => concat!($before, " ORDER BY c.created_at, c.id", $after),
            Order::CreatedDescending => concat!($before, " ORDER BY c.created_at DESC, c.id DESC", $after),
        }
    };
}
pub(crate) use in_order;

/// One page of clients that match the search, each with the number of its allowed groups.
#[must_use]
pub fn page(pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = in_order!(
        order,
        concat!(
            "SELECT ",
            client_columns!(),
            ", (SELECT COUNT(*) FROM client_allowed_groups g WHERE g.client_id = c.id) AS groups \
             FROM clients c WHERE c.name_folded LIKE ?1 ESCAPE '\\'"
        ),
        " LIMIT ?2 OFFSET ?3"
    );
    Stmt::new(sql).bind(pattern).bind(limit).bind(offset)
}

/// Takes all allowed groups away.
#[must_use]
pub fn clear_allowed_groups(id: &str) -> Stmt {
    Stmt::new("DELETE FROM client_allowed_groups WHERE client_id = ?1").bind(id)
}

/// A stored client secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// UUID.
    pub id: String,
    /// Hash of the secret.
    pub secret_hash: String,
    /// `sha256`: lower-case hex of SHA-256.
    pub hash_alg: String,
    /// First characters, to tell secrets apart.
    pub prefix: String,
    /// Creation.
    pub created_at: UnixTime,
    /// End of life, if it has one.
    pub expires_at: Option<UnixTime>,
}

impl ClientSecret {
    /// Reads a row of [`secrets`].
    ///
    /// # Errors
    /// [`DbError::Inconsistent`].
    pub fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.text("id")?,
            secret_hash: row.text("secret_hash")?,
            hash_alg: row.text("hash_alg")?,
            prefix: row.text("prefix")?,
            created_at: row.time("created_at")?,
            expires_at: row.opt_time("expires_at")?,
        })
    }

    /// Whether it can be used now.
    #[must_use]
    pub fn is_active(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|at| at > now)
    }

    /// Inserts the secret, unless the client has [`MAX_SECRETS`] already or is gone or public.
    #[must_use]
    pub fn insert(&self, client_id: &str) -> Stmt {
        Stmt::new(
            "INSERT INTO client_secrets (id, client_id, secret_hash, hash_alg, prefix, created_at, expires_at) \
             SELECT ?1, c.id, ?3, ?4, ?5, CAST(?6 AS BIGINT), CAST(?7 AS BIGINT) FROM clients c \
             WHERE c.id = ?2 AND c.is_public = 0 \
             AND (SELECT COUNT(*) FROM client_secrets s WHERE s.client_id = c.id) < 20",
        )
        .bind(&self.id)
        .bind(client_id)
        .bind(&self.secret_hash)
        .bind(&self.hash_alg)
        .bind(&self.prefix)
        .bind(self.created_at)
        .bind(self.expires_at)
        .one()
    }
}

/// Most secrets a client may have, expired ones included.
pub const MAX_SECRETS: usize = 20;

/// A client's secrets, newest first.
#[must_use]
pub fn secrets(client_id: &str) -> Stmt {
    Stmt::new(
        "SELECT id, secret_hash, hash_alg, prefix, created_at, expires_at FROM client_secrets \
         WHERE client_id = ?1 ORDER BY created_at DESC, id",
    )
    .bind(client_id)
}

/// The secrets of all clients on one page of a listing.
#[must_use]
pub fn secrets_of_page(pattern: &str, order: Order, limit: i64, offset: i64) -> Stmt {
    let sql = in_order!(
        order,
        "SELECT s.client_id, s.id, s.secret_hash, s.hash_alg, s.prefix, s.created_at, s.expires_at \
         FROM client_secrets s WHERE s.client_id IN \
         (SELECT c.id FROM clients c WHERE c.name_folded LIKE ?1 ESCAPE '\\'",
        " LIMIT ?2 OFFSET ?3) ORDER BY s.created_at DESC, s.id"
    );
    Stmt::new(sql).bind(pattern).bind(limit).bind(offset)
}

/// Removes a secret of a client.
#[must_use]
pub fn delete_secret(client_id: &str, id: &str) -> Stmt {
    Stmt::new("DELETE FROM client_secrets WHERE client_id = ?1 AND id = ?2").bind(client_id).bind(id).one()
}
