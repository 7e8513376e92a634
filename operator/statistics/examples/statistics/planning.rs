//! Whether a plan keeps its power on samples that it has not seen.
//!
//! A plan knows the spread as well as its pilot does. Where the tail is so heavy that 20,000 samples
//! leave the variance uncertain, as with Pareto's at exponent 2, plans are off by more than this.

use serde_json::json;
use zarathustra_statistics::{Goal, Pool, Random, plan, power_at};

use crate::report::{BOUNDS, Report, test};

/// Samples of a pilot, and of what stands for the truth.
const PILOT: usize = 20_000;
const TRUTH: usize = 1_000_000;
const MAX_OFF: f64 = 0.02;

/// A challenger's differences before they are moved to the wanted improvement.
type Draw = fn(&mut Random) -> f64;

const CASES: [(&str, Draw, Goal); 3] = [
    (
        "normal",
        |random| 1e5 * random.normal(),
        Goal {
            improvement: 50_000,
            limit: 20_000,
            power: 0.8,
        },
    ),
    (
        "0/1",
        |random| match random.below(20) {
            0 | 1 => 1e6,
            2 | 3 => -1e6,
            _ => 0.0,
        },
        Goal {
            improvement: 120_000,
            limit: 40_000,
            power: 0.9,
        },
    ),
    (
        "skewed",
        |random| 5e4 * (1.0 - random.unit()).ln(),
        Goal {
            improvement: 40_000,
            limit: 10_000,
            power: 0.8,
        },
    ),
];

/// The power at the planned number of samples is that of the plan, within two points.
pub fn plans(report: &mut Report) {
    for (name, draw, goal) in CASES {
        for bound in BOUNDS {
            let test = test(bound, 1_000_000, 0);
            let seed = report.next_seed();
            let pool = |stream, count| {
                let mut random = Random::new(seed, stream);
                let draws: Vec<i64> = (0..count).map(|_| draw(&mut random) as i64).collect();
                Pool::of_differences(&draws).expect("enough")
            };
            let planned = plan(&test, &pool(1 << 40, PILOT), &goal, seed).expect("a plan");
            let truth = pool(1 << 41, TRUTH);
            // Fixed, for the limit to mean the same in short runs: its standard error is 0.002.
            let trials = 40_000;
            let power = power_at(&test, &truth, &goal, planned.samples, trials, !seed);
            let power = power.expect("room for the improvement");
            report.check(
                &format!("plan for {name} differences, {bound}"),
                &format!(
                    "power {power:.4} at {} samples, planned {}, at most {MAX_OFF} off",
                    planned.samples, goal.power
                ),
                (power - goal.power).abs() <= MAX_OFF,
                json!({
                    "differences": name, "bound": bound, "samples": planned.samples,
                    "trials": trials, "power": power, "planned": goal.power, "most_off": MAX_OFF,
                }),
            );
        }
    }
}
