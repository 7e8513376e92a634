//! Governance changes the environment of tasks at an epoch. Operators take the new worker at
//! different times; tasks of earlier epochs settle under the old one, later tasks under the new one,
//! no vote is split, and who did not follow abstains and says what it lacks.

use eyre::{ContextCompat, Result, ensure};
use zarathustra_chain::abi::{
    attestation_center::IAttestationCenter::scheduleEnvironmentCall,
    avs_governance::IAvsGovernance::rollEpochCall,
};
use zarathustra_deploy::{Account, GOVERNANCE, IMPROVE, devnet_key};
use zarathustra_devnet::{Devnet, WorkerSpec, story::Stage};
use zarathustra_eval::environment::EnvironmentLock;
use zarathustra_primitives::{Digest, SubmissionState, TaskId, TaskState};
use zarathustra_tests::{
    Scenario, alter_one_weight, assert_signed_once, certified, entries, everybody_fetches, faults,
    flow, hold, settled, wait_for,
};

/// The environments differ in it.
const NEW_BATCH_ROWS: u32 = 512;

fn old_worker() -> WorkerSpec {
    WorkerSpec::default()
}

fn new_worker() -> WorkerSpec {
    WorkerSpec {
        batch_rows: Some(NEW_BATCH_ROWS),
    }
}

async fn restart_with(network: &mut Devnet, name: &str, workers: &[WorkerSpec]) -> Result<()> {
    network.stop(name).await?;
    network.set_workers(name, workers.to_vec());
    network.restart(name).await
}

/// Who voted on a task; all of them for its claim.
fn approvers(network: &Devnet, task: TaskId) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for operator in network.operators() {
        for vote in entries(network, &operator.name, "voted")? {
            if vote["task_id"] == task.to_string() {
                ensure!(vote["verdict"] == "approve", "{}: {vote}", operator.name);
                names.push(operator.name.clone());
            }
        }
    }
    Ok(names)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_changes_at_an_epoch_and_no_vote_is_split() -> Result<()> {
    let mut scenario = Scenario::start("upgrade").await?;
    let mut quiet = |_: &str| {};
    let mut stage = Stage::set(&mut scenario.network, &mut quiet).await?;
    let chain = stage.network().chain().clone();
    let governance = chain.addresses().avs_governance;
    let admin = Account::new(stage.network().anvil().url(), devnet_key(GOVERNANCE))?;
    let environment_of = async |submission: u64| -> Result<Digest> {
        Ok(certified(&chain, submission).await?.environment())
    };
    let old = EnvironmentLock::of_this_build();
    let new = old.clone().with_batch_rows(NEW_BATCH_ROWS);
    let untrained = stage.model("untrained.safetensors");
    let altered = stage.model("altered.safetensors");
    alter_one_weight(&untrained, &altered, 0.002)?;
    let other = stage.model("other.safetensors");
    alter_one_weight(&untrained, &other, 0.003)?;

    // Some operators are early: they put the new worker beside the old one.
    for name in ["performer-1", "attester-1", "attester-2", "attester-3"] {
        restart_with(stage.network(), name, &[old_worker(), new_worker()]).await?;
    }

    // The new environment is to hold from the next epoch on. A task opens before that epoch is
    // written, and is under way when it is.
    let submission = stage.send(&altered).await?;
    let network = stage.network();
    hold(network).await?;
    let before = everybody_fetches(network, submission).await?;
    assert_eq!(before.environment, Some(old.digest()));
    flow(network).await?;
    let schedule = scheduleEnvironmentCall {
        kind: IMPROVE,
        activationEpoch: before.epoch.get() + 1,
        digest: new.digest().word(),
    };
    let center = chain.addresses().attestation_center;
    admin.send(center, &schedule).await?;
    wait_for("the next epoch is written", async || {
        // It is refused while the newest epoch is too young.
        let roll = rollEpochCall { maxRows: u32::MAX };
        let rolled = admin.send(governance, &roll).await;
        Ok(rolled.is_ok().then_some(()))
    })
    .await?;
    let present = chain.task(before.id).await?;
    assert!(present.state < TaskState::Certified, "{}", present.state);
    assert_eq!(chain.current_epoch().await?.get(), before.epoch.get() + 1);

    // It settles under the old environment, by operators with and without the new worker.
    let state = wait_for("the first submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);
    assert_eq!(environment_of(submission).await?, old.digest());
    assert_eq!(chain.task(before.id).await?.epoch, before.epoch);
    let network = stage.network();
    let voted = approvers(network, before.id)?;
    ensure!(!voted.is_empty(), "somebody voted on {}", before.id);

    // Some are late, one takes the new worker in place of the old one, and one does not follow.
    restart_with(network, "performer-2", &[old_worker(), new_worker()]).await?;
    restart_with(network, "attester-4", &[new_worker()]).await?;
    let behind = "attester-5";
    let submission = stage.send(&other).await?;
    let state = wait_for("the second submission settles", async || {
        settled(&chain, submission).await
    })
    .await?;
    assert_eq!(state, SubmissionState::NotBetter);
    assert_eq!(environment_of(submission).await?, new.digest());
    let network = stage.network();
    let after = zarathustra_tests::task_of(&chain, submission)
        .await?
        .context("a task")?;
    assert!(after.epoch > before.epoch);
    assert_eq!(after.environment, Some(new.digest()));
    let voted = approvers(network, after.id)?;
    ensure!(!voted.is_empty(), "somebody voted on {}", after.id);
    ensure!(!voted.iter().any(|name| name == behind), "{voted:?}");

    // It says why, and what it lacks.
    let silent = wait_for("who did not follow says so", async || {
        Ok(entries(network, behind, "not evaluated")?.pop())
    })
    .await?;
    assert_eq!(silent["task_id"], after.id.to_string());
    assert_eq!(silent["code"], "local_environment");
    let reason = silent["reason"].to_string();
    ensure!(reason.contains(&new.digest().to_string()), "{reason}");
    for operator in network.operators().iter().filter(|o| o.name != behind) {
        let others = entries(network, &operator.name, "not evaluated")?;
        ensure!(others.is_empty(), "{}: {others:?}", operator.name);
    }
    assert_eq!(faults(&chain).await?, 0);
    assert_signed_once(network)?;

    // Everybody can look it up.
    let shown = stage.optimizer().run(&["task", "environments"]).await?;
    let shown = shown["environments"].as_array().context("environments")?;
    let [first, second] = shown.as_slice() else {
        eyre::bail!("{shown:?}");
    };
    assert_eq!(first["environment"], old.digest().to_string());
    assert_eq!(first["state"], "past");
    assert_eq!(second["environment"], new.digest().to_string());
    assert_eq!(second["from_epoch"], before.epoch.get() + 1);
    assert_eq!(second["state"], "in force");
    Ok(())
}
