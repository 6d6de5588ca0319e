//! Reading JSON bodies and path parameters.

use super::error::ApiError;
use crate::http::Req;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a JSON body. Unknown members are ignored, but not before they are read: nesting deeper than serde's limit of
/// 128 and names given twice are refused wherever they are.
///
/// # Errors
/// [`ApiError::InvalidBody`] for another content type, malformed JSON or members of another type.
pub fn body<T: DeserializeOwned>(req: &Req) -> Result<T, ApiError> {
    let declared = req.header(http::header::CONTENT_TYPE).unwrap_or("");
    let media_type = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let is_json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    if !is_json {
        return Err(ApiError::InvalidBody);
    }
    // Postgres takes no text with NUL, so none gets in.
    if req.body.windows(6).any(|w| w == br"\u0000") {
        return Err(ApiError::InvalidBody);
    }
    let object = proto::json::parse_object(&req.body).map_err(|_| ApiError::InvalidBody)?;
    serde_json::from_value(Value::Object(object)).map_err(|_| ApiError::InvalidBody)
}

/// Reads an optional JSON body: an empty one is the default.
///
/// # Errors
/// As [`body`].
pub fn optional_body<T: DeserializeOwned + Default>(req: &Req) -> Result<T, ApiError> {
    if req.body.is_empty() { Ok(T::default()) } else { body(req) }
}

/// A path parameter that may be written as `~` and base64url, which ids that are URLs need.
#[must_use]
pub fn id(req: &Req, name: &str) -> String {
    let raw = req.param(name);
    raw.strip_prefix('~')
        .and_then(|encoded| proto::b64::decode(encoded).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // As in every other text: Postgres takes no NUL.
        .filter(|id| !id.contains('\0'))
        .unwrap_or_else(|| raw.to_owned())
}
