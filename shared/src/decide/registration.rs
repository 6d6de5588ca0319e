//! Dynamic client registration (RFC 7591 §2, OpenID Connect Registration §2): what a client may say about itself, and
//! the client that it makes.

use super::cimd::is_exact;
use crate::refusal::Refusal;
use crate::store::client::Client;
use crate::text::nfc;
use proto::oauth::ClientMetadata;
use proto::uri::RedirectUri;
use serde_json::{Map, Value};

/// `client_type` of clients that registered themselves.
pub const DYNAMIC: &str = "dynamic";

/// Longest name, in characters.
const LONGEST_NAME: usize = 50;
/// Most addresses of one kind.
const MOST_URIS: usize = 100;
/// Grants that a client can give itself; what needs an admin's decision is not among them.
const GRANT_TYPES: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:device_code",
];
/// What a client that changes itself must not send (RFC 7592 §2.2).
const OURS: [&str; 4] = [
    "registration_access_token",
    "registration_client_uri",
    "client_secret_expires_at",
    "client_id_issued_at",
];

/// The client that a request describes, on the ground of `before`: a blank one, or the one that changes itself. What
/// an admin has set about it stays.
///
/// # Errors
/// [`Refusal`] with the code of RFC 7591 §3.2.2.
pub fn client(request: &Map<String, Value>, before: Client) -> Result<Client, Refusal> {
    let invalid = Refusal::ClientMetadataInvalid;
    if request.contains_key("software_statement") {
        return Err(Refusal::SoftwareStatementUnapproved);
    }
    let sent: ClientMetadata = serde_json::from_value(Value::Object(request.clone()))
        .map_err(|_| invalid("A member of the client metadata is of another type than it should be."))?;
    let method = sent.token_endpoint_auth_method.as_deref().unwrap_or("client_secret_basic").to_owned();
    if method == "private_key_jwt" && sent.jwks.is_none() && sent.jwks_uri.is_none() {
        return Err(invalid("private_key_jwt needs jwks or jwks_uri."));
    }
    let is_public = method == "none";
    let grant_types = grant_types(&sent, is_public)?;
    check_response_types(request, &grant_types)?;
    let callback_urls = uris(request, "redirect_uris")?;
    if callback_urls.is_empty() && grant_types.iter().any(|grant| grant == "authorization_code") {
        return Err(Refusal::RegisteredUriInvalid);
    }
    for uri in [&sent.backchannel_logout_uri, &sent.frontchannel_logout_uri] {
        if uri.as_deref().is_some_and(|uri| !uri.starts_with("https://")) {
            return Err(invalid("Logout addresses must be https addresses."));
        }
    }
    let par = request.get("require_pushed_authorization_requests").and_then(Value::as_bool);
    Ok(Client {
        name: name(request, &callback_urls)?,
        logout_callback_urls: uris(request, "post_logout_redirect_uris")?,
        callback_urls,
        is_public,
        pkce_enabled: is_public || before.pkce_enabled,
        requires_pushed_authorization_requests: par.unwrap_or(false),
        client_type: DYNAMIC.to_owned(),
        metadata: ClientMetadata {
            token_endpoint_auth_method: Some(method),
            grant_types: Some(grant_types),
            // Whom a client may exchange tokens for is for an admin to say.
            token_exchange_audiences: before.metadata.token_exchange_audiences.clone(),
            ..sent
        },
        ..before
    })
}

/// What a client that changes itself must say: who it is, and nothing that only we say (RFC 7592 §2.2).
///
/// # Errors
/// [`Refusal::RegistrationRequestInvalid`].
pub fn check_update(request: &Map<String, Value>, client_id: &str) -> Result<(), Refusal> {
    let names_itself = request.get("client_id").and_then(Value::as_str) == Some(client_id);
    if !names_itself || OURS.iter().any(|name| request.contains_key(*name)) {
        return Err(Refusal::RegistrationRequestInvalid);
    }
    Ok(())
}

