//! Sends transactions with one key: nonces in order, fees raised when a transaction is stuck, and a
//! journal that survives a crash between signing and mining.

use std::time::Duration;

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::{Encodable2718, eip2930::AccessList},
    network::{TransactionBuilder, TxSignerSync},
    primitives::{Address, Bytes, TxHash, TxKind, U256},
    providers::{DynProvider, Provider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use tracing::{debug, warn};

use crate::{ChainError, revert::from_transport, store::Store};

/// How a sender pays and how patient it is.
#[derive(Clone, Debug)]
pub struct FeePolicy {
    /// Most that is ever paid for a unit of gas, wei.
    pub max_fee_wei: u128,
    /// Tip offered at first, wei per unit of gas.
    pub tip_wei: u128,
    /// How long a transaction may wait before its fee is raised.
    pub bump_after: Duration,
    /// How long to go on at the cap before the sender gives up waiting. The transaction stays in
    /// the journal and is taken up again by the next call.
    pub give_up_after: Duration,
    /// How often the node is asked for the receipt.
    pub poll_every: Duration,
    /// How long a receipt may take to appear once the account's nonce says that a transaction was
    /// mined. Only then another one is taken to have used the nonce.
    pub receipt_within: Duration,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self {
            max_fee_wei: 200_000_000_000,
            tip_wei: 1_000_000_000,
            bump_after: Duration::from_secs(30),
            give_up_after: Duration::from_secs(600),
            poll_every: Duration::from_millis(250),
            receipt_within: Duration::from_secs(10),
        }
    }
}

/// A call to send.
#[derive(Clone, Debug)]
pub struct Call {
    /// What it is for, in words and without secrets: for logs and the journal.
    pub action: String,
    /// The contract.
    pub to: Address,
    /// Encoded call.
    pub data: Bytes,
    /// Native token to send along, wei.
    pub value: U256,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    nonce: u64,
    action: String,
    to: Address,
    data: Bytes,
    value: U256,
    gas: u64,
    tip_wei: u128,
    max_fee_wei: u128,
    hashes: Vec<TxHash>,
}

/// The sender; see the module's description.
#[derive(Debug)]
pub struct Sender {
    provider: DynProvider,
    signer: PrivateKeySigner,
    chain_id: u64,
    store: Store,
    policy: FeePolicy,
    turn: Mutex<()>,
}

/// EIP-1559 nodes accept a replacement that pays at least a tenth more; an eighth leaves room for
/// rounding.
const BUMP_DIVISOR: u128 = 8;
/// Estimates are made on the present state; what changes until inclusion may cost more.
const GAS_MARGIN_PERCENT: u64 = 30;
/// Most gas that a transaction may ask for (EIP-7825).
const TRANSACTION_GAS_CAP: u64 = 1 << 24;

impl Sender {
    /// A sender for one key. The journal is kept under the key's address.
    pub fn new(
        provider: DynProvider,
        signer: PrivateKeySigner,
        chain_id: u64,
        store: Store,
        policy: FeePolicy,
    ) -> Self {
        Self {
            provider,
            signer,
            chain_id,
            store,
            policy,
            turn: Mutex::new(()),
        }
    }

