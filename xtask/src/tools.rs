//! The compilers and bundlers of the edge build, installed on first use and skipped afterwards.
//!
//! Rust tools go to `.tools/` with versions read from `Cargo.lock`; Node tools are the development dependencies
//! of `miniflare-tests/`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian packages that hold a Rust compiler with the sources of its standard library, and the wasm linker.
const DEBIAN_PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-19"];

/// Name under which the Debian compiler is linked into rustup.
const DEBIAN_TOOLCHAIN: &str = "debian";

/// Folder the Debian compiler lacks and `worker-build` looks for.
const DEBIAN_TARGET_LIB: &str = "/usr/lib/rustlib/wasm32-unknown-unknown/lib";

/// The folder that holds the workspace. Cargo says at run time which: checkouts that share a target folder share
/// this binary.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Cargo in the workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(args).current_dir(root());
    command
}

/// Hands this process over, so that Ctrl-C reaches the server and the shell waits for it to stop.
#[cfg(unix)]
pub(crate) fn replace_with(command: &mut Command) -> Result<(), String> {
    use std::os::unix::process::CommandExt;
    Err(format!("{}: {}", shown(command), command.exec()))
}

/// Runs the command in the place of this process.
#[cfg(not(unix))]
pub(crate) fn replace_with(command: &mut Command) -> Result<(), String> {
    run(command)
}

/// Runs a command to its end.
///
/// # Errors
/// A sentence that names the command if it cannot be started or fails.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{}: {e}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// Runs a command and returns what it wrote to standard output.
///
/// # Errors
/// As [`run`].
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let out = command.stderr(Stdio::null()).output().map_err(|e| format!("{}: {e}", shown(command)))?;
    if !out.status.success() {
        return Err(format!("{} ended with {}", shown(command), out.status));
    }
    String::from_utf8(out.stdout).map_err(|_| format!("{} wrote no text", shown(command)))
}

/// What the edge build needs, ready to use.
pub(crate) struct Tools {
    /// The bundler.
    pub(crate) worker_build: PathBuf,
    /// The WebAssembly optimiser.
    pub(crate) wasm_opt: PathBuf,
    /// Environment of the bundler: which compiler, which helpers.
    pub(crate) env: Vec<(&'static str, OsString)>,
}

/// Makes sure that every tool of the edge build is there.
///
/// # Errors
/// A sentence that says which tool is missing and how to get it.
pub(crate) fn edge() -> Result<Tools, String> {
    let mut env = compiler()?;
    let bindgen = locked_version("wasm-bindgen")?;
    env.push(("WASM_BINDGEN_BIN", cargo_tool("wasm-bindgen", "wasm-bindgen-cli", &bindgen)?.into()));
    let node = npm_ci("miniflare-tests")?;
    env.push(("ESBUILD_BIN", node.join(".bin/esbuild").into()));
    let wasm_opt = node.join(".bin/wasm-opt");
    env.push(("WASM_OPT_BIN", wasm_opt.clone().into()));
    let worker_build = cargo_tool("worker-build", "worker-build", &locked_version("worker")?)?;
    Ok(Tools { worker_build, wasm_opt, env })
}

/// Removes what the cargo that runs us has set for its own compiler.
pub(crate) fn without_cargo_env(command: &mut Command) -> &mut Command {
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    command
}

/// Installs the Node packages of a folder if its lock file is newer than what is there; returns `node_modules`.
///
/// # Errors
/// If npm is missing or fails.
pub(crate) fn npm_ci(folder: &str) -> Result<PathBuf, String> {
    let dir = root().join(folder);
    let modules = dir.join("node_modules");
    // npm rewrites this file at the end of each install.
    let stamp = modules.join(".package-lock.json");
    if newer(&dir.join("package-lock.json"), &stamp) {
        eprintln!("installing the Node packages of {folder}/");
        run(Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&dir)
            .stdout(Stdio::null()))?;
    }
    Ok(modules)
}

