//! Certified tasks while late votes count (3.4): their votes are taken as before, for a
//! supplementary certificate.

use std::{collections::BTreeMap, sync::Arc};

use tracing::{info, warn};
use zarathustra_bls::{Signature, aggregate};
use zarathustra_chain::abi::attestation_center::{
    IAttestationCenter::submitSupplementCall, IAttestationCenterTypes::FeeCommitment,
};
use zarathustra_chain::{ChainError, Definition, Head, Task};
use zarathustra_primitives::{BlsSignature, ClaimId, Clock, Position, TaskHash, TaskId, Verdict};
use zarathustra_protocol::{LateConfig, LateVotes, Supplements};
use zarathustra_wire::{ClaimMessage, ClaimView, RpcError, VoteMessage};

use super::{Desk, Electorate, StoredClaim, check_signature};

/// Basis points of the whole.
const BPS: u128 = 10_000;

/// A certified task with what is needed to add to its certificate.
#[derive(Clone, Debug)]
pub(crate) struct CertifiedTask {
    pub(crate) task: Task,
    pub(crate) hash: TaskHash,
    pub(crate) electorate: Electorate,
    pub(crate) definition: Arc<Definition>,
    /// What the task commits to now.
    pub(crate) committed: FeeCommitment,
}

impl CertifiedTask {
    const fn claim(&self) -> ClaimId {
        ClaimId::new(self.committed.claimId)
    }

    fn votes(&self) -> LateVotes {
        let fee = self.task.fee;
        // Less than 2^80 times 10,000.
        let performers = fee.saturating_mul(self.definition.performer_share_bps.into()) / BPS;
        let config = LateConfig {
            table: Arc::clone(&self.electorate.stakes),
            performer: Position::new(self.committed.performerIndex),
            certified_at: Clock::new(self.task.certified_at),
            window: self.definition.supplement_window,
            shared_fee: fee.saturating_sub(performers),
        };
        LateVotes::new(config, self.committed.nonSigners.clone())
    }
}

/// A certified task at the desk.
#[derive(Debug)]
pub(super) struct LateDocket {
    certified: CertifiedTask,
    votes: LateVotes,
    messages: Vec<ClaimMessage>,
}

/// A supplementary certificate that is worth submitting.
#[derive(Clone, Debug)]
pub(crate) struct Supplement {
    pub(crate) task: TaskId,
    committed: FeeCommitment,
    late_signers: Vec<zarathustra_primitives::U256>,
    signatures: Vec<BlsSignature>,
}

impl Supplement {
    /// How many late votes it has.
    pub(crate) const fn len(&self) -> usize {
        self.signatures.len()
    }

    /// The call that submits it; `None` when its signatures do not add up, which votes that were
    /// checked one by one do unless they cancel out.
    pub(crate) fn call(&self) -> Option<submitSupplementCall> {
        let signatures: Vec<Signature> = self
            .signatures
            .iter()
            .map(|signature| Signature::decode(signature).ok())
            .collect::<Option<_>>()?;
        Some(submitSupplementCall {
            taskId: self.task.get(),
            committed: self.committed.clone(),
            lateSigners: self.late_signers.clone(),
            signature: aggregate(&signatures)?.to_words(),
        })
    }
}

impl Desk {
    /// The certified tasks for which late votes count now. What is new here comes back from the
    /// store, with votes that came too late for the certificate, or that another aggregator did
    /// not have.
    pub(crate) fn set_certified(
        &self,
        head: &Head,
        certified: Vec<CertifiedTask>,
    ) -> Result<(), ChainError> {
        let mut state = self.state();
        // Where the store fails, the next call begins anew.
        let mut known = std::mem::take(&mut state.late);
        let mut dockets = BTreeMap::new();
        for certified in certified {
            let id = certified.task.id;
            let same = |docket: &LateDocket| {
                docket.certified.hash == certified.hash
                    && docket.certified.claim() == certified.claim()
                    && docket.certified.task.certified_at == certified.task.certified_at
            };
            let docket = match known.remove(&id).filter(same) {
                Some(mut docket) => {
                    docket
                        .votes
                        .set_missing(certified.committed.nonSigners.clone());
                    LateDocket {
                        certified,
                        ..docket
                    }
                }
                None => self.reopen(Clock::new(head.clock), certified)?,
            };
            dockets.insert(id, docket);
        }
        state.late = dockets;
        Ok(())
    }

