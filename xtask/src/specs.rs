//! `docs/SPECS.md` is held to the tree: what it names exists, and its security checklist is complete. Tests only.

use crate::tools;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/SPECS.md";

/// Folders whose files are not ours or are made.
const FOREIGN: [&str; 4] = ["node_modules", "target", "build", ".venv"];

/// Where tests are.
const WITH_TESTS: [&str; 5] = ["shared", "native-server", "worker", "xtask", "miniflare-tests"];

/// Lines of the security checklist.
const LINES: usize = 63;

fn page() -> String {
    std::fs::read_to_string(tools::root().join(PAGE)).unwrap()
}

/// One row of a table, by the headings of its columns.
type Row = BTreeMap<String, String>;

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of every table of the page.
fn rows(page: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut headings: Option<Vec<String>> = None;
    for line in page.lines() {
        if !line.starts_with('|') {
            headings = None;
            continue;
        }
        match &headings {
            None => headings = Some(cells(line)),
            Some(_) if line.starts_with("| ---") => {}
            Some(names) => {
                let values = cells(line);
                assert_eq!(values.len(), names.len(), "cells of {line}");
                rows.push(names.iter().cloned().zip(values).collect());
            }
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_foreign = path.file_name().is_some_and(|n| FOREIGN.iter().any(|f| n == *f));
        if path.is_dir() && !is_foreign {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// Names of the tests of a Rust file.
fn rust_tests(text: &str, names: &mut BTreeSet<String>) {
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
            continue;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some((name, _)) = function.filter(|_| is_test).and_then(|rest| rest.split_once('(')) {
            names.insert(name.to_owned());
        }
        is_test = false;
    }
}

/// Titles of the tests of a TypeScript file, as they are written.
fn titles(text: &str, names: &mut BTreeSet<String>) {
    for after in text.split("test(").skip(1) {
        let Some(quote) = after.chars().next().filter(|c| ['\'', '"', '`'].contains(c)) else { continue };
        if let Some(title) = after.split(quote).nth(1) {
            names.insert(title.to_owned());
        }
    }
}

/// Names and titles of all tests.
fn tests() -> BTreeSet<String> {
    let mut paths = Vec::new();
    WITH_TESTS.iter().for_each(|folder| files(&tools::root().join(folder), &mut paths));
    let mut names = BTreeSet::new();
    for path in paths {
        let read = || std::fs::read_to_string(&path).unwrap();
        let name = path.to_string_lossy();
        if name.ends_with(".rs") {
            rust_tests(&read(), &mut names);
        } else if name.ends_with(".test.ts") {
            titles(&read(), &mut names);
        }
    }
    names
}

/// Lines of the checklist that a test carries in its name: `s14_…`, `s24 s25 …`.
fn numbers(test: &str) -> BTreeSet<usize> {
    test.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_prefix('s').filter(|digits| digits.len() == 2)?.parse().ok())
        .collect()
}

#[test]
fn names_and_titles_are_found() {
    let mut names = BTreeSet::new();
    rust_tests(
        "#[tokio::test]\n#[ignore]\nasync fn a() {}\nfn helper() {}\n  #[test]\n  fn b(x in 0..9) {}",
        &mut names,
    );
    titles("test('one', async () => {})\n  test(`two (${x})`, …)\ntest(title, body)", &mut names);
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["a", "b", "one", "two (${x})"]);
    assert_eq!(numbers("s30_to_s38_lies_agree"), BTreeSet::from([30, 38]));
    assert_eq!(numbers("s24 s25 a hint"), BTreeSet::from([24, 25]));
    assert_eq!(numbers("the address ends with s"), BTreeSet::new());
}

#[test]
fn every_file_and_test_it_names_exists() {
    let (page, tests) = (page(), tests());
    assert!(tests.len() > 300, "only {} tests found", tests.len());
    let mut absent = Vec::new();
    let mut named = 0;
    for row in rows(&page) {
        for path in row.get("File").map(|cell| quoted(cell)).unwrap_or_default() {
            if !tools::root().join(path).is_file() {
                absent.push(format!("file {path}"));
            }
        }
        for test in row.get("Tests").map(|cell| quoted(cell)).unwrap_or_default() {
            named += 1;
            if !tests.contains(test) {
                absent.push(format!("test {test}"));
            }
        }
    }
    assert!(named > 200, "only {named} tests are named");
    assert!(absent.is_empty(), "{PAGE} names what does not exist:\n{}", absent.join("\n"));
}

#[test]
fn every_line_of_the_checklist_is_tested_or_says_why_not() {
    let page = page();
    let lines: Vec<Row> = rows(&page).into_iter().filter(|row| row.contains_key("#")).collect();
    let numbered: Vec<usize> = lines.iter().map(|row| row["#"].parse().unwrap()).collect();
    assert_eq!(numbered, (1..=LINES).collect::<Vec<_>>());

    let mut tested: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for test in tests() {
        for number in numbers(&test) {
            tested.entry(number).or_default().insert(test.clone());
        }
    }
    for (number, row) in numbered.into_iter().zip(&lines) {
        let (state, named) = (&row["State"], quoted(&row["Tests"]));
        let own = tested.get(&number);
        if state.starts_with("tested") {
            let carries = named.iter().any(|test| numbers(test).contains(&number));
            assert!(carries, "line {number} names no test that carries s{number:02}");
        } else {
            assert!(own.is_none(), "line {number} is \"{state}\", but has tests: {own:?}");
            assert!(state.len() > "later: ".len(), "line {number} gives no reason");
        }
    }
}

#[test]
fn the_order_of_checks_is_the_one_of_the_code() {
    let code = std::fs::read_to_string(tools::root().join("shared/src/decide/authorize.rs")).unwrap();
    let (_, after) = code.split_once("pub const PIPELINE").unwrap();
    let (table, _) = after.split_once("];").unwrap();
    let in_code: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    let page = page();
    let in_page: Vec<String> = rows(&page).into_iter().filter_map(|mut row| row.remove("Check")).collect();
    assert_eq!(in_page, in_code);
}
