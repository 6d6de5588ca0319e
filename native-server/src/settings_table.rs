//! The table of settings as text: `docs/SETTINGS.md` and `.env.example` are made from it.

use shared::settings::{Hosts, SETTINGS, Setting};

/// The Markdown page.
pub(crate) fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         <!-- Made by `cargo xtask docs` from shared/src/settings.rs. -->\n\n\
         The native binary reads environment variables, then a file `.env` in its working directory; a variable that\n\
         is set wins. `NAME_FILE` names a file that holds the value of `NAME` and wins over it, wherever\n\
         either of the two is set; white space around it is cut off,\n\
         except that `ENCRYPTION_KEY` counts byte for byte. The edge worker reads bindings and secrets of the same\n\
         names. An empty value means the default. Wrong values are all named at start, which then fails.\n\n\
         | Name | Default | Accepts | Meaning | Hosts |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for s in SETTINGS {
        let default = if s.default.is_empty() { String::new() } else { format!("`{}`", s.default) };
        let row = [&format!("`{}`", s.name), &default, s.expected, s.doc, hosts(s)];
        page.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    page
}

/// The example file: every setting as a comment, with its default.
pub(crate) fn dotenv() -> String {
    let mut file = String::from(
        "# Copy this file to .env and remove the # before the lines you change.\n\
         # Every setting and its meaning: docs/SETTINGS.md. Nothing here must be set to try Latchkey out.\n",
    );
    for s in SETTINGS {
        file.push_str(&format!("\n# {}\n# Accepts {}.\n# {}={}\n", s.doc, s.expected, s.name, s.default));
    }
    file
}

const fn hosts(s: &Setting) -> &'static str {
    match s.hosts {
        Hosts::Both => "native, edge",
        Hosts::Native => "native",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_both() {
        let (page, file) = (markdown(), dotenv());
        for s in SETTINGS {
            assert!(page.contains(&format!("| `{}` |", s.name)), "{}", s.name);
            assert!(file.contains(&format!("\n# {}={}\n", s.name, s.default)), "{}", s.name);
        }
        assert!(
            page.contains(
                "| `HOST` | `0.0.0.0` | an IP address | Address the server listens on. | native |\n"
            )
        );
    }
}
