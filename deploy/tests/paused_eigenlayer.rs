//! EigenLayer is paused, all of it that the market touches. The market goes on, and what it needs
//! EigenLayer for waits. Section numbers are the specification's.

mod common;

use alloy::{
    primitives::{Address, U256, keccak256},
    providers::Provider as _,
};
use common::{
    DEPOSIT, FEE, IToken, NATIVE, REWARD, STAKE, Scene,
    certificate::{Statement, better, slightly_better},
    refusal, refused_as,
};
use eyre::Result;
use zarathustra_abi::{
    attestation_center::{IAttestationCenter, IAttestationCenterTypes::FeeCommitment},
    avs_governance::IAvsGovernance::executeFaultCall,
    model_submission::IModelSubmission,
};
use zarathustra_chain::read;
use zarathustra_deploy::eigenlayer::WHOLE;
use zarathustra_primitives::{
    CertificateKind, ClaimOutcome, Reason, SubmissionState, TaskState, Turn,
};

/// The contracts that are paused.
fn paused(scene: &Scene) -> [Address; 3] {
    let core = &scene.devnet.core;
    [
        core.allocation_manager,
        core.delegation_manager,
        core.strategy_manager,
    ]
}

/// The guardian pauses every function, and what people do in EigenLayer is refused.
async fn pause(scene: &Scene) -> Result<()> {
    let (core, guardian) = (&scene.devnet.core, &scene.devnet.deployer);
    for contract in paused(scene) {
        core.pause(guardian, contract, U256::MAX).await?;
    }
    let operator = &scene.operators[0];
    let deposit = core.deposit(&operator.staker, U256::ONE).await;
    assert_eq!(refusal(deposit), "CurrentlyPaused");
    let delegate = core.delegate(&scene.stranger, operator.address()).await;
    assert_eq!(refusal(delegate), "CurrentlyPaused");
    let (avs, set) = (scene.devnet.avs(), scene.devnet.operator_set());
    let allocate = core.modify_allocations(&operator.account, avs, set, WHOLE / 2);
    assert_eq!(refusal(allocate.await), "CurrentlyPaused");
    Ok(())
}

async fn unpause(scene: &Scene) -> Result<()> {
    let (core, guardian) = (&scene.devnet.core, &scene.devnet.deployer);
    for contract in paused(scene) {
        core.unpause(guardian, contract, U256::ZERO).await?;
    }
    Ok(())
}

/// Operators and stake in the newest epoch.
async fn epoch(scene: &Scene) -> Result<(usize, u128)> {
    let newest = scene.chain.current_epoch().await?;
    let table = scene.chain.epoch_table(newest).await?;
    Ok((table.voters().count(), table.total.get()))
}

async fn members(scene: &Scene) -> Result<Vec<Address>> {
    Ok(read("members", scene.chain.governance().members()).await?)
}

/// What an operator's staker could withdraw.
async fn shares(scene: &Scene, operator: Address) -> Result<U256> {
    let staker = scene.operator(operator).staker.address();
    let core = &scene.devnet.core;
    core.withdrawable_shares(&scene.stranger, staker).await
}

/// What an account has of the native token.
async fn balance(scene: &Scene, account: Address) -> Result<U256> {
    Ok(scene.chain.provider().get_balance(account).await?)
}

/// An address that had nothing before.
fn purse(of: Address) -> Address {
    Address::from_word(keccak256(of))
}

/// Claims an operator's share of a task's fee.
fn claim_fees(
    statement: &Statement,
    committed: &FeeCommitment,
    operator: Address,
) -> IAttestationCenter::claimFeesCall {
    let row = statement.table.row_of(operator).expect("in the table");
    IAttestationCenter::claimFeesCall {
        operator,
        taskIds: vec![statement.task.get()],
        indices: vec![row.position.get()],
        committed: vec![committed.clone()],
    }
}

