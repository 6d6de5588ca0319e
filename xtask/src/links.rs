//! Links in the documentation lead somewhere. Tests only.

use crate::tools;
use std::path::{Path, PathBuf};

/// Folders whose files are not ours or are made.
const FOREIGN: [&str; 8] =
    [".git", ".tools", ".venv", ".wrangler", "build", "data", "node_modules", "target"];

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_foreign = path.file_name().is_some_and(|n| FOREIGN.iter().any(|f| n == *f));
        if path.is_dir() && !is_foreign {
            pages(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

/// Targets of the links and pictures of a page, without those of other sites and of the page itself.
fn targets(page: &str) -> Vec<&str> {
    page.split("](")
        .skip(1)
        .filter_map(|after| after.split(')').next())
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn targets_are_found() {
    let page = "[a](b.md) [c](https://d.example) ![e](f/g.png)\n[h](#i) [j](k.md#l)";
    assert_eq!(targets(page), ["b.md", "f/g.png", "k.md"]);
}

#[test]
fn every_link_leads_to_a_file() {
    let mut found = Vec::new();
    pages(&tools::root(), &mut found);
    assert!(found.len() > 10, "only {found:?}");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in targets(&text) {
            let leads_to = path.parent().unwrap().join(target);
            assert!(leads_to.exists(), "{}: {target}", path.display());
        }
    }
}
