//! The contracts of one deployment behind typed reads, and the transactions that programs send.

use std::path::Path;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
    transports::http::reqwest::Url,
};
use std::sync::Arc;
use zarathustra_abi::{
    attestation_center::IAttestationCenter, avs_governance::IAvsGovernance,
    model_submission::IModelSubmission,
};
use zarathustra_primitives::Domain;

use crate::{
    Addresses, Call, ChainError, FeePolicy, Sender, Store, beacon::Beacons, revert::from_contract,
};

/// Contract instances of the deployment.
type Attestation = IAttestationCenter::IAttestationCenterInstance<DynProvider>;
type Market = IModelSubmission::IModelSubmissionInstance<DynProvider>;
type Governance = IAvsGovernance::IAvsGovernanceInstance<DynProvider>;

/// A connection to one deployment. Clones share everything.
#[derive(Clone, Debug)]
pub struct Chain {
    provider: DynProvider,
    addresses: Arc<Addresses>,
    sender: Option<Arc<Sender>>,
    beacons: Beacons,
}

/// The newest block and the market's clock at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Seconds since the epoch.
    pub timestamp: u64,
    /// The market clock (specification 1.1).
    pub clock: u64,
    /// Whether the market is paused.
    pub paused: bool,
    /// Price of gas below which no transaction was taken, wei.
    pub base_fee: u128,
}

impl Chain {
    /// Connects for reading, and checks that the node is on the deployment's chain.
    ///
    /// # Errors
    /// [`ChainError::UrlMalformed`], [`ChainError::Transport`] when the node does not answer,
    /// [`ChainError::WrongChain`].
    pub async fn connect(rpc_url: &str, addresses: Addresses) -> Result<Self, ChainError> {
        let malformed = |reason: String| ChainError::UrlMalformed {
            url: rpc_url.to_owned(),
            reason,
        };
        let scheme = rpc_url.split_once("://").map(|(scheme, _)| scheme);
        if !scheme.is_some_and(|s| ["http", "https"].iter().any(|h| s.eq_ignore_ascii_case(h))) {
            return Err(malformed(
                "does not begin with http:// or https://".to_owned(),
            ));
        }
        let url: Url = rpc_url.parse().map_err(|e| malformed(format!("{e}")))?;
        let provider = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(url)
            .erased();
        let found = provider
            .get_chain_id()
            .await
            .map_err(ChainError::transport("eth_chainId"))?;
        if found != addresses.chain_id {
            return Err(ChainError::WrongChain {
                expected: addresses.chain_id,
                found,
            });
        }
        Ok(Self {
            provider,
            addresses: Arc::new(addresses),
            sender: None,
            beacons: Beacons::new(&[])?,
        })
    }

    /// The same connection with beacons of a drand network, which give what fixes seeds where a
    /// kind's source of seeds is one. Each is the address of the usual HTTP API with the hash of the
    /// chain, and is asked for `/public/{round}`.
    ///
    /// # Errors
    /// [`ChainError::BeaconUrlMalformed`]; [`ChainError::Beacon`] when the HTTP client cannot be set up.
    pub fn with_beacons(mut self, urls: &[String]) -> Result<Self, ChainError> {
        self.beacons = Beacons::new(urls)?;
        Ok(self)
    }

    /// The same connection with a key to send transactions with, journalled in `store`.
    #[must_use]
    pub fn with_sender(
        mut self,
        signer: PrivateKeySigner,
        store: Store,
        policy: FeePolicy,
    ) -> Self {
        let sender = Sender::new(
            self.provider.clone(),
            signer,
            self.addresses.chain_id,
            store,
            policy,
        );
        self.sender = Some(Arc::new(sender));
        self
    }

    /// Opens the store beside which a sender and cursors keep their records.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_store(path: &Path) -> Result<Store, ChainError> {
        Store::open(path)
    }

    /// The node.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// The deployment.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The sender.
    ///
    /// # Errors
    /// [`ChainError::NoSigner`] when the connection is for reading.
    pub fn sender(&self) -> Result<&Sender, ChainError> {
        self.sender.as_deref().ok_or(ChainError::NoSigner)
    }

    pub(crate) const fn beacons(&self) -> &Beacons {
        &self.beacons
    }

    /// What binds hashes and signatures to this deployment.
    pub fn domain(&self) -> Domain {
        Domain {
            chain_id: self.addresses.chain_id,
            attestation_center: self.addresses.attestation_center,
        }
    }

    /// AttestationCenter.
    pub fn attestation(&self) -> Attestation {
        IAttestationCenter::new(self.addresses.attestation_center, self.provider.clone())
    }

    /// ModelSubmission.
    pub fn market(&self) -> Market {
        IModelSubmission::new(self.addresses.model_submission, self.provider.clone())
    }

    /// AvsGovernance.
    pub fn governance(&self) -> Governance {
        IAvsGovernance::new(self.addresses.avs_governance, self.provider.clone())
    }

    /// The newest block and the market clock.
    ///
    /// # Errors
    /// [`ChainError::Transport`] or [`ChainError::UnknownBlock`].
    pub async fn head(&self) -> Result<Head, ChainError> {
        let block = self
            .provider
            .get_block_by_number(alloy::eips::BlockNumberOrTag::Latest)
            .await
            .map_err(ChainError::transport("eth_getBlockByNumber"))?
            .ok_or(ChainError::UnknownBlock { number: 0 })?;
        let governance = self.governance();
        let at = block.header.hash.into();
        let clock = governance
            .clock()
            .block(at)
            .call()
            .await
            .map_err(|e| from_contract("clock", e))?;
        let paused = governance
            .paused()
            .block(at)
            .call()
            .await
            .map_err(|e| from_contract("paused", e))?;
        Ok(Head {
            number: block.header.number,
            hash: block.header.hash,
            timestamp: block.header.timestamp,
            clock,
            paused,
            base_fee: block.header.base_fee_per_gas.unwrap_or_default().into(),
        })
    }

    /// Sends a contract call and waits until it is mined.
    ///
    /// # Errors
    /// As for [`Sender::send`], and [`ChainError::NoSigner`].
    pub async fn transact<C: SolCall>(
        &self,
        to: Address,
        call: C,
        value: U256,
    ) -> Result<TransactionReceipt, ChainError> {
        let action = C::SIGNATURE
            .split('(')
            .next()
            .unwrap_or(C::SIGNATURE)
            .to_owned();
        let data = Bytes::from(call.abi_encode());
        self.sender()?
            .send(Call {
                action,
                to,
                data,
                value,
            })
            .await
    }
}

/// Runs a read-only contract call and sorts its errors.
///
/// # Errors
/// [`ChainError::Reverted`], [`ChainError::Decode`] or [`ChainError::Transport`].
pub async fn read<P, D>(
    method: &'static str,
    call: alloy::contract::CallBuilder<P, D>,
) -> Result<D::CallOutput, ChainError>
where
    P: Provider,
    D: alloy::contract::CallDecoder + Unpin,
{
    call.call().await.map_err(|e| from_contract(method, e))
}
