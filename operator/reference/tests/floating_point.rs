//! A thread whose floating point was changed, as libtorch can do, gets no answer.

#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code, reason = "only assembly reaches the control register")]

use std::{arch::asm, thread};

use zarathustra_model::architecture::Architecture;
use zarathustra_reference::{Model, ReferenceError, Values};

/// The register as a thread begins with it.
const DEFAULT: u32 = 0x1f80;
/// Bits of the register, as Intel's manual has them (volume 1, section 10.2.3).
const FLUSH_TO_ZERO: u32 = 1 << 15;
const DENORMALS_ARE_ZEROS: u32 = 1 << 6;
const ROUND_DOWN: u32 = 1 << 13;
const ROUND_UP: u32 = 2 << 13;
const ROUND_TO_ZERO: u32 = 3 << 13;

/// What the engine answers in a thread with these bits.
fn answer(bits: u32) -> Result<Vec<f32>, ReferenceError> {
    let text = br#"{"version":2,"inputs":[{"name":"x","shape":[1],"dtype":"f32"}],
        "nodes":[{"name":"y","inputs":["x"],"op":"relu"}],"output":"y"}"#;
    let architecture = Architecture::from_json(text).expect("relu");
    let model = Model::new(&architecture, &[]).expect("no parameters");
    let thread = thread::spawn(move || {
        set(DEFAULT | bits);
        let answer = model.forward(&[Values::F32(&[1.5])], 1);
        set(DEFAULT);
        answer
    });
    thread.join().expect("no panic")
}

fn set(register: u32) {
    // SAFETY: reads four bytes that are there; the bits are those of a valid state.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const register, options(nostack)) }
}

#[test]
fn only_the_default_of_ieee_754_computes() {
    assert_eq!(answer(0), Ok(vec![1.5]));
    for bits in [
        FLUSH_TO_ZERO,
        DENORMALS_ARE_ZEROS,
        ROUND_DOWN,
        ROUND_UP,
        ROUND_TO_ZERO,
    ] {
        assert_eq!(answer(bits), Err(ReferenceError::FloatingPoint), "{bits:x}");
    }
}
