//! What the person has to do before an authorization request can be granted
//! (OpenID Connect Core §3.1.2.3, §3.1.2.4).

use super::acr::Wanted;
use super::authorize::{CheckedAsk, is_silent};
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::consent::Consent;
use crate::store::interaction::Interaction;
use crate::store::session::Who;
use proto::oauth::prompt::Prompt;
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
    /// The `sub` that the client knows that person by.
    pub subject: Option<&'a str>,
    /// Everybody who is signed in in this browser.
    pub accounts: &'a [Account],
    /// Whether the person of `who` is in a group the client allows.
    pub is_member: bool,
    /// What that person has agreed to before.
    pub consent: Option<&'a Consent>,
    /// The interaction the request waits in; `None` when it just came in.
    pub interaction: Option<&'a Interaction>,
    /// Whether people may make accounts for themselves.
    pub can_sign_up: bool,
    /// This instant.
    pub now: UnixTime,
}

/// Somebody who is signed in in this browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Session and person.
    pub who: Who,
    /// The `sub` that the client knows the person by.
    pub subject: String,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Make an account, or sign in with one.
    SignUp,
    /// Sign in, for the first time or again.
    Authenticate,
    /// Choose the account to go on with.
    SelectAccount,
    /// Agree to share what the client asks for.
    Consent,
    /// Nothing: grant it.
    Grant,
    /// Nothing that would help: the client gets this error.
    Refuse(Refusal),
}

/// The next step.
///
/// # Errors
/// [`Refusal::NotInAllowedGroups`], shown to the person; only a silent request reports it to the client.
pub fn next(f: &Facts<'_>) -> Result<Next, Refusal> {
    let wanted = Wanted::of(f.ask);
    if wanted.as_ref().is_some_and(Wanted::is_impossible) {
        return Ok(Next::Refuse(Refusal::AuthenticationRequirementsUnmet));
    }
    if f.ask.prompts().has(Prompt::Create) {
        if !f.can_sign_up {
            return Ok(Next::Refuse(Refusal::PromptInvalid));
        }
        if !f.who.is_some_and(|who| authenticated_for_this(f, who)) {
            return Ok(Next::SignUp);
        }
    }
    let Some(who) = f.who else {
        return Ok(if choices(f).next().is_some() { Next::SelectAccount } else { Next::Authenticate });
    };
    if needs_account(f, who) {
        return Ok(Next::SelectAccount);
    }
    let too_weak = wanted.as_ref().filter(|w| !w.is_met(who.session.acr));
    if needs_authentication(f, who, too_weak) {
        return Ok(Next::Authenticate);
    }
    // They signed in for this request, and not as strongly as the client insists on.
    if too_weak.is_some_and(|w| w.is_essential) {
        return Ok(Next::Refuse(Refusal::AuthenticationRequirementsUnmet));
    }
    if f.client.is_group_restricted && !f.is_member {
        return Err(Refusal::NotInAllowedGroups);
    }
    Ok(if needs_consent(f, who) { Next::Consent } else { Next::Grant })
}

/// The accounts that the person may choose from: all of this browser, or the one that the client means.
pub fn choices<'a>(f: &Facts<'a>) -> impl Iterator<Item = &'a Who> {
    let ask = f.ask;
    let fitting = f.accounts.iter().filter(move |account| ask.accepts_subject(&account.subject));
    fitting.map(|account| &account.who)
}

/// Whether the person authenticated for this very request. The sign-in says so itself: clocks of two nodes, or
/// two requests within a second, prove nothing.
fn authenticated_for_this(f: &Facts<'_>, who: &Who) -> bool {
    f.interaction.is_some_and(|i| i.authenticated_user_id.as_deref() == Some(who.user.id.as_str()))
}

fn needs_account(f: &Facts<'_>, who: &Who) -> bool {
    // The client means another account, and that one is signed in as well.
    if f.subject.is_some_and(|sub| !f.ask.accepts_subject(sub)) {
        return choices(f).next().is_some();
    }
    let chosen = f.interaction.is_some_and(|i| {
        i.account_selected_at.is_some() && i.user_id.as_deref() == Some(who.user.id.as_str())
    });
    f.ask.prompts().has(Prompt::SelectAccount) && !chosen && !authenticated_for_this(f, who)
}