/// What is registered, as the answer says it (RFC 7591 §3.2.1), without what only one answer holds.
#[must_use]
pub fn described(client: &Client) -> Map<String, Value> {
    let metadata = ClientMetadata { token_exchange_audiences: Vec::new(), ..client.metadata.clone() };
    let mut all = match serde_json::to_value(&metadata) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    };
    let mut say = |name: &str, value: Value| {
        all.insert(name.to_owned(), value);
    };
    say("client_id", client.id.clone().into());
    say("client_id_issued_at", client.created_at.0.into());
    say("client_name", client.name.clone().into());
    say("redirect_uris", client.callback_urls.clone().into());
    if !client.logout_callback_urls.is_empty() {
        say("post_logout_redirect_uris", client.logout_callback_urls.clone().into());
    }
    let has_code = client.metadata.allows_grant_type("authorization_code");
    say("response_types", if has_code { vec!["code"] } else { Vec::new() }.into());
    if client.requires_pushed_authorization_requests {
        say("require_pushed_authorization_requests", true.into());
    }
    all
}

fn name(request: &Map<String, Value>, callbacks: &[String]) -> Result<String, Refusal> {
    let invalid = Refusal::ClientMetadataInvalid("client_name must be a text of at most 50 characters.");
    let sent = match request.get("client_name") {
        None => "",
        Some(value) => value.as_str().ok_or(invalid)?,
    };
    let name = nfc(sent.trim());
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(invalid);
    }
    if !name.is_empty() {
        return Ok(name);
    }
    let first = callbacks.first().and_then(|uri| RedirectUri::parse(uri).ok());
    let host = first.as_ref().and_then(|uri| uri.url().host_str()).unwrap_or("?");
    Ok(host.chars().take(LONGEST_NAME).collect())
}

fn grant_types(sent: &ClientMetadata, is_public: bool) -> Result<Vec<String>, Refusal> {
    let Some(asked) = &sent.grant_types else { return Ok(vec!["authorization_code".to_owned()]) };
    // RFC 7591 §2: what is not served may be left out of what is registered.
    let is_served =
        |grant: &str| !(is_public && grant == "client_credentials") && asked.iter().any(|a| a == grant);
    let kept: Vec<String> =
        GRANT_TYPES.into_iter().filter(|grant| is_served(grant)).map(str::to_owned).collect();
    if kept.iter().any(|grant| grant != "refresh_token") {
        Ok(kept)
    } else {
        Err(Refusal::ClientMetadataInvalid("None of the grant_types can be registered."))
    }
}

/// RFC 7591 §2.1: response types and grants go together.
fn check_response_types(request: &Map<String, Value>, grants: &[String]) -> Result<(), Refusal> {
    let invalid = Refusal::ClientMetadataInvalid("The only response type is 'code', for authorization_code.");
    let Some(asked) = request.get("response_types") else { return Ok(()) };
    let asked = asked.as_array().ok_or(invalid)?;
    let has_code = grants.iter().any(|grant| grant == "authorization_code");
    if asked.iter().all(|kind| kind == "code") && asked.is_empty() != has_code {
        Ok(())
    } else {
        Err(invalid)
    }
}

