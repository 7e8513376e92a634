//! Functions beyond plain arithmetic, all from one pinned software library.
//!
//! The standard library leaves these to the system or the compiler, which answer differently from
//! one instruction set to the next. `libm` is plain Rust. Its feature `arch`, which another crate
//! of the same build may switch on, replaces only functions that IEEE 754 defines to the last bit
//! (square root, fused multiply-add, rounding to whole numbers). Addition, multiplication,
//! division and square root of the standard library are exact in the same sense.

pub use libm::{cos, erfc, exp, expm1, log, log1p, pow, sin, tanh};

/// The larger one. What is not a number wins; of two that are equal, zeros among them, the first.
pub fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || a >= b { a } else { b }
}

/// `1 / (1 + e⁻ˣ)`.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// `ln(1 + eˣ)` without overflow.
pub fn softplus(x: f64) -> f64 {
    max(x, 0.0) + log1p(exp(-x.abs()))
}

/// Not a number, in the one form that leaves this crate: processors differ in the sign and the
/// payload that they give to a new one.
const NAN: f32 = f32::from_bits(0x7fc0_0000);

/// The number itself, or [`NAN`].
pub fn canonical(x: f32) -> f32 {
    if x.is_nan() { NAN } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_one_is_defined_for_every_pair() {
        let bits = |a: f64, b: f64| max(a, b).to_bits();
        assert_eq!(bits(1.0, 2.0), 2.0_f64.to_bits());
        assert_eq!(bits(2.0, 1.0), 2.0_f64.to_bits());
        assert_eq!(bits(0.0, -0.0), 0.0_f64.to_bits());
        assert_eq!(bits(-0.0, 0.0), (-0.0_f64).to_bits());
        assert!(max(f64::NAN, f64::INFINITY).is_nan());
        assert!(max(f64::INFINITY, f64::NAN).is_nan());
    }

    #[test]
    fn not_a_number_has_one_form() {
        for bits in [0xffc0_0000, 0x7f80_0001, 0x7fff_ffff] {
            assert_eq!(canonical(f32::from_bits(bits)).to_bits(), 0x7fc0_0000);
        }
        assert_eq!(canonical(-0.0).to_bits(), 0x8000_0000);
        assert_eq!(canonical(f32::NEG_INFINITY), f32::NEG_INFINITY);
    }
}