#[tokio::test]
async fn a_submission_is_settled_and_everybody_is_paid() -> Result<()> {
    let scene = Scene::start(4).await?;
    pause(&scene).await?;

    // SUBMISSION
    // An epoch is written, a request made, a task opened, its seed fixed.
    scene.roll_epoch().await?;
    assert_eq!(epoch(&scene).await?, (4, 4 * u128::from(STAKE)));
    let request = scene.request().await?;
    let submission = scene.submit(request, "better").await?;
    let task = scene.open(request).await?;
    let task = scene.seed(&task).await?;

    // Three of four approve: the performer and two others.
    let statement = scene.statement(&task, 0, &better()).await?;
    let performer = statement.claim.performer;
    let others = statement.others();
    let [first, second, missing] = others[..] else {
        panic!("four operators");
    };
    let voters = [performer, first, second];
    let call = scene.certified(
        &scene.domain(),
        &statement,
        CertificateKind::Approve,
        &voters,
    );
    let certified = scene.submit_task(&call).await?;
    scene.settle(submission).await?;
    assert_eq!(
        scene.standing(submission).await?,
        (SubmissionState::Accepted, Reason::Better)
    );
    let champion = read("champion", scene.chain.market().champion(request.get())).await?;
    assert_eq!(champion.submissionId, submission);

    // THE OPTIMIZER
    // Reward and whole deposit (4.6), pulled.
    let token = scene.reward_token()?;
    let optimizers = purse(scene.optimizer.address());
    for token in [token, NATIVE] {
        let withdraw = IModelSubmission::withdrawCall {
            token,
            to: optimizers,
        };
        scene.optimizer.send(scene.market(), &withdraw).await?;
    }
    let of = IToken::balanceOfCall {
        account: optimizers,
    };
    assert_eq!(scene.stranger.call(token, &of).await?, U256::from(REWARD));
    assert_eq!(balance(&scene, optimizers).await?, U256::from(DEPOSIT));

    // THE OPERATORS
    // A fifth of the fee is the performer's, and each signer has a quarter of the rest (3.4).
    let share = FEE / 5;
    let event = certified
        .decoded_log::<IAttestationCenter::TaskCertified>()
        .expect("the task is certified");
    let committed = event.data.committed;
    for (operator, due) in [(performer, 2 * share), (first, share), (second, share)] {
        let claim = claim_fees(&statement, &committed, operator);
        scene.stranger.send(scene.center(), &claim).await?;
        let purse = purse(operator);
        let withdraw = IAttestationCenter::withdrawCall { to: purse };
        let account = &scene.operator(operator).account;
        account.send(scene.center(), &withdraw).await?;
        assert_eq!(balance(&scene, purse).await?, U256::from(due));
    }
    let claim = claim_fees(&statement, &committed, missing);
    let unearned = scene.stranger.send(scene.center(), &claim).await;
    assert_eq!(refused_as(unearned), "DidNotSign");

    // What the fourth did not earn is burned after the supplement window, and nothing is left.
    assert_eq!(balance(&scene, scene.center()).await?, U256::from(share));
    let window = scene.chain.definition(task.kind).await?.supplement_window;
    scene.devnet.anvil.mine(u64::from(window) + 1).await?;
    let sweep = IAttestationCenter::sweepFeeCall {
        taskId: task.id.get(),
        committed,
    };
    scene.stranger.send(scene.center(), &sweep).await?;
    assert_eq!(balance(&scene, scene.center()).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn a_fault_waits_and_is_executed_when_eigenlayer_is_back() -> Result<()> {
    let scene = Scene::start(4).await?;
    pause(&scene).await?;
    scene.roll_epoch().await?;
    let request = scene.request().await?;
    let submission = scene.submit(request, "not better").await?;
    let task = scene.open(request).await?;
    let task = scene.seed(&task).await?;

    // THE FAULT
    // The performer lies; the three others reject, three quarters of the stake (3.1).
    let lie = scene.statement(&task, 0, &better()).await?;
    let (liar, honest) = (lie.claim.performer, lie.others());
    let rejection = scene.certified(&scene.domain(), &lie, CertificateKind::Reject, &honest);
    scene.submit_task(&rejection).await?;
    let outcome = scene.chain.claim_outcome(task.id, lie.claim.id()).await?;
    assert_eq!(outcome, ClaimOutcome::Rejected);
    let recorded_in = scene.block().await?;
    let fault = scene.fault(1).await?;
    assert_eq!(
        (fault.operator, fault.taskId, fault.claimId),
        (liar, task.id.get(), lie.claim.id().get())
    );
    let veto = read("vetoWindow", scene.chain.governance().vetoWindow()).await?;
    assert_eq!(fault.executableAt, recorded_in + u64::from(veto));

    // EXECUTION
    // Not before the veto window is over (3.5), and not while EigenLayer is paused.
    let execute = executeFaultCall { faultId: U256::ONE };
    let (governance, stranger) = (scene.governance(), &scene.stranger);
    let early = stranger.send(governance, &execute).await;
    assert_eq!(refused_as(early), "FaultNotExecutable");
    scene.devnet.anvil.mine_to(fault.executableAt).await?;
    let refused = stranger.send(governance, &execute).await;
    assert_eq!(refusal(refused), "CurrentlyPaused");

    // The fault is as it was, and so is the stake: nobody leaves a paused EigenLayer.
    assert_eq!(scene.fault(1).await?, fault);
    let registry = scene.chain.governance();
    let info = read("operatorInfo", registry.operatorInfo(liar)).await?;
    assert_eq!(info.openFaults, 1);
    assert_eq!(shares(&scene, liar).await?, U256::from(STAKE));
    let (core, account) = (&scene.devnet.core, &scene.operator(liar).account);
    let (avs, sets) = (scene.devnet.avs(), [scene.devnet.operator_set()]);
    let leave = core.deregister_from_operator_sets(account, avs, &sets);
    assert_eq!(refusal(leave.await), "CurrentlyPaused");

    // NOBODY ELSE WAITS
    // The next turn has an honest claim, and the submission is settled.
    let passed = scene.chain.task(task.id).await?;
    assert_eq!(
        (passed.state, passed.turn_base),
        (TaskState::Evaluating, Turn::new(1))
    );
    let truth = scene.statement(&passed, 1, &slightly_better()).await?;
    let approval = scene.certified(&scene.domain(), &truth, CertificateKind::Approve, &honest);
    scene.submit_task(&approval).await?;
    scene.settle(submission).await?;
    assert_eq!(
        scene.standing(submission).await?,
        (SubmissionState::NotBetter, Reason::NoSignificantImprovement)
    );
    assert_eq!(scene.owed(NATIVE).await?, U256::from(DEPOSIT - FEE));

    // The next task opens on an epoch without the liar (1.3).
    scene.roll_epoch().await?;
    assert_eq!(epoch(&scene).await?, (3, 3 * u128::from(STAKE)));
    scene.submit(request, "another").await?;
    scene.open(request).await?;

    // EIGENLAYER IS BACK
    // The same fault is executed: a tenth of the liar's stake goes, and of nobody else's.
    unpause(&scene).await?;
    stranger.send(governance, &execute).await?;
    let tenth = STAKE / 10;
    for operator in scene.operators.iter().map(common::Operator::address) {
        let left = if operator == liar {
            STAKE - tenth
        } else {
            STAKE
        };
        assert_eq!(shares(&scene, operator).await?, U256::from(left));
    }
    assert_eq!(core.burnable_shares(stranger).await?, U256::from(tenth));
    let twice = stranger.send(governance, &execute).await;
    assert_eq!(refusal(twice), "FaultAlreadyExecuted { faultId: 1 }");

    // The liar counts again with what it has left, until it leaves through EigenLayer.
    scene.roll_epoch().await?;
    assert_eq!(epoch(&scene).await?, (4, u128::from(4 * STAKE - tenth)));
    core.deregister_from_operator_sets(account, avs, &sets)
        .await?;
    let left = members(&scene).await?;
    assert_eq!(left.len(), 3);
    assert!(!left.contains(&liar));
    scene.roll_epoch().await?;
    assert_eq!(epoch(&scene).await?, (3, 3 * u128::from(STAKE)));
    Ok(())
}
