//! Building and running the native binary.

use crate::{debian, tools, ui};
use std::path::PathBuf;
use std::process::Command;

/// What a released artefact must not contain.
pub(crate) const TEST_HOOK: &[u8] = b"/__test/";

/// Whether the routes of the black-box tests are compiled in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hooks {
    /// As released.
    Absent,
    /// For the tests.
    Present,
}

/// Builds the binary, and checks that the routes of the tests are where they should be. The one with the routes is
/// copied aside, where no other build replaces it.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn build(hooks: Hooks) -> Result<PathBuf, String> {
    debian::ensure(debian::BUILD)?;
    // By package, not by workspace: there the development crates switch on features that are not released.
    let mut command = tools::cargo(&["build", "--quiet", "--package", "native-server"]);
    if hooks == Hooks::Present {
        command.args(["--features", "test-hooks"]);
    }
    tools::run(&mut command)?;
    let binary = tools::target_dir().join("debug").join(format!("latchkey{}", std::env::consts::EXE_SUFFIX));
    let bytes = std::fs::read(&binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    let found = bytes.windows(TEST_HOOK.len()).any(|part| part == TEST_HOOK);
    match (hooks, found) {
        (Hooks::Absent, true) => Err("the binary contains the routes of the tests".to_owned()),
        (Hooks::Absent, false) => Ok(binary),
        (Hooks::Present, false) => Err("the binary lacks the routes of the tests".to_owned()),
        (Hooks::Present, true) => {
            let aside = binary.with_file_name(format!("latchkey-test-hooks{}", std::env::consts::EXE_SUFFIX));
            std::fs::copy(&binary, &aside).map_err(|e| format!("{}: {e}", aside.display()))?;
            Ok(aside)
        }
    }
}

/// `cargo xtask run`: builds what is stale and serves, with the data in `data/`.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn run() -> Result<(), String> {
    ui::build()?;
    eprintln!("building the server (some minutes the first time)");
    let binary = build(Hooks::Absent)?;
    tools::replace_with(Command::new(binary).arg("serve").current_dir(tools::root()))
}
