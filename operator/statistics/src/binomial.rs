//! How often an event may happen before its probability must be larger than stated.

/// The smallest count that a binomial number of `trials` with `probability` exceeds with a
/// probability of at most 1%. `probability` lies between 0 and 1, both excluded.
pub fn binomial_limit(trials: u64, probability: f64) -> u64 {
    let n = trials as f64;
    let odds = (probability / (1.0 - probability)).ln();
    // The logarithm of the probability of exactly `count`, from one to the next.
    let mut exactly = n * (-probability).ln_1p();
    let mut at_most = 0.0;
    for count in 0..trials {
        at_most += exactly.exp();
        if at_most >= 0.99 {
            return count;
        }
        let k = count as f64;
        exactly += ((n - k) / (k + 1.0)).ln() + odds;
    }
    trials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_scipy() {
        // scipy.stats.binom.ppf(0.99, trials, probability), scipy 1.17.1.
        let cases = [
            (1, 0.5, 1),
            (10, 0.1, 4),
            (1_000, 0.001, 4),
            (100_000, 0.001, 124),
            (100_000, 0.01, 1_074),
            (1_000_000, 0.001, 1_074),
            (1_000_000, 0.01, 10_232),
            (20_000, 0.1, 2_099),
        ];
        for (trials, probability, expected) in cases {
            assert_eq!(
                binomial_limit(trials, probability),
                expected,
                "{trials} {probability}"
            );
        }
    }
}
