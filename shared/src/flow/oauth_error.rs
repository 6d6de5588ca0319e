//! Errors in the shape of RFC 6749 §5.2 and RFC 6750 §3.

use crate::api::error::ApiError;
use crate::http::{Req, Resp, respond};
use crate::refusal::Refusal;
use http::{HeaderValue, StatusCode, header};
use proto::jose::Alg;
use proto::oauth::ErrorCode;
use serde::Serialize;

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: &'static str,
}

fn answer(status: u16, code: ErrorCode, description: &'static str) -> Resp {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut resp = respond::json(status, &Body { error: code.as_str(), error_description: description });
    resp.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    resp
}

/// Whether an `Authorization` header is of a scheme.
#[must_use]
pub fn scheme_is(authorization: &str, scheme: &str) -> bool {
    authorization.split_once(' ').is_some_and(|(name, _)| name.eq_ignore_ascii_case(scheme))
}

/// The answer to a broken rule.
#[must_use]
pub fn response(refusal: Refusal, req: &Req) -> Resp {
    let (code, description) = refusal.public();
    let at_resource = req.header(header::AUTHORIZATION).is_some_and(|v| scheme_is(v, "DPoP"));
    let is_proof = matches!(code, ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce);
    let status = match refusal {
        // RFC 9449 §7.1: at a resource a wrong proof is a failed authentication.
        _ if is_proof && at_resource => 401,
        // RFC 8628 §3.5: errors of polls are those of RFC 6749 §5.2, with its status.
        Refusal::DeviceDenied => 400,
        _ => code.http_status(),
    };
    let mut resp = answer(status, code, description);
    let says = format!("error=\"{code}\", error_description=\"{description}\"");
    let algs = || format!("algs=\"{}\"", Alg::ALL.map(Alg::as_str).join(" "));
    let challenges = match refusal {
        // RFC 6750 §3: a request without a token learns only which schemes to use.
        Refusal::TokenMissing => vec!["Bearer".to_owned(), format!("DPoP {}", algs())],
        Refusal::TokenBound => vec![format!("Bearer {says}"), format!("DPoP {}", algs())],
        _ if at_resource => vec![format!("DPoP {says}, {}", algs())],
        Refusal::TokenInvalid | Refusal::TokenScopeInsufficient | Refusal::TokenSentTwice => {
            vec![format!("Bearer {says}")]
        }
        // RFC 6749 §5.2: only a client that used the header is answered with its scheme.
        Refusal::ClientSecretWrong | Refusal::ClientAuthMissing | Refusal::ClientAuthMalformed
            if req.headers.contains_key(header::AUTHORIZATION) =>
        {
            vec!["Basic realm=\"token\", charset=\"UTF-8\"".to_owned()]
        }
        _ => Vec::new(),
    };
    for value in challenges.iter().filter_map(|c| HeaderValue::from_str(c).ok()) {
        resp.headers_mut().append(header::WWW_AUTHENTICATE, value);
    }
    resp
}

/// The answer to what went wrong before the endpoint was reached.
#[must_use]
pub fn from_api(error: &ApiError) -> Resp {
    let description = match error {
        ApiError::BodyTooLarge => "The request body is too large.",
        ApiError::RateLimited { .. } => "Too many requests.",
        _ => "The request is malformed.",
    };
    let code = match error {
        ApiError::RateLimited { .. } => ErrorCode::TemporarilyUnavailable,
        _ => ErrorCode::InvalidRequest,
    };
    answer(error.public().0, code, description)
}

/// The answer to a fault of ours.
#[must_use]
pub fn server_error() -> Resp {
    answer(500, ErrorCode::ServerError, "Something went wrong on the server.")
}
