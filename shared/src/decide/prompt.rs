//! What the person has to do before an authorization request can be granted
//! (OpenID Connect Core §3.1.2.3, §3.1.2.4).

use super::authorize::CheckedAsk;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::interaction::Interaction;
use crate::store::session::Who;
use proto::oauth::prompt::Prompt;
use proto::oauth::scope::Scope;
use proto::time::UnixTime;

/// The facts the rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The request.
    pub ask: &'a CheckedAsk,
    /// The client.
    pub client: &'a Client,
    /// Who is signed in.
    pub who: Option<&'a Who>,
    /// Whether that person is in a group the client allows.
    pub is_member: bool,
    /// Scopes that person has agreed to before; `None` without consent.
    pub consent: Option<&'a [String]>,
    /// The interaction the request waits in; `None` when it just came in.
    pub interaction: Option<&'a Interaction>,
    /// This instant.
    pub now: UnixTime,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Sign in, for the first time or again.
    Authenticate,
    /// Choose the account to go on with.
    SelectAccount,
    /// Agree to share what the client asks for.
    Consent,
    /// Nothing: grant it.
    Grant,
}

/// The next step.
///
/// # Errors
/// [`Refusal::NotInAllowedGroups`], shown to the person and never sent to the client.
pub fn next(f: &Facts<'_>) -> Result<Next, Refusal> {
    let Some(who) = f.who else { return Ok(Next::Authenticate) };
    if needs_account(f, who) {
        return Ok(Next::SelectAccount);
    }
    if needs_authentication(f, who) {
        return Ok(Next::Authenticate);
    }
    if f.client.is_group_restricted && !f.is_member {
        return Err(Refusal::NotInAllowedGroups);
    }
    Ok(if needs_consent(f, who) { Next::Consent } else { Next::Grant })
}

/// Whether the person authenticated after the request came in.
fn authenticated_for_this(f: &Facts<'_>, who: &Who) -> bool {
    f.interaction.is_some_and(|i| who.session.auth_time >= i.created_at)
}

fn needs_account(f: &Facts<'_>, who: &Who) -> bool {
    let chosen = f.interaction.is_some_and(|i| {
        i.account_selected_at.is_some() && i.user_id.as_deref() == Some(who.user.id.as_str())
    });
    f.ask.prompts().has(Prompt::SelectAccount) && !chosen && !authenticated_for_this(f, who)
}

fn needs_authentication(f: &Facts<'_>, who: &Who) -> bool {
    // The client means somebody else: whoever is signed in does not count.
    if f.ask.hint_sub.as_deref().is_some_and(|sub| sub != who.user.id) {
        return true;
    }
    if authenticated_for_this(f, who) {
        return false;
    }
    let too_old = f.ask.max_age.is_some_and(|max| f.now >= who.session.auth_time.plus(max));
    f.ask.prompts().has(Prompt::Login) || f.client.requires_reauthentication || too_old
}

fn needs_consent(f: &Facts<'_>, who: &Who) -> bool {
    let just_given = f
        .interaction
        .is_some_and(|i| i.consented_at.is_some() && i.user_id.as_deref() == Some(who.user.id.as_str()));
    if just_given {
        return false;
    }
    if f.ask.prompts().has(Prompt::Consent) {
        return true;
    }
    !f.client.skip_consent && !is_covered(&f.ask.scope(), f.consent)
}

fn is_covered(wanted: &Scope, given: Option<&[String]>) -> bool {
    given.is_some_and(|given| wanted.iter().all(|scope| given.iter().any(|g| g == scope)))
}

