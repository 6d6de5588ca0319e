//! The authorization response (RFC 6749 §4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode, JARM).

use super::frame;
use crate::decide::authorize::KnownClient;
use crate::failure::{Failure, Fault};
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::pages::{self, FormPostPage, Hidden};
use crate::refusal::Refusal;
use crate::store::client::Client;
use http::StatusCode;
use proto::jose::TokenType;
use proto::oauth::jarm;
use proto::oauth::response_mode::Delivery;
use proto::uri::RedirectUri;

/// Where forms of pages about this client may end up. Our answer to a POST may be a redirect to the client, which
/// may redirect further (to another of its hosts, from http to https), and browsers hold `form-action` against
/// every step of that chain: so any web address, and the client's own scheme.
#[must_use]
pub fn form_action(redirect_uri: &str) -> Vec<String> {
    let mut sources = vec!["https:".to_owned(), "http:".to_owned()];
    let own = RedirectUri::parse(redirect_uri).map(|uri| uri.url().scheme().to_owned());
    sources.extend(own.ok().filter(|s| s != "https" && s != "http").map(|s| format!("{s}:")));
    sources
}

/// Sends `params` to the client with `state` and `iss`; in the signed modes as one `response`.
///
/// # Errors
/// A fault if the answer cannot be signed, or if the proven redirect URI cannot be used, which is a bug.
pub async fn send(
    cx: &Cx,
    req: &Req,
    known: &KnownClient,
    params: &[(&'static str, &str)],
) -> Result<Resp, Failure> {
    let mut all = params.to_vec();
    if let Some(state) = &known.state {
        all.push(("state", state));
    }
    if known.response_mode.is_signed() {
        let response = sign(cx, &known.client, &all).await?;
        return deliver(cx, req, known, &[("response", &response)]);
    }
    all.push(("iss", cx.issuer()));
    deliver(cx, req, known, &all)
}

/// Signs an answer (JARM §2.1) with the client's `authorization_signed_response_alg`, else as ID tokens are.
async fn sign(cx: &Cx, client: &Client, params: &[(&'static str, &str)]) -> Result<String, Failure> {
    let alg = client.metadata.authorization_signed_response_alg.as_deref();
    let key = keyring::active_for(&cx.host, cx.now, alg).await?;
    let claims = jarm::claims(cx.issuer(), &client.id, cx.now, params);
    keyring::sign(&cx.host, &key, TokenType::AuthorizationResponse, &claims).await
}

fn deliver(
    cx: &Cx,
    req: &Req,
    known: &KnownClient,
    params: &[(&'static str, &str)],
) -> Result<Resp, Failure> {
    let uri = RedirectUri::parse(&known.redirect_uri)
        .map_err(|_| Fault::Bug("a proven redirect URI does not parse"))?;
    let fields = match known.response_mode.deliver(&uri, params) {
        Delivery::Redirect(address) => return Ok(respond::see_other(&address)),
        Delivery::FormPost { fields, .. } => fields,
    };
    let hidden = fields.iter().map(|(name, value)| Hidden { name, value }).collect();
    let page = FormPostPage::new(frame(cx, req), uri.url(), hidden)
        .ok_or(Fault::Bug("a proven redirect URI has a scheme that browsers run"))?;
    Ok(respond::page(StatusCode::OK, pages::render(&page), form_action(&known.redirect_uri)))
}

/// Sends an error to the client (RFC 6749 §4.1.2.1).
///
/// # Errors
/// As [`send`].
pub async fn send_error(cx: &Cx, req: &Req, known: &KnownClient, refusal: Refusal) -> Result<Resp, Failure> {
    let (code, description) = refusal.public();
    tracing::info!(request_id = cx.request_id, client = known.client.id, refusal = ?refusal, "authorization refused");
    send(cx, req, known, &[("error", code.as_str()), ("error_description", description)]).await
}
