//! Which crate of the workspace may use which: `proto ← shared ← {native-db, hosts}`. Tests only.

use crate::tools;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Crates of this workspace that a crate is built from, and those of them that are optional.
#[derive(Default)]
struct Uses {
    always: BTreeSet<String>,
    optional: BTreeSet<String>,
}

/// What each crate of the workspace uses outside of its own tests.
fn uses() -> BTreeMap<String, Uses> {
    let text = tools::output(&mut tools::cargo(&["metadata", "--no-deps", "--format-version", "1"])).unwrap();
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |v: &Value| v["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let of = |package: &Value| {
        let mut uses = Uses::default();
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["kind"] != "dev" && ours.contains(&name(dependency)) {
                let optional = dependency["optional"].as_bool().unwrap();
                (if optional { &mut uses.optional } else { &mut uses.always }).insert(name(dependency));
            }
        }
        uses
    };
    packages.iter().map(|package| (name(package), of(package))).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn dependencies_point_inwards() {
    let all = uses();
    let expected: [(&str, &[&str], &[&str]); 7] = [
        ("proto", &[], &[]),
        ("shared", &["proto"], &[]),
        ("native-db", &["shared"], &[]),
        ("testkit", &["proto", "shared"], &["native-db"]),
        ("native-server", &["native-db", "proto", "shared"], &["testkit"]),
        ("latchkey-worker", &["proto", "shared"], &["testkit"]),
        ("xtask", &[], &[]),
    ];
    assert_eq!(all.keys().cloned().collect::<BTreeSet<_>>(), set(&expected.map(|(name, _, _)| name)));
    for (name, always, optional) in expected {
        assert!(all[name].always.is_subset(&set(always)), "{name} uses {:?}", all[name].always);
        assert!(all[name].optional.is_subset(&set(optional)), "{name} may use {:?}", all[name].optional);
    }
}

#[test]
fn nobody_depends_on_a_host() {
    for (name, uses) in uses() {
        for host in ["native-server", "latchkey-worker"] {
            assert!(!uses.always.contains(host) && !uses.optional.contains(host), "{name} uses {host}");
        }
    }
}
