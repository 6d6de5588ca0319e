//! `/api/apis` and `/api/api-access`: what admins may write, and what ends when they take it back.

use crate::stage::*;
use http::Method;
use serde_json::{Value, json};
use shared::db::Stmt;
use testkit::World;

pub(crate) const FILES: &str = "https://files.example";

pub(crate) async fn send(admin: &Person<'_>, method: Method, path: &str, body: &Value) -> Answer {
    admin.browser.send_json(method, path, body).await
}

/// Makes an API and gives its id and the ids of its permissions, by key.
pub(crate) async fn make_api(admin: &Person<'_>, resource: &str, keys: &[&str]) -> (String, Value) {
    let answer =
        send(admin, Method::POST, "/api/apis", &json!({ "name": "Files", "resource": resource })).await;
    assert_eq!(answer.status(), 201, "{answer:?}");
    let id = json_of(&answer)["id"].as_str().unwrap().to_owned();
    let ids = put_permissions(admin, &id, keys).await;
    (id, ids)
}

/// Replaces the permissions of an API and gives their ids, by key.
pub(crate) async fn put_permissions(admin: &Person<'_>, id: &str, keys: &[&str]) -> Value {
    let permissions: Vec<Value> =
        keys.iter().map(|k| json!({ "key": k, "name": format!("May {k}") })).collect();
    let path = format!("/api/apis/{id}/permissions");
    let answer = send(admin, Method::PUT, &path, &json!({ "permissions": permissions })).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body = json_of(&answer);
    let listed = body["permissions"].as_array().unwrap().iter();
    listed
        .map(|p| (p["key"].as_str().unwrap().to_owned(), p["id"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Gives a client permissions at an API, in people's names and its own.
pub(crate) async fn let_in(
    admin: &Person<'_>,
    api: &(String, Value),
    app: &App,
    user: Option<&[&str]>,
    own: Option<&[&str]>,
) -> Value {
    let ids = |keys: Option<&[&str]>| -> Vec<Value> {
        keys.unwrap_or_default().iter().map(|k| api.1[*k].clone()).collect()
    };
    let body = json!({
        "userDelegatedAccess": user.is_some(), "clientAccess": own.is_some(),
        "userDelegatedPermissionIds": ids(user), "clientPermissionIds": ids(own),
    });
    let path = format!("/api/apis/{}/clients/{}", api.0, app.id);
    let answer = send(admin, Method::PUT, &path, &body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    json_of(&answer)
}

async fn get(admin: &Person<'_>, path: &str) -> Value {
    let answer = admin.browser.get(path).await;
    assert_eq!(answer.status(), 200, "{path}: {answer:?}");
    json_of(&answer)
}

async fn revoked(w: &World) -> Vec<Vec<String>> {
    rows(w, Stmt::new("SELECT revoked_reason FROM grants ORDER BY created_at, id")).await
}

#[tokio::test]
async fn an_api_from_beginning_to_end() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let made = send(
        &ada,
        Method::POST,
        "/api/apis",
        &json!({ "name": "Cafe\u{301}", "resource": "https://a.example/v1//" }),
    )
    .await;
    assert_eq!(made.status(), 201);
    let mut made = json_of(&made);
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(made["createdAt"].take().as_str().unwrap().ends_with('Z'));
    assert_eq!(
        made,
        json!({
            "id": id, "name": "Caf\u{e9}", "resource": "https://a.example/v1", "createdAt": null,
            "permissions": [], "allowCimdClients": false,
        })
    );
    let path = format!("/api/apis/{id}");
    let renamed = send(&ada, Method::PUT, &path, &json!({ "name": "Bar", "resource": "urn:other" })).await;
    assert_eq!((renamed.status().as_u16(), &json_of(&renamed)["name"]), (200, &json!("Bar")));
    assert_eq!(get(&ada, &path).await["resource"], "https://a.example/v1", "the address stays");

    let again = json!({ "name": "Twin", "resource": "https://a.example/v1/" });
    let taken = send(&ada, Method::POST, "/api/apis", &again).await;
    assert_eq!(error(&taken), (409, "already_in_use".into()));
    let body = json_of(&taken);
    assert_eq!(
        (&body["error"], &body["details"]["property"]),
        (&json!("Resource is already in use"), &json!("resource"))
    );
    let issuer = w.host.settings.app_url.as_str();
    for (resource, code) in [(issuer, "reserved"), ("files", "invalid_format"), ("", "required")] {
        let answer =
            send(&ada, Method::POST, "/api/apis", &json!({ "name": "A", "resource": resource })).await;
        assert_eq!(answer.status(), 400);
        let field = json_of(&answer)["details"]["fields"][0].clone();
        assert_eq!((&field["field"], &field["code"]), (&json!("resource"), &json!(code)), "{resource}");
    }
    assert_eq!(ada.browser.send_json(Method::DELETE, &path, &json!({})).await.status(), 204);
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::PUT, format!("{path}/permissions")),
        (Method::PUT, format!("{path}/cimd-access")),
        (Method::GET, format!("{path}/clients")),
        (Method::GET, format!("{path}/assignable-clients")),
        (Method::PUT, format!("{path}/clients/x")),
        (Method::DELETE, format!("{path}/clients/x")),
    ] {
        let answer = match method {
            Method::GET => ada.browser.get(&path).await,
            _ => send(&ada, method.clone(), &path, &json!({ "name": "A" })).await,
        };
        assert_eq!(error(&answer), (404, "not_found".into()), "{method} {path}");
        assert_eq!(json_of(&answer)["error"], "API not found");
    }
}

#[tokio::test]
async fn listings_search_sort_and_page() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    for (name, resource) in [("Beta", "urn:x:1"), ("alpha", "urn:x:3"), ("Gamma", "urn:y:2")] {
        send(&ada, Method::POST, "/api/apis", &json!({ "name": name, "resource": resource })).await;
        w.clock.advance(1);
    }
    let list = async |query: &str| -> String {
        let body = get(&ada, &format!("/api/apis?{query}")).await;
        let names: Vec<&str> =
            body["data"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap()).collect();
        format!("{} of {}", names.join(" "), body["pagination"]["totalItems"])
    };
    assert_eq!(list("").await, "alpha Beta Gamma of 3");
    assert_eq!(list("sort[column]=name&sort[direction]=desc").await, "Gamma Beta alpha of 3");
    assert_eq!(list("sort[column]=createdAt").await, "Beta alpha Gamma of 3");
    assert_eq!(list("sort[column]=resource&sort[direction]=desc").await, "Gamma alpha Beta of 3");
    assert_eq!(list("search=URN:X").await, "alpha Beta of 2");
    assert_eq!(list("search=gam").await, "Gamma of 1");
    assert_eq!(list("search=%25").await, " of 0");
    assert_eq!(list("pagination[limit]=2&pagination[page]=9").await, "Gamma of 3");
}

#[tokio::test]
async fn permissions_are_replaced_by_key() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let (id, before) = make_api(&ada, FILES, &["read", "write"]).await;
    let path = format!("/api/apis/{id}/permissions");
    let body = json!({ "permissions": [
        { "key": "write", "name": "Change", "description": "All of it" }, { "key": "erase", "name": "Erase", "description": null },
    ] });
    let after = json_of(&send(&ada, Method::PUT, &path, &body).await)["permissions"].clone();
    let erase = after[0]["id"].clone();
    assert_eq!(
        after,
        json!([
            { "id": erase, "key": "erase", "name": "Erase", "allowedForCimdClients": false },
            { "id": before["write"], "key": "write", "name": "Change", "description": "All of it",
              "allowedForCimdClients": false },
        ])
    );
    let bad = json!({ "permissions": [{ "key": "a", "name": "A" }, { "key": "Groups", "name": "B" }] });
    let refused = send(&ada, Method::PUT, &path, &bad).await;
    assert_eq!(refused.status(), 400);
    let field = json_of(&refused)["details"]["fields"][0].clone();
    assert_eq!((&field["field"], &field["code"]), (&json!("permissions[1].key"), &json!("reserved")));
    assert_eq!(get(&ada, &format!("/api/apis/{id}")).await["permissions"], after, "nothing changed");
}

