//! The chain is reorganised across the seed block after operators have voted. The task finishes
//! under the new seed, and nobody is at fault for what was signed under the old one.

use alloy::providers::Provider;
use eyre::{ContextCompat, Result};
use zarathustra_devnet::story::Stage;
use zarathustra_primitives::{SubmissionState, TaskState};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, claims, entries, everybody_fetches, faults,
    flow, hold, mine_until, reached, settled, wait_for,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_seed_block_makes_new_claims_and_no_faults() -> Result<()> {
    let mut scenario = Scenario::start("reorg").await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let altered = stage.model("altered.safetensors");
    alter_one_weight(&stage.model("untrained.safetensors"), &altered, 0.002)?;
    let submission = stage.send(&altered).await?;
    let network = stage.network();

    // The seed is fixed, and a claim has votes.
    hold(network).await?;
    everybody_fetches(network, submission).await?;
    let before = mine_until(network.anvil(), "the seed is fixed", async || {
        reached(&chain, submission, TaskState::Evaluating).await
    })
    .await?;
    let old = mine_until(network.anvil(), "a claim is voted on", async || {
        let shown = claims(network, before.id).await?;
        Ok(shown.into_iter().find(|claim| claim.voters.len() >= 2))
    })
    .await?;

    // Another chain wins, from the block before the seed block on: anvil gives the first block that
    // it replaces the old randomness, and every later one its own.
    let head = chain.head().await?.number;
    network.anvil().reorg(head - before.seed_block + 2).await?;
    let taken_back = chain.task(before.id).await?;
    assert_eq!(
        (taken_back.state, taken_back.seed),
        (TaskState::Fetching, None)
    );
    assert_eq!(taken_back.seed_block, before.seed_block);

    // The aggregator drops what was said under the old seed.
    wait_for("the old claim is dropped", async || {
        Ok(claims(network, before.id).await?.is_empty().then_some(()))
    })
    .await?;

    flow(network).await?;
    let state = wait_for("the submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);

    // The seed on chain is the new block's.
    let after = chain.task(before.id).await?;
    let seed_block = chain.seed_block(&after).await?;
    assert_eq!(seed_block, Some(before.seed_block));
    let block = chain
        .provider()
        .get_block_by_number(before.seed_block.into())
        .await?
        .context("the seed block")?;
    let mix_hash = block.header.inner.mix_hash;
    assert_eq!(after.seed, Some(chain.domain().seed(after.id, mix_hash)));
    assert_ne!(after.seed, before.seed);

    // Everybody who voted on the old claim voted on a new one: no equivocation, no fault.
    assert_eq!(faults(&chain).await?, 0);
    let mut voted_twice = 0;
    for operator in network.operators() {
        let votes = entries(network, &operator.name, "voted")?;
        let on_old = votes
            .iter()
            .filter(|v| v["claim_id"] == old.claim_id.to_string());
        voted_twice += usize::from(on_old.count() > 0 && votes.len() > 1);
    }
    assert!(
        voted_twice >= 2,
        "{voted_twice} operators voted under both seeds"
    );
    assert_signed_once(network)
}
