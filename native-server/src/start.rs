//! From settings to a running server.

use crate::after::Tasks;
use crate::clock::SystemClock;
use crate::config::{Complaints, Config, Environment};
use crate::fetch::Outgoing;
use crate::{host, log, serve, store};
use axum::Router;
use axum::body::Body;
use http::Request;
use shared::db::Stmt;
use shared::db::migrate::{MIGRATIONS, Migrate};
use shared::host::Host;
use shared::http::App;
use shared::ports::{Db, DbError};
use shared::settings::AppUrl;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// Time between two rounds of the work that needs no request.
const TICK: Duration = Duration::from_secs(60);

/// Serves until it is told to stop.
///
/// # Errors
/// What keeps it from starting.
pub(crate) async fn serve() -> Result<(), Complaints> {
    let (host, tasks) = opened().await?;
    #[cfg(feature = "test-hooks")]
    let (host, hooks) = crate::test_hooks::around(host);
    let host = Arc::new(host);
    let app = router(Arc::new(App::new(Arc::clone(&host))));
    #[cfg(feature = "test-hooks")]
    let app = app.merge(hooks);

    let settings = &host.settings;
    let unheard = |e| vec![format!("cannot listen on {} port {}: {e}", settings.host, settings.port)];
    let listener = TcpListener::bind((settings.host, settings.port)).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    for line in where_to_go(&settings.app_url, is_empty(&host.db).await.map_err(unusable)?) {
        println!("{line}");
    }
    let ticking = tokio::spawn(tick(Arc::clone(&host)));
    let deadline = serve::serve(listener, app, settings.trust_proxy.clone(), serve::stop_signal()).await;
    ticking.abort();
    tasks.drain(deadline).await;
    tracing::info!("stopped");
    Ok(())
}

/// The core behind everything that only this host answers.
fn router(app: Arc<App>) -> Router {
    Router::new().fallback(move |request: Request<Body>| {
        let app = Arc::clone(&app);
        async move { app.answer(request).await.map(Body::from) }
    })
}

/// Applies the missing migrations and names them.
///
/// # Errors
/// What keeps it from doing so.
pub(crate) async fn migrate() -> Result<(), Complaints> {
    opened().await?;
    println!("The database is up to date.");
    Ok(())
}

/// The host of the settings, with its database brought up to date.
///
/// # Errors
/// What is wrong with the settings or the database.
pub(crate) async fn opened() -> Result<(Host, Arc<Tasks>), Complaints> {
    let config = configured()?;
    let fetch = Arc::new(Outgoing::new().map_err(|e| vec![e.to_string()])?);
    let db = migrated(&config, &fetch).await?;
    let tasks = Arc::new(Tasks::default());
    let host = host::build(
        Arc::new(config.settings),
        &config.data_folder,
        db,
        Arc::new(SystemClock::new()),
        fetch,
        Arc::clone(&tasks),
    );
    shared::keyring::check(&host).await.map_err(|failure| vec![shared::log::describe(&failure)])?;
    Ok((host, tasks))
}

/// Does the work that needs no request, for ever.
async fn tick(host: Arc<Host>) {
    let mut rounds = tokio::time::interval(TICK);
    // The first round of an interval is at once; a server that has just started has better things to do.
    rounds.tick().await;
    loop {
        rounds.tick().await;
        if let Err(e) = shared::jobs::tick(&host).await {
            tracing::error!(error = %e, "tick");
        }
    }
}

/// Reads the settings, says what there is to say about them, and starts the log.
fn configured() -> Result<Config, Complaints> {
    let folder = Path::new("");
    let config = Environment::of_process(folder)?.load(folder)?;
    log::start(&config.settings);
    for message in &config.messages {
        println!("{message}");
    }
    for name in &config.unknown {
        tracing::warn!(%name, "no setting has this name");
    }
    Ok(config)
}

async fn migrated(config: &Config, fetch: &Arc<Outgoing>) -> Result<Arc<dyn Db>, Complaints> {
    let db: Arc<dyn Migrate> =
        store::open(&config.settings, Arc::<Outgoing>::clone(fetch)).map_err(unusable)?;
    for name in shared::db::migrate::migrate(db.as_ref(), MIGRATIONS).await.map_err(unusable)? {
        tracing::info!(%name, "applied a migration");
    }
    Ok(db)
}

fn unusable(e: DbError) -> Complaints {
    vec![format!("the database of DB_CONNECTION_STRING cannot be used: {e}")]
}

/// Whether nobody has an account yet.
async fn is_empty(db: &Arc<dyn Db>) -> Result<bool, DbError> {
    Ok(db.query(Stmt::new("SELECT id FROM users LIMIT 1")).await?.is_empty())
}

fn where_to_go(app_url: &AppUrl, empty: bool) -> Vec<String> {
    let mut lines = vec![format!("Latchkey is at {}", app_url.as_str())];
    if empty {
        lines.push(format!("Open {} to make the first account", app_url.join("/setup")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_points_to_the_set_up_page() {
        let url = AppUrl::parse("http://localhost:1411").unwrap();
        assert_eq!(where_to_go(&url, false), ["Latchkey is at http://localhost:1411"]);
        assert_eq!(
            where_to_go(&url, true),
            [
                "Latchkey is at http://localhost:1411",
                "Open http://localhost:1411/setup to make the first account"
            ]
        );
    }

    #[tokio::test]
    async fn a_new_database_is_empty_until_somebody_has_an_account() {
        let sqlite = native_db::Sqlite::open_in_memory().unwrap();
        shared::db::migrate::migrate(&sqlite, MIGRATIONS).await.unwrap();
        let db: Arc<dyn Db> = Arc::new(sqlite);
        assert_eq!(is_empty(&db).await, Ok(true));
        let insert = "INSERT INTO users (id, username, username_folded, created_at, updated_at) VALUES (?1, ?1, ?1, 0, 0)";
        db.query(Stmt::new(insert).bind("u")).await.unwrap();
        assert_eq!(is_empty(&db).await, Ok(false));
    }
}
