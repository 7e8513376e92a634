//! The environment lock (5.8): what has to be equal for two machines to compute equal results.
//!
//! A host takes a lock as its worker states it and looks at no more of it than it has to set up, so
//! that one host can run workers of other builds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zarathustra_primitives::Digest;

/// Version of libtorch that the worker is built with.
pub const LIBTORCH_VERSION: &str = "2.11.0";
/// Version of wasmtime that the worker is built with.
pub const WASMTIME_VERSION: &str = "48.0.8";
/// Rows that the model computes at a time; more are computed in several steps.
pub const BATCH_ROWS: usize = 1024;
/// Threads that compute a model's outputs.
pub const THREADS: u32 = 1;
/// Version of the prices that a host call has in fuel, to be raised with each change of them.
/// What instructions cost is wasmtime's and goes by its version.
pub const FUEL_SCHEDULE: u64 = 1;
/// Version of this project's own rules of evaluation: the cost model, how files are read, how nodes
/// become operations and steps, how scores are quantised. To be raised with each change of a status,
/// a cost or a bit of a score, unless another key of the lock changes with it.
pub const EVALUATION: u64 = 2;
/// Version of what the reference engine computes, to be raised with each change of a bit.
pub const REFERENCE_ENGINE: &str = "1";
/// The library from which the reference engine takes exp, tanh and the like.
pub const REFERENCE_LIBM: &str = "libm-0.2.16";

/// Variables that fix which instructions libtorch and its libraries use on x86-64. They are read
/// when the libraries start, so they have to be in place before the worker does.
pub const CAPABILITIES: [(&str, &str); 3] = [
    ("ATEN_CPU_CAPABILITY", "avx2"),
    ("MKL_CBWR", "COMPATIBLE"),
    ("ONEDNN_MAX_CPU_ISA", "AVX2"),
];

/// Longest lock that is read.
pub const MAX_LOCK_BYTES: usize = 4096;

const BATCH_ROWS_KEY: &str = "batch_rows";
const THREADS_KEY: &str = "threads";
const CAPABILITIES_KEY: &str = "capabilities";

/// What a worker may be asked to do otherwise than its build does by default.
const PARAMETERS: [&str; 3] = [BATCH_ROWS_KEY, CAPABILITIES_KEY, THREADS_KEY];

/// A value of the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Field {
    Flag(bool),
    Number(u64),
    Text(String),
    Texts(BTreeMap<String, String>),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An environment lock: a JSON object with sorted keys and without blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentLock(BTreeMap<String, Field>);

/// Why a text is no environment lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Too long.
    #[error("a lock has at most {MAX_LOCK_BYTES} bytes, this has {found}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// Not an object of texts, numbers and flags.
    #[error("the lock is malformed: {detail}")]
    Malformed {
        /// What is wrong.
        detail: String,
    },
    /// The same content written in another way would have another digest.
    #[error("the lock's keys are not sorted, or there are blanks in it")]
    NotCanonical,
    /// A key that every lock has is missing or of another type.
    #[error("the lock has no usable {key}")]
    Key {
        /// The key.
        key: &'static str,
    },
}

impl LockError {
    /// The stable name of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "environment_too_long",
            Self::Malformed { .. } => "environment_malformed",
            Self::NotCanonical => "environment_not_canonical",
            Self::Key { .. } => "environment_key",
        }
    }
}

impl EnvironmentLock {
    /// The lock under which this build computes unless it is asked for another one.
    pub fn of_this_build() -> Self {
        let capabilities = CAPABILITIES.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let fields: [(&str, Field); 13] = [
            (BATCH_ROWS_KEY, Field::Number(BATCH_ROWS as u64)),
            (CAPABILITIES_KEY, Field::Texts(capabilities.into())),
            ("denormals", "flushed".into()),
            ("deterministic_algorithms", Field::Flag(true)),
            ("engine", "libtorch".into()),
            ("engine_version", LIBTORCH_VERSION.into()),
            ("evaluation", Field::Number(EVALUATION)),
            ("fuel_schedule", Field::Number(FUEL_SCHEDULE)),
            ("nan", "canonical".into()),
            ("reference_engine", REFERENCE_ENGINE.into()),
            ("reference_libm", REFERENCE_LIBM.into()),
            (THREADS_KEY, Field::Number(THREADS.into())),
            ("wasmtime", WASMTIME_VERSION.into()),
        ];
        Self(fields.map(|(key, field)| (key.to_owned(), field)).into())
    }