#[tokio::test]
async fn clients_are_let_in_and_listed_from_both_sides() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let other = make_api(&ada, "urn:other", &["foreign"]).await;
    let app = App::register(&ada, json!({ "name": "Backup" })).await;
    let public = App::register(&ada, json!({ "name": "Phone", "isPublic": true })).await;

    let body = json!({
        "clientPermissionIds": [other.1["foreign"], api.1["write"]], "userDelegatedPermissionIds": ["nonsense"],
    });
    let path = format!("/api/apis/{}/clients/{}", api.0, app.id);
    let granted = json_of(&send(&ada, Method::PUT, &path, &body).await);
    assert_eq!(
        granted,
        json!({
            "userDelegatedAccess": false, "clientAccess": true,
            "userDelegatedPermissionIds": [], "clientPermissionIds": [api.1["write"]],
        }),
        "a permission implies access; foreign ones are passed over"
    );
    let granted = let_in(&ada, &api, &public, Some(&["read"]), Some(&["read"])).await;
    assert_eq!((&granted["clientAccess"], &granted["clientPermissionIds"]), (&json!(false), &json!([])));

    let listed = get(&ada, &format!("/api/apis/{}/clients", api.0)).await;
    assert_eq!(listed["pagination"]["totalItems"], 2);
    assert_eq!(
        listed["data"][0],
        json!({
            "client": { "id": app.id, "name": "Backup", "clientType": "standard", "isPublic": false,
                        "hasLogo": false, "hasDarkLogo": false },
            "userDelegatedAccess": false, "clientAccess": true, "userDelegatedPermissionIds": [],
            "clientPermissionIds": [api.1["write"]], "cimdGrantedAccess": false, "cimdGrantedPermissionIds": [],
        })
    );
    assert_eq!(listed["data"][1]["client"]["name"], "Phone");
    assert_eq!(listed["data"][1]["userDelegatedPermissionIds"], json!([api.1["read"]]));
    let found = get(&ada, &format!("/api/apis/{}/clients?search=pho", api.0)).await;
    assert_eq!((found["data"].as_array().unwrap().len(), &found["pagination"]["totalItems"]), (1, &json!(1)));

    let assignable = get(&ada, &format!("/api/apis/{}/assignable-clients", other.0)).await;
    let names: Vec<&Value> = assignable["data"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    assert_eq!(names, ["Backup", "Phone"]);
    assert_eq!(get(&ada, &format!("/api/apis/{}/assignable-clients", api.0)).await["data"], json!([]));

    let theirs = get(&ada, &format!("/api/api-access/{}/apis", app.id)).await;
    assert_eq!(theirs.as_array().unwrap().len(), 1);
    assert_eq!(
        (&theirs[0]["api"]["id"], &theirs[0]["clientPermissionIds"]),
        (&json!(api.0), &json!([api.1["write"]]))
    );
    let more = get(&ada, &format!("/api/api-access/{}/assignable-apis?search=urn", app.id)).await;
    assert_eq!(
        (&more["data"][0]["resource"], &more["pagination"]["totalItems"]),
        (&json!("urn:other"), &json!(1))
    );
    assert_eq!(more["data"][0]["permissions"][0]["key"], "foreign");
    for path in ["/api/api-access/none/apis", "/api/api-access/none/assignable-apis"] {
        assert_eq!(error(&ada.browser.get(path).await), (404, "not_found".into()), "{path}");
    }
    let nobody = format!("/api/apis/{}/clients/none", api.0);
    assert_eq!(json_of(&send(&ada, Method::PUT, &nobody, &body).await)["error"], "OIDC client not found");
    // an id that is a URL comes encoded
    let encoded = format!("/api/api-access/~{}/apis", proto::b64::encode(app.id.as_bytes()));
    assert_eq!(get(&ada, &encoded).await, theirs);

    assert_eq!(send(&ada, Method::DELETE, &path, &json!({})).await.status(), 204);
    assert_eq!(get(&ada, &format!("/api/api-access/{}/apis", app.id)).await, json!([]));
    assert_eq!(cell(&w, "SELECT COUNT(*) FROM api_client_permissions").await, "1", "the other client's stay");
}

