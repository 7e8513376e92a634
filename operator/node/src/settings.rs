//! Settings: defaults, then a TOML file, then the environment, then flags.
//!
//! A program's settings are one struct with `#[serde(deny_unknown_fields)]`. `ZARATHUSTRA_A__B`
//! overrides key `b` of table `a`, `ZARATHUSTRA_A` the top-level key `a`; `--set a.b=value`
//! overrides both. Values of the environment and of flags are read as TOML where that parses, else
//! as text.
//!
//! The command line reads variables of the same prefix, such as `ZARATHUSTRA_RPC_URL`. A variable
//! that names neither a table nor a top-level key is not meant for the program and is passed over.

use std::{
    ffi::OsString,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

/// Environment variables that begin so may be settings; two underscores separate tables from keys.
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
    #[error("{path}: {detail}")]
    Syntax {
        /// Its path.
        path: PathBuf,
        /// Line and reason.
        detail: String,
    },
    /// An override does not name a key.
    #[error("{origin}: {detail}")]
    Override {
        /// The flag or the variable.
        origin: String,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// A key is unknown, missing or of the wrong type.
    #[error("{origin}: {detail}")]
    Invalid {
        /// The file, the flag or the variable that says so.
        origin: String,
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

    /// What the user can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "name the file with --settings or ZARATHUSTRA_SETTINGS_FILE",
            Self::TooLong { .. } => "is this the right file?",
            Self::Syntax { .. } | Self::Invalid { .. } => {
                "the example files in `deploy` explain every key"
            }
            Self::Override { .. } => {
                "write --set chain.poll_ms=500 or ZARATHUSTRA_CHAIN__POLL_MS=500"
            }
        }
    }
}

/// A value from elsewhere than the file.
struct Override {
    /// The flag or the variable, as the user knows it.
    origin: String,
    /// Its place, with dots between tables and keys.
    key: String,
    value: String,
}

impl Override {
    /// A variable, if it is one of the settings of a program with the top-level keys `top`.
    fn of_variable(name: String, value: String, top: &[&str]) -> Option<Self> {
        let key = name.strip_prefix(ENV_PREFIX)?.to_lowercase();
        if !key.contains("__") && !top.contains(&key.as_str()) {
            return None;
        }
        Some(Self {
            key: key.replace("__", "."),
            origin: name,
            value,
        })
    }

    fn of_flag(flag: &str) -> Result<Self, SettingsError> {
        let origin = format!("--set {flag}");
        match flag.split_once('=') {
            Some((key, value)) => Ok(Self {
                origin,
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            }),
            None => Err(SettingsError::Override {
                origin,
                detail: "there is no =",
            }),
        }
    }
}

/// The process's variables, for [`load`]. `std::env::vars` would panic at what is no Unicode, which
/// anybody who starts the process can put there.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    readable(std::env::vars_os())
}

/// A name that is no Unicode is none of ours; a value that is none is taken as far as it can be
/// read, so that a key that is ours does not silently keep its default.
fn readable(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    variables.filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        Some((name, value.to_string_lossy().into_owned()))
    })
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
    let from_file = file.map_or_else(|| Ok(Table::new()), read_file)?;
    let top = top_level_keys::<T>();
    let mut overrides: Vec<Override> = env
        .into_iter()
        .filter_map(|(name, value)| Override::of_variable(name, value, top))
        .collect();
    overrides.sort_by(|a, b| a.key.cmp(&b.key));
    for flag in flags {
        overrides.push(Override::of_flag(flag)?);
    }
    let mut table = from_file.clone();
    for o in &overrides {
        insert(&mut table, &o.key, parse_value(&o.value)).map_err(|detail| {
            SettingsError::Override {
                origin: o.origin.clone(),
                detail,
            }
        })?;
    }
    fit(&table).map_err(|misfit| {
        let culprit = overrides.iter().rev().find(|o| misfit.is_of(o, &from_file));
        SettingsError::Invalid {
            origin: match (culprit, file) {
                (Some(o), _) => o.origin.clone(),
                (None, Some(file)) => file.display().to_string(),
                (None, None) => "the settings".to_owned(),
            },
            detail: misfit.to_string(),
        }
    })
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
    let load = |text: &str| {
        fit(&parse(file, text)?).map_err(|misfit| SettingsError::Invalid {
            origin: file.display().to_string(),
            detail: misfit.to_string(),
        })
    };
    Ok([load(&plain)?, load(&spelled)?])
}

