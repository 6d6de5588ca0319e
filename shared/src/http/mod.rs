//! The HTTP seam: requests and responses as values, the one route table, and what guards it.

mod cookies;
mod cors;
mod csrf;
mod dispatch;
pub mod peer;
pub mod respond;
pub mod routes;
mod security;
mod types;

pub use cookies::{
    ACCOUNTS, BROWSER, Browser, SESSION, accounts_hash, browser, clear_accounts_cookie, clear_session_cookie,
    cookie, session_hash, set_cookie,
};
pub(crate) use csrf::is_own_page;
pub use dispatch::App;
pub(crate) use dispatch::{signed_in, slide};
pub use security::ContentSecurity;
pub use types::{Cx, Peer, Req, Resp};
