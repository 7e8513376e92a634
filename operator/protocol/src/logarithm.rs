//! The one transcendental number of the protocol: `ln(2e9 / alphaPpb)` with 18 decimals, rounded
//! up (5.4), in integer arithmetic.

use zarathustra_primitives::{Alpha, U512};

/// Decimals of the answer.
pub(crate) const DECIMALS: u32 = 18;

/// Two-sided numerator of the logarithm's argument, in parts per billion.
const NUMERATOR: u64 = 2_000_000_000;

/// Bits behind the point in the computation. A product of two numbers below 2 fits in 512 bits,
/// and what all roundings together lose is far below what could change the 18th decimal.
const FRACTION: usize = 200;

/// The smallest integer that is not below `ln(2e9 / alpha) * 1e18`.
pub(crate) fn ln_two_over(alpha: Alpha) -> u128 {
    // x = 2^k * m with m from 1 to before 2, so ln x = k ln 2 + ln m.
    let denominator = u64::from(alpha.ppb());
    let k = (NUMERATOR / denominator).ilog2();
    let scaled = denominator << k;
    // ln m = 2 artanh((m - 1) / (m + 1)), and m = NUMERATOR / scaled.
    let (mantissa, mantissa_terms) = artanh(NUMERATOR - scaled, NUMERATOR + scaled);
    let (half, half_terms) = artanh(1, 3);
    let k = U512::from(k);
    let least = (k * half + mantissa) << 1;
    let slack = (k * half_terms + mantissa_terms) << 1;

    let ten = U512::from(10).pow(U512::from(DECIMALS));
    let most: U512 = (least + slack) * ten;
    let unit = U512::ONE << FRACTION;
    // ln(2e9) is below 22, so that the answer fits in 65 bits.
    u128::try_from(most.div_ceil(unit)).expect("a logarithm below 22")
}

/// `artanh(numerator / denominator)` in units of `2^-FRACTION`, from below, and the most that it
/// is too small. The argument is at most 1/3.
fn artanh(numerator: u64, denominator: u64) -> (U512, U512) {
    let z = (U512::from(numerator) << FRACTION) / U512::from(denominator);
    let square = (z * z) >> FRACTION;
    let mut sum = U512::ZERO;
    let mut power = z;
    let mut odd = 1u64;
    while !power.is_zero() {
        sum += power / U512::from(odd);
        power = (power * square) >> FRACTION;
        odd += 2;
    }
    // Each power is too small by less than three units (its own rounding, that of the square and
    // that of the power before, both shrunk by at least a third), each quotient by one more; the
    // terms after the last are together below one.
    (sum, U512::from(4 * (odd / 2) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_mpmath() {
        let vectors = crate::figures::tests::vectors().logarithms;
        assert!(!vectors.is_empty());
        for case in vectors {
            let alpha = Alpha::from_ppb(case.alpha_ppb).expect("in range");
            assert_eq!(
                ln_two_over(alpha).to_string(),
                case.ceil_1e18,
                "{}",
                case.alpha_ppb
            );
        }
    }
}
