//! Deployment of EigenLayer's core.

use alloy::{
    primitives::{Address, Bytes, U256, address},
    providers::Provider as _,
    sol_types::{SolCall, SolConstructor},
};
use eyre::{Result, WrapErr as _, ensure};
use serde::{Deserialize, Serialize};

use super::abi::{
    AVSDirectory, AllocationManager, DelegationManager, EigenPod, EigenPodManager,
    PermissionController, RewardsCoordinator, StrategyManager,
};
use crate::{Account, Artifacts, snapshot};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Transactions before the first proxy: the pauser registry, the beacon, and an implementation for
/// each proxy and for the beacon.
const BEFORE_PROXIES: u64 = 10;

impl Proxies {
    /// Where the deployer's next transactions put them. The implementations hold each other's
    /// addresses as immutables, so these must be known first.
    fn predict(deployer: Address, nonce: u64) -> Self {
        let at = |index: u64| deployer.create(nonce + BEFORE_PROXIES + index);
        Self {
            allocation_manager: at(0),
            delegation_manager: at(1),
            strategy_manager: at(2),
            permission_controller: at(3),
            avs_directory: at(4),
            rewards_coordinator: at(5),
            eigen_pod_manager: at(6),
        }
    }
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
    /// The deployer must send nothing else meanwhile.
    ///
    /// # Errors
    /// When the chain is younger than [`Delays::first_block`]; [`Reverted`](crate::Reverted) when a
    /// constructor refuses; missing artifacts; transport errors.
    pub async fn deploy(deployer: &Account, artifacts: &Artifacts, delays: Delays) -> Result<Self> {
        let newest = deployer.provider().get_block_number().await;
        let newest = newest.wrap_err("eth_blockNumber")?;
        ensure!(
            newest >= delays.first_block(),
            "EigenLayer cannot slash before block {}, and this is {newest}: begin the chain later",
            delays.first_block()
        );
        let owner = deployer.address();
        let proxies = Proxies::predict(owner, deployer.nonce().await?);
        let pauser_registry = deployer
            .deploy_artifact(artifacts, "DevnetPauserRegistry", &(owner,))
            .await?;
        let pod = creation(
            &artifacts.eigenlayer("EigenPod")?,
            &EigenPod::constructorCall {
                beaconDeposits: BEACON_DEPOSITS,
                eigenPodManager: proxies.eigen_pod_manager,
                genesisTime: 0,
                version: VERSION.to_owned(),
            },
        );
        let pod = deployer.deploy("EigenPod", pod).await?;
        let beacon = deployer
            .deploy_artifact(artifacts, "UpgradeableBeacon", &(pod, owner))
            .await?;

        let parts = parts(artifacts, &proxies, owner, pauser_registry, beacon, delays)?;
        let mut implementations = Vec::with_capacity(parts.len());
        for part in &parts {
            let creation = part.creation.clone();
            implementations.push(deployer.deploy(part.name, creation).await?);
        }
        for (part, implementation) in parts.iter().zip(implementations) {
            let arguments = (implementation, owner, part.initialize.clone());
            let proxy = deployer
                .deploy_artifact(artifacts, "TransparentUpgradeableProxy", &arguments)
                .await?;
            ensure!(
                proxy == part.proxy,
                "the proxy of {} is not where it was foreseen: did the deployer send more?",
                part.name
            );
        }

        let name_and_symbol = ("Demo Stake".to_owned(), "DSTK".to_owned());
        let stake_token = deployer
            .deploy_artifact(artifacts, "DemoToken", &name_and_symbol)
            .await?;
        let strategy = deployer
            .deploy_artifact(
                artifacts,
                "DevnetStrategy",
                &(proxies.strategy_manager, stake_token),
            )
            .await?;
        let whitelist = StrategyManager::addStrategiesToDepositWhitelistCall {
            strategies: vec![strategy],
        };
        deployer.send(proxies.strategy_manager, &whitelist).await?;

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
    pub fn key(
        mut key: snapshot::Key,
        artifacts: &Artifacts,
        delays: Delays,
    ) -> Result<snapshot::Key> {
        let zero = Proxies::predict(Address::ZERO, 0);
        let none = Address::ZERO;
        for part in parts(artifacts, &zero, none, none, none, delays)? {
            key = key.with(&part.creation).with(&part.initialize);
        }
        key = key.with(artifacts.eigenlayer("EigenPod")?);
        for contract in [
            "DevnetPauserRegistry",
            "UpgradeableBeacon",
            "TransparentUpgradeableProxy",
            "DemoToken",
            "DevnetStrategy",
        ] {
            key = key.with(artifacts.code(contract)?);
        }
        Ok(key)
    }
}

/// Creation bytecode of the core followed by encoded constructor arguments.
fn creation(bytecode: &[u8], constructor: &impl SolConstructor) -> Bytes {
    [bytecode, &constructor.abi_encode()].concat().into()
}

/// The contracts behind proxies, in the order of [`Proxies::predict`].
#[expect(clippy::too_many_lines, reason = "a list")]
fn parts(
    artifacts: &Artifacts,
    proxies: &Proxies,
    owner: Address,
    pauser_registry: Address,
    beacon: Address,
    delays: Delays,
) -> Result<[Upgradeable; 7]> {
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
            name: "PermissionController",
            proxy: proxies.permission_controller,
            creation: creation(
                &artifacts.eigenlayer("PermissionController")?,
                &PermissionController::constructorCall { version: version() },
            ),
            // It has nothing to initialise, but OpenZeppelin's proxy refuses to be made without a call.
            initialize: PermissionController::versionCall {}.abi_encode().into(),
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
