//! Deployment of EigenLayer's core.

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, b256},
    providers::{DynProvider, Provider as _},
    sol_types::{SolCall, SolConstructor},
};
use eyre::{Result, WrapErr as _};
use serde::{Deserialize, Serialize};
use zarathustra_chain::{Addresses, ChainError};

use super::abi::{
    AVSDirectory, AllocationManager, DelegationManager, EigenPod, EigenPodManager,
    PermissionController, ProxyAdmin, RewardsCoordinator, StrategyManager,
};
use crate::{
    Account, Artifacts, DeployError, Deployment,
    market::{Contracts, DEVNET},
    plan::{Effect, Plan},
    snapshot,
};

/// Where the bytecode comes from.
pub const SOURCE: &str = "eigen-utils 2.0.0";

/// The version that the contracts are told to report. The bytecode does not know its own; the
/// first figure is part of EIP-712 domains.
const VERSION: &str = "v1.0.0";

/// Ethereum's deposit contract. A local chain has no such code: native restaking does not work
/// there, and nothing of ours needs it.
const BEACON_DEPOSITS: Address = address!("00000000219ab540356cBB839Cbe05303d7705Fa");

/// RewardsCoordinator counts in days and weeks, which its constructor checks.
const DAY: u32 = 86_400;
/// A Thursday midnight, UTC, before any reward, as on the main chain.
const REWARDS_GENESIS: u32 = 1_710_979_200;
/// The operators' share of rewards unless they set another, in basis points.
const REWARDS_SPLIT: u16 = 1000;

/// EigenLayer's delays, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Until deallocated stake can no longer be slashed.
    pub deallocation: u32,
    /// Until a changed allocation delay of an operator holds.
    pub allocation_configuration: u32,
    /// Until a queued withdrawal can be completed; till then it can be slashed.
    pub withdrawal: u32,
}

impl Default for Delays {
    /// For local chains: stake leaves slowly, everything else is quick.
    fn default() -> Self {
        Self {
            deallocation: 5000,
            allocation_configuration: 0,
            withdrawal: 5000,
        }
    }
}

impl Delays {
    /// First block in which EigenLayer can slash: a slash looks back over the withdrawal delay,
    /// and reverts on a chain that is younger.
    pub const fn first_block(&self) -> u64 {
        self.withdrawal as u64 + 1
    }
}

/// EigenLayer's core, and a strategy over one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EigenLayer {
    /// AllocationManager: operator sets, allocations, slashing.
    pub allocation_manager: Address,
    /// DelegationManager: operators, delegation, withdrawals.
    pub delegation_manager: Address,
    /// StrategyManager: deposits.
    pub strategy_manager: Address,
    /// PermissionController: who may act for whom.
    pub permission_controller: Address,
    /// AVSDirectory: registrations from before operator sets.
    pub avs_directory: Address,
    /// RewardsCoordinator: rewards of stakers and operators.
    pub rewards_coordinator: Address,
    /// EigenPodManager: native restaking, which a local chain lacks.
    pub eigen_pod_manager: Address,
    /// The pauser registry of our own. Its guardian is the deployer.
    pub pauser_registry: Address,
    /// The strategy of our own.
    pub strategy: Address,
    /// The token of that strategy; anybody can make it.
    pub stake_token: Address,
}

/// Where a proxy keeps its implementation (ERC-1967).
const IMPLEMENTATION: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");

/// The contracts behind proxies, in the order of their deployment.
struct Proxies {
    allocation_manager: Address,
    delegation_manager: Address,
    strategy_manager: Address,
    permission_controller: Address,
    avs_directory: Address,
    rewards_coordinator: Address,
    eigen_pod_manager: Address,
}

/// An implementation and the call that initialises its proxy.
struct Upgradeable {
    name: &'static str,
    proxy: Address,
    creation: Bytes,
    initialize: Bytes,
}

impl EigenLayer {
    /// Deploys the core, with nothing paused. `deployer` owns every contract and proxy and is
    /// pauser, unpauser and strategy whitelister.
    ///
    /// # Errors
    /// When the chain is younger than [`Delays::first_block`]; those of [`Deployment`]; missing
    /// artifacts; transport errors.
    pub async fn deploy(deployer: &Account, artifacts: &Artifacts, delays: Delays) -> Result<Self> {
        let owner = deployer.address();
        let mut plan = Plan::new(artifacts, DEVNET);
        let core = Self::plan(&mut plan, artifacts, owner, delays)?;
        Self::check_age(deployer.provider(), delays).await?;
        let deployment = Deployment::new(deployer.provider(), owner, Address::ZERO, plan);
        let journal = tempfile::tempdir().wrap_err("a folder for a journal")?;
        let sender = deployer
            .sender(&journal.path().join("journal.redb"))
            .await?;
        deployment.prepare(&sender).await?;
        for index in 0..deployment.steps().len() {
            deployment.advance(index, &sender).await?;
        }
        Ok(core)
    }

