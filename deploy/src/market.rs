//! Deployment of the market's own contracts on a chain that has EigenLayer's core.

use alloy::{
    primitives::{Address, B256, aliases::U96},
    providers::Provider as _,
    sol,
};
use eyre::{Result, WrapErr as _};
use serde::{Deserialize, Serialize};
use zarathustra_abi::{
    attestation_center::{
        IAttestationCenter::{
            UnknownKind, definitionCall, environmentAtCall, registerKindCall,
            scheduleEnvironmentCall,
        },
        IAttestationCenterTypes::TaskDefinition,
    },
    avs_governance::{
        IAvsGovernance::{
            attestationCenterCall, setAttestationCenterCall, setUpAvsCall, strategyWeightsCall,
        },
        IAvsGovernanceTypes::StrategyWeight,
    },
};
use zarathustra_chain::{Addresses, ExtensionAddresses};
use zarathustra_eval::environment::EnvironmentLock;

use crate::{
    Account, Artifacts, Deployment, EigenLayer, Extensions, SeedSource,
    eigenlayer::WHOLE,
    extensions::Base,
    governance::{self, Roles, Targets},
    plan::{Effect, Plan},
    snapshot,
};

sol! {
    /// The last constructor argument of AvsGovernance, in its order.
    struct Parameters {
        uint32 maxSnapshotAge;
        uint32 minEpochAge;
        uint32 maxTaskLife;
        uint32 maxAppealWindow;
        uint32 evidenceWindow;
        uint32 vetoWindow;
        uint32 operatorCap;
        uint32 missLimit;
        uint32 missDecay;
        uint64 wadsToSlash;
        bool allowListMode;
    }
}

/// The task kind `improve`.
pub const IMPROVE: u16 = 1;

/// The task kind `retain`.
pub const RETAIN: u16 = 2;

/// Name of the deployment on a local chain.
pub(crate) const DEVNET: &str = "devnet";

/// The epoch that is written first.
const FIRST_EPOCH: u32 = 1;

/// What is chosen at deployment. Times are in blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketOptions {
    /// Emitted by EigenLayer, for people.
    pub metadata_uri: String,
    /// Oldest epoch on which a task may open.
    pub max_snapshot_age: u32,
    /// Youngest epoch that may be replaced without need.
    pub min_epoch_age: u32,
    /// Longest life that any kind may give a task, fetching included.
    pub max_task_life: u32,
    /// Longest appeal window that any kind may have.
    pub max_appeal_window: u32,
    /// Time for evidence of a fault after the appeal window.
    pub evidence_window: u32,
    /// Time between a fault's record and its execution.
    pub veto_window: u32,
    /// Most operators.
    pub operator_cap: u32,
    /// Missed votes above which anyone may take an operator out.
    pub miss_limit: u32,
    /// Blocks in which one missed vote is forgotten.
    pub miss_decay: u32,
    /// Part of a slashed operator's allocation that is slashed, in 1e18ths.
    pub wads_to_slash: u64,
    /// Whether only operators that were allowed may join.
    #[serde(default)]
    pub allow_list_mode: bool,
    /// Where seeds come from.
    #[serde(default)]
    pub seed_source: SeedSource,
    /// The kind `improve`; `retain` has its windows, quorum and fees, and no environment.
    pub improve: KindOptions,
}

/// A task kind (specification 2.1). Times are in blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindOptions {
    /// From opening to the seed block.
    pub fetch_window: u32,
    /// From the seed to the deadline.
    pub task_life: u32,
    /// From the end of a turn until its claim can be blocked.
    pub voting_window: u32,
    /// How long a turn lasts.
    pub turn_length: u32,
    /// From the certificate to settlement, when nobody appeals.
    pub appeal_window: u32,
    /// After that window, during which an appeal can be decided; 0 where there is no appeal.
    pub appeal_voting: u32,
    /// What an appeal costs who loses it, wei; 0 where there is no appeal.
    pub appeal_bond: u64,
    /// From the certificate, for late signers.
    pub supplement_window: u32,
    /// Quorum p/q.
    pub threshold: (u16, u16),
    /// The performer's part of the fee, in basis points.
    pub performer_share: u16,
    /// Least fee of a task, wei.
    pub min_fee: u64,
    /// Environment of its tasks from the first epoch on: the digest of what operators compute
    /// under. That of this build's worker when absent.
    #[serde(default = "environment_of_this_build")]
    pub environment: B256,
}

impl Default for MarketOptions {
    /// For local chains: windows of a few blocks, room for a thousand-block task life, and all of
    /// it within [`Delays::default`](crate::eigenlayer::Delays).
    fn default() -> Self {
        Self {
            metadata_uri: String::new(),
            max_snapshot_age: 2000,
            min_epoch_age: 5,
            max_task_life: 1000,
            max_appeal_window: 100,
            evidence_window: 50,
            veto_window: 3,
            operator_cap: 128,
            miss_limit: 50,
            miss_decay: 200,
            wads_to_slash: 100_000_000_000_000_000,
            allow_list_mode: false,
            seed_source: SeedSource::default(),
            improve: KindOptions::default(),
        }
    }
}

