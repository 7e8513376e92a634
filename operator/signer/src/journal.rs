//! What was decided to be signed, on disk before it is.
//!
//! Every decision is made by one write transaction that looks up an earlier one and records the
//! new one; the database runs one such transaction at a time and syncs its file before the
//! transaction counts. There is deliberately no way to look up first and record later.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableTable, TableDefinition};
use zarathustra_primitives::{
    Address, B256, Claim, ClaimId, Epoch, Purpose, ResultHash, TaskHash, UnknownCode, Verdict, Vote,
};

/// Claim id and purpose; verdict and task hash.
const VOTES: TableDefinition<'_, &[u8; VOTE_KEY], &[u8; VOTE_VALUE]> =
    TableDefinition::new("votes-v1");
const VOTE_KEY: usize = 32 + 1;
const VOTE_VALUE: usize = 1 + 32;

/// Task hash, turn and performer; result hash.
const CLAIMS: TableDefinition<'_, &[u8; CLAIM_KEY], &[u8; 32]> = TableDefinition::new("claims-v1");
const CLAIM_KEY: usize = 32 + 4 + 20;

/// Chain id, registry and epoch; digest.
const SNAPSHOTS: TableDefinition<'_, &[u8; SNAPSHOT_KEY], &[u8; 32]> =
    TableDefinition::new("snapshots-v1");
const SNAPSHOT_KEY: usize = 8 + 20 + 4;

/// A journal that cannot be read or written. Nothing is signed without it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another process has the journal open: two processes with one key would sign unaware of
    /// each other.
    #[error("the journal {} is in use by another process", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// The database failed.
    #[error("{action} the journal")]
    Database {
        /// What was being done.
        action: &'static str,
        /// Why it failed.
        source: Box<redb::Error>,
    },
    /// A record holds what was never written.
    #[error("a record of the journal is damaged")]
    Damaged(#[from] UnknownCode),
}

/// What the journal knows of a request to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision<T> {
    /// It is recorded, now or before: sign it.
    Recorded,
    /// Something else is recorded in its place: do not.
    Taken(T),
}

#[derive(Debug)]
pub(crate) struct Journal(Database);

impl Journal {
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        match Database::create(path) {
            Ok(database) => Ok(Self(database)),
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => Err(JournalError::InUse {
                path: path.to_owned(),
            }),
            Err(error) => Err(failed("open")(error)),
        }
    }

    /// Records a vote unless another verdict, or another task, is recorded for its claim and
    /// purpose; answers what is.
    pub(crate) fn decide_vote(
        &self,
        vote: &Vote,
    ) -> Result<Decision<(TaskHash, Verdict)>, JournalError> {
        let wanted = vote_value(vote.task, vote.verdict);
        match self.decide(VOTES, &vote_key(vote.claim, vote.purpose), &wanted)? {
            None => Ok(Decision::Recorded),
            Some(earlier) => {
                let (verdict, task) = earlier.split_at(1);
                let task = TaskHash::new(B256::from_slice(task));
                Ok(Decision::Taken((task, Verdict::from_u8(verdict[0])?)))
            }
        }
    }

    /// Records a claim unless another result is recorded for its task, turn and performer;
    /// answers that one.
    pub(crate) fn decide_claim(&self, claim: &Claim) -> Result<Decision<ResultHash>, JournalError> {
        match self.decide(CLAIMS, &claim_key(claim), &claim.result.get().0)? {
            None => Ok(Decision::Recorded),
            Some(earlier) => Ok(Decision::Taken(ResultHash::new(B256::new(earlier)))),
        }
    }

    /// Records the digest of an epoch's snapshot unless another is recorded; answers that one.
    pub(crate) fn decide_snapshot(
        &self,
        chain_id: u64,
        registry: Address,
        epoch: Epoch,
        digest: B256,
    ) -> Result<Decision<B256>, JournalError> {
        let mut key = [0; SNAPSHOT_KEY];
        key[..8].copy_from_slice(&chain_id.to_be_bytes());
        key[8..28].copy_from_slice(registry.as_slice());
        key[28..].copy_from_slice(&epoch.get().to_be_bytes());
        match self.decide(SNAPSHOTS, &key, &digest.0)? {
            None => Ok(Decision::Recorded),
            Some(earlier) => Ok(Decision::Taken(B256::new(earlier))),
        }
    }

    /// Looks up and records in one durable transaction; answers what stands in the way.
    fn decide<const K: usize, const V: usize>(
        &self,
        table: TableDefinition<'_, &'static [u8; K], &'static [u8; V]>,
        key: &[u8; K],
        wanted: &[u8; V],
    ) -> Result<Option<[u8; V]>, JournalError> {
        let mut transaction = self.0.begin_write().map_err(failed("write"))?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(failed("write"))?;
        {
            let mut table = transaction.open_table(table).map_err(failed("write"))?;
            let earlier = table
                .get(key)
                .map_err(failed("read"))?
                .map(|value| *value.value());
            match earlier {
                Some(earlier) if earlier == *wanted => return Ok(None),
                Some(earlier) => return Ok(Some(earlier)),
                None => {
                    table.insert(key, wanted).map_err(failed("write"))?;
                }
            }
        }
        transaction.commit().map_err(failed("write"))?;
        Ok(None)
    }
}

fn failed<E: Into<redb::Error>>(action: &'static str) -> impl FnOnce(E) -> JournalError {
    move |source| JournalError::Database {
        action,
        source: Box::new(source.into()),
    }
}

fn vote_key(claim: ClaimId, purpose: Purpose) -> [u8; VOTE_KEY] {
    let mut key = [purpose.to_u8(); VOTE_KEY];
    key[..32].copy_from_slice(claim.get().as_slice());
    key
}

fn vote_value(task: TaskHash, verdict: Verdict) -> [u8; VOTE_VALUE] {
    let mut value = [verdict.to_u8(); VOTE_VALUE];
    value[1..].copy_from_slice(task.get().as_slice());
    value
}

fn claim_key(claim: &Claim) -> [u8; CLAIM_KEY] {
    let mut key = [0; CLAIM_KEY];
    key[..32].copy_from_slice(claim.task.get().as_slice());
    key[32..36].copy_from_slice(&claim.turn.get().to_be_bytes());
    key[36..].copy_from_slice(claim.performer.as_slice());
    key
}
