//! Models that are no better, and how often a bound calls them better.

use zarathustra_primitives::Score;

use super::count;
use crate::{Random, Test, test::moments};

/// Scores of simulations lie between 0 and this, in millionths.
const TOP: f64 = Score::SCALE as f64;
/// What the ruinous challenger gains on all inputs but one in `10 n`, as a part of what would make
/// up for that one.
pub const RUINOUS_GAIN: f64 = 0.95;

/// How the scores of two equal models are distributed, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Null {
    /// Differences are normal with a deviation of 1/8.
    Normal,
    /// Scores are those of Pareto with exponent 3/2 from 0.01 on, clipped at 1, each model's own.
    Heavy,
    /// Scores are 0 or 1, and 1 with a probability of 0.8, each model's own.
    Binary,
    /// The models differ on 2 samples in 100, by 1, either way.
    FewDiscordant,
}

impl Null {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Heavy, Self::Binary, Self::FewDiscordant];

    /// A name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Heavy => "heavy-tailed",
            Self::Binary => "0/1",
            Self::FewDiscordant => "few discordant pairs",
        }
    }

    /// A difference of the two models' scores, in millionths, with a mean of exactly 0.
    fn draw(self, random: &mut Random) -> i64 {
        let difference = match self {
            Self::Normal => (random.normal() * TOP / 8.0).clamp(-TOP, TOP),
            Self::Heavy => {
                let mut pareto = || (0.01 * (1.0 - random.unit()).powf(-2.0 / 3.0)).min(1.0) * TOP;
                pareto() - pareto()
            }
            Self::Binary => {
                let mut right = || if random.unit() < 0.8 { TOP } else { 0.0 };
                right() - right()
            }
            Self::FewDiscordant => match random.below(100) {
                0 => TOP,
                1 => -TOP,
                _ => 0.0,
            },
        };
        difference.round() as i64
    }
}

/// How often a bound puts the improvement of an equal model at 0 or more, of `trials`.
pub fn false_wins(null: Null, test: &Test, samples: u32, trials: u64, seed: u64) -> u64 {
    count(trials, seed, |random, differences| {
        differences.clear();
        differences.extend((0..samples).map(|_| null.draw(random)));
        test.reaches(differences, 0)
    })
}

/// How often `mean - z s / sqrt(n)`, which promises as much for normal means, does so. Never used
/// to decide anything: it shows what the simulations can see.
pub fn naive_wins(
    samples: u32,
    trials: u64,
    seed: u64,
    z: f64,
    draw: impl Fn(&mut Random) -> i64 + Sync,
) -> u64 {
    count(trials, seed, |random, differences| {
        differences.clear();
        differences.extend((0..samples).map(|_| draw(random)));
        let (mean, variance) = moments(differences);
        mean - z * (variance / f64::from(samples)).sqrt() >= 0.0
    })
}

/// How often a bound puts the improvement at 0 or more for a challenger that gains a little on
/// nearly every input and loses all on one in `10 n`, more than it gains, of `trials`.
pub fn ruinous_wins(test: &Test, samples: u32, trials: u64, seed: u64) -> u64 {
    count(trials, seed, |random, differences| {
        differences.clear();
        differences.extend((0..samples).map(|_| ruinous(random, samples)));
        test.reaches(differences, 0)
    })
}

/// A difference of the ruinous challenger's. Its mean is negative.
pub fn ruinous(random: &mut Random, samples: u32) -> i64 {
    let once_in = 10 * samples as usize;
    if random.below(once_in) == 0 {
        -TOP as i64
    } else {
        (RUINOUS_GAIN * TOP / once_in as f64) as i64
    }
}