    /// A certified task with what the store holds of its claim.
    fn reopen(&self, now: Clock, certified: CertifiedTask) -> Result<LateDocket, ChainError> {
        let (id, claim) = (certified.task.id, certified.claim());
        let messages = self
            .store
            .list::<StoredClaim>("a claim", &format!("claim/{id}/{claim}/"))?
            .into_iter()
            .filter(|(_, stored)| stored.hash == certified.hash)
            .filter_map(|(_, stored)| ClaimMessage::from_params(&stored.params).ok())
            .collect();
        let mut docket = LateDocket {
            votes: certified.votes(),
            certified,
            messages,
        };
        for (_, vote) in self
            .store
            .list::<VoteMessage>("a vote", &format!("vote/{id}/{claim}/"))?
        {
            let row = docket.certified.electorate.table.row_of(vote.operator);
            // Votes to reject, and most of the others: they are in the certificate.
            let Some(row) = row.filter(|row| {
                vote.verdict == Verdict::Approve && docket.votes.is_missing(row.position)
            }) else {
                continue;
            };
            let position = row.position;
            // The hash of its claim binds a vote to the task's, and it was checked when it came.
            if let Err(refusal) = docket.votes.take(now, position, vote.signature) {
                warn!(task_id = %id, operator = %vote.operator, code = refusal.code(), "a stored vote is not taken up again");
            }
        }
        Ok(docket)
    }

    /// Takes a late vote; `None` where its task is not one that takes late votes.
    pub(super) fn take_late(&self, message: &VoteMessage) -> Option<Result<(), RpcError>> {
        let certified = {
            let state = self.state();
            state.late.get(&message.task_id)?.certified.clone()
        };
        Some(self.count_late(message, &certified))
    }

    fn count_late(&self, message: &VoteMessage, certified: &CertifiedTask) -> Result<(), RpcError> {
        let (task, claim) = (message.task_id, message.claim_id);
        if claim != certified.claim() || message.verdict != Verdict::Approve {
            return Err(RpcError::refused(
                "decided",
                format!("task {task} is certified; votes to approve that claim are late ones"),
            ));
        }
        let Some(row) = certified.electorate.table.row_of(message.operator) else {
            return Err(RpcError::refused(
                "unknown_operator",
                format!("{} is not in the task's epoch", message.operator),
            ));
        };
        // A pairing is dear; nobody gets one for what is held or on chain already.
        let known = self
            .state()
            .late
            .get(&task)
            .is_some_and(|docket| docket.votes.voters().any(|p| p == row.position));
        if known {
            return Ok(());
        }
        let key = &certified.electorate.keys[&row.position];
        check_signature(&self.chain.domain(), certified.hash, key, message)?;
        let record = format!("vote/{task}/{claim}/{}", message.operator);
        self.store
            .put("a vote", &record, message)
            .map_err(|error| super::internal(&error))?;
        let mut state = self.state();
        let now = state.clock;
        let docket = state
            .late
            .get_mut(&task)
            // A reorganisation may have changed the task since it was looked at.
            .filter(|docket| docket.certified.hash == certified.hash)
            .ok_or_else(|| RpcError::refused("task_not_evaluating", "the task has changed"))?;
        docket
            .votes
            .take(now, row.position, message.signature)
            .map_err(|refusal| RpcError::refused(refusal.code(), refusal.to_string()))?;
        info!(task_id = %task, claim_id = %claim, operator = %message.operator, "late vote taken");
        Ok(())
    }

    /// The approved claim of a task that takes late votes, as [`Desk::claims`] shows it.
    pub(super) fn late_claims(&self, task: TaskId) -> Vec<ClaimView> {
        let state = self.state();
        let Some(docket) = state.late.get(&task) else {
            return Vec::new();
        };
        let rows = &docket.certified.electorate.table.rows;
        let voters: Vec<_> = docket
            .votes
            .voters()
            .map(|position| rows[position.index()].operator)
            .collect();
        let view = |message: &ClaimMessage| ClaimView {
            claim_id: docket.certified.claim(),
            task_id: task,
            turn: message.body.turn,
            params: message.to_params(),
            voters: voters.clone(),
        };
        docket.messages.iter().map(view).collect()
    }

    /// The supplementary certificates that are worth submitting now.
    pub(crate) fn supplements(&self, policy: Supplements, base_fee: u128) -> Vec<Supplement> {
        let state = self.state();
        let due = |(task, docket): (&TaskId, &LateDocket)| {
            let late = docket.votes.due(state.clock, policy, base_fee)?;
            Some(Supplement {
                task: *task,
                committed: docket.certified.committed.clone(),
                late_signers: docket.votes.bitmap(late.iter().map(|(voter, _)| *voter)),
                signatures: late.into_iter().map(|(_, signature)| signature).collect(),
            })
        };
        state.late.iter().filter_map(due).collect()
    }
}
