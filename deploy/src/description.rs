//! A chain, and what is to be deployed on it: the TOML file behind `zarathustra deploy`.

use std::path::{Path, PathBuf};

use alloy::{
    network::TransactionBuilder as _,
    primitives::{Address, Bytes},
    providers::{DynProvider, Provider as _},
    rpc::types::TransactionRequest,
    sol_types::SolCall as _,
};
use eyre::{Result, WrapErr as _};
use serde::Deserialize;
use zarathustra_chain::{Addresses, ChainError, Sender};

use crate::{
    Artifacts, Contracts, DeployError, Deployment, EigenLayer, Extensions, MarketOptions, Progress,
    create2::code_at,
    eigenlayer::{Delays, Strategy, WHOLE},
    governance::{Role, Roles},
    market::{self, Ground},
    plan::Plan,
};

/// Largest description.
const MAX_BYTES: u64 = 1 << 20;

/// A chain, and what is to be deployed on it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Name of the deployment. Addresses follow from it: another name is another deployment.
    pub name: String,
    /// Chain id.
    pub chain_id: u64,
    /// JSON-RPC address of a node; a flag's or variable's where absent.
    pub rpc_url: Option<String>,
    /// Whether to deploy a token for rewards that anybody can make: on chains without worth.
    #[serde(default)]
    pub demo_reward_token: bool,
    /// Who deploys.
    #[serde(default)]
    pub deployer: Deployer,
    /// EigenLayer on this chain.
    pub eigenlayer: Restaking,
    /// Strategies whose shares operators allocate. None where EigenLayer is deployed with its own.
    #[serde(default)]
    pub strategies: Vec<WeightedStrategy>,
    /// Who holds which role, with which delay.
    pub roles: Roles,
    /// The market's parameters and its kinds of task.
    pub market: MarketOptions,
    /// Contracts beside the market. One that is added to an earlier deployment is created, but only
    /// governance can name it to AvsGovernance then.
    #[serde(default)]
    pub extensions: Extensions,
}

/// Who deploys. The key itself is never in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployer {
    /// The account: addresses follow from it. Where it is stated, another key is refused, and a dry
    /// run needs none.
    pub address: Option<Address>,
    /// Name of an environment variable that holds the key as 32 bytes of hexadecimal.
    pub key_env: Option<String>,
    /// A keystore; relative to the description.
    pub keystore: Option<PathBuf>,
    /// File whose first line is the keystore's password; relative to the description.
    pub password_file: Option<PathBuf>,
}

/// EigenLayer on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Restaking {
    /// The chain's own.
    Existing(Core),
    /// On local chains: deployed here, owned by the deployer.
    Deployed(Local),
}

/// Where EigenLayer's contracts lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Core {
    /// AllocationManager.
    pub allocation_manager: Address,
    /// DelegationManager.
    pub delegation_manager: Address,
    /// StrategyManager.
    pub strategy_manager: Address,
    /// AVSDirectory.
    pub avs_directory: Address,
    /// PermissionController.
    pub permission_controller: Address,
    /// RewardsCoordinator.
    pub rewards_coordinator: Address,
}

/// The delays of a core that is deployed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Local {
    /// Its delays, in blocks.
    pub deploy: Delays,
}

/// A strategy and its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedStrategy {
    /// The strategy.
    pub address: Address,
    /// Weight of its shares, in 1e18ths.
    #[serde(default = "whole")]
    pub multiplier: u64,
}

const fn whole() -> u64 {
    WHOLE
}

/// A deployment that was looked at and can begin.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The steps and the chain.
    pub deployment: Deployment,
    /// What programs will read.
    pub addresses: Addresses,
    /// Who is to hold which role.
    pub roles: Roles,
}

impl Prepared {
    /// Sends what is missing, tells of every step, and checks who has rights.
    ///
    /// # Errors
    /// As for [`Deployment::run`] and [`Prepared::check_rights`].
    pub async fn run(&self, sender: &Sender, tell: &mut dyn FnMut(Progress)) -> Result<()> {
        self.deployment.run(sender, tell).await?;
        self.check_rights().await
    }