/// Addresses that are compared exactly: `https`, an app's own scheme, or `http` to the person's own machine.
fn uris(request: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refusal> {
    let Some(value) = request.get(name) else { return Ok(Vec::new()) };
    let all = value.as_array().and_then(|all| all.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let all = all.ok_or(Refusal::RegisteredUriInvalid)?;
    let is_fine =
        |uri: &&str| is_exact(uri) && RedirectUri::parse(uri).is_ok_and(|parsed| !parsed.is_insecure());
    if all.len() > MOST_URIS || !all.iter().all(is_fine) {
        return Err(Refusal::RegisteredUriInvalid);
    }
    Ok(all.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::time::UnixTime;
    use serde_json::json;

    fn read(changes: &Value) -> Result<Client, Refusal> {
        let mut request = json!({ "redirect_uris": ["https://app.example/cb"] });
        for (name, value) in changes.as_object().unwrap() {
            request[name] = value.clone();
        }
        request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        client(request.as_object().unwrap(), Client::blank("id".into(), UnixTime(7)))
    }

    #[test]
    fn defaults_are_those_of_the_specification() {
        let made = read(&json!({})).unwrap();
        assert_eq!(
            Value::Object(described(&made)),
            json!({
                "client_id": "id", "client_id_issued_at": 7, "client_name": "app.example",
                "redirect_uris": ["https://app.example/cb"], "grant_types": ["authorization_code"],
                "response_types": ["code"], "token_endpoint_auth_method": "client_secret_basic",
            })
        );
        assert!(!made.is_public && made.client_type == "dynamic");
        let public = read(&json!({"token_endpoint_auth_method": "none"})).unwrap();
        assert!(public.is_public && public.pkce_enabled);
    }

    #[test]
    fn what_a_client_cannot_give_itself_is_left_out() {
        let made = read(&json!({
            "token_exchange_audiences": ["https://api.example"], "client_id": "admin", "client_secret": "mine",
            "grant_types": ["authorization_code", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange"],
            "skip_consent": true, "is_pending": false,
        }))
        .unwrap();
        assert_eq!(made.metadata.token_exchange_audiences, [""; 0]);
        assert_eq!(made.metadata.grant_types, Some(vec!["authorization_code".into()]));
        assert!(made.id == "id" && !made.skip_consent);
        let public = json!({
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"],
        });
        assert_eq!(read(&public).unwrap().metadata.grant_types, Some(vec!["authorization_code".into()]));
    }

    #[test]
    fn each_rule_has_its_error() {
        for uris in [
            json!(null),
            json!([]),
            json!("https://app.example/cb"),
            json!([1]),
            json!(["https://*.example/cb"]),
            json!(["*"]),
            json!(["https://app.example/cb#x"]),
            json!(["http://app.example/cb"]),
            json!(["javascript:alert(1)"]),
            json!(["https://me@app.example/cb"]),
            json!(["/cb"]),
        ] {
            let result = read(&json!({ "redirect_uris": uris }));
            assert_eq!(result, Err(Refusal::RegisteredUriInvalid), "{uris}");
        }
        let uris = json!(["com.example.app:/cb", "http://127.0.0.1/cb", "http://localhost:1234/cb"]);
        assert!(read(&json!({ "redirect_uris": uris })).is_ok());
        for metadata in [
            json!({"grant_types": ["implicit"]}),
            json!({"grant_types": ["refresh_token"]}),
            json!({"grant_types": "authorization_code"}),
            json!({"response_types": ["token"]}),
            json!({"response_types": ["code", "code id_token"]}),
            json!({"response_types": []}),
            json!({"response_types": "code"}),
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!({"client_name": "x".repeat(51)}),
            json!({"client_name": ["x"]}),
            json!({"client_name": "a\u{0}b"}),
            json!({"jwks_uri": 1}),
            json!({"backchannel_logout_uri": "http://10.0.0.1/logout"}),
        ] {
            let result = read(&metadata);
            assert!(matches!(result, Err(Refusal::ClientMetadataInvalid(_))), "{metadata}: {result:?}");
        }
        let statement = json!({"software_statement": "eyJhbGciOiJub25lIn0.e30."});
        assert_eq!(read(&statement), Err(Refusal::SoftwareStatementUnapproved));
    }

    #[test]
    fn a_change_names_its_client_and_nothing_of_ours() {
        let update = |value: Value| check_update(value.as_object().unwrap(), "id");
        assert_eq!(update(json!({"client_id": "id", "client_secret": "x"})), Ok(()));
        for bad in [json!({}), json!({"client_id": "other"}), json!({"client_id": ["id"]})] {
            assert_eq!(update(bad), Err(Refusal::RegistrationRequestInvalid));
        }
        for name in OURS {
            assert_eq!(
                update(json!({"client_id": "id", name: "x"})),
                Err(Refusal::RegistrationRequestInvalid)
            );
        }
    }
}
