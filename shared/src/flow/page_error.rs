//! Errors that a person sees.

use super::frame;
use crate::http::{Cx, Req, Resp, respond};
use crate::pages::{self, Detail, DetailLabel, ErrorKind, ErrorPage};
use crate::refusal::Refusal;
use http::StatusCode;

/// The page of an error.
#[must_use]
pub fn page(cx: &Cx, req: &Req, kind: ErrorKind) -> Resp {
    with_details(cx, req, kind, Vec::new())
}

/// The page of an error, with facts that help to mend it.
#[must_use]
pub fn with_details(cx: &Cx, req: &Req, kind: ErrorKind, details: Vec<Detail<'_>>) -> Resp {
    let html = pages::render(&ErrorPage { frame: frame(cx, req), kind, details, request_id: &cx.request_id });
    respond::page(StatusCode::from_u16(kind.status()).unwrap_or_default(), html, Vec::new())
}

/// The page for a broken rule of the protocol that cannot be reported to a client.
#[must_use]
pub fn refusal(cx: &Cx, req: &Req, refusal: Refusal) -> Resp {
    let reason = Detail { label: DetailLabel::Reason, value: refusal.public().1 };
    with_details(cx, req, kind_of(refusal), vec![reason])
}

/// Which page a refusal gets.
#[must_use]
pub const fn kind_of(refusal: Refusal) -> ErrorKind {
    match refusal {
        Refusal::ClientUnknown
        | Refusal::ClientIdMissing
        | Refusal::ClientPending
        | Refusal::ClientDocumentUnavailable => ErrorKind::ClientUnknown,
        Refusal::RedirectUriInvalid | Refusal::RedirectUriNotRegistered | Refusal::RedirectUriInsecure => {
            ErrorKind::Callback
        }
        Refusal::NotInAllowedGroups => ErrorKind::Forbidden,
        _ => ErrorKind::Request,
    }
}

/// The page for a request that names another host than `APP_URL`: the most frequent mistake of a first run.
#[must_use]
pub fn wrong_address(cx: &Cx, req: &Req, asked: &str) -> Resp {
    let details = vec![
        Detail { label: DetailLabel::Arrived, value: asked },
        Detail { label: DetailLabel::Registered, value: cx.issuer() },
        Detail { label: DetailLabel::ChangeAt, value: "APP_URL" },
    ];
    with_details(cx, req, ErrorKind::WrongAddress, details)
}
