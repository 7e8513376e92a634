//! Appeals: what is known of certified claims that were appealed, and the votes in them (3.6).
//!
//! Votes are written to disk before they are acknowledged, as the desk's are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy::primitives::U256;
use tracing::{error, info, warn};
use zarathustra_bls::{Signature, aggregate};
use zarathustra_chain::{
    ChainError, Store, abi::attestation_center::IAttestationCenterTypes::FeeCommitment,
};
use zarathustra_primitives::{
    BlsSignature, ClaimId, Domain, Position, Purpose, Stake, TaskHash, TaskId, Threshold, Verdict,
    Vote,
};
use zarathustra_protocol::quorum;
use zarathustra_wire::{ClaimMessage, ClaimView, RpcError, VoteMessage};

use crate::desk::{Electorate, StoredClaim, internal};

/// What votes can still do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Decide the appeal.
    Voting,
    /// Add those who approved to the rejection of a claim that was overturned.
    Correcting {
        /// Bitmap of those who have not rejected it.
        non_signers: Vec<U256>,
    },
}

/// An appeal as the chain has it.
#[derive(Clone, Debug)]
pub(crate) struct Appealed {
    pub(crate) task: TaskId,
    pub(crate) hash: TaskHash,
    pub(crate) claim: ClaimId,
    pub(crate) committed: FeeCommitment,
    pub(crate) electorate: Electorate,
    pub(crate) threshold: Threshold,
    pub(crate) stage: Stage,
}

/// What there is to submit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Decision {
    /// More than a quorum says the same.
    Decide {
        verdict: Verdict,
        non_signers: Vec<U256>,
        signature: Signature,
    },
    /// Votes to reject of some who were missing.
    Correct {
        non_signers: Vec<U256>,
        late: Vec<U256>,
        signature: Signature,
    },
}

struct Case {
    appealed: Appealed,
    messages: Vec<ClaimMessage>,
    votes: BTreeMap<Position, (Verdict, BlsSignature)>,
}

/// Shared between the HTTP server and the loop that submits.
pub struct Appeals {
    domain: Domain,
    store: Store,
    cases: Mutex<BTreeMap<ClaimId, Case>>,
}

impl Appeals {
    /// None yet; what the store holds comes back as appeals are seen on chain.
    pub fn new(domain: Domain, store: Store) -> Self {
        Self {
            domain,
            store,
            cases: Mutex::default(),
        }
    }

    /// The appeals that there are now. What is new here comes back from the store.
    pub(crate) fn set(&self, appeals: Vec<Appealed>) -> Result<(), ChainError> {
        let mut fresh = Vec::new();
        {
            let mut cases = self.cases();
            let mut known = std::mem::take(&mut *cases);
            for appealed in appeals {
                // A claim's name follows from its task's hash.
                let claim = appealed.claim;
                let case = match known.remove(&claim) {
                    Some(case) => Case { appealed, ..case },
                    None => {
                        fresh.push((appealed.task, claim, appealed.hash));
                        Case {
                            appealed,
                            messages: Vec::new(),
                            votes: BTreeMap::new(),
                        }
                    }
                };
                cases.insert(claim, case);
            }
        }
        for (task, claim, hash) in fresh {
            self.restore(task, claim, hash)?;
        }
        Ok(())
    }

    /// What an earlier moment, or process, stored of a claim and of the votes in its appeal.
    fn restore(&self, task: TaskId, claim: ClaimId, hash: TaskHash) -> Result<(), ChainError> {
        let claims = format!("claim/{task}/{claim}/");
        let stored = self.store.list::<StoredClaim>("a claim", &claims)?;
        let messages = stored
            .into_iter()
            .filter(|(_, stored)| stored.hash == hash)
            .filter_map(|(_, stored)| ClaimMessage::from_params(&stored.params).ok())
            .collect();
        if let Some(case) = self.cases().get_mut(&claim) {
            case.messages = messages;
        }
        let votes = format!("{}{claim}/", prefix(task));
        for (_, vote) in self
            .store
            .list::<VoteMessage>("a vote in an appeal", &votes)?
        {
            if let Err(error) = self.count(&vote) {
                warn!(task_id = %task, reason = %error.message, "a stored vote in an appeal is not taken up again");
            }
        }
        Ok(())
    }

    /// Forgets what is stored for a task that is over.
    pub(crate) fn forget(&self, task: TaskId) -> Result<(), ChainError> {
        self.store.remove_all(&prefix(task))
    }

    /// The messages about the claims of a task that are appealed.
    pub fn claims(&self, task: TaskId) -> Vec<ClaimView> {
        let cases = self.cases();
        let of_task = cases.values().filter(|case| case.appealed.task == task);
        of_task.flat_map(Case::views).collect()
    }

    /// Takes a vote in an appeal: checks it, stores it.
    ///
    /// # Errors
    /// A refusal with a stable code. The same vote again is no error.
    pub fn take_vote(&self, message: &VoteMessage) -> Result<(), RpcError> {
        if !self.count(message)? {
            return Ok(());
        }
        let (task, claim) = (message.task_id, message.claim_id);
        let key = format!("{}{claim}/{}", prefix(task), message.operator);
        if let Err(error) = self.store.put("a vote in an appeal", &key, message) {
            // Nothing is acknowledged later that is not on disk.
            self.cases().remove(&claim);
            return Err(internal(&error));
        }
        info!(task_id = %task, claim_id = %claim, operator = %message.operator, verdict = message.verdict.code(), "vote in an appeal taken");
        Ok(())
    }