    /// Reads a lock as a worker states it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn from_json(text: &str) -> Result<Self, LockError> {
        if text.len() > MAX_LOCK_BYTES {
            return Err(LockError::TooLong { found: text.len() });
        }
        let fields = serde_json::from_str(text).map_err(|error| LockError::Malformed {
            detail: error.to_string(),
        })?;
        let lock = Self(fields);
        if lock.to_json() != text {
            return Err(LockError::NotCanonical);
        }
        for key in [BATCH_ROWS_KEY, THREADS_KEY] {
            let usable = matches!(lock.0.get(key), Some(Field::Number(1..=0xffff_ffff)));
            if !usable {
                return Err(LockError::Key { key });
            }
        }
        match lock.0.get(CAPABILITIES_KEY) {
            Some(Field::Texts(_)) => Ok(lock),
            _ => Err(LockError::Key {
                key: CAPABILITIES_KEY,
            }),
        }
    }

    /// The lock as JSON with sorted keys and without blanks.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("texts, numbers and flags are JSON")
    }

    /// SHA-256 of [`to_json`](Self::to_json): what a task and its results name.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }

    /// The same with another number of rows that are computed at a time.
    #[must_use]
    pub fn with_batch_rows(self, rows: u32) -> Self {
        self.with(BATCH_ROWS_KEY, Field::Number(rows.into()))
    }

    /// The same with another number of threads.
    #[must_use]
    pub fn with_threads(self, threads: u32) -> Self {
        self.with(THREADS_KEY, Field::Number(threads.into()))
    }

    /// The same with exactly these variables.
    #[must_use]
    pub fn with_capabilities<'a>(
        self,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let owned = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.with(CAPABILITIES_KEY, Field::Texts(owned.collect()))
    }

    fn with(mut self, key: &str, field: Field) -> Self {
        self.0.insert(key.to_owned(), field);
        self
    }

    /// Rows that the model computes at a time.
    pub fn batch_rows(&self) -> u32 {
        self.number(BATCH_ROWS_KEY)
    }

    /// Threads that compute a model's outputs.
    pub fn threads(&self) -> u32 {
        self.number(THREADS_KEY)
    }

    fn number(&self, key: &str) -> u32 {
        match self.0.get(key) {
            Some(Field::Number(number)) => u32::try_from(*number).unwrap_or(u32::MAX),
            _ => unreachable!("checked when the lock was made"),
        }
    }

    /// Variables that have to be set before the worker starts, with their values.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        let capabilities = match self.0.get(CAPABILITIES_KEY) {
            Some(Field::Texts(texts)) => texts.clone(),
            _ => BTreeMap::new(),
        };
        let threads = self.threads().to_string();
        let of_threads =
            ["MKL_NUM_THREADS", "OMP_NUM_THREADS"].map(|name| (name.to_owned(), threads.clone()));
        capabilities.into_iter().chain(of_threads)
    }

    /// A key in which this lock differs from another one, beyond what a worker can be asked for.
    pub fn differs_from<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let mut keys = self.0.keys().chain(other.0.keys()).map(String::as_str);
        keys.find(|key| !PARAMETERS.contains(key) && self.0.get(*key) != other.0.get(*key))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{architecture::Architecture, cost::Cost};

    fn lock() -> EnvironmentLock {
        EnvironmentLock::of_this_build()
    }

    #[test]
    fn keys_are_sorted_and_there_are_no_blanks() {
        let text = lock().to_json();
        assert!(!text.contains(char::is_whitespace));
        let keys: Vec<_> = text.split('"').skip(1).step_by(2).collect();
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).expect("JSON");
        let mut sorted: Vec<_> = object.keys().map(String::as_str).collect();
        sorted.sort_unstable();
        let in_file: Vec<_> = keys
            .into_iter()
            .filter(|key| object.contains_key(*key))
            .collect();
        assert_eq!(in_file, sorted);
        assert_eq!(EnvironmentLock::from_json(&text), Ok(lock()));
    }

    #[test]
    fn it_says_nothing_of_the_machine() {
        let text = lock().to_json();
        for word in [std::env::consts::ARCH, std::env::consts::OS, "aarch64"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn what_a_worker_is_asked_for_is_in_the_digest() {
        let others = [
            lock().with_batch_rows(512),
            lock().with_threads(2),
            lock().with_capabilities([("ATEN_CPU_CAPABILITY", "default")]),
        ];
        for other in others {
            assert_ne!(other.digest(), lock().digest());
            assert_eq!(other.differs_from(&lock()), None);
        }
        let fuel = lock().with("fuel_schedule", Field::Number(FUEL_SCHEDULE + 1));
        assert_eq!(fuel.differs_from(&lock()), Some("fuel_schedule"));
        let new = lock().with("zeal", Field::Flag(true));
        assert_eq!(new.differs_from(&lock()), Some("zeal"));
        assert_eq!(lock().differs_from(&new), Some("zeal"));
    }

    #[test]
    fn a_lock_of_another_build_is_read_and_keeps_its_digest() {
        let text = concat!(
            r#"{"batch_rows":7,"capabilities":{"A":"b"},"engine":"other","#,
            r#""new":true,"threads":3,"wasmtime":"50"}"#
        );
        let other = EnvironmentLock::from_json(text).expect("a lock");
        assert_eq!(other.digest(), Digest::of(text.as_bytes()));
        assert_eq!((other.batch_rows(), other.threads()), (7, 3));
        let variables: Vec<_> = other.variables().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [
            pair("A", "b"),
            pair("MKL_NUM_THREADS", "3"),
            pair("OMP_NUM_THREADS", "3"),
        ];
        assert_eq!(variables, expected);
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let good = lock().to_json();
        let cases = [
            ("", "environment_malformed"),
            ("[]", "environment_malformed"),
            ("{}", "environment_key"),
            (r#"{"a":null}"#, "environment_malformed"),
            (r#"{"a":-1}"#, "environment_malformed"),
            (r#"{"b":1,"a":1}"#, "environment_not_canonical"),
            (r#"{"a":1,"a":1}"#, "environment_not_canonical"),
            (r#"{"a": 1}"#, "environment_not_canonical"),
            (r#"{"batch_rows":0,"threads":1}"#, "environment_key"),
            (r#"{"batch_rows":1,"threads":"1"}"#, "environment_key"),
            (
                r#"{"batch_rows":1,"threads":4294967296}"#,
                "environment_key",
            ),
            (r#"{"batch_rows":1,"threads":1}"#, "environment_key"),
        ];
        for (text, code) in cases {
            let error = EnvironmentLock::from_json(text).expect_err(text);
            assert_eq!(error.code(), code, "{text}");
        }
        let long = good.replace("libtorch", &"x".repeat(MAX_LOCK_BYTES));
        let error = EnvironmentLock::from_json(&long).expect_err("too long");
        assert_eq!(error.code(), "environment_too_long");
    }

    /// A change detector, not an expected value: SHA-256 of the costs that [`costs`] lists, as the
    /// code of this version of [`EVALUATION`] computes them.
    const COSTS: (u64, &str) = (
        2,
        "dca28bae4e9c71ec98d12cebda1849640c9934b6526faae5365aedbcca5d4720",
    );

    /// A line for every architecture of the examples and of the operators' vectors: where it is
    /// from, and what it costs.
    fn costs() -> String {
        #[derive(Deserialize)]
        struct Case {
            name: String,
            architecture: serde_json::Value,
        }

        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &Path| std::fs::read(path).expect("is there");
        let mut architectures: Vec<_> = ["digits", "sequence", "x-squared"]
            .iter()
            .map(|example| {
                let path = root.join("examples").join(example);
                ((*example).to_owned(), read(&path.join("architecture.json")))
            })
            .collect();
        let vectors = std::fs::read_dir(root.join("tests/vectors/operators")).expect("is there");
        let mut vectors: Vec<_> = vectors.map(|file| file.expect("is there").path()).collect();
        vectors.sort();
        for path in vectors {
            let operator = path.file_stem().expect("a file").to_string_lossy();
            let cases: Vec<Case> = serde_json::from_slice(&read(&path)).expect("cases");
            architectures.extend(cases.iter().map(|case| {
                let json = serde_json::to_vec(&case.architecture).expect("JSON stays JSON");
                (format!("{operator}: {}", case.name), json)
            }));
        }
        architectures
            .into_iter()
            .map(|(name, json)| {
                let cost = Cost::of(&Architecture::from_json(&json).expect("valid"));
                format!("{name}: {cost:?}\n")
            })
            .collect()
    }

    #[test]
    fn whoever_changes_a_cost_raises_the_version_of_evaluation() {
        let costs = costs();
        let found = Digest::of(costs.as_bytes()).to_string();
        assert_eq!(
            (EVALUATION, found.as_str()),
            COSTS,
            "what architectures cost has changed, so operators of this build and of the last one \
             would find other statuses: raise EVALUATION, and write it and the new digest down in \
             COSTS. The costs are now\n{costs}"
        );
    }

    #[test]
    fn versions_are_those_that_the_workspace_pins() {
        let lock = include_str!("../../../Cargo.lock");
        let wasmtime = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_VERSION}\"");
        assert!(lock.contains(&wasmtime));
        let (name, version) = REFERENCE_LIBM
            .split_once('-')
            .expect("a name and a version");
        let libm = format!("name = \"{name}\"\nversion = \"{version}\"");
        assert!(lock.contains(&libm));
    }
}
