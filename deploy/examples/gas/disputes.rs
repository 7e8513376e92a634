//! Appeals and evidence of faults.

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
};
use eyre::{ContextCompat as _, Result};
use zarathustra_abi::attestation_center::{
    IAttestationCenter::{
        TaskCertified, appealCall, proveEquivocationCall, proveOverturnedApprovalCall,
        submitAppealCall, submitCorrectionsCall,
    },
    IAttestationCenterTypes::{FeeCommitment, TaskContent},
};
use zarathustra_chain::Task;
use zarathustra_primitives::{CertificateKind, Position, Purpose, RequestId, Verdict};

use crate::{
    common::{
        Scene,
        certificate::{Statement, better},
        event,
    },
    report::Report,
};

/// A certified claim.
struct Certified {
    task: Task,
    statement: Statement,
    committed: FeeCommitment,
}

/// Votes and certificates that contradict each other.
pub async fn equivocations(
    scene: &Scene,
    hardfork: &'static str,
    report: &mut Report,
) -> Result<()> {
    let count = scene.operators.len();
    let request = scene.request().await?;
    let domain = scene.domain();
    let center = scene.center();
    let claim = certified(scene, request, "equivocated").await?;
    let statement = &claim.statement;
    let everybody = statement.everybody();
    let one = [everybody[0]];
    // Each is at fault once.
    for (what, voters, accused) in [
        ("from two votes", &one[..], everybody[0]),
        ("from two certificates", &everybody[..], everybody[1]),
    ] {
        let votes = |verdict| scene.votes(&domain, statement, Purpose::Claim, verdict, voters);
        let call = proveEquivocationCall {
            content: content(&claim.task),
            claimId: statement.claim.id().get(),
            purpose: Purpose::Claim.to_u8(),
            approvals: votes(Verdict::Approve),
            rejections: votes(Verdict::Reject),
            accused: bit(position(statement, accused)?),
        };
        let receipt = scene.stranger.send(center, &call).await?;
        let operation = format!("evidence: equivocation, {what}");
        report.note_one(hardfork, count, &operation, &receipt);
    }
    Ok(())
}

/// An appeal with each end, corrections, and evidence of an approval that was overturned.
pub async fn appeals(scene: &Scene, hardfork: &'static str, report: &mut Report) -> Result<()> {
    let count = scene.operators.len();
    let request = scene.request().await?;
    let (domain, center) = (scene.domain(), scene.center());
    let upheld = certified(scene, request, "upheld").await?;
    let receipt = appeal(scene, &upheld).await?;
    report.note_one(hardfork, count, "appeal", &receipt);
    let everybody = upheld.statement.everybody();
    let call = submitAppealCall {
        taskId: upheld.task.id.get(),
        committed: upheld.committed.clone(),
        verdict: Verdict::Approve.to_u8(),
        votes: scene.votes(
            &domain,
            &upheld.statement,
            Purpose::Appeal,
            Verdict::Approve,
            &everybody,
        ),
    };
    let receipt = scene.stranger.send(center, &call).await?;
    report.note_one(hardfork, count, "decide an appeal: upheld", &receipt);

    let request = scene.request().await?;
    let lie = certified(scene, request, "overturned").await?;
    appeal(scene, &lie).await?;
    let mut rejecting = lie.statement.others();
    let silent = rejecting.pop().wrap_err("an operator")?;
    let late = rejecting.pop().wrap_err("an operator")?;
    rejecting.push(lie.statement.claim.performer);
    let votes = |voters: &[Address]| {
        scene.votes(
            &domain,
            &lie.statement,
            Purpose::Appeal,
            Verdict::Reject,
            voters,
        )
    };
    let decided = votes(&rejecting);
    let call = submitAppealCall {
        taskId: lie.task.id.get(),
        committed: lie.committed.clone(),
        verdict: Verdict::Reject.to_u8(),
        votes: decided.clone(),
    };
    let receipt = scene.stranger.send(center, &call).await?;
    report.note_one(hardfork, count, "decide an appeal: overturned", &receipt);

    let call = submitCorrectionsCall {
        taskId: lie.task.id.get(),
        committed: lie.committed.clone(),
        nonSigners: decided.nonSigners.clone(),
        late: vec![bit(position(&lie.statement, late)?)],
        signature: votes(&[late]).signature,
    };
    let receipt = scene.stranger.send(center, &call).await?;
    report.note_one(hardfork, count, "correct one vote", &receipt);

    let definition = scene.chain.definition(lie.task.kind).await?;
    let window = u64::from(definition.supplement_window);
    scene.devnet.anvil.mine(window + 1).await?;
    let silent = bit(position(&lie.statement, silent)?);
    let call = proveOverturnedApprovalCall {
        taskId: lie.task.id.get(),
        committed: lie.committed.clone(),
        nonSigners: vec![silent],
        accused: silent,
    };
    let receipt = scene.stranger.send(center, &call).await?;
    let operation = "evidence: an overturned approval";
    report.note_one(hardfork, count, operation, &receipt);
    Ok(())
}

async fn certified(scene: &Scene, request: RequestId, parameters: &str) -> Result<Certified> {
    scene.submit(request, parameters).await?;
    let task = scene.seed(&scene.open(request).await?).await?;
    let statement = scene.statement(&task, 0, &better()).await?;
    let voters = statement.everybody();
    let domain = scene.domain();
    let call = scene.certified(&domain, &statement, CertificateKind::Approve, &voters);
    let receipt = scene.submit_task(&call).await?;
    let certificate: TaskCertified = event(&receipt)?;
    Ok(Certified {
        task,
        statement,
        committed: certificate.committed,
    })
}

async fn appeal(scene: &Scene, claim: &Certified) -> Result<TransactionReceipt> {
    let definition = scene.chain.definition(claim.task.kind).await?;
    let call = appealCall {
        taskId: claim.task.id.get(),
        committed: claim.committed.clone(),
    };
    let bond = U256::from(definition.appeal_bond);
    scene.stranger.send_value(scene.center(), &call, bond).await
}

fn content(task: &Task) -> TaskContent {
    TaskContent {
        taskId: task.id.get(),
        kind: task.kind.get(),
        epoch: task.epoch.get(),
        seed: task.seed.map(|seed| seed.get()).unwrap_or_default(),
        subjectHash: task.subject.get(),
    }
}

fn position(statement: &Statement, operator: Address) -> Result<Position> {
    let row = statement.table.row_of(operator);
    Ok(row.wrap_err("the operator is not in the table")?.position)
}

fn bit(position: Position) -> U256 {
    U256::ONE << position.index()
}
