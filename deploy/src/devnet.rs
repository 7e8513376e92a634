//! A local chain with everything deployed.

use alloy::primitives::{Address, U256};
use eyre::Result;
use serde::{Deserialize, Serialize};
use zarathustra_chain::Addresses;

use crate::{
    Account, Anvil, AnvilOptions, Checkout, EigenLayer, Market, MarketOptions, Mining, devnet_key,
    eigenlayer::{Delays, WHOLE},
    snapshot::{self, Key},
};

/// Wei in one unit of the native currency.
pub const ETHER: u128 = 1_000_000_000_000_000_000;

/// Name of the deployer's key, for [`devnet_key`].
pub const DEPLOYER: &str = "deployer";

/// Name of the key that holds every role, for [`devnet_key`].
pub const GOVERNANCE: &str = "governance";

/// How to make a local chain.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
    /// The chain.
    pub anvil: AnvilOptions,
    /// EigenLayer's delays.
    pub delays: Delays,
    /// The market's windows.
    pub market: MarketOptions,
}

impl DevnetOptions {
    /// The defaults, with the anvil of a checkout. The chain begins at [`Delays::first_block`].
    pub fn new(checkout: &Checkout) -> Self {
        let delays = Delays::default();
        let anvil = AnvilOptions {
            first_block: delays.first_block(),
            ..AnvilOptions::new(checkout.tool("anvil"))
        };
        Self {
            anvil,
            delays,
            market: MarketOptions::default(),
        }
    }
}

/// What was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Deployed {
    core: EigenLayer,
    addresses: Addresses,
}

impl Deployed {
    async fn make(
        deployer: &Account,
        checkout: &Checkout,
        options: &DevnetOptions,
    ) -> Result<Self> {
        let artifacts = checkout.artifacts();
        let core = EigenLayer::deploy(deployer, &artifacts, options.delays).await?;
        let governance = devnet_key(GOVERNANCE).address();
        let addresses =
            Market::deploy(deployer, &artifacts, &core, &options.market, governance).await?;
        Ok(Self { core, addresses })
    }
}

/// A running local chain with EigenLayer's core and the market.
#[derive(Debug)]
pub struct Devnet {
    /// The chain.
    pub anvil: Anvil,
    /// EigenLayer's core.
    pub core: EigenLayer,
    /// Every address that programs need.
    pub addresses: Addresses,
    /// Owner of EigenLayer's core. It has no role in the market.
    pub deployer: Account,
    /// Holder of every role of the market.
    pub governance: Account,
}

impl Devnet {
    /// Starts an empty chain and deploys. Blocks are made as the options say only afterwards, so
    /// that deployment takes seconds.
    ///
    /// # Errors
    /// As for [`Anvil::start`], [`EigenLayer::deploy`] and [`Market::deploy`].
    pub async fn fresh(checkout: &Checkout, options: &DevnetOptions) -> Result<Self> {
        let mut anvil = Anvil::start(&AnvilOptions {
            mining: Mining::Auto,
            ..options.anvil.clone()
        })
        .await?;
        let deployer = deployer(&anvil).await?;
        let deployed = Deployed::make(&deployer, checkout, options).await?;
        anvil.set_mining(options.anvil.mining).await?;
        Self::new(anvil, deployed).await
    }

    /// Starts a chain in the state that [`Devnet::fresh`] makes, deploying only where the same was
    /// never deployed before. See [`snapshot::load_or_build`] on its RANDAO values.
    ///
    /// # Errors
    /// As for [`Devnet::fresh`] and [`snapshot::load_or_build`].
    pub async fn load(checkout: &Checkout, options: &DevnetOptions) -> Result<Self> {
        let artifacts = checkout.artifacts();
        let key = EigenLayer::key(Key::new(), &artifacts, options.delays)?;
        let key = Market::key(key, &artifacts, &options.market)?;
        let (anvil, deployed) = snapshot::load_or_build(
            checkout.snapshots(),
            key,
            &options.anvil,
            async |anvil: &Anvil| Deployed::make(&deployer(anvil).await?, checkout, options).await,
        )
        .await?;
        Self::new(anvil, deployed).await
    }

    /// The same deployment on a chain that goes on from here by itself; see [`Anvil::fork`].
    ///
    /// # Errors
    /// As for [`Anvil::fork`].
    pub async fn fork(&self, options: &AnvilOptions) -> Result<Self> {
        let anvil = self.anvil.fork(options).await?;
        let deployed = Deployed {
            core: self.core,
            addresses: Addresses {
                chain_id: options.chain_id,
                ..self.addresses.clone()
            },
        };
        Self::new(anvil, deployed).await
    }

    async fn new(anvil: Anvil, deployed: Deployed) -> Result<Self> {
        Ok(Self {
            deployer: deployer(&anvil).await?,
            governance: rich(&anvil, GOVERNANCE).await?,
            anvil,
            core: deployed.core,
            addresses: deployed.addresses,
        })
    }

    /// The account of a named key, with at least a thousand units of native currency.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn account(&self, name: &str) -> Result<Account> {
        rich(&self.anvil, name).await
    }

    /// Makes an account an operator of EigenLayer with `stake` tokens, which `staker` deposits and
    /// delegates, all of it allocated to the market's operator set.
    ///
    /// What is left to do is [`EigenLayer::register_for_operator_sets`] with the operator's keys.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted); transport errors.
    pub async fn enlist(&self, operator: &Account, staker: &Account, stake: U256) -> Result<()> {
        let core = &self.core;
        core.register_as_operator(operator, 0, "").await?;
        core.deposit(staker, stake).await?;
        core.delegate(staker, operator.address()).await?;
        // At least a block has passed since the registration, so the allocation delay holds.
        core.modify_allocations(operator, self.avs(), self.operator_set(), WHOLE)
            .await
    }

    /// The AVS: AvsGovernance.
    pub const fn avs(&self) -> Address {
        self.addresses.avs_governance
    }

    /// The market's operator set.
    pub const fn operator_set(&self) -> u32 {
        0
    }
}

async fn deployer(anvil: &Anvil) -> Result<Account> {
    rich(anvil, DEPLOYER).await
}

async fn rich(anvil: &Anvil, name: &str) -> Result<Account> {
    anvil
        .account(devnet_key(name), U256::from(1000 * ETHER))
        .await
}
