//! `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`
//! (OpenID Connect Discovery §4, RFC 8414 §3): the same document.

use super::cimd;
use crate::failure::Failure;
use crate::http::{Cx, Req, Resp, respond};
use crate::keyring;
use crate::login::sign_up;
use crate::pages::LANGUAGES;
use crate::settings::Registration;
use http::StatusCode;
use proto::oauth::prompt::Prompt;
use proto::oidc::discovery::Discovery;

/// The document.
///
/// # Errors
/// A fault if the store fails.
pub async fn get(cx: Cx, _req: Req) -> Result<Resp, Failure> {
    let algs = keyring::algorithms(&cx.host, cx.now).await?;
    let internal = cx.host.settings.internal_app_url.as_str();
    let mut document = Discovery {
        registration_endpoint: (cx.host.settings.registration != Registration::Off)
            .then(|| cx.host.settings.app_url.join("/api/oidc/register")),
        client_id_metadata_document_supported: cimd::is_on(&cx),
        ui_locales_supported: LANGUAGES.iter().map(|messages| messages.tag()).collect(),
        ..Discovery::new(cx.issuer(), internal, &algs)
    };
    if sign_up::is_open(&cx) {
        document.prompt_values_supported.push(Prompt::Create.as_str());
    }
    Ok(respond::json(StatusCode::OK, &document))
}
