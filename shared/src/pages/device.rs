//! Connecting a device (RFC 8628 §3.3).

use super::consent::{ConsentApi, Line, lines};
use super::{Frame, Problem};
use askama::Template;
use proto::time::UnixTime;

/// Where the code of a device is entered.
#[derive(Debug, Clone, Template)]
#[template(path = "device_code.html", whitespace = "minimize")]
pub struct DeviceCodePage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// The code, as far as it is known.
    pub user_code: &'a str,
    /// Who is signed in: name or username.
    pub account: &'a str,
    /// Why the code was not taken.
    pub problem: Option<Problem>,
}

/// Asking whether a device may have what it asks for.
#[derive(Debug, Clone, Template)]
#[template(path = "device.html", whitespace = "minimize")]
pub struct DevicePage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app.
    pub client: &'a str,
    /// What the app says about itself.
    pub description: Option<&'a str>,
    /// The code that was entered.
    pub user_code: &'a str,
    /// When the device asked.
    pub since: UnixTime,
    /// The address it asked from.
    pub ip: Option<&'a str>,
    /// City and country of that address; empty if nothing is known.
    pub place: &'a str,
    /// Software that asked; empty if it did not say.
    pub software: &'a str,
    /// Who is signed in: name or username.
    pub account: &'a str,
    /// Standard scopes asked for, by wire name.
    pub scopes: Vec<&'a str>,
    /// The API that is asked for.
    pub api: Option<ConsentApi<'a>>,
    /// Where the person confirms who they are, if that comes first.
    pub confirm_first: Option<&'a str>,
}

/// What became of it.
#[derive(Debug, Clone, Template)]
#[template(path = "device_done.html", whitespace = "minimize")]
pub struct DeviceDonePage<'a> {
    /// Surroundings.
    pub frame: Frame<'a>,
    /// Name of the app.
    pub client: &'a str,
    /// Whether the person allowed it.
    pub allowed: bool,
}

impl DevicePage<'_> {
    fn lines(&self) -> Vec<Line> {
        lines(self.frame.messages, &self.scopes)
    }

    /// Machine-readable and shown form of the beginning.
    fn when(&self) -> (String, String) {
        let full = self.since.rfc3339();
        let shown = full.replace('T', " ").chars().take(16).collect::<String>() + " UTC";
        (full, shown)
    }
}
