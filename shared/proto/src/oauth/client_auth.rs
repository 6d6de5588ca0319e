//! How a client says who it is (RFC 6749 §2.3.1). Whether the secret is right is decided elsewhere.

use crate::form::{self, Params};
use crate::jose::jws::Unverified;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a client sent about itself, by exactly one method.
#[derive(Debug, Clone)]
pub enum ClientCredentials {
    /// `client_secret_basic`: HTTP Basic, id and secret form-encoded.
    Basic {
        /// The client's identifier, not empty.
        id: String,
        /// What it sent as its secret, not empty.
        secret: Secret,
    },
    /// `client_secret_post`: `client_id` and `client_secret` in the form body.
    Post {
        /// The client's identifier, not empty.
        id: String,
        /// What it sent as its secret, not empty.
        secret: Secret,
    },
    /// `private_key_jwt`, or the token of a federated issuer: a signed assertion (RFC 7521 §4.2, RFC 7523 §2.2).
    Assertion {
        /// The client's identifier, not empty: `client_id`, else the assertion's `sub`.
        id: String,
        /// The assertion, a JWT in compact serialisation. Nothing of it has been checked.
        assertion: Secret,
    },
    /// `none`: an identifier alone. HTTP Basic with an empty password is the same (RFC 6749 §2.3.1 lets a
    /// client omit an empty secret), and some clients send public identifiers that way.
    None {
        /// The client's identifier, not empty.
        id: String,
    },
}

impl ClientCredentials {
    /// The client's identifier, as claimed.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Basic { id, .. }
            | Self::Post { id, .. }
            | Self::Assertion { id, .. }
            | Self::None { id } => id,
        }
    }

    /// The secret, if one was sent.
    #[must_use]
    pub const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Basic { secret, .. } | Self::Post { secret, .. } => Some(secret),
            Self::Assertion { .. } | Self::None { .. } => None,
        }
    }

    /// The method's name in `token_endpoint_auth_methods_supported` (RFC 7591 §2).
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Basic { .. } => "client_secret_basic",
            Self::Post { .. } => "client_secret_post",
            Self::Assertion { .. } => "private_key_jwt",
            Self::None { .. } => "none",
        }
    }
}

/// Why a client's way of authenticating was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthError {
    /// Neither an `Authorization` header nor a `client_id`.
    #[error("no client authentication")]
    Missing,
    /// More than one method in one request (RFC 6749 §2.3).
    #[error("more than one client authentication method")]
    Multiple,
    /// `client_id` in the body is not the client of the `Authorization` header.
    #[error("client_id contradicts the Authorization header")]
    IdMismatch,
    /// An `Authorization` header of another scheme, or an assertion of another type: methods that are not served.
    #[error("client authentication method is not supported")]
    Unsupported,
    /// The Basic credentials are not base64 of form-encoded `id:secret`.
    #[error("Basic credentials are malformed")]
    Malformed,
    /// `client_assertion` and `client_assertion_type` do not come together, or the assertion is no JWT that names
    /// its subject where `client_id` is missing.
    #[error("client assertion is malformed")]
    MalformedAssertion,
}

/// The one `client_assertion_type` that is served (RFC 7523 §2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl ClientAuthError {
    /// Whether the client tried HTTP authentication, so that the answer has to carry `WWW-Authenticate`
    /// (RFC 6749 §5.2).
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Malformed | Self::Unsupported)
    }
}

