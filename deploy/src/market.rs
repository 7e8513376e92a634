//! Deployment of the market's own contracts on a chain that has EigenLayer's core.

use alloy::{
    primitives::{Address, B256, aliases::U96},
    providers::Provider as _,
    sol,
    sol_types::SolValue as _,
};
use eyre::{Result, WrapErr as _};
use serde::{Deserialize, Serialize};
use zarathustra_abi::{
    attestation_center::{
        IAttestationCenter::{registerKindCall, scheduleEnvironmentCall},
        IAttestationCenterTypes::TaskDefinition,
    },
    avs_governance::{
        IAvsGovernance::{setAttestationCenterCall, setUpAvsCall},
        IAvsGovernanceTypes::StrategyWeight,
    },
};
use zarathustra_chain::Addresses;
use zarathustra_eval::environment::EnvironmentLock;

use crate::{Account, Artifacts, EigenLayer, snapshot};

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

/// The epoch that is written first.
const FIRST_EPOCH: u32 = 1;

/// The contracts of a deployment, in the order in which they are made.
const CONTRACTS: [&str; 8] = [
    "AccessManager",
    "RandaoSeedSource",
    "AvsGovernance",
    "TaskRegistry",
    "OperatorFees",
    "AttestationCenter",
    "ModelSubmission",
    "AvsLogic",
];

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
    /// The kind `improve`.
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
    /// From the certificate to settlement.
    pub appeal_window: u32,
    /// From the certificate, for late signers.
    pub supplement_window: u32,
    /// Quorum p/q.
    pub threshold: (u16, u16),
    /// The performer's part of the fee, in basis points.
    pub performer_share: u16,
    /// Least fee of a task, wei.
    pub min_fee: u64,
    /// Environment of its tasks from the first epoch on: the digest of what operators compute
    /// under.
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
            supplement_window: 20,
            threshold: (2, 3),
            performer_share: 2000,
            min_fee: 1_000_000_000_000_000,
            environment: EnvironmentLock::of_this_build().digest().word(),
        }
    }
}

/// The market's contracts.
#[derive(Clone, Copy, Debug)]
pub struct Market;

impl Market {
    /// Deploys the contracts, makes AvsGovernance an AVS of EigenLayer with one operator set over
    /// `core.strategy`, registers the kind `improve` and schedules its environment. `deployer` becomes the administrator.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted), for example `TimingExceedsDeallocation` when the windows do
    /// not fit EigenLayer's delays; missing artifacts; transport errors.
    pub async fn deploy(
        deployer: &Account,
        artifacts: &Artifacts,
        core: &EigenLayer,
        options: &MarketOptions,
    ) -> Result<Addresses> {
        let provider = deployer.provider();
        let chain_id = provider.get_chain_id().await.wrap_err("eth_chainId")?;
        let newest = provider
            .get_block_number()
            .await
            .wrap_err("eth_blockNumber")?;
        let admin = deployer.address();
        let [
            manager,
            seed_source,
            governance,
            registry,
            fees,
            attestation,
            market,
            logic,
        ] = CONTRACTS;

        let access_manager = deployer
            .deploy_artifact(artifacts, manager, &(admin,))
            .await?;
        let seed_source = deployer
            .deploy(seed_source, artifacts.code(seed_source)?)
            .await?;
        let arguments = (
            access_manager,
            core.allocation_manager,
            core.delegation_manager,
            options.parameters(),
        );
        let avs_governance = deployer
            .deploy_artifact(artifacts, governance, &arguments)
            .await?;
        let registry = deployer
            .deploy_artifact(artifacts, registry, &(avs_governance,))
            .await?;
        let fees = deployer
            .deploy_artifact(artifacts, fees, &(avs_governance, registry))
            .await?;
        let attestation_center = deployer
            .deploy_artifact(
                artifacts,
                attestation,
                &(access_manager, avs_governance, fees),
            )
            .await?;
        let model_submission = deployer
            .deploy_artifact(artifacts, market, &(attestation_center, avs_governance))
            .await?;
        let avs_logic = deployer
            .deploy_artifact(artifacts, logic, &(attestation_center, model_submission))
            .await?;
        let reward_token = deployer
            .deploy_artifact(
                artifacts,
                "DemoToken",
                &("Demo Reward".to_owned(), "DRWD".to_owned()),
            )
            .await?;

        let center = setAttestationCenterCall {
            attestationCenter: attestation_center,
        };
        deployer.send(avs_governance, &center).await?;
        let avs = setUpAvsCall {
            metadataURI: options.metadata_uri.clone(),
            strategies: vec![StrategyWeight {
                strategy: core.strategy,
                multiplier: U96::from(1_000_000_000_000_000_000u64),
            }],
        };
        deployer.send(avs_governance, &avs).await?;
        let kind = registerKindCall {
            kind: IMPROVE,
            definition: options
                .improve
                .definition(model_submission, avs_logic, seed_source),
        };
        deployer.send(attestation_center, &kind).await?;
        let environment = scheduleEnvironmentCall {
            kind: IMPROVE,
            activationEpoch: FIRST_EPOCH,
            digest: options.improve.environment,
        };
        deployer.send(attestation_center, &environment).await?;

        Ok(Addresses {
            chain_id,
            deployed_block: newest + 1,
            allocation_manager: core.allocation_manager,
            delegation_manager: core.delegation_manager,
            strategy_manager: core.strategy_manager,
            avs_directory: core.avs_directory,
            permission_controller: core.permission_controller,
            rewards_coordinator: core.rewards_coordinator,
            strategy: core.strategy,
            stake_token: core.stake_token,
            access_manager,
            avs_governance,
            attestation_center,
            model_submission,
            avs_logic,
            seed_source,
            reward_token: Some(reward_token),
        })
    }

    /// Adds to a snapshot's key everything that decides what [`Market::deploy`] makes.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn key(
        mut key: snapshot::Key,
        artifacts: &Artifacts,
        options: &MarketOptions,
    ) -> Result<snapshot::Key> {
        for contract in CONTRACTS.into_iter().chain(["DemoToken"]) {
            key = key.with(artifacts.code(contract)?);
        }
        Ok(key
            .with(options.parameters().abi_encode())
            .with(options.metadata_uri.as_bytes())
            .with(serde_json::to_vec(&options.improve)?))
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
            allowListMode: false,
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
        }
    }
}