fn newer(source: &Path, made: &Path) -> bool {
    let time = |path: &Path| path.metadata().and_then(|m| m.modified()).ok();
    match (time(source), time(made)) {
        (Some(source), Some(made)) => source > made,
        _ => true,
    }
}

/// Version of a package in `Cargo.lock`.
fn locked_version(name: &str) -> Result<String, String> {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let mut lines = lock.lines();
    let wanted = format!("name = \"{name}\"");
    lines.find(|line| *line == wanted);
    lines
        .next()
        .and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| format!("Cargo.lock names no {name}"))
}

/// A binary of a cargo package in exactly this version: from `.tools/`, from the search path, or installed.
fn cargo_tool(binary: &str, package: &str, version: &str) -> Result<PathBuf, String> {
    let home = root().join(".tools");
    let own = home.join("bin").join(binary);
    for candidate in [own.clone(), PathBuf::from(binary)] {
        let said = output(Command::new(&candidate).arg("--version")).unwrap_or_default();
        if said.split_whitespace().any(|word| word == version) {
            return Ok(candidate);
        }
    }
    eprintln!("installing {package} {version} (a few minutes, once)");
    // Without --locked: the versions in the tools' own lock files are not always to be had.
    run(without_cargo_env(&mut Command::new("cargo"))
        .env_remove("CARGO_TARGET_DIR")
        .args(["install", package, "--version", version, "--quiet", "--force", "--root"])
        .arg(&home)
        .current_dir(std::env::temp_dir()))?;
    Ok(own)
}

/// Environment of a compiler that can build for wasm: the active toolchain if it has (or gets) the target, else
/// Debian's compiler, which builds the standard library from source.
fn compiler() -> Result<Vec<(&'static str, OsString)>, String> {
    if active_toolchain_has_target() {
        return Ok(Vec::new());
    }
    if let Ok(env) = debian_compiler() {
        return Ok(env);
    }
    eprintln!("adding {TARGET} to the Rust toolchain");
    let added = run(without_cargo_env(&mut Command::new("rustup")).args(["target", "add", TARGET]));
    if added.is_ok() && active_toolchain_has_target() {
        return Ok(Vec::new());
    }
    eprintln!("that did not work; taking the compiler of the Debian packages");
    install_debian_compiler()?;
    debian_compiler()
}

fn active_toolchain_has_target() -> bool {
    output(without_cargo_env(&mut Command::new("rustup")).args(["target", "list", "--installed"]))
        .is_ok_and(|list| list.lines().any(|line| line.trim() == TARGET))
}

fn debian_compiler() -> Result<Vec<(&'static str, OsString)>, String> {
    let toolchains = output(Command::new("rustup").args(["toolchain", "list"]))?;
    let linked = toolchains.lines().any(|line| line.split_whitespace().next() == Some(DEBIAN_TOOLCHAIN));
    if !linked || !Path::new(DEBIAN_TARGET_LIB).is_dir() || !Path::new("/usr/bin/wasm-ld-19").exists() {
        return Err("the Debian compiler is not set up".to_owned());
    }
    let env = [
        ("RUSTUP_TOOLCHAIN", DEBIAN_TOOLCHAIN),
        // The standard library is built along; that option is not stable yet.
        ("RUSTC_BOOTSTRAP", "1"),
        ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort"),
        ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19"),
    ];
    Ok(env.map(|(name, value)| (name, value.into())).to_vec())
}

fn install_debian_compiler() -> Result<(), String> {
    let advice = || {
        format!(
            "there is no compiler for {TARGET}: run `rustup target add {TARGET}`, or as root on Debian \
             `apt-get install {}`",
            DEBIAN_PACKAGES.join(" ")
        )
    };
    let apt = |args: &[&str]| {
        run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
            .map_err(|e| format!("{e}\n{}", advice()))
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], &DEBIAN_PACKAGES[..]].concat())?;
    std::fs::create_dir_all(DEBIAN_TARGET_LIB).map_err(|e| format!("{DEBIAN_TARGET_LIB}: {e}"))?;
    run(Command::new("rustup").args(["toolchain", "link", DEBIAN_TOOLCHAIN, "/usr"]))
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