/// How `prompt=none` reports each step that would need the person (OpenID Connect Core §3.1.2.6).
/// `None` if nothing is needed.
#[must_use]
pub const fn silent_refusal(next: Next) -> Option<Refusal> {
    match next {
        Next::Authenticate => Some(Refusal::LoginRequired),
        Next::SelectAccount => Some(Refusal::AccountSelectionRequired),
        Next::Consent => Some(Refusal::ConsentRequired),
        Next::Grant => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::store::session::Session;
    use crate::store::user::User;
    use proto::oauth::response_mode::ResponseMode;

    fn who(auth_time: i64) -> Who {
        let session = Session {
            id: "s".into(),
            user_id: "u".into(),
            amr: "phr".into(),
            auth_time: UnixTime(auth_time),
            last_seen_at: UnixTime(auth_time),
            expires_at: UnixTime(10_000),
        };
        let user = User {
            id: "u".into(),
            username: "ada".into(),
            email: None,
            email_verified: false,
            first_name: String::new(),
            last_name: String::new(),
            display_name: String::new(),
            is_admin: false,
            disabled: false,
            locale: None,
            ldap_id: None,
        };
        Who { session, user }
    }

    fn ask(prompt: &str, max_age: Option<i64>) -> CheckedAsk {
        CheckedAsk {
            redirect_uri: "https://app.example/cb".into(),
            redirect_uri_sent: None,
            response_mode: ResponseMode::Query,
            state: None,
            scope: "openid email".into(),
            nonce: None,
            code_challenge: None,
            prompt: prompt.into(),
            max_age,
            login_hint: None,
            hint_sub: None,
        }
    }

    fn interaction() -> Interaction {
        Interaction {
            id: "i".into(),
            browser_hash: "b".into(),
            request: String::new(),
            user_id: None,
            account_selected_at: None,
            consented_at: None,
            created_at: UnixTime(1000),
        }
    }

    fn given() -> Vec<String> {
        vec!["openid".into(), "email".into(), "profile".into()]
    }

    /// name, prompt, max_age, auth_time, interaction, consent, expected
    #[test]
    fn next_step_table() {
        let consent = given();
        let chosen = Interaction {
            user_id: Some("u".into()),
            account_selected_at: Some(UnixTime(1001)),
            ..interaction()
        };
        let agreed =
            Interaction { user_id: Some("u".into()), consented_at: Some(UnixTime(1001)), ..interaction() };
        let agreed_by_other = Interaction { user_id: Some("x".into()), ..agreed.clone() };
        type Line<'a> =
            (&'a str, &'a str, Option<i64>, i64, Option<&'a Interaction>, Option<&'a [String]>, Next);
        let i = interaction();
        let table: [Line<'_>; 14] = [
            ("consented before", "", None, 500, None, Some(&consent), Next::Grant),
            ("never consented", "", None, 500, None, None, Next::Consent),
            ("consented to less", "", None, 500, None, Some(&consent[..1]), Next::Consent),
            ("consent asked for", "consent", None, 500, None, Some(&consent), Next::Consent),
            ("consent given here", "consent", None, 500, Some(&agreed), None, Next::Grant),
            ("consent of another person", "", None, 500, Some(&agreed_by_other), None, Next::Consent),
            ("login asked for", "login", None, 999, None, Some(&consent), Next::Authenticate),
            (
                "login asked for, old session",
                "login",
                None,
                999,
                Some(&i),
                Some(&consent),
                Next::Authenticate,
            ),
            ("login asked for and done", "login", None, 1000, Some(&i), Some(&consent), Next::Grant),
            ("max_age passed", "", Some(100), 900, None, Some(&consent), Next::Authenticate),
            ("max_age not passed", "", Some(101), 900, None, Some(&consent), Next::Grant),
            ("max_age=0 and done", "", Some(0), 1000, Some(&i), Some(&consent), Next::Grant),
            ("account asked for", "select_account", None, 500, Some(&i), Some(&consent), Next::SelectAccount),
            ("account chosen", "select_account", None, 500, Some(&chosen), Some(&consent), Next::Grant),
        ];
        for (name, prompt, max_age, auth_time, interaction, consent, expected) in table {
            let who = who(auth_time);
            let ask = ask(prompt, max_age);
            let facts = Facts {
                ask: &ask,
                client: &client(),
                who: Some(&who),
                is_member: false,
                consent,
                interaction,
                now: UnixTime(1000),
            };
            assert_eq!(next(&facts), Ok(expected), "{name}");
        }
    }

    #[test]
    fn nobody_another_subject_and_groups() {
        let who = who(500);
        let consent = given();
        let plain = ask("", None);
        let hinted = CheckedAsk { hint_sub: Some("somebody else".into()), ..ask("", None) };
        let open = client();
        let restricted = Client { is_group_restricted: true, ..client() };
        let strict = Client { requires_reauthentication: true, ..client() };
        let run = |ask, client, who, is_member| {
            let consent: Option<&[String]> = Some(&consent);
            next(&Facts { ask, client, who, is_member, consent, interaction: None, now: UnixTime(1000) })
        };
        assert_eq!(run(&plain, &open, None, false), Ok(Next::Authenticate));
        assert_eq!(run(&hinted, &open, Some(&who), false), Ok(Next::Authenticate));
        assert_eq!(run(&plain, &strict, Some(&who), false), Ok(Next::Authenticate));
        assert_eq!(run(&plain, &restricted, Some(&who), false), Err(Refusal::NotInAllowedGroups));
        assert_eq!(run(&plain, &restricted, Some(&who), true), Ok(Next::Grant));
    }

    #[test]
    fn s09_silent_requests_report_what_they_lack() {
        assert_eq!(silent_refusal(Next::Authenticate), Some(Refusal::LoginRequired));
        assert_eq!(silent_refusal(Next::SelectAccount), Some(Refusal::AccountSelectionRequired));
        assert_eq!(silent_refusal(Next::Consent), Some(Refusal::ConsentRequired));
        assert_eq!(silent_refusal(Next::Grant), None);
    }
}
