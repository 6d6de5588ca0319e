//! Where settings come from: the process environment, then `.env` in the working directory; `NAME_FILE` names a
//! file that holds the value of `NAME`.

use crate::store::Connection;
use proto::secret::Secret;
use shared::settings::{SETTINGS, Settings};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What an operator did wrong, one sentence each.
pub(crate) type Complaints = Vec<String>;

const KEY: &str = "ENCRYPTION_KEY";

/// As the table of settings demands.
const MIN_KEY_BYTES: usize = 16;

/// The raw values of all settings, before they are checked.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    values: BTreeMap<String, String>,
}

/// Settings ready for use, and what the operator should be told.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    /// Folder of everything that is kept in files.
    pub(crate) data_folder: PathBuf,
    /// Sentences to print: a key was made.
    pub(crate) messages: Vec<String>,
    /// Names that mean nothing.
    pub(crate) unknown: Vec<String>,
}

impl Environment {
    /// Reads the environment of this process and the files it names; relative paths start at `folder`.
    ///
    /// # Errors
    /// Every unreadable file or value.
    pub(crate) fn of_process(folder: &Path) -> Result<Self, Complaints> {
        Self::gather(std::env::vars_os(), folder)
    }

    fn gather(
        process: impl Iterator<Item = (OsString, OsString)>,
        folder: &Path,
    ) -> Result<Self, Complaints> {
        let mut complaints = Vec::new();
        let mut values = BTreeMap::new();
        match std::fs::read_to_string(folder.join(".env")) {
            Ok(text) => match dotenv(&text) {
                Ok(pairs) => values.extend(pairs),
                Err(line) => complaints.push(format!(".env line {line} is not of the form NAME=value")),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => complaints.push(format!(".env cannot be read: {e}")),
        }
        for (name, value) in process {
            let Some(name) = name.to_str() else { continue };
            match value.into_string() {
                Ok(value) => {
                    values.insert(name.to_owned(), value);
                }
                Err(_) if is_ours(name) => complaints.push(format!("{name} is not UTF-8 text")),
                Err(_) => {}
            }
        }
        for setting in SETTINGS {
            let twin = format!("{}_FILE", setting.name);
            let Some(path) = values.get(&twin).filter(|path| !path.is_empty()) else { continue };
            match std::fs::read_to_string(folder.join(path)) {
                Ok(text) => {
                    let text = if setting.name == KEY { text } else { text.trim().to_owned() };
                    values.insert(setting.name.to_owned(), text);
                }
                Err(e) => complaints.push(format!("{twin} is {path:?}, expected a readable text file: {e}")),
            }
        }
        if complaints.is_empty() { Ok(Self { values }) } else { Err(complaints) }
    }

    /// The raw value of a variable; `None` if it is absent or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// Checks everything, and makes the encryption key on first use.
    ///
    /// # Errors
    /// Every refused value.
    pub(crate) fn load(mut self, folder: &Path) -> Result<Config, Complaints> {
        let unknown = Settings::unknown_names(self.values.keys().map(String::as_str))
            .into_iter()
            .map(str::to_owned)
            .collect();
        let keyless = self.get(KEY).is_none();
        if keyless {
            // Stands in while the other settings are checked: no key is made for a start that fails.
            self.values.insert(KEY.to_owned(), "0".repeat(MIN_KEY_BYTES));
        }
        let mut settings = Settings::load(&|name| self.get(name).map(str::to_owned))
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Complaints>())?;
        let connection = Connection::parse(settings.db_connection_string.expose());
        let data_folder = folder.join(connection.folder());
        let mut messages = Vec::new();
        if keyless && connection.file().is_none() {
            return Err(vec![format!(
                "{KEY} is absent: a database that other nodes may use needs the key they all share"
            )]);
        }
        if keyless {
            let database = connection.file().map(|file| folder.join(file));
            let (key, message) = encryption_key(&data_folder, database.as_deref()).map_err(|c| vec![c])?;
            settings.encryption_key = Secret::new(key);
            messages.extend(message);
        }
        Ok(Config { settings, data_folder, messages, unknown })
    }
}

fn is_ours(name: &str) -> bool {
    SETTINGS.iter().any(|s| name.strip_prefix(s.name).is_some_and(|rest| rest.is_empty() || rest == "_FILE"))
}

/// The key in the data folder, made if there is none, and what to tell the operator about it. `database` is the
/// database file, if it is one.
fn encryption_key(data: &Path, database: Option<&Path>) -> Result<(String, Option<String>), String> {
    let path = data.join("encryption-key");
    match std::fs::read_to_string(&path) {
        Ok(key) if key.len() < MIN_KEY_BYTES => {
            return Err(format!("{} holds less than {MIN_KEY_BYTES} bytes", path.display()));
        }
        Ok(key) => return Ok((key, None)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(format!("{} cannot be read: {e}", path.display())),
    }
    // A database without its key is a mistake to be mended, not a reason to make another key.
    if let Some(file) = database.filter(|file| file.exists()) {
        return Err(format!(
            "{KEY} is absent and so is {}, but {} exists: give the key it was made with",
            path.display(),
            file.display()
        ));
    }
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut()).map_err(|_| "no randomness available".to_owned())?;
    let key = proto::b64::encode(bytes.as_ref());
    write_private(&path, key.as_bytes()).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
    let message = format!(
        "Made an encryption key: {}. Keep a copy: without it the stored signing keys cannot be opened.",
        path.display()
    );
    Ok((key, Some(message)))
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// `NAME=value` lines. A value may stand in single quotes, where nothing is special, or in double quotes with
/// `\n`, `\"` and `\\`. There is no substitution: a `$` in a secret is a `$`. Gives the number of the first line
/// that cannot be read.
fn dotenv(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut pairs = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(number)?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(number);
        }
        pairs.push((name.to_owned(), dotenv_value(value.trim()).ok_or(number)?));
    }
    Ok(pairs)
}