impl Default for KindOptions {
    /// For local chains, with the environment of this build's worker.
    fn default() -> Self {
        Self {
            fetch_window: 4,
            task_life: 300,
            voting_window: 10,
            turn_length: 30,
            appeal_window: 3,
            appeal_voting: 30,
            appeal_bond: 10_000_000_000_000_000,
            supplement_window: 20,
            threshold: (2, 3),
            performer_share: 2000,
            min_fee: 1_000_000_000_000_000,
            environment: environment_of_this_build(),
        }
    }
}

fn environment_of_this_build() -> B256 {
    EnvironmentLock::of_this_build().digest().word()
}

/// Where the contracts of a deployment lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contracts {
    /// OpenZeppelin's AccessManager.
    pub access_manager: Address,
    /// RandaoSeedSource, or DrandSeedSource.
    pub seed_source: Address,
    /// AvsGovernance.
    pub avs_governance: Address,
    /// AttestationCenter.
    pub attestation_center: Address,
    /// ModelSubmission.
    pub model_submission: Address,
    /// AvsLogic.
    pub avs_logic: Address,
    /// RetentionDesk.
    pub retention_desk: Address,
    /// An ERC-20 for rewards, on chains without worth.
    pub reward_token: Option<Address>,
    /// Contracts beside the market.
    pub extensions: ExtensionAddresses,
}

/// What the market stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// EigenLayer's AllocationManager.
    pub allocation_manager: Address,
    /// EigenLayer's DelegationManager.
    pub delegation_manager: Address,
    /// EigenLayer's RewardsCoordinator.
    pub rewards_coordinator: Address,
    /// Strategies and their multipliers in 1e18ths, ascending.
    pub strategies: Vec<(Address, u64)>,
}

/// Adds the steps that deploy the market: its contracts, their set-up, the kind `improve` with its
/// environment, the kind `retain`, contracts beside it, and last the roles. After the last step
/// `deployer` has no rights.
///
/// # Errors
/// Missing artifacts.
pub fn plan(
    plan: &mut Plan,
    ground: &Ground,
    options: &MarketOptions,
    roles: &Roles,
    deployer: Address,
    reward_token: bool,
    extensions: &Extensions,
) -> Result<Contracts> {
    let access_manager = plan.create("AccessManager", &(deployer,))?;
    let seed_source = options.seed_source.plan(plan)?;
    let arguments = (
        access_manager,
        ground.allocation_manager,
        ground.delegation_manager,
        options.parameters(),
    );
    let avs_governance = plan.create("AvsGovernance", &arguments)?;
    let task_registry = plan.create("TaskRegistry", &(avs_governance,))?;
    let disputes = plan.create("Disputes", &(avs_governance, task_registry))?;
    let operator_fees = plan.create("OperatorFees", &(avs_governance, disputes))?;
    let arguments = (access_manager, avs_governance, operator_fees);
    let attestation_center = plan.create("AttestationCenter", &arguments)?;
    let arguments = (attestation_center, avs_governance);
    let model_submission = plan.create("ModelSubmission", &arguments)?;
    let arguments = (attestation_center, model_submission);
    let avs_logic = plan.create("AvsLogic", &arguments)?;
    let retention_desk = plan.create("RetentionDesk", &arguments)?;
    let reward_token = match reward_token {
        true => {
            let arguments = ("Demo Reward".to_owned(), "DRWD".to_owned());
            Some(plan.create("DemoToken", &arguments)?)
        }
        false => None,
    };

    let call = setAttestationCenterCall {
        attestationCenter: attestation_center,
    };
    let question = attestationCenterCall {};
    let effect = Effect::new(avs_governance, &question, &attestation_center)
        .before::<attestationCenterCall>(&Address::ZERO);
    plan.call("name AttestationCenter", avs_governance, &call, effect);

    let weights: Vec<StrategyWeight> = ground.strategies.iter().map(weight).collect();
    let effect = Effect::new(avs_governance, &strategyWeightsCall {}, &weights)
        .before::<strategyWeightsCall>(&Vec::new());
    let call = setUpAvsCall {
        metadataURI: options.metadata_uri.clone(),
        strategies: weights,
    };
    plan.call("become an AVS", avs_governance, &call, effect);

    let definition = options
        .improve
        .definition(model_submission, avs_logic, seed_source);
    let question = definitionCall { kind: IMPROVE };
    let effect =
        Effect::new(attestation_center, &question, &definition).refused_with::<UnknownKind>();
    let call = registerKindCall {
        kind: IMPROVE,
        definition,
    };
    plan.call("register improve", attestation_center, &call, effect);

    let digest = options.improve.environment;
    let question = environmentAtCall {
        kind: IMPROVE,
        epoch: FIRST_EPOCH,
    };
    let effect = Effect::new(attestation_center, &question, &digest)
        .before::<environmentAtCall>(&B256::ZERO);
    let call = scheduleEnvironmentCall {
        kind: IMPROVE,
        activationEpoch: FIRST_EPOCH,
        digest,
    };
    plan.call(
        "schedule its environment",
        attestation_center,
        &call,
        effect,
    );

    // What is registered never changes, and requests name the kind that decides over what they
    // hold back: another one can be registered beside it.
    let definition = options
        .improve
        .definition(retention_desk, retention_desk, seed_source);
    let question = definitionCall { kind: RETAIN };
    let effect =
        Effect::new(attestation_center, &question, &definition).refused_with::<UnknownKind>();
    let call = registerKindCall {
        kind: RETAIN,
        definition,
    };
    plan.call("register retain", attestation_center, &call, effect);

    let base = Base {
        access_manager,
        avs_governance,
        attestation_center,
        model_submission,
        rewards_coordinator: ground.rewards_coordinator,
    };
    let extensions = extensions.plan(plan, &base)?;

    let targets = Targets {
        manager: access_manager,
        governance: avs_governance,
        center: attestation_center,
    };
    governance::plan(plan, &targets, roles, deployer);
    Ok(Contracts {
        access_manager,
        seed_source,
        avs_governance,
        attestation_center,
        model_submission,
        avs_logic,
        retention_desk,
        reward_token,
        extensions,
    })
}

