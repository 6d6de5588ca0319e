//! `cargo xtask test`: everything that must hold, in one go. The last line printed is `N passed, N failed`.

use crate::native::{self, Hooks};
use crate::postgres::{Cluster, Durability, URL_VARIABLE};
use crate::tally::{self, Tally};
use crate::{debian, docs, edge, tools, ui};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::str::FromStr;
use std::time::Instant;

/// A part that can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Format, lints, documentation, generated files and the tests in Rust.
    Rust,
    /// The black-box tests on one subject.
    BlackBox(Subject),
}

/// What the black-box tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    NativeSqlite,
    NativePostgres,
    NativeLibsql,
    Worker,
}

impl Subject {
    const ALL: [Self; 4] = [Self::NativeSqlite, Self::NativePostgres, Self::NativeLibsql, Self::Worker];
    const NATIVE: [Self; 3] = [Self::NativeSqlite, Self::NativePostgres, Self::NativeLibsql];

    /// The value of `OP_SUBJECT`.
    const fn name(self) -> &'static str {
        match self {
            Self::NativeSqlite => "native-sqlite",
            Self::NativePostgres => "native-postgres",
            Self::NativeLibsql => "native-libsql",
            Self::Worker => "worker",
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "rust" {
            return Ok(Self::Rust);
        }
        let subject = Subject::ALL.into_iter().find(|s| s.name() == name);
        subject.map(Self::BlackBox).ok_or_else(|| {
            format!("{name:?} is no part of the tests: rust, native-sqlite, native-postgres, native-libsql, worker")
        })
    }
}

/// Runs one part or all, and says how it went.
pub(crate) fn all(only: Option<Part>) -> ExitCode {
    let mut run = Run { total: Tally::default(), stopped: false };
    let wants = |part: Part| only.is_none_or(|only| only == part);
    let wants_subject = |subject: Subject| wants(Part::BlackBox(subject));
    run.needed("tools", || debian::ensure(debian::BUILD));
    run.needed("user interface: build", ui::build);
    let cluster = if wants(Part::Rust) || wants_subject(Subject::NativePostgres) {
        run.needed("Postgres: start", server)
    } else {
        None
    };
    let postgres = cluster.as_ref().map(Server::url);
    if wants(Part::Rust) {
        rust(&mut run, postgres.as_ref());
    }
    if Subject::ALL.into_iter().any(wants_subject) {
        run.needed("black box: tools", || {
            debian::ensure(debian::BLACK_BOX)?;
            tools::npm_ci("miniflare-tests").map(drop)
        });
        run.check("black box: types", || {
            let folder = tools::root().join("miniflare-tests");
            tools::run(Command::new("npm").args(["run", "--silent", "check"]).current_dir(folder))
        });
    }
    if Subject::NATIVE.into_iter().any(wants_subject) {
        let binary = run.needed("native server: build with test hooks", || native::build(Hooks::Present));
        for subject in Subject::NATIVE {
            if let Some(binary) = binary.as_ref().filter(|_| wants_subject(subject)) {
                run.black_box(subject, "LATCHKEY_BIN", binary, postgres.as_ref());
            }
        }
    }
    if wants_subject(Subject::Worker) {
        run.check("worker: release bundle within its budget", || edge::build(false).map(drop));
        if let Some(bundle) = run.needed("worker: bundle with test hooks", || edge::build(true)) {
            run.black_box(Subject::Worker, "LATCHKEY_EDGE_BUNDLE", &bundle, None);
        }
    }
    drop(cluster);
    println!("{} passed, {} failed", run.total.passed, run.total.failed);
    if run.total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Format, lints, generated files, and rings 1 to 4 of the tests.
fn rust(run: &mut Run, postgres: Option<&OsString>) {
    run.check("format", || tools::run(&mut tools::cargo(&["fmt", "--all", "--check"])));
    run.check("user interface: types and contrast", ui::check);
    run.check("lints", || {
        tools::run(&mut tools::cargo(&["clippy", "--quiet", "--all-targets", "--", "-D", "warnings"]))
    });
    run.check("lints with test hooks", || {
        let only =
            ["clippy", "--quiet", "--package", "native-server", "--all-targets", "--features", "test-hooks"];
        tools::run(tools::cargo(&only).args(["--", "-D", "warnings"]))
    });
    run.check("documentation", || {
        let mut command = tools::cargo(&["doc", "--quiet", "--no-deps", "--document-private-items"]);
        tools::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
    run.tests("tests in Rust", || {
        let mut command = tools::cargo(&["test", "--no-fail-fast"]);
        if let Some(url) = postgres {
            command.env(URL_VARIABLE, url);
        }
        tally::run(&mut command)
    });
    run.check("native server without test hooks; generated files", docs::check);
}

/// A Postgres server for the tests: the one the environment names, or one of our own.
enum Server {
    Given(OsString),
    Own(Cluster),
}

impl Server {
    fn url(&self) -> OsString {
        match self {
            Self::Given(url) => url.clone(),
            Self::Own(cluster) => OsString::from(&cluster.url),
        }
    }
}

fn server() -> Result<Server, String> {
    std::env::var_os(URL_VARIABLE)
        .map_or_else(|| Cluster::start(Durability::None).map(Server::Own), |url| Ok(Server::Given(url)))
}

/// The run so far.
struct Run {
    total: Tally,
    /// Something failed that all the rest needs.
    stopped: bool,
}

impl Run {
    /// A step that the following ones need: if it fails, they are not tried.
    fn needed<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, String>) -> Option<T> {
        let result = self.step(name, step);
        self.stopped |= result.is_none();
        result
    }

    /// A step whose failure counts as one failed test.
    fn check(&mut self, name: &str, step: impl FnOnce() -> Result<(), String>) {
        self.step(name, step);
    }

    /// A step that counts its own tests.
    fn tests(&mut self, name: &str, step: impl FnOnce() -> Result<Tally, String>) {
        if let Some(tally) = self.step(name, step) {
            println!("{name}: {} passed, {} failed", tally.passed, tally.failed);
            self.total.add(tally);
        }
    }

    fn black_box(
        &mut self,
        subject: Subject,
        variable: &str,
        artefact: &PathBuf,
        postgres: Option<&OsString>,
    ) {
        self.tests(&format!("black box on {}", subject.name()), || {
            let mut command = Command::new("npm");
            command
                .args(["test", "--silent"])
                .current_dir(tools::root().join("miniflare-tests"))
                .env("OP_SUBJECT", subject.name())
                .env(variable, artefact);
            if let Some(url) = postgres {
                command.env(URL_VARIABLE, url);
            }
            tally::run(&mut command)
        });
    }

    #[expect(clippy::disallowed_methods, reason = "how long a step took is for the reader only")]
    fn step<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T, String>) -> Option<T> {
        if self.stopped {
            println!("--- {name}: not tried");
            return None;
        }
        println!("--- {name}");
        let begun = Instant::now();
        let result = step();
        let seconds = begun.elapsed().as_secs_f32();
        match result {
            Ok(value) => {
                println!("--- {name}: {seconds:.1} s");
                Some(value)
            }
            Err(why) => {
                println!("{why}\n--- {name}: FAILED after {seconds:.1} s");
                self.total.failed = self.total.failed.saturating_add(1);
                None
            }
        }
    }
}
