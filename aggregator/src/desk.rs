//! The desk: which tasks are open, which claims and votes came in for them.
//!
//! The rules are [`Round`]'s; the desk checks signatures, answers strangers and keeps the records.
//! Claims and votes are written to disk before they are acknowledged, so an aggregator that is
//! killed and started again, or another one that is sent the same votes, finishes the task.

mod late;

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tracing::{error, info, warn};
use zarathustra_bls::{PublicKey, Signature};
use zarathustra_chain::{Chain, ChainError, Definition, EpochTable, Head, Store, Task};
use zarathustra_primitives::{
    Claim, ClaimId, ClaimOutcome, Clock, Domain, Position, Purpose, Seed, TaskHash, TaskId,
    Threshold, Vote,
};
use zarathustra_protocol::{
    Member, Patience, Schedule, StakeTable,
    round::{
        Action, Certificate, Input, Refusal, Round, RoundConfig, State as Stage, Taken, Tally,
    },
};
use zarathustra_wire::{
    ClaimMessage, ClaimView, RoundView, RpcError, StatusView, VoteMessage, check_claim,
};

pub(crate) use late::{CertifiedTask, Supplement};

/// Messages kept for one claim. They differ in where the evidence is, which the performer does not
/// sign: whoever comes first must not be the only one who is believed.
const MAX_PROOFS: usize = 4;
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

/// The operators of an epoch, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Electorate {
    pub(crate) table: Arc<EpochTable>,
    /// Of the positions with stake.
    pub(crate) keys: Arc<BTreeMap<Position, PublicKey>>,
    pub(crate) stakes: Arc<StakeTable>,
}

impl Electorate {
    /// Decodes the keys of a table. The registry checks keys with the curve's precompiles and
    /// writes no epoch without stake; where there is no electorate, there is a bug in it.
    pub(crate) fn new(table: EpochTable) -> Option<Self> {
        let epoch = table.epoch;
        let keys: Result<BTreeMap<_, _>, _> = table
            .voters()
            .map(|row| PublicKey::decode(&row.key).map(|key| (row.position, key)))
            .collect();
        let keys = keys
            .inspect_err(|error| {
                error!(%epoch, code = "bug_key_on_chain", %error, "a key on chain is no key");
            })
            .ok()?;
        let members = table.rows.iter().map(|row| Member {
            operator: row.operator,
            signer: row.signer,
            stake: row.stake,
        });
        let stakes = StakeTable::new(members.collect())
            .inspect_err(|error| {
                error!(%epoch, code = "bug_table_on_chain", %error, "a table on chain is none");
            })
            .ok()?;
        Some(Self {
            table: Arc::new(table),
            keys: Arc::new(keys),
            stakes: Arc::new(stakes),
        })
    }
}

/// A task that takes claims, with what is needed to check them.
#[derive(Clone, Debug)]
pub(crate) struct OpenTask {
    pub(crate) task: Task,
    pub(crate) seed: Seed,
    pub(crate) hash: TaskHash,
    pub(crate) electorate: Electorate,
    pub(crate) definition: Arc<Definition>,
}

impl OpenTask {
    /// The count of turns as the chain holds it.
    fn schedule(&self) -> Schedule {
        Schedule {
            base: self.task.turn_base,
            base_at: Clock::new(self.task.turn_base_at),
            // The contract takes no kind without turns.
            turn_length: NonZeroU32::new(self.definition.turn_length).unwrap_or(NonZeroU32::MIN),
        }
    }

    fn round(&self, patience: Patience) -> Option<Round> {
        let d = &self.definition;
        let threshold = match Threshold::new(d.threshold_numerator, d.threshold_denominator) {
            Ok(threshold) => threshold,
            Err(error) => {
                // The contract checks it when a kind is registered; this would be a bug in it.
                error!(kind = %self.task.kind, code = "bug_threshold_on_chain", %error, "a threshold on chain is none");
                return None;
            }
        };
        Some(Round::new(RoundConfig {
            task: self.hash,
            seed: self.seed,
            table: Arc::clone(&self.electorate.stakes),
            threshold,
            schedule: self.schedule(),
            voting_window: d.voting_window,
            patience,
        }))
    }
}

