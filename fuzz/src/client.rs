//! What clients send: credentials, scopes, prompts, PKCE, response modes, and what is registered about them.

use crate::{has_float, parts};
use proto::form::Params;
use proto::oauth::pkce::{self, CodeChallenge};
use proto::oauth::prompt::Prompts;
use proto::oauth::{ClientMetadata, ResponseMode, Scope, client_auth};
use proto::time::UnixTime;

/// Rules: sets of scopes are sets; a stored challenge is read again; metadata that is read is written and read again
/// as the same; a time that is written is read again as the same.
pub fn client(data: &[u8]) {
    let mut parts = parts(data);
    let mut next = || parts.next().unwrap_or_default();
    let (header, body, one, two) = (next(), next(), next(), next());
    if let Ok(params) = Params::parse(body) {
        let _ = client_auth::parse(Some(header), &params);
        let _ = client_auth::parse(None, &params);
    }
    if let (Ok(a), Ok(b)) = (Scope::parse(one), Scope::parse(two)) {
        let (both, either) = (a.intersection(&b), a.union(&b));
        assert!(both.is_subset(&a) && both.is_subset(&b));
        assert!(a.is_subset(&either) && b.is_subset(&either));
        assert_eq!(Scope::parse(&either.to_string()).as_ref(), Ok(&either));
    }
    let _ = Prompts::parse(one);
    let _ = ResponseMode::parse(Some(one));
    if let Ok(Some(challenge)) = CodeChallenge::parse(Some(one), Some("S256")) {
        assert_eq!(CodeChallenge::from_stored(challenge.as_str()), Ok(challenge.clone()));
        let _ = pkce::verify(Some(&challenge), Some(two));
    }
    let _ = CodeChallenge::parse(Some(one), Some(two));
    let _ = pkce::is_verifier(one);
    if let Ok(metadata) = ClientMetadata::from_text(one) {
        let again = ClientMetadata::from_text(&metadata.to_text()).unwrap();
        assert!(metadata.jwks.as_ref().is_some_and(has_float) || again == metadata);
    }
    if let Some(time) = UnixTime::parse_rfc3339(one) {
        assert_eq!(UnixTime::parse_rfc3339(&time.rfc3339()), Some(time));
    }
}