    /// Whether the chain is old enough for EigenLayer to slash.
    ///
    /// # Errors
    /// When it is younger than [`Delays::first_block`]; transport errors.
    pub async fn check_age(provider: &DynProvider, delays: Delays) -> Result<()> {
        let newest = provider.get_block_number().await;
        let newest = newest.map_err(ChainError::transport("eth_blockNumber"))?;
        let needed = delays.first_block();
        match newest >= needed {
            true => Ok(()),
            false => Err(DeployError::ChainTooYoung { newest, needed }.into()),
        }
    }

    /// Adds the steps that deploy the core.
    ///
    /// A proxy comes before its implementation, whose immutables name other proxies: first it has
    /// one that depends on nothing, PermissionController's.
    ///
    /// # Errors
    /// Missing artifacts.
    pub fn plan(
        plan: &mut Plan,
        artifacts: &Artifacts,
        owner: Address,
        delays: Delays,
    ) -> Result<Self> {
        let pauser_registry = plan.create("DevnetPauserRegistry", &(owner,))?;
        let first = creation(
            &artifacts.eigenlayer("PermissionController")?,
            &PermissionController::constructorCall {
                version: VERSION.to_owned(),
            },
        );
        let first = plan.create_code("PermissionController", first);
        // OpenZeppelin's proxy refuses to be made without a call.
        let call: Bytes = PermissionController::versionCall {}.abi_encode().into();
        let mut proxy = |name: &str| -> Result<Address> {
            let arguments = (first, owner, call.clone());
            let creation = artifacts.creation("TransparentUpgradeableProxy", &arguments)?;
            Ok(plan.create_code(&format!("proxy of {name}"), creation))
        };
        let proxies = Proxies {
            allocation_manager: proxy("AllocationManager")?,
            delegation_manager: proxy("DelegationManager")?,
            strategy_manager: proxy("StrategyManager")?,
            permission_controller: proxy("PermissionController")?,
            avs_directory: proxy("AVSDirectory")?,
            rewards_coordinator: proxy("RewardsCoordinator")?,
            eigen_pod_manager: proxy("EigenPodManager")?,
        };
        let pod = creation(
            &artifacts.eigenlayer("EigenPod")?,
            &EigenPod::constructorCall {
                beaconDeposits: BEACON_DEPOSITS,
                eigenPodManager: proxies.eigen_pod_manager,
                genesisTime: 0,
                version: VERSION.to_owned(),
            },
        );
        let pod = plan.create_code("EigenPod", pod);
        let beacon = plan.create("UpgradeableBeacon", &(pod, owner))?;
        for part in parts(artifacts, &proxies, owner, pauser_registry, beacon, delays)? {
            let implementation = plan.create_code(part.name, part.creation);
            let call = ProxyAdmin::upgradeAndCallCall {
                proxy: part.proxy,
                implementation,
                data: part.initialize,
            };
            let effect = Effect::slot(part.proxy, IMPLEMENTATION, first, implementation);
            // The proxy makes its admin first.
            let name = format!("initialise {}", part.name);
            plan.call(&name, part.proxy.create(1), &call, effect);
        }

        let name_and_symbol = ("Demo Stake".to_owned(), "DSTK".to_owned());
        let creation = artifacts.creation("DemoToken", &name_and_symbol)?;
        let stake_token = plan.create_code("stake token", creation);
        let arguments = (proxies.strategy_manager, stake_token);
        let strategy = plan.create("DevnetStrategy", &arguments)?;
        let question = StrategyManager::strategyIsWhitelistedForDepositCall { strategy };
        let effect = Effect::new(proxies.strategy_manager, &question, &true)
            .before::<StrategyManager::strategyIsWhitelistedForDepositCall>(&false);
        let call = StrategyManager::addStrategiesToDepositWhitelistCall {
            strategies: vec![strategy],
        };
        plan.call("allow deposits", proxies.strategy_manager, &call, effect);

        Ok(Self {
            allocation_manager: proxies.allocation_manager,
            delegation_manager: proxies.delegation_manager,
            strategy_manager: proxies.strategy_manager,
            permission_controller: proxies.permission_controller,
            avs_directory: proxies.avs_directory,
            rewards_coordinator: proxies.rewards_coordinator,
            eigen_pod_manager: proxies.eigen_pod_manager,
            pauser_registry,
            strategy,
            stake_token,
        })
    }

    /// Adds to a snapshot's key everything that decides what [`EigenLayer::deploy`] makes.
    ///
    /// # Errors
    /// As for [`Artifacts::code`].
    pub fn key(key: snapshot::Key, artifacts: &Artifacts, delays: Delays) -> Result<snapshot::Key> {
        let mut plan = Plan::new(artifacts, DEVNET);
        Self::plan(&mut plan, artifacts, Address::ZERO, delays)?;
        Ok(key.with(plan.bytes()))
    }

