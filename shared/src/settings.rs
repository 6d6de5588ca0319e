//! Every setting in one table: environment name, default, meaning, and how it is checked.
//! Documentation (`docs/SETTINGS.md`), hosts and errors all read this table.

use proto::secret::Secret;
use proto::uri::CallbackPattern;
use std::net::IpAddr;
use url::Url;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Environment variable (a binding or secret of the same name at the edge).
    pub name: &'static str,
    /// Value when the variable is absent or empty, as it would be written.
    pub default: &'static str,
    /// What an accepted value looks like; part of every error.
    pub expected: &'static str,
    /// What it does, one or two sentences.
    pub doc: &'static str,
    /// Whether it holds a secret, so that errors never show the value.
    pub secret: bool,
    /// Which hosts read it.
    pub hosts: Hosts,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSignups {
    /// Nobody.
    Disabled,
    /// Everybody.
    Open,
}

/// Where a setting has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosts {
    /// Native and edge.
    Both,
    /// The native binary only.
    Native,
}

const fn row(
    name: &'static str,
    default: &'static str,
    expected: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { name, default, expected, doc, secret: false, hosts: Hosts::Both }
}

const fn native(s: Setting) -> Setting {
    Setting { hosts: Hosts::Native, ..s }
}

const fn secret(s: Setting) -> Setting {
    Setting { secret: true, ..s }
}

/// The table. On native every name has a `NAME_FILE` twin that names a file holding the value.
pub const SETTINGS: &[Setting] = &[
    row(
        "APP_URL",
        "http://localhost:1411",
        "an http:// or https:// address without path, query or user, e.g. https://id.example.com",
        "The address people type. It is the issuer, the domain passkeys are bound to, and the base of every link.",
    ),
    row(
        "INTERNAL_APP_URL",
        "",
        "an http:// or https:// address without path; empty means APP_URL",
        "Address under which apps reach the token, userinfo and key endpoints, if it differs from APP_URL.",
    ),
    secret(row(
        "ENCRYPTION_KEY",
        "",
        "at least 16 bytes; `openssl rand -base64 32` makes one",
        "Seals the signing keys in the database. Beside a SQLite file the native binary makes one when it is absent; everywhere else it must be set. Keep it: without it the stored keys cannot be opened.",
    )),
    secret(row(
        "DB_CONNECTION_STRING",
        "data/latchkey.db",
        "a file path, file:…, postgres://…, libsql://…, or http(s)://… of a libSQL server",
        "Where everything is stored. At the edge it is empty for D1, or names a libSQL server.",
    )),
    secret(row(
        "DB_AUTH_TOKEN",
        "",
        "the token of the libSQL server",
        "Bearer token sent to the libSQL server named in DB_CONNECTION_STRING.",
    )),
    native(row("HOST", "0.0.0.0", "an IP address", "Address the server listens on.")),
    native(row(
        "PORT",
        "1411",
        "a port number from 0 to 65535; 0 picks a free one",
        "Port the server listens on.",
    )),
    native(row(
        "TRUST_PROXY",
        "false",
        "true, false, or a comma-separated list of addresses and CIDR ranges",
        "Proxies whose X-Forwarded-For is believed. Set it behind a reverse proxy, or all visitors share one address.",
    )),
    row(
        "SESSION_DURATION",
        "60",
        "whole minutes from 1 to 43200",
        "Minutes a browser stays signed in without being used.",
    ),
    row("APP_NAME", "Latchkey", "1 to 50 characters", "Name shown on the pages and by the passkey prompt."),
    row(
        "KEYS_ALGORITHM",
        "RS256",
        "one of RS256, RS384, RS512, PS256, ES256, ES384, ES512, EdDSA",
        "Algorithm of the signing key that is made on first use. RS256 is what every app understands. A key for another algorithm can be added later, and apps can ask for it.",
    ),
    row(
        "KEYS_ROTATION_DAYS",
        "0",
        "whole days from 0 to 3650",
        "Days after which a signing key is replaced by itself; 0 is never. The new key is published a day before it signs and the old one until its last token is over, so apps go on.",
    ),
    row(
        "DPOP_NONCE_REQUIRED",
        "false",
        "true or false",
        "Whether every DPoP proof must hold a nonce of ours. Without it only apps registered with dpop_bound_access_tokens need one, at the token endpoint.",
    ),
    row("DISABLE_RATE_LIMITING", "false", "true or false", "Turns the flood shield off."),
    row(
        "ALLOW_INSECURE_CALLBACK_URLS",
        "true",
        "true or false",
        "Whether apps may be called back over http:// at other addresses than this machine's.",
    ),
    row(
        "ALLOW_USER_SIGNUPS",
        "disabled",
        "disabled or open",
        "Who may make an account: nobody without an admin, or everybody who can open /signup. Where it is open, apps may send people there with prompt=create.",
    ),
    row(
        "CIMD_URL_ALLOWLIST",
        "",
        "callback URL patterns, as a JSON array or separated by commas; empty means none",
        "Addresses of client metadata documents that are let in: apps whose client_id is such an address need no registration.",
    ),
    row(
        "DYNAMIC_CLIENT_REGISTRATION",
        "off",
        "one of off, token, open",
        "Whether apps can register themselves: not at all, with an initial access token that an admin made, or freely.",
    ),
    row(
        "DYNAMIC_CLIENT_REGISTRATION_APPROVAL",
        "false",
        "true or false",
        "Whether an app that registered itself, or changed its addresses, waits for an admin's approval.",
    ),
    row("LOG_LEVEL", "info", "one of debug, info, warn, error", "How much is logged."),
    native(row("LOG_JSON", "false", "true or false", "Whether log lines are JSON objects.")),
];

