//! THE route table: what exists, who may use it, and what guards it. Nothing else decides these things.

use super::csrf::Origin;
use super::types::{Cx, Req, Resp};
use crate::api::device as api_device;
use crate::api::{
    api_access, apis, authorized_clients, clients, initial_access_tokens, sessions, signing_keys, users,
};
use crate::failure::{Failure, Fault};
use crate::flow::{
    authorize, device, discovery, end_session, health, interaction, introspection, jwks, par, register,
    revocation, token, userinfo,
};
use crate::login::{account, accounts, setup, sign_in, sign_out, sign_up};
use crate::ports::Bucket;
use std::future::Future;
use std::pin::Pin;

/// The methods that routes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// GET, and HEAD.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
}

impl Verb {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Anybody; the handler looks at the session itself if it matters.
    Public,
    /// A client of OAuth; the handler authenticates it.
    Client,
    /// The bearer of an access token; the handler verifies it.
    Bearer,
    /// A signed-in person; others get 401.
    User,
    /// A signed-in person; others are sent to the sign-in page.
    UserPage,
    /// A signed-in admin.
    Admin,
}

/// Which other origins may read the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cors {
    /// None.
    None,
    /// Any, without cookies.
    Any,
    /// Those of registered clients, without cookies.
    Registered,
}

/// How long the answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// `no-store`, alone.
    NoStore,
    /// `private, no-store`.
    Private,
    /// Public, for some seconds.
    Public(u32),
}

/// What errors look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A page.
    Page,
    /// JSON of our API.
    Api,
    /// JSON of OAuth.
    OAuth,
}

/// Names of JSON schemas, for the API description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    /// Schema of the request.
    pub request: Option<&'static str>,
    /// Status when all goes well.
    pub status: u16,
    /// Schema of the answer.
    pub answer: Option<&'static str>,
}

/// What a handler gives.
pub type Answer = Pin<Box<dyn Future<Output = Result<Resp, Failure>> + Send>>;

/// One row of the table.
#[derive(Clone, Copy)]
pub struct Route {
    /// Method; GET also serves HEAD.
    pub method: Verb,
    /// Path, with `{name}` for parameters.
    pub path: &'static str,
    /// Who may use it.
    pub auth: Auth,
    /// Whose pages may send the request.
    pub origin: Origin,
    /// Who may read the answer.
    pub cors: Cors,
    /// How long it may be kept.
    pub cache: Cache,
    /// Flood shield.
    pub limit: &'static Bucket,
    /// Largest body taken, in bytes.
    pub body_limit: usize,
    /// Errors.
    pub shape: Shape,
    /// Whether the `Host` must be ours and requests are counted: everywhere but at the health check, which may be
    /// asked for by address as often as one likes.
    pub checks_host: bool,
    /// What it is for: the summary in the API description.
    pub summary: &'static str,
    /// What goes in and comes out, for the API description.
    pub body: Body,
    /// The handler.
    pub handler: fn(Cx, Req) -> Answer,
}

const fn bucket(name: &'static str, count: u32, period_s: u32, burst: u32, fail_closed: bool) -> Bucket {
    Bucket { name, count, period_s, burst, fail_closed }
}

/// Everything without a bucket of its own.
pub static API: Bucket = bucket("api", 100, 1, 300, false);
/// What begins something for a visitor without a name, and so writes a row.
pub static BEGIN: Bucket = bucket("begin", 5, 1, 60, true);
/// Token requests: apps come from one address for many people.
pub static TOKEN: Bucket = bucket("token", 100, 1, 300, true);
/// Registering clients, and what they do to their registration.
pub static REGISTER: Bucket = bucket("register", 5, 60, 10, true);
/// Signing in.
pub static SIGN_IN: Bucket = bucket("webauthn-login", 1, 5, 10, true);
/// Entering the code of a device, and deciding about it.
pub static DEVICE: Bucket = bucket("device", 1, 3, 20, true);
/// Making accounts.
pub static SIGN_UP: Bucket = bucket("signup", 2, 60, 10, true);

/// Bodies of forms and token requests.
const FORM: usize = 64 * 1024;
/// Bodies of the JSON API.
const JSON: usize = 256 * 1024;
/// Requests without a body.
const NONE: usize = 0;

fn nothing(_: Cx, _: Req) -> Answer {
    Box::pin(async { Err(Fault::Bug("a row without handler was called").into()) })
}

