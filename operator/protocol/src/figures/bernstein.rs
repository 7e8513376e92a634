//! The empirical Bernstein bound (5.4): Maurer and Pontil 2009, theorem 4.

use zarathustra_primitives::{Alpha, ScoreRange, U512};

use super::Sums;
use crate::logarithm::{DECIMALS, ln_two_over};

/// The smallest integer that is not below `sqrt(2 V L / n) + 7 R L / (3 (n - 1))`.
///
/// With `A = n Σd² - (Σd)²` the sample variance is `V = A / (n (n - 1))`, and with `L = l / 1e18`
/// the half-width is `(sqrt(X) + p) / q` for
/// `X = 18e18 A l (n - 1) / n²`, `p = 7 R l`, `q = 3e18 (n - 1)`.
/// Since `w q - p` is an integer, `w q - p >= sqrt(X)` exactly when it is at least
/// `ceil(sqrt(ceil(X)))`, which makes every rounding below exact.
pub(super) fn half_width(sums: &Sums, samples: u32, range: ScoreRange, alpha: Alpha) -> i128 {
    let big = |value: u128| U512::from(value);
    let n = big(samples.into());
    let n_less_one = n - U512::ONE;
    let l = big(ln_two_over(alpha));
    let unit = U512::from(10).pow(U512::from(DECIMALS));
    let magnitude = big(sums.difference.unsigned_abs());

    let spread = n * sums.squares - magnitude * magnitude;
    let x = (U512::from(18) * unit * spread * l * n_less_one).div_ceil(n * n);
    let p = U512::from(7) * U512::from(2) * U512::from(range.width()) * l;
    let q = U512::from(3) * unit * n_less_one;
    let width = (p + ceil_sqrt(x)).div_ceil(q);
    i128::try_from(width).expect("a half-width in a valid range fits")
}

fn ceil_sqrt(value: U512) -> U512 {
    let root = value.root(2);
    if root * root < value {
        root + U512::ONE
    } else {
        root
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_root_is_the_smallest_that_covers(value: u128) {
            let value = U512::from(value);
            let root = ceil_sqrt(value);
            prop_assert!(root * root >= value);
            if !root.is_zero() {
                let below = root - U512::ONE;
                prop_assert!(below * below < value);
            }
        }
    }
}
