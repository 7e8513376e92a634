//! The desk: which tasks are open, which claims and votes came in for them.
//!
//! Claims and votes are written to disk before they are acknowledged, so an aggregator that is
//! killed and started again, or another one that is sent the same votes, finishes the task.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tracing::{info, warn};
use zarathustra_bls::{PublicKey, Signature};
use zarathustra_chain::{Chain, ChainError, Definition, EpochTable, Store, Task};
use zarathustra_primitives::{
    ClaimId, Position, Purpose, Stake, TaskHash, TaskId, Turn, Verdict, Vote,
};
use zarathustra_wire::{
    CheckedClaim, ClaimMessage, ClaimView, RoundView, RpcError, StatusView, VoteMessage,
    check_claim,
};

/// Claims kept for one task. Only the holder of a turn can add one, so this bounds what a
/// performer that signs many results can cost.
const MAX_CLAIMS_PER_TASK: usize = 64;
/// Announcements that a slow listener may fall behind.
const ANNOUNCEMENTS: usize = 256;

/// Something that listeners should look at.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// `claim` or `certificate`.
    pub event: &'static str,
    /// What it is about.
    pub data: Value,
}

/// A task that takes claims, with what is needed to check them.
#[derive(Clone, Debug)]
pub(crate) struct OpenTask {
    pub(crate) task: Task,
    pub(crate) hash: TaskHash,
    pub(crate) table: Arc<EpochTable>,
    pub(crate) keys: Arc<Vec<PublicKey>>,
    pub(crate) definition: Arc<Definition>,
}

/// A claim and its votes.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) task: TaskId,
    pub(crate) hash: TaskHash,
    pub(crate) claim: ClaimId,
    pub(crate) turn: Turn,
    pub(crate) performer: Position,
    pub(crate) message: ClaimMessage,
    pub(crate) votes: BTreeMap<Position, (Verdict, Signature)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredClaim {
    hash: TaskHash,
    params: Value,
}

#[derive(Default)]
struct State {
    head: u64,
    tasks: BTreeMap<TaskId, OpenTask>,
    rounds: HashMap<ClaimId, Round>,
}

/// Shared between the HTTP server and the loop that submits certificates.
pub struct Desk {
    chain: Chain,
    store: Store,
    state: Mutex<State>,
    announce: broadcast::Sender<Announcement>,
}

impl Desk {
    /// An empty desk; what the store holds comes back as tasks are opened.
    pub fn new(chain: Chain, store: Store) -> Self {
        Self {
            chain,
            store,
            state: Mutex::default(),
            announce: broadcast::Sender::new(ANNOUNCEMENTS),
        }
    }

    /// A subscription to what happens from now on.
    pub fn announcements(&self) -> broadcast::Receiver<Announcement> {
        self.announce.subscribe()
    }

    /// Tells whoever listens; that nobody does is no error.
    pub(crate) fn announce(&self, event: &'static str, data: Value) {
        let listeners = self
            .announce
            .send(Announcement { event, data })
            .unwrap_or(0);
        tracing::debug!(event, listeners, "announced");
    }

    /// The tasks that take claims now. Rounds of others are dropped, as are rounds whose seed a
    /// reorganisation changed; those of a task that is new here come back from the store.
    pub(crate) fn set_open(&self, head: u64, open: Vec<OpenTask>) -> Result<(), ChainError> {
        let mut fresh = Vec::new();
        {
            let mut state = self.state();
            state.head = head;
            let known = std::mem::take(&mut state.tasks);
            for task in open {
                if known.get(&task.task.id).is_none_or(|k| k.hash != task.hash) {
                    fresh.push(task.clone());
                }
                state.tasks.insert(task.task.id, task);
            }
            let State { tasks, rounds, .. } = &mut *state;
            rounds.retain(|_, r| tasks.get(&r.task).is_some_and(|t| t.hash == r.hash));
        }
        for task in fresh {
            self.restore(&task)?;
        }
        Ok(())
    }

    /// Forgets what is stored for a task that is over.
    pub(crate) fn forget(&self, task: TaskId) -> Result<(), ChainError> {
        for (key, _) in self
            .store
            .list::<Value>("a claim", &format!("claim/{task}/"))?
        {
            self.store.remove(&key)?;
        }
        for (key, _) in self
            .store
            .list::<Value>("a vote", &format!("vote/{task}/"))?
        {
            self.store.remove(&key)?;
        }
        Ok(())
    }

