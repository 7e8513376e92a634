//! Seeds of tasks: what their kind's source of seeds wants to be shown (2.3).

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{B256, Bytes, U256},
    providers::{DynProvider, Provider as _},
    rpc::types::TransactionReceipt,
};
use zarathustra_abi::{
    attestation_center::IAttestationCenter::fixSeedCall, drand_seed_source::DrandSeedSource,
    seed_source::ISeedSource,
};
use zarathustra_bls::PublicKey;
use zarathustra_primitives::{BLS_KEY_LEN, BlsKey, Seed};

use crate::{Chain, ChainError, Task, client::read, header::rlp_header};

/// A source of seeds.
type Source = ISeedSource::ISeedSourceInstance<DynProvider>;

/// How a source of seeds is called that wants the seed block's header.
const RANDAO: &[u8] = b"randao";

/// How one is called that wants a drand signature and that header.
const DRAND: &[u8] = b"bls-unchained-g1-rfc9380";

impl Chain {
    /// Fixes a task's seed with the proof that its kind's source of seeds wants.
    ///
    /// # Errors
    /// As for [`Chain::transact`]; [`ChainError::UnknownBlock`] before the seed block exists,
    /// [`ChainError::RoundNotPublic`] before the task's drand round is; [`ChainError::NoBeacon`],
    /// [`ChainError::Beacon`]; [`ChainError::OutOfRange`] for a source unknown here.
    pub async fn fix_seed(&self, task: &Task) -> Result<TransactionReceipt, ChainError> {
        let source = self.source_of_seeds(task).await?;
        let call = fixSeedCall {
            taskId: task.id.get(),
            proof: self.seed_proof(&source, task).await?,
        };
        self.transact(self.addresses().attestation_center, call, U256::ZERO)
            .await
    }

    /// The seed that a task gets when somebody fixes it, once its seed block is there; `None` while
    /// that cannot be told: the kind's source of seeds does not give it, the drand round is not
    /// public, or no beacon gives it.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::UnknownBlock`] before the block exists;
    /// [`ChainError::OutOfRange`] for a source unknown here.
    pub async fn coming_seed(&self, task: &Task) -> Result<Option<Seed>, ChainError> {
        let source = self.source_of_seeds(task).await?;
        let proof = match self.seed_proof(&source, task).await {
            Ok(proof) => proof,
            // Somebody else may have the round, and then the contract will tell.
            Err(
                ChainError::RoundNotPublic { .. }
                | ChainError::Beacon { .. }
                | ChainError::NoBeacon,
            ) => return Ok(None),
            Err(error) => return Err(error),
        };
        let answer = source.randomness(task.seed_block, task.seed_target, proof);
        match read("randomness", answer).await {
            Ok(randomness) => Ok(Some(self.domain().seed(task.id, randomness))),
            Err(ChainError::Reverted { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn source_of_seeds(&self, task: &Task) -> Result<Source, ChainError> {
        let definition = read("definition", self.attestation().definition(task.kind.get())).await?;
        Ok(ISeedSource::new(
            definition.seedSource,
            self.provider().clone(),
        ))
    }

    async fn seed_proof(&self, source: &Source, task: &Task) -> Result<Bytes, ChainError> {
        let scheme = read("scheme", source.scheme()).await?;
        match name(&scheme) {
            RANDAO => rlp_header(self.provider(), task.seed_block).await,
            DRAND => self.drand_proof(source, task).await,
            _ => Err(ChainError::OutOfRange {
                what: "scheme of a seed source",
                value: scheme.to_string(),
            }),
        }
    }

    /// The signature of the task's round, and after it the header that shows the round to be later
    /// than the seed block.
    async fn drand_proof(&self, source: &Source, task: &Task) -> Result<Bytes, ChainError> {
        let header = rlp_header(self.provider(), task.seed_block).await?;
        let source = DrandSeedSource::new(*source.address(), self.provider().clone());
        let round = task.seed_target;
        let public_at: u64 = read("timeOf", source.timeOf(round)).await?.saturating_to();
        let newest = self
            .provider()
            .get_block_by_number(BlockNumberOrTag::Latest)
            .await
            .map_err(ChainError::transport("eth_getBlockByNumber"))?
            .ok_or(ChainError::UnknownBlock { number: 0 })?;
        if newest.header.timestamp < public_at {
            return Err(ChainError::RoundNotPublic { round, public_at });
        }
        let malformed = |detail: String| ChainError::Decode {
            method: "key",
            detail,
        };
        let key = read("key", source.key()).await?;
        let key = <[u8; BLS_KEY_LEN]>::try_from(key.as_ref())
            .map_err(|_| malformed(format!("{} bytes are no key", key.len())))?;
        let key = PublicKey::decode(&BlsKey::new(key)).map_err(|e| malformed(e.to_string()))?;
        let signature = self.beacons().signature(round, &key).await?;
        Ok([signature.encode().as_bytes(), header.as_ref()]
            .concat()
            .into())
    }
}

/// A short name without the zeros that fill its word.
fn name(word: &B256) -> &[u8] {
    let end = word
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |i| i + 1);
    &word[..end]
}
