//! Prints digests of what the reference engine answers. Two machines print the same.
//!
//!     cargo run --package zarathustra-reference --example digest

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/vectors/operators.rs"]
#[allow(dead_code, reason = "the answers are compared elsewhere")]
mod vectors;

fn main() {
    for line in common::digest::lines() {
        println!("{line}");
    }
}
