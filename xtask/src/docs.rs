//! `cargo xtask docs`: files that are made from the code and checked in.

use crate::integrations;
use crate::native::{self, Hooks};
use crate::tools;
use std::process::Command;

/// Each file and the words by which the binary prints it.
const GENERATED: &[(&str, &[&str])] =
    &[("docs/SETTINGS.md", &["settings"]), (".env.example", &["settings", "--format", "env"])];

/// The test that holds `docs/openapi.json` to the code, and the variable that makes it write the file.
const OPENAPI: (&str, &str) = ("the_checked_in_document_is_current", "LATCHKEY_WRITE_DOCS");

/// Writes every generated file.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn write() -> Result<(), String> {
    let (test, variable) = OPENAPI;
    tools::run(tools::cargo(&["test", "--quiet", "--package", "shared", "--lib", test]).env(variable, "1"))?;
    for (path, text) in texts()? {
        let file = tools::root().join(&path);
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| format!("{path}: {e}"))?;
        }
        std::fs::write(&file, text).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(())
}

/// Compares the generated files with what the code says now. `docs/openapi.json` is compared by the tests.
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

fn texts() -> Result<Vec<(String, String)>, String> {
    let binary = native::build(Hooks::Absent)?;
    let mut texts = integrations::pages()?;
    for (path, args) in GENERATED {
        texts.push(((*path).to_owned(), tools::output(Command::new(&binary).args(*args))?));
    }
    Ok(texts)
}
