//! EigenLayer's real core on anvil: stake, operator sets, allocation and slashing.

mod common;

use alloy::{
    primitives::{Address, Bytes, U256, hex},
    providers::Provider as _,
    sol,
};
use common::refusal;
use eyre::Result;
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Checkout, EigenLayer, devnet_key,
    eigenlayer::{Delays, WHOLE},
};

sol! {
    /// What an AVS calls.
    interface IAllocationManager {
        struct CreateSetParams {
            uint32 operatorSetId;
            address[] strategies;
        }

        struct SlashingParams {
            address operator;
            uint32 operatorSetId;
            address[] strategies;
            uint256[] wadsToSlash;
            string description;
        }

        function updateAVSMetadataURI(address avs, string metadataURI) external;
        function createOperatorSets(address avs, CreateSetParams[] params) external;
        function setAVSRegistrar(address avs, address registrar) external;
        function slashOperator(address avs, SlashingParams params) external;
    }
}

use IAllocationManager::{
    CreateSetParams, SlashingParams, createOperatorSetsCall, setAVSRegistrarCall,
    slashOperatorCall, updateAVSMetadataURICall,
};

const SET: u32 = 7;
const STAKE: u64 = 1_000_000;

/// A registrar that agrees to everything: it answers every call with the word 1.
const AGREEABLE: [u8; 19] = hex!("69600160005260206000f3600052600a6016f3");

struct Scene {
    anvil: Anvil,
    core: EigenLayer,
    deployer: Account,
    avs: Account,
    operator: Account,
    staker: Account,
}

impl Scene {
    /// EigenLayer, an AVS with an operator set, and an operator in it with all of its stake.
    async fn new(delays: Delays) -> Result<Self> {
        let checkout = Checkout::find()?;
        let anvil = Anvil::start(&AnvilOptions {
            first_block: delays.first_block(),
            ..AnvilOptions::new(checkout.tool("anvil"))
        })
        .await?;
        let deployer = account(&anvil, "deployer").await?;
        let core = EigenLayer::deploy(&deployer, &checkout.artifacts(), delays).await?;
        let scene = Self {
            avs: account(&anvil, "avs").await?,
            operator: account(&anvil, "operator").await?,
            staker: account(&anvil, "staker").await?,
            anvil,
            core,
            deployer,
        };
        scene.create_operator_set().await?;
        Ok(scene)
    }

    async fn create_operator_set(&self) -> Result<()> {
        let avs = self.avs.address();
        let registrar = self
            .avs
            .deploy("registrar", Bytes::from_static(&AGREEABLE))
            .await?;
        let manager = self.core.allocation_manager;
        let announce = updateAVSMetadataURICall {
            avs,
            metadataURI: String::new(),
        };
        self.avs.send(manager, &announce).await?;
        let create = createOperatorSetsCall {
            avs,
            params: vec![CreateSetParams {
                operatorSetId: SET,
                strategies: vec![self.core.strategy],
            }],
        };
        self.avs.send(manager, &create).await?;
        let set = setAVSRegistrarCall { avs, registrar };
        self.avs.send(manager, &set).await?;
        Ok(())
    }

    async fn enlist(&self) -> Result<()> {
        let core = &self.core;
        core.register_as_operator(&self.operator, 0, "").await?;
        core.deposit(&self.staker, U256::from(STAKE)).await?;
        core.delegate(&self.staker, self.operator.address()).await?;
        let avs = self.avs.address();
        core.modify_allocations(&self.operator, avs, SET, WHOLE)
            .await?;
        core.register_for_operator_sets(&self.operator, avs, &[SET], Bytes::new())
            .await
    }

    async fn slash(&self, wads: u64) -> Result<()> {
        let call = slashOperatorCall {
            avs: self.avs.address(),
            params: SlashingParams {
                operator: self.operator.address(),
                operatorSetId: SET,
                strategies: vec![self.core.strategy],
                wadsToSlash: vec![U256::from(wads)],
                description: String::new(),
            },
        };
        let manager = self.core.allocation_manager;
        self.avs.send(manager, &call).await?;
        Ok(())
    }

