//! How many tests passed and failed, read from what the test runners print.

use crate::tools;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

/// Longest silence of a test runner, which may have to compile first: what takes longer hangs.
const SILENCE: Duration = Duration::from_secs(1500);

/// Numbers of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
    }

    /// Takes a line of output: `test result: …` of cargo, or `# pass N` and `# fail N` of node's runner, whose
    /// reporter for terminals writes `ℹ` instead of `#`. A cancelled test counts as failed.
    fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(counts) = line.strip_prefix("test result: ") {
            for part in counts.split([';', '.']) {
                self.count(part.trim().split_once(' ').map(|(number, what)| (what, number)));
            }
        } else if let Some(counts) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            self.count(counts.split_once(' '));
        }
    }

    fn count(&mut self, pair: Option<(&str, &str)>) {
        let Some((what, number)) = pair else { return };
        let Ok(number) = number.trim().parse::<u64>() else { return };
        match what {
            "passed" | "pass" => self.passed = self.passed.saturating_add(number),
            "failed" | "fail" | "cancelled" => self.failed = self.failed.saturating_add(number),
            _ => {}
        }
    }
}

/// Runs a command, shows what it prints and counts its tests. A command that fails without naming a failed test
/// counts as one, and so does one that says nothing for 25 minutes.
///
/// # Errors
/// If the command cannot be started.
pub(crate) fn run(command: &mut Command) -> Result<Tally, String> {
    run_with(command, SILENCE)
}

fn run_with(command: &mut Command, silence: Duration) -> Result<Tally, String> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|e| format!("{}: {e}", tools::shown(command)))?;
    let lines = child.stdout.take().map(lines_of);
    let mut tally = Tally::default();
    let ended = match lines {
        Some(lines) => follow(&mut child, &lines, silence, &mut tally),
        None => child.wait().ok(),
    };
    match ended {
        Some(status) if status.success() || tally.failed > 0 => {}
        Some(status) => {
            eprintln!("{} ended with {status}", tools::shown(command));
            tally.failed = 1;
        }
        None => {
            eprintln!("{} said nothing for {} s", tools::shown(command), silence.as_secs());
            tally.failed = tally.failed.saturating_add(1);
        }
    }
    Ok(tally)
}

/// Lines as they are printed. The end of the output is no end of the program and the other way round: whatever it
/// started may hold the pipe.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Reads until the program has ended and its last lines are in; `None` if it fell silent and was killed.
fn follow(
    child: &mut Child,
    lines: &Receiver<String>,
    silence: Duration,
    tally: &mut Tally,
) -> Option<ExitStatus> {
    const TICK: Duration = Duration::from_millis(500);
    let mut quiet = Duration::ZERO;
    let mut ended = None;
    loop {
        match lines.recv_timeout(TICK) {
            Ok(line) => {
                println!("{line}");
                tally.read(&line);
                quiet = Duration::ZERO;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return child.wait().ok(),
            Err(RecvTimeoutError::Timeout) => quiet = quiet.saturating_add(TICK),
        }
        if ended.is_some() {
            return ended;
        }
        ended = child.try_wait().ok().flatten();
        if quiet >= silence && ended.is_none() {
            drop(child.kill());
            drop(child.wait());
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(text: &str) -> (u64, u64) {
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read(line));
        (tally.passed, tally.failed)
    }

    #[test]
    fn lines_of_cargo() {
        let text = "running 2 tests\ntest a ... ok\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.49s\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.02s\n";
        assert_eq!(tally(text), (15, 2));
    }

    #[test]
    fn lines_of_node() {
        let text = "# tests 9\n# suites 1\n# pass 7\n# fail 1\n# cancelled 1\n# skipped 0\n# todo 0\n# duration_ms 12.3\n";
        assert_eq!(tally(text), (7, 2));
        assert_eq!(tally("ℹ tests 3\nℹ pass 3\nℹ fail 0\n"), (3, 0));
    }

    #[test]
    fn what_a_command_leaves_behind_is_not_waited_for() {
        let left = "sleep 60 & echo '# pass 2'";
        assert_eq!(run(Command::new("sh").args(["-c", left])), Ok(Tally { passed: 2, failed: 0 }));
    }

    #[test]
    fn a_command_that_hangs_is_killed_and_counts() {
        let hangs = "echo '# pass 2'; exec sleep 60";
        let tally = run_with(Command::new("sh").args(["-c", hangs]), Duration::from_secs(1));
        assert_eq!(tally, Ok(Tally { passed: 2, failed: 1 }));
    }

    #[test]
    fn a_command_that_fails_silently_counts() {
        assert_eq!(run(Command::new("sh").args(["-c", "exit 3"])), Ok(Tally { passed: 0, failed: 1 }));
        let named = "echo '# fail 2'; exit 1";
        assert_eq!(run(Command::new("sh").args(["-c", named])), Ok(Tally { passed: 0, failed: 2 }));
        assert_eq!(
            run(Command::new("sh").args(["-c", "echo '# pass 2'"])),
            Ok(Tally { passed: 2, failed: 0 })
        );
    }
}
