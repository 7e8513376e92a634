//! What the terms of a request must satisfy (specification 4.2), so that an owner hears in words,
//! and of all at once, what the contract would say one name at a time.

use alloy::primitives::U256;
use eyre::{Report, Result};

use super::file::Prepared;
use crate::{amount::ether, errors::refusal, output::micros, token::Token};

/// The most that a deposit grows to, as a multiple of its base (specification 4.8).
pub const MAX_FACTOR: u128 = 10;
/// Growth at which a single rejection leads to that.
const MAX_GROWTH_BPS: u32 = 90_000;
/// Most of a reward that can be held back, in basis points (specification 4.10).
const MAX_RETENTION_BPS: u16 = 5_000;
/// Tries that the window of a retention has time for.
const RETENTION_TRIES: u64 = 2;
/// The largest deposit that the contract can hold.
const MAX_DEPOSIT: u128 = (1 << 96) - 1;

/// Checks the terms as the contract does. `retention_task` is how long a retention task lasts at most,
/// in blocks, where part of the reward is held back.
pub fn check(
    prepared: &Prepared,
    token: &Token,
    min_fee: u128,
    retention_task: Option<u64>,
) -> Result<()> {
    let broken = broken(prepared, token, min_fee, retention_task);
    if broken.is_empty() {
        Ok(())
    } else {
        Err(terms_error(&broken))
    }
}

fn terms_error(broken: &[String]) -> Report {
    refusal(
        "terms",
        format!("the market refuses these terms: {}", broken.join("; ")),
        "correct them in the request file, or with --set",
    )
}

