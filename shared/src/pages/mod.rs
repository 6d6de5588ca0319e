//! The pages a person meets, as view structs with askama templates in `templates/`.
//!
//! A view struct holds what a page shows, already decided; templates only lay it out. Every page is
//! self-contained HTML with one style sheet and at most one script, both external and pinned by integrity, so it
//! runs under a policy without inline code. Text from people or apps is isolated in `<bdi>` and clipped, see [`bdi`].

mod account;
mod assets;
mod consent;
mod device;
mod error;
mod form_post;
mod messages;
mod problem;
mod select_account;
mod setup;
mod sign_in;
mod sign_out;
mod sign_up;
mod signed_out;
mod signing_out;
mod text;

pub use account::{AccountPage, AddPasskey, PasskeyKind, PasskeyLine};
pub use assets::Asset;
pub use consent::{ConsentApi, ConsentPage};
pub use device::{DeviceCodePage, DeviceDonePage, DevicePage};
pub use error::{Detail, DetailLabel, ErrorKind, ErrorPage};
pub use form_post::FormPostPage;
pub use messages::{ALL as LANGUAGES, Messages, negotiate, preferred};
pub use problem::Problem;
pub use select_account::{AccountLine, SelectAccountPage};
pub use setup::{AccountValues, SetupPage};
pub use sign_in::{Purpose, SignInPage, Strength};
pub use sign_out::SignOutPage;
pub use sign_up::SignUpPage;
pub use signed_out::SignedOutPage;
pub use signing_out::SigningOutPage;
pub use text::{Exact, Filled, Isolated, bdi, exact};

use askama::Template;

/// What every page has around its content.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Texts in the visitor's language, see [`negotiate`].
    pub messages: &'static Messages,
    /// `APP_NAME`.
    pub app_name: &'a str,
    /// Chosen theme; `None` follows the system.
    pub theme: Option<Theme>,
    /// Set when the page was opened at another address than `APP_URL`: shows a warning above the content.
    pub wrong_address: Option<WrongAddress<'a>>,
}

impl Frame<'_> {
    /// The style sheet of all pages.
    const STYLE: Asset = assets::BASE_CSS;
    /// The icon of all pages.
    const ICON: Asset = assets::FAVICON_SVG;
}

/// A colour scheme that overrides the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

impl Theme {
    /// Value of the `data-theme` attribute.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The two origins that should be one.
#[derive(Debug, Clone, Copy)]
pub struct WrongAddress<'a> {
    /// Origin that the browser asked for.
    pub opened: &'a str,
    /// Origin of `APP_URL`.
    pub configured: &'a str,
}

/// A hidden form field.
#[derive(Debug, Clone, Copy)]
pub struct Hidden<'a> {
    /// Field name.
    pub name: &'a str,
    /// Field value.
    pub value: &'a str,
}

/// What a form with a WebAuthn ceremony needs; see `ui/islands/passkey.ts`.
#[derive(Debug, Clone, Copy)]
pub struct Ceremony<'a> {
    /// Where the form is sent.
    pub action: &'a str,
    /// `PublicKeyCredentialRequestOptionsJSON` or `PublicKeyCredentialCreationOptionsJSON` (WebAuthn L3 §5.1.8, §5.1.9).
    pub options_json: &'a str,
    /// Id of the stored challenge.
    pub challenge_id: &'a str,
    /// Address that answers a GET with this page and a fresh challenge; the island fetches it when this one is old.
    pub fresh_url: &'a str,
}

impl Ceremony<'_> {
    /// Seconds after loading from which the island asks for a fresh challenge; below the life of a challenge.
    const EXPIRES: u32 = 240;
    /// The island that drives the form.
    const SCRIPT: Asset = assets::PASSKEY_JS;
}

/// The page as HTML.
#[must_use]
pub fn render(page: &impl Template) -> String {
    // Rendering to a String fails only if a value's Display does, and none of ours does.
    page.render().unwrap_or_default()
}

#[cfg(test)]
mod tests;
