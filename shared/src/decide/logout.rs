//! Logout at clients: what comes of a try to deliver a logout token (OpenID Connect Back-Channel Logout 1.0 §2.8), and
//! the address of a client's logout page (OpenID Connect Front-Channel Logout 1.0 §2).

use crate::ports::FetchError;
use crate::store::logout::{Outcome, State};
use proto::oauth::ClientMetadata;
use proto::time::UnixTime;
use url::Url;

/// How many tries a delivery has.
pub const TRIES: i64 = 8;

/// How long to wait after each try but the last, in seconds: over 20 hours together.
const WAITS_S: [i64; 7] = [10, 60, 300, 1800, 7200, 21_600, 43_200];

/// What the client answered, or why it was not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A response with this status.
    Status(u16),
    /// No response.
    Failed(FetchError),
    /// The client wants no logout tokens any more.
    NoAddress,
    /// There is no token to send, by a fault of ours.
    NoToken,
}

/// Success is any 2xx. A 400 means that the client did not understand the token, which no other try will change.
/// Anything else may pass, so it is tried again, [`TRIES`] times in all.
#[must_use]
pub fn outcome(answer: &Answer, attempts: i64, now: UnixTime) -> Outcome {
    let end = |state, error| Outcome { state, error, next_attempt_at: now };
    let error = match answer {
        Answer::Status(200..=299) => return end(State::Delivered, None),
        Answer::Status(400) => return end(State::Failed, Some("answered 400".to_owned())),
        Answer::NoAddress => return end(State::Failed, Some("has no backchannel_logout_uri".to_owned())),
        Answer::Status(status) => format!("answered {status}"),
        Answer::Failed(error) => error.to_string(),
        Answer::NoToken => "could not be signed".to_owned(),
    };
    let wait = usize::try_from(attempts.saturating_sub(1)).ok().and_then(|n| WAITS_S.get(n));
    match wait {
        Some(wait) => Outcome { state: State::Pending, error: Some(error), next_attempt_at: now.plus(*wait) },
        None => end(State::Failed, Some(error)),
    }
}

/// The address to load so that a client forgets a session; with issuer and session id if it asked for them.
#[must_use]
pub fn frame(metadata: &ClientMetadata, issuer: &str, session_id: &str) -> Option<Url> {
    let mut url = Url::parse(metadata.frontchannel_logout_uri.as_deref()?).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    if metadata.frontchannel_logout_session_required {
        url.query_pairs_mut().append_pair("iss", issuer).append_pair("sid", session_id);
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_issuer_and_session_if_asked_for() {
        let of = |uri: Option<&str>, required| {
            let metadata = ClientMetadata {
                frontchannel_logout_uri: uri.map(str::to_owned),
                frontchannel_logout_session_required: required,
                ..ClientMetadata::default()
            };
            frame(&metadata, "https://id.example", "s&1").map(String::from)
        };
        let table = [
            (None, false, None),
            (Some("javascript:alert(1)"), false, None),
            (Some("/relative"), false, None),
            (Some("https://app.example/out"), false, Some("https://app.example/out")),
            (
                Some("https://app.example/out?x=1"),
                true,
                Some("https://app.example/out?x=1&iss=https%3A%2F%2Fid.example&sid=s%261"),
            ),
        ];
        for (uri, required, want) in table {
            assert_eq!(of(uri, required).as_deref(), want, "{uri:?}");
        }
    }

    #[test]
    fn answers_and_what_comes_of_them() {
        let now = UnixTime(1000);
        let (delivered, failed, pending) = (State::Delivered, State::Failed, State::Pending);
        let table = [
            (Answer::Status(200), 1, delivered, None, 1000),
            (Answer::Status(204), 8, delivered, None, 1000),
            (Answer::Status(400), 1, failed, Some("answered 400"), 1000),
            (Answer::NoAddress, 1, failed, Some("has no backchannel_logout_uri"), 1000),
            (Answer::Status(302), 1, pending, Some("answered 302"), 1010),
            (Answer::Status(404), 2, pending, Some("answered 404"), 1060),
            (Answer::Status(500), 3, pending, Some("answered 500"), 1300),
            (Answer::Failed(FetchError::Timeout), 4, pending, Some("timed out"), 2800),
            (Answer::Failed(FetchError::TooLarge), 5, pending, Some("answer too large"), 8200),
            (Answer::Failed(FetchError::Unreachable), 6, pending, Some("could not be reached"), 22_600),
            (Answer::Failed(FetchError::Refused), 7, pending, Some("target not allowed"), 44_200),
            (Answer::NoToken, 1, pending, Some("could not be signed"), 1010),
            (Answer::Status(503), TRIES, failed, Some("answered 503"), 1000),
            (Answer::Status(503), 0, failed, Some("answered 503"), 1000),
            (Answer::Status(503), 9, failed, Some("answered 503"), 1000),
        ];
        for (answer, attempts, state, error, next) in table {
            let want = Outcome { state, error: error.map(str::to_owned), next_attempt_at: UnixTime(next) };
            assert_eq!(outcome(&answer, attempts, now), want, "{answer:?} {attempts}");
        }
        assert_eq!(WAITS_S.len() as i64, TRIES - 1);
    }
}
