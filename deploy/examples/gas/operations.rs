//! Everything else that somebody pays for.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolEvent as _,
};
use eyre::{ContextCompat as _, Result};
use zarathustra_abi::{
    attestation_center::{
        IAttestationCenter::{TaskCertified, claimFeesCall, fixSeedCall},
        IAttestationCenterTypes::FeeCommitment,
    },
    model_submission::IModelSubmission,
};
use zarathustra_chain::{Task, rlp_header};
use zarathustra_deploy::ETHER;
use zarathustra_primitives::{CertificateKind, Digest, EvaluationResult, RequestId, Status};

use crate::{
    common::{
        FEE, Operator, Scene,
        certificate::{better, slightly_better, worse},
    },
    gas_of, last_gas,
    report::Report,
    roll,
};

/// Blocks after which an epoch can be rolled again.
const EPOCH_AGE: u64 = 10;

/// Registration, exit, and rolls of epochs.
pub async fn epochs(scene: &mut Scene, hardfork: &'static str, report: &mut Report) -> Result<()> {
    let count = scene.operators.len();
    let mut note = |operation: &str, gas: &[u64]| report.note(hardfork, count, operation, gas);
    note(
        "register the last operator, by EigenLayer",
        &[last_gas(scene).await?],
    );
    note("roll an epoch, every row new", &roll(scene).await?);
    scene.devnet.anvil.mine(EPOCH_AGE).await?;
    note("roll an epoch, stakes alone", &roll(scene).await?);

    let leaver = &scene.operators[0];
    let devnet = &scene.devnet;
    let (avs, set) = (devnet.avs(), devnet.operator_set());
    devnet
        .core
        .deregister_from_operator_sets(&leaver.account, avs, &[set])
        .await?;
    note("exit, by EigenLayer", &[last_gas(scene).await?]);
    note("roll an epoch, one left", &roll(scene).await?);

    // In its place comes another, who stays for what is measured next.
    let newcomer = Operator::new(devnet, count).await?;
    newcomer.join(devnet).await?;
    scene.devnet.anvil.mine(EPOCH_AGE).await?;
    note("roll an epoch, one joined", &roll(scene).await?);
    scene.replace(0, newcomer);
    Ok(())
}

/// The life of submissions, with each end, and claims of fees.
pub async fn submissions(
    scene: &Scene,
    hardfork: &'static str,
    claims: usize,
    report: &mut Report,
) -> Result<()> {
    let count = scene.operators.len();
    let request = scene.request().await?;
    report.note(
        hardfork,
        count,
        "create a request",
        &[last_gas(scene).await?],
    );
    // Faults of the evaluator and of the operators are paid from it.
    let (fee, bond) = (10 * FEE, ETHER);
    let top_up = IModelSubmission::topUpCall {
        requestId: request.get(),
        reward: 0,
        fee,
        bond,
    };
    scene
        .owner
        .send_value(scene.market(), &top_up, U256::from(fee + bond))
        .await?;
    let environment = Digest::of(b"environment");
    let failed = |status| -> Result<Bytes> {
        let result = EvaluationResult::failed(environment, status)?;
        Ok(Bytes::copy_from_slice(&result.encode()))
    };
    let scored = |result: EvaluationResult| Bytes::copy_from_slice(&result.encode());
    let ends = [
        ("NotBetter", scored(slightly_better())),
        ("Accepted", scored(better())),
        ("Worse", scored(worse())),
        ("Invalid", failed(Status::NonFinite)?),
        ("Unavailable", failed(Status::Unavailable)?),
        ("EvaluatorFault", failed(Status::EvaluatorTrapped)?),
        ("NotBetter, malformed result", Bytes::from_static(&[0])),
    ];
    let mut certified = Vec::new();
    // The first life writes slots that later ones find written.
    let first = life(scene, request, "warm", &ends[0].1, None).await?;
    certified.push(first);
    for (end, result) in &ends {
        let steps = Some((hardfork, &mut *report, *end));
        certified.push(life(scene, request, end, result, steps).await?);
    }
    reject(scene, request, hardfork, report).await?;
    // One that writes slots for the first time, one by itself, and the many.
    while certified.len() < claims + 2 {
        let name = format!("task {}", certified.len());
        certified.push(life(scene, request, &name, &ends[0].1, None).await?);
    }
    let (one, many) = certified.split_at(1);
    claim(scene, one).await?;
    for tasks in [&many[..1], &many[1..=claims]] {
        let gas = claim(scene, tasks).await?;
        let operation = format!("claim the fees of {} tasks", tasks.len());
        report.note(hardfork, count, &operation, &[gas]);
    }
    Ok(())
}

