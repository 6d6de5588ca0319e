//! What the two forms that make an account share: `/setup` and `/signup`.

use super::ceremony;
use crate::decide::account_fields::{self, Fields};
use crate::failure::{Failure, Fault};
use crate::http::Cx;
use crate::pages::{AccountValues, Problem};
use crate::store::challenge::Challenge;
use crate::store::passkey::Passkey;
use crate::store::user::User;
use proto::form::Params;

/// What the new account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// Everything.
    Admin,
    /// What everybody may.
    Person,
}

/// What was typed, to show again.
pub(super) fn values(params: &Params) -> AccountValues<'_> {
    AccountValues {
        username: params.get("username").unwrap_or(""),
        email: params.get("email").unwrap_or(""),
        first_name: params.get("firstName").unwrap_or(""),
        last_name: params.get("lastName").unwrap_or(""),
    }
}

/// The account and its passkey, from a form and the challenge that it answers. Nothing is stored yet.
///
/// # Errors
/// The outer one is a fault; the inner one the problem to show with the form.
pub(super) fn made(
    cx: &Cx,
    params: &Params,
    challenge: Option<Challenge>,
    rights: Rights,
) -> Result<Result<(User, Passkey), Problem>, Failure> {
    let typed = values(params);
    let fields = account_fields::check(&Fields {
        username: typed.username.to_owned(),
        email: typed.email.to_owned(),
        first_name: typed.first_name.to_owned(),
        last_name: typed.last_name.to_owned(),
        display_name: String::new(),
    });
    let fields = match fields {
        Ok(fields) => fields,
        Err(problem) => return Ok(Err(problem)),
    };
    let Some(response) = params.get("response") else { return Ok(Err(Problem::NoResponse)) };
    let Some(challenge) = challenge else { return Ok(Err(Problem::ChallengeExpired)) };
    let credential = match ceremony::finish_create(cx, &challenge, response) {
        Ok(credential) => credential,
        Err(problem) => return Ok(Err(problem)),
    };
    let user = User {
        id: challenge.user_handle.ok_or(Fault::Bug("a challenge for an account without user handle"))?,
        username: fields.username,
        email: Some(fields.email),
        // Nobody has proven the address yet.
        email_verified: false,
        display_name: fields.display_name,
        first_name: fields.first_name,
        last_name: fields.last_name,
        is_admin: rights == Rights::Admin,
        disabled: false,
        locale: None,
        ldap_id: None,
        updated_at: cx.now,
    };
    let passkey = ceremony::to_passkey(cx, &user, credential)?;
    Ok(Ok((user, passkey)))
}