/// What does not fit, and where.
struct Misfit {
    /// The key, with dots; absent at the top.
    key: Option<String>,
    message: String,
}

impl Misfit {
    /// Whether it is about what `o` sets: the key itself, or something in a table that the file
    /// does not have, so that overrides alone made it.
    fn is_of(&self, o: &Override, from_file: &Table) -> bool {
        let Some(key) = &self.key else { return false };
        let inside = o
            .key
            .strip_prefix(key.as_str())
            .is_some_and(|rest| rest.starts_with('.'));
        o.key == *key || inside && !has(from_file, key)
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

fn has(table: &Table, key: &str) -> bool {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| table.get(part));
    parts.fold(first, |place, part| place?.get(part)).is_some()
}

fn fit<T: DeserializeOwned>(table: &Table) -> Result<T, Misfit> {
    // Errors tell their place in a text only, so a text is made of the table.
    let failed = |message: String| Misfit { key: None, message };
    let text = toml::to_string(table).map_err(|e| failed(e.to_string()))?;
    toml::from_str(&text).map_err(|e| {
        let place = e.span().filter(|span| !span.is_empty());
        let parsed = DeTable::parse(&text).ok();
        Misfit {
            key: place
                .zip(parsed)
                .and_then(|(place, table)| key_at(table.get_ref(), &place)),
            message: one_line(e.message()),
        }
    })
}

/// The key whose name or value holds `place`, with dots.
fn key_at(table: &DeTable<'_>, place: &Range<usize>) -> Option<String> {
    let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    table.iter().find_map(|(key, value)| {
        let inner = match value.get_ref() {
            DeValue::Table(table) => key_at(table, place),
            _ => None,
        };
        match inner {
            Some(inner) => Some(format!("{}.{inner}", key.get_ref())),
            None if holds(key.span()) || holds(value.span()) => Some(key.get_ref().to_string()),
            None => None,
        }
    })
}

/// Names of the fields of a struct.
fn top_level_keys<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut keys: &'static [&'static str] = &[];
    // It ends as soon as the names are known; that is no failure.
    drop(T::deserialize(FieldNames(&mut keys)));
    keys
}

