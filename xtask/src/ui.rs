//! `cargo xtask ui`: scripts and styles of the pages, from `ui/` to `ui/build/`.

use crate::{debian, tools};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Command, Stdio};

/// Builds what has changed since the last time; nothing, as a rule.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn build() -> Result<(), String> {
    let folder = tools::root().join("ui");
    let digest = format!("{:016x}", digest(&folder)?);
    // Among the modules, so that whoever removes them or the build gets a new one.
    let stamp = folder.join("node_modules/.latchkey-build");
    let built = folder.join("build/manifest.json").exists();
    if built && std::fs::read_to_string(&stamp).is_ok_and(|old| old == digest) {
        return Ok(());
    }
    debian::ensure(debian::BUILD)?;
    tools::npm_ci("ui")?;
    eprintln!("building ui/");
    npm_run("build")?;
    std::fs::write(&stamp, digest).map_err(|e| format!("{}: {e}", stamp.display()))
}

/// The checks of the user interface's own: types, contrast.
///
/// # Errors
/// If one fails.
pub(crate) fn check() -> Result<(), String> {
    npm_run("check")
}

fn npm_run(script: &str) -> Result<(), String> {
    let folder = tools::root().join("ui");
    tools::run(
        Command::new("npm").args(["run", "--silent", script]).current_dir(folder).stdout(Stdio::null()),
    )
}

/// A digest of every source file's name and content.
fn digest(folder: &Path) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    add(folder, &mut hasher).map_err(|e| format!("{}: {e}", folder.display()))?;
    Ok(hasher.finish())
}

fn add(folder: &Path, hasher: &mut DefaultHasher) -> std::io::Result<()> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    for path in paths {
        if path.ends_with("node_modules") || path.ends_with("build") {
            continue;
        }
        if path.is_dir() {
            add(&path, hasher)?;
        } else {
            path.hash(hasher);
            std::fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}