/// Reads the client authentication of a request: `authorization` is the value of its `Authorization` header,
/// `body` its form body.
///
/// A `client_id` in the body next to HTTP Basic is no second method as long as it names the same client.
///
/// # Errors
/// [`ClientAuthError`].
pub fn parse(authorization: Option<&str>, body: &Params) -> Result<ClientCredentials, ClientAuthError> {
    let id = body.get("client_id");
    let secret = body.get("client_secret");
    let has_assertion = body.get("client_assertion").is_some() || body.get("client_assertion_type").is_some();

    let methods = [authorization.is_some(), secret.is_some(), has_assertion];
    if methods.into_iter().filter(|used| *used).count() > 1 {
        return Err(ClientAuthError::Multiple);
    }
    if has_assertion {
        return parse_assertion(id, body);
    }
    if let Some(header) = authorization {
        let credentials = parse_basic(header)?;
        return match id {
            Some(id) if id != credentials.id() => Err(ClientAuthError::IdMismatch),
            _ => Ok(credentials),
        };
    }
    let id = id.ok_or(ClientAuthError::Missing)?.to_owned();
    Ok(match secret {
        Some(secret) => ClientCredentials::Post { id, secret: Secret::new(secret.to_owned()) },
        None => ClientCredentials::None { id },
    })
}

fn parse_assertion(id: Option<&str>, body: &Params) -> Result<ClientCredentials, ClientAuthError> {
    let malformed = ClientAuthError::MalformedAssertion;
    if body.get("client_assertion_type").ok_or(malformed)? != JWT_BEARER {
        return Err(ClientAuthError::Unsupported);
    }
    let assertion = body.get("client_assertion").ok_or(malformed)?;
    let id = match id {
        Some(id) => id.to_owned(),
        // RFC 7521 §4.2: the parameter is optional, because the subject says the same.
        None => Unverified::parse(assertion)
            .ok()
            .and_then(|token| token.claimed("sub"))
            .filter(|sub| !sub.is_empty())
            .ok_or(malformed)?,
    };
    Ok(ClientCredentials::Assertion { id, assertion: Secret::new(assertion.to_owned()) })
}