/// Asks a struct for the names of its fields, and gives it nothing.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only the names are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
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
    text.parse().map_err(|e: toml::de::Error| {
        let before = e.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| format!("line {}: ", 1 + before.matches('\n').count()));
        SettingsError::Syntax {
            path: path.to_owned(),
            detail: format!("{}{}", line.unwrap_or_default(), one_line(e.message())),
        }
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse_value(text: &str) -> Value {
    // A bare word is no TOML value; as text it is what the user meant.
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut t| t.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

fn insert(table: &mut Table, key: &str, value: Value) -> Result<(), &'static str> {
    if key.split('.').any(str::is_empty) {
        return Err("the name of a table or key is missing");
    }
    let (path, last) = match key.rsplit_once('.') {
        Some((path, last)) => (path.split('.').collect(), last),
        None => (Vec::new(), key),
    };
    let mut place = table;
    for part in path {
        place = place
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .ok_or("a key in a value that is no table")?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[test]
    fn variables_that_are_no_unicode_stop_nobody() {
        use std::os::unix::ffi::OsStringExt as _;
        let odd = || OsString::from_vec(vec![b'a', 0xff]);
        let name = OsString::from("ZARATHUSTRA_NAME");
        let found: Vec<_> = readable([(odd(), name.clone()), (name, odd())].into_iter()).collect();
        let expected = ("ZARATHUSTRA_NAME".to_owned(), "a\u{fffd}".to_owned());
        assert_eq!(found, [expected]);
    }

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
        check(
            "name = \"a\"",
            &["chain"],
            "settings_override",
            "--set chain: ",
        );
        check("name = \"a\"", &["=1"], "settings_override", "--set =1: ");
        check("name = \"a\"", &["name.x=1"], "settings_override", "name.x");
        check(
            &format!("name = \"{}\"", "a".repeat(2 << 20)),
            &[],
            "settings_too_long",
            "bytes",
        );
    }

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn variables_of_other_programs_are_passed_over() {
        let file = write("name = \"a\"\n");
        let env = variables(&[
            ("ZARATHUSTRA_RPC_URL", "http://127.0.0.1:8545"),
            ("ZARATHUSTRA_HOME", "/tmp"),
            ("ZARATHUSTRA_PASSWORD_FILE", "password"),
            ("ZARATHUSTRA_MAX_FEE_GWEI", "20"),
            ("ZARATHUSTRA_", "nothing"),
        ]);
        let found: Example = load(Some(file.path()), env, &[]).expect("settings");
        assert_eq!(found.name, "a");
        assert_eq!(found.chain, Chain::default());
    }

    #[test]
    fn a_variable_may_name_a_key_at_the_top() {
        let env = variables(&[("ZARATHUSTRA_NAME", "b")]);
        let found: Example = load(None, env, &[]).expect("settings");
        assert_eq!(found.name, "b");
        assert_eq!(top_level_keys::<Example>(), ["name", "chain"]);
    }

    #[test]
    fn whoever_set_what_does_not_fit_is_named() {
        let file = write("name = \"a\"\n[chain]\nconfirmations = 1\n");
        let path = file.path().display();
        let check = |env: &[(&str, &str)], flags: &[&str], code: &str, expected: &str| {
            let flags: Vec<String> = flags.iter().map(|s| (*s).to_owned()).collect();
            let error =
                load::<Example>(Some(file.path()), variables(env), &flags).expect_err("a mistake");
            assert_eq!((error.code(), error.to_string().as_str()), (code, expected));
        };
        let unknown = "expected `rpc_url` or `confirmations`";
        check(
            &[("ZARATHUSTRA_CHAIN__CONFIRMATION", "2")],
            &["chain.confirmations=3"],
            "settings_invalid",
            &format!(
                "ZARATHUSTRA_CHAIN__CONFIRMATION: chain.confirmation: unknown field \
                 `confirmation`, {unknown}"
            ),
        );
        check(
            &[("ZARATHUSTRA_CHIAN__CONFIRMATIONS", "2")],
            &[],
            "settings_invalid",
            "ZARATHUSTRA_CHIAN__CONFIRMATIONS: chian: unknown field `chian`, expected `name` or \
             `chain`",
        );
        check(
            &[("ZARATHUSTRA_CHAIN__CONFIRMATIONS", "few")],
            &[],
            "settings_invalid",
            "ZARATHUSTRA_CHAIN__CONFIRMATIONS: chain.confirmations: invalid type: string \"few\", \
             expected u64",
        );
        check(
            &[("ZARATHUSTRA_NAME", "3")],
            &["chain.rpc_url=\"http://a\""],
            "settings_invalid",
            "ZARATHUSTRA_NAME: name: invalid type: integer `3`, expected a string",
        );
        check(
            &[("ZARATHUSTRA_NAME__FIRST", "b")],
            &[],
            "settings_override",
            "ZARATHUSTRA_NAME__FIRST: a key in a value that is no table",
        );
        check(
            &[("ZARATHUSTRA_CHAIN__CONFIRMATIONS", "2")],
            &["chain.rpc=1"],
            "settings_invalid",
            &format!("--set chain.rpc=1: chain.rpc: unknown field `rpc`, {unknown}"),
        );

        std::fs::write(file.path(), "name = \"a\"\n[chain]\nrpc = 1\n").expect("write it");
        check(
            &[("ZARATHUSTRA_CHAIN__CONFIRMATIONS", "2")],
            &[],
            "settings_invalid",
            &format!("{path}: chain.rpc: unknown field `rpc`, {unknown}"),
        );
        std::fs::write(file.path(), "[chain]\n").expect("write it");
        check(
            &[("ZARATHUSTRA_CHAIN__CONFIRMATIONS", "2")],
            &[],
            "settings_invalid",
            &format!("{path}: missing field `name`"),
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
