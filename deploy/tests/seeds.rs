//! A task's seed from the header of its seed block: with BLOCKHASH, with the history of EIP-2935,
//! and beyond it. Section numbers are the specification's.

mod common;

use alloy::{
    consensus::Header,
    network::TransactionBuilder as _,
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::Provider as _,
    rpc::types::TransactionRequest,
    sol_types::SolValue as _,
};
use common::{DEPOSIT, FEE, NATIVE, REWARD, Scene, certificate::better, refusal, refused_as};
use eyre::{ContextCompat as _, Result};
use zarathustra_abi::avs_governance::IAvsGovernance::{pauseCall, unpauseCall};
use zarathustra_chain::{Task, read, rlp_header};
use zarathustra_primitives::{CertificateKind, Epoch, Reason, SubmissionState, TaskId, TaskState};

/// How many blocks back the BLOCKHASH opcode answers.
const OPCODE_REACH: u64 = 256;
/// How many blocks back EIP-2935 answers.
const HISTORY_REACH: u64 = 8191;

/// A block's header.
async fn header(scene: &Scene, number: u64) -> Result<Header> {
    let block = scene.chain.provider().get_block_by_number(number.into());
    Ok(block.await?.wrap_err("a mined block")?.header.inner)
}

/// What the BLOCKHASH opcode gives a contract in the next block.
async fn blockhash(scene: &Scene, number: u64) -> Result<B256> {
    // PUSH8 number, BLOCKHASH, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN
    let code = [
        &[0x67],
        &number.to_be_bytes()[..],
        &[0x40, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3],
    ]
    .concat();
    let create = TransactionRequest::default().with_deploy_code(code);
    let answer = scene.chain.provider().call(create).await?;
    Ok(B256::try_from(answer.as_ref())?)
}

/// The seed as 2.3 says: `H(abi.encode(SEED_DOMAIN, chainid, attestationCenter, taskId, r))`.
fn formula(chain_id: u64, center: Address, task: TaskId, mix_hash: B256) -> B256 {
    let words = (
        keccak256("Zarathustra.Seed.v1"),
        U256::from(chain_id),
        center,
        U256::from(task.get()),
        mix_hash,
    );
    keccak256(words.abi_encode())
}

/// Checks that a task's seed was fixed just now: from the right block, by the right formula, with
/// turns and the deadline counted from the present clock.
async fn assert_seeded(scene: &Scene, before: &Task) -> Result<Task> {
    let task = scene.chain.task(before.id).await?;
    let mix_hash = header(scene, before.seed_block).await?.mix_hash;
    let expected = formula(31337, scene.center(), task.id, mix_hash);
    assert_eq!(task.seed.map(|seed| seed.get()), Some(expected));

    let life = scene.chain.definition(task.kind).await?.task_life;
    let clock = scene.clock().await?;
    assert_eq!(task.state, TaskState::Evaluating);
    assert_eq!((task.seed_fixed_at, task.turn_base_at), (clock, clock));
    assert_eq!(task.deadline, clock + u64::from(life));
    Ok(task)
}

/// The refusal to expire a task before its deadline.
fn too_early(task: &Task, clock: u64) -> String {
    format!(
        "DeadlineNotPassed {{ taskId: {}, deadline: {}, clock: {clock} }}",
        task.id, task.deadline
    )
}

/// Mines until the next block is that in which the market's clock is at `clock`.
async fn wait_for(scene: &Scene, clock: u64) -> Result<()> {
    let left = clock - 1 - scene.clock().await?;
    scene.devnet.anvil.mine(left).await
}

