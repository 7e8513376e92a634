//! Certificates with more and fewer votes.

use CertificateCheck::{checkCall, nothingCall};
use alloy::{primitives::Address, sol, sol_types::SolCall as _};
use eyre::Result;
use zarathustra_chain::read;
use zarathustra_primitives::{CertificateKind, Purpose, RequestId, Vote};

use crate::{
    bn254, calldata_gas,
    common::{
        Scene,
        certificate::{Statement, slightly_better},
    },
    fixture,
    report::{Report, Row},
};

sol! {
    contract CertificateCheck {
        function check(
            address table,
            uint256[] nonSigners,
            bytes32[4] signature,
            bytes32 digest,
            uint16 p,
            uint16 q
        ) external;
        function nothing(
            address table,
            uint256[] nonSigners,
            bytes32[4] signature,
            bytes32 digest,
            uint16 p,
            uint16 q
        ) external;
    }
}

/// The check alone is asked for a quorum of a half, so that it takes a certificate in which the
/// performer's claim makes up the quorum.
const THRESHOLD: (u16, u16) = (1, 2);

/// Certificates of a scene that has rolled its first epoch.
pub async fn rows(scene: &Scene, hardfork: &'static str, report: &mut Report) -> Result<()> {
    let operators = scene.operators.len();
    let request = scene.request().await?;
    let check = scene
        .stranger
        .deploy("CertificateCheck", fixture("CertificateCheck")?)
        .await?;
    // The first of all tasks writes slots that later ones find written.
    one(scene, request, check, 0).await?;
    for missing in missing(operators) {
        let mut row = one(scene, request, check, missing).await?;
        row.hardfork = hardfork;
        // There the performer's claim is no signature.
        if is_quorum(operators, missing) {
            row.bn254_verify_gas = Some(bn254::verify_gas(scene, operators, missing).await?);
        }
        report.rows.push(row);
    }
    Ok(())
}

/// How many votes may be missing from a certificate: so many that more than two thirds are left, or
/// the performer's, which counts by its claim.
fn missing(operators: usize) -> Vec<usize> {
    let mut numbers = vec![0, 1, 5, 10, operators * 33 / 100];
    numbers.retain(|missing| is_quorum(operators, *missing) || (*missing == 1 && operators == 3));
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Whether more than two thirds of all have signed.
const fn is_quorum(operators: usize, missing: usize) -> bool {
    3 * operators.saturating_sub(missing) > 2 * operators
}

async fn one(scene: &Scene, request: RequestId, check: Address, missing: usize) -> Result<Row> {
    let parameters = format!("{request} {missing} {}", scene.block().await?);
    let submission = scene.submit(request, &parameters).await?;
    let task = scene.seed(&scene.open(request).await?).await?;
    let statement = scene.statement(&task, 0, &slightly_better()).await?;
    let mut operators = statement.others();
    if is_quorum(operators.len() + 1, missing) {
        operators.push(statement.claim.performer);
    } else {
        operators.insert(0, statement.claim.performer);
    }
    let voters = &operators[missing..];
    let domain = scene.domain();
    let call = scene.certified(&domain, &statement, CertificateKind::Approve, voters);
    let verify_gas = verify_gas(scene, check, &statement, &call.certificate).await?;
    let submitted = scene.submit_task(&call).await?;
    scene.settle(submission).await?;
    Ok(Row {
        hardfork: "",
        operators: scene.operators.len(),
        non_signers: missing,
        verify_gas,
        calldata_gas: calldata_gas(&call.abi_encode()),
        submit_gas: submitted.gas_used,
        bn254_verify_gas: None,
    })
}

async fn verify_gas(
    scene: &Scene,
    check: Address,
    statement: &Statement,
    certificate: &zarathustra_abi::attestation_center::IAttestationCenterTypes::Certificate,
) -> Result<u64> {
    let governance = scene.chain.governance();
    let epoch = statement.table.epoch.get();
    let table = read("epochTable", governance.epochTable(epoch))
        .await?
        .table;
    let vote = Vote {
        task: statement.claim.task,
        claim: statement.claim.id(),
        purpose: Purpose::Claim,
        verdict: CertificateKind::Approve.verdict(),
    };
    let digest = vote.digest(&scene.domain());
    let (p, q) = THRESHOLD;
    let whole = checkCall {
        table,
        nonSigners: certificate.nonSigners.clone(),
        signature: certificate.signature,
        digest,
        p,
        q,
    };
    let nothing = nothingCall {
        table,
        nonSigners: certificate.nonSigners.clone(),
        signature: certificate.signature,
        digest,
        p,
        q,
    };
    let whole = scene.stranger.send(check, &whole).await?.gas_used;
    Ok(whole - scene.stranger.send(check, &nothing).await?.gas_used)
}