fn dotenv_value(text: &str) -> Option<String> {
    let only_comment = |rest: &str| rest.trim().is_empty() || rest.trim().starts_with('#');
    if let Some(quoted) = text.strip_prefix('\'') {
        let (value, rest) = quoted.split_once('\'')?;
        return only_comment(rest).then(|| value.to_owned());
    }
    if let Some(quoted) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut letters = quoted.chars();
        loop {
            match letters.next()? {
                '"' => return only_comment(letters.as_str()).then_some(value),
                '\\' => match letters.next()? {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                other => value.push(other),
            }
        }
    }
    Some(text.split_once(" #").map_or(text, |(value, _)| value).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::TempDir;

    fn environment(folder: &Path, pairs: &[(&str, &str)]) -> Result<Environment, Complaints> {
        Environment::gather(pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())), folder)
    }

    #[test]
    fn the_process_wins_over_the_file() {
        let dir = TempDir::new().unwrap();
        let text = "# comment\nexport PORT=1\nHOST='::1' # why\nAPP_NAME=\"A \\\"B\\\"\"\nDB_AUTH_TOKEN=a$b#c # d\n\n";
        std::fs::write(dir.path().join(".env"), text).unwrap();
        let env = environment(dir.path(), &[("PORT", "2")]).unwrap();
        assert_eq!(env.get("PORT"), Some("2"));
        assert_eq!(env.get("HOST"), Some("::1"));
        assert_eq!(env.get("APP_NAME"), Some("A \"B\""));
        assert_eq!(env.get("DB_AUTH_TOKEN"), Some("a$b#c"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_and_not_shown() {
        for (text, line) in
            [("A=1\nnonsense\n", 2), ("A='x", 1), ("A=\"x", 1), ("A='x' y", 1), ("=1", 1), ("A B=1", 1)]
        {
            assert_eq!(dotenv(text), Err(line), "{text}");
        }
    }

    #[test]
    fn files_are_trimmed_but_the_encryption_key_is_taken_byte_for_byte() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("name"), " Home \n").unwrap();
        std::fs::write(dir.path().join("key"), "0123456789abcdef\n").unwrap();
        let pairs = [
            ("APP_NAME_FILE", "name"),
            ("APP_NAME", "other"),
            ("ENCRYPTION_KEY_FILE", "key"),
            ("PORT_FILE", ""),
        ];
        let config = environment(dir.path(), &pairs).unwrap().load(dir.path()).unwrap();
        assert_eq!(config.settings.app_name, "Home");
        assert_eq!(config.settings.encryption_key.expose(), "0123456789abcdef\n");
        assert_eq!(config.settings.port, 1411);
        assert!(config.messages.is_empty());
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let dir = TempDir::new().unwrap();
        let complaints =
            environment(dir.path(), &[("PORT_FILE", "absent"), ("APP_NAME_FILE", "gone")]).unwrap_err();
        assert_eq!(complaints.len(), 2);
        assert!(
            complaints[0].starts_with("PORT_FILE is \"absent\", expected a readable text file"),
            "{complaints:?}"
        );
        let complaints =
            environment(dir.path(), &[("PORT", "x"), ("LOG_JSON", "perhaps"), ("ENCRYPTION_KEY", "short")])
                .unwrap()
                .load(dir.path())
                .unwrap_err();
        assert_eq!(
            complaints,
            [
                "ENCRYPTION_KEY is \"(hidden)\", expected at least 16 bytes; `openssl rand -base64 32` makes one",
                "PORT is \"x\", expected a port number from 0 to 65535; 0 picks a free one",
                "LOG_JSON is \"perhaps\", expected true or false",
            ]
        );
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = TempDir::new().unwrap();
        let load = || environment(dir.path(), &[]).unwrap().load(dir.path());
        assert!(environment(dir.path(), &[("PORT", "x")]).unwrap().load(dir.path()).is_err());
        assert!(!dir.path().join("data").exists(), "no key for a start that fails");
        let first = load().unwrap();
        let path = dir.path().join("data/encryption-key");
        assert_eq!(first.data_folder, dir.path().join("data"));
        assert_eq!(first.messages.len(), 1);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first.settings.encryption_key.expose());
        assert_eq!(first.settings.encryption_key.expose().len(), 43);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
        let second = load().unwrap();
        assert!(second.messages.is_empty());
        assert_eq!(second.settings.encryption_key.expose(), first.settings.encryption_key.expose());
    }

    #[test]
    fn no_key_is_made_for_a_database_that_had_another() {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        std::fs::write(dir.path().join("data/latchkey.db"), "").unwrap();
        let complaints = environment(dir.path(), &[]).unwrap().load(dir.path()).unwrap_err();
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("ENCRYPTION_KEY is absent"), "{complaints:?}");
        assert!(!dir.path().join("data/encryption-key").exists());
    }

    #[test]
    fn misspelt_names_are_reported() {
        let dir = TempDir::new().unwrap();
        let pairs = [("ENCRYPTION_KEY", "0123456789abcdef"), ("LATCHKEY_PORT", "1"), ("PATH", "/bin")];
        let config = environment(dir.path(), &pairs).unwrap().load(dir.path()).unwrap();
        assert_eq!(config.unknown, ["LATCHKEY_PORT"]);
    }
}
