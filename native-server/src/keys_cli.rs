//! `latchkey keys`: the signing keys without a browser. A server that is running learns of a change within a minute.

use crate::config::Complaints;
use crate::start;
use clap::Subcommand;
use proto::jose::Alg;
use shared::failure::Failure;
use shared::host::Host;
use shared::keyring::{HeldKey, rotation};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// List the published signing keys
    List,
    /// Replace the key of an algorithm: the successor is published now and signs a day later
    Rotate {
        /// Algorithm, KEYS_ALGORITHM by default
        #[arg(long)]
        alg: Option<String>,
        /// In an emergency: sign with the successor at once, though apps that cached the keys do not know it
        #[arg(long)]
        now: bool,
    },
    /// Make the key of a further algorithm: it is published now and signs ten minutes later
    Add {
        /// Algorithm: RS256, RS384, RS512, PS256, ES256, ES384, ES512 or EdDSA
        alg: String,
    },
    /// Take back a key and every token that it signed
    Revoke {
        /// Its kid
        kid: String,
    },
}

/// Runs the verb on the database of the settings.
///
/// # Errors
/// What is wrong with the settings, the database or the words of the command.
pub(crate) async fn run(verb: Verb) -> Result<(), Complaints> {
    let (host, _) = start::opened().await?;
    match answer(&host, verb).await {
        Ok(text) => {
            println!("{text}");
            Ok(())
        }
        Err(Problem::NoAlgorithm) => {
            Err(vec![format!("the algorithms are {}", Alg::ALL.map(Alg::as_str).join(", "))])
        }
        Err(Problem::Failed(failure)) => Err(vec![shared::log::describe(&failure)]),
    }
}

enum Problem {
    NoAlgorithm,
    Failed(Failure),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Names of algorithms are taken in any case.
fn algorithm(name: &str) -> Result<Alg, Problem> {
    Alg::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name)).ok_or(Problem::NoAlgorithm)
}

async fn answer(host: &Host, verb: Verb) -> Result<String, Problem> {
    let at = host.clock.now();
    match verb {
        Verb::List => {
            let keys = rotation::newest(host, at).await?;
            Ok(keys.iter().map(|k| line(k)).collect::<Vec<_>>().join("\n"))
        }
        Verb::Rotate { alg, now } => {
            let alg = alg.as_deref().map_or(Ok(host.settings.keys_algorithm), algorithm)?;
            Ok(line(&*rotation::rotate(host, at, alg, now, None).await?))
        }
        Verb::Add { alg } => Ok(line(&*rotation::add(host, at, algorithm(&alg)?, false, None).await?)),
        Verb::Revoke { kid } => {
            rotation::revoke(host, at, &kid, None).await?;
            Ok(format!("{kid} is published no more, and what it signed counts no more."))
        }
    }
}

fn line(key: &HeldKey) -> String {
    let row = &key.row;
    let until = row.expires_at.map_or_else(String::new, |end| format!(" until {}", end.rfc3339()));
    format!("{}  {}  {} from {}{until}", row.kid, row.alg, row.state.as_str(), row.activates_at.rfc3339())
}
