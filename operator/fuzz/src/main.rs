//! The targets as libFuzzer runs them: which one, says the variable `ZARATHUSTRA_FUZZ_TARGET`.
//! Built and started by `cargo xtask bench fuzz`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use zarathustra_fuzz::{Target, find};

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("ZARATHUSTRA_FUZZ_TARGET").unwrap_or_default();
    find(&name).unwrap_or_else(|| panic!("no target {name:?}"))
});

fuzz_target!(|bytes: &[u8]| {
    if bytes.len() <= TARGET.max_bytes {
        (TARGET.run)(bytes);
    }
});
