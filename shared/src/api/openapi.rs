//! The OpenAPI 3.1 document, made from the route table and the types of the JSON API. It is checked in as
//! `docs/openapi.json` and served from there, so that neither host carries the generator; the test below keeps
//! the two equal.

use super::api_access::ClientApiDto;
use super::apis::{
    ApiClientDto, ApiClientLine, ApiDto, ApiGrant, ApiInput, CimdAccessInput, PermissionsInput,
};
use super::authorized_clients::{AuthorizedClientDto, UsableClientDto};
use super::clients::{
    ApprovalInput, ClientDto, ClientInput, ClientMetaDto, DeliveryDto, SecretDto, SecretInput,
};
use super::device::DeviceInfoDto;
use super::error::FieldError;
use super::initial_access_tokens::{InitialAccessTokenDto, InitialAccessTokenInput};
use super::paging::Pagination;
use super::sessions::SessionDto;
use super::signing_keys::{SigningKeyDto, SigningKeyInput};
use super::users::UserDto;
use crate::http::routes::{Auth, ROUTES, Route, Shape};
use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// `cargo xtask docs` sets this to have the file written instead of compared.
const BLESS: &str = "LATCHKEY_WRITE_DOCS";

fn schemas() -> Map<String, Value> {
    let mut named: Vec<(String, RefOr<Schema>)> = Vec::new();
    fn add<T: ToSchema>(name: &str, named: &mut Vec<(String, RefOr<Schema>)>) {
        named.push((name.to_owned(), T::schema()));
        T::schemas(named);
    }
    add::<UserDto<'static>>("User", &mut named);
    add::<ClientInput>("ClientInput", &mut named);
    add::<ApprovalInput>("ApprovalInput", &mut named);
    add::<ClientDto>("Client", &mut named);
    add::<ClientMetaDto>("ClientMeta", &mut named);
    add::<AuthorizedClientDto>("AuthorizedClient", &mut named);
    add::<UsableClientDto>("UsableClient", &mut named);
    add::<DeviceInfoDto>("DeviceInfo", &mut named);
    add::<SecretInput>("SecretInput", &mut named);
    add::<SecretDto>("Secret", &mut named);
    add::<SigningKeyInput>("SigningKeyInput", &mut named);
    add::<SigningKeyDto>("SigningKey", &mut named);
    add::<ApiInput>("ApiInput", &mut named);
    add::<PermissionsInput>("PermissionsInput", &mut named);
    add::<CimdAccessInput>("CimdAccessInput", &mut named);
    add::<ApiGrant>("ApiGrant", &mut named);
    add::<ApiDto>("Api", &mut named);
    add::<ApiClientLine>("ApiClientLine", &mut named);
    add::<ApiClientDto>("ApiClient", &mut named);
    add::<ClientApiDto>("ClientApi", &mut named);
    add::<DeliveryDto>("LogoutDelivery", &mut named);
    add::<SessionDto>("Session", &mut named);
    add::<InitialAccessTokenInput>("InitialAccessTokenInput", &mut named);
    add::<InitialAccessTokenDto>("InitialAccessToken", &mut named);
    named.push(("FieldError".to_owned(), FieldError::schema()));
    named.push(("Pagination".to_owned(), Pagination::schema()));
    let mut all: Map<String, Value> =
        named.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect();
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    all.insert("SecretList".into(), json!({ "type": "array", "items": reference("Secret") }));
    all.insert("SigningKeyList".into(), json!({ "type": "array", "items": reference("SigningKey") }));
    all.insert("ClientApiList".into(), json!({ "type": "array", "items": reference("ClientApi") }));
    all.insert("SessionList".into(), json!({ "type": "array", "items": reference("Session") }));
    let listed =
        ["Client", "Api", "ApiClient", "ApiClientLine", "LogoutDelivery", "AuthorizedClient", "UsableClient"];
    for name in listed {
        all.insert(
            format!("{name}Page"),
            json!({
                "type": "object",
                "required": ["data", "pagination"],
                "properties": {
                    "data": { "type": "array", "items": reference(name) },
                    "pagination": reference("Pagination"),
                },
            }),
        );
    }
    all.insert(
        "InitialAccessTokenList".into(),
        json!({ "type": "array", "items": reference("InitialAccessToken") }),
    );
    all.insert(
        "Error".into(),
        json!({
            "type": "object",
            "required": ["error", "code", "request_id"],
            "properties": {
                "error": { "type": "string", "description": "A sentence for people" },
                "code": { "type": "string", "description": "A stable code for programs" },
                "details": {
                    "type": "object",
                    "properties": {
                        "fields": { "type": "array", "items": reference("FieldError") },
                        "resource": { "type": "string" },
                    },
                },
                "request_id": { "type": "string", "format": "uuid" },
            },
        }),
    );
    all
}

fn operation(route: &Route) -> Value {
    let content = |name: &str| json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } });
    let parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let mut good = json!({ "description": "Success" });
    if let Some(name) = route.body.answer {
        good["content"] = content(name);
    }
    let mut operation = json!({
        "summary": route.summary,
        "responses": { route.body.status.to_string(): good },
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(name) = route.body.request {
        operation["requestBody"] = json!({ "required": true, "content": content(name) });
    }
    if route.shape == Shape::Api {
        operation["responses"]["default"] = json!({ "description": "Error", "content": content("Error") });
    }
    operation["security"] = match route.auth {
        Auth::Public => json!([]),
        Auth::User | Auth::UserPage | Auth::Admin => json!([{ "session": [] }]),
        Auth::Client => json!([{ "clientSecretBasic": [] }, {}]),
        Auth::Bearer => json!([{ "accessToken": [] }]),
    };
    operation
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    // Pages are for people; the description is for programs.
    for route in ROUTES.iter().filter(|r| r.shape != Shape::Page) {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "OpenID Connect provider with passkeys. Endpoints of OAuth and OpenID Connect follow their specifications; the rest is the administration API.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-latchkey_session" },
                "clientSecretBasic": { "type": "http", "scheme": "basic" },
                "accessToken": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

/// Every `$ref` in a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|v| references(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| references(v, found)),
        _ => {}
    }
}

#[test]
fn every_schema_that_is_named_exists() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 10);
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn the_checked_in_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let current = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let checked_in = std::fs::read_to_string(path).unwrap();
    assert!(checked_in == current, "docs/openapi.json is stale: run `cargo xtask docs`");
}
