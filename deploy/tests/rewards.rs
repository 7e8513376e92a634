//! What EigenLayer's tools see of the market, with EigenLayer's own code on anvil: rewards through
//! RewardsCoordinator and the document about the AVS.

mod common;

use alloy::{
    primitives::{Address, Bytes, U256, keccak256},
    sol,
    sol_types::{SolCall as _, SolEvent as _, SolValue as _},
};
use common::refusal;
use eyre::{ContextCompat as _, Result};
use zarathustra_abi::avs_governance::IAvsGovernance::{setMetadataURICall, setRewardsPayerCall};
use zarathustra_chain::Addresses;
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Checkout, ETHER, EigenLayer, Market, MarketOptions, Reverted,
    devnet_key,
    eigenlayer::{Delays, WHOLE},
};

sol! {
    #[derive(Debug, PartialEq)]
    struct StrategyAndMultiplier {
        address strategy;
        uint96 multiplier;
    }

    #[derive(Debug, PartialEq)]
    struct OperatorReward {
        address operator;
        uint256 amount;
    }

    #[derive(Debug, PartialEq)]
    struct OperatorDirectedRewardsSubmission {
        StrategyAndMultiplier[] strategiesAndMultipliers;
        address token;
        OperatorReward[] operatorRewards;
        uint32 startTimestamp;
        uint32 duration;
        string description;
    }

    struct OperatorSet {
        address avs;
        uint32 id;
    }

    /// EigenLayer's public ABI.
    contract RewardsCoordinator {
        event OperatorDirectedAVSRewardsSubmissionCreated(
            address indexed caller,
            address indexed avs,
            bytes32 indexed operatorDirectedRewardsSubmissionHash,
            uint256 submissionNonce,
            OperatorDirectedRewardsSubmission operatorDirectedRewardsSubmission
        );

        function createOperatorDirectedAVSRewardsSubmission(
            address avs, OperatorDirectedRewardsSubmission[] submissions
        ) external;
        /// Of later releases.
        function createOperatorDirectedOperatorSetRewardsSubmission(
            OperatorSet operatorSet, OperatorDirectedRewardsSubmission[] submissions
        ) external;
        function isOperatorDirectedAVSRewardsSubmissionHash(address avs, bytes32 hash) external
            view returns (bool known);
    }

    contract AllocationManager {
        event AVSMetadataURIUpdated(address indexed avs, string metadataURI);
    }

    contract EigenLayerRewards {
        function pay(uint32 start, uint32 duration, OperatorReward[] rewards) external payable;
        function newestPeriod() external view returns (uint32 start, uint32 duration);
    }

    contract Token {
        function balanceOf(address account) external view returns (uint256 balance);
    }
}

use RewardsCoordinator::OperatorDirectedAVSRewardsSubmissionCreated as Created;

/// As in the contract.
const DESCRIPTION: &str = "Zarathustra: operators' fees";

/// A market over EigenLayer's core, and rewards that governance has allowed.
struct Scene {
    /// Stops when it is dropped.
    _anvil: Anvil,
    addresses: Addresses,
    governor: Account,
    payer: Account,
    token: Address,
    rewards: Address,
}

impl Scene {
    async fn new() -> Result<Self> {
        let checkout = Checkout::find()?;
        let artifacts = checkout.artifacts();
        let delays = Delays::default();
        let anvil = Anvil::start(&AnvilOptions {
            first_block: delays.first_block(),
            ..AnvilOptions::new(checkout.tool("anvil"))
        })
        .await?;
        let ether = U256::from(100 * ETHER);
        let deployer = anvil.account(devnet_key("deployer"), ether).await?;
        let governor = anvil.account(devnet_key("governor"), ether).await?;
        let payer = anvil.account(devnet_key("payer"), ether).await?;
        let core = EigenLayer::deploy(&deployer, &artifacts, delays).await?;
        let options = MarketOptions::default();
        let addresses =
            Market::deploy(&deployer, &artifacts, &core, &options, governor.address()).await?;
        let token = deployer
            .deploy_artifact(&artifacts, "DevnetWrappedNative", &())
            .await?;
        let arguments = (
            addresses.avs_governance,
            addresses.rewards_coordinator,
            token,
        );
        let rewards = deployer
            .deploy_artifact(&artifacts, "EigenLayerRewards", &arguments)
            .await?;
        let scene = Self {
            _anvil: anvil,
            addresses,
            governor,
            payer,
            token,
            rewards,
        };
        scene.name_payer(rewards).await?;
        Ok(scene)
    }

    async fn name_payer(&self, payer: Address) -> Result<()> {
        let call = setRewardsPayerCall { payer };
        let governance = self.addresses.avs_governance;
        self.governor.send(governance, &call).await?;
        Ok(())
    }

    async fn balance(&self, account: Address) -> Result<U256> {
        let question = Token::balanceOfCall { account };
        self.payer.call(self.token, &question).await
    }

    /// What is submitted for two operators and a period.
    fn submission(&self, start: u32, duration: u32) -> OperatorDirectedRewardsSubmission {
        OperatorDirectedRewardsSubmission {
            strategiesAndMultipliers: vec![StrategyAndMultiplier {
                strategy: self.addresses.strategy,
                multiplier: WHOLE.try_into().expect("it fits"),
            }],
            token: self.token,
            operatorRewards: two(),
            startTimestamp: start,
            duration,
            description: DESCRIPTION.to_owned(),
        }
    }
}

fn two() -> Vec<OperatorReward> {
    [(0x11, 1), (0x22, 2)]
        .map(|(operator, ether)| OperatorReward {
            operator: Address::repeat_byte(operator),
            amount: U256::from(ether) * U256::from(ETHER),
        })
        .into()
}

