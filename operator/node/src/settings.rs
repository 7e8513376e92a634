//! Settings: defaults, then a TOML file, then the environment, then flags.
//!
//! A program's settings are one struct with `#[serde(deny_unknown_fields)]`. `ZARATHUSTRA_A__B`
//! overrides key `b` of table `a`; `--set a.b=value` overrides both. Values of the environment
//! and of flags are read as TOML where that parses, else as text.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// Environment variables that begin so are settings; two underscores separate tables from keys.
pub const ENV_PREFIX: &str = "ZARATHUSTRA_";
/// A settings file is written by hand; a longer one is a mistake.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("read the settings file {path}")]
    Read {
        /// Its path.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The file is too long to be a settings file.
    #[error("the settings file {path} has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLong {
        /// Its path.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The file is not TOML.
    #[error("the settings file {path} is not TOML: {detail}")]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// Line and reason.
        detail: String,
    },
    /// An override does not have the form `table.key=value`.
    #[error("the override {text:?} is not of the form table.key=value")]
    Override {
        /// The text.
        text: String,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("the settings do not fit: {detail}")]
    Invalid {
        /// Key and reason.
        detail: String,
    },
}

impl SettingsError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "settings_unreadable",
            Self::TooLong { .. } => "settings_too_long",
            Self::Syntax { .. } => "settings_syntax",
            Self::Override { .. } => "settings_override",
            Self::Invalid { .. } => "settings_invalid",
        }
    }
}

/// Loads settings. `file` may be absent, `env` are the process's variables, `flags` the values of
/// `--set`.
///
/// # Errors
/// See [`SettingsError`].
pub fn load<T: DeserializeOwned>(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    flags: &[String],
) -> Result<T, SettingsError> {
    let mut table = file.map_or_else(|| Ok(Table::new()), read_file)?;
    let mut overrides: Vec<(String, String)> = env
        .into_iter()
        .filter_map(|(k, v)| {
            let key = k
                .strip_prefix(ENV_PREFIX)?
                .to_lowercase()
                .replace("__", ".");
            Some((key, v))
        })
        .collect();
    overrides.sort();
    for flag in flags {
        let (key, value) = flag
            .split_once('=')
            .ok_or_else(|| SettingsError::Override { text: flag.clone() })?;
        overrides.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    for (key, value) in overrides {
        insert(&mut table, &key, parse_value(&value)).ok_or(SettingsError::Override {
            text: format!("{key}={value}"),
        })?;
    }
    fit(table)
}

/// Loads an example file twice: as it stands, and with the keys that are commented out in it
/// (`# key = value`). A test that does so finds a key that does not exist, and can compare what
/// the comments call defaults with the defaults.
///
/// # Errors
/// See [`SettingsError`].
pub fn load_example<T: DeserializeOwned>(file: &Path) -> Result<[T; 2], SettingsError> {
    let plain = read_text(file)?;
    let spelled: String = plain
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(key)
                if key.starts_with(|c: char| c.is_ascii_lowercase()) && key.contains(" = ") =>
            {
                format!("{key}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    Ok([fit(parse(file, &plain)?)?, fit(parse(file, &spelled)?)?])
}

fn fit<T: DeserializeOwned>(table: Table) -> Result<T, SettingsError> {
    Value::Table(table)
        .try_into()
        .map_err(|e: toml::de::Error| SettingsError::Invalid {
            detail: e.to_string().trim().to_owned(),
        })
}

fn read_file(path: &Path) -> Result<Table, SettingsError> {
    parse(path, &read_text(path)?)
}

fn read_text(path: &Path) -> Result<String, SettingsError> {
    let fail = |source| SettingsError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(fail)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(SettingsError::TooLong {
            path: path.to_owned(),
            bytes,
        });
    }
    std::fs::read_to_string(path).map_err(fail)
}

fn parse(path: &Path, text: &str) -> Result<Table, SettingsError> {
    text.parse()
        .map_err(|e: toml::de::Error| SettingsError::Syntax {
            path: path.to_owned(),
            detail: e.to_string().trim().to_owned(),
        })
}

fn parse_value(text: &str) -> Value {
    // A bare word is no TOML value; as text it is what the user meant.
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn insert(table: &mut Table, key: &str, value: Value) -> Option<()> {
    let (path, last) = match key.rsplit_once('.') {
        Some((path, last)) => (path.split('.').collect(), last),
        None => (Vec::new(), key),
    };
    let mut place = table;
    for part in path {
        place = place
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()?;
    }
    if last.is_empty() {
        return None;
    }
    place.insert(last.to_owned(), value);
    Some(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Example {
        name: String,
        #[serde(default)]
        chain: Chain,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, default)]
    struct Chain {
        rpc_url: String,
        confirmations: u64,
    }

    fn write(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("write it");
        file
    }

    #[test]
    fn flags_beat_environment_beats_file() {
        let file = write("name = \"a\"\n[chain]\nrpc_url = \"file\"\nconfirmations = 1\n");
        let env = [
            (
                "ZARATHUSTRA_CHAIN__RPC_URL".to_owned(),
                "http://env:1".to_owned(),
            ),
            (
                "ZARATHUSTRA_CHAIN__CONFIRMATIONS".to_owned(),
                "2".to_owned(),
            ),
            ("PATH".to_owned(), "elsewhere".to_owned()),
        ];
        let flags = ["chain.confirmations=3".to_owned()];
        let found: Example = load(Some(file.path()), env, &flags).expect("settings");
        let chain = Chain {
            rpc_url: "http://env:1".to_owned(),
            confirmations: 3,
        };
        assert_eq!(
            found,
            Example {
                name: "a".to_owned(),
                chain
            }
        );
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, flags: &[&str], code: &str, part: &str| {
            let file = write(text);
            let flags: Vec<String> = flags.iter().map(|s| (*s).to_owned()).collect();
            let error = load::<Example>(Some(file.path()), [], &flags).expect_err("a mistake");
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(part), "{error}");
        };
        check("name = ", &[], "settings_syntax", "line 1");
        check("name = \"a\"\nnmae = 1", &[], "settings_invalid", "nmae");
        check("[chain]", &[], "settings_invalid", "name");
        check("name = 3", &[], "settings_invalid", "string");
        check("name = \"a\"", &["chain"], "settings_override", "chain");
        check("name = \"a\"", &["name.x=1"], "settings_override", "name.x");
        check(
            &format!("name = \"{}\"", "a".repeat(2 << 20)),
            &[],
            "settings_too_long",
            "bytes",
        );
    }

    #[test]
    fn an_example_is_read_with_and_without_what_it_comments_out() {
        let file = write(
            "# A sentence, about a name = value.\nname = \"a\"\n[chain]\n# confirmations = 3\n",
        );
        let [plain, spelled] = load_example::<Example>(file.path()).expect("an example");
        assert_eq!(plain.chain.confirmations, 0);
        assert_eq!(spelled.chain.confirmations, 3);
        assert_eq!(spelled.name, "a");

        let file = write("name = \"a\"\n[chain]\n# confirmation = 3\n");
        let error = load_example::<Example>(file.path()).expect_err("no such key");
        assert!(error.to_string().contains("`confirmation`"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = load::<Example>(Some(Path::new("no/such.toml")), [], &[]).expect_err("missing");
        assert_eq!(error.code(), "settings_unreadable");
        assert!(error.to_string().contains("no/such.toml"));
    }
}
