//! `docs/integrations/`: one page an app, made from `profiles.json`, the table that the black-box test
//! `client-profiles.test.ts` signs in by.

use crate::tools;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Where the table and its pages are.
const FOLDER: &str = "docs/integrations";

/// What stands at the head of every page that is made.
const MADE: &str = "<!-- Made by `cargo xtask docs` from profiles.json; change that. -->\n";

/// The table as it is written.
#[derive(Deserialize)]
struct Table {
    defaults: Map<String, Value>,
    profiles: Vec<Map<String, Value>>,
}

/// An app or proxy, with every field filled in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: String,
    name: String,
    kind: Kind,
    #[serde(default)]
    clients: Vec<Map<String, Value>>,
    #[serde(flatten)]
    own: Client,
    setup: Setup,
    notes: Vec<String>,
    hints: Vec<String>,
    unconfirmed: Vec<String>,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Kind {
    App,
    Proxy,
}

/// One client of an app.
#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Client {
    #[serde(default)]
    label: String,
    client_id: Option<String>,
    callbacks: Vec<String>,
    logout_callbacks: Vec<String>,
    backchannel_logout: Option<String>,
    public: bool,
    token_auth: Vec<String>,
    secret_encoding: String,
    pkce: String,
    scopes: String,
    response_mode: Option<String>,
    id_token_alg: String,
    claims: Claims,
    userinfo_by: String,
    nonce: bool,
    refresh: bool,
    logout: String,
}

#[derive(Deserialize, Clone)]
struct Claims {
    from: Vec<String>,
    needs: Vec<String>,
}

/// What is typed into the app.
#[derive(Deserialize)]
struct Setup {
    #[serde(rename = "where")]
    place: String,
    #[serde(default)]
    fields: Vec<(String, String)>,
    #[serde(default)]
    lang: String,
    #[serde(default)]
    code: Vec<String>,
}

