//! Which claims a person's tokens carry.

use crate::db::Rows;
use crate::ports::DbError;
use crate::store::grant::Grant;
use crate::store::user::User;
use proto::oidc::ClaimsRequest;
use proto::oidc::claims::{CustomClaim, Person, merge_custom};

/// The person's groups, and whether one of them is allowed by the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// Names.
    pub names: Vec<String>,
    /// Whether the client allows one of them.
    pub is_member: bool,
}

/// Reads the rows of `store::grant::groups`.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn groups(rows: &Rows) -> Result<Groups, DbError> {
    let mut groups = Groups::default();
    for row in rows {
        groups.names.push(row.text("name")?);
        groups.is_member |= row.flag("allowed")?;
    }
    Ok(groups)
}

/// The person as tokens and userinfo tell about them. `custom` are the rows of `store::grant::custom_claims`.
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn person(user: &User, groups: Groups, custom: &Rows) -> Result<Person, DbError> {
    let (mut own, mut of_groups) = (Vec::new(), Vec::new());
    for row in custom {
        let claim = CustomClaim { key: row.text("name")?, value: row.text("value")? };
        if row.flag("own")? { own.push(claim) } else { of_groups.push(claim) }
    }
    Ok(Person {
        id: user.id.clone(),
        username: user.username.clone(),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        display_name: user.display_name.clone(),
        email: user.email.clone(),
        email_verified: user.email_verified,
        locale: user.locale.clone(),
        updated_at: user.updated_at,
        groups: groups.names,
        custom: merge_custom(&own, &of_groups),
    })
}

/// What was asked for by name when the grant was given (OpenID Connect Core §5.5).
///
/// # Errors
/// [`DbError::Inconsistent`].
pub fn requested(grant: &Grant) -> Result<ClaimsRequest, DbError> {
    let stored = grant.claims.as_deref().map(serde_json::from_str::<ClaimsRequest>).transpose();
    stored
        .map(Option::unwrap_or_default)
        .map_err(|_| DbError::Inconsistent { table: "grants", what: "claims do not parse".into() })
}

/// `sub` of a client that acts for itself. Ids of people are UUIDs, so it is nobody's.
#[must_use]
pub fn client_subject(client_id: &str) -> String {
    format!("client-{client_id}")
}

/// `jti` of an access token. It names the grant, so that revoking the grant ends the token here.
#[must_use]
pub fn access_token_id(grant_id: &str, random: &str) -> String {
    format!("{grant_id}.{random}")
}

/// The grant that a `jti` names.
#[must_use]
pub fn grant_of(jti: &str) -> Option<&str> {
    jti.split_once('.').map(|(grant, _)| grant)
}
