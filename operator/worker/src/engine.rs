//! wasmtime as evaluations need it: deterministic, metered, without anything ambient.

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Cache, CacheConfig, Config, Engine, Result, Strategy};

/// Stack of strangers' code. A stack overflow depends on how the host was built, so it is a local
/// condition and never claimed.
pub const WASM_STACK_BYTES: usize = 1 << 20;
/// Fast: the cache is read far more often than written.
const CACHE_COMPRESSION: i32 = 1;

/// An engine whose compiled code is kept in a folder.
///
/// The folder is trusted as much as this program: whoever can write to it can run code in a
/// worker. The host keeps it private to the user and lets a worker write to it only while it
/// compiles the one evaluator that the folder is for.
pub fn engine(cache: &Path) -> Result<Engine> {
    let mut keep = CacheConfig::new();
    keep.with_directory(cache)
        .with_baseline_compression_level(CACHE_COMPRESSION)
        .with_optimized_compression_level(CACHE_COMPRESSION)
        // The host tidies up; here nothing but this evaluator is kept.
        .with_cleanup_interval(std::time::Duration::MAX)
        .with_optimized_compression_usage_counter_threshold(u64::MAX);

    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cache(Some(Cache::new(keep)?))
        .consume_fuel(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        // Where the specification leaves a choice, one choice.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_component_model(true)
        .wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

/// Compiles a component, or takes what was compiled before from the cache.
pub fn load(engine: &Engine, evaluator: &[u8]) -> Result<Component> {
    // Text would be compiled as well if the `wat` feature were on; only binaries are evaluators.
    Component::from_binary(engine, evaluator)
}