    /// The rounds as they stand, with their tasks.
    pub(crate) fn rounds(&self) -> Vec<(OpenTask, Round)> {
        let state = self.state();
        state
            .rounds
            .values()
            .filter_map(|r| Some((state.tasks.get(&r.task)?.clone(), r.clone())))
            .collect()
    }

    /// Takes a claim: checks it against the chain, stores it, tells the listeners.
    ///
    /// # Errors
    /// A refusal with the fault's code. The same claim again is no error.
    pub async fn take_claim(&self, message: ClaimMessage) -> Result<ClaimId, RpcError> {
        let id = message.body.task;
        let open = self.state().tasks.get(&id).cloned();
        let Some(open) = open else {
            return Err(RpcError::refused(
                "task_not_evaluating",
                format!("task {id} takes no claims now"),
            ));
        };
        let claim_id = message.claim(open.hash).id();
        if self.state().rounds.contains_key(&claim_id) {
            return Ok(claim_id);
        }
        let checked = check_claim(&self.chain, &open.task, open.hash, &open.table, message)
            .await
            .map_err(|fault| RpcError::refused(fault.code(), fault.to_string()))?;
        if self
            .state()
            .rounds
            .values()
            .filter(|r| r.task == id)
            .count()
            >= MAX_CLAIMS_PER_TASK
        {
            return Err(RpcError::refused(
                "too_many_claims",
                format!("task {id} has {MAX_CLAIMS_PER_TASK} claims"),
            ));
        }
        let stored = StoredClaim {
            hash: open.hash,
            params: checked.message.to_params(),
        };
        self.store
            .put("a claim", &format!("claim/{id}/{claim_id}"), &stored)
            .map_err(|e| internal(&e))?;
        info!(task_id = %id, claim_id = %claim_id, turn = %checked.claim.turn, performer = %checked.claim.performer, "claim taken");
        self.open_round(&open, &checked);
        let shown = self.claims(id).into_iter().find(|c| c.claim_id == claim_id);
        self.announce("claim", json!(shown));
        Ok(claim_id)
    }

    /// Takes a vote: checks it, stores it.
    ///
    /// # Errors
    /// A refusal with a stable code. The same vote again is no error.
    pub fn take_vote(&self, message: &VoteMessage) -> Result<(), RpcError> {
        let (open, round) = {
            let state = self.state();
            let round = state
                .rounds
                .get(&message.claim_id)
                .filter(|r| r.task == message.task_id);
            let Some(round) = round.cloned() else {
                return Err(RpcError::refused(
                    "unknown_claim",
                    format!("claim {} is not open here", message.claim_id),
                ));
            };
            let Some(open) = state.tasks.get(&round.task).cloned() else {
                return Err(RpcError::refused(
                    "task_not_evaluating",
                    format!("task {} takes no votes now", round.task),
                ));
            };
            (open, round)
        };
        let Some(row) = open.table.row_of(message.operator) else {
            return Err(RpcError::refused(
                "unknown_operator",
                format!("{} is not in the task's epoch", message.operator),
            ));
        };
        let position = row.position;
        match round.votes.get(&position) {
            Some((verdict, _)) if *verdict == message.verdict => return Ok(()),
            Some(_) => {
                warn!(operator = %message.operator, claim_id = %message.claim_id, "an operator sent both verdicts; the first stands");
                return Err(RpcError::refused(
                    "vote_contradicts",
                    "another verdict of this operator is held",
                ));
            }
            None => {}
        }
        let signature = Signature::decode(&message.signature)
            .map_err(|e| RpcError::refused("signature_malformed", e.to_string()))?;
        let vote = Vote {
            task: round.hash,
            claim: round.claim,
            purpose: Purpose::Claim,
            verdict: message.verdict,
        };
        if !signature.verify(
            &vote.digest(&self.chain.domain()),
            &open.keys[position.index()],
        ) {
            return Err(RpcError::refused(
                "signature_invalid",
                "the signature is not by the operator's key",
            ));
        }
        let key = format!("vote/{}/{}/{}", round.task, round.claim, message.operator);
        self.store
            .put("a vote", &key, message)
            .map_err(|e| internal(&e))?;
        if let Some(round) = self.state().rounds.get_mut(&message.claim_id) {
            round
                .votes
                .entry(position)
                .or_insert((message.verdict, signature));
        }
        info!(task_id = %message.task_id, claim_id = %message.claim_id, operator = %message.operator, verdict = message.verdict.code(), "vote taken");
        Ok(())
    }

