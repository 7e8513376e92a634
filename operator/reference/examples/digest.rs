//! Prints digests of what the reference engine answers. Two machines print the same.
//!
//!     cargo run --package zarathustra-reference --example digest

#[path = "../tests/common/compute.rs"]
mod compute;
#[path = "../tests/common/digest.rs"]
mod digest;
#[path = "../tests/common/functions.rs"]
mod functions;
#[path = "../tests/common/operation.rs"]
mod operation;
#[path = "../../../tests/vectors/operators.rs"]
mod vectors;

fn main() {
    for line in digest::lines() {
        println!("{line}");
    }
}
