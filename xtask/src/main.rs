//! `cargo xtask <verb>`: the one front door. It needs Rust and nothing else; what a verb needs beyond that, it
//! installs or names.
#![expect(clippy::print_stdout, reason = "the results of the tests are what this program is for")]

mod bench;
mod debian;
#[cfg(test)]
mod dependencies;
mod docs;
mod edge;
mod integrations;
#[cfg(test)]
mod links;
mod native;
mod postgres;
#[cfg(test)]
mod specs;
mod tally;
mod test;
mod tools;
mod ui;

use std::process::ExitCode;

const VERBS: &str = "\
cargo xtask <verb>

  run                    build everything and serve on this machine (http://localhost:1411)
  test [--only PART]     all checks and tests; PART is rust, native-sqlite, native-postgres,
                        native-libsql or worker
  edge [--port N]        build the worker and run it on this machine under Miniflare
  worker-build [--test-hooks]
                         build the worker bundle
  ui                     build the scripts and styles of the pages
  bench [--only PART]    measure; PART is native, round-trips, worker or sign-in-page
  docs [--check]         write the generated files, or fail if they are not up to date";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run"] => native::run(),
        ["test"] => return test::all(None),
        ["test", "--only", part] => match part.parse() {
            Ok(part) => return test::all(Some(part)),
            Err(why) => Err(why),
        },
        ["edge"] => edge_on(8787),
        ["edge", "--port", port] => port.parse().map_err(|_| "no such port".to_owned()).and_then(edge_on),
        ["worker-build"] => ui::build().and_then(|()| edge::build(false)).map(drop),
        ["worker-build", "--test-hooks"] => ui::build().and_then(|()| edge::build(true)).map(drop),
        ["bench"] => bench::all(None),
        ["bench", "--only", part] => part.parse().and_then(|part| bench::all(Some(part))),
        ["ui"] => ui::build(),
        ["docs"] => ui::build().and_then(|()| docs::write()),
        ["docs", "--check"] => ui::build().and_then(|()| docs::check()),
        _ => Err(VERBS.to_owned()),
    };
    if let Err(why) = done {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn edge_on(port: u16) -> Result<(), String> {
    ui::build()?;
    edge::run(port)
}
