//! The demo's story, judged: every submission ends as the rules say, and the money adds up.

use eyre::{ContextCompat, Result};
use zarathustra_devnet::{record::SubmissionRecord, story::Stage};
use zarathustra_tests::Scenario;

/// 1e18 units.
const TOKEN: i128 = 1_000_000_000_000_000_000;

fn amount(text: &str) -> i128 {
    text.parse().expect("amounts are decimal numbers")
}

fn outcome(record: &SubmissionRecord) -> (&str, &str) {
    (record.state, record.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_turns_out_as_told() -> Result<()> {
    let mut scenario = Scenario::start("story").await?;
    let mut lines = Vec::new();
    let mut tell = |line: &str| lines.push(line.to_owned());
    let stage = Stage::set(&mut scenario.network, &mut tell).await?;
    let request = stage.request();
    let story = stage.play().await?;
    // Shown where an assertion fails.
    println!(
        "{}\n{}",
        lines.join("\n"),
        serde_json::to_string_pretty(&story)?
    );
    let [better, noisy, worse, nan, shape, lied, last] = &story.submissions[..] else {
        eyre::bail!("the story has {} submissions", story.submissions.len());
    };

    let chain = scenario.network.chain();
    let terms = zarathustra_chain::read("terms", chain.market().terms(request)).await?;
    let deposit: i128 = terms.deposit.to();
    let fee: i128 = terms.evaluationFee.to();
    let reward = i128::try_from(terms.reward)?;

    // Accepted: reward and the whole deposit.
    assert_eq!(outcome(better), ("accepted", "better"));
    assert_eq!(amount(&better.optimizer_balance_change.token), reward);
    assert_eq!(amount(&better.optimizer_balance_change.native), 0);
    assert!(better.lower_bound.context("bounds")? - terms.tolerance >= terms.minImprovement);
    // Means are rounded one by one.
    let gained =
        better.challenger_score.context("a score")? - better.champion_score.context("a score")?;
    assert!((gained - better.improvement.context("a mean")?).abs() <= 1);

    // NotBetter: the deposit less the fee.
    assert_eq!(outcome(noisy), ("not_better", "no_significant_improvement"));
    assert_eq!(amount(&noisy.optimizer_balance_change.native), -fee);
    assert_eq!(amount(&noisy.optimizer_balance_change.token), 0);

    // Worse: the deposit is slashed.
    assert_eq!(outcome(worse), ("worse", "significantly_worse"));
    assert_eq!(amount(&worse.optimizer_balance_change.native), -deposit);
    assert!(worse.upper_bound.context("bounds")? + terms.tolerance < -terms.slashMargin);

    // Invalid: likewise, with the reason, and nothing scored.
    assert_eq!(outcome(nan), ("invalid", "non_finite"));
    assert_eq!(outcome(shape), ("invalid", "shape_mismatch"));
    for invalid in [nan, shape] {
        assert_eq!(amount(&invalid.optimizer_balance_change.native), -deposit);
        assert_eq!((invalid.samples, invalid.improvement), (0, None));
    }

    // The lie was caught, punished in EigenLayer, and the task finished by somebody honest.
    assert_eq!(outcome(lied), ("accepted", "better"));
    assert!(lied.challenger_score > better.challenger_score);
    let (liar, task) = scenario
        .network
        .liar()
        .and_then(|l| l.lied())
        .context("nobody lied")?;
    let [slashed] = &lied.slashed[..] else {
        eyre::bail!("{} operators were slashed", lied.slashed.len());
    };
    assert_eq!(
        (slashed.operator, slashed.task_id, lied.task_id),
        (liar, task.get(), task.get())
    );
    // A tenth of 280 tokens.
    assert_eq!(amount(&slashed.shares), 28 * TOKEN);

    // Two attesters were off; the certificate names them and settles all the same.
    assert_eq!(outcome(last), ("not_better", "no_significant_improvement"));
    for name in ["attester-4", "attester-5"] {
        assert!(
            last.non_signers
                .contains(&scenario.network.operator_address(name)),
            "{name}"
        );
    }
    for record in &story.submissions {
        let (signed, total) = (amount(&record.signed_stake), amount(&record.total_stake));
        assert!(3 * signed > 2 * total, "{record:?}");
        assert!(record.settle_gas > 100_000, "{record:?}");
    }

    assert_eq!(story.champion.history, 3);
    assert_eq!(Some(story.champion.score), lied.challenger_score);
    let (before, after) = (
        amount(&story.escrow.reward_before),
        amount(&story.escrow.reward_after),
    );
    assert_eq!(before - after, 2 * reward);
    let (before, after) = (
        amount(&story.escrow.fee_before),
        amount(&story.escrow.fee_after),
    );
    assert_eq!(before - after, 2 * fee);
    Ok(())
}
