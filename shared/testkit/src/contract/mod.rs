//! One suite per port, run on every adapter: what a host must do for the core to be right on it. The suites need no
//! runtime and no threads, so they run inside workerd too.

mod after;
mod blob;
mod clock;
mod db;
mod fetch;
mod keys;
mod limit;
mod rng;

pub use after::after;
pub use blob::blob;
pub use clock::clock;
pub use db::db;
pub use fetch::fetch;
pub use keys::keys;
pub use limit::{Precision, limit};
pub use rng::rng;

use std::fmt;
use std::fmt::Display;

/// What a suite found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    suite: &'static str,
    checks: Vec<(&'static str, Outcome)>,
}

/// One check: nothing, or what was wrong.
type Outcome = Result<(), String>;

impl Report {
    const fn new(suite: &'static str) -> Self {
        Self { suite, checks: Vec::new() }
    }

    fn add(&mut self, check: &'static str, outcome: Outcome) {
        self.checks.push((check, outcome));
    }

    /// The report itself if every check passed, else its text.
    fn verdict(self) -> Result<Self, String> {
        if self.checks.iter().all(|(_, outcome)| outcome.is_ok()) { Ok(self) } else { Err(self.to_string()) }
    }

    /// Names of the checks that ran.
    #[must_use]
    pub fn checks(&self) -> Vec<&'static str> {
        self.checks.iter().map(|(name, _)| *name).collect()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in &self.checks {
            match outcome {
                Ok(()) => writeln!(f, "ok   {}::{name}", self.suite)?,
                Err(why) => writeln!(f, "FAIL {}::{name}: {why}", self.suite)?,
            }
        }
        Ok(())
    }
}

/// Fails the check unless the two are equal.
fn same<T: PartialEq + fmt::Debug>(what: &str, got: T, want: T) -> Outcome {
    if got == want { Ok(()) } else { Err(format!("{what}: got {got:?}, want {want:?}")) }
}

/// Text of an unexpected error.
fn unexpected(error: impl Display) -> String {
    format!("unexpected: {error}")
}
