//! `cargo xtask <verb>`: the one front door.

mod edge;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["worker-build"] => edge::build(false).map(|_| ()),
        ["worker-build", "--test-hooks"] => edge::build(true).map(|_| ()),
        ["edge"] => edge::run(8787),
        ["edge", "--port", port] => port.parse().map_err(|_| "no such port".to_owned()).and_then(edge::run),
        _ => Err("verbs: worker-build [--test-hooks], edge [--port N]".to_owned()),
    };
    if let Err(why) = done {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
