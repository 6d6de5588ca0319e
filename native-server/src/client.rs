//! `latchkey client …`: clients straight in the store, for the first app and for scripts.

use crate::config::Complaints;
use crate::start;
use clap::{Args, Subcommand};
use serde_json::json;
use shared::api::clients::{ClientInput, SecretInput, new_client, new_secret};
use shared::failure::Failure;
use shared::host::Host;
use shared::store::client::{self, Client, Order};

/// What to do with clients.
#[derive(Subcommand)]
pub(crate) enum ClientVerb {
    /// Make a client and print its id and, unless it is public, its secret; the secret is shown this once
    Create(Create),
    /// List the clients
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
}

/// `latchkey client create`.
#[derive(Args)]
pub(crate) struct Create {
    /// Name people see when they sign in to the app
    name: String,
    /// Address the app is called back at; may be given several times, `*` stands for any one part
    #[arg(long = "callback-url", value_name = "URL")]
    callback_urls: Vec<String>,
    /// Address the app may be called back at after signing out; may be given several times
    #[arg(long = "logout-callback-url", value_name = "URL")]
    logout_callback_urls: Vec<String>,
    /// Client id; a random one if left out
    #[arg(long)]
    id: Option<String>,
    /// The app cannot keep a secret (a single-page or mobile app): no secret, PKCE always
    #[arg(long)]
    public: bool,
    /// Refuse requests of this client without PKCE
    #[arg(long)]
    pkce: bool,
    /// Do not ask people for consent
    #[arg(long)]
    skip_consent: bool,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// Carries the verb out.
///
/// # Errors
/// What keeps it from doing so.
pub(crate) async fn run(verb: ClientVerb) -> Result<(), Complaints> {
    let host = start::host().await?;
    match verb {
        ClientVerb::Create(wanted) => create(&host, wanted).await,
        ClientVerb::List { json } => list(&host, json).await,
    }
}

async fn create(host: &Host, wanted: Create) -> Result<(), Complaints> {
    let now = host.clock.now();
    let input = ClientInput {
        id: wanted.id,
        name: wanted.name,
        callback_urls: wanted.callback_urls,
        logout_callback_urls: wanted.logout_callback_urls,
        is_public: wanted.public,
        pkce_enabled: wanted.pkce,
        skip_consent: wanted.skip_consent,
        ..ClientInput::default()
    };
    let client = new_client(host, now, input, None).await.map_err(|f| complaint(&f))?;
    let secret = if client.is_public {
        None
    } else {
        let (row, plain) = new_secret(host, now, SecretInput::default()).map_err(|f| complaint(&f))?;
        host.db.query(row.insert(&client.id)).await.map_err(|e| vec![e.to_string()])?;
        Some(plain)
    };
    if wanted.json {
        println!("{}", json!({ "id": client.id, "name": client.name, "secret": secret }));
        return Ok(());
    }
    println!("Client ID:     {}", client.id);
    if let Some(secret) = secret {
        println!("Client secret: {secret}");
    }
    println!("Discovery:     {}", host.settings.app_url.join("/.well-known/openid-configuration"));
    Ok(())
}

async fn list(host: &Host, as_json: bool) -> Result<(), Complaints> {
    let stored = |e: shared::ports::DbError| vec![e.to_string()];
    let mut all = Vec::new();
    for offset in (0..).step_by(100) {
        let rows =
            host.db.query(client::page("%", Order::NameAscending, 100, offset)).await.map_err(stored)?;
        for row in &rows {
            all.push(Client::from_row(row).map_err(stored)?);
        }
        if rows.len() < 100 {
            break;
        }
    }
    if as_json {
        let shown: Vec<_> = all
            .iter()
            .map(|c| json!({ "id": c.id, "name": c.name, "isPublic": c.is_public, "callbackURLs": c.callback_urls }))
            .collect();
        println!("{}", serde_json::Value::from(shown));
    } else {
        for client in all {
            println!("{}  {}", client.id, client.name);
        }
    }
    Ok(())
}

fn complaint(failure: &Failure) -> Complaints {
    match failure {
        Failure::Api(shared::api::error::ApiError::Validation(fields)) => {
            fields.iter().map(|f| format!("{} {}", f.field, f.message)).collect()
        }
        Failure::Api(error) => vec![error.public().2],
        Failure::Fault(fault) => vec![fault.to_string()],
        other => vec![format!("{other:?}")],
    }
}