fn broken(
    prepared: &Prepared,
    token: &Token,
    min_fee: u128,
    retention_task: Option<u64>,
) -> Vec<String> {
    let t = &prepared.terms;
    let [fee, deposit, penalty, compensation] = [
        t.evaluationFee,
        t.deposit,
        t.unavailablePenalty,
        t.compensation,
    ]
    .map(|v| v.to::<u128>());
    // The price of a roll is above what it wins by luck (A2).
    let luck = U256::from(2) * U256::from(t.alphaPpb) * U256::from(t.rewardValue);
    let least_fee = luck
        .div_ceil(U256::from(1_000_000_000))
        .max(U256::from(min_fee));
    let fault = fee + compensation;
    let least_window = RETENTION_TRIES * retention_task.unwrap_or_default();
    let rules: [(bool, String); 26] = [
        (t.queueCap != 0, "queue_cap must not be 0".to_owned()),
        (
            t.minSamples >= 2,
            "min_samples must be at least 2".to_owned(),
        ),
        (
            prepared.samples >= t.minSamples,
            format!(
                "samples, {}, must be at least min_samples, {}",
                prepared.samples, t.minSamples
            ),
        ),
        (
            t.revealWindow != 0,
            "reveal_window must not be 0".to_owned(),
        ),
        (t.queueWindow != 0, "queue_window must not be 0".to_owned()),
        (t.closeNotice != 0, "close_notice must not be 0".to_owned()),
        (t.tolerance > 0, "tolerance must be above 0".to_owned()),
        (
            i128::from(t.minImprovement) >= 2 * i128::from(t.tolerance),
            format!(
                "min_improvement, {}, must be at least twice the tolerance, {}",
                micros(t.minImprovement),
                micros(t.tolerance)
            ),
        ),
        (
            t.slashMargin >= t.minImprovement,
            format!(
                "slash_margin, {}, must be at least min_improvement, {}",
                micros(t.slashMargin),
                micros(t.minImprovement)
            ),
        ),
        (
            t.advantage >= 0 && t.minImprovement.checked_add(t.advantage).is_some(),
            format!(
                "advantage, {}, must not be below 0, and fit 64 bits with min_improvement",
                micros(t.advantage)
            ),
        ),
        (
            (t.advantage == 0) == (t.advantagePeriod == 0),
            "advantage and advantage_period must both be 0 or both above 0".to_owned(),
        ),
        (
            t.retention.bps <= MAX_RETENTION_BPS,
            format!(
                "retention_bps, {}, must be at most {MAX_RETENTION_BPS}",
                t.retention.bps
            ),
        ),
        (
            (t.retention.bps == 0) == (t.retention.time == 0),
            "retention_bps and retention_time must both be 0 or both above 0".to_owned(),
        ),
        (
            match t.retention.bps {
                0 => t.retention.window == 0,
                _ => u64::from(t.retention.window) >= least_window,
            },
            format!(
                "retention_window, {}, must be at least {least_window}, time for two tries, and 0 \
                 where nothing is held back",
                t.retention.window
            ),
        ),
        (t.reward != 0, "reward must not be 0".to_owned()),
        (
            !token.is_native() || t.rewardValue == t.reward,
            "reward_value must equal the reward when that is native".to_owned(),
        ),
        (
            U256::from(fee) >= least_fee,
            format!(
                "evaluation_fee, {}, must be at least {}",
                ether(fee),
                ether(least_fee)
            ),
        ),
        (
            deposit >= fee,
            format!(
                "deposit, {}, must be at least the evaluation_fee, {}",
                ether(deposit),
                ether(fee)
            ),
        ),
        (
            t.depositGrowthBps <= MAX_GROWTH_BPS,
            format!(
                "deposit_growth_bps, {}, must be at most {MAX_GROWTH_BPS}",
                t.depositGrowthBps
            ),
        ),
        (
            (t.depositGrowthBps == 0) == (t.depositDecay == 0),
            "deposit_growth_bps and deposit_decay must both be 0 or both above 0".to_owned(),
        ),
        (
            t.depositGrowthBps == 0 || deposit <= MAX_DEPOSIT / MAX_FACTOR,
            format!(
                "deposit, {}, must leave room to grow {MAX_FACTOR} times",
                ether(deposit)
            ),
        ),
        (
            fee <= penalty && penalty <= deposit,
            format!(
                "unavailable_penalty, {}, must lie between evaluation_fee, {}, and deposit, {}",
                ether(penalty),
                ether(fee),
                ether(deposit)
            ),
        ),
        (
            prepared.reward_escrow >= t.reward,
            format!(
                "escrow.reward, {}, must cover one reward, {}",
                token.show(prepared.reward_escrow),
                token.show(t.reward)
            ),
        ),
        (
            prepared.fee_escrow >= fee,
            format!(
                "escrow.fees, {}, must cover one evaluation_fee, {}",
                ether(prepared.fee_escrow),
                ether(fee)
            ),
        ),
        (
            prepared.bond >= fault,
            format!(
                "escrow.bond, {}, must cover one evaluation_fee and compensation, {}",
                ether(prepared.bond),
                ether(fault)
            ),
        ),
        (
            prepared.baseline.size <= t.maxParameterBytes,
            "the baseline must not be larger than limits.parameter_bytes".to_owned(),
        ),
    ];
    rules
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, rule)| rule)
        .collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, aliases::U96};
    use zarathustra_chain::abi::model_submission::IModelSubmissionTypes::{
        Content, RetentionTerms, Terms,
    };
    use zarathustra_content::file_id;

    use super::*;

    const MILLI: u128 = 1_000_000_000_000_000;

    fn sound() -> Prepared {
        let content = Content {
            cid: Default::default(),
            digest: Default::default(),
            size: 100,
        };
        Prepared {
            terms: Terms {
                kind: 1,
                queueCap: 8,
                minSamples: 1000,
                alphaPpb: 1_000_000,
                revealWindow: 10,
                queueWindow: 10,
                closeNotice: 10,
                maxParameterBytes: 100,
                minImprovement: 2_000,
                tolerance: 1_000,
                slashMargin: 2_000,
                advantage: 0,
                rewardToken: Address::ZERO,
                advantagePeriod: 0,
                reward: 1000 * MILLI,
                rewardValue: 1000 * MILLI,
                // Twice a thousandth of the reward.
                evaluationFee: U96::from(2 * MILLI),
                deposit: U96::from(2 * MILLI),
                depositGrowthBps: 0,
                depositDecay: 0,
                unavailablePenalty: U96::from(2 * MILLI),
                compensation: U96::from(MILLI),
                retention: RetentionTerms {
                    time: 0,
                    window: 0,
                    bps: 0,
                    kind: 0,
                },
            },
            manifest: content.clone(),
            baseline: content,
            manifest_cid: file_id(b"m"),
            baseline_cid: file_id(b"b"),
            samples: 1000,
            reference_seconds: 1,
            reward_escrow: 1000 * MILLI,
            fee_escrow: 2 * MILLI,
            bond: 3 * MILLI,
        }
    }

    fn broken_by(change: impl FnOnce(&mut Prepared)) -> Vec<String> {
        let mut prepared = sound();
        change(&mut prepared);
        broken(&prepared, &Token::native(), MILLI, Some(100))
    }

    #[test]
    fn terms_at_every_edge_are_sound() {
        assert_eq!(broken_by(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn each_rule_has_its_own_words() {
        let cases: [(&str, Vec<String>); 6] = [
            (
                "min_improvement, 0.001999, must be at least twice the tolerance, 0.001000",
                broken_by(|p| p.terms.minImprovement -= 1),
            ),
            (
                "slash_margin, 0.001999, must be at least min_improvement, 0.002000",
                broken_by(|p| p.terms.slashMargin -= 1),
            ),
            (
                "samples, 999, must be at least min_samples, 1000",
                broken_by(|p| p.samples -= 1),
            ),
            (
                "tolerance must be above 0",
                broken_by(|p| p.terms.tolerance = 0),
            ),
            (
                "escrow.bond, 0.002 ether, must cover one evaluation_fee and compensation, 0.003 ether",
                broken_by(|p| p.bond = 2 * MILLI),
            ),
            (
                "escrow.reward, 0.5 ether, must cover one reward, 1 ether",
                broken_by(|p| p.reward_escrow = 500 * MILLI),
            ),
        ];
        for (expected, found) in cases {
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn rules_that_may_be_left_out_are_whole() {
        let deposit = "deposit_growth_bps and deposit_decay must both be 0 or both above 0";
        let advantage = "advantage and advantage_period must both be 0 or both above 0";
        let retention = "retention_bps and retention_time must both be 0 or both above 0";
        let cases: [(&str, Vec<String>); 12] = [
            (retention, broken_by(|p| p.terms.retention.time = 1)),
            (
                "retention_bps, 5001, must be at most 5000",
                broken_by(|p| {
                    p.terms.retention.bps = 5001;
                    p.terms.retention.time = 1;
                    p.terms.retention.window = 200;
                }),
            ),
            (
                "retention_window, 199, must be at least 200, time for two tries, and 0 where nothing is held back",
                broken_by(|p| {
                    p.terms.retention.bps = 1;
                    p.terms.retention.time = 1;
                    p.terms.retention.window = 199;
                }),
            ),
            (
                "retention_window, 1, must be at least 200, time for two tries, and 0 where nothing is held back",
                broken_by(|p| p.terms.retention.window = 1),
            ),
            (deposit, broken_by(|p| p.terms.depositGrowthBps = 90_000)),
            (deposit, broken_by(|p| p.terms.depositDecay = 1)),
            (
                "deposit_growth_bps, 90001, must be at most 90000",
                broken_by(|p| {
                    p.terms.depositGrowthBps = 90_001;
                    p.terms.depositDecay = 1;
                }),
            ),
            (
                // A tenth of 2^96 - 1, and one.
                "deposit, 7922816251.426433759354395034 ether, must leave room to grow 10 times",
                broken_by(|p| {
                    p.terms.depositGrowthBps = 1;
                    p.terms.depositDecay = 1;
                    p.terms.deposit = U96::from(7_922_816_251_426_433_759_354_395_034_u128);
                }),
            ),
            (advantage, broken_by(|p| p.terms.advantage = 1)),
            (advantage, broken_by(|p| p.terms.advantagePeriod = 1)),
            (
                "advantage, -0.000001, must not be below 0, and fit 64 bits with min_improvement",
                broken_by(|p| {
                    p.terms.advantage = -1;
                    p.terms.advantagePeriod = 1;
                }),
            ),
            (
                "advantage, 9223372036854.773808, must not be below 0, and fit 64 bits with min_improvement",
                broken_by(|p| {
                    p.terms.advantage = i64::MAX - 1_999;
                    p.terms.advantagePeriod = 1;
                }),
            ),
        ];
        for (expected, found) in cases {
            assert_eq!(found, [expected]);
        }
        assert_eq!(
            broken_by(|p| {
                p.terms.depositGrowthBps = 90_000;
                p.terms.depositDecay = 1;
                p.terms.advantage = i64::MAX - 2_000;
                p.terms.advantagePeriod = 1;
                p.terms.retention.bps = 5_000;
                p.terms.retention.time = 1;
                p.terms.retention.window = 200;
            }),
            Vec::<String>::new()
        );
    }

    #[test]
    fn luck_must_not_pay() {
        let found = broken_by(|p| {
            p.terms.reward = 2000 * MILLI;
            p.terms.rewardValue = 2000 * MILLI;
            p.reward_escrow = 2000 * MILLI;
        });
        assert_eq!(
            found,
            ["evaluation_fee, 0.002 ether, must be at least 0.004 ether"]
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let error = terms_error(&broken_by(|p| {
            p.terms.queueCap = 0;
            p.terms.closeNotice = 0;
        }));
        assert_eq!(
            error.to_string(),
            "the market refuses these terms: queue_cap must not be 0; close_notice must not be 0"
        );
    }
}
