//! Latchkey, native: the whole provider as one binary with SQLite, Postgres or libSQL.
#![expect(clippy::print_stdout, reason = "a command line program answers on stdout")]

mod after;
mod assets;
mod blob_fs;
mod clients;
mod clock;
mod config;
mod drained;
mod fetch;
mod healthcheck;
mod host;
mod keys_awslc;
mod keys_cli;
mod limit_memory;
mod log;
mod mail;
#[cfg(test)]
mod ports_tests;
mod rng;
mod serve;
mod settings_table;
mod start;
mod store;
#[cfg(feature = "test-hooks")]
mod test_hooks;

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// Sign in to your apps with a passkey: an OpenID Connect provider in one binary.
///
/// Without a verb it serves. Settings are environment variables or lines of a file .env; see `latchkey settings`.
#[derive(Parser)]
#[command(name = "latchkey", version)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Apply missing migrations, then serve until SIGINT or SIGTERM
    Serve,
    /// Apply missing migrations of the database and stop
    Migrate,
    /// Register and list the apps that people sign in to
    #[command(subcommand)]
    Client(clients::Verb),
    /// Show and replace the keys that tokens are signed with
    #[command(subcommand)]
    Keys(keys_cli::Verb),
    /// Ask a running server whether it is well; exit status 0 if so
    Healthcheck {
        /// Address of the server, such as http://localhost:1411; by default this machine at PORT
        #[arg(short, long)]
        endpoint: Option<String>,
    },
    /// Print every setting with its default and meaning
    Settings {
        /// Form of the answer
        #[arg(long, value_enum, default_value_t = Form::Markdown)]
        format: Form,
    },
    /// Print the version
    Version,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// The page docs/SETTINGS.md
    Markdown,
    /// The file .env.example
    Env,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().verb.unwrap_or(Verb::Serve) {
        Verb::Serve => start::serve().await,
        Verb::Migrate => start::migrate().await,
        Verb::Client(verb) => clients::run(verb).await,
        Verb::Keys(verb) => keys_cli::run(verb).await,
        Verb::Healthcheck { endpoint } => healthcheck::run(endpoint).await,
        Verb::Settings { format: Form::Markdown } => {
            print!("{}", settings_table::markdown());
            Ok(())
        }
        Verb::Settings { format: Form::Env } => {
            print!("{}", settings_table::dotenv());
            Ok(())
        }
        Verb::Version => {
            println!("latchkey {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaints) => {
            for complaint in complaints {
                eprintln!("{complaint}");
            }
            ExitCode::FAILURE
        }
    }
}
