//! The device authorization grant (RFC 8628): what a device may ask for, and what its polls get.

use super::authorize::is_storable;
use super::resource::{self, Reach, SubjectType};
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::store::device_code::{DeviceCode, State};
use crate::store::grant::Grant;
use proto::form::Params;
use proto::oauth::scope::Scope;
use proto::time::UnixTime;

/// The grant type of the token request (§3.4).
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// By how many seconds a poll may be early: times are whole seconds, and networks are not even.
const TOLERANCE_S: i64 = 1;

/// What a device asks for (§3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceAsk {
    /// Scope, space separated.
    pub scope: String,
    /// API that tokens are for.
    pub resource: Option<String>,
    /// `nonce`, for the ID token.
    pub nonce: Option<String>,
}

/// Checks the request of an authenticated client. `reach` is what it may ask for at APIs in a person's name.
///
/// # Errors
/// The first rule that is broken.
pub fn ask(params: &Params, client: &Client, reach: &Reach) -> Result<DeviceAsk, Refusal> {
    if !client.metadata.allows_grant_type(GRANT_TYPE) {
        return Err(Refusal::GrantTypeNotRegistered);
    }
    let nonce = params.get("nonce");
    if nonce.is_some_and(|n| !is_storable(n)) {
        return Err(Refusal::ParameterTooLong);
    }
    let scope = Scope::parse(params.get("scope").unwrap_or("")).map_err(|_| Refusal::ScopeMalformed)?;
    let resolved = resource::resolve(&scope, params.get("resource"), reach, SubjectType::User);
    // `access_denied` would say that a person said no.
    let resolved = resolved.map_err(|refusal| match refusal {
        Refusal::ResourceNotAllowed => Refusal::ResourceUnknown,
        other => other,
    })?;
    Ok(DeviceAsk {
        scope: resolved.scope.to_string(),
        resource: resolved.resource,
        nonce: nonce.map(str::to_owned),
    })
}

/// Whether a poll gets tokens (§3.5). The facts of the person are looked at after this.
///
/// # Errors
/// [`Refusal::DevicePending`] and [`Refusal::DeviceSlowDown`] ask the caller to take note of the poll; the others
/// change nothing.
pub fn poll(
    stored: Option<&DeviceCode>,
    grant: Option<&Grant>,
    client: &Client,
    now: UnixTime,
) -> Result<(), Refusal> {
    let code = stored.ok_or(Refusal::DeviceCodeUnknown)?;
    if code.client_id != client.id {
        return Err(Refusal::DeviceCodeOfOtherClient);
    }
    if code.state == State::Redeemed {
        return Err(Refusal::DeviceCodeAlreadyUsed);
    }
    if code.expires_at <= now {
        return Err(Refusal::DeviceCodeExpired);
    }
    match code.state {
        State::Denied => Err(Refusal::DeviceDenied),
        State::Approved if grant.is_none_or(|g| g.revoked_at.is_some()) => Err(Refusal::GrantRevoked),
        State::Approved => Ok(()),
        _ if is_early(code, now) => Err(Refusal::DeviceSlowDown),
        _ => Err(Refusal::DevicePending),
    }
}

