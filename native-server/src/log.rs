//! Log lines on stderr.

use shared::settings::Settings;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging as the settings say. Libraries never log below `info`.
pub(crate) fn start(settings: &Settings) {
    let level = &settings.log_level;
    let filter = match level.as_str() {
        "debug" => EnvFilter::new("info,latchkey=debug,shared=debug,proto=debug,native_db=debug"),
        _ => EnvFilter::new(level),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // A second start, as in tests, keeps the first subscriber.
    let _ = if settings.log_json { lines.json().try_init() } else { lines.try_init() };
}