    /// Checks a vote and counts it; answers whether it is new.
    fn count(&self, message: &VoteMessage) -> Result<bool, RpcError> {
        let refused = |code: &'static str, detail: String| RpcError::refused(code, detail);
        let known = {
            let cases = self.cases();
            let case = cases.get(&message.claim_id);
            case.filter(|case| case.appealed.task == message.task_id)
                .map(|case| (case.appealed.clone(), case.votes.clone()))
        };
        let Some((appealed, votes)) = known else {
            return Err(refused(
                "not_appealed",
                format!("claim {} is not appealed here", message.claim_id),
            ));
        };
        let Some(row) = appealed.electorate.table.row_of(message.operator) else {
            return Err(refused(
                "unknown_operator",
                format!("{} is not in the task's epoch", message.operator),
            ));
        };
        // A pairing is dear; nobody gets one for what is held already.
        if let Some((verdict, _)) = votes.get(&row.position) {
            if *verdict == message.verdict {
                return Ok(false);
            }
            return Err(refused(
                "equivocation",
                format!("{} voted {verdict} before", message.operator),
            ));
        }
        let signature = Signature::decode(&message.signature)
            .map_err(|e| refused("signature_malformed", e.to_string()))?;
        let vote = Vote {
            task: appealed.hash,
            claim: message.claim_id,
            purpose: Purpose::Appeal,
            verdict: message.verdict,
        };
        // There is one for every row with stake.
        let key = &appealed.electorate.keys[&row.position];
        if !signature.verify(&vote.digest(&self.domain), key) {
            return Err(refused(
                "signature_invalid",
                "the signature is not by the operator's key".to_owned(),
            ));
        }
        let mut cases = self.cases();
        // A reorganisation may have taken the appeal back since it was looked at.
        let case = cases.get_mut(&message.claim_id);
        let Some(case) = case else {
            return Err(refused(
                "not_appealed",
                format!("claim {} is not appealed any more", message.claim_id),
            ));
        };
        case.votes
            .insert(row.position, (message.verdict, message.signature));
        Ok(true)
    }

    /// What is worth submitting now, of all appeals.
    pub(crate) fn decisions(&self) -> Vec<(Appealed, Decision)> {
        let cases = self.cases();
        let decided = cases.values().filter_map(|case| {
            let decision = case.decision()?;
            Some((case.appealed.clone(), decision))
        });
        decided.collect()
    }

    fn cases(&self) -> MutexGuard<'_, BTreeMap<ClaimId, Case>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.cases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Case {
    fn views(&self) -> Vec<ClaimView> {
        let rows = &self.appealed.electorate.table.rows;
        let voters: Vec<_> = self
            .votes
            .keys()
            .map(|position| rows[position.index()].operator)
            .collect();
        let view = |message: &ClaimMessage| ClaimView {
            claim_id: self.appealed.claim,
            task_id: self.appealed.task,
            turn: message.body.turn,
            params: message.to_params(),
            voters: voters.clone(),
        };
        self.messages.iter().map(view).collect()
    }

    fn decision(&self) -> Option<Decision> {
        match &self.appealed.stage {
            Stage::Voting => [Verdict::Reject, Verdict::Approve]
                .into_iter()
                .find_map(|verdict| self.verdict(verdict)),
            Stage::Correcting { non_signers } => self.correction(non_signers),
        }
    }

    /// A certificate on the appeal, where more than the quorum says the same. Here the performer's
    /// stake counts as it votes.
    fn verdict(&self, verdict: Verdict) -> Option<Decision> {
        let stakes = &self.appealed.electorate.stakes;
        let signers = self.voters(verdict);
        let stake = signers
            .keys()
            .filter_map(|position| stakes.get(*position))
            .map(|member| member.stake.get())
            .sum();
        let (stake, total) = (Stake::new(stake), stakes.total());
        let threshold = self.appealed.threshold;
        if !quorum::approves(threshold, stake, total) {
            return None;
        }
        Some(Decision::Decide {
            verdict,
            non_signers: stakes.non_signers(signers.keys().copied()),
            signature: sum(signers.values())?,
        })
    }

    /// Rejections that the certificate lacked.
    fn correction(&self, non_signers: &[U256]) -> Option<Decision> {
        let missing = non_signers.first().copied().unwrap_or_default();
        let mut late = self.voters(Verdict::Reject);
        late.retain(|position, _| missing.bit(position.index()));
        if late.is_empty() {
            return None;
        }
        let bits = late.keys().fold(U256::ZERO, |bits, position| {
            bits | U256::ONE << position.index()
        });
        Some(Decision::Correct {
            non_signers: non_signers.to_vec(),
            late: vec![bits],
            signature: sum(late.values())?,
        })
    }

    fn voters(&self, verdict: Verdict) -> BTreeMap<Position, BlsSignature> {
        let votes = self.votes.iter();
        votes
            .filter(|(_, (said, _))| *said == verdict)
            .map(|(position, (_, signature))| (*position, *signature))
            .collect()
    }
}

/// Votes that were checked one by one add up unless they cancel out.
fn sum<'a>(signatures: impl Iterator<Item = &'a BlsSignature>) -> Option<Signature> {
    let decoded: Option<Vec<Signature>> = signatures.map(|s| Signature::decode(s).ok()).collect();
    let sum = decoded.and_then(|decoded| aggregate(&decoded));
    if sum.is_none() {
        error!(
            code = "signatures_cancel_out",
            "votes that hold one by one do not add up"
        );
    }
    sum
}

/// What begins the names of votes in a task's appeals.
fn prefix(task: TaskId) -> String {
    format!("appeal/{task}/")
}