/// Every page with its path in the repository.
///
/// # Errors
/// What is wrong with the table.
pub(crate) fn pages() -> Result<Vec<(String, String)>, String> {
    let path = tools::root().join(FOLDER).join("profiles.json");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let profiles = read(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut pages = vec![(format!("{FOLDER}/README.md"), index(&profiles))];
    for profile in &profiles {
        let clients = profile.all_clients().map_err(|e| format!("{}: {e}", profile.id))?;
        pages.push((format!("{FOLDER}/{}.md", profile.id), profile.page(&clients)));
    }
    Ok(pages)
}

/// Lays each row over the defaults.
fn read(text: &str) -> serde_json::Result<Vec<Profile>> {
    let table: Table = serde_json::from_str(text)?;
    let filled = table.profiles.into_iter().map(|row| {
        let mut whole = table.defaults.clone();
        whole.extend(row);
        serde_json::from_value(Value::Object(whole))
    });
    filled.collect()
}

fn index(profiles: &[Profile]) -> String {
    let mut page = format!(
        "{MADE}# Apps\n\nHow to sign in to apps through Latchkey: one page each, with what to register here and what to type there.\n\
        Every row is signed in to by `miniflare-tests/suites/client-profiles.test.ts` in the app's own manner: its callbacks,\n\
        client authentication, PKCE, scopes, claims and sign-out. The apps themselves are not part of that test; what\n\
        their own instructions do not say is marked as unconfirmed on their pages.\n\n\
        Libraries that are tested from end to end: [openid-client](openid-client.md), [Authlib](authlib.md),\n\
        [Auth.js](authjs.md).\n"
    );
    for (kind, title) in
        [(Kind::App, "Apps"), (Kind::Proxy, "Reverse proxies, for apps without sign-in of their own")]
    {
        let _ = writeln!(
            page,
            "\n## {title}\n\n| app | callbacks | client | scopes |\n| --- | --- | --- | --- |"
        );
        for p in profiles.iter().filter(|p| p.kind == kind) {
            let callbacks: Vec<String> = p.own.callbacks.iter().map(|c| code(c)).collect();
            let client = if p.own.public { "public" } else { "with a secret" };
            let pkce = if p.own.pkce == "none" { "" } else { ", PKCE" };
            let _ = writeln!(
                page,
                "| [{}]({}.md) | {} | {client}{pkce} | {} |",
                p.name,
                p.id,
                callbacks.join("<br>"),
                code(&p.own.scopes)
            );
        }
    }
    page.push_str(
        "\n## Any other app\n\nIt needs the issuer (`https://id.example.com`), a client id, mostly a secret, and its callback registered here letter\n\
        by letter. A client says nothing of `response_types`: the answer is always a code.\n",
    );
    page
}

impl Profile {
    /// The app's clients; its own values stand where a client has none.
    fn all_clients(&self) -> serde_json::Result<Vec<Client>> {
        if self.clients.is_empty() {
            return Ok(vec![self.own.clone()]);
        }
        let with = |changes: &Map<String, Value>| {
            let own = &self.own;
            let mut whole = serde_json::json!({
                "label": own.label, "callbacks": own.callbacks, "logoutCallbacks": own.logout_callbacks,
                "public": own.public, "tokenAuth": own.token_auth, "secretEncoding": own.secret_encoding,
                "pkce": own.pkce, "scopes": own.scopes, "responseMode": own.response_mode,
                "idTokenAlg": own.id_token_alg,
                "claims": { "from": own.claims.from, "needs": own.claims.needs },
                "userinfoBy": own.userinfo_by, "nonce": own.nonce, "refresh": own.refresh, "logout": own.logout,
            });
            if let Some(whole) = whole.as_object_mut() {
                whole.extend(changes.clone());
            }
            serde_json::from_value(whole)
        };
        self.clients.iter().map(with).collect()
    }

    fn page(&self, clients: &[Client]) -> String {
        let mut page = format!("{MADE}# {}\n\n## At Latchkey\n", self.name);
        for client in clients {
            self.registration(&mut page, client);
        }
        page.push_str(
            "\nIt prints the client id and the secret, `CLIENT_ID` and `CLIENT_SECRET` below. The same by the\n[API](../API.md): \
            `POST /api/oidc/clients`, then `POST /api/oidc/clients/{id}/secrets`.\n",
        );
        let _ = write!(page, "\n## In {}\n\n{}\n", self.name, shown(&self.setup.place));
        if !self.setup.fields.is_empty() {
            page.push_str("\n| field | value |\n| --- | --- |\n");
            for (field, value) in &self.setup.fields {
                let _ = writeln!(page, "| {field} | {} |", shown(value));
            }
        }
        if !self.setup.code.is_empty() {
            let _ = write!(page, "\n```{}\n{}\n```\n", self.setup.lang, self.setup.code.join("\n"));
        }
        page.push_str("\n## How it signs people in\n");
        for client in clients {
            habits(&mut page, client);
        }
        let raw = clients.iter().any(|c| c.secret_encoding == "raw" && !c.public);
        if raw || !self.notes.is_empty() || !self.hints.is_empty() {
            page.push_str("\n## Good to know\n\n");
            for note in self.notes.iter().chain(&self.hints) {
                let _ = writeln!(page, "- {note}");
            }
            if raw {
                page.push_str("- Use the secret that Latchkey makes: this app does not encode special characters in one of your own.\n");
            }
        }
        if !self.unconfirmed.is_empty() {
            let names: Vec<&str> = self.unconfirmed.iter().map(|n| label(n)).collect();
            let _ = write!(page, "\nNot confirmed by the app's own instructions: {}.\n", names.join(", "));
        }
        page
    }

    fn registration(&self, page: &mut String, client: &Client) {
        let (name, intro) = if client.label.is_empty() {
            (self.name.clone(), String::new())
        } else {
            (format!("{} {}", self.name, client.label), format!("\n### {}\n", client.label))
        };
        let mut words = vec![format!("latchkey client create --name {}", quoted(&name))];
        words.extend(client.client_id.iter().map(|id| format!("--id {id}")));
        words.extend(client.callbacks.iter().map(|c| format!("--callback {}", quoted(c))));
        words.extend(client.logout_callbacks.iter().map(|c| format!("--logout-callback {}", quoted(c))));
        if client.public {
            words.push("--public".to_owned());
        } else if client.pkce == "S256" && !self.unconfirmed.iter().any(|n| n == "pkce") {
            words.push("--pkce".to_owned());
        }
        let _ = write!(page, "{intro}\n```sh\n{}\n```\n", words.join(" \\\n  "));
        if let Some(uri) = &client.backchannel_logout {
            let _ = write!(
                page,
                "\nSign-out elsewhere reaches it by back-channel logout: set `metadata.backchannel_logout_uri` of the client to\n`{uri}` by the API.\n"
            );
        }
    }
}

/// What the app does, row by row.
fn habits(page: &mut String, client: &Client) {
    if !client.label.is_empty() {
        let _ = write!(page, "\n### {}\n", client.label);
    }
    let all = |values: &[String]| values.iter().map(|v| code(v)).collect::<Vec<_>>().join(", ");
    let mode = client.response_mode.as_deref().unwrap_or("query");
    let from: Vec<&str> = client
        .claims
        .from
        .iter()
        .map(|f| if f == "id_token" { "the ID token" } else { "userinfo" })
        .collect();
    let userinfo = match client.userinfo_by.as_str() {
        "GET" => "",
        "POST" => " (asked by POST)",
        _ => " (asked by POST, token in the body)",
    };
    let out = match client.logout.as_str() {
        "redirect" => "through Latchkey, and back to the app",
        "bare" => "leads to Latchkey's sign-out page",
        _ => "in the app only",
    };
    let rows = [
        ("client authentication", all(&client.token_auth)),
        ("PKCE", if client.pkce == "none" { "no".to_owned() } else { code(&client.pkce) }),
        ("scopes", code(&client.scopes)),
        ("answer", format!("by {mode}")),
        ("`nonce`", if client.nonce { "yes" } else { "no" }.to_owned()),
        ("ID token", code(&client.id_token_alg)),
        ("reads", format!("{} from {}{userinfo}", all(&client.claims.needs), from.join(" and "))),
        ("refresh tokens", if client.refresh { "yes" } else { "no" }.to_owned()),
        ("sign-out", out.to_owned()),
    ];
    page.push_str("\n| | |\n| --- | --- |\n");
    for (name, value) in rows {
        let _ = writeln!(page, "| {name} | {value} |");
    }
}

/// A field of the table in words.
fn label(field: &str) -> &str {
    match field {
        "tokenAuth" => "client authentication",
        "secretEncoding" => "how the secret is encoded",
        "pkce" => "PKCE",
        "responseMode" => "how the answer comes",
        "claims" => "where claims are read",
        "authorizeExtra" | "tokenExtra" => "further parameters",
        "logoutCallbacks" => "the logout callback",
        "logout" => "sign-out",
        "refresh" => "refresh tokens",
        "setup" => "the names of its settings",
        other => other,
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A value of a form as a person types it: addresses and placeholders set off from words.
fn shown(value: &str) -> String {
    let is_literal = |word: &str| word.contains("://") || word.starts_with("CLIENT_");
    let words: Vec<String> =
        value.split(' ').map(|w| if is_literal(w) { code(w) } else { w.to_owned() }).collect();
    words.join(" ")
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c));
    if plain { text.to_owned() } else { format!("'{text}'") }
}

#[test]
fn pages_are_current() {
    for (path, text) in pages().unwrap() {
        let file = tools::root().join(&path);
        if std::env::var_os("LATCHKEY_WRITE_DOCS").is_some() {
            std::fs::write(&file, &text).unwrap();
        }
        let found = std::fs::read_to_string(file).unwrap_or_default();
        assert!(found == text, "{path} is not up to date; run `cargo xtask docs`");
    }
}

#[test]
fn every_app_has_a_page_and_every_page_an_app_or_a_library() {
    let made: Vec<String> = pages().unwrap().into_iter().map(|(path, _)| path).collect();
    assert_eq!(made.len(), 51);
    for entry in std::fs::read_dir(tools::root().join(FOLDER)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let by_hand =
            ["profiles.json", "authjs.md", "authlib.md", "openid-client.md"].contains(&name.as_str());
        assert!(
            by_hand || made.contains(&format!("{FOLDER}/{name}")),
            "{name} belongs to no row of the table"
        );
    }
}