/// A value that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    /// Environment variable.
    pub name: &'static str,
    /// What it held; `(hidden)` for secrets.
    pub value: String,
    /// What it should look like.
    pub expected: &'static str,
}

impl std::fmt::Display for SettingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {:?}, expected {}", self.name, self.value, self.expected)
    }
}

/// The address of an installation: scheme, host and port, nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUrl {
    origin: String,
    host: String,
    https: bool,
}

impl AppUrl {
    /// Reads an address; a trailing slash is dropped, letters become lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&text.to_lowercase()).ok()?;
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if !plain {
            return None;
        }
        Some(Self { origin: url.origin().ascii_serialization(), host: url.host_str()?.to_owned(), https })
    }

    /// `scheme://host[:port]`, without trailing slash: the issuer and the WebAuthn origin.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Host name without port: the WebAuthn RP ID.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `host[:port]` as browsers send it in the `Host` header.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, rest)| rest)
    }

    /// Whether the scheme is https, so that cookies are `Secure` with the `__Host-` prefix.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Absolute address of a path that begins with `/`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// Which peers' forwarding headers are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustProxy {
    /// Nobody's.
    Nobody,
    /// Everybody's.
    Everybody,
    /// Those of addresses in these ranges (network, prefix length in bits).
    Ranges(Vec<(IpAddr, u8)>),
}

/// Who may register clients (RFC 7591 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Admins alone.
    Off,
    /// Who has an initial access token.
    Token,
    /// Anybody.
    Open,
}

/// The validated configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `APP_URL`.
    pub app_url: AppUrl,
    /// `INTERNAL_APP_URL`, or `APP_URL`.
    pub internal_app_url: AppUrl,
    /// `ENCRYPTION_KEY`, byte for byte.
    pub encryption_key: Secret,
    /// `DB_CONNECTION_STRING`.
    pub db_connection_string: Secret,
    /// `DB_AUTH_TOKEN`.
    pub db_auth_token: Secret,
    /// `HOST`.
    pub host: IpAddr,
    /// `PORT`.
    pub port: u16,
    /// `TRUST_PROXY`.
    pub trust_proxy: TrustProxy,
    /// `SESSION_DURATION` in seconds.
    pub session_duration_s: i64,
    /// `APP_NAME`.
    pub app_name: String,
    /// `KEYS_ALGORITHM`.
    pub keys_algorithm: proto::jose::Alg,
    /// `KEYS_ROTATION_DAYS`; 0 is never.
    pub keys_rotation_days: i64,
    /// `DPOP_NONCE_REQUIRED`.
    pub dpop_nonce_required: bool,
    /// `DISABLE_RATE_LIMITING`.
    pub disable_rate_limiting: bool,
    /// `ALLOW_INSECURE_CALLBACK_URLS`.
    pub allow_insecure_callback_urls: bool,
    /// `ALLOW_USER_SIGNUPS`.
    pub allow_user_signups: UserSignups,
    /// `CIMD_URL_ALLOWLIST`.
    pub cimd_url_allowlist: Vec<CallbackPattern>,
    /// `DYNAMIC_CLIENT_REGISTRATION`.
    pub registration: Registration,
    /// `DYNAMIC_CLIENT_REGISTRATION_APPROVAL`.
    pub registration_approval: bool,
    /// `LOG_LEVEL`.
    pub log_level: String,
    /// `LOG_JSON`.
    pub log_json: bool,
}

