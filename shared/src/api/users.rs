//! `/api/users/me`.

use super::error::ApiError;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::store::user::User;
use ::http::StatusCode;
use serde::Serialize;

/// A user as the API shows it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserDto<'a> {
    id: &'a str,
    username: &'a str,
    email: Option<&'a str>,
    email_verified: bool,
    first_name: &'a str,
    last_name: Option<&'a str>,
    display_name: &'a str,
    is_admin: bool,
    locale: Option<&'a str>,
    ldap_id: Option<&'a str>,
    disabled: bool,
}

impl<'a> From<&'a User> for UserDto<'a> {
    fn from(u: &'a User) -> Self {
        Self {
            id: &u.id,
            username: &u.username,
            email: u.email.as_deref(),
            email_verified: u.email_verified,
            first_name: &u.first_name,
            last_name: Some(u.last_name.as_str()).filter(|n| !n.is_empty()),
            display_name: &u.display_name,
            is_admin: u.is_admin,
            locale: u.locale.as_deref(),
            ldap_id: u.ldap_id.as_deref(),
            disabled: u.disabled,
        }
    }
}

/// `GET /api/users/me`.
///
/// # Errors
/// [`ApiError::NotSignedIn`].
pub async fn me(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let who = cx.who.as_ref().ok_or(ApiError::NotSignedIn)?;
    Ok(respond::json(StatusCode::OK, &UserDto::from(&who.user)))
}
