//! What was signed counts where it was signed for: one task, one claim, one epoch, one chain. And
//! no key enters a table that its holder has not proved to have. Section numbers are the
//! specification's.

mod common;

use alloy::primitives::{Bytes, U256, aliases::U384};
use common::{
    STAKE, Scene,
    certificate::{better, slightly_better},
    refused_as, register, registration, registration_data,
};
use eyre::Result;
use zarathustra_abi::attestation_center::{
    IAttestationCenter::submitTaskCall,
    IAttestationCenterTypes::{Certificate, Claim},
};
use zarathustra_bls::{PublicKey, SecretKey, verify_aggregate};
use zarathustra_chain::{Task, read};
use zarathustra_primitives::{
    B256, BLS_KEY_LEN, BlsKey, CertificateKind, Epoch, TaskState, possession_digest,
};

const APPROVE: CertificateKind = CertificateKind::Approve;

/// Opens a task of a new request, and fixes its seed.
async fn evaluating(scene: &Scene, parameters: &str) -> Result<(u64, Task)> {
    let request = scene.request().await?;
    let submission = scene.submit(request, parameters).await?;
    let task = scene.open(request).await?;
    Ok((submission, scene.seed(&task).await?))
}

/// What everybody signs when the holder of turn 0 claims that a challenger is better.
async fn agreed(scene: &Scene, task: &Task) -> Result<submitTaskCall> {
    let statement = scene.statement(task, 0, &better()).await?;
    let voters = statement.everybody();
    Ok(scene.certified(&scene.domain(), &statement, APPROVE, &voters))
}

#[tokio::test]
async fn votes_count_for_their_task_and_claim_alone() -> Result<()> {
    let scene = Scene::start(4).await?;
    scene.roll_epoch().await?;
    let (_, task) = evaluating(&scene, "one").await?;
    let (_, other) = evaluating(&scene, "other").await?;
    let call = agreed(&scene, &task).await?;

    // ANOTHER TASK
    // The claim is not what was signed, whoever it is said to be of.
    let elsewhere = agreed(&scene, &other).await?;
    let replayed = submitTaskCall {
        taskId: other.id.get(),
        claim: Claim {
            performerIndex: elsewhere.claim.performerIndex,
            ..call.claim.clone()
        },
        ..call.clone()
    };
    assert_eq!(
        refused_as(scene.submit_task(&replayed).await),
        "WrongClaimSigner"
    );
    // A performer that signs the same result there has no votes for it.
    let replayed = submitTaskCall {
        certificate: call.certificate.clone(),
        ..elsewhere
    };
    assert_eq!(
        refused_as(scene.submit_task(&replayed).await),
        "InvalidAggregate"
    );

    // ANOTHER CLAIM
    // Another result under the performer's signature, and under the votes.
    let claim = scene.statement(&task, 0, &slightly_better()).await?;
    let voters = claim.everybody();
    let another = scene.certified(&scene.domain(), &claim, APPROVE, &voters);
    let replayed = submitTaskCall {
        result: another.result.clone(),
        ..call.clone()
    };
    assert_eq!(
        refused_as(scene.submit_task(&replayed).await),
        "WrongClaimSigner"
    );
    let replayed = submitTaskCall {
        certificate: call.certificate.clone(),
        ..another
    };
    assert_eq!(
        refused_as(scene.submit_task(&replayed).await),
        "InvalidAggregate"
    );

    // ANOTHER VERDICT
    let accused = submitTaskCall {
        certificate: Certificate {
            kind: CertificateKind::Reject.to_u8(),
            ..call.certificate.clone()
        },
        ..call.clone()
    };
    assert_eq!(
        refused_as(scene.submit_task(&accused).await),
        "InvalidAggregate"
    );

    // Where it belongs, the same certificate is taken.
    scene.submit_task(&call).await?;
    let (one, two) = (
        scene.chain.task(task.id).await?,
        scene.chain.task(other.id).await?,
    );
    assert_eq!(
        (one.state, two.state),
        (TaskState::Certified, TaskState::Evaluating)
    );
    Ok(())
}

#[tokio::test]
async fn votes_count_for_their_epoch_alone() -> Result<()> {
    let scene = Scene::start(4).await?;
    scene.roll_epoch().await?;
    let (submission, task) = evaluating(&scene, "parameters").await?;

    // Everybody signs, but nobody submits until the task is tried again on the next epoch.
    let old = agreed(&scene, &task).await?;
    let left = task.deadline - scene.clock().await?;
    scene.devnet.anvil.mine(left).await?;
    scene.roll_epoch().await?;
    scene.expire(submission).await?;
    let retried = scene.chain.task(task.id).await?;
    assert_eq!((retried.epoch, retried.seed), (Epoch::new(2), task.seed));

    // Operators and stakes are the same, and so is whose turn it is. The signatures do not count.
    let new = agreed(&scene, &retried).await?;
    assert_eq!(new.claim.performerIndex, old.claim.performerIndex);
    assert_eq!(
        refused_as(scene.submit_task(&old).await),
        "WrongClaimSigner"
    );
    let replayed = submitTaskCall {
        certificate: old.certificate,
        ..new.clone()
    };
    assert_eq!(
        refused_as(scene.submit_task(&replayed).await),
        "InvalidAggregate"
    );
    scene.submit_task(&new).await.map(drop)
}