#[tokio::test]
async fn anybody_pays_operators_through_eigenlayer() -> Result<()> {
    let scene = Scene::new().await?;
    let question = EigenLayerRewards::newestPeriodCall {};
    let period = scene.payer.call(scene.rewards, &question).await?;
    let pay = EigenLayerRewards::payCall {
        start: period.start,
        duration: period.duration,
        rewards: two(),
    };
    let value = U256::from(3 * ETHER);
    let receipt = scene.payer.send_value(scene.rewards, &pay, value).await?;

    let coordinator = scene.addresses.rewards_coordinator;
    let avs = scene.addresses.avs_governance;
    let created = receipt
        .logs()
        .iter()
        .filter(|log| log.address() == coordinator)
        .find_map(|log| Created::decode_log(&log.inner).ok())
        .wrap_err("RewardsCoordinator's event")?;
    let expected = scene.submission(period.start, period.duration);
    assert_eq!(created.avs, avs);
    assert_eq!(created.caller, avs);
    assert_eq!(created.operatorDirectedRewardsSubmission, expected);
    let nonce = created.submissionNonce;
    let hash = keccak256((avs, nonce, expected).abi_encode_params());
    assert_eq!(created.operatorDirectedRewardsSubmissionHash, hash);
    let question = RewardsCoordinator::isOperatorDirectedAVSRewardsSubmissionHashCall { avs, hash };
    assert!(scene.payer.call(coordinator, &question).await?);

    assert_eq!(scene.balance(coordinator).await?, value);
    assert_eq!(scene.balance(avs).await?, U256::ZERO);
    assert_eq!(scene.balance(scene.rewards).await?, U256::ZERO);
    Ok(())
}

#[tokio::test]
async fn what_eigenlayer_refuses_is_refused() -> Result<()> {
    let scene = Scene::new().await?;
    let question = EigenLayerRewards::newestPeriodCall {};
    let period = scene.payer.call(scene.rewards, &question).await?;
    let (coordinator, avs) = (
        scene.addresses.rewards_coordinator,
        scene.addresses.avs_governance,
    );

    // 71 days are longer than the coordinator's 70.
    let long = 71 * period.duration;
    let pay = EigenLayerRewards::payCall {
        start: period.start + period.duration - long,
        duration: long,
        rewards: two(),
    };
    let value = U256::from(3 * ETHER);
    let refused = scene.payer.send_value(scene.rewards, &pay, value).await;
    let reason = refusal(refused);
    assert!(reason.contains("MAX_REWARDS_DURATION"), "{reason}");

    // A stranger has no name but its own.
    let submissions = vec![scene.submission(period.start, period.duration)];
    let direct = RewardsCoordinator::createOperatorDirectedAVSRewardsSubmissionCall {
        avs,
        submissions: submissions.clone(),
    };
    let reason = refusal(scene.payer.send(coordinator, &direct).await);
    assert!(reason.contains("caller is not the AVS"), "{reason}");

    // Nor does the contract that pays, once governance has named another.
    scene.name_payer(Address::ZERO).await?;
    let pay = EigenLayerRewards::payCall {
        start: period.start,
        duration: period.duration,
        rewards: two(),
    };
    let reason = refusal(scene.payer.send_value(scene.rewards, &pay, value).await);
    assert!(reason.starts_with("NotRewardsPayer"), "{reason}");
    Ok(())
}

/// So the directed form of an AVS is the one that is used. Where this fails, the bytecode is of a
/// release that has both, and the document about compatibility has to say so.
#[tokio::test]
async fn this_coordinator_has_no_rewards_of_operator_sets() -> Result<()> {
    let scene = Scene::new().await?;
    let artifacts = Checkout::find()?.artifacts();
    let code = artifacts.eigenlayer("RewardsCoordinator")?;
    let has = |selector: [u8; 4]| code.windows(4).any(|window| window == selector);
    assert!(has(
        RewardsCoordinator::createOperatorDirectedAVSRewardsSubmissionCall::SELECTOR
    ));
    assert!(!has(
        RewardsCoordinator::createOperatorDirectedOperatorSetRewardsSubmissionCall::SELECTOR
    ));
    let call = RewardsCoordinator::createOperatorDirectedOperatorSetRewardsSubmissionCall {
        operatorSet: OperatorSet {
            avs: scene.payer.address(),
            id: 0,
        },
        submissions: Vec::new(),
    };
    let coordinator = scene.addresses.rewards_coordinator;
    let error = scene.payer.send(coordinator, &call).await;
    let error = error.expect_err("an unknown function");
    let reverted: &Reverted = error.downcast_ref().wrap_err("refused by the contract")?;
    assert_eq!(reverted.data, Bytes::new());
    Ok(())
}

#[tokio::test]
async fn governance_announces_another_document() -> Result<()> {
    let scene = Scene::new().await?;
    let governance = scene.addresses.avs_governance;
    let uri = "ipfs://newer".to_owned();
    let call = setMetadataURICall {
        metadataURI: uri.clone(),
    };
    let receipt = scene.governor.send(governance, &call).await?;
    let updated = receipt
        .logs()
        .iter()
        .filter(|log| log.address() == scene.addresses.allocation_manager)
        .find_map(|log| AllocationManager::AVSMetadataURIUpdated::decode_log(&log.inner).ok())
        .wrap_err("AllocationManager's event")?;
    assert_eq!((updated.avs, &updated.metadataURI), (governance, &uri));
    let reason = refusal(scene.payer.send(governance, &call).await);
    assert!(reason.starts_with("AccessManagedUnauthorized"), "{reason}");
    Ok(())
}
