//! Why a deployment stops, each with a stable code.

use std::path::PathBuf;

use alloy::primitives::{Address, Bytes, U256};
use thiserror::Error;

/// A deployment cannot begin or go on. Nothing that was sent is lost: the next run goes on from
/// what is on the chain.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeployError {
    /// The description of the chain cannot be read or is not of the expected form.
    #[error("{path}: {detail}")]
    ChainFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The node is on another chain than the description says.
    #[error("the node is on chain {found}, the description is of chain {expected}")]
    WrongChain {
        /// The description's chain.
        expected: u64,
        /// The node's chain.
        found: u64,
    },
    /// The key is not that of the deployer whom the description names. Addresses depend on it.
    #[error("the key belongs to {found}, the description names {expected} as the deployer")]
    WrongDeployer {
        /// Who deploys, by the description.
        expected: Address,
        /// Whose key it is.
        found: Address,
    },
    /// The deployer is to hold a role, and so would not hand over.
    #[error("the deployer {address} is named as {role}: it must keep no role")]
    DeployerHoldsRole {
        /// The deployer.
        address: Address,
        /// The role's name.
        role: &'static str,
    },
    /// Somebody holds a role whom the description does not name.
    #[error("{account} holds role {role} and is not named for it")]
    UnexpectedHolder {
        /// The account.
        account: Address,
        /// The role's number in AccessManager.
        role: u64,
    },
    /// The deterministic deployment proxy is missing and nobody has paid for it.
    #[error(
        "the chain has no deterministic deployment proxy: send {missing} wei to {signer}, and the \
         next run deploys it"
    )]
    NoProxy {
        /// The account that the pre-signed transaction comes from.
        signer: Address,
        /// What it lacks, wei.
        missing: U256,
    },
    /// The chain does not take the transaction that deploys the proxy.
    #[error("the chain refuses the transaction that deploys the deployment proxy: {reason}")]
    ProxyRefused {
        /// The node's words.
        reason: String,
    },
    /// Something else lies where the deterministic deployment proxy belongs.
    #[error("{address} is not the deterministic deployment proxy")]
    ForeignProxy {
        /// The proxy's address.
        address: Address,
    },
    /// The description names a contract that is not there.
    #[error("{what} is not at {address}: there is no code")]
    NoContract {
        /// What was named.
        what: String,
        /// Where.
        address: Address,
    },
    /// The node cannot run code that is not on the chain, which the check of what is there needs.
    #[error("the node does not run calls with state overrides")]
    NoSimulation,
    /// EigenLayer would not be able to slash yet.
    #[error("EigenLayer cannot slash before block {needed}, and this is {newest}")]
    ChainTooYoung {
        /// The newest block.
        newest: u64,
        /// The first block in which it can.
        needed: u64,
    },
    /// A constructor refuses its arguments.
    #[error("{contract} cannot be created: {reason}")]
    ConstructorRefused {
        /// The contract.
        contract: String,
        /// Its error.
        reason: String,
    },
    /// The chain takes no code of this length (EIP-170).
    #[error("{contract} has {bytes} bytes of code at {address}, more than the {most} allowed")]
    CodeTooLarge {
        /// The contract.
        contract: String,
        /// Where it would lie.
        address: Address,
        /// Its length.
        bytes: usize,
        /// The longest.
        most: usize,
    },
    /// The code on the chain is not what the creation code makes.
    #[error(
        "{contract} at {address} has other code: {found} bytes instead of {expected}, and byte \
         {position} is the first that differs"
    )]
    CodeDiffers {
        /// The contract.
        contract: String,
        /// Where it lies.
        address: Address,
        /// Bytes on the chain.
        found: usize,
        /// Bytes that it should have.
        expected: usize,
        /// Index of the first difference.
        position: usize,
    },
    /// What a step would set was set to something else.
    #[error("{step}: the chain has {found}, expected {expected}")]
    StateDiffers {
        /// The step.
        step: String,
        /// What the chain answers.
        found: Bytes,
        /// What it answers after the step.
        expected: Bytes,
    },
    /// A step is missing and the deployer has given its rights away.
    #[error("{step} is missing, and the deployer has handed over: governance has to send it")]
    HandedOver {
        /// The step.
        step: String,
    },
    /// A transaction was mined and did not do what it is for.
    #[error("{step} was mined, and the chain does not show it")]
    NoEffect {
        /// The step.
        step: String,
    },
    /// The node does not know the state of old blocks, in which the first block of the deployment
    /// has to be found.
    #[error("the node does not know when {address} was created: it keeps no old states")]
    NoHistory {
        /// The contract that was created first.
        address: Address,
    },
}

impl DeployError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ChainFile { .. } => "chain_file",
            Self::WrongChain { .. } => "wrong_chain",
            Self::WrongDeployer { .. } => "wrong_deployer",
            Self::DeployerHoldsRole { .. } => "deployer_holds_role",
            Self::UnexpectedHolder { .. } => "unexpected_holder",
            Self::NoProxy { .. } => "no_deployment_proxy",
            Self::ProxyRefused { .. } => "deployment_proxy_refused",
            Self::ForeignProxy { .. } => "foreign_deployment_proxy",
            Self::NoContract { .. } => "no_contract",
            Self::NoSimulation => "no_simulation",
            Self::ChainTooYoung { .. } => "chain_too_young",
            Self::ConstructorRefused { .. } => "constructor_refused",
            Self::CodeTooLarge { .. } => "code_too_large",
            Self::CodeDiffers { .. } => "code_differs",
            Self::StateDiffers { .. } => "state_differs",
            Self::HandedOver { .. } => "handed_over",
            Self::NoEffect { .. } => "no_effect",
            Self::NoHistory { .. } => "no_history",
        }
    }

    /// What can be done about it.
    pub const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::ChainFile { .. } => "deploy/chains has descriptions with every key explained",
            Self::WrongChain { .. } => "check chain_id and rpc_url of the description",
            Self::WrongDeployer { .. } => {
                "addresses follow from the deployer's: go on with the key that began"
            }
            Self::DeployerHoldsRole { .. } => "name other accounts under [roles]",
            Self::NoProxy { .. } | Self::ProxyRefused { .. } => {
                "the proxy is https://github.com/Arachnid/deterministic-deployment-proxy; some chains need another way to get it"
            }
            Self::NoContract { .. } => "check the addresses in the description",
            Self::ChainTooYoung { .. } => "begin the local chain later: `anvil --number 5001`",
            Self::NoSimulation => "use a node that takes state overrides in eth_call",
            Self::CodeDiffers { .. } | Self::StateDiffers { .. } | Self::HandedOver { .. } => {
                "another `name` in the description gives a deployment of its own"
            }
            Self::NoHistory { .. } => {
                "use an archive node, or the addresses file that the first run wrote"
            }
            Self::UnexpectedHolder { .. } => {
                "the description is of the day of the deployment; what governance changed since shows as a difference"
            }
            _ => return None,
        })
    }
}
