//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document §4): what one may say, and the client
//! that it makes.

use crate::store::client::Client;
use crate::text::nfc;
use proto::oauth::ClientMetadata;
use proto::time::UnixTime;
use proto::uri::RedirectUri;
use serde_json::{Map, Value};
use url::Url;

/// `client_type` of clients that are known by their metadata document.
pub const CIMD: &str = "cimd";

/// Longest name that is shown, in characters.
const LONGEST_NAME: usize = 50;
/// Most addresses of one kind.
const MOST_URIS: usize = 100;
/// Grants that such a client can be given.
const GRANT_TYPES: [&str; 3] =
    ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"];

/// The client that a document describes. What an admin has set about `before` stays; what the document says takes the
/// place of what it said before. The answer ends with why a document is refused, in words for an admin.
///
/// # Errors
/// The rule that is broken.
pub fn client(
    url: &str,
    document: &Map<String, Value>,
    before: Option<Client>,
    now: UnixTime,
    expires_at: UnixTime,
) -> Result<Client, &'static str> {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if text("client_id") != Some(url) {
        return Err("client_id in the document is not its address");
    }
    if ["client_secret", "client_secret_expires_at"].iter().any(|name| document.contains_key(*name)) {
        return Err("a public document must not hold a client_secret");
    }
    if text("token_endpoint_auth_method") != Some("none") {
        return Err("token_endpoint_auth_method must be none");
    }
    if document.contains_key("response_types") && list(document, "response_types")? != ["code"] {
        return Err("response_types must be code alone");
    }
    let grant_types = grant_types(document)?;
    let callback_urls = uris(document, "redirect_uris")?;
    if callback_urls.is_empty() && grant_types.iter().any(|grant| grant == "authorization_code") {
        return Err("redirect_uris is missing");
    }
    let logout_callback_urls = uris(document, "post_logout_redirect_uris")?;
    let owned = |name: &str| text(name).map(str::to_owned);
    Ok(Client {
        name: name(text("client_name"), url),
        callback_urls,
        logout_callback_urls,
        is_public: true,
        pkce_enabled: true,
        client_type: CIMD.to_owned(),
        metadata: ClientMetadata {
            token_endpoint_auth_method: Some("none".to_owned()),
            grant_types: Some(grant_types),
            client_uri: owned("client_uri"),
            logo_uri: owned("logo_uri"),
            policy_uri: owned("policy_uri"),
            tos_uri: owned("tos_uri"),
            software_id: owned("software_id"),
            software_version: owned("software_version"),
            ..ClientMetadata::default()
        },
        metadata_expires_at: Some(expires_at),
        ..before.unwrap_or_else(|| Client::blank(url.to_owned(), now))
    })
}

/// Whether people have to be asked again: answers go elsewhere, the client can do something else, or it shows itself as
/// another.
#[must_use]
pub fn is_another(before: &Client, after: &Client) -> bool {
    let told = |c: &Client| {
        let metadata = &c.metadata;
        let auth = (metadata.token_endpoint_auth_method.clone(), metadata.grant_types.clone());
        let shown = (c.name.clone(), metadata.client_uri.clone(), metadata.logo_uri.clone());
        (c.callback_urls.clone(), c.logout_callback_urls.clone(), auth, shown)
    };
    told(before) != told(after)
}

/// Host (and port) of the address that identifies the client; `None` for clients of other kinds.
#[must_use]
pub fn host_of(client: &Client) -> Option<String> {
    if client.client_type != CIMD {
        return None;
    }
    let url = Url::parse(&client.id).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn name(sent: Option<&str>, url: &str) -> String {
    let name = nfc(sent.unwrap_or("").trim());
    let is_shown =
        !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(char::is_control);
    if is_shown {
        name
    } else {
        Url::parse(url).ok().and_then(|u| u.host_str().map(str::to_owned)).unwrap_or_default()
    }
}

fn list<'a>(document: &'a Map<String, Value>, name: &str) -> Result<Vec<&'a str>, &'static str> {
    let Some(value) = document.get(name) else { return Ok(Vec::new()) };
    let all = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    all.ok_or("a list in the document is not a list of texts")
}

fn grant_types(document: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    if !document.contains_key("grant_types") {
        return Ok(vec!["authorization_code".to_owned()]);
    }
    let sent = list(document, "grant_types")?;
    let kept: Vec<String> =
        GRANT_TYPES.iter().filter(|g| sent.contains(g)).map(|g| (*g).to_owned()).collect();
    if kept.iter().any(|grant| grant != "refresh_token") {
        Ok(kept)
    } else {
        Err("grant_types must hold authorization_code or the device code grant")
    }
}

/// The addresses of a member, each of which is compared exactly.
fn uris(document: &Map<String, Value>, name: &str) -> Result<Vec<String>, &'static str> {
    let sent = list(document, name)?;
    if sent.len() > MOST_URIS || !sent.iter().all(|uri| is_exact(uri)) {
        return Err("an address in the document is malformed, not allowed or holds a wildcard");
    }
    Ok(sent.into_iter().map(str::to_owned).collect())
}

