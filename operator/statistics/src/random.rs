//! Pseudo-random numbers: xoshiro256++ (Blackman and Vigna 2021), seeded through splitmix64.

use std::f64::consts::TAU;

/// A generator whose draws follow from its seed and stream on every machine alike, but for what
/// the platform's logarithm and cosine differ in the last digit of normal draws.
#[derive(Debug, Clone)]
pub struct Random([u64; 4]);

impl Random {
    /// A generator for one of many independent streams of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut state = seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(std::array::from_fn(|_| splitmix(&mut state)))
    }

    /// 64 bits.
    pub const fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let drawn = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        drawn
    }

    /// Uniform from 0 to before 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform from 0 to before `n`; uneven by at most `n / 2^64`.
    pub const fn below(&mut self, n: usize) -> usize {
        ((self.bits() as u128 * n as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

const fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_its_published_numbers() {
        // The first outputs for seed 1234567, from the test of Rosetta Code's task "Pseudo-random
        // numbers/Splitmix64".
        let mut state = 1_234_567;
        let drawn: [u64; 5] = std::array::from_fn(|_| splitmix(&mut state));
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn xoshiro_gives_its_published_numbers() {
        // For the state 1, 2, 3, 4, from the tests of crate `rand_xoshiro` 0.6.0.
        let mut random = Random([1, 2, 3, 4]);
        let drawn: [u64; 5] = std::array::from_fn(|_| random.bits());
        let expected = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut random = Random::new(1, 2);
        let draws = 200_000;
        let moments = |draw: &mut dyn FnMut() -> f64| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..draws {
                let x = draw();
                sum += x;
                squares += x * x;
            }
            let mean = sum / f64::from(draws);
            (mean, squares / f64::from(draws) - mean * mean)
        };
        // Within five standard errors.
        let (mean, variance) = moments(&mut || random.normal());
        assert!(mean.abs() < 0.012 && (variance - 1.0).abs() < 0.016);
        let (mean, variance) = moments(&mut || random.unit());
        assert!((mean - 0.5).abs() < 0.004 && (variance - 1.0 / 12.0).abs() < 0.001);
        let (mean, _) = moments(&mut || random.below(3) as f64);
        assert!((mean - 1.0).abs() < 0.01);
    }

    #[test]
    fn streams_differ() {
        assert_ne!(Random::new(1, 0).bits(), Random::new(1, 1).bits());
        assert_ne!(Random::new(1, 0).bits(), Random::new(2, 0).bits());
        assert_eq!(Random::new(3, 4).bits(), Random::new(3, 4).bits());
    }
}
