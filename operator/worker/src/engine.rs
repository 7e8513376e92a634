//! wasmtime as evaluations need it: deterministic, metered, without anything ambient.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use wasmtime::component::Component;
use wasmtime::{Config, Engine, Result, Strategy};
use zarathustra_eval::engine::ENGINE;
use zarathustra_eval::wire::CodeFile;

/// Why compiled code is not used.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// It cannot be read.
    #[error("read the compiled evaluator: {0}")]
    Read(#[from] io::Error),
    /// It is not what the host vouched for.
    #[error("the compiled evaluator is not the one that was kept")]
    Changed,
    /// Another engine made it, or for another processor.
    #[error("the compiled evaluator does not fit this engine: {0:#}")]
    Incompatible(wasmtime::Error),
}

/// An engine with the settings that compiled code is named by.
pub fn engine() -> Result<Engine> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .consume_fuel(ENGINE.fuel)
        .max_wasm_stack(ENGINE.stack_bytes)
        // Where the specification leaves a choice, one choice.
        .cranelift_nan_canonicalization(ENGINE.canonical_nan)
        .relaxed_simd_deterministic(ENGINE.deterministic_simd)
        .wasm_memory64(ENGINE.memory64)
        .memory_init_cow(ENGINE.memory_files)
        .generate_address_map(ENGINE.address_map)
        .wasm_component_model(true)
        .wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

/// Compiles a component.
pub fn compile(engine: &Engine, evaluator: &[u8]) -> Result<Component> {
    // Text would be compiled as well if the `wat` feature were on; only binaries are evaluators.
    Component::from_binary(engine, evaluator)
}

/// Takes a compiled component that the host vouches for by its digest.
#[allow(
    unsafe_code,
    reason = "wasmtime cannot check machine code, a digest can"
)]
pub fn load(engine: &Engine, code: &CodeFile) -> Result<Component, CodeError> {
    let bytes = read(code)?;
    if blake3::hash(&bytes).to_hex().as_str() != code.blake3 {
        return Err(CodeError::Changed);
    }
    // SAFETY: the bytes, which nobody can change now, are those of the digest that came with the
    // job. The host takes it from an entry that it has tagged itself, after a worker of its own
    // answered the code with `Component::serialize`. wasmtime itself refuses code of another
    // version or with other settings.
    unsafe { Component::deserialize(engine, &bytes) }.map_err(CodeError::Incompatible)
}

fn read(code: &CodeFile) -> io::Result<Vec<u8>> {
    let mut file = File::open(&code.path)?;
    file.seek(SeekFrom::Start(code.offset))?;
    let size = usize::try_from(code.size).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(size);
    // One byte more, so that a longer file is seen to be longer.
    file.take(code.size.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
