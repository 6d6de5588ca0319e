//! Where the parameters of an authorization request come from: from the request itself, from a request object
//! (RFC 9101), or from a request that was pushed before (RFC 9126).

use crate::refusal::Refusal;
use proto::form::Params;
use proto::oauth::scope::Scope;

/// How every `request_uri` of ours begins (RFC 9126 §2.2).
pub const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// What of a body authenticates the client and is no part of its request (RFC 9126 §2.1).
const CREDENTIALS: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// Most bytes that a pushed request may have when it is stored.
const LONGEST: usize = 16 * 1024;

/// How a request came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Source {
    /// Whether the client pushed it.
    pub is_pushed: bool,
    /// Whether the client signed it.
    pub is_signed: bool,
}

/// Where to find the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// They are what was sent.
    Plain,
    /// In this request object.
    Object(&'a str),
    /// In the pushed request of this URN.
    Pushed(&'a str),
}

/// Tells where the parameters are. Nothing is ever fetched: the only `request_uri` are our own URNs.
///
/// # Errors
/// [`Refusal::RequestAndRequestUri`] for both (OpenID Connect Core §6), [`Refusal::RequestUriUnsupported`].
pub fn way(sent: &Params) -> Result<Way<'_>, Refusal> {
    match (sent.get("request"), sent.get("request_uri")) {
        (None, None) => Ok(Way::Plain),
        (Some(object), None) => Ok(Way::Object(object)),
        (None, Some(uri)) if uri.starts_with(URN) => Ok(Way::Pushed(uri)),
        (None, Some(_)) => Err(Refusal::RequestUriUnsupported),
        (Some(_), Some(_)) => Err(Refusal::RequestAndRequestUri),
    }
}

/// The parameters of a pushed request as they are stored.
///
/// # Errors
/// [`Refusal::PushedRequestTooLong`].
pub fn to_push(params: &Params) -> Result<Params, Refusal> {
    let kept = params.without(&CREDENTIALS);
    if kept.render().len() > LONGEST { Err(Refusal::PushedRequestTooLong) } else { Ok(kept) }
}

/// What is sent beside a request object does not count (RFC 9101 §5), but what OpenID Connect Core §6.1 wants
/// repeated must agree: the same `response_type`, and no scope that the object lacks.
///
/// # Errors
/// [`Refusal::RequestObjectContradicted`].
pub fn agree(sent: &Params, object: &Params) -> Result<(), Refusal> {
    let same_type = sent.get("response_type").is_none_or(|t| object.get("response_type") == Some(t));
    let scope = |params: &Params| Scope::parse(params.get("scope").unwrap_or(""));
    // A malformed scope in the object is refused as such later.
    let inside = scope(object).unwrap_or_default();
    let within = scope(sent).is_ok_and(|scope| scope.is_subset(&inside));
    if same_type && within { Ok(()) } else { Err(Refusal::RequestObjectContradicted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Params {
        Params::parse(query).unwrap()
    }

    #[test]
    fn s08_only_our_own_urns_are_a_request_uri() {
        let ours = "urn:ietf:params:oauth:request_uri:x";
        for (query, expected) in [
            ("client_id=a", Ok(Way::Plain)),
            ("request=&request_uri=", Ok(Way::Plain)),
            ("request=a.b.c", Ok(Way::Object("a.b.c"))),
            ("request_uri=urn:ietf:params:oauth:request_uri:x", Ok(Way::Pushed(ours))),
            ("request_uri=https://app.example/r", Err(Refusal::RequestUriUnsupported)),
            ("request_uri=URN:ietf:params:oauth:request_uri:x", Err(Refusal::RequestUriUnsupported)),
            ("request_uri=+urn:ietf:params:oauth:request_uri:x", Err(Refusal::RequestUriUnsupported)),
            ("request_uri=urn:ietf:params:oauth:x", Err(Refusal::RequestUriUnsupported)),
            ("request=a&request_uri=urn:ietf:params:oauth:request_uri:x", Err(Refusal::RequestAndRequestUri)),
            ("request=a&request_uri=https://app.example/r", Err(Refusal::RequestAndRequestUri)),
        ] {
            assert_eq!(way(&read(query)), expected, "{query}");
        }
    }

    #[test]
    fn s57_nothing_that_authenticates_is_stored() {
        let sent = "client_id=a&client_secret=s&client_assertion=x&client_assertion_type=t&state=1";
        assert_eq!(to_push(&read(sent)), Ok(read("client_id=a&state=1")));
        let long = |n: usize| read(&format!("claims={}", "x".repeat(n)));
        assert!(to_push(&long(LONGEST - "claims=".len())).is_ok());
        assert_eq!(to_push(&long(LONGEST)), Err(Refusal::PushedRequestTooLong));
    }

    #[test]
    fn s07_what_is_repeated_beside_an_object_agrees_with_it() {
        let object = read("response_type=code&scope=openid+email");
        let no = Err(Refusal::RequestObjectContradicted);
        for (sent, expected) in [
            ("client_id=a", Ok(())),
            ("response_type=code&scope=openid", Ok(())),
            ("response_type=code&scope=email+openid", Ok(())),
            ("response_type=code&scope=openid&state=other&redirect_uri=https://evil.example/", Ok(())),
            ("response_type=token", no),
            ("scope=openid+groups", no),
            ("scope=%22", no),
        ] {
            assert_eq!(agree(&read(sent), &object), expected, "{sent}");
        }
        assert_eq!(agree(&read("response_type=code"), &read("scope=openid")), no);
    }
}