fn parse_basic(header: &str) -> Result<ClientCredentials, ClientAuthError> {
    let (scheme, encoded) = header.split_once(' ').ok_or(ClientAuthError::Unsupported)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(ClientAuthError::Unsupported);
    }
    let pair = STANDARD.decode(encoded.trim_matches(' ')).map_err(|_| ClientAuthError::Malformed)?;
    let mut halves = pair.splitn(2, |byte| *byte == b':');
    let (Some(id), Some(secret)) = (halves.next(), halves.next()) else {
        return Err(ClientAuthError::Malformed);
    };
    let id = form::decode(id).map_err(|_| ClientAuthError::Malformed)?;
    let secret = form::decode(secret).map_err(|_| ClientAuthError::Malformed)?;
    if id.is_empty() {
        return Err(ClientAuthError::Malformed);
    }
    Ok(if secret.is_empty() {
        ClientCredentials::None { id }
    } else {
        ClientCredentials::Basic { id, secret: Secret::new(secret) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(
        authorization: Option<&str>,
        body: &str,
    ) -> Result<(&'static str, String, String), ClientAuthError> {
        let body = Params::parse(body).unwrap();
        parse(authorization, &body).map(|c| {
            (c.method(), c.id().to_owned(), c.secret().map(|s| s.expose().to_owned()).unwrap_or_default())
        })
    }

    fn basic(pair: &str) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn each_method_is_read() {
        let url = basic("https%3A%2F%2Fapp.example%2Fc:p%25%3A+w");
        for (header, body, method, id, secret) in [
            (Some(basic("app:s3cret")), "", "client_secret_basic", "app", "s3cret"),
            (Some(basic("app:s:3:t")), "", "client_secret_basic", "app", "s:3:t"),
            (Some(url), "", "client_secret_basic", "https://app.example/c", "p%: w"),
            (
                Some(basic("app:s3cret").replace("Basic", "bAsIc ")),
                "",
                "client_secret_basic",
                "app",
                "s3cret",
            ),
            (Some(basic("app:s3cret")), "client_id=app", "client_secret_basic", "app", "s3cret"),
            (Some(basic("app:")), "client_id=app", "none", "app", ""),
            (None, "client_id=app&client_secret=a%2Bb", "client_secret_post", "app", "a+b"),
            (None, "client_id=app", "none", "app", ""),
            (None, "client_id=app&client_secret=", "none", "app", ""),
        ] {
            let expected = Ok((method, id.to_owned(), secret.to_owned()));
            assert_eq!(read(header.as_deref(), body), expected, "{header:?} {body}");
        }
    }

    #[test]
    fn s17_one_method_a_request() {
        let header = basic("app:s3cret");
        for (header, body, expected) in [
            (None, "", ClientAuthError::Missing),
            (None, "client_secret=x", ClientAuthError::Missing),
            (Some(header.as_str()), "client_secret=s3cret", ClientAuthError::Multiple),
            (Some(header.as_str()), "client_id=app&client_secret=s3cret", ClientAuthError::Multiple),
            (Some(header.as_str()), "client_assertion=x", ClientAuthError::Multiple),
            (None, "client_id=app&client_secret=x&client_assertion=x", ClientAuthError::Multiple),
            (None, "client_id=app&client_assertion=x", ClientAuthError::MalformedAssertion),
            (None, "client_id=app&client_assertion=x&client_assertion_type=x", ClientAuthError::Unsupported),
            (None, "client_id=app&client_assertion_type=x", ClientAuthError::Unsupported),
            (Some(header.as_str()), "client_id=other", ClientAuthError::IdMismatch),
            (Some("Bearer abc"), "client_id=app", ClientAuthError::Unsupported),
            (Some("Basic"), "client_id=app", ClientAuthError::Unsupported),
            (Some(""), "client_id=app", ClientAuthError::Unsupported),
        ] {
            assert_eq!(read(header, body), Err(expected), "{header:?} {body}");
        }
    }

    #[test]
    fn s17_basic_is_read_strictly() {
        for header in [
            "Basic ".to_owned(),
            "Basic !!!!".to_owned(),
            "Basic YXBwOnM".to_owned(), // padding is missing
            basic("app"),
            basic(":secret"),
            basic("app:50%"),
            basic("app:%ff"),
        ] {
            assert_eq!(read(Some(&header), ""), Err(ClientAuthError::Malformed), "{header}");
        }
    }

    #[test]
    fn an_assertion_names_its_client_or_is_named_by_client_id() {
        let jwt = |claims: &str| format!("{}.{}.AAAA", crate::b64::encode("{}"), crate::b64::encode(claims));
        let (app, none) = (jwt(r#"{"sub":"app"}"#), jwt("{}"));
        for (id, assertion, expected) in [
            ("client_id=other&", &app, Ok("other")),
            ("", &app, Ok("app")),
            ("client_id=app&", &none, Ok("app")),
            ("client_id=app&", &"not a jwt".to_owned(), Ok("app")),
            ("", &none, Err(ClientAuthError::MalformedAssertion)),
            ("", &jwt(r#"{"sub":""}"#), Err(ClientAuthError::MalformedAssertion)),
            ("", &jwt(r#"{"sub":["app"]}"#), Err(ClientAuthError::MalformedAssertion)),
            ("", &"not a jwt".to_owned(), Err(ClientAuthError::MalformedAssertion)),
        ] {
            let body = format!("{id}client_assertion_type={JWT_BEARER}&client_assertion={assertion}");
            let expected = expected.map(|id| ("private_key_jwt", id.to_owned(), String::new()));
            assert_eq!(read(None, &body), expected, "{body}");
        }
    }

    #[test]
    fn s57_debug_hides_the_secret() {
        let credentials = parse(Some(&basic("app:hunter2")), &Params::default()).unwrap();
        assert_eq!(format!("{credentials:?}"), r#"Basic { id: "app", secret: Secret(…) }"#);
    }

    proptest! {
        #[test]
        fn never_panics(header in ".{0,40}", pair in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(Some(&header), &Params::default());
            let _ = parse(Some(&format!("Basic {}", STANDARD.encode(pair))), &Params::default());
        }
    }
}
