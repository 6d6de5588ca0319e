//! `cargo xtask docs`: files that are made from the code and checked in.

use crate::native::{self, Hooks};
use crate::tools;
use std::process::Command;

/// Each file and the words by which the binary prints it.
const GENERATED: &[(&str, &[&str])] =
    &[("docs/SETTINGS.md", &["settings"]), (".env.example", &["settings", "--format", "env"])];

/// Writes every generated file.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn write() -> Result<(), String> {
    for (path, text) in texts()? {
        let file = tools::root().join(path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{path}: {e}"))?;
        }
        std::fs::write(&file, text).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// Compares every generated file with what the code says now.
///
/// # Errors
/// The files that differ.
pub(crate) fn check() -> Result<(), String> {
    let differ: Vec<_> = texts()?
        .into_iter()
        .filter(|(path, text)| std::fs::read_to_string(tools::root().join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path)
        .collect();
    if differ.is_empty() {
        Ok(())
    } else {
        Err(format!("not up to date: {}; run `cargo xtask docs`", differ.join(", ")))
    }
}

fn texts() -> Result<Vec<(&'static str, String)>, String> {
    let binary = native::build(Hooks::Absent)?;
    GENERATED
        .iter()
        .map(|(path, args)| Ok((*path, tools::output(Command::new(&binary).args(*args))?)))
        .collect()
}
