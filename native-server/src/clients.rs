//! `latchkey client`: registering apps without a browser.

use crate::config::Complaints;
use crate::start;
use clap::{Args, Subcommand};
use serde_json::json;
use shared::api::clients::{ClientInput, SecretInput, new_client, new_secret};
use shared::failure::Failure;
use shared::host::Host;
use shared::store::client::{self, Client, Order};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Register an app and print its id and secret; the secret is shown this once
    Create(Create),
    /// List the registered apps
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// Name that people see
    #[arg(long)]
    name: String,
    /// Address the app is called back at; can be given several times
    #[arg(long = "callback", value_name = "URL", required = true)]
    callbacks: Vec<String>,
    /// Address people may be sent to after signing out; can be given several times
    #[arg(long = "logout-callback", value_name = "URL")]
    logout_callbacks: Vec<String>,
    /// Client id, if the app expects a certain one
    #[arg(long)]
    id: Option<String>,
    /// The app runs on people's devices and can keep no secret
    #[arg(long)]
    public: bool,
    /// Demand PKCE from an app that has a secret
    #[arg(long)]
    pkce: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Rows read at a time.
const PAGE: i64 = 100;

/// Runs the verb on the database of the settings.
///
/// # Errors
/// What is wrong with the settings, the database or the words of the command.
pub(crate) async fn run(verb: Verb) -> Result<(), Complaints> {
    let (host, _) = start::opened().await?;
    let done = match verb {
        Verb::Create(create) => self::create(&host, create).await,
        Verb::List { json } => list(&host, json).await,
    };
    match done {
        Ok(text) => {
            println!("{text}");
            Ok(())
        }
        Err(failure) => Err(vec![sentence(failure)]),
    }
}

async fn create(host: &Host, ask: Create) -> Result<String, Failure> {
    let now = host.clock.now();
    let input = ClientInput {
        id: ask.id,
        name: ask.name,
        callback_urls: ask.callbacks,
        logout_callback_urls: ask.logout_callbacks,
        is_public: ask.public,
        pkce_enabled: ask.pkce,
        ..ClientInput::default()
    };
    let client = new_client(host, now, input, None).await?;
    let secret = if client.is_public {
        None
    } else {
        let (row, plain) = new_secret(host, now, SecretInput::default())?;
        host.db.query(row.insert(&client.id)).await?;
        Some(plain)
    };
    if ask.json {
        return Ok(json!({
            "id": client.id,
            "secret": secret,
            "name": client.name,
            "callbackURLs": client.callback_urls,
            "issuer": host.settings.app_url.as_str(),
        })
        .to_string());
    }
    let secret = secret.map_or_else(String::new, |s| format!("Client secret: {s}   (shown this once)\n"));
    Ok(format!("Client id:     {}\n{secret}Issuer:        {}", client.id, host.settings.app_url.as_str()))
}

async fn list(host: &Host, json: bool) -> Result<String, Failure> {
    let mut clients = Vec::new();
    loop {
        let offset = i64::try_from(clients.len()).unwrap_or(i64::MAX);
        let rows = host.db.query(client::page("%", Order::NameAscending, PAGE, offset)).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            clients.push(Client::from_row(row)?);
        }
    }
    if json {
        let items = clients.iter().map(|c| {
            json!({ "id": c.id, "name": c.name, "callbackURLs": c.callback_urls, "isPublic": c.is_public })
        });
        return Ok(serde_json::Value::from_iter(items).to_string());
    }
    if clients.is_empty() {
        return Ok("No apps are registered.".to_owned());
    }
    let lines = clients.iter().map(|c| format!("{}  {}  {}", c.id, c.name, c.callback_urls.join(" ")));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// A failure in words for a terminal.
fn sentence(failure: Failure) -> String {
    match failure {
        Failure::Api(error) => error.public().2,
        Failure::Fault(fault) => fault.to_string(),
        Failure::Refused(_) | Failure::Page(_) => "that is not allowed".to_owned(),
    }
}
