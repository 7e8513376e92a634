//! A Spoke: the contract on another chain that follows home's epochs (7.2).

use std::sync::Arc;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::DynProvider,
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
    sol_types::SolCall as _,
};
use zarathustra_abi::spoke::{
    ISnapshotTypes::{Signatures, Snapshot},
    ISpoke::{self, advanceCall},
    ISpokeTypes::Home,
};
use zarathustra_primitives::{Epoch, Threshold};

use crate::{
    Call, ChainError, FeePolicy, Sender, Store,
    client::{connect, read},
};

/// Another chain: a connection, and the key that pays there.
#[derive(Clone, Debug)]
pub struct OtherChain {
    provider: DynProvider,
    chain_id: u64,
    sender: Arc<Sender>,
}

impl OtherChain {
    /// Connects to a node; transactions are journalled in `store`, which is of this chain alone.
    ///
    /// # Errors
    /// As for [`connect`].
    pub async fn connect(
        rpc_url: &str,
        signer: PrivateKeySigner,
        store: Store,
        policy: FeePolicy,
    ) -> Result<Self, ChainError> {
        let (provider, chain_id) = connect(rpc_url).await?;
        let sender = Sender::new(provider.clone(), signer, chain_id, store, policy);
        Ok(Self {
            provider,
            chain_id,
            sender: Arc::new(sender),
        })
    }

    /// Its id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// What pays there.
    pub fn sender(&self) -> &Sender {
        &self.sender
    }

    /// A Spoke on this chain.
    pub fn spoke(&self, address: Address) -> Spoke {
        Spoke {
            chain: self.clone(),
            address,
        }
    }
}

/// A Spoke.
#[derive(Clone, Debug)]
pub struct Spoke {
    chain: OtherChain,
    address: Address,
}

/// What a Spoke is told of the next epoch.
#[derive(Clone, Debug)]
pub struct Advance {
    /// What was signed.
    pub snapshot: Snapshot,
    /// Bitmap of those who did not sign.
    pub non_signers: Vec<U256>,
    /// The signatures of all others, added up.
    pub signature: [B256; 4],
    /// One for each row.
    pub stakes: Vec<u128>,
    /// As [`crate::Chain::new_chunks`] has them.
    pub chunks: Vec<Bytes>,
}

impl Spoke {
    /// Where it is.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The chain on which it is.
    pub const fn chain(&self) -> &OtherChain {
        &self.chain
    }

    fn contract(&self) -> ISpoke::ISpokeInstance<DynProvider> {
        ISpoke::new(self.address, self.chain.provider.clone())
    }

    /// The market that it follows.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::Decode`] where there is no Spoke.
    pub async fn home(&self) -> Result<Home, ChainError> {
        read("home", self.contract().home()).await
    }

    /// The newest epoch; 0 before the first.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn current_epoch(&self) -> Result<Epoch, ChainError> {
        let epoch = read("currentEpoch", self.contract().currentEpoch()).await?;
        Ok(Epoch::new(epoch))
    }

    /// Whether only governance can make it go on.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn is_frozen(&self) -> Result<bool, ChainError> {
        read("isFrozen", self.contract().isFrozen()).await
    }

    /// The part of the stake that has to sign.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::OutOfRange`] for what is no threshold here.
    pub async fn threshold(&self) -> Result<Threshold, ChainError> {
        let raw = read("threshold", self.contract().threshold()).await?;
        Threshold::new(raw.numerator, raw.denominator).map_err(|error| ChainError::OutOfRange {
            what: "threshold of a Spoke",
            value: error.to_string(),
        })
    }

    /// Brings the next epoch.
    ///
    /// # Errors
    /// As for [`Sender::send`].
    pub async fn advance(&self, next: Advance) -> Result<TransactionReceipt, ChainError> {
        let call = advanceCall {
            snapshot: next.snapshot,
            signatures: Signatures {
                nonSigners: next.non_signers,
                signature: next.signature,
            },
            stakes: next.stakes,
            chunks: next.chunks,
        };
        let call = Call {
            action: "advance".to_owned(),
            to: self.address,
            data: call.abi_encode().into(),
            value: U256::ZERO,
        };
        self.chain.sender.send(call).await
    }
}