struct Reader<'a> {
    source: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<SettingError>,
}

impl Reader<'_> {
    fn read<T>(&mut self, name: &'static str, fallback: T, parse: impl Fn(&str) -> Option<T>) -> T {
        let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else { return fallback };
        let value =
            (self.source)(name).filter(|v| !v.is_empty()).unwrap_or_else(|| setting.default.to_owned());
        parse(&value).unwrap_or_else(|| {
            let value = if setting.secret { "(hidden)".to_owned() } else { value };
            self.errors.push(SettingError { name, value, expected: setting.expected });
            fallback
        })
    }
}

impl Settings {
    /// Reads and checks all settings. `source` gives the raw value of a variable.
    ///
    /// # Errors
    /// Every refused value, not only the first.
    pub fn load(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<SettingError>> {
        let mut r = Reader { source, errors: Vec::new() };
        let text = |v: &str| Some(v.trim().to_owned());
        let nowhere = AppUrl { origin: String::new(), host: String::new(), https: false };
        let app_url = r.read("APP_URL", nowhere, |v| AppUrl::parse(v.trim()));
        let internal_app_url = r.read("INTERNAL_APP_URL", app_url.clone(), |v| {
            if v.trim().is_empty() { Some(app_url.clone()) } else { AppUrl::parse(v.trim()) }
        });
        let settings = Self {
            internal_app_url,
            encryption_key: r.read("ENCRYPTION_KEY", Secret::new(String::new()), |v| {
                (v.len() >= 16).then(|| Secret::new(v.to_owned()))
            }),
            db_connection_string: Secret::new(r.read("DB_CONNECTION_STRING", String::new(), text)),
            db_auth_token: Secret::new(r.read("DB_AUTH_TOKEN", String::new(), text)),
            host: r.read("HOST", IpAddr::from([0, 0, 0, 0]), |v| v.trim().parse().ok()),
            port: r.read("PORT", 1411, |v| v.trim().parse().ok()),
            trust_proxy: r.read("TRUST_PROXY", TrustProxy::Nobody, parse_trust_proxy),
            session_duration_s: r.read("SESSION_DURATION", 3600, |v| {
                let minutes: i64 = v.trim().parse().ok()?;
                (1..=43_200).contains(&minutes).then(|| minutes.saturating_mul(60))
            }),
            app_name: r.read("APP_NAME", String::new(), |v| {
                let name = v.trim();
                (1..=50).contains(&name.chars().count()).then(|| name.to_owned())
            }),
            keys_algorithm: r.read("KEYS_ALGORITHM", proto::jose::Alg::RS256, |v| v.trim().parse().ok()),
            keys_rotation_days: r.read("KEYS_ROTATION_DAYS", 0, |v| {
                v.trim().parse().ok().filter(|days| (0..=3650).contains(days))
            }),
            dpop_nonce_required: r.read("DPOP_NONCE_REQUIRED", false, parse_bool),
            disable_rate_limiting: r.read("DISABLE_RATE_LIMITING", false, parse_bool),
            allow_insecure_callback_urls: r.read("ALLOW_INSECURE_CALLBACK_URLS", true, parse_bool),
            allow_user_signups: r.read("ALLOW_USER_SIGNUPS", UserSignups::Disabled, |v| match v.trim() {
                "disabled" => Some(UserSignups::Disabled),
                "open" => Some(UserSignups::Open),
                _ => None,
            }),
            cimd_url_allowlist: r.read("CIMD_URL_ALLOWLIST", Vec::new(), parse_patterns),
            registration: r.read("DYNAMIC_CLIENT_REGISTRATION", Registration::Off, |v| {
                match v.trim().to_lowercase().as_str() {
                    "off" => Some(Registration::Off),
                    "token" => Some(Registration::Token),
                    "open" => Some(Registration::Open),
                    _ => None,
                }
            }),
            registration_approval: r.read("DYNAMIC_CLIENT_REGISTRATION_APPROVAL", false, parse_bool),
            log_level: r.read("LOG_LEVEL", String::new(), |v| {
                let v = v.trim().to_lowercase();
                ["debug", "info", "warn", "error"].contains(&v.as_str()).then_some(v)
            }),
            log_json: r.read("LOG_JSON", false, parse_bool),
            app_url,
        };
        if r.errors.is_empty() { Ok(settings) } else { Err(r.errors) }
    }

    /// Names beginning with `LATCHKEY_` that mean nothing: typing errors, as a rule.
    #[must_use]
    pub fn unknown_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        names.filter(|n| n.starts_with("LATCHKEY_")).collect()
    }
}