/// Whether an address that a stranger registers may be a callback: well formed, of a scheme that is allowed, and
/// without anything that patterns of admins read as a wildcard.
#[must_use]
pub fn is_exact(uri: &str) -> bool {
    let Ok(parsed) = RedirectUri::parse(uri) else { return false };
    let query = parsed.url().query().unwrap_or("");
    let decoded = url::form_urlencoded::parse(query.as_bytes());
    let is_wild = |text: &str| text.contains(['*', '?', '[', '\\']);
    !uri.contains('*') && !decoded.into_iter().any(|(name, value)| is_wild(&name) || is_wild(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const URL: &str = "https://app.example/client.json";

    fn read(changes: &Value) -> Result<Client, &'static str> {
        let mut document = json!({
            "client_id": URL, "client_name": "Notes", "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        client(URL, document.as_object().unwrap(), None, UnixTime(0), UnixTime(100))
    }

    #[test]
    fn s51_a_document_makes_a_public_client_with_pkce() {
        let made = read(&json!({})).unwrap();
        assert_eq!((made.id.as_str(), made.name.as_str(), made.client_type.as_str()), (URL, "Notes", "cimd"));
        assert!(made.is_public && made.pkce_enabled && !made.is_pending && !made.skip_consent);
        assert_eq!(made.metadata.grant_types, Some(vec!["authorization_code".into()]));
        assert_eq!(made.metadata_expires_at, Some(UnixTime(100)));
        assert_eq!(host_of(&made).as_deref(), Some("app.example"));
        let kept = Client { skip_consent: true, description: "Ours".into(), ..made.clone() };
        let document = json!({
            "client_id": URL, "redirect_uris": ["https://app.example/cb2"], "token_endpoint_auth_method": "none",
        });
        let after =
            client(URL, document.as_object().unwrap(), Some(kept.clone()), UnixTime(9), UnixTime(200))
                .unwrap();
        assert!(after.skip_consent && after.description == "Ours");
        assert_eq!((after.name.as_str(), after.created_at), ("app.example", UnixTime(0)));
        assert!(is_another(&kept, &after));
        assert!(is_another(&kept, &Client { name: "Other".into(), ..kept.clone() }));
        let with = |metadata| Client { metadata, ..kept.clone() };
        let own = || kept.metadata.clone();
        let uri = || Some("https://app.example/x".to_owned());
        assert!(is_another(&kept, &with(ClientMetadata { client_uri: uri(), ..own() })));
        assert!(is_another(&kept, &with(ClientMetadata { logo_uri: uri(), ..own() })));
        assert!(!is_another(&kept, &with(ClientMetadata { tos_uri: uri(), ..own() })));
    }

    #[test]
    fn s51_each_rule_of_a_document() {
        let device = "urn:ietf:params:oauth:grant-type:device_code";
        for good in [
            json!({"response_types": ["code"]}),
            json!({"grant_types": ["authorization_code", "refresh_token", "implicit"]}),
            json!({"grant_types": [device], "redirect_uris": null}),
            json!({"redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb", "https://a.example/cb?x=1"]}),
            json!({"unknown": {"a": 1}}),
        ] {
            assert!(read(&good).is_ok(), "{good}");
        }
        for bad in [
            json!({"client_id": format!("{URL}/")}),
            json!({"client_id": null}),
            json!({"client_id": [URL]}),
            json!({"client_secret": "s"}),
            json!({"client_secret_expires_at": 0}),
            json!({"token_endpoint_auth_method": null}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"response_types": ["code", "token"]}),
            json!({"response_types": "code"}),
            json!({"grant_types": []}),
            json!({"grant_types": ["refresh_token"]}),
            json!({"grant_types": ["client_credentials"]}),
            json!({"grant_types": "authorization_code"}),
            json!({"redirect_uris": null}),
            json!({"redirect_uris": []}),
            json!({"redirect_uris": "https://app.example/cb"}),
            json!({"redirect_uris": ["https://*.example/cb"]}),
            json!({"redirect_uris": ["*"]}),
            json!({"redirect_uris": ["https://app.example/*"]}),
            json!({"redirect_uris": ["https://app.example:*/cb"]}),
            json!({"redirect_uris": ["https://app.example/cb?x=%2A"]}),
            json!({"redirect_uris": ["https://app.example/cb?x=[a-z]"]}),
            json!({"redirect_uris": ["https://app.example/cb?x=?"]}),
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            json!({"redirect_uris": ["data:text/html,x"]}),
            json!({"redirect_uris": ["/cb"]}),
            json!({"redirect_uris": ["https://app.example/cb#x"]}),
            json!({"redirect_uris": ["https://user@app.example/cb"]}),
            json!({"redirect_uris": [1]}),
            json!({"redirect_uris": vec!["https://app.example/cb"; 101]}),
            json!({"post_logout_redirect_uris": ["https://app.example/**"]}),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn s51_a_name_that_cannot_be_shown_is_the_host() {
        for name in
            [json!(null), json!(""), json!(" "), json!("x".repeat(51)), json!("a\u{7}b"), json!(["a"])]
        {
            assert_eq!(read(&json!({ "client_name": name })).unwrap().name, "app.example", "{name}");
        }
    }
}
