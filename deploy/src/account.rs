//! Who sends transactions.

use std::{path::Path, time::Duration};

use alloy::{
    network::{EthereumWallet, TransactionBuilder as _},
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use eyre::{Result, WrapErr as _, bail, eyre};
use tokio::time::{Instant, sleep};
use zarathustra_chain::{ChainError, FeePolicy, Sender, Store};

use crate::{artifacts::Artifacts, revert::explain};

/// How long a transaction may take to be mined.
const MINED_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks for a receipt.
const POLL: Duration = Duration::from_millis(15);

/// A key whose owner is known by a name, for chains without worth: everybody can derive it.
pub fn devnet_key(name: &str) -> PrivateKeySigner {
    let secret = keccak256(format!("Zarathustra.Devnet.Key.v1:{name}"));
    PrivateKeySigner::from_bytes(&secret)
        .expect("a hash is a valid scalar but for chance of 2^-128")
}

/// An account on a chain, with its key. Clones share the connection.
///
/// Made for set-up and tests: it asks the node for the nonce of every transaction and keeps no
/// journal. Programs that must not lose a transaction use `zarathustra_chain::Sender`.
#[derive(Clone, Debug)]
pub struct Account {
    signer: PrivateKeySigner,
    provider: DynProvider,
}

impl Account {
    /// The account of a key on the chain behind a JSON-RPC address. Sends nothing.
    ///
    /// # Errors
    /// When the address is no URL.
    pub fn new(rpc_url: &str, signer: PrivateKeySigner) -> Result<Self> {
        let url = rpc_url
            .parse()
            .map_err(|error| eyre!("{rpc_url:?} is not a URL: {error}"))?;
        let provider = ProviderBuilder::default()
            .with_gas_estimation()
            .with_simple_nonce_management()
            .fetch_chain_id()
            .wallet(EthereumWallet::from(signer.clone()))
            .connect_http(url)
            .erased();
        Ok(Self { signer, provider })
    }

    /// The account's address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The account's key.
    pub fn signer(&self) -> &PrivateKeySigner {
        &self.signer
    }

    /// The node; what is sent through it is signed by this account.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// A sender of this account's transactions that writes them down in a file before it sends
    /// them, and looks for their receipts as often as a local chain makes blocks.
    ///
    /// # Errors
    /// When the file cannot be opened; transport errors.
    pub async fn sender(&self, journal: &Path) -> Result<Sender> {
        let chain_id = self
            .provider
            .get_chain_id()
            .await
            .map_err(ChainError::transport("eth_chainId"))?;
        let policy = FeePolicy {
            poll_every: POLL,
            ..FeePolicy::default()
        };
        let (provider, signer) = (self.provider.clone(), self.signer.clone());
        let store = Store::open(journal)?;
        Ok(Sender::new(provider, signer, chain_id, store, policy))
    }

    /// Transactions sent so far, those that wait to be mined included.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn nonce(&self) -> Result<u64> {
        let pending = self
            .provider
            .get_transaction_count(self.address())
            .pending();
        pending.await.wrap_err("eth_getTransactionCount")
    }

    /// Deploys a contract from creation bytecode with its arguments, and waits for it.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted) when the constructor refuses; transport errors.
    pub async fn deploy(&self, what: &str, creation: Bytes) -> Result<Address> {
        let request = TransactionRequest::default().with_deploy_code(creation);
        let receipt = self
            .transact(&format!("deployment of {what}"), request)
            .await?;
        receipt
            .contract_address
            .ok_or_else(|| eyre!("the receipt of {what} has no address"))
    }

    /// Deploys a compiled contract. `arguments` is a tuple, also of one.
    ///
    /// # Errors
    /// As for [`Artifacts::code`] and [`Account::deploy`].
    pub async fn deploy_artifact<T>(
        &self,
        artifacts: &Artifacts,
        contract: &str,
        arguments: &T,
    ) -> Result<Address>
    where
        T: alloy::sol_types::SolValue,
        for<'a> <T::SolType as alloy::sol_types::SolType>::Token<'a>:
            alloy::sol_types::abi::TokenSeq<'a>,
    {
        self.deploy(contract, artifacts.creation(contract, arguments)?)
            .await
    }

    /// Calls a contract in a transaction, without value, and waits until it is mined.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted) when the contract refuses; transport errors.
    pub async fn send<C: SolCall>(&self, to: Address, call: &C) -> Result<TransactionReceipt> {
        self.send_value(to, call, U256::ZERO).await
    }

    /// Calls a contract in a transaction that carries `value` wei, and waits until it is mined.
    ///
    /// # Errors
    /// As for [`Account::send`].
    pub async fn send_value<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        value: U256,
    ) -> Result<TransactionReceipt> {
        let request = TransactionRequest::default()
            .with_to(to)
            .with_input(call.abi_encode())
            .with_value(value);
        self.transact(name::<C>(), request).await
    }

    /// Moves native currency.
    ///
    /// # Errors
    /// As for [`Account::send`].
    pub async fn pay(&self, to: Address, value: U256) -> Result<TransactionReceipt> {
        let request = TransactionRequest::default().with_to(to).with_value(value);
        self.transact("payment", request).await
    }

    /// Asks a contract, at the newest block, as this account.
    ///
    /// # Errors
    /// [`Reverted`](crate::Reverted) when the contract refuses; transport and decoding errors.
    pub async fn call<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return> {
        let request = TransactionRequest::default()
            .with_from(self.address())
            .with_to(to)
            .with_input(call.abi_encode());
        let answer = self
            .provider
            .call(request)
            .await
            .map_err(|error| explain(name::<C>(), error))?;
        C::abi_decode_returns(&answer)
            .wrap_err_with(|| format!("{} answered what cannot be read", name::<C>()))
    }

    /// Sends a transaction and waits until it is mined.
    async fn transact(
        &self,
        action: &str,
        request: TransactionRequest,
    ) -> Result<TransactionReceipt> {
        let request = request.with_from(self.address());
        let estimate = self
            .provider
            .estimate_gas(request.clone())
            .await
            .map_err(|error| explain(action, error))?;
        // The block that mines it is a later one, in which the same call may cost a little more.
        let request = request.with_gas_limit(estimate + estimate / 5);
        let pending = self
            .provider
            .send_transaction(request.clone())
            .await
            .map_err(|error| explain(action, error))?;
        let receipt = self.receipt(action, *pending.tx_hash()).await?;
        if !receipt.status() {
            return Err(self.why(action, request, &receipt).await);
        }
        Ok(receipt)
    }

    /// Waits for a receipt.
    async fn receipt(&self, action: &str, hash: B256) -> Result<TransactionReceipt> {
        let deadline = Instant::now() + MINED_WITHIN;
        loop {
            let found = self.provider.get_transaction_receipt(hash).await;
            if let Some(receipt) = found.wrap_err_with(|| format!("receipt of {action}"))? {
                return Ok(receipt);
            }
            if Instant::now() > deadline {
                bail!("{action} ({hash}) was not mined within {MINED_WITHIN:?}");
            }
            sleep(POLL).await;
        }
    }

    /// Runs a transaction that failed once more, for its revert data.
    async fn why(
        &self,
        action: &str,
        request: TransactionRequest,
        receipt: &TransactionReceipt,
    ) -> eyre::Report {
        match self.provider.call(request).await {
            Err(error) => explain(action, error),
            Ok(_) => eyre!("{action} ({}) failed when mined", receipt.transaction_hash),
        }
    }
}

/// Name of the function that a call names.
fn name<C: SolCall>() -> &'static str {
    C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE)
}