    /// Whether the deployer has handed over, and nobody has a role but those who are named.
    ///
    /// # Errors
    /// As for [`Deployment::check_handed_over`] and [`Deployment::check_holders`].
    pub async fn check_rights(&self) -> Result<()> {
        self.deployment.check_handed_over().await?;
        let first_block = self.addresses.deployed_block;
        self.deployment
            .check_holders(&self.roles, first_block)
            .await
    }
}

impl Description {
    /// Reads a description.
    ///
    /// # Errors
    /// [`DeployError::ChainFile`] when it cannot be read, has unknown keys or values out of bounds.
    pub fn read(path: &Path) -> Result<Self, DeployError> {
        let fail = |detail: String| DeployError::ChainFile {
            path: path.to_owned(),
            detail,
        };
        let size = std::fs::metadata(path)
            .map_err(|error| fail(error.to_string()))?
            .len();
        if size > MAX_BYTES {
            let detail = format!("{size} bytes are more than the {MAX_BYTES} that are read");
            return Err(fail(detail));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let mut description: Self =
            toml::from_str(&text).map_err(|error| fail(error.to_string()))?;
        description.check().map_err(fail)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let deployer = &mut description.deployer;
        for file in [&mut deployer.keystore, &mut deployer.password_file] {
            *file = file.take().map(|file| folder.join(file));
        }
        Ok(description)
    }

    /// Puts strategies in order and refuses what no chain could take.
    fn check(&mut self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("name is empty".to_owned());
        }
        for role in Role::ALL {
            let Some(holder) = self.roles.holder(role) else {
                continue;
            };
            let name = role.name();
            if holder.account.is_zero() {
                return Err(format!("roles.{name}: the account is zero"));
            }
            if role.acts_at_once() && holder.delay != 0 {
                let delay = holder.delay;
                return Err(format!(
                    "roles.{name}: a delay of {delay} s would make the role useless; it is 0"
                ));
            }
        }
        self.strategies.sort_by_key(|strategy| strategy.address);
        for pair in self.strategies.windows(2) {
            if pair[0].address == pair[1].address {
                return Err(format!("strategy {} stands there twice", pair[0].address));
            }
        }
        if let Some(strategy) = self.strategies.iter().find(|s| s.multiplier == 0) {
            return Err(format!("strategy {} has no weight", strategy.address));
        }
        match (&self.eigenlayer, self.strategies.is_empty()) {
            (Restaking::Existing(_), true) => Err("no strategy is named".to_owned()),
            (Restaking::Deployed(_), false) => {
                Err("an EigenLayer that is deployed here brings its own strategy".to_owned())
            }
            _ => self.check_key(),
        }
    }