    /// The claims known for a task.
    pub fn claims(&self, task: TaskId) -> Vec<ClaimView> {
        let state = self.state();
        let Some(open) = state.tasks.get(&task) else {
            return Vec::new();
        };
        let mut claims: Vec<ClaimView> = state
            .rounds
            .values()
            .filter(|r| r.task == task)
            .map(|r| ClaimView {
                claim_id: r.claim,
                task_id: task,
                turn: r.turn,
                params: r.message.to_params(),
                voters: r
                    .votes
                    .keys()
                    .map(|p| open.table.rows[p.index()].operator)
                    .collect(),
            })
            .collect();
        claims.sort_by_key(|c| (c.turn, c.claim_id));
        claims
    }

    /// What the aggregator is doing.
    pub fn status(&self) -> StatusView {
        let state = self.state();
        let mut rounds: Vec<RoundView> = state
            .rounds
            .values()
            .filter_map(|r| {
                let open = state.tasks.get(&r.task)?;
                let tally = r.tally(&open.table);
                Some(RoundView {
                    task_id: r.task,
                    claim_id: r.claim,
                    approving_stake: tally.approving.get().to_string(),
                    rejecting_stake: tally.rejecting.get().to_string(),
                    total_stake: open.table.total.get().to_string(),
                })
            })
            .collect();
        rounds.sort_by_key(|r| (r.task_id, r.claim_id));
        StatusView {
            head: state.head,
            rounds,
        }
    }

    fn open_round(&self, open: &OpenTask, checked: &CheckedClaim) {
        let Some(row) = open.table.row_of(checked.claim.performer) else {
            return;
        };
        self.state()
            .rounds
            .entry(checked.id)
            .or_insert_with(|| Round {
                task: open.task.id,
                hash: open.hash,
                claim: checked.id,
                turn: checked.claim.turn,
                performer: row.position,
                message: checked.message.clone(),
                votes: BTreeMap::new(),
            });
    }

    /// Claims and votes of an earlier process. They were checked before they were stored, and the
    /// hash says whether they still are about this task.
    fn restore(&self, open: &OpenTask) -> Result<(), ChainError> {
        let id = open.task.id;
        for (_, stored) in self
            .store
            .list::<StoredClaim>("a claim", &format!("claim/{id}/"))?
        {
            let Ok(message) = ClaimMessage::from_params(&stored.params) else {
                continue;
            };
            if stored.hash == open.hash {
                let claim = message.claim(open.hash);
                self.open_round(
                    open,
                    &CheckedClaim {
                        id: claim.id(),
                        claim,
                        message,
                    },
                );
            }
        }
        for (_, vote) in self
            .store
            .list::<VoteMessage>("a vote", &format!("vote/{id}/"))?
        {
            if let Err(error) = self.take_vote(&vote) {
                warn!(task_id = %id, reason = %error.message, "a stored vote is not taken up again");
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stake for and against a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) approving: Stake,
    pub(crate) rejecting: Stake,
}

impl Round {
    /// Sums the votes. The performer's stake approves whether or not it voted, and never rejects
    /// (specification, 3.1).
    pub(crate) fn tally(&self, table: &EpochTable) -> Tally {
        let sum = |verdict: Verdict| {
            self.votes
                .iter()
                .filter(|(position, (v, _))| *v == verdict && **position != self.performer)
                .map(|(position, _)| table.rows[position.index()].stake.get())
                .sum::<u128>()
        };
        let performer = table.rows[self.performer.index()].stake.get();
        Tally {
            approving: Stake::new(sum(Verdict::Approve) + performer),
            rejecting: Stake::new(sum(Verdict::Reject)),
        }
    }
}

fn internal(error: &ChainError) -> RpcError {
    warn!(code = error.code(), %error, "a request could not be stored");
    RpcError::new(
        zarathustra_wire::codes::INTERNAL,
        "bug_store_failed",
        "the aggregator's database failed",
    )
}