impl Route {
    /// The row that stands for a path which no row has.
    #[must_use]
    pub const fn missing(shape: Shape) -> Self {
        Self {
            method: Verb::Get,
            path: "(none)",
            auth: Auth::Public,
            origin: Origin::Any,
            cors: Cors::None,
            cache: Cache::Private,
            limit: &API,
            body_limit: NONE,
            shape,
            checks_host: false,
            summary: "",
            body: Body { request: None, status: 200, answer: None },
            handler: nothing,
        }
    }
}

const fn row(
    method: Verb,
    path: &'static str,
    auth: Auth,
    shape: Shape,
    summary: &'static str,
    handler: fn(Cx, Req) -> Answer,
) -> Route {
    Route { method, path, auth, shape, summary, handler, checks_host: true, ..Route::missing(shape) }
}

/// A page.
const fn page(path: &'static str, summary: &'static str, handler: fn(Cx, Req) -> Answer) -> Route {
    row(Verb::Get, path, Auth::Public, Shape::Page, summary, handler)
}

/// A form of a page.
const fn form(path: &'static str, summary: &'static str, handler: fn(Cx, Req) -> Answer) -> Route {
    let row = row(Verb::Post, path, Auth::Public, Shape::Page, summary, handler);
    Route { origin: Origin::Same, body_limit: FORM, ..row }
}

/// An endpoint that apps read without secrets.
const fn document(path: &'static str, summary: &'static str, handler: fn(Cx, Req) -> Answer) -> Route {
    let row = row(Verb::Get, path, Auth::Public, Shape::OAuth, summary, handler);
    Route { cors: Cors::Any, cache: Cache::Public(300), ..row }
}

/// An endpoint of OAuth that apps post to or read with a token.
const fn oauth(
    method: Verb,
    path: &'static str,
    auth: Auth,
    summary: &'static str,
    handler: fn(Cx, Req) -> Answer,
) -> Route {
    let row = row(method, path, auth, Shape::OAuth, summary, handler);
    Route { cors: Cors::Registered, cache: Cache::NoStore, body_limit: FORM, ..row }
}

/// What a client does to its own registration.
const fn own_registration(method: Verb, summary: &'static str, handler: fn(Cx, Req) -> Answer) -> Route {
    let row = oauth(method, "/api/oidc/register/{id}", Auth::Bearer, summary, handler);
    Route { cors: Cors::None, limit: &REGISTER, ..row }
}

/// A route of the JSON API for admins.
const fn admin(
    method: Verb,
    path: &'static str,
    summary: &'static str,
    handler: fn(Cx, Req) -> Answer,
) -> Route {
    let origin = if matches!(method, Verb::Get) { Origin::Any } else { Origin::Same };
    let row = row(method, path, Auth::Admin, Shape::Api, summary, handler);
    Route { origin, body_limit: JSON, ..row }
}

/// A route of the JSON API for whoever is signed in.
const fn user(
    method: Verb,
    path: &'static str,
    summary: &'static str,
    handler: fn(Cx, Req) -> Answer,
) -> Route {
    Route { auth: Auth::User, ..admin(method, path, summary, handler) }
}

/// Names what goes in and comes out.
const fn json(request: Option<&'static str>, status: u16, answer: Option<&'static str>, row: Route) -> Route {
    Route { body: Body { request, status, answer }, ..row }
}

const fn limited(limit: &'static Bucket, row: Route) -> Route {
    Route { limit, ..row }
}

macro_rules! h {
    ($handler:path) => {
        |cx, req| Box::pin($handler(cx, req))
    };
}