fn needs_authentication(f: &Facts<'_>, who: &Who, too_weak: Option<&Wanted>) -> bool {
    // The client means somebody else: whoever is signed in does not count.
    if f.subject.is_some_and(|sub| !f.ask.accepts_subject(sub)) {
        return true;
    }
    if authenticated_for_this(f, who) {
        return false;
    }
    let too_old = f.ask.max_age.is_some_and(|max| f.now >= who.session.auth_time.plus(max));
    // A mere wish is no reason to fail a silent request: the answer says how strong the sign-in was.
    let step_up = too_weak.is_some_and(|w| w.is_essential || !is_silent(f.ask));
    f.ask.prompts().has(Prompt::Login) || f.client.requires_reauthentication || too_old || step_up
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
    !f.client.skip_consent && !is_covered(f.ask, f.consent)
}

/// Whether all that is asked for was given before, to be sent to the same host.
fn is_covered(ask: &CheckedAsk, given: Option<&Consent>) -> bool {
    given.is_some_and(|given| {
        let host = ask.redirect_host();
        given.redirect_hosts.contains(&host) && ask.consent_keys().iter().all(|key| given.scope.contains(key))
    })
}

/// How `prompt=none` reports each step that would need the person (OpenID Connect Core §3.1.2.6).
/// `None` if nothing is needed.
#[must_use]
pub const fn silent_refusal(next: Next) -> Option<Refusal> {
    match next {
        Next::SignUp | Next::Authenticate => Some(Refusal::LoginRequired),
        Next::SelectAccount => Some(Refusal::AccountSelectionRequired),
        Next::Consent => Some(Refusal::ConsentRequired),
        Next::Grant => None,
        Next::Refuse(refusal) => Some(refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::store::session::Session;
    use crate::store::user::User;
    use proto::oidc::{Acr, ClaimsRequest};

    fn who(auth_time: i64) -> Who {
        let session = Session {
            id: "s".into(),
            user_id: "u".into(),
            amr: "phr".into(),
            acr: Some(Acr::Phr),
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
            updated_at: UnixTime(0),
        };
        Who { session, user }
    }

    fn ask(prompt: &str, max_age: Option<i64>) -> CheckedAsk {
        CheckedAsk {
            redirect_uri: "https://app.example/cb".into(),
            scope: "openid email".into(),
            prompt: prompt.into(),
            max_age,
            ..CheckedAsk::default()
        }
    }

    fn interaction() -> Interaction {
        Interaction {
            id: "i".into(),
            browser_hash: "b".into(),
            request: String::new(),
            user_id: None,
            authenticated_user_id: None,
            account_selected_at: None,
            consented_at: None,
            created_at: UnixTime(1000),
        }
    }

    fn given(scope: &str) -> Consent {
        Consent {
            scope: scope.split(' ').map(str::to_owned).collect(),
            redirect_hosts: vec!["app.example".into()],
        }
    }

    /// name, prompt, `max_age`, `auth_time`, interaction, consent, expected
    #[test]
    fn next_step_table() {
        let all = given("openid email profile");
        let less = given("openid");
        let elsewhere = Consent { redirect_hosts: vec!["other.example".into()], ..all.clone() };
        let u = || Some("u".to_owned());
        let i = interaction();
        let chosen = Interaction { user_id: u(), account_selected_at: Some(UnixTime(1001)), ..interaction() };
        let agreed = Interaction { user_id: u(), consented_at: Some(UnixTime(1001)), ..interaction() };
        let agreed_by_other = Interaction { user_id: Some("x".into()), ..agreed.clone() };
        let done = Interaction { authenticated_user_id: u(), ..interaction() };
        let done_by_other = Interaction { authenticated_user_id: Some("x".into()), ..interaction() };
        type Line<'a> =
            (&'a str, &'a str, Option<i64>, i64, Option<&'a Interaction>, Option<&'a Consent>, Next);
        let table: [Line<'_>; 17] = [
            ("consented before", "", None, 500, None, Some(&all), Next::Grant),
            ("never consented", "", None, 500, None, None, Next::Consent),
            ("consented to less", "", None, 500, None, Some(&less), Next::Consent),
            ("consented to another host", "", None, 500, None, Some(&elsewhere), Next::Consent),
            ("consent asked for", "consent", None, 500, None, Some(&all), Next::Consent),
            ("consent given here", "consent", None, 500, Some(&agreed), None, Next::Grant),
            ("consent of another person", "", None, 500, Some(&agreed_by_other), None, Next::Consent),
            ("login asked for", "login", None, 999, None, Some(&all), Next::Authenticate),
            ("login asked for, old session", "login", None, 1000, Some(&i), Some(&all), Next::Authenticate),
            ("login asked for and done", "login", None, 1000, Some(&done), Some(&all), Next::Grant),
            (
                "login done by another",
                "login",
                None,
                1000,
                Some(&done_by_other),
                Some(&all),
                Next::Authenticate,
            ),
            ("max_age passed", "", Some(100), 900, None, Some(&all), Next::Authenticate),
            ("max_age not passed", "", Some(101), 900, None, Some(&all), Next::Grant),
            ("max_age=0 and done", "", Some(0), 1000, Some(&done), Some(&all), Next::Grant),
            ("account asked for", "select_account", None, 500, Some(&i), Some(&all), Next::SelectAccount),
            ("account chosen", "select_account", None, 500, Some(&chosen), Some(&all), Next::Grant),
            (
                "account chosen by signing in",
                "select_account",
                None,
                500,
                Some(&done),
                Some(&all),
                Next::Grant,
            ),
        ];
        for (name, prompt, max_age, auth_time, interaction, consent, expected) in table {
            let who = who(auth_time);
            let ask = ask(prompt, max_age);
            let facts = Facts {
                ask: &ask,
                client: &client(),
                who: Some(&who),
                subject: Some("u"),
                accounts: &[],
                is_member: false,
                consent,
                interaction,
                can_sign_up: false,
                now: UnixTime(1000),
            };
            assert_eq!(next(&facts), Ok(expected), "{name}");
        }
    }

    #[test]
    fn consent_to_a_scope_is_none_to_the_same_word_at_an_api() {
        let at = |resource: Option<&str>, scope: &str| CheckedAsk {
            resource: resource.map(str::to_owned),
            scope: scope.into(),
            ..ask("", None)
        };
        let bare = given("openid read");
        let files = given("openid https://files.example\u{1f}read https://files.example\u{1f}");
        let table = [
            (at(Some("https://files.example"), "openid read"), &bare, false),
            (at(Some("https://files.example"), "openid read"), &files, true),
            (at(Some("https://files.example"), "openid"), &files, true),
            (at(Some("https://files.example"), "openid write"), &files, false),
            (at(Some("urn:mail"), "openid read"), &files, false),
            (at(None, "openid"), &files, true),
        ];
        for (ask, given, want) in table {
            assert_eq!(is_covered(&ask, Some(given)), want, "{ask:?}");
        }
    }

    /// acr of the session, `acr_values`, essential value, prompt, whether they signed in for this, expected
    #[test]
    fn a_sign_in_that_is_too_weak_is_done_again_once() {
        const UNMET: Next = Next::Refuse(Refusal::AuthenticationRequirementsUnmet);
        let consent = given("openid email");
        let done = Interaction { authenticated_user_id: Some("u".into()), ..interaction() };
        let (phr, phrh) = (Some(Acr::Phr), Some(Acr::Phrh));
        for (acr, wish, essential, prompt, signed_in, expected) in [
            (phr, "phr", "", "", false, Next::Grant),
            (phrh, "phr", "", "", false, Next::Grant),
            (None, "phr", "", "", false, Next::Authenticate),
            (phr, "phrh", "", "", false, Next::Authenticate),
            (phr, "phrh", "", "", true, Next::Grant),
            (phr, "phrh", "", "none", false, Next::Grant),
            (phr, "", "phrh", "", false, Next::Authenticate),
            (phr, "", "phrh", "none", false, Next::Authenticate),
            (phr, "", "phrh", "", true, UNMET),
            (phrh, "", "phrh", "", true, Next::Grant),
            (phrh, "", "phrh", "none", false, Next::Grant),
            (phrh, "phr", "unknown", "", false, UNMET),
            (phrh, "phr", "unknown", "none", false, UNMET),
        ] {
            let mut who = who(500);
            who.session.acr = acr;
            let claims = if essential.is_empty() {
                "{}".to_owned()
            } else {
                format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{essential}"}}}}}}"#)
            };
            let ask = CheckedAsk {
                acr_values: Acr::known(wish.split(' ')),
                claims: ClaimsRequest::parse(&claims).unwrap(),
                ..ask(prompt, None)
            };
            let facts = Facts {
                ask: &ask,
                client: &client(),
                who: Some(&who),
                subject: Some("u"),
                accounts: &[],
                is_member: false,
                consent: Some(&consent),
                interaction: signed_in.then_some(&done),
                can_sign_up: false,
                now: UnixTime(1000),
            };
            assert_eq!(next(&facts), Ok(expected), "{acr:?} {wish} {essential} {prompt} {signed_in}");
            if essential == "unknown" {
                assert_eq!(next(&Facts { who: None, subject: None, ..facts }), Ok(UNMET));
            }
        }
    }

    #[test]
    fn an_account_is_made_only_where_that_is_open() {
        let consent = given("openid email");
        let done = Interaction { authenticated_user_id: Some("u".into()), ..interaction() };
        let who = who(500);
        let create = ask("create", None);
        let run = |who, can_sign_up, interaction| {
            next(&Facts {
                ask: &create,
                client: &client(),
                who,
                subject: who.map(|_| "u"),
                accounts: &[],
                is_member: false,
                consent: Some(&consent),
                interaction,
                can_sign_up,
                now: UnixTime(1000),
            })
        };
        assert_eq!(run(None, false, None), Ok(Next::Refuse(Refusal::PromptInvalid)));
        assert_eq!(run(None, true, None), Ok(Next::SignUp));
        // whoever is signed in already may want another account
        assert_eq!(run(Some(&who), true, None), Ok(Next::SignUp));
        assert_eq!(run(Some(&who), true, Some(&done)), Ok(Next::Grant));
    }

    #[test]
    fn nobody_another_subject_and_groups() {
        let who = who(500);
        let consent = given("openid email");
        let plain = ask("", None);
        let hinted = CheckedAsk { hint_sub: Some("somebody else".into()), ..ask("", None) };
        let open = client();
        let restricted = Client { is_group_restricted: true, ..client() };
        let strict = Client { requires_reauthentication: true, ..client() };
        let run = |ask, client, who, is_member| {
            let consent = Some(&consent);
            next(&Facts {
                ask,
                client,
                who,
                subject: who.map(|_| "u"),
                accounts: &[],
                is_member,
                consent,
                interaction: None,
                can_sign_up: false,
                now: UnixTime(1000),
            })
        };
        assert_eq!(run(&plain, &open, None, false), Ok(Next::Authenticate));
        assert_eq!(run(&hinted, &open, Some(&who), false), Ok(Next::Authenticate));
        assert_eq!(run(&plain, &strict, Some(&who), false), Ok(Next::Authenticate));
        assert_eq!(run(&plain, &restricted, Some(&who), false), Err(Refusal::NotInAllowedGroups));
        assert_eq!(run(&plain, &restricted, Some(&who), true), Ok(Next::Grant));
    }

    #[test]
    fn accounts_of_the_browser_are_offered_where_they_could_help() {
        let of = |id: &str| {
            let Who { session, user } = who(500);
            Who {
                session: Session { id: format!("s-{id}"), ..session },
                user: User { id: id.into(), ..user },
            }
        };
        let (u, x) = (of("u"), of("x"));
        let both = [u.clone(), x.clone()];
        let consent = given("openid email");
        let hinted = |sub: &str| CheckedAsk { hint_sub: Some(sub.into()), ..ask("", None) };
        let run = |ask: &CheckedAsk, who: Option<&Who>, accounts: &[Who]| {
            let facts = Facts {
                ask,
                client: &client(),
                who,
                subject: who.map(|w| w.user.id.as_str()),
                accounts: &accounts
                    .iter()
                    .map(|who| Account { who: who.clone(), subject: who.user.id.clone() })
                    .collect::<Vec<_>>(),
                is_member: false,
                consent: Some(&consent),
                interaction: None,
                can_sign_up: false,
                now: UnixTime(1000),
            };
            let ids = choices(&facts).map(|w| w.user.id.clone()).collect::<Vec<_>>();
            (next(&facts).unwrap(), ids.join(" "))
        };
        let all = || "u x".to_owned();
        assert_eq!(run(&ask("", None), Some(&u), &both), (Next::Grant, all()), "the current one counts");
        assert_eq!(run(&ask("select_account", None), Some(&u), &both), (Next::SelectAccount, all()));
        assert_eq!(run(&ask("", None), None, &both), (Next::SelectAccount, all()), "signed out of one");
        assert_eq!(run(&ask("", None), None, &[]), (Next::Authenticate, String::new()));
        assert_eq!(run(&hinted("x"), Some(&u), &both), (Next::SelectAccount, "x".into()));
        assert_eq!(run(&hinted("x"), None, &both), (Next::SelectAccount, "x".into()));
        assert_eq!(run(&hinted("x"), Some(&x), &both), (Next::Grant, "x".into()));
        assert_eq!(run(&hinted("y"), Some(&u), &both), (Next::Authenticate, String::new()));
        assert_eq!(run(&hinted("y"), None, &both), (Next::Authenticate, String::new()));
    }

    #[test]
    fn s09_silent_requests_report_what_they_lack() {
        assert_eq!(silent_refusal(Next::Authenticate), Some(Refusal::LoginRequired));
        assert_eq!(silent_refusal(Next::SelectAccount), Some(Refusal::AccountSelectionRequired));
        assert_eq!(silent_refusal(Next::Consent), Some(Refusal::ConsentRequired));
        assert_eq!(silent_refusal(Next::Grant), None);
    }
}