/// What the events tell of a certified task.
type Certified = (u64, FeeCommitment);

/// A submission from commit to settlement. What each step costs is noted where a name is given.
async fn life(
    scene: &Scene,
    request: RequestId,
    parameters: &str,
    result: &Bytes,
    mut noted: Option<(&'static str, &mut Report, &str)>,
) -> Result<Certified> {
    let count = scene.operators.len();
    let mut note = |operation: &str, gas: u64| {
        if let Some((hardfork, report, _)) = noted.as_mut() {
            report.note_once(hardfork, count, operation, gas);
        }
    };
    let submission = scene.submit(request, parameters).await?;
    let newest = scene.block().await?;
    note("commit", gas_of(scene, newest - 1).await?);
    note("reveal", gas_of(scene, newest).await?);
    let task = scene.open(request).await?;
    note("open", last_gas(scene).await?);
    scene.devnet.anvil.mine_to(task.seed_block).await?;
    note("fix the seed", fix_seed(scene, &task).await?);
    let task = scene.chain.task(task.id).await?;
    let statement = scene.statement_of(&task, 0, result.clone()).await?;
    let domain = scene.domain();
    let voters = statement.everybody();
    let call = scene.certified(&domain, &statement, CertificateKind::Approve, &voters);
    let submitted = scene.submit_task(&call).await?;
    let settled = scene.settle(submission).await?;
    if let Some((hardfork, report, end)) = noted {
        let operation = format!("deliver and settle: {end}");
        report.note_one(hardfork, count, &operation, &settled);
    }
    let event = submitted
        .logs()
        .iter()
        .find_map(|log| TaskCertified::decode_log(&log.inner).ok())
        .wrap_err("no certificate")?;
    Ok((task.id.get(), event.data.committed))
}

async fn fix_seed(scene: &Scene, task: &Task) -> Result<u64> {
    let proof = rlp_header(scene.chain.provider(), task.seed_block).await?;
    let call = fixSeedCall {
        taskId: task.id.get(),
        proof,
    };
    Ok(scene.stranger.send(scene.center(), &call).await?.gas_used)
}

/// A claim that everybody else rejects, and the deadline of its task.
async fn reject(
    scene: &Scene,
    request: RequestId,
    hardfork: &'static str,
    report: &mut Report,
) -> Result<()> {
    let count = scene.operators.len();
    let submission = scene.submit(request, "rejected").await?;
    let task = scene.seed(&scene.open(request).await?).await?;
    let statement = scene.statement(&task, 0, &better()).await?;
    let domain = scene.domain();
    let voters = statement.others();
    let call = scene.certified(&domain, &statement, CertificateKind::Reject, &voters);
    let receipt = scene.submit_task(&call).await?;
    report.note_one(hardfork, count, "submitTask, rejecting", &receipt);
    let deadline = scene.submission(submission).await?.deadline;
    scene
        .devnet
        .anvil
        .mine(deadline - scene.clock().await?)
        .await?;
    scene.roll_epoch().await?;
    scene.expire(submission).await?;
    report.note(
        hardfork,
        count,
        "expire and try again",
        &[last_gas(scene).await?],
    );
    let deadline = scene.submission(submission).await?.deadline;
    scene
        .devnet
        .anvil
        .mine(deadline - scene.clock().await?)
        .await?;
    scene.expire(submission).await?;
    report.note(
        hardfork,
        count,
        "expire for good",
        &[last_gas(scene).await?],
    );
    Ok(())
}

/// Claims the shares of the operator at position 1.
async fn claim(scene: &Scene, tasks: &[Certified]) -> Result<u64> {
    let epoch = scene
        .chain
        .epoch_table(zarathustra_primitives::Epoch::new(tasks[0].1.epoch))
        .await?;
    let operator: Address = epoch.rows[1].operator;
    let call = claimFeesCall {
        operator,
        taskIds: tasks.iter().map(|(task, _)| *task).collect(),
        indices: vec![1; tasks.len()],
        committed: tasks
            .iter()
            .map(|(_, committed)| committed.clone())
            .collect(),
    };
    let receipt = scene.stranger.send(scene.center(), &call).await?;
    let credit = scene.chain.attestation().credit(operator).call().await?;
    eyre::ensure!(credit > U256::ZERO && credit < U256::from(FEE) * U256::from(200));
    Ok(receipt.gas_used)
}