fn parse_bool(v: &str) -> Option<bool> {
    match v.trim().to_lowercase().as_str() {
        "true" | "1" | "t" => Some(true),
        "false" | "0" | "f" => Some(false),
        _ => None,
    }
}

fn parse_patterns(v: &str) -> Option<Vec<CallbackPattern>> {
    let texts: Vec<String> = if v.trim_start().starts_with('[') {
        serde_json::from_str(v).ok()?
    } else {
        v.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    };
    texts.iter().map(|text| CallbackPattern::parse(text).ok()).collect()
}

fn parse_trust_proxy(v: &str) -> Option<TrustProxy> {
    if let Some(all) = parse_bool(v) {
        return Some(if all { TrustProxy::Everybody } else { TrustProxy::Nobody });
    }
    v.split(',')
        .map(|part| {
            let part = part.trim();
            let (ip, bits) = part.split_once('/').map_or((part, None), |(ip, bits)| (ip, Some(bits)));
            let ip: IpAddr = ip.parse().ok()?;
            let longest = if ip.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(longest), |b| b.parse().ok())?;
            (bits <= longest).then_some((ip, bits))
        })
        .collect::<Option<Vec<_>>>()
        .map(TrustProxy::Ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Settings, Vec<SettingError>> {
        Settings::load(&|name| {
            pairs
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
                .or_else(|| (name == "ENCRYPTION_KEY").then(|| "0123456789abcdef".to_owned()))
        })
    }

    #[test]
    fn defaults_are_accepted() {
        let s = load(&[]).unwrap();
        assert_eq!(s.app_url.as_str(), "http://localhost:1411");
        assert_eq!(s.internal_app_url, s.app_url);
        assert_eq!((s.port, s.session_duration_s, s.app_name.as_str()), (1411, 3600, "Latchkey"));
    }

    #[test]
    fn app_url_is_normalised_and_paths_are_refused() {
        let s = load(&[("APP_URL", "https://ID.Example.com/")]).unwrap();
        assert_eq!(
            (s.app_url.as_str(), s.app_url.host(), s.app_url.authority()),
            ("https://id.example.com", "id.example.com", "id.example.com")
        );
        for bad in [
            "id.example.com",
            "https://a.b/c",
            "https://u@a.b",
            "ftp://a.b",
            "https://a.b?x",
            "https://a.b#f",
        ] {
            let errors = load(&[("APP_URL", bad)]).unwrap_err();
            assert_eq!((errors[0].name, errors[0].value.as_str()), ("APP_URL", bad), "{bad}");
        }
    }

    #[test]
    fn every_wrong_value_is_named_at_once_and_secrets_are_hidden() {
        let errors = load(&[
            ("PORT", "70000"),
            ("SESSION_DURATION", "0"),
            ("ENCRYPTION_KEY", "short"),
            ("TRUST_PROXY", "10.0.0.0/33"),
        ])
        .unwrap_err();
        let shown: Vec<_> = errors.iter().map(|e| (e.name, e.value.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("ENCRYPTION_KEY", "(hidden)"),
                ("PORT", "70000"),
                ("TRUST_PROXY", "10.0.0.0/33"),
                ("SESSION_DURATION", "0")
            ]
        );
    }

    #[test]
    fn cimd_patterns_are_a_json_array_or_separated_by_commas() {
        for (text, n) in [
            ("", 0),
            ("[]", 0),
            ("https://app.example/**", 1),
            (" https://a.example/c , https://*.b.example/**,", 2),
            (r#"["https://a.example/c","*"]"#, 2),
        ] {
            let s = load(&[("CIMD_URL_ALLOWLIST", text)]).unwrap();
            assert_eq!(s.cimd_url_allowlist.len(), n, "{text}");
        }
        for bad in ["app.example", r#"["https://a.example/c""#, "[1]", "javascript:x", r#"{"a":1}"#] {
            let errors = load(&[("CIMD_URL_ALLOWLIST", bad)]).unwrap_err();
            assert_eq!(errors[0].name, "CIMD_URL_ALLOWLIST", "{bad}");
        }
    }

    #[test]
    fn trust_proxy_lists() {
        let s = load(&[("TRUST_PROXY", "10.0.0.0/8, ::1")]).unwrap();
        assert_eq!(
            s.trust_proxy,
            TrustProxy::Ranges(vec![("10.0.0.0".parse().unwrap(), 8), ("::1".parse().unwrap(), 128)])
        );
    }
}