#[tokio::test]
async fn votes_count_on_their_chain_alone() -> Result<()> {
    let scene = Scene::start(4).await?;
    scene.roll_epoch().await?;
    let (_, task) = evaluating(&scene, "parameters").await?;

    // The chain splits: the same contracts, task and seed under another chain id.
    let split = scene.fork(31338).await?;
    let twin = split.chain.task(task.id).await?;
    assert_eq!((&twin, split.center()), (&task, scene.center()));

    let here = agreed(&scene, &task).await?;
    let there = agreed(&split, &twin).await?;
    assert_eq!(there.claim.performerIndex, here.claim.performerIndex);
    assert_eq!(there.result, here.result);
    assert_eq!(
        refused_as(split.submit_task(&here).await),
        "WrongClaimSigner"
    );
    let replayed = submitTaskCall {
        certificate: here.certificate.clone(),
        ..there.clone()
    };
    assert_eq!(
        refused_as(split.submit_task(&replayed).await),
        "InvalidAggregate"
    );
    split.submit_task(&there).await?;
    scene.submit_task(&here).await.map(drop)
}

/// The key with the other sign: `-y` for `y`.
fn negated(key: &BlsKey) -> BlsKey {
    // The field's prime, as RFC 9380 has it for BLS12-381.
    let prime = U384::from_str_radix(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
        16,
    )
    .expect("hex digits");
    let mut bytes = *key.as_bytes();
    for part in bytes[BLS_KEY_LEN / 2..].chunks_exact_mut(48) {
        let y = U384::from_be_slice(part);
        part.copy_from_slice(&(prime - y).to_be_bytes::<48>());
    }
    BlsKey::new(bytes)
}

#[tokio::test]
async fn a_key_made_of_others_keys_is_refused() -> Result<()> {
    let scene = Scene::start(1).await?;
    let (devnet, victim) = (&scene.devnet, &scene.operators[0]);
    let attacker = devnet.account("attacker").await?;
    let staker = devnet.account("staker of attacker").await?;
    devnet.enlist(&attacker, &staker, U256::from(STAKE)).await?;

    // The sum of the victim's key and the rogue one is a key of which the attacker has the secret:
    // in a table with both, it would sign for both.
    let secret = SecretKey::from_seed(&[0x66; 32])?;
    let stolen = victim.bls.public_key();
    let minus = PublicKey::decode(&negated(&stolen.encode()))?;
    let rogue = PublicKey::sum([&secret.public_key(), &minus]).expect("keys that do not cancel");
    let vote = B256::repeat_byte(0x11);
    assert!(verify_aggregate(
        &vote,
        [&stolen, &rogue],
        &secret.sign(&vote)
    ));

    // Of the rogue key itself it cannot prove possession (2.8), nor take over the victim's proof.
    let key = rogue.encode();
    let me = attacker.address();
    let digest = possession_digest(31337, devnet.avs(), me, &key);
    let own = secret.prove_possession(&digest).encode();
    let seen = possession_digest(31337, devnet.avs(), victim.address(), &stolen.encode());
    let seen = victim.bls.prove_possession(&seen).encode();
    for proof in [own, seen] {
        let data = registration_data(&key, &proof, me);
        let refused = register(devnet, &attacker, data).await;
        assert_eq!(refused_as(refused), "InvalidPossession");
    }
    // A vote is no proof either, and the victim's key is the victim's.
    let vote = secret.sign(&digest).encode();
    let data = registration_data(&secret.public_key().encode(), &vote, me);
    let refused = register(devnet, &attacker, data).await;
    assert_eq!(refused_as(refused), "InvalidPossession");
    let data = registration_data(&stolen.encode(), &seen, me);
    let refused = register(devnet, &attacker, data).await;
    assert_eq!(refused_as(refused), "KeyInUse");
    let members = scene.chain.governance();
    assert_eq!(
        read("members", members.members()).await?,
        [victim.address()]
    );

    // With a key of its own it may join.
    let data: Bytes = registration(devnet, me, &secret);
    register(devnet, &attacker, data).await?;
    assert_eq!(
        read("members", members.members()).await?,
        [victim.address(), me]
    );
    Ok(())
}
