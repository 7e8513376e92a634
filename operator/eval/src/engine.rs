//! How evaluators are compiled. The worker configures wasmtime by it and the host names compiled
//! code by it, so code that was compiled otherwise is never looked at.

use crate::environment::WASMTIME_VERSION;

/// Settings of the engine that compiles and runs evaluators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Version of wasmtime.
    pub wasmtime: &'static str,
    /// Processor architecture.
    pub architecture: &'static str,
    /// Stack of strangers' code, in bytes. A stack overflow depends on how the host was built, so
    /// it is a local condition and never claimed.
    pub stack_bytes: usize,
    /// Whether work is metered.
    pub fuel: bool,
    /// Whether every NaN that the program makes has the same bits.
    pub canonical_nan: bool,
    /// Whether relaxed SIMD instructions have one result on every machine.
    pub deterministic_simd: bool,
    /// Whether memories may have 64-bit addresses.
    pub memory64: bool,
    /// Whether code keeps a map back to the program's text. Nobody reads it, and it is a quarter
    /// of an entry.
    pub address_map: bool,
    /// Whether a program's initial memory is mapped from a memory file. Such files hold pages that
    /// no limit of the kernel counts, so the sandbox has none.
    pub memory_files: bool,
}

/// The settings of this build.
pub const ENGINE: EngineSettings = EngineSettings {
    wasmtime: WASMTIME_VERSION,
    architecture: std::env::consts::ARCH,
    stack_bytes: 1 << 20,
    fuel: true,
    canonical_nan: true,
    deterministic_simd: true,
    memory64: false,
    address_map: false,
    memory_files: false,
};

impl EngineSettings {
    /// BLAKE3 of the settings as text.
    pub fn digest(&self) -> blake3::Hash {
        blake3::hash(format!("{self:?}").as_bytes())
    }
}
