//! What those get who submit without having a better model.

use serde_json::json;
use zarathustra_primitives::{Score, SubmissionState};
use zarathustra_protocol::{settlement::Amounts, verdict::Terms};
use zarathustra_statistics::{
    Random,
    simulate::{Attack, Attacker, Copier, Model, Network, Table, attack, count, evaluate, points},
};

use crate::report::{BOUNDS, Report, test};

/// As in the example of x², but for the number of samples.
const SAMPLES: u32 = 1024;
const ALPHA_PPB: u32 = 1_000_000;
const REWARD: u128 = 1_000_000_000_000_000_000;
const SUBMISSIONS: u64 = 1_000;
/// Points that the table model remembers.
const REMEMBERED: u32 = 1_000_000;

const TERMS: Terms = Terms {
    min_improvement: Score::from_micros(10_000),
    tolerance: Score::from_micros(1_000),
    slash_margin: Score::from_micros(50_000),
    min_samples: SAMPLES,
};

/// The least fee that the market takes: `2 alpha reward` (4.2).
fn amounts() -> Amounts {
    let fee = 2 * u128::from(ALPHA_PPB) * REWARD / 1_000_000_000;
    Amounts {
        reward: REWARD,
        evaluation_fee: fee,
        deposit: 5 * fee,
        forfeit_penalty: fee,
        unavailable_penalty: 2 * fee,
        compensation: fee,
    }
}

/// Nobody profits by 1,000 submissions of the champion with noise, nor, on average, one who is
/// accepted as often as alpha allows.
pub fn luck(report: &mut Report) {
    let champion = Network::trained(report.seed);
    for bound in BOUNDS {
        let plan = Attack {
            test: test(bound, ALPHA_PPB, -Score::SCALE),
            terms: TERMS,
            amounts: amounts(),
            samples: SAMPLES,
            submissions: SUBMISSIONS,
        };
        for scale in [1e-3, 1e-2, 1e-1] {
            let found = attack(&plan, Attacker::Noise(&champion, scale), report.next_seed());
            let profit = found.profit as f64 / REWARD as f64;
            report.check(
                &format!("{SUBMISSIONS} submissions with noise {scale}, {bound}"),
                &format!(
                    "{} accepted, profit {profit:.3} rewards, at most 0",
                    found.accepted
                ),
                found.profit <= 0,
                json!({
                    "bound": bound, "noise": scale, "submissions": SUBMISSIONS,
                    "samples": SAMPLES, "accepted": found.accepted, "profit_in_rewards": profit,
                }),
            );
        }
    }
    as_lucky_as_allowed(report);
}

fn as_lucky_as_allowed(report: &mut Report) {
    let plan = Attack {
        test: test(BOUNDS[0], ALPHA_PPB, -Score::SCALE),
        terms: TERMS,
        amounts: amounts(),
        samples: SAMPLES,
        submissions: SUBMISSIONS,
    };
    let attackers = (report.trials / 100).max(1_000);
    let seed = report.next_seed();
    let profits: Vec<f64> = (0..attackers)
        .map(|n| {
            let found = attack(&plan, Attacker::AsLuckyAsAllowed, seed.wrapping_add(n));
            found.profit as f64 / REWARD as f64
        })
        .collect();
    let n = attackers as f64;
    let mean = profits.iter().sum::<f64>() / n;
    let variance = profits.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / (n - 1.0);
    // Profits are wins less fees, and wins nearly Poisson: normal for a mean of a thousand.
    let upper = mean + 2.326_348 * (variance / n).sqrt();
    let lucky = profits.iter().filter(|p| **p > 0.0).count();
    report.check(
        "attackers accepted as often as alpha allows",
        &format!(
            "mean profit {mean:.3} rewards over {SUBMISSIONS} submissions, 99% below {upper:.3}, \
             at most 0; {lucky} of {attackers} had a profit"
        ),
        upper <= 0.0,
        json!({
            "attackers": attackers, "submissions": SUBMISSIONS, "mean_profit_in_rewards": mean,
            "upper_99": upper, "with_profit": lucky,
        }),
    );
}

/// Neither a table of past points nor a copy is ever accepted over an honest champion.
pub fn copiers(report: &mut Report) {
    let champion = Network::trained(report.seed);
    let trials = (report.trials / 500).max(200);
    let table = Table::of_past_points(report.next_seed(), REMEMBERED);
    for bound in BOUNDS {
        let test = test(bound, ALPHA_PPB, -Score::SCALE);
        let accepted = |seed, challenger: &(dyn Fn(&mut Random) -> Box<dyn Model> + Sync)| {
            count(trials, seed, |random, _| {
                let challenger = challenger(random);
                let models: (&dyn Model, &dyn Model) = (&champion, &*challenger);
                let state = evaluate(&test, &TERMS, SAMPLES, models, random);
                state == SubmissionState::Accepted
            })
        };
        let none = |report: &mut Report, name: &str, wins: u64| {
            report.check(
                &format!("{name}, {bound}"),
                &format!("{wins} of {trials} accepted, at most 0"),
                wins == 0,
                json!({
                    "challenger": name, "bound": bound, "samples": SAMPLES, "trials": trials,
                    "accepted": wins,
                }),
            );
        };
        for copier in Copier::ALL {
            let copied =
                |random: &mut Random| Box::new(champion.copied(copier, random)) as Box<dyn Model>;
            let wins = accepted(report.next_seed(), &copied);
            none(report, &copier.name(), wins);
        }
        let seed = report.next_seed();
        let wins = count(trials, seed, |random, _| {
            let models: (&dyn Model, &dyn Model) = (&champion, &table);
            evaluate(&test, &TERMS, SAMPLES, models, random) == SubmissionState::Accepted
        });
        let fresh = points(&mut Random::new(seed, 0), SAMPLES);
        let known = fresh.iter().filter(|x| table.knows(**x)).count();
        let name = format!("table of {REMEMBERED} points, {known} of {SAMPLES} fresh ones in it");
        none(report, &name, wins);
    }
}
