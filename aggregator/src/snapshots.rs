//! Signatures of epochs' snapshots (7.1), kept until every other chain has them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing::{info, warn};
use zarathustra_bls::{Signature, aggregate};
use zarathustra_chain::{ChainError, Store};
use zarathustra_primitives::{B256, BlsSignature, Epoch, Position, Stake, Threshold, U256};
use zarathustra_protocol::quorum;
use zarathustra_wire::{RpcError, SnapshotMessage, codes};

use crate::desk::Electorate;

/// A published epoch with those who sign for it.
#[derive(Debug)]
struct Poll {
    digest: B256,
    /// The epoch before.
    certifiers: Electorate,
    signatures: BTreeMap<Position, BlsSignature>,
}

/// Signatures that are a quorum's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    /// Bitmap of those who did not sign.
    pub(crate) non_signers: Vec<U256>,
    /// The signatures of all others, added up.
    pub(crate) signature: [B256; 4],
}

/// Shared between the HTTP server and the relay.
pub struct SnapshotDesk {
    store: Store,
    polls: Mutex<BTreeMap<Epoch, Poll>>,
}

impl SnapshotDesk {
    /// No signatures; what the store holds comes back as epochs are opened.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            polls: Mutex::default(),
        }
    }

    /// Whether signatures of an epoch's snapshot with this digest are taken.
    pub(crate) fn is_open(&self, epoch: Epoch, digest: B256) -> bool {
        let polls = self.polls();
        polls.get(&epoch).is_some_and(|poll| poll.digest == digest)
    }

    /// Takes signatures of an epoch's snapshot from now on, and those that the store holds.
    pub(crate) fn open(
        &self,
        epoch: Epoch,
        digest: B256,
        certifiers: Electorate,
    ) -> Result<(), ChainError> {
        let poll = Poll {
            digest,
            certifiers,
            signatures: BTreeMap::new(),
        };
        self.polls().insert(epoch, poll);
        let stored = self
            .store
            .list::<SnapshotMessage>("a signature of a snapshot", &prefix(epoch))?;
        for (_, message) in stored {
            if let Err(error) = self.count(&message) {
                warn!(%epoch, operator = %message.operator, reason = %error.message, "a stored signature is not taken up again");
            }
        }
        Ok(())
    }

    /// Forgets epochs before this one.
    pub(crate) fn forget_before(&self, oldest: Epoch) -> Result<(), ChainError> {
        let forgotten: Vec<Epoch> = {
            let mut polls = self.polls();
            let kept = polls.split_off(&oldest);
            std::mem::replace(&mut *polls, kept).into_keys().collect()
        };
        for epoch in forgotten {
            self.store.remove_all(&prefix(epoch))?;
        }
        Ok(())
    }

    /// Takes a signature: checks it, stores it.
    ///
    /// # Errors
    /// A refusal with a stable code. The same signature again is no error.
    pub fn take(&self, message: &SnapshotMessage) -> Result<(), RpcError> {
        if !self.count(message)? {
            return Ok(());
        }
        let (epoch, operator) = (message.epoch, message.operator);
        let key = format!("{}{operator}", prefix(epoch));
        let what = "a signature of a snapshot";
        if let Err(error) = self.store.put(what, &key, message) {
            // Nothing is acknowledged later that is not on disk.
            self.polls().remove(&epoch);
            warn!(code = error.code(), %error, "a signature could not be stored");
            return Err(RpcError::new(
                codes::INTERNAL,
                "bug_store_failed",
                "the aggregator's database failed",
            ));
        }
        info!(%epoch, %operator, "signature of a snapshot taken");
        Ok(())
    }

    /// Checks a signature and keeps it; answers whether it is new.
    fn count(&self, message: &SnapshotMessage) -> Result<bool, RpcError> {
        let epoch = message.epoch;
        let (position, key) = {
            let polls = self.polls();
            let Some(poll) = polls.get(&epoch) else {
                return Err(RpcError::refused(
                    "unknown_snapshot",
                    format!("no snapshot of epoch {epoch} is being signed here"),
                ));
            };
            if poll.digest != message.digest {
                return Err(RpcError::refused(
                    "other_snapshot",
                    format!(
                        "the snapshot of epoch {epoch} was published as {}",
                        poll.digest
                    ),
                ));
            }
            let Some(row) = poll.certifiers.table.row_of(message.operator) else {
                return Err(RpcError::refused(
                    "unknown_operator",
                    format!("{} is not in the epoch before", message.operator),
                ));
            };
            // A pairing is dear; nobody gets one for what is held already.
            if poll.signatures.contains_key(&row.position) {
                return Ok(false);
            }
            // There is one for every row with stake.
            (row.position, poll.certifiers.keys[&row.position])
        };
        let signature = Signature::decode(&message.signature)
            .map_err(|e| RpcError::refused("signature_malformed", e.to_string()))?;
        if !signature.verify(&message.digest, &key) {
            return Err(RpcError::refused(
                "signature_invalid",
                "the signature is not by the operator's key",
            ));
        }
        let mut polls = self.polls();
        // A reorganisation may have published it anew since it was looked at.
        let poll = polls.get_mut(&epoch).filter(|p| p.digest == message.digest);
        let Some(poll) = poll else {
            return Err(RpcError::refused(
                "other_snapshot",
                "the snapshot has changed",
            ));
        };
        Ok(poll
            .signatures
            .insert(position, message.signature)
            .is_none())
    }

    /// The signatures of an epoch's snapshot, when they are those of more than `threshold` of the
    /// stake of the epoch before.
    pub(crate) fn quorum(&self, epoch: Epoch, threshold: Threshold) -> Option<Quorum> {
        let polls = self.polls();
        let poll = polls.get(&epoch)?;
        let stakes = &poll.certifiers.stakes;
        let stake = |position: &Position| stakes.get(*position).map(|member| member.stake);
        let signed = Stake::checked_sum(poll.signatures.keys().filter_map(stake))?;
        if !quorum::approves(threshold, signed, stakes.total()) {
            return None;
        }
        let signatures: Vec<Signature> = poll
            .signatures
            .values()
            .map(|signature| Signature::decode(signature).ok())
            .collect::<Option<_>>()?;
        Some(Quorum {
            non_signers: stakes.non_signers(poll.signatures.keys().copied()),
            signature: aggregate(&signatures)?.to_words(),
        })
    }

    fn polls(&self) -> MutexGuard<'_, BTreeMap<Epoch, Poll>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What begins the names of an epoch's records.
fn prefix(epoch: Epoch) -> String {
    format!("snapshot/{epoch}/")
}