/// All that is known about an open task.
struct Docket {
    open: OpenTask,
    round: Round,
    messages: BTreeMap<ClaimId, Vec<ClaimMessage>>,
}

/// A certificate that is worth submitting, with the claim that it is about.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) open: OpenTask,
    pub(crate) message: ClaimMessage,
    pub(crate) certificate: Certificate,
    pub(crate) tally: Tally,
}

/// A claim at the desk.
#[derive(Clone, Debug)]
pub(crate) struct HeldClaim {
    pub(crate) task: TaskId,
    pub(crate) claim: ClaimId,
    /// Where its evidence is said to be.
    pub(crate) proofs: Vec<String>,
    pub(crate) outcome: ClaimOutcome,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredClaim {
    pub(crate) hash: TaskHash,
    pub(crate) params: Value,
}

#[derive(Default)]
struct State {
    head: u64,
    clock: Clock,
    dockets: BTreeMap<TaskId, Docket>,
    /// Certified tasks for which late votes count.
    late: BTreeMap<TaskId, late::LateDocket>,
}

/// Shared between the HTTP server and the loop that submits certificates.
pub struct Desk {
    chain: Chain,
    store: Store,
    /// How long to wait for late votes.
    patience: Patience,
    state: Mutex<State>,
    announce: broadcast::Sender<Announcement>,
}

impl Desk {
    /// An empty desk; what the store holds comes back as tasks are opened.
    pub fn new(chain: Chain, store: Store, patience: Patience) -> Self {
        Self {
            chain,
            store,
            patience,
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

    /// The tasks that take claims now. Those that do no longer are dropped, as are those whose
    /// seed a reorganisation changed; what is new here comes back from the store. After a
    /// reorganisation everything does, since decisions may have been taken back.
    pub(crate) fn set_open(
        &self,
        head: &Head,
        open: Vec<OpenTask>,
        reorganised: bool,
    ) -> Result<(), ChainError> {
        let mut fresh = Vec::new();
        {
            let mut state = self.state();
            state.head = head.number;
            state.clock = Clock::new(head.clock);
            let mut known = std::mem::take(&mut state.dockets);
            if reorganised {
                known.clear();
            }
            for open in open {
                let id = open.task.id;
                // A certificate that the chain no longer has was reorganised away.
                let certified =
                    |docket: &Docket| matches!(docket.round.state(), Stage::Certified(_));
                let kept = known
                    .remove(&id)
                    .filter(|k| k.open.hash == open.hash && !certified(k));
                let docket = match kept {
                    Some(docket) => Docket { open, ..docket },
                    None => {
                        let Some(round) = open.round(self.patience) else {
                            continue;
                        };
                        fresh.push((id, open.hash));
                        Docket {
                            open,
                            round,
                            messages: BTreeMap::new(),
                        }
                    }
                };
                state.dockets.insert(id, docket);
            }
            for docket in state.dockets.values_mut() {
                let turns = Input::Turns(docket.open.schedule());
                for input in [Input::BaseFee(head.base_fee), turns] {
                    feed(&mut docket.round, Clock::new(head.clock), input);
                }
            }
        }
        for (task, hash) in fresh {
            self.restore(task, hash)?;
        }
        Ok(())
    }

    /// Forgets what is stored for a task that is over.
    pub(crate) fn forget(&self, task: TaskId) -> Result<(), ChainError> {
        self.store.remove_all(&format!("claim/{task}/"))?;
        self.store.remove_all(&format!("vote/{task}/"))
    }

    /// The claims of all tasks, each with what is known here of its outcome.
    pub(crate) fn held(&self) -> Vec<HeldClaim> {
        let state = self.state();
        let dockets = state.dockets.iter();
        dockets
            .flat_map(|(task, docket)| {
                docket.messages.iter().map(|(claim, messages)| HeldClaim {
                    task: *task,
                    claim: *claim,
                    proofs: messages.iter().map(|m| m.proof.clone()).collect(),
                    outcome: docket.round.outcome(*claim),
                })
            })
            .collect()
    }

    /// Tells a task's round what became of a claim.
    pub(crate) fn tell(&self, task: TaskId, input: Input) {
        let mut state = self.state();
        let clock = state.clock;
        if let Some(docket) = state.dockets.get_mut(&task) {
            feed(&mut docket.round, clock, input);
        }
    }

    /// Lets a task be read again from the store, since the chain took back what its round knows.
    pub(crate) fn rebuild(&self, task: TaskId) {
        self.state().dockets.remove(&task);
    }

    /// A certificate that is worth submitting now. What is not asked for stays to be asked for.
    pub(crate) fn next_ready(&self) -> Option<Ready> {
        let mut state = self.state();
        let clock = state.clock;
        state.dockets.values_mut().find_map(|docket| {
            feed(&mut docket.round, clock, Input::Tick);
            let Action::Submit(certificate) = docket.round.poll_action()?;
            let message = docket.messages.get(&certificate.claim)?.first()?.clone();
            let tally = docket.round.tally(certificate.claim)?;
            Some(Ready {
                open: docket.open.clone(),
                message,
                certificate,
                tally,
            })
        })
    }

    /// Takes a claim: checks it against the chain, stores it, tells the listeners.
    ///
    /// # Errors
    /// A refusal with the fault's code. The same claim again is no error.
    pub async fn take_claim(&self, message: ClaimMessage) -> Result<ClaimId, RpcError> {
        let id = message.body.task;
        let open = self.state().dockets.get(&id).map(|d| d.open.clone());
        let Some(open) = open else {
            return Err(RpcError::refused(
                "task_not_evaluating",
                format!("task {id} takes no claims now"),
            ));
        };
        let claim_id = message.claim(open.hash).id();
        if self.knows(id, claim_id, &message.proof) {
            return Ok(claim_id);
        }
        let table = &open.electorate.table;
        let checked = check_claim(&self.chain, &open.task, open.hash, table, message)
            .await
            .map_err(|fault| RpcError::refused(fault.code(), fault.to_string()))?;
        // Its turn was seen to have begun on chain; the round's clock may be a block behind.
        let head = self
            .chain
            .head()
            .await
            .map_err(|e| RpcError::refused(e.code(), e.to_string()))?;
        let claim = checked.claim;
        let params = checked.message.to_params();
        let place = self
            .take_up(id, Clock::new(head.clock), claim, checked.message)
            .map_err(refused)?;
        let Some(place) = place else {
            return Ok(claim_id);
        };
        let stored = StoredClaim {
            hash: open.hash,
            params,
        };
        let key = format!("claim/{id}/{claim_id}/{place}");
        self.keep(id, "a claim", &key, &stored)?;
        info!(task_id = %id, %claim_id, turn = %claim.turn, performer = %claim.performer, "claim taken");
        let shown = self.claims(id).into_iter().find(|c| c.claim_id == claim_id);
        self.announce("claim", json!(shown));
        Ok(claim_id)
    }

    /// Takes a vote: checks it, stores it.
    ///
    /// # Errors
    /// A refusal with a stable code. The same vote again is no error.
    pub fn take_vote(&self, message: &VoteMessage) -> Result<(), RpcError> {
        if let Some(answer) = self.take_late(message) {
            return answer;
        }
        if self.count(message)? == Taken::Known {
            return Ok(());
        }
        let (task, claim) = (message.task_id, message.claim_id);
        let key = format!("vote/{task}/{claim}/{}", message.operator);
        self.keep(task, "a vote", &key, message)?;
        info!(task_id = %task, claim_id = %claim, operator = %message.operator, verdict = message.verdict.code(), "vote taken");
        Ok(())
    }

    /// Checks a vote and gives it to its round.
    fn count(&self, message: &VoteMessage) -> Result<Taken, RpcError> {
        let known = {
            let state = self.state();
            let docket = state.dockets.get(&message.task_id);
            docket
                .filter(|docket| docket.messages.contains_key(&message.claim_id))
                .map(|docket| {
                    let votes = docket
                        .round
                        .votes(message.claim_id)
                        .collect::<BTreeMap<_, _>>();
                    (docket.open.clone(), votes)
                })
        };
        let Some((open, votes)) = known else {
            return Err(RpcError::refused(
                "unknown_claim",
                format!("claim {} is not open here", message.claim_id),
            ));
        };
        let Some(row) = open.electorate.table.row_of(message.operator) else {
            return Err(RpcError::refused(
                "unknown_operator",
                format!("{} is not in the task's epoch", message.operator),
            ));
        };
        // A pairing is dear; nobody gets one for what is held already.
        if votes.get(&row.position) == Some(&message.verdict) {
            return Ok(Taken::Known);
        }
        // There is one for every row with stake.
        let key = &open.electorate.keys[&row.position];
        check_signature(&self.chain.domain(), open.hash, key, message)?;
        let input = Input::Vote {
            claim: message.claim_id,
            voter: row.position,
            verdict: message.verdict,
            signature: message.signature,
        };
        let taken = {
            let mut state = self.state();
            let clock = state.clock;
            let docket = state.dockets.get_mut(&message.task_id);
            docket
                // A reorganisation may have changed the task since it was looked at.
                .filter(|docket| docket.open.hash == open.hash)
                .map(|docket| docket.round.handle(clock, input))
        };
        match taken {
            Some(Ok(taken)) => Ok(taken),
            Some(Err(refusal)) => {
                if matches!(refusal, Refusal::Equivocation { .. }) {
                    warn!(operator = %message.operator, claim_id = %message.claim_id, "an operator sent both verdicts; the first stands");
                }
                Err(refused(refusal))
            }
            None => Err(RpcError::refused(
                "task_not_evaluating",
                format!("task {} takes no votes now", message.task_id),
            )),
        }
    }

    /// The claims of a task that no certificate decided, or the approved one while late votes on
    /// it count.
    pub fn claims(&self, task: TaskId) -> Vec<ClaimView> {
        let state = self.state();
        let Some(docket) = state.dockets.get(&task) else {
            drop(state);
            return self.late_claims(task);
        };
        let rows = &docket.open.electorate.table.rows;
        let open = docket
            .round
            .claims()
            .filter(|(_, claim)| docket.round.outcome(*claim) == ClaimOutcome::None);
        let held = |claim| docket.messages.get(&claim).into_iter().flatten();
        open.flat_map(|(turn, claim)| held(claim).map(move |message| (turn, claim, message)))
            .map(|(turn, claim_id, message)| ClaimView {
                claim_id,
                task_id: task,
                turn,
                params: message.to_params(),
                voters: docket
                    .round
                    .votes(claim_id)
                    .map(|(position, _)| rows[position.index()].operator)
                    .collect(),
            })
            .collect()
    }

    /// What the aggregator is doing.
    pub fn status(&self) -> StatusView {
        let state = self.state();
        let rounds = state.dockets.iter().flat_map(|(task, docket)| {
            docket.messages.keys().filter_map(|claim| {
                let tally = docket.round.tally(*claim)?;
                Some(RoundView {
                    task_id: *task,
                    claim_id: *claim,
                    approving_stake: tally.approving.get().to_string(),
                    rejecting_stake: tally.rejecting.get().to_string(),
                    total_stake: tally.total.get().to_string(),
                })
            })
        });
        StatusView {
            head: state.head,
            rounds: rounds.collect(),
        }
    }

    fn holds(&self, task: TaskId, claim: ClaimId) -> bool {
        let state = self.state();
        let docket = state.dockets.get(&task);
        docket.is_some_and(|docket| docket.messages.contains_key(&claim))
    }

    /// Whether there is nothing new in a message.
    fn knows(&self, task: TaskId, claim: ClaimId, proof: &str) -> bool {
        let state = self.state();
        let docket = state.dockets.get(&task);
        let messages = docket.and_then(|docket| docket.messages.get(&claim));
        messages.is_some_and(|m| m.len() >= MAX_PROOFS || m.iter().any(|m| m.proof == proof))
    }

    /// Gives a checked claim to its task's round; answers the place of its message, `None` where
    /// there is nothing new in it.
    fn take_up(
        &self,
        task: TaskId,
        now: Clock,
        claim: Claim,
        message: ClaimMessage,
    ) -> Result<Option<usize>, Refusal> {
        let mut state = self.state();
        let Some(docket) = state.dockets.get_mut(&task) else {
            return Err(Refusal::Decided);
        };
        docket.round.handle(now, Input::Claim(claim))?;
        let messages = docket.messages.entry(claim.id()).or_default();
        if messages.len() >= MAX_PROOFS || messages.iter().any(|m| m.proof == message.proof) {
            return Ok(None);
        }
        messages.push(message);
        Ok(Some(messages.len() - 1))
    }

    /// Writes a record of what was just taken. Where that fails the task is forgotten, to be read
    /// again from the store: nothing is acknowledged later that is not on disk.
    fn keep<T: Serialize>(
        &self,
        task: TaskId,
        what: &'static str,
        key: &str,
        record: &T,
    ) -> Result<(), RpcError> {
        self.store.put(what, key, record).map_err(|error| {
            self.state().dockets.remove(&task);
            internal(&error)
        })
    }

    /// Claims and votes of an earlier process. They were checked before they were stored, and the
    /// hash says whether they still are about this task.
    fn restore(&self, id: TaskId, hash: TaskHash) -> Result<(), ChainError> {
        let now = self.state().clock;
        for (_, stored) in self
            .store
            .list::<StoredClaim>("a claim", &format!("claim/{id}/"))?
        {
            if stored.hash != hash {
                continue;
            }
            let taken = ClaimMessage::from_params(&stored.params)
                .map_err(|e| e.to_string())
                .and_then(|message| {
                    self.take_up(id, now, message.claim(hash), message)
                        .map_err(|e| e.to_string())
                });
            if let Err(reason) = taken {
                warn!(task_id = %id, reason, "a stored claim is not taken up again");
            }
        }
        for (_, vote) in self
            .store
            .list::<VoteMessage>("a vote", &format!("vote/{id}/"))?
        {
            if !self.holds(id, vote.claim_id) {
                // Of a claim under another seed.
                continue;
            }
            if let Err(error) = self.count(&vote) {
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

/// Whether a vote is signed by its operator's key.
fn check_signature(
    domain: &Domain,
    task: TaskHash,
    key: &PublicKey,
    message: &VoteMessage,
) -> Result<(), RpcError> {
    let signature = Signature::decode(&message.signature)
        .map_err(|e| RpcError::refused("signature_malformed", e.to_string()))?;
    let vote = Vote {
        task,
        claim: message.claim_id,
        purpose: Purpose::Claim,
        verdict: message.verdict,
    };
    if signature.verify(&vote.digest(domain), key) {
        return Ok(());
    }
    Err(RpcError::refused(
        "signature_invalid",
        "the signature is not by the operator's key",
    ))
}

/// Gives a round an input that it never refuses: only claims and votes are.
fn feed(round: &mut Round, now: Clock, input: Input) {
    if let Err(refusal) = round.handle(now, input) {
        error!(code = "bug_input_refused", %refusal, "a round refuses what is no claim and no vote");
    }
}

fn refused(refusal: Refusal) -> RpcError {
    RpcError::refused(refusal.code(), refusal.to_string())
}

pub(crate) fn internal(error: &ChainError) -> RpcError {
    warn!(code = error.code(), %error, "a request could not be dealt with");
    RpcError::new(
        zarathustra_wire::codes::INTERNAL,
        "bug_store_failed",
        "the aggregator's database failed",
    )
}