    async fn slashable(&self, blocks: u32) -> Result<U256> {
        let (operator, avs) = (self.operator.address(), self.avs.address());
        let core = &self.core;
        core.slashable_stake(&self.deployer, operator, avs, SET, blocks)
            .await
    }

    async fn withdrawable(&self) -> Result<U256> {
        let staker = self.staker.address();
        self.core.withdrawable_shares(&self.deployer, staker).await
    }
}

async fn account(anvil: &Anvil, name: &str) -> Result<Account> {
    let ether = U256::from(10).pow(U256::from(18));
    anvil
        .account(devnet_key(name), ether * U256::from(100))
        .await
}

#[tokio::test]
async fn a_slash_takes_the_delegated_stakers_shares() -> Result<()> {
    let scene = Scene::new(Delays::default()).await?;
    assert_eq!(scene.slashable(0).await?, U256::ZERO);
    scene.enlist().await?;
    assert_eq!(scene.slashable(0).await?, U256::from(STAKE));
    assert_eq!(scene.withdrawable().await?, U256::from(STAKE));

    scene.slash(WHOLE / 4).await?;

    assert_eq!(scene.slashable(0).await?, U256::from(STAKE / 4 * 3));
    assert_eq!(scene.withdrawable().await?, U256::from(STAKE / 4 * 3));
    let core = &scene.core;
    assert_eq!(
        core.burnable_shares(&scene.deployer).await?,
        U256::from(STAKE / 4)
    );
    core.burn(&scene.deployer).await
}

#[tokio::test]
async fn stake_that_leaves_stays_slashable_for_the_delay() -> Result<()> {
    let delays = Delays {
        deallocation: 40,
        ..Delays::default()
    };
    let scene = Scene::new(delays).await?;
    scene.enlist().await?;
    let (operator, avs) = (&scene.operator, scene.avs.address());
    scene.core.modify_allocations(operator, avs, SET, 0).await?;
    assert_eq!(scene.slashable(39).await?, U256::from(STAKE));
    assert_eq!(scene.slashable(41).await?, U256::ZERO);

    scene.anvil.mine(20).await?;
    scene.slash(WHOLE).await?;
    assert_eq!(scene.withdrawable().await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn only_the_avs_slashes_and_only_what_was_deployed_pauses() -> Result<()> {
    let scene = Scene::new(Delays::default()).await?;
    scene.enlist().await?;
    let stranger = Scene {
        avs: account(&scene.anvil, "stranger").await?,
        ..scene
    };
    assert_eq!(refusal(stranger.slash(WHOLE).await), "InvalidOperatorSet");

    let core = &stranger.core;
    let paused = core.pause(&stranger.staker, core.strategy_manager, U256::MAX);
    assert_eq!(refusal(paused.await), "OnlyPauser");
    core.pause(&stranger.deployer, core.strategy_manager, U256::MAX)
        .await?;
    let deposit = core.deposit(&stranger.staker, U256::from(1));
    assert_eq!(refusal(deposit.await), "CurrentlyPaused");
    core.unpause(&stranger.deployer, core.strategy_manager, U256::ZERO)
        .await?;
    core.deposit(&stranger.staker, U256::from(1)).await
}

#[tokio::test]
async fn every_contract_of_the_core_is_there() -> Result<()> {
    let scene = Scene::new(Delays::default()).await?;
    let core = scene.core;
    let contracts: [Address; 10] = [
        core.allocation_manager,
        core.delegation_manager,
        core.strategy_manager,
        core.permission_controller,
        core.avs_directory,
        core.rewards_coordinator,
        core.eigen_pod_manager,
        core.pauser_registry,
        core.strategy,
        core.stake_token,
    ];
    for contract in contracts {
        let code = scene.anvil.provider().get_code_at(contract).await?;
        assert!(!code.is_empty(), "{contract} has no code");
    }
    Ok(())
}