    /// The addresses file of a market over this core.
    pub fn addresses(&self, market: &Contracts, chain_id: u64, first_block: u64) -> Addresses {
        Addresses {
            chain_id,
            deployed_block: first_block,
            allocation_manager: self.allocation_manager,
            delegation_manager: self.delegation_manager,
            strategy_manager: self.strategy_manager,
            avs_directory: self.avs_directory,
            permission_controller: self.permission_controller,
            rewards_coordinator: self.rewards_coordinator,
            strategy: self.strategy,
            stake_token: self.stake_token,
            access_manager: market.access_manager,
            avs_governance: market.avs_governance,
            attestation_center: market.attestation_center,
            model_submission: market.model_submission,
            avs_logic: market.avs_logic,
            seed_source: market.seed_source,
            reward_token: market.reward_token,
            extensions: market.extensions,
        }
    }
}

/// Creation bytecode of the core followed by encoded constructor arguments.
fn creation(bytecode: &[u8], constructor: &impl SolConstructor) -> Bytes {
    [bytecode, &constructor.abi_encode()].concat().into()
}

/// The contracts behind proxies whose implementations are their own.
#[expect(clippy::too_many_lines, reason = "a list")]
fn parts(
    artifacts: &Artifacts,
    proxies: &Proxies,
    owner: Address,
    pauser_registry: Address,
    beacon: Address,
    delays: Delays,
) -> Result<[Upgradeable; 6]> {
    let version = || VERSION.to_owned();
    let nothing_paused = U256::ZERO;
    Ok([
        Upgradeable {
            name: "AllocationManager",
            proxy: proxies.allocation_manager,
            creation: creation(
                &artifacts.eigenlayer("AllocationManager")?,
                &AllocationManager::constructorCall {
                    delegationManager: proxies.delegation_manager,
                    pauserRegistry: pauser_registry,
                    permissionController: proxies.permission_controller,
                    deallocationDelay: delays.deallocation,
                    allocationConfigurationDelay: delays.allocation_configuration,
                    version: version(),
                },
            ),
            initialize: AllocationManager::initializeCall {
                owner,
                pausedStatus: nothing_paused,
            }
            .abi_encode()
            .into(),
        },
        Upgradeable {
            name: "DelegationManager",
            proxy: proxies.delegation_manager,
            creation: creation(
                &artifacts.eigenlayer("DelegationManager")?,
                &DelegationManager::constructorCall {
                    strategyManager: proxies.strategy_manager,
                    eigenPodManager: proxies.eigen_pod_manager,
                    allocationManager: proxies.allocation_manager,
                    pauserRegistry: pauser_registry,
                    permissionController: proxies.permission_controller,
                    withdrawalDelay: delays.withdrawal,
                    version: version(),
                },
            ),
            initialize: DelegationManager::initializeCall {
                owner,
                pausedStatus: nothing_paused,
            }
            .abi_encode()
            .into(),
        },
        Upgradeable {
            name: "StrategyManager",
            proxy: proxies.strategy_manager,
            creation: creation(
                &artifacts.eigenlayer("StrategyManager")?,
                &StrategyManager::constructorCall {
                    delegationManager: proxies.delegation_manager,
                    pauserRegistry: pauser_registry,
                    version: version(),
                },
            ),
            initialize: StrategyManager::initializeCall {
                owner,
                whitelister: owner,
                pausedStatus: nothing_paused,
            }
            .abi_encode()
            .into(),
        },
        Upgradeable {
            name: "AVSDirectory",
            proxy: proxies.avs_directory,
            creation: creation(
                &artifacts.eigenlayer("AVSDirectory")?,
                &AVSDirectory::constructorCall {
                    delegationManager: proxies.delegation_manager,
                    pauserRegistry: pauser_registry,
                    version: version(),
                },
            ),
            initialize: AVSDirectory::initializeCall {
                owner,
                pausedStatus: nothing_paused,
            }
            .abi_encode()
            .into(),
        },
        Upgradeable {
            name: "RewardsCoordinator",
            proxy: proxies.rewards_coordinator,
            creation: creation(
                &artifacts.eigenlayer("RewardsCoordinator")?,
                &RewardsCoordinator::constructorCall {
                    delegationManager: proxies.delegation_manager,
                    strategyManager: proxies.strategy_manager,
                    calculationInterval: DAY,
                    maxDuration: 70 * DAY,
                    maxRetroactiveLength: 84 * DAY,
                    maxFutureLength: 28 * DAY,
                    genesisTimestamp: REWARDS_GENESIS,
                },
            ),
            initialize: RewardsCoordinator::initializeCall {
                owner,
                pauserRegistry: pauser_registry,
                pausedStatus: nothing_paused,
                updater: owner,
                activationDelay: 0,
                defaultSplit: REWARDS_SPLIT,
            }
            .abi_encode()
            .into(),
        },
        Upgradeable {
            name: "EigenPodManager",
            proxy: proxies.eigen_pod_manager,
            creation: creation(
                &artifacts.eigenlayer("EigenPodManager")?,
                &EigenPodManager::constructorCall {
                    beaconDeposits: BEACON_DEPOSITS,
                    podBeacon: beacon,
                    delegationManager: proxies.delegation_manager,
                    pauserRegistry: pauser_registry,
                    version: version(),
                },
            ),
            initialize: EigenPodManager::initializeCall {
                owner,
                pausedStatus: nothing_paused,
            }
            .abi_encode()
            .into(),
        },
    ])
}