    /// The account that pays.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Native balance of the account, wei.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn balance(&self) -> Result<U256, ChainError> {
        self.provider
            .get_balance(self.address())
            .await
            .map_err(ChainError::transport("eth_getBalance"))
    }

    /// Takes up transactions that a crash left in the journal: each is sent again under its nonce
    /// until it is mined or its nonce is used up. Answers how many there were.
    ///
    /// # Errors
    /// As for [`Sender::send`], except that a revert is not an error here.
    pub async fn recover(&self) -> Result<usize, ChainError> {
        let _turn = self.turn.lock().await;
        let left: Vec<(String, Pending)> =
            self.store.list("a pending transaction", &self.prefix())?;
        let count = left.len();
        for (_, pending) in left {
            match self.drive(pending).await {
                Ok(_) | Err(ChainError::Reverted { .. } | ChainError::Stuck { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(count)
    }

    /// Sends a call and waits until it is mined. Calls of one sender go one after the other.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] when the contract refuses, before anything is spent where that
    /// can be seen beforehand; [`ChainError::Stuck`] when the fee cap is too low for too long;
    /// [`ChainError::Transport`] when the node fails, in which case the journal still holds a
    /// transaction that was already signed.
    pub async fn send(&self, call: Call) -> Result<TransactionReceipt, ChainError> {
        let _turn = self.turn.lock().await;
        let left: Vec<(String, Pending)> =
            self.store.list("a pending transaction", &self.prefix())?;
        for (_, pending) in left {
            match self.drive(pending).await {
                Ok(_) | Err(ChainError::Reverted { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        let request = TransactionRequest::default()
            .with_from(self.address())
            .with_to(call.to)
            .with_input(call.data.clone())
            .with_value(call.value);
        let gas = self
            .provider
            .estimate_gas(request)
            .await
            .map_err(|e| from_transport("eth_estimateGas", call.action.clone(), e))?;
        let nonce = self.mined_nonce().await?;
        let tip_wei = self.policy.tip_wei.min(self.policy.max_fee_wei);
        let pending = Pending {
            nonce,
            action: call.action,
            to: call.to,
            data: call.data,
            value: call.value,
            gas: gas
                .saturating_add(gas / 100 * GAS_MARGIN_PERCENT)
                .min(gas.max(TRANSACTION_GAS_CAP)),
            tip_wei,
            max_fee_wei: self.first_fee(tip_wei).await?,
            hashes: Vec::new(),
        };
        self.drive(pending).await
    }

    /// Signs, journals, sends and waits; raises the fee when that takes too long.
    async fn drive(&self, mut pending: Pending) -> Result<TransactionReceipt, ChainError> {
        if let Some(receipt) = self.receipt_of(&pending).await? {
            return self.finish(&pending, receipt);
        }
        if self.mined_nonce().await? < pending.nonce {
            // A reorganisation took the one before; this could never be mined.
            self.store.remove(&self.key(&pending))?;
            return Err(ChainError::Reverted {
                action: pending.action,
                revert: crate::Revert {
                    name: "NonceGap".to_owned(),
                    detail: format!("nonce {} is ahead of the account's", pending.nonce),
                },
            });
        }
        self.broadcast(&mut pending).await?;
        let started = Instant::now();
        let mut sent_at = started;
        let mut used_at = None;
        loop {
            if let Some(receipt) = self.receipt_of(&pending).await? {
                return self.finish(&pending, receipt);
            }
            if self.mined_nonce().await? > pending.nonce {
                // Our transaction or another under its nonce was mined; the receipt may lag.
                let used_at = *used_at.get_or_insert_with(Instant::now);
                if used_at.elapsed() >= self.policy.receipt_within {
                    return self.replaced(pending);
                }
                sleep(self.policy.poll_every).await;
                continue;
            }
            used_at = None;
            if sent_at.elapsed() >= self.policy.bump_after {
                if pending.max_fee_wei < self.policy.max_fee_wei {
                    self.bump(&mut pending);
                    warn!(
                        action = %pending.action,
                        nonce = pending.nonce,
                        max_fee_wei = pending.max_fee_wei,
                        "transaction is stuck; fee raised"
                    );
                    self.broadcast(&mut pending).await?;
                } else if started.elapsed() >= self.policy.give_up_after {
                    return Err(ChainError::Stuck {
                        hash: pending.hashes.last().copied().unwrap_or_default(),
                        action: pending.action,
                        cap_wei: self.policy.max_fee_wei,
                    });
                } else {
                    warn!(
                        action = %pending.action,
                        nonce = pending.nonce,
                        cap_wei = self.policy.max_fee_wei,
                        "transaction is stuck at the fee cap"
                    );
                    self.broadcast(&mut pending).await?;
                }
                sent_at = Instant::now();
            }
            sleep(self.policy.poll_every).await;
        }
    }

    /// Gives up a transaction whose nonce another one has used.
    fn replaced(&self, pending: Pending) -> Result<TransactionReceipt, ChainError> {
        self.store.remove(&self.key(&pending))?;
        Err(ChainError::Reverted {
            action: pending.action,
            revert: crate::Revert {
                name: "Replaced".to_owned(),
                detail: format!("nonce {} was used by another transaction", pending.nonce),
            },
        })
    }

    fn bump(&self, pending: &mut Pending) {
        let raise = |v: u128| v.saturating_add(v / BUMP_DIVISOR).saturating_add(1);
        pending.max_fee_wei = raise(pending.max_fee_wei).min(self.policy.max_fee_wei);
        pending.tip_wei = raise(pending.tip_wei).min(pending.max_fee_wei);
    }

    /// Journals the signed transaction's hash before the node sees it.
    async fn broadcast(&self, pending: &mut Pending) -> Result<(), ChainError> {
        let mut tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: pending.nonce,
            gas_limit: pending.gas,
            max_fee_per_gas: pending.max_fee_wei,
            max_priority_fee_per_gas: pending.tip_wei,
            to: TxKind::Call(pending.to),
            value: pending.value,
            access_list: AccessList::default(),
            input: pending.data.clone(),
        };
        let signature = self
            .signer
            .sign_transaction_sync(&mut tx)
            .map_err(|_| ChainError::NoSigner)?;
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        let hash = *envelope.tx_hash();
        if !pending.hashes.contains(&hash) {
            pending.hashes.push(hash);
        }
        self.store
            .put("a pending transaction", &self.key(pending), pending)?;
        match self
            .provider
            .send_raw_transaction(&envelope.encoded_2718())
            .await
        {
            Ok(_) => {
                debug!(action = %pending.action, nonce = pending.nonce, %hash, "transaction sent")
            }
            // A node that knows it already, or has mined its nonce, answers with an error; the
            // receipt decides. One that cannot be reached is asked again by the loop.
            Err(e) => {
                debug!(action = %pending.action, nonce = pending.nonce, error = %e, "node did not take the transaction")
            }
        }
        Ok(())
    }

    fn finish(
        &self,
        pending: &Pending,
        receipt: TransactionReceipt,
    ) -> Result<TransactionReceipt, ChainError> {
        self.store.remove(&self.key(pending))?;
        if receipt.status() {
            return Ok(receipt);
        }
        Err(ChainError::Reverted {
            action: pending.action.clone(),
            revert: crate::Revert {
                name: "RevertedWhenMined".to_owned(),
                detail: format!(
                    "transaction {} reverted when mined",
                    receipt.transaction_hash
                ),
            },
        })
    }

    async fn receipt_of(
        &self,
        pending: &Pending,
    ) -> Result<Option<TransactionReceipt>, ChainError> {
        for hash in pending.hashes.iter().rev() {
            let found = self
                .provider
                .get_transaction_receipt(*hash)
                .await
                .map_err(ChainError::transport("eth_getTransactionReceipt"))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Nonce after the last mined transaction: pending ones are the journal's business.
    async fn mined_nonce(&self) -> Result<u64, ChainError> {
        self.provider
            .get_transaction_count(self.address())
            .await
            .map_err(ChainError::transport("eth_getTransactionCount"))
    }

    /// Twice the base fee plus the tip, at most the cap: survives six full blocks.
    async fn first_fee(&self, tip_wei: u128) -> Result<u128, ChainError> {
        let price = self
            .provider
            .get_gas_price()
            .await
            .map_err(ChainError::transport("eth_gasPrice"))?;
        Ok(price
            .saturating_mul(2)
            .saturating_add(tip_wei)
            .min(self.policy.max_fee_wei))
    }

    fn prefix(&self) -> String {
        format!("tx/{}/", self.address())
    }

    fn key(&self, pending: &Pending) -> String {
        format!("{}{:020}", self.prefix(), pending.nonce)
    }
}

#[cfg(test)]
mod tests {
    use alloy::{
        primitives::{B256, Bloom, U64},
        providers::{ProviderBuilder, mock::Asserter},
    };
    use serde_json::{Value, json};

    use super::*;

    /// Sends one transaction through a node that gives these answers to what it is asked.
    async fn send(answers: &[Value], policy: FeePolicy) -> Result<TransactionReceipt, ChainError> {
        let node = Asserter::new();
        for answer in answers {
            node.push_success(answer);
        }
        let provider = ProviderBuilder::default().connect_mocked_client(node);
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("store.redb"))?;
        let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).expect("a key");
        let sender = Sender::new(provider.erased(), signer, 1, store, policy);
        let call = Call {
            action: "test".to_owned(),
            to: Address::ZERO,
            data: Bytes::new(),
            value: U256::ZERO,
        };
        let sent = sender.send(call).await;
        let left: Vec<(String, Pending)> = sender.store.list("journal", &sender.prefix())?;
        assert!(left.is_empty(), "{left:?}");
        sent
    }

    /// Answers for gas, nonce, gas price, nonce and the broadcast; then those for the receipt, each
    /// followed by the nonce where there is none.
    fn answers(later: &[Value]) -> Vec<Value> {
        let before = [json!("0x5208"), nonce(0), json!("0x1"), nonce(0)];
        let hash = json!(TxHash::ZERO);
        [&before[..], &[hash], later].concat()
    }

    fn nonce(mined: u64) -> Value {
        json!(U64::from(mined))
    }

    fn receipt() -> Value {
        json!({
            "transactionHash": TxHash::ZERO, "transactionIndex": "0x0",
            "blockHash": B256::ZERO, "blockNumber": "0x1",
            "from": Address::ZERO, "to": Address::ZERO, "contractAddress": null,
            "type": "0x2", "status": "0x1", "gasUsed": "0x5208", "cumulativeGasUsed": "0x5208",
            "effectiveGasPrice": "0x1", "logs": [], "logsBloom": Bloom::ZERO,
        })
    }

    fn policy(receipt_within: Duration) -> FeePolicy {
        FeePolicy {
            poll_every: Duration::from_millis(1),
            receipt_within,
            ..FeePolicy::default()
        }
    }

    /// Nodes count a mined transaction before they have its receipt.
    #[tokio::test]
    async fn a_receipt_that_lags_behind_the_nonce_is_awaited() {
        let later = [
            Value::Null,
            nonce(0),
            Value::Null,
            nonce(1),
            Value::Null,
            nonce(1),
            receipt(),
        ];
        let patient = policy(Duration::from_secs(60));
        let sent = send(&answers(&later), patient).await.expect("mined");
        assert_eq!(sent.block_number, Some(1));
    }

    #[tokio::test]
    async fn a_nonce_without_receipt_was_used_by_another_transaction() {
        let later = [Value::Null, nonce(1)];
        let sent = send(&answers(&later), policy(Duration::ZERO)).await;
        let refused = sent.expect_err("another transaction was mined");
        assert_eq!(refused.revert_name(), Some("Replaced"));
    }
}