#[tokio::test]
async fn the_header_fixes_the_seed_when_blockhash_gives_nothing() -> Result<()> {
    let scene = Scene::start(1).await?;
    let anvil = &scene.devnet.anvil;
    scene.roll_epoch().await?;
    let request = scene.request().await?;
    let submission = scene.submit(request, "parameters").await?;

    // OPENING
    // The seed block lies a fetch window of real blocks ahead.
    let task = scene.open(request).await?;
    let opened = scene.block().await?;
    let definition = scene.chain.definition(task.kind).await?;
    assert_eq!(task.state, TaskState::Fetching);
    assert_eq!(task.seed_block, opened + u64::from(definition.fetch_window));

    // Until it is there, no header is its header.
    let unknown = scene.chain.fix_seed(&task).await;
    assert_eq!(unknown.expect_err("no header").code(), "unknown_block");
    let early = rlp_header(scene.chain.provider(), opened).await?;
    assert_eq!(
        refused_as(scene.show(task.id, early).await),
        "SeedBlockNotMined"
    );

    // LONG AFTER THE SEED BLOCK
    let seed_block = task.seed_block;
    anvil.mine_to(seed_block + OPCODE_REACH - 1).await?;
    let right = header(&scene, seed_block).await?;
    assert_eq!(blockhash(&scene, seed_block).await?, right.hash_slow());
    anvil.mine(1).await?;
    assert_eq!(blockhash(&scene, seed_block).await?, B256::ZERO);
    anvil.mine(50).await?;

    // Another block's header, and the right one with another mixHash, are not taken.
    let other = header(&scene, seed_block + 1).await?;
    let forged = Header {
        mix_hash: other.mix_hash,
        ..right.clone()
    };
    assert_ne!(forged.mix_hash, right.mix_hash);
    for wrong in [&other, &forged] {
        let shown = scene.show(task.id, alloy::rlp::encode(wrong).into()).await;
        let expected = format!("InvalidSeedProof {{ seedBlock: {seed_block} }}");
        assert_eq!(refusal(shown), expected);
    }
    // Nor is what is no header at all.
    let nothing = scene.show(task.id, Bytes::new()).await;
    assert_eq!(refused_as(nothing), "BadItem");
    assert_eq!(scene.chain.task(task.id).await?, task);

    scene.chain.fix_seed(&task).await?;
    let task = assert_seeded(&scene, &task).await?;
    let again = scene.chain.fix_seed(&task).await;
    let again = again.expect_err("fixed already");
    assert_eq!(again.revert_name(), Some("SeedAlreadyFixed"));

    // EXPIRY
    // Nobody claims anything. The task is tried once more, with the same seed (4.4).
    wait_for(&scene, task.deadline - 1).await?;
    let early = scene.expire(submission).await;
    assert_eq!(refusal(early), too_early(&task, task.deadline - 1));
    wait_for(&scene, task.deadline).await?;
    scene.expire(submission).await?;
    let retried = scene.chain.task(task.id).await?;
    assert_eq!(
        (retried.state, retried.retried, retried.seed),
        (TaskState::Evaluating, true, task.seed)
    );
    let now = scene.clock().await?;
    assert_eq!(retried.deadline, now + u64::from(definition.task_life));

    // The second time everything returns, the operators' fee with it.
    wait_for(&scene, retried.deadline).await?;
    scene.expire(submission).await?;
    assert_eq!(
        scene.standing(submission).await?,
        (SubmissionState::Released, Reason::NoQuorum)
    );
    assert_eq!(scene.owed(NATIVE).await?, U256::from(DEPOSIT));
    let center = scene.chain.attestation();
    assert_eq!(read("liabilities", center.liabilities()).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn beyond_the_history_a_task_without_seed_ends_and_everything_returns() -> Result<()> {
    // Thousands of blocks are quick on a fork.
    let deployed = Scene::start(4).await?;
    let scene = deployed.fork(31337).await?;
    let anvil = &scene.devnet.anvil;
    scene.roll_epoch().await?;
    let (lost, late) = (scene.request().await?, scene.request().await?);
    let lost_submission = scene.submit(lost, "lost").await?;
    let late_submission = scene.submit(late, "late").await?;
    let lost = scene.open(lost).await?;
    anvil.mine(5).await?;
    let late = scene.open(late).await?;
    let (chain, center) = (&scene.chain, scene.chain.attestation());

    // The market is paused meanwhile. This changes nothing: the history counts real blocks.
    let admin = &scene.devnet.governance;
    admin.send(scene.governance(), &pauseCall {}).await?;
    let paused_at = scene.clock().await?;

    // As long as the seed can be fixed, the task does not expire; one block later it cannot.
    let reach = lost.seed_block + HISTORY_REACH;
    assert_eq!(lost.deadline, reach + 1);
    anvil.mine_to(reach - 1).await?;
    let early = scene.expire(lost_submission).await;
    assert_eq!(refusal(early), too_early(&lost, reach));
    anvil.mine(1).await?;
    let refused = chain.fix_seed(&lost).await;
    let refused = refused.expect_err("out of reach");
    assert_eq!(refused.revert_name(), Some("SeedBlockOutOfReach"));

    // In the last block of its reach the later task gets its seed.
    anvil.mine_to(late.seed_block + HISTORY_REACH - 1).await?;
    chain.fix_seed(&late).await?;
    assert_eq!(scene.block().await?, late.seed_block + HISTORY_REACH);
    let late = assert_seeded(&scene, &late).await?;
    assert_eq!(late.seed_fixed_at, paused_at);

    // The earlier one ends for good, and deposit and fee return; what is still held is the other
    // one's fee.
    scene.expire(lost_submission).await?;
    let ended = chain.task(lost.id).await?;
    assert_eq!(
        (ended.state, ended.is_final, ended.retried, ended.seed),
        (TaskState::Expired, true, false, None)
    );
    assert_eq!(
        scene.standing(lost_submission).await?,
        (SubmissionState::Released, Reason::SeedNotFixed)
    );
    assert_eq!(scene.owed(NATIVE).await?, U256::from(DEPOSIT));
    assert_eq!(
        read("liabilities", center.liabilities()).await?,
        U256::from(FEE)
    );
    let again = scene.expire(lost_submission).await;
    assert_eq!(refused_as(again), "WrongSubmissionState");
    admin.send(scene.governance(), &unpauseCall {}).await?;

    // THE LATE SEED
    // Stake of the epoch on which the later task opened does not count any more (1.5).
    let approve = CertificateKind::Approve;
    let old = scene.statement(&late, 0, &better()).await?;
    let old = scene.certified(&scene.domain(), &old, approve, &old.everybody());
    assert_eq!(refused_as(scene.submit_task(&old).await), "SnapshotTooOld");

    // So it expires too, but it has a seed and is tried again, on an epoch of today.
    wait_for(&scene, late.deadline).await?;
    scene.roll_epoch().await?;
    scene.expire(late_submission).await?;
    let retried = chain.task(late.id).await?;
    assert_eq!(
        (retried.state, retried.epoch, retried.seed),
        (TaskState::Evaluating, Epoch::new(2), late.seed)
    );
    let (turn, _) = chain.current_turn(late.id).await?;
    let statement = scene.statement(&retried, turn.get(), &better()).await?;
    let voters = statement.everybody();
    scene
        .submit_task(&scene.certified(&scene.domain(), &statement, approve, &voters))
        .await?;
    scene.settle(late_submission).await?;
    assert_eq!(
        scene.standing(late_submission).await?,
        (SubmissionState::Accepted, Reason::Better)
    );
    let token = scene.reward_token()?;
    assert_eq!(scene.owed(token).await?, U256::from(REWARD));
    assert_eq!(scene.owed(NATIVE).await?, U256::from(2 * DEPOSIT));
    Ok(())
}

#[tokio::test]
async fn a_seed_is_fixed_in_a_paused_market_whose_clock_stands_still() -> Result<()> {
    let scene = Scene::start(1).await?;
    let anvil = &scene.devnet.anvil;
    scene.roll_epoch().await?;
    let request = scene.request().await?;
    let submission = scene.submit(request, "parameters").await?;
    let task = scene.open(request).await?;

    let admin = &scene.devnet.governance;
    admin.send(scene.governance(), &pauseCall {}).await?;
    let paused_at = scene.clock().await?;
    anvil.mine_to(task.seed_block + 10).await?;
    assert_eq!(scene.clock().await?, paused_at);

    // The seed block comes in real blocks; the task's life counts the market's.
    scene.chain.fix_seed(&task).await?;
    let task = assert_seeded(&scene, &task).await?;
    assert_eq!(task.seed_fixed_at, paused_at);

    anvil.mine(task.deadline - paused_at).await?;
    let early = scene.expire(submission).await;
    assert_eq!(refusal(early), too_early(&task, paused_at));
    admin.send(scene.governance(), &unpauseCall {}).await?;
    let early = scene.expire(submission).await;
    assert_eq!(refusal(early), too_early(&task, paused_at + 1));
    wait_for(&scene, task.deadline).await?;
    scene.expire(submission).await?;
    assert!(scene.chain.task(task.id).await?.retried);
    Ok(())
}
