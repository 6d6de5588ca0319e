//! Programs that come with the operating system. On Debian they are installed when they are absent and we are root;
//! otherwise the command to do so is named.

use crate::tools;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program and the Debian package that holds it.
pub(crate) type Need = (&'static str, &'static str);

/// What every build needs.
pub(crate) const BUILD: &[Need] = &[("cc", "build-essential"), ("node", "nodejs"), ("npm", "npm")];

/// What the tests on Postgres need.
pub(crate) const POSTGRES: &[Need] = &[("initdb", "postgresql"), ("psql", "postgresql-client")];

/// What the black-box tests need.
pub(crate) const BLACK_BOX: &[Need] =
    &[("python3", "python3-venv"), ("chromium", "chromium"), ("certutil", "libnss3-tools")];

/// Makes sure that the programs are there.
///
/// # Errors
/// How to install what is missing, if that cannot be done here.
pub(crate) fn ensure(needs: &[Need]) -> Result<(), String> {
    let missing: Vec<_> = needs.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    let advice = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if find("apt-get").is_none() {
        let programs: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
        return Err(format!("please install {} (on Debian: {advice})", programs.join(", ")));
    }
    if !is_root() {
        return Err(format!("please run as root: {advice}"));
    }
    eprintln!("installing {}", packages.join(" "));
    let apt = |args: &[&str]| {
        tools::run(
            Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()),
        )
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages.as_slice()].concat())
}

/// Whether this process may install packages and become other users.
pub(crate) fn is_root() -> bool {
    tools::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// A program on the search path or among the servers of Debian's Postgres packages, the newest version first.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// The number in `/usr/lib/postgresql/<number>/bin`.
fn version(bin: &Path) -> Option<u32> {
    bin.parent()?.file_name()?.to_str()?.parse().ok()
}
