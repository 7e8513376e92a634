//! What is fed to every decoder of strangers' bytes to find out whether it holds.
//!
//! A target is a plain function on bytes that panics where a property does not hold: nothing that
//! is decoded panics, and what was decoded is encoded and decoded again to the same. Tests run the
//! seeds through them; `cargo xtask bench fuzz` links them with libFuzzer, which also bounds time
//! and memory, and looks for bytes that reach new code.

#![warn(missing_docs)]

mod models;
mod results;
mod worker;

/// A decoder under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also that of the folder of its seeds.
    pub name: &'static str,
    /// Most bytes of an input: enough for every branch, and short enough to be quick.
    pub max_bytes: usize,
    /// Panics where a property does not hold.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 10] = [
    target("architecture", 8 << 10, models::architecture),
    target("safetensors", 4 << 10, models::safetensors),
    target("parameters", 4 << 10, models::parameters),
    target("keras", 8 << 10, models::keras),
    target("keras_weights", 8 << 10, models::keras_weights),
    target("manifest", 4 << 10, results::manifest),
    target("result", 1 << 10, results::result),
    target("scores", 1 << 10, results::scores),
    target("job", 8 << 10, worker::job),
    target("reply", 4 << 10, worker::reply),
];

const fn target(name: &'static str, max_bytes: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        max_bytes,
        run,
    }
}

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
