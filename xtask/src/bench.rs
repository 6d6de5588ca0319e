//! `cargo xtask bench`: the figures of `docs/BENCHMARKS.md`, measured on this machine and printed as one table.

use crate::native::{self, Hooks};
use crate::postgres::{Cluster, Durability, URL_VARIABLE};
use crate::{debian, edge, tools, ui};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// A part that can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The released binary: size, start, memory, throughput.
    Native,
    /// How often each endpoint goes to the store, on both hosts.
    RoundTrips,
    /// The released bundle: size, start, a code exchange.
    Worker,
    /// What a browser loads before the passkey prompt, on both hosts.
    SignInPage,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "native" => Ok(Self::Native),
            "round-trips" => Ok(Self::RoundTrips),
            "worker" => Ok(Self::Worker),
            "sign-in-page" => Ok(Self::SignInPage),
            _ => Err(format!("{name:?} is no part of it: native, round-trips, worker, sign-in-page")),
        }
    }
}

/// Load generator of the throughput figures.
const WRK: &[debian::Need] = &[("wrk", "wrk")];

/// Builds what is measured, measures one part or all, and prints the table.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn all(only: Option<Part>) -> Result<(), String> {
    let wants = |part: Part| only.is_none_or(|only| only == part);
    debian::ensure(debian::BUILD)?;
    debian::ensure(WRK)?;
    debian::ensure(debian::BLACK_BOX)?;
    ui::build()?;
    tools::npm_ci("miniflare-tests")?;
    // All builds come first: nothing else may run while something is measured.
    let native = if wants(Part::Native) { Some(release()?) } else { None };
    let worker = if wants(Part::Worker) { Some(edge::build(false)?) } else { None };
    let hooked = if wants(Part::RoundTrips) || wants(Part::SignInPage) {
        Some((native::build(Hooks::Present)?, edge::build(true)?))
    } else {
        None
    };
    tools::run(&mut script("heading"))?;
    if let Some(Release { binary, sign_rate }) = native {
        let cluster = Cluster::start(Durability::Full)?;
        let mut command = script("native");
        command.env("LATCHKEY_RELEASE_BIN", binary).env("LATCHKEY_SIGN_RATE", sign_rate);
        tools::run(command.env(URL_VARIABLE, &cluster.url))?;
    }
    if let Some(bundle) = worker {
        tools::run(script("worker").env("LATCHKEY_RELEASE_BUNDLE", bundle))?;
    }
    let Some((binary, bundle)) = hooked else { return Ok(()) };
    for (part, name) in [(Part::RoundTrips, "round-trips"), (Part::SignInPage, "sign-in-page")] {
        if wants(part) {
            on_both(name, &binary, &bundle)?;
        }
    }
    Ok(())
}

/// Runs a script on the native binary and on the worker.
fn on_both(name: &str, binary: &Path, bundle: &Path) -> Result<(), String> {
    for subject in ["native-sqlite", "worker"] {
        let mut command = script(name);
        command.env("OP_SUBJECT", subject).env("LATCHKEY_BIN", binary).env("LATCHKEY_EDGE_BUNDLE", bundle);
        tools::run(&mut command)?;
    }
    Ok(())
}

/// A script of `miniflare-tests/bench`, which prints rows of the table.
fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command
        .args(["--import", "tsx", &format!("bench/{name}.ts")])
        .current_dir(tools::root().join("miniflare-tests"));
    command
}

/// What is measured of the native host.
struct Release {
    binary: PathBuf,
    sign_rate: PathBuf,
}

fn release() -> Result<Release, String> {
    // Apart, so that the binary gets no feature that only the example or its development crates ask for.
    tools::run(&mut tools::cargo(&["build", "--quiet", "--release", "--package", "native-server"]))?;
    let example = ["build", "--quiet", "--release", "--package", "native-server", "--example", "sign_rate"];
    tools::run(&mut tools::cargo(&example))?;
    let folder = tools::target_dir().join("release");
    let named = |name: &str| format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let binary = folder.join(named("latchkey"));
    let bytes = std::fs::read(&binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    if bytes.windows(native::TEST_HOOK.len()).any(|part| part == native::TEST_HOOK) {
        return Err("the released binary contains the routes of the tests".to_owned());
    }
    Ok(Release { binary, sign_rate: folder.join("examples").join(named("sign_rate")) })
}
