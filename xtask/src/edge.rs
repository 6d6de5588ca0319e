//! `cargo xtask worker-build` and `cargo xtask edge`: the edge host as a bundle, and running on this machine.
//!
//! The pages' assets (`ui/build`) must be built before; the bundle compiles their names in.

use crate::native::TEST_HOOK;
use crate::tools;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The bundle's WebAssembly module.
const WASM: &str = "index_bg.wasm";

/// Largest bundle in bytes after gzip; Cloudflare's own limit is 3 MiB on the free plan. docs/BENCHMARKS.md says what
/// is in it.
const BUDGET: u64 = 850_000;

/// Builds the bundle and returns its folder: `worker/build`, or `.tools/edge-test` with the routes of the
/// black-box tests. Prints the size of the former and fails above the budget.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn build(test_hooks: bool) -> Result<PathBuf, String> {
    let tools = tools::edge()?;
    let root = tools::root();
    // A folder of its own: sharing one between two compilers would rebuild everything each time.
    let target = tools::target_dir().join("edge");
    let mut command = Command::new(&tools.worker_build);
    tools::without_cargo_env(&mut command)
        .current_dir(root.join("worker"))
        .envs(tools.env)
        .env("CARGO_TARGET_DIR", target)
        .args(["--profile", "edge", "--out-dir"]);
    let bundle = if test_hooks {
        command.args(["../.tools/edge-test", ".", "--features", "test-hooks"]);
        root.join(".tools/edge-test")
    } else {
        command.arg("build");
        root.join("worker/build")
    };
    tools::run(&mut command)?;
    if !test_hooks {
        strip(&tools.wasm_opt, &bundle.join(WASM))?;
        check(&bundle)?;
    }
    Ok(bundle)
}

/// Leaves out the names of functions, which `worker-build` always keeps: a tenth of the bundle, and a panic says
/// where it was without them.
fn strip(wasm_opt: &Path, wasm: &Path) -> Result<(), String> {
    tools::run(Command::new(wasm_opt).arg("--strip-debug").arg(wasm).arg("-o").arg(wasm))
}

fn check(bundle: &Path) -> Result<(), String> {
    let wasm_path = bundle.join(WASM);
    let wasm = std::fs::read(&wasm_path).map_err(|e| format!("{}: {e}", wasm_path.display()))?;
    if wasm.windows(TEST_HOOK.len()).any(|part| part == TEST_HOOK) {
        return Err("the released bundle contains the routes of the tests".to_owned());
    }
    let script = "let n = 0; for (const f of process.argv.slice(1)) \
                  n += require('zlib').gzipSync(require('fs').readFileSync(f), { level: 9 }).length; \
                  process.stdout.write(String(n))";
    let size = tools::output(
        Command::new("node").args(["-e", script]).arg(&wasm_path).arg(bundle.join("index.js")),
    )?;
    let size: u64 = size.trim().parse().map_err(|_| "node gave no size".to_owned())?;
    let percent = size.saturating_mul(100) / BUDGET;
    eprintln!(
        "worker bundle: {} kB wasm, {} kB gzipped, {percent} % of the budget of {} kB",
        wasm.len() / 1000,
        size / 1000,
        BUDGET / 1000
    );
    if size > BUDGET {
        Err(format!("the bundle is {} bytes above the budget", size - BUDGET))
    } else {
        Ok(())
    }
}

/// Builds the bundle and runs it under Miniflare with a database that stays in `.wrangler/edge`, until Ctrl-C.
///
/// # Errors
/// A sentence that says what failed.
pub(crate) fn run(port: u16) -> Result<(), String> {
    let bundle = build(false)?;
    let root = tools::root();
    let mut command = Command::new("node");
    command
        .arg(root.join("worker/dev/edge.mjs"))
        .args(["--port", &port.to_string(), "--bundle"])
        .arg(bundle)
        .arg("--data")
        .arg(root.join(".wrangler/edge"));
    tools::replace_with(&mut command)
}
