//! Part of the reward is paid when operators have fetched the parameters from others; where nobody
//! serves them any more, it goes back.

use std::time::Duration;

use alloy::primitives::Address;
use eyre::{ContextCompat, Result, ensure};
use zarathustra_chain::{Chain, abi::model_submission::IModelSubmissionTypes::Retention, read};
use zarathustra_devnet::{Names, story::Stage};
use zarathustra_primitives::{RetentionResult, SubmissionState, TaskId, TaskState};
use zarathustra_tests::{Scenario, wait_for};

/// What is held back of a submission's reward.
async fn held(chain: &Chain, submission: u64) -> Result<Retention> {
    Ok(read("retention", chain.market().retention(submission)).await?)
}

/// Opens a retention task from the command line when that can be done, and waits until nothing is
/// held back any more. Answers what was certified.
async fn decide(stage: &mut Stage<'_>, submission: u64) -> Result<RetentionResult> {
    let chain = stage.network().chain().clone();
    let from = held(&chain, submission).await?.from;
    wait_for("a retention task can be opened", async || {
        Ok((chain.head().await?.clock >= from).then_some(()))
    })
    .await?;
    let id = submission.to_string();
    let shown = stage
        .optimizer()
        .run(&["submission", "retain", &id])
        .await?;
    let task = shown["held_back"]["task"]
        .as_u64()
        .context("a task is open")?;
    wait_for("the held-back part is somebody's", async || {
        Ok((held(&chain, submission).await?.amount == 0).then_some(()))
    })
    .await?;
    let task = chain.task(TaskId::new(task)).await?;
    ensure!(task.state == TaskState::Certified, "{task:?}");
    let certified = chain.certified(&task).await?.context("a certificate")?;
    Ok(RetentionResult::decode(&certified.result)?)
}

/// What the payout can withdraw in the request's token.
async fn credit(chain: &Chain, account: Address, token: Address) -> Result<u128> {
    let credit = read("credit", chain.market().credit(account, token)).await?;
    Ok(credit.saturating_to())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_the_parameters_is_paid_the_rest() -> Result<()> {
    let mut scenario = Scenario::start_with("retention", |options| {
        // A lack is told before the seed: a whole search must end within the fetch window.
        options.fetch_patience = Duration::from_secs(3);
        options.market.improve.fetch_window = 12;
    })
    .await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set_with(&mut scenario.network, &mut quiet, |terms| {
        for (name, value) in [
            ("retention_bps", 2500),
            ("retention_time", 2),
            ("retention_window", 1000),
        ] {
            terms.insert(name.to_owned(), value.into());
        }
    })
    .await?;
    let [untrained, some, more] = ["untrained", "some", "more"].map(|name| {
        let file = stage.model(&format!("{name}.safetensors"));
        file.to_string_lossy().into_owned()
    });
    for (from, to, steps) in [(&untrained, &some, "200"), (&some, &more, "4000")] {
        stage.train(&["train", from, to, "--steps", steps]).await?;
    }
    let chain = stage.network().chain().clone();
    let request = stage.request();
    let terms = read("terms", chain.market().terms(request)).await?;
    let quarter = terms.reward / 4;

    // KEPT
    let record = stage.submit("some steps", some.as_ref()).await?;
    assert_eq!(record.state, SubmissionState::Accepted.code());
    let first = record.submission;
    assert_eq!(held(&chain, first).await?.amount, quarter);
    let payout = read("submission", chain.market().submission(first))
        .await?
        .payout;
    let before = credit(&chain, payout, terms.rewardToken).await?;
    let found = decide(&mut stage, first).await?;
    assert!(matches!(found, RetentionResult::Kept(_)));
    let after = credit(&chain, payout, terms.rewardToken).await?;
    assert_eq!(after - before, quarter);

    // MISSING
    // The optimizers' node was the only one that served the parameters to all.
    let record = stage.submit("more steps", more.as_ref()).await?;
    assert_eq!(record.state, SubmissionState::Accepted.code());
    let second = record.submission;
    stage.network().stop(Names::GATEWAY).await?;
    let escrow = read("request", chain.market().request(request))
        .await?
        .rewardEscrow;
    let before = credit(&chain, payout, terms.rewardToken).await?;
    assert_eq!(decide(&mut stage, second).await?, RetentionResult::Missing);
    let request = read("request", chain.market().request(request)).await?;
    assert_eq!(request.rewardEscrow, escrow + quarter);
    assert_eq!(credit(&chain, payout, terms.rewardToken).await?, before);
    Ok(())
}