/// The table.
pub static ROUTES: &[Route] = &[
    // pages
    page("/", "Leads to the account or to the sign-in page", h!(sign_out::home)),
    limited(&BEGIN, page("/setup", "Form for the first account", h!(setup::show))),
    limited(&SIGN_UP, form("/setup", "Makes the first account", h!(setup::submit))),
    limited(&BEGIN, page("/signup", "Form for an account of one's own", h!(sign_up::show))),
    limited(&SIGN_UP, form("/signup", "Makes an account", h!(sign_up::submit))),
    limited(&BEGIN, page("/login", "Sign-in page", h!(sign_in::show))),
    limited(&SIGN_IN, form("/login", "Signs in with a passkey", h!(sign_in::submit))),
    limited(
        &BEGIN,
        page("/interaction", "The step an authorization request waits for", h!(interaction::show)),
    ),
    form("/interaction", "Takes the person's answer to that step", h!(interaction::answer)),
    Route {
        auth: Auth::UserPage,
        ..page("/settings/account", "The account and its passkeys", h!(account::show))
    },
    limited(
        &SIGN_IN,
        Route {
            auth: Auth::UserPage,
            ..form("/settings/account/passkeys", "Adds a passkey", h!(account::add_passkey))
        },
    ),
    page("/accounts", "Accounts that are signed in in this browser", h!(accounts::show)),
    form("/accounts", "Goes on as one of them", h!(accounts::submit)),
    Route { auth: Auth::UserPage, ..page("/device", "Connects a device", h!(device::page::show)) },
    limited(
        &DEVICE,
        Route {
            auth: Auth::UserPage,
            ..form("/device", "Takes the code of a device, or the decision", h!(device::page::submit))
        },
    ),
    page("/logout", "Asks before signing out", h!(sign_out::show)),
    form("/logout", "Signs out", h!(sign_out::submit)),
    // OAuth and OpenID Connect
    limited(&BEGIN, page("/authorize", "Authorization endpoint", h!(authorize::handle))),
    limited(
        &BEGIN,
        Route { origin: Origin::Any, ..form("/authorize", "Authorization endpoint", h!(authorize::handle)) },
    ),
    limited(&TOKEN, oauth(Verb::Post, "/api/oidc/token", Auth::Client, "Token endpoint", h!(token::post))),
    limited(
        &TOKEN,
        oauth(Verb::Post, "/api/oidc/revoke", Auth::Client, "Revocation endpoint", h!(revocation::post)),
    ),
    limited(
        &BEGIN,
        oauth(
            Verb::Post,
            "/api/oidc/device/authorize",
            Auth::Client,
            "Device authorization endpoint",
            h!(device::authorization::post),
        ),
    ),
    limited(
        &TOKEN,
        oauth(
            Verb::Post,
            "/api/oidc/introspect",
            Auth::Client,
            "Introspection endpoint",
            h!(introspection::post),
        ),
    ),
    json(
        None,
        201,
        None,
        limited(
            &TOKEN,
            oauth(
                Verb::Post,
                "/api/oidc/par",
                Auth::Client,
                "Pushed authorization request endpoint",
                h!(par::post),
            ),
        ),
    ),
    oauth(Verb::Get, "/api/oidc/userinfo", Auth::Bearer, "UserInfo endpoint", h!(userinfo::handle)),
    oauth(Verb::Post, "/api/oidc/userinfo", Auth::Bearer, "UserInfo endpoint", h!(userinfo::handle)),
    Route {
        cors: Cors::Any,
        ..page("/api/oidc/end-session", "Logout started by an app", h!(end_session::handle))
    },
    Route {
        origin: Origin::Any,
        cors: Cors::Any,
        ..form("/api/oidc/end-session", "Logout started by an app", h!(end_session::handle))
    },
    limited(
        &REGISTER,
        Route {
            cors: Cors::Any,
            ..oauth(
                Verb::Post,
                "/api/oidc/register",
                Auth::Public,
                "Client registration endpoint",
                h!(register::post),
            )
        },
    ),
    own_registration(Verb::Get, "Shows a client its registration", h!(register::get)),
    own_registration(Verb::Put, "Replaces the registration of a client", h!(register::put)),
    own_registration(Verb::Delete, "Removes a client", h!(register::delete)),
    document("/.well-known/openid-configuration", "Provider metadata", h!(discovery::get)),
    document("/.well-known/oauth-authorization-server", "Provider metadata", h!(discovery::get)),
    document("/.well-known/jwks.json", "Keys that tokens are signed with", h!(jwks::get)),
    // JSON API
    json(
        None,
        200,
        Some("User"),
        row(Verb::Get, "/api/users/me", Auth::User, Shape::Api, "The signed-in person", h!(users::me)),
    ),
    json(
        None,
        200,
        Some("SessionList"),
        user(Verb::Get, "/api/users/me/sessions", "Where the person is signed in", h!(sessions::list_own)),
    ),
    json(
        None,
        204,
        None,
        user(
            Verb::Delete,
            "/api/users/me/sessions",
            "Signs the person out everywhere else",
            h!(sessions::end_others),
        ),
    ),
    json(
        None,
        204,
        None,
        user(
            Verb::Delete,
            "/api/users/me/sessions/{sessionId}",
            "Signs the person out in one place",
            h!(sessions::end_own),
        ),
    ),
    json(
        None,
        200,
        Some("SessionList"),
        admin(Verb::Get, "/api/users/{id}/sessions", "Where a user is signed in", h!(sessions::list_of_user)),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/users/{id}/sessions",
            "Signs a user out everywhere",
            h!(sessions::end_all_of_user),
        ),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/users/{id}/sessions/{sessionId}",
            "Signs a user out in one place",
            h!(sessions::end_of_user),
        ),
    ),
    json(
        None,
        200,
        Some("AuthorizedClientPage"),
        row(
            Verb::Get,
            "/api/oidc/users/me/authorized-clients",
            Auth::User,
            Shape::Api,
            "Clients that the signed-in person allowed something",
            h!(authorized_clients::list_mine),
        ),
    ),
    json(
        None,
        204,
        None,
        Route {
            origin: Origin::Same,
            ..row(
                Verb::Delete,
                "/api/oidc/users/me/authorized-clients/{clientId}",
                Auth::User,
                Shape::Api,
                "Takes back what a client was allowed, and ends what it holds",
                h!(authorized_clients::withdraw),
            )
        },
    ),
    json(
        None,
        200,
        Some("UsableClientPage"),
        row(
            Verb::Get,
            "/api/oidc/users/me/clients",
            Auth::User,
            Shape::Api,
            "Clients that the signed-in person may use",
            h!(authorized_clients::usable),
        ),
    ),
    json(
        None,
        200,
        Some("AuthorizedClientPage"),
        admin(
            Verb::Get,
            "/api/oidc/users/{id}/authorized-clients",
            "Clients that a person allowed something",
            h!(authorized_clients::list),
        ),
    ),
    // Wrong codes are counted, so that no other site may try any with its visitor's cookie.
    json(
        None,
        200,
        Some("DeviceInfo"),
        limited(
            &DEVICE,
            Route {
                origin: Origin::Same,
                ..row(
                    Verb::Get,
                    "/api/oidc/device/info",
                    Auth::User,
                    Shape::Api,
                    "What the device with a code asks for",
                    h!(api_device::info),
                )
            },
        ),
    ),
    json(
        None,
        204,
        None,
        limited(
            &DEVICE,
            Route {
                origin: Origin::Same,
                body_limit: JSON,
                ..row(
                    Verb::Post,
                    "/api/oidc/device/verify",
                    Auth::User,
                    Shape::Api,
                    "Allows the device with a code what it asks for",
                    h!(api_device::verify),
                )
            },
        ),
    ),
    json(
        None,
        200,
        Some("ClientPage"),
        admin(Verb::Get, "/api/oidc/clients", "Lists clients", h!(clients::list)),
    ),
    json(
        Some("ClientInput"),
        201,
        Some("Client"),
        admin(Verb::Post, "/api/oidc/clients", "Makes a client", h!(clients::create)),
    ),
    json(
        None,
        200,
        Some("Client"),
        admin(Verb::Get, "/api/oidc/clients/{id}", "Shows a client", h!(clients::get)),
    ),
    json(
        Some("ClientInput"),
        200,
        Some("Client"),
        admin(Verb::Put, "/api/oidc/clients/{id}", "Replaces a client", h!(clients::update)),
    ),
    json(
        None,
        204,
        None,
        admin(Verb::Delete, "/api/oidc/clients/{id}", "Removes a client", h!(clients::delete)),
    ),
    json(
        None,
        200,
        Some("Client"),
        admin(
            Verb::Post,
            "/api/oidc/clients/{id}/refresh",
            "Fetches the metadata document of a client",
            h!(clients::refresh),
        ),
    ),
    json(
        Some("ApprovalInput"),
        200,
        Some("Client"),
        admin(
            Verb::Post,
            "/api/oidc/clients/{id}/approve",
            "Lets a client that registered itself be used",
            h!(clients::approve),
        ),
    ),
    json(
        None,
        200,
        Some("InitialAccessTokenList"),
        admin(
            Verb::Get,
            "/api/oidc/initial-access-tokens",
            "Lists the tokens that clients register with",
            h!(initial_access_tokens::list),
        ),
    ),
    json(
        Some("InitialAccessTokenInput"),
        201,
        Some("InitialAccessToken"),
        admin(
            Verb::Post,
            "/api/oidc/initial-access-tokens",
            "Makes a token that clients register with",
            h!(initial_access_tokens::create),
        ),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/oidc/initial-access-tokens/{id}",
            "Removes such a token",
            h!(initial_access_tokens::delete),
        ),
    ),
    json(
        None,
        200,
        Some("ClientMeta"),
        row(
            Verb::Get,
            "/api/oidc/clients/{id}/meta",
            Auth::Public,
            Shape::Api,
            "What anybody may know of a client",
            h!(clients::meta),
        ),
    ),
    json(
        None,
        200,
        Some("SecretList"),
        admin(
            Verb::Get,
            "/api/oidc/clients/{id}/secrets",
            "Lists a client's secrets",
            h!(clients::list_secrets),
        ),
    ),
    json(
        Some("SecretInput"),
        201,
        Some("Secret"),
        admin(Verb::Post, "/api/oidc/clients/{id}/secrets", "Makes a secret", h!(clients::create_secret)),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/oidc/clients/{id}/secrets/{secretId}",
            "Removes a secret",
            h!(clients::delete_secret),
        ),
    ),
    json(
        None,
        200,
        Some("SigningKeyList"),
        admin(Verb::Get, "/api/signing-keys", "Lists the published signing keys", h!(signing_keys::list)),
    ),
    json(
        Some("SigningKeyInput"),
        201,
        Some("SigningKey"),
        admin(Verb::Post, "/api/signing-keys", "Makes the key of an algorithm", h!(signing_keys::add)),
    ),
    json(
        Some("SigningKeyInput"),
        200,
        Some("SigningKey"),
        admin(
            Verb::Post,
            "/api/signing-keys/rotate",
            "Replaces the key of an algorithm",
            h!(signing_keys::rotate),
        ),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/signing-keys/{kid}",
            "Takes a key and its tokens back",
            h!(signing_keys::revoke),
        ),
    ),
    json(None, 200, Some("ApiPage"), admin(Verb::Get, "/api/apis", "Lists APIs", h!(apis::list))),
    json(
        Some("ApiInput"),
        201,
        Some("Api"),
        admin(Verb::Post, "/api/apis", "Makes an API", h!(apis::create)),
    ),
    json(None, 200, Some("Api"), admin(Verb::Get, "/api/apis/{id}", "Shows an API", h!(apis::get))),
    json(
        Some("ApiInput"),
        200,
        Some("Api"),
        admin(Verb::Put, "/api/apis/{id}", "Renames an API", h!(apis::update)),
    ),
    json(None, 204, None, admin(Verb::Delete, "/api/apis/{id}", "Removes an API", h!(apis::delete))),
    json(
        Some("PermissionsInput"),
        200,
        Some("Api"),
        admin(
            Verb::Put,
            "/api/apis/{id}/permissions",
            "Replaces an API's permissions",
            h!(apis::replace_permissions),
        ),
    ),
    json(
        Some("CimdAccessInput"),
        200,
        Some("Api"),
        admin(
            Verb::Put,
            "/api/apis/{id}/cimd-access",
            "What clients known by a metadata document may do at an API",
            h!(apis::cimd_access),
        ),
    ),
    json(
        None,
        200,
        Some("ApiClientPage"),
        admin(Verb::Get, "/api/apis/{id}/clients", "Lists clients of an API", h!(apis::clients)),
    ),
    json(
        None,
        200,
        Some("ApiClientLinePage"),
        admin(
            Verb::Get,
            "/api/apis/{id}/assignable-clients",
            "Lists clients that may not use an API yet",
            h!(apis::assignable),
        ),
    ),
    json(
        Some("ApiGrant"),
        200,
        Some("ApiGrant"),
        admin(
            Verb::Put,
            "/api/apis/{id}/clients/{clientId}",
            "Sets what a client may do at an API",
            h!(apis::replace),
        ),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Delete,
            "/api/apis/{id}/clients/{clientId}",
            "Ends a client's access to an API",
            h!(apis::remove),
        ),
    ),
    json(
        None,
        200,
        Some("ClientApiList"),
        admin(
            Verb::Get,
            "/api/api-access/{clientId}/apis",
            "Lists APIs that a client may use",
            h!(api_access::apis),
        ),
    ),
    json(
        None,
        200,
        Some("ApiPage"),
        admin(
            Verb::Get,
            "/api/api-access/{clientId}/assignable-apis",
            "Lists APIs that a client may not use yet",
            h!(api_access::assignable),
        ),
    ),
    json(
        None,
        200,
        Some("LogoutDeliveryPage"),
        admin(
            Verb::Get,
            "/api/oidc/clients/{id}/logout-deliveries",
            "Lists the logout tokens sent to a client",
            h!(clients::list_logout_deliveries),
        ),
    ),
    json(
        None,
        204,
        None,
        admin(
            Verb::Post,
            "/api/oidc/clients/{id}/logout-deliveries/{deliveryId}/retry",
            "Sends a logout token again",
            h!(clients::retry_logout_delivery),
        ),
    ),
    Route {
        cache: Cache::Public(300),
        ..row(
            Verb::Get,
            "/api/openapi.json",
            Auth::Public,
            Shape::Api,
            "This description",
            h!(health::openapi),
        )
    },
    Route {
        checks_host: false,
        ..row(
            Verb::Get,
            "/healthz",
            Auth::Public,
            Shape::Api,
            "204 if the store answers",
            h!(health::healthz),
        )
    },
    page("/robots.txt", "Nothing here is for search engines", h!(health::robots)),
];
