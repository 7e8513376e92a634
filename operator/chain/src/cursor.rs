//! A reorg-aware reader of our contracts' logs that goes on where it stopped.
//!
//! The cursor polls ranges of blocks. It remembers the hashes of the newest blocks it handed out;
//! when the chain no longer has one of them, it says from which block on everything must be
//! forgotten and reads again from there. The place is written to disk only when the consumer says
//! that it has dealt with a batch, so a crash repeats a batch and never skips one.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
};
use serde::{Deserialize, Serialize};

use crate::{ChainError, logs::RANGE, store::Store};

/// Blocks whose hashes are remembered: more than any reorganisation seen on a live network since
/// proof of stake, and less than a finalisation failure would need.
const REMEMBERED: usize = 256;

/// What happened since the last batch.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Blocks from this number on were replaced: what came from them must be forgotten.
    pub reorged_from: Option<u64>,
    /// Logs in chain order.
    pub logs: Vec<Log>,
    /// The newest block read, after this batch.
    pub head: u64,
    /// Whether the chain's head was further than this batch reaches.
    pub more: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Next block to read.
    next: u64,
    /// Block the cursor began with.
    start: u64,
    /// Whether hashes were let go, so that the beginning is out of sight.
    evicted: bool,
    /// Hashes of the newest blocks read, by number.
    hashes: BTreeMap<u64, B256>,
}

/// The reader; see the module's description.
#[derive(Debug)]
pub struct Cursor {
    provider: DynProvider,
    store: Store,
    key: String,
    contracts: Vec<Address>,
    place: Place,
    pending: Option<Place>,
}

impl Cursor {
    /// Opens the cursor called `name`, from its stored place or from block `start`.
    ///
    /// # Errors
    /// [`ChainError::Store`] or [`ChainError::Corrupt`].
    pub fn open(
        provider: DynProvider,
        store: Store,
        name: &str,
        contracts: Vec<Address>,
        start: u64,
    ) -> Result<Self, ChainError> {
        let key = format!("cursor/{name}");
        let place = store.get("the cursor", &key)?.unwrap_or(Place {
            next: start,
            start,
            ..Place::default()
        });
        Ok(Self {
            provider,
            store,
            key,
            contracts,
            place,
            pending: None,
        })
    }

    /// Reads the next batch. Without [`Cursor::acknowledge`] the next call reads the same again.
    ///
    /// # Errors
    /// [`ChainError::Transport`] when the node fails, [`ChainError::ReorgTooDeep`] when no
    /// remembered block is on the chain any more.
    pub async fn poll(&mut self) -> Result<Batch, ChainError> {
        let head = self.block_number().await?;
        let mut place = self.place.clone();
        let reorged_from = self.rewind(&mut place, head).await?;
        if place.next > head {
            self.pending = Some(place);
            return Ok(Batch {
                reorged_from,
                logs: Vec::new(),
                head,
                more: false,
            });
        }
        let last = head.min(place.next + RANGE - 1);
        let filter = Filter::new()
            .address(self.contracts.clone())
            .from_block(place.next)
            .to_block(last);
        let logs = self
            .provider
            .get_logs(&filter)
            .await
            .map_err(ChainError::transport("eth_getLogs"))?;
        // The hash of the last block ties the batch to one branch: were it replaced while we
        // read, the next poll notices.
        let hash = self
            .hash_of(last)
            .await?
            .ok_or(ChainError::UnknownBlock { number: last })?;
        for log in &logs {
            if let (Some(number), Some(hash)) = (log.block_number, log.block_hash) {
                place.hashes.insert(number, hash);
            }
        }
        place.hashes.insert(last, hash);
        while place.hashes.len() > REMEMBERED {
            place.hashes.pop_first();
            place.evicted = true;
        }
        place.next = last + 1;
        self.pending = Some(place);
        Ok(Batch {
            reorged_from,
            logs,
            head: last,
            more: last < head,
        })
    }

    /// Makes the last batch's place the stored one.
    ///
    /// # Errors
    /// [`ChainError::Store`].
    pub fn acknowledge(&mut self) -> Result<(), ChainError> {
        if let Some(place) = self.pending.take()
            && place != self.place
        {
            self.store.put("the cursor", &self.key, &place)?;
            self.place = place;
        }
        Ok(())
    }

    /// Next block to be read.
    pub fn next_block(&self) -> u64 {
        self.place.next
    }

    /// Steps back over blocks that the chain no longer has. Answers the first block to forget.
    async fn rewind(&self, place: &mut Place, head: u64) -> Result<Option<u64>, ChainError> {
        let mut dropped = None;
        while let Some((&number, &hash)) = place.hashes.last_key_value() {
            let known = if number <= head {
                self.hash_of(number).await?
            } else {
                None
            };
            if known == Some(hash) {
                break;
            }
            place.hashes.pop_last();
            dropped = Some(number);
        }
        let Some(lost) = dropped else { return Ok(None) };
        place.next = match place.hashes.last_key_value() {
            Some((&kept, _)) => kept + 1,
            None if place.evicted => return Err(ChainError::ReorgTooDeep { oldest: lost }),
            None => place.start,
        };
        Ok(Some(place.next))
    }

    async fn block_number(&self) -> Result<u64, ChainError> {
        self.provider
            .get_block_number()
            .await
            .map_err(ChainError::transport("eth_blockNumber"))
    }

    async fn hash_of(&self, number: u64) -> Result<Option<B256>, ChainError> {
        let block = self
            .provider
            .get_block_by_number(number.into())
            .await
            .map_err(ChainError::transport("eth_getBlockByNumber"))?;
        Ok(block.map(|b| b.header.hash))
    }
}