    fn check_key(&self) -> Result<(), String> {
        let Deployer {
            key_env,
            keystore,
            password_file,
            ..
        } = &self.deployer;
        match (key_env, keystore, password_file) {
            (None, None, None) | (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
            _ => {
                Err("deployer: name key_env, or keystore and password_file, or neither".to_owned())
            }
        }
    }

    /// Looks at the chain and makes the list of steps. Sends nothing. The first block is that of
    /// `earlier`, the addresses of an earlier run, where those are of the same deployment.
    ///
    /// # Errors
    /// [`DeployError`] when the chain is not the one described; missing artifacts; transport errors.
    pub async fn prepare(
        &self,
        rpc_url: &str,
        artifacts: &Artifacts,
        deployer: Address,
        earlier: Option<&Addresses>,
    ) -> Result<Prepared> {
        self.check_deployer(deployer)?;
        let (provider, found) = zarathustra_chain::connect(rpc_url).await?;
        if found != self.chain_id {
            return Err(DeployError::WrongChain {
                expected: self.chain_id,
                found,
            }
            .into());
        }
        let mut plan = Plan::new(artifacts, &self.name);
        let (core, strategies) = match &self.eigenlayer {
            Restaking::Existing(core) => self.existing(&provider, core).await?,
            Restaking::Deployed(Local { deploy }) => {
                EigenLayer::check_age(&provider, *deploy).await?;
                let core = EigenLayer::plan(&mut plan, artifacts, deployer, *deploy)?;
                (core, vec![(core.strategy, WHOLE)])
            }
        };
        let ground = Ground {
            allocation_manager: core.allocation_manager,
            delegation_manager: core.delegation_manager,
            rewards_coordinator: core.rewards_coordinator,
            strategies,
        };
        let contracts: Contracts = market::plan(
            &mut plan,
            &ground,
            &self.market,
            &self.roles,
            deployer,
            self.demo_reward_token,
            &self.extensions,
        )?;
        let deployment = Deployment::new(&provider, deployer, contracts.access_manager, plan);
        let addresses = |first_block| core.addresses(&contracts, self.chain_id, first_block);
        let known = earlier.filter(|earlier| addresses(earlier.deployed_block) == **earlier);
        let first_block = match known {
            Some(known) => known.deployed_block,
            None => deployment.first_block().await?,
        };
        Ok(Prepared {
            addresses: addresses(first_block),
            roles: self.roles,
            deployment,
        })
    }

    /// The deployer is the one that is stated, and is to keep no role.
    fn check_deployer(&self, deployer: Address) -> Result<(), DeployError> {
        if let Some(expected) = self.deployer.address.filter(|stated| *stated != deployer) {
            return Err(DeployError::WrongDeployer {
                expected,
                found: deployer,
            });
        }
        for role in Role::ALL {
            if self.roles.holder(role).map(|h| h.account) == Some(deployer) {
                return Err(DeployError::DeployerHoldsRole {
                    address: deployer,
                    role: role.name(),
                });
            }
        }
        Ok(())
    }

    /// The chain's own EigenLayer and the strategies with their weights.
    async fn existing(
        &self,
        provider: &DynProvider,
        core: &Core,
    ) -> Result<(EigenLayer, Vec<(Address, u64)>)> {
        let named = [
            ("eigenlayer.allocation_manager", core.allocation_manager),
            ("eigenlayer.delegation_manager", core.delegation_manager),
            ("eigenlayer.strategy_manager", core.strategy_manager),
            ("eigenlayer.avs_directory", core.avs_directory),
            (
                "eigenlayer.permission_controller",
                core.permission_controller,
            ),
            ("eigenlayer.rewards_coordinator", core.rewards_coordinator),
        ];
        let strategies = self.strategies.iter().map(|s| ("a strategy", s.address));
        for (what, address) in named.into_iter().chain(strategies) {
            if code_at(provider, address).await?.is_empty() {
                let what = what.to_owned();
                return Err(DeployError::NoContract { what, address }.into());
            }
        }
        let weights: Vec<_> = self
            .strategies
            .iter()
            .map(|s| (s.address, s.multiplier))
            .collect();
        let strategy = weights.first().map_or(Address::ZERO, |first| first.0);
        let request = TransactionRequest::default()
            .with_to(strategy)
            .with_input(Bytes::from(Strategy::underlyingTokenCall {}.abi_encode()));
        let token = provider.call(request).await;
        let token = token.map_err(ChainError::transport("underlyingToken of a strategy"))?;
        let core = EigenLayer {
            allocation_manager: core.allocation_manager,
            delegation_manager: core.delegation_manager,
            strategy_manager: core.strategy_manager,
            permission_controller: core.permission_controller,
            avs_directory: core.avs_directory,
            rewards_coordinator: core.rewards_coordinator,
            strategy,
            stake_token: Strategy::underlyingTokenCall::abi_decode_returns(&token)
                .wrap_err("underlyingToken")?,
            ..EigenLayer::default()
        };
        Ok((core, weights))
    }
}
