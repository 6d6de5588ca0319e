//! Generates what the pages know about `ui/`: paths and integrity of the assets, and the message catalogues.
//!
//! Reads `ui/build/manifest.json` (made by `cargo xtask ui`) and `ui/messages/*.json`. Writes `assets.rs` and
//! `messages.rs` to `OUT_DIR`, which `src/pages/assets.rs` and `src/pages/messages.rs` include.

use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The catalogue that decides which keys and placeholders exist.
const BASE: &str = "en";

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), String> {
    let ui = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../ui");
    let out = PathBuf::from(variable("OUT_DIR")?);
    write(&out.join("assets.rs"), &assets(&ui.join("build/manifest.json"))?)?;
    write(&out.join("messages.rs"), &messages(&ui.join("messages"))?)
}

/// One `Asset` constant for each entry of the manifest: `passkey.js` becomes `PASSKEY_JS`.
fn assets(manifest: &Path) -> Result<String, String> {
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = fs::read_to_string(manifest).map_err(|e| {
        format!("{}: {e}; the pages' assets are not built, run `cargo xtask ui`", manifest.display())
    })?;
    let mut code = String::new();
    for (name, entry) in &object(manifest, &text)? {
        let (Some(path), Some(integrity)) = (field(entry, "path"), field(entry, "integrity")) else {
            return Err(format!(
                "{}: `{name}` lacks path or integrity; run `cargo xtask ui`",
                manifest.display()
            ));
        };
        let constant = name.replace(['.', '-'], "_").to_uppercase();
        _ = writeln!(code, "/// `{name}`.");
        _ = writeln!(
            code,
            "pub(super) const {constant}: Asset = Asset {{ name: {name:?}, path: {path:?}, integrity: {integrity:?} }};"
        );
    }
    Ok(code)
}

/// The struct `Messages` with a method for each key, one static value for each language, and their list.
fn messages(folder: &Path) -> Result<String, String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let base_file = folder.join(format!("{BASE}.json"));
    let base = catalogue(&base_file)?;
    let mut languages = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        match path.file_stem().and_then(|stem| stem.to_str()) {
            Some(tag) if path.extension().is_some_and(|e| e == "json") && tag != BASE => {
                languages.push(tag.to_owned())
            }
            _ => {}
        }
    }
    languages.sort();
    languages.insert(0, BASE.to_owned());

    let mut fields = String::new();
    let mut methods = String::new();
    for (key, text) in &base {
        _ = writeln!(fields, "    {key}: &'static str,");
        _ = writeln!(methods, "    /// {text:?}\n    #[must_use]");
        let names = placeholders(&base_file, key, text)?;
        if names.is_empty() {
            _ = writeln!(
                methods,
                "    pub const fn {key}(&self) -> &'static str {{\n        self.{key}\n    }}"
            );
            continue;
        }
        let parameters: String = names.iter().map(|n| format!(", {n}: &'a str")).collect();
        let values = names.iter().map(|n| format!("({n:?}, {n})")).collect::<Vec<_>>().join(", ");
        _ = writeln!(methods, "    pub fn {key}<'a>(&self{parameters}) -> Filled<'a, {}> {{", names.len());
        _ = writeln!(methods, "        Filled::new(self.{key}, [{values}])\n    }}");
    }

    let mut statics = String::new();
    for tag in &languages {
        let file = folder.join(format!("{tag}.json"));
        let texts = catalogue(&file)?;
        if let Some(extra) = texts.keys().find(|k| !base.contains_key(*k)) {
            return Err(format!("{}: `{extra}` is not in {BASE}.json", file.display()));
        }
        let constant = tag.replace('-', "_").to_uppercase();
        _ = writeln!(
            statics,
            "/// `{tag}.json`.\nstatic {constant}: Messages = Messages {{\n    tag: {tag:?},"
        );
        for (key, original) in &base {
            let text = texts.get(key).ok_or_else(|| format!("{}: `{key}` is missing", file.display()))?;
            if placeholders(&file, key, text)? != placeholders(&base_file, key, original)? {
                return Err(format!("{}: `{key}` has other placeholders than {BASE}.json", file.display()));
            }
            _ = writeln!(statics, "    {key}: {text:?},");
        }
        statics.push_str("};\n");
    }
    let list =
        languages.iter().map(|t| format!("&{}", t.replace('-', "_").to_uppercase())).collect::<Vec<_>>();
    Ok(format!(
        "/// The texts of one language; a method for each key of the catalogue.\n#[derive(Debug)]\n\
         pub struct Messages {{\n    tag: &'static str,\n{fields}}}\n\nimpl Messages {{\n{methods}}}\n\n{statics}\n\
         /// Every language, the default one first.\npub static ALL: &[&Messages] = &[{}];\n",
        list.join(", ")
    ))
}

/// Keys and texts of one catalogue file, sorted by key.
fn catalogue(file: &Path) -> Result<std::collections::BTreeMap<String, String>, String> {
    println!("cargo::rerun-if-changed={}", file.display());
    let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    object(file, &text)?
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) if is_name(&key) => Ok((key, text)),
            _ => Err(format!("{}: `{key}` must be a lower-case name with a text", file.display())),
        })
        .collect()
}

/// Names in braces, in the order of the alphabet, each once.
fn placeholders(file: &Path, key: &str, text: &str) -> Result<Vec<String>, String> {
    let mut names = std::collections::BTreeSet::new();
    for part in text.split('{').skip(1) {
        match part.split_once('}') {
            Some((name, _)) if is_name(name) => names.insert(name.to_owned()),
            _ => return Err(format!("{}: `{key}` has a placeholder that is not {{name}}", file.display())),
        };
    }
    Ok(names.into_iter().collect())
}

fn field<'v>(entry: &'v Value, name: &str) -> Option<&'v str> {
    entry.get(name).and_then(Value::as_str)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn object(file: &Path, text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|e| format!("{}: {e}", file.display()))
}

fn write(file: &Path, code: &str) -> Result<(), String> {
    fs::write(file, code).map_err(|e| format!("{}: {e}", file.display()))
}

#[expect(clippy::disallowed_methods, reason = "cargo hands folders to build scripts by environment")]
fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|e| format!("{name}: {e}"))
}