fn is_early(code: &DeviceCode, now: UnixTime) -> bool {
    code.last_polled_at.is_some_and(|last| now.since(last) < code.interval_s.saturating_sub(TOLERANCE_S))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::authorize::tests::client;
    use crate::decide::code::tests::grant;
    use crate::decide::resource::tests::{FILES, reach};
    use proto::oauth::client_metadata::ClientMetadata;

    fn code(state: State) -> DeviceCode {
        DeviceCode {
            client_id: "app".into(),
            scope: "openid".into(),
            resource: None,
            nonce: None,
            state,
            user_id: Some("u".into()),
            tries: 0,
            interval_s: 5,
            last_polled_at: None,
            ip: None,
            country: None,
            city: None,
            user_agent: String::new(),
            created_at: UnixTime(0),
            expires_at: UnixTime(900),
        }
    }

    fn run(code: &DeviceCode, now: i64) -> Result<(), Refusal> {
        poll(Some(code), Some(&grant()), &client(), UnixTime(now))
    }

    #[test]
    fn s20_each_state_has_its_answer() {
        for (state, in_time, late) in [
            (State::Pending, Err(Refusal::DevicePending), Err(Refusal::DeviceCodeExpired)),
            (State::Claimed, Err(Refusal::DevicePending), Err(Refusal::DeviceCodeExpired)),
            (State::Approved, Ok(()), Err(Refusal::DeviceCodeExpired)),
            (State::Denied, Err(Refusal::DeviceDenied), Err(Refusal::DeviceCodeExpired)),
            (State::Redeemed, Err(Refusal::DeviceCodeAlreadyUsed), Err(Refusal::DeviceCodeAlreadyUsed)),
        ] {
            assert_eq!(run(&code(state), 899), in_time, "{state:?}");
            assert_eq!(run(&code(state), 900), late, "{state:?}");
            let other = DeviceCode { client_id: "other".into(), ..code(state) };
            assert_eq!(run(&other, 0), Err(Refusal::DeviceCodeOfOtherClient), "{state:?}");
        }
        assert_eq!(poll(None, None, &client(), UnixTime(0)), Err(Refusal::DeviceCodeUnknown));
        let revoked = Grant { revoked_at: Some(UnixTime(1)), ..grant() };
        let approved = code(State::Approved);
        for gone in [None, Some(&revoked)] {
            assert_eq!(poll(Some(&approved), gone, &client(), UnixTime(2)), Err(Refusal::GrantRevoked));
        }
    }

    #[test]
    fn polls_keep_their_distance() {
        for (interval_s, last, now, want) in [
            (5, None, 0, Refusal::DevicePending),
            (5, Some(10), 10, Refusal::DeviceSlowDown),
            (5, Some(10), 13, Refusal::DeviceSlowDown),
            (5, Some(10), 14, Refusal::DevicePending),
            (10, Some(10), 15, Refusal::DeviceSlowDown),
            (10, Some(10), 20, Refusal::DevicePending),
        ] {
            let code = DeviceCode { interval_s, last_polled_at: last.map(UnixTime), ..code(State::Pending) };
            assert_eq!(run(&code, now), Err(want), "{interval_s} {last:?} {now}");
        }
        let approved = DeviceCode { last_polled_at: Some(UnixTime(10)), ..code(State::Approved) };
        assert_eq!(run(&approved, 10), Ok(()));
    }

    #[test]
    fn s20_a_code_is_open_to_whoever_entered_it_first() {
        let free = DeviceCode { user_id: None, ..code(State::Pending) };
        assert!(free.is_open_to("u") && free.is_open_to("x"));
        let claimed = code(State::Claimed);
        assert!(claimed.is_open_to("u") && !claimed.is_open_to("x"));
        for done in [State::Approved, State::Denied, State::Redeemed] {
            assert!(!code(done).is_open_to("u"), "{done:?}");
        }
        let often = DeviceCode { tries: 10, ..claimed };
        assert!(!often.is_open_to("u"));
    }

    #[test]
    fn what_a_device_may_ask_for() {
        let run = |query: &str| ask(&Params::parse(query).unwrap(), &client(), &reach());
        let want = |scope: &str, resource: Option<&str>, nonce: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Ok(DeviceAsk { scope: scope.to_owned(), resource: owned(resource), nonce: owned(nonce) })
        };
        assert_eq!(run(""), want("", None, None));
        assert_eq!(run("scope=openid+made-up+email&nonce=n"), want("openid email", None, Some("n")));
        let api = format!("scope=openid+read&resource={FILES}");
        assert_eq!(run(&api), want("openid read", Some(FILES), None));
        assert_eq!(run("resource=https://hidden.example"), Err(Refusal::ResourceUnknown));
        assert_eq!(run("resource=nonsense"), Err(Refusal::ResourceMalformed));
        assert_eq!(run("scope=a%22b"), Err(Refusal::ScopeMalformed));
        assert_eq!(run(&format!("nonce={}", "n".repeat(1025))), Err(Refusal::ParameterTooLong));
        let only_codes =
            ClientMetadata { grant_types: Some(vec!["authorization_code".into()]), ..Default::default() };
        let barred = Client { metadata: only_codes, ..client() };
        assert_eq!(ask(&Params::default(), &barred, &reach()), Err(Refusal::GrantTypeNotRegistered));
    }
}
