//! The environment lock (5.8): what has to be equal for two machines to compute equal bits.

use std::collections::BTreeMap;

use zarathustra_primitives::Digest;

/// Version of libtorch that the worker is built with.
pub const LIBTORCH_VERSION: &str = "2.11.0";
/// Version of wasmtime that the worker is built with.
pub const WASMTIME_VERSION: &str = "48.0.8";
/// Rows that the model computes at a time; more are computed in several steps.
pub const BATCH_ROWS: usize = 1024;
/// Threads that compute a model's outputs.
pub const THREADS: u32 = 1;

/// Variables that fix which instructions libtorch and its libraries use. They are read when the
/// libraries start, so they have to be in place before the worker does.
pub const CAPABILITIES: [(&str, &str); 3] = [
    ("ATEN_CPU_CAPABILITY", "avx2"),
    ("MKL_CBWR", "COMPATIBLE"),
    ("ONEDNN_MAX_CPU_ISA", "AVX2"),
];

/// Variable with which a worker computes on another number of threads than [`THREADS`].
pub const THREADS_VARIABLE: &str = "ZARATHUSTRA_THREADS";
/// Variable with which a worker computes another number of rows at a time than [`BATCH_ROWS`].
pub const BATCH_ROWS_VARIABLE: &str = "ZARATHUSTRA_BATCH_ROWS";

/// Threads of this worker. An operator's worker has no variables of its operator's, so this is
/// [`THREADS`] unless [`WorkerSettings::variables`](crate::WorkerSettings::variables) say otherwise.
pub fn threads() -> u32 {
    variable(THREADS_VARIABLE).unwrap_or(THREADS)
}

/// Rows at a time of this worker; see [`threads`].
pub fn batch_rows() -> usize {
    variable(BATCH_ROWS_VARIABLE).map_or(BATCH_ROWS, |rows| rows as usize)
}

fn variable(name: &str) -> Option<u32> {
    std::env::var(name)
        .ok()?
        .parse()
        .ok()
        .filter(|value| *value > 0)
}

/// The environment lock of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EnvironmentLock;

impl EnvironmentLock {
    /// The lock as JSON with sorted keys and without blanks.
    pub fn to_json(self) -> String {
        let [aten, mkl, onednn] = CAPABILITIES.map(|(_, value)| value);
        let fields: BTreeMap<&str, serde_json::Value> = BTreeMap::from([
            ("arch", std::env::consts::ARCH.into()),
            ("aten_cpu_capability", aten.into()),
            ("batch_rows", BATCH_ROWS.into()),
            ("engine", "libtorch".into()),
            ("engine_version", LIBTORCH_VERSION.into()),
            ("mkl_cbwr", mkl.into()),
            ("onednn_max_cpu_isa", onednn.into()),
            ("threads", THREADS.into()),
            ("wasmtime", WASMTIME_VERSION.into()),
        ]);
        serde_json::to_string(&fields).expect("text and numbers are JSON")
    }

    /// SHA-256 of [`to_json`](Self::to_json): what a result states as its environment.
    pub fn digest(self) -> Digest {
        Digest::of(self.to_json().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_there_are_no_blanks() {
        let text = EnvironmentLock.to_json();
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
    }

    #[test]
    fn versions_are_those_that_the_workspace_pins() {
        let lock = include_str!("../../../Cargo.lock");
        let wasmtime = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_VERSION}\"");
        assert!(lock.contains(&wasmtime));
    }
}
