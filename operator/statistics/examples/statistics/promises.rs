//! How often a bound calls better what is not.

use serde_json::json;
use zarathustra_statistics::{
    binomial_limit,
    simulate::{Null, RUINOUS_GAIN, false_wins, naive_wins, ruinous, ruinous_wins},
};

use crate::report::{BOUNDS, Report, test};

/// Samples of each evaluation.
const SAMPLES: u32 = 256;
/// Error probabilities in parts per billion, with the normal quantile of a naive bound.
const ALPHAS: [(u32, f64); 2] = [(10_000_000, 2.326_348), (1_000_000, 3.090_232)];

/// Equal models are accepted no more often than the 99% binomial limit of alpha allows, even with
/// no minimum improvement at all.
pub fn equal_models(report: &mut Report) {
    for null in Null::ALL {
        let name = null.name();
        for bound in BOUNDS {
            for (ppb, _) in ALPHAS {
                let alpha = f64::from(ppb) * 1e-9;
                let seed = report.next_seed();
                let wins = false_wins(null, &test(bound, ppb, 0), SAMPLES, report.trials, seed);
                let limit = binomial_limit(report.trials, alpha);
                report.check(
                    &format!("equal models, {name}, {bound}, alpha {alpha}"),
                    &format!("{wins} of {} accepted, at most {limit}", report.trials),
                    wins <= limit,
                    json!({
                        "scores": name, "bound": bound, "alpha": alpha,
                        "samples": SAMPLES, "trials": (report.trials), "accepted": wins,
                        "limit": limit,
                    }),
                );
            }
        }
    }
}

/// A challenger that is slightly better but on one input in `10 n`, where it loses all, and more
/// than it gains.
pub fn ruinous_challengers(report: &mut Report) {
    for (ppb, z) in ALPHAS {
        let alpha = f64::from(ppb) * 1e-9;
        let limit = binomial_limit(report.trials, alpha);
        let seed = report.next_seed();
        let naive = naive_wins(SAMPLES, report.trials, seed, z, |r| ruinous(r, SAMPLES));
        for bound in BOUNDS {
            let wins = ruinous_wins(&test(bound, ppb, 0), SAMPLES, report.trials, seed);
            report.check(
                &format!("ruinous challenger, {bound}, alpha {alpha}"),
                &format!(
                    "{wins} of {} accepted, at most {limit} ({naive} by mean - z s / sqrt(n))",
                    report.trials
                ),
                wins <= limit,
                json!({
                    "bound": bound, "alpha": alpha, "samples": SAMPLES, "trials": (report.trials),
                    "gain_of_what_would_make_up": RUINOUS_GAIN, "accepted": wins, "limit": limit,
                    "naive_accepted": naive,
                }),
            );
        }
    }
}