#[tokio::test]
async fn removing_permissions_takes_grants_and_access_that_hung_on_them() {
    let w = World::new().await;
    let ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write", "erase"]).await;
    let one = App::register(&ada, json!({ "name": "One" })).await;
    let two = App::register(&ada, json!({ "name": "Two" })).await;
    let bare = App::register(&ada, json!({ "name": "Bare" })).await;
    let_in(&ada, &api, &one, Some(&["read", "write"]), Some(&["erase"])).await;
    let_in(&ada, &api, &two, Some(&["read", "erase"]), None).await;
    let_in(&ada, &api, &bare, Some(&[]), None).await;
    put_permissions(&ada, &api.0, &["erase"]).await;
    let listed = get(&ada, &format!("/api/apis/{}/clients", api.0)).await;
    let lines: Vec<String> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| format!("{} {} {}", l["client"]["name"], l["userDelegatedAccess"], l["clientAccess"]))
        .collect();
    assert_eq!(lines, ["\"Bare\" true false", "\"One\" false true", "\"Two\" true false"]);
}

#[tokio::test]
async fn access_for_clients_known_by_a_document() {
    let w = World::new().await;
    let mut ada = Person::setup(&w).await;
    let api = make_api(&ada, FILES, &["read", "write"]).await;
    let app = App::register(&ada, json!({ "name": "Agent", "isPublic": true })).await;
    let path = format!("/api/apis/{}/cimd-access", api.0);
    let set = async |ada: &Person<'_>, body: Value| json_of(&send(ada, Method::PUT, &path, &body).await);
    let flags = |api: &Value| -> Vec<bool> {
        api["permissions"].as_array().unwrap().iter().map(|p| p["allowedForCimdClients"] == true).collect()
    };
    let on = set(&ada, json!({ "enabled": true, "permissionIds": [api.1["read"], "nonsense"] })).await;
    assert_eq!((&on["allowCimdClients"], flags(&on)), (&json!(true), vec![true, false]));

    let ask = app.ask(&[("scope", "openid read"), ("resource", FILES)]);
    let (answer, _) = ada.visit(&ask).await;
    assert_eq!(
        response_params(&answer, CALLBACK)["error"],
        "invalid_request",
        "an ordinary client gets nothing"
    );
    change(&w, Stmt::new("UPDATE clients SET client_type = 'cimd'")).await;
    let tokens = ada.tokens(&app, &[("scope", "openid read"), ("resource", FILES)]).await;
    assert_eq!(claims(&tokens["access_token"])["aud"][0], FILES);
    let theirs = get(&ada, &format!("/api/api-access/{}/apis", app.id)).await;
    assert_eq!(
        (
            &theirs[0]["userDelegatedAccess"],
            &theirs[0]["cimdGrantedAccess"],
            &theirs[0]["cimdGrantedPermissionIds"]
        ),
        (&json!(false), &json!(true), &json!([api.1["read"]]))
    );
    let listed = get(&ada, &format!("/api/apis/{}/clients", api.0)).await;
    assert_eq!(listed["data"][0]["cimdGrantedAccess"], true);
    assert_eq!(get(&ada, &format!("/api/apis/{}/assignable-clients", api.0)).await["data"], json!([]));

    // shutting keeps the selection and ends what was issued
    let off = set(&ada, json!({ "enabled": false, "permissionIds": [] })).await;
    assert_eq!((&off["allowCimdClients"], flags(&off)), (&json!(false), vec![true, false]));
    assert_eq!(revoked(&w).await, [["api_access_ended"]]);
    assert_eq!(error(&app.refresh(&w, &tokens["refresh_token"]).await), (400, "invalid_grant".into()));
    let assignable = get(&ada, &format!("/api/apis/{}/assignable-clients", api.0)).await;
    assert_eq!(assignable["data"][0]["clientType"], "cimd");
}