fn weight((strategy, multiplier): &(Address, u64)) -> StrategyWeight {
    StrategyWeight {
        strategy: *strategy,
        multiplier: U96::from(*multiplier),
    }
}

/// The market on a local chain.
#[derive(Clone, Copy, Debug)]
pub struct Market;

impl Market {
    /// Deploys the market over `core.strategy`, with every role given to `governance`, without
    /// delays.
    ///
    /// # Errors
    /// Those of [`Deployment`], for example [`DeployError::ConstructorRefused`](crate::DeployError)
    /// with `TimingExceedsDeallocation` when the windows do not fit EigenLayer's delays; missing
    /// artifacts; transport errors.
    pub async fn deploy(
        deployer: &Account,
        artifacts: &Artifacts,
        core: &EigenLayer,
        options: &MarketOptions,
        governance: Address,
    ) -> Result<Addresses> {
        let (provider, address) = (deployer.provider(), deployer.address());
        let chain_id = provider.get_chain_id().await.wrap_err("eth_chainId")?;
        let (plan, contracts) = Self::plan(artifacts, core, options, governance, address)?;
        let deployment = Deployment::new(provider, address, contracts.access_manager, plan);
        let first_block = deployment.first_block().await?;
        let journal = tempfile::tempdir().wrap_err("a folder for a journal")?;
        let sender = deployer
            .sender(&journal.path().join("journal.redb"))
            .await?;
        deployment.run(&sender, &mut |_| {}).await?;
        Ok(core.addresses(&contracts, chain_id, first_block))
    }

    fn plan(
        artifacts: &Artifacts,
        core: &EigenLayer,
        options: &MarketOptions,
        governance: Address,
        deployer: Address,
    ) -> Result<(Plan, Contracts)> {
        let ground = Ground {
            allocation_manager: core.allocation_manager,
            delegation_manager: core.delegation_manager,
            rewards_coordinator: core.rewards_coordinator,
            strategies: vec![(core.strategy, WHOLE)],
        };
        let roles = Roles::all(governance);
        let mut steps = Plan::new(artifacts, DEVNET);
        let none = Extensions::default();
        let contracts = plan(&mut steps, &ground, options, &roles, deployer, true, &none)?;
        Ok((steps, contracts))
    }

    /// Adds to a snapshot's key everything that decides what [`Market::deploy`] makes.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn key(
        key: snapshot::Key,
        artifacts: &Artifacts,
        options: &MarketOptions,
    ) -> Result<snapshot::Key> {
        let none = Address::ZERO;
        let (plan, _) = Self::plan(artifacts, &EigenLayer::default(), options, none, none)?;
        Ok(key.with(plan.bytes()))
    }
}

impl MarketOptions {
    const fn parameters(&self) -> Parameters {
        Parameters {
            maxSnapshotAge: self.max_snapshot_age,
            minEpochAge: self.min_epoch_age,
            maxTaskLife: self.max_task_life,
            maxAppealWindow: self.max_appeal_window,
            evidenceWindow: self.evidence_window,
            vetoWindow: self.veto_window,
            operatorCap: self.operator_cap,
            missLimit: self.miss_limit,
            missDecay: self.miss_decay,
            wadsToSlash: self.wads_to_slash,
            allowListMode: self.allow_list_mode,
        }
    }
}

impl KindOptions {
    fn definition(&self, source: Address, logic: Address, seed_source: Address) -> TaskDefinition {
        let (numerator, denominator) = self.threshold;
        TaskDefinition {
            source,
            fetchWindow: self.fetch_window,
            taskLife: self.task_life,
            votingWindow: self.voting_window,
            logic,
            thresholdNumerator: numerator,
            thresholdDenominator: denominator,
            performerShareBps: self.performer_share,
            turnLength: self.turn_length,
            seedSource: seed_source,
            minFee: U96::from(self.min_fee),
            appealWindow: self.appeal_window,
            supplementWindow: self.supplement_window,
            appealVoting: self.appeal_voting,
            appealBond: U96::from(self.appeal_bond),
        }
    }
}
