//! A performer, an attester and the aggregator are killed as by a power failure at every step of a
//! task, and started again. The task ends as if nothing had been, and nobody signs twice
//! differently.

use std::time::Instant;

use eyre::{Result, ensure};
use zarathustra_devnet::{Devnet, Names, story::Stage};
use zarathustra_primitives::{SubmissionState, TaskState};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, claims, entries, everybody_fetches, faults,
    flow, hold, mine_until, reached, settled, wait_for,
};

const VICTIMS: [&str; 3] = ["performer-1", "attester-1", Names::AGGREGATOR];

/// Kills the victims, then starts them again.
async fn strike(network: &mut Devnet, step: &str) -> Result<()> {
    for name in VICTIMS {
        network.kill(name).await?;
    }
    for name in VICTIMS {
        let began = Instant::now();
        network.restart(name).await?;
        println!("{step}: {name} is back after {:?}", began.elapsed());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_at_any_step_takes_part_to_the_end() -> Result<()> {
    let mut scenario = Scenario::start("restarts").await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let altered = stage.model("altered.safetensors");
    alter_one_weight(&stage.model("untrained.safetensors"), &altered, 0.002)?;
    // One attester is off until the claim is voted on, so that a vote is still missing then.
    let late = "attester-5";
    stage.network().stop(late).await?;
    let submission = stage.send(&altered).await?;
    let network = stage.network();
    hold(network).await?;

    // WHILE FETCHING
    mine_until(network.anvil(), "the task opens", async || {
        reached(&chain, submission, TaskState::Fetching).await
    })
    .await?;
    strike(network, "fetching").await?;
    everybody_fetches(network, submission).await?;

    // FETCHED, BEFORE THE SEED
    strike(network, "fetched").await?;

    // EVALUATING
    let task = mine_until(network.anvil(), "the seed is fixed", async || {
        reached(&chain, submission, TaskState::Evaluating).await
    })
    .await?;
    strike(network, "evaluating").await?;

    // CLAIMED
    let claimed = mine_until(network.anvil(), "a claim comes", async || {
        Ok(claims(network, task.id).await?.pop())
    })
    .await?;
    strike(network, "claimed").await?;

    // VOTED ON
    // The chain stands still, so that no certificate can be mined meanwhile.
    let victim = network.operator_address("attester-1");
    wait_for("a victim's vote is held", async || {
        let shown = claims(network, task.id).await?;
        let claim = shown
            .into_iter()
            .find(|claim| claim.claim_id == claimed.claim_id);
        Ok(claim.filter(|claim| claim.voters.contains(&victim)))
    })
    .await?;
    strike(network, "voted on").await?;
    let kept = wait_for("the votes come back from disk", async || {
        Ok(claims(network, task.id)
            .await?
            .into_iter()
            .find(|claim| claim.voters.len() >= 2))
    })
    .await?;
    ensure!(kept.voters.contains(&victim), "{kept:?}");

    // CERTIFIED
    mine_until(network.anvil(), "a certificate is mined", async || {
        reached(&chain, submission, TaskState::Certified).await
    })
    .await?;
    strike(network, "certified").await?;
    network.restart(late).await?;
    flow(network).await?;
    let state = wait_for("the submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);

    // WHAT WAS SIGNED
    assert_eq!(faults(&chain).await?, 0);
    assert_signed_once(network)?;
    for name in ["performer-1", "attester-1"] {
        let votes = entries(network, name, "voted")?;
        let mine = votes
            .iter()
            .filter(|vote| vote["claim_id"] == claimed.claim_id.to_string());
        assert!(mine.count() >= 1, "{name} voted on the claim");
    }
    Ok(())
}
