//! Attesters whose software approves whatever it is shown certify a performer's lie. A challenger
//! appeals; with honest software the same operators overturn it. Who does not correct itself is
//! slashed, and the submission gets what it deserves in its second try.

use std::collections::BTreeSet;

use alloy::primitives::U256;
use eyre::{ContextCompat, Result};
use zarathustra_bls::SecretKey;
use zarathustra_chain::read;
use zarathustra_devnet::{bls_secret, liar::Lie, record::executed_faults, story::Stage};
use zarathustra_primitives::{ClaimOutcome, Purpose, SubmissionState, TaskState, Verdict, Vote};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, claims, entries, everybody_fetches, flow, hold,
    reached, settled, wait_for,
};
use zarathustra_wire::{AggregatorClient, VoteMessage};

/// Blocks within which the appeal has to be filed.
const APPEAL_WINDOW: u32 = 40;
/// The one that stays as it is.
const OBSTINATE: &str = "attester-5";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lie_that_was_certified_is_overturned() -> Result<()> {
    let mut scenario = Scenario::start_with("appeal", |options| {
        let kind = &mut options.market.improve;
        kind.appeal_window = APPEAL_WINDOW;
        kind.appeal_voting = 60;
        kind.supplement_window = 10;
    })
    .await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let attesters: Vec<String> = (1..=5).map(|i| format!("attester-{i}")).collect();

    // Parameters that are no better, and a performer that says they are.
    let hardly = stage.model("hardly.safetensors");
    alter_one_weight(&stage.model("untrained.safetensors"), &hardly, 0.001)?;
    stage
        .network()
        .liar()
        .context("no proxy")?
        .lie_once(Lie::Better);
    let submission = stage.send(&hardly).await?;
    let network = stage.network();
    let chain = network.chain().clone();
    hold(network).await?;
    everybody_fetches(network, submission).await?;
    for attester in &attesters {
        network.stop(attester).await?;
    }
    flow(network).await?;
    let task = wait_for("the seed is fixed", async || {
        reached(&chain, submission, TaskState::Evaluating).await
    })
    .await?;
    let claim = wait_for("the lie is told", async || {
        let Some((liar, _)) = network.liar().and_then(|l| l.lied()) else {
            return Ok(None);
        };
        let shown = claims(network, task.id).await?;
        let by_liar = |params: &serde_json::Value| {
            params[3].as_str().and_then(|a| a.parse().ok()) == Some(liar)
        };
        Ok(shown.into_iter().find(|claim| by_liar(&claim.params)))
    })
    .await?;
    let (liar, _) = network.liar().and_then(|l| l.lied()).context("no lie")?;

    // What the attesters' careless software would send.
    let aggregator = AggregatorClient::new(network.aggregator_url())?;
    let vote = Vote {
        task: chain.task_hash(task.id).await?,
        claim: claim.claim_id,
        purpose: Purpose::Claim,
        verdict: Verdict::Approve,
    };
    for attester in &attesters {
        let key = SecretKey::from_bytes(&bls_secret(attester))?;
        aggregator
            .send_vote(&VoteMessage {
                task_id: task.id,
                claim_id: claim.claim_id,
                purpose: Purpose::Claim,
                verdict: Verdict::Approve,
                operator: network.operator_address(attester),
                signature: key.sign(&vote.digest(&chain.domain())).encode(),
            })
            .await?;
    }
    let certified = wait_for("the lie is certified", async || {
        reached(&chain, submission, TaskState::Certified).await
    })
    .await?;
    let outcome = chain.claim_outcome(task.id, claim.claim_id).await?;
    assert_eq!(outcome, ClaimOutcome::Approved);

    // Somebody looks, and appeals.
    let challenger = network.user("challenger").await?;
    let number = task.id.to_string();
    let answer = challenger.run(&["task", "appeal", &number]).await?;
    assert_eq!(answer["claim"], serde_json::json!(claim.claim_id));
    let shown = challenger.run(&["task", "show", &number]).await?;
    assert_eq!(shown["appealed"], true);
    let definition = chain.definition(task.kind).await?;
    let until = certified.deadline + u64::from(definition.appeal_voting);
    assert_eq!(shown["deadline"], until);
    for attester in attesters.iter().filter(|name| *name != OBSTINATE) {
        network.restart(attester).await?;
    }
    wait_for("the lie is overturned", async || {
        let outcome = chain.claim_outcome(task.id, claim.claim_id).await?;
        Ok((outcome == ClaimOutcome::Overturned).then_some(()))
    })
    .await?;

    // Nobody was paid for it. The challenger has its bond; the fund was empty.
    let attestation = chain.attestation();
    let credit = read("credit", attestation.credit(challenger.address())).await?;
    assert_eq!(credit, U256::from(definition.appeal_bond));
    for operator in network.operators() {
        for vote in entries(network, &operator.name, "voted in an appeal")? {
            assert_eq!(vote["verdict"], "reject", "{vote}");
        }
    }

    // The second try is honest, and nothing is better about the parameters.
    let certified = wait_for("the second try is certified", async || {
        let task = chain.task(task.id).await?;
        Ok((task.retried && task.state == TaskState::Certified).then_some(task))
    })
    .await?;
    // The appeal window of the second certificate passes at once.
    network.anvil().mine(u64::from(APPEAL_WINDOW)).await?;
    assert!(certified.epoch > task.epoch);
    let state = wait_for("the submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);

    // The liar, and the one that did not correct itself, are slashed; nobody else is at fault.
    let at_fault: BTreeSet<_> = [liar, network.operator_address(OBSTINATE)].into();
    let slashed = wait_for("both are slashed", async || {
        let slashed = executed_faults(&chain).await?;
        Ok((slashed.len() >= at_fault.len()).then_some(slashed))
    })
    .await?;
    assert_eq!(slashed.len(), 2);
    assert_eq!(
        slashed.iter().map(|(o, _)| *o).collect::<BTreeSet<_>>(),
        at_fault
    );
    assert_signed_once(network)
}
