//! What went wrong with a form, in words for the person who sent it.

use super::Messages;

/// A reason to show a form again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// No passkey with this credential id is stored.
    PasskeyUnknown,
    /// The signature or another part of the answer did not verify.
    PasskeyRefused,
    /// The credential id is stored already.
    PasskeyTaken,
    /// The challenge is used up, expired or of another browser.
    ChallengeExpired,
    /// The form came without a WebAuthn answer.
    NoResponse,
    /// The passkey is right, but its account is disabled.
    AccountDisabled,
    /// The flood shield is up.
    TooManyTries,
    /// Somebody else has the username or the address.
    AccountTaken,
    /// Username against the rules.
    UsernameInvalid,
    /// E-mail address against the rules.
    EmailInvalid,
    /// First or last name missing or too long.
    NameInvalid,
    /// The authentication is too old to change passkeys.
    ConfirmFirst,
    /// No device waits for this code, or it is another person's.
    UserCodeUnknown,
    /// Too many wrong codes of devices.
    UserCodeTooMany,
}

impl Problem {
    /// Value of `aria-invalid` for a field that this problem would be about, where `shown` is the one that is shown.
    pub(super) fn invalid(self, shown: Option<Self>) -> &'static str {
        if shown == Some(self) { "true" } else { "false" }
    }

    /// The sentence to show.
    #[must_use]
    pub const fn text(self, m: &Messages) -> &'static str {
        match self {
            Self::PasskeyUnknown => m.problem_passkey_unknown(),
            Self::PasskeyRefused => m.problem_passkey_refused(),
            Self::PasskeyTaken => m.problem_passkey_taken(),
            Self::ChallengeExpired => m.problem_challenge_expired(),
            Self::NoResponse => m.problem_no_response(),
            Self::AccountDisabled => m.problem_account_disabled(),
            Self::TooManyTries => m.problem_too_many_tries(),
            Self::AccountTaken => m.problem_account_taken(),
            Self::UsernameInvalid => m.problem_username_invalid(),
            Self::EmailInvalid => m.problem_email_invalid(),
            Self::NameInvalid => m.problem_name_invalid(),
            Self::ConfirmFirst => m.problem_confirm_first(),
            Self::UserCodeUnknown => m.problem_user_code_unknown(),
            Self::UserCodeTooMany => m.problem_user_code_too_many(),
        }
    }
}
