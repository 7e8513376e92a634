//! One task at an aggregator: from claims and votes to the certificate that is worth submitting.
//!
//! The caller verifies signatures and does all IO. It feeds what happens into
//! [`handle`](Round::handle), takes what is to be done from [`poll_action`](Round::poll_action)
//! until there is nothing left, and calls again no later than [`poll_deadline`](Round::poll_deadline)
//! says. Feeding the same inputs again, as after a restart, changes nothing that stands.
//!
//! What it will not do:
//! - count anybody twice. An operator has one verdict per claim; another one is reported as
//!   [`Refusal::Equivocation`] and the first stands;
//! - hold two claims of one turn. The first that comes stands; a performer that signs several
//!   only loses its turn;
//! - have two certificates of a task under way. The chain decides the first before the next;
//! - survive a reorganisation across the seed block: claims and votes belong to a task hash, and
//!   with another seed a new round begins.

use std::{collections::BTreeMap, sync::Arc};

use zarathustra_primitives::{
    BlsSignature, CertificateKind, Claim, ClaimId, ClaimOutcome, Clock, Position, Seed, Stake,
    TaskHash, Threshold, Turn, U256, Verdict,
};

use crate::{Patience, Schedule, StakeTable, quorum};

/// What a round needs to know of its task.
#[derive(Debug, Clone)]
pub struct RoundConfig {
    /// Names the task with its epoch and seed.
    pub task: TaskHash,
    /// The seed, for whose turn it is.
    pub seed: Seed,
    /// The epoch's table.
    pub table: Arc<StakeTable>,
    /// Of the task definition.
    pub threshold: Threshold,
    /// The running count of turns.
    pub schedule: Schedule,
    /// Of the task definition: blocks after a turn before its claim may be blocked.
    pub voting_window: u32,
    /// How long to wait for late votes once approval is possible.
    pub patience: Patience,
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A claim whose signature was checked to be its performer's.
    Claim(Claim),
    /// A vote whose signature was checked.
    Vote {
        /// The claim.
        claim: ClaimId,
        /// Who votes.
        voter: Position,
        /// What it says.
        verdict: Verdict,
        /// The signature.
        signature: BlsSignature,
    },
    /// A certificate on a claim was mined, by whomever.
    Decided {
        /// The claim.
        claim: ClaimId,
        /// What it said; `None` is no decision.
        outcome: ClaimOutcome,
    },
    /// The count of turns as it stands on chain; a certificate may have passed a turn on.
    Turns(Schedule),
    /// The chain's base fee now, wei, by which waiting for votes is worth something.
    BaseFee(u128),
    /// A certificate that was to be submitted was not taken.
    NotTaken {
        /// The claim.
        claim: ClaimId,
    },
}

/// What came of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It changed something.
    New,
    /// It was known.
    Known,
}

/// Why an input was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The claim is of another task, epoch or seed.
    #[error("claim is for task hash {claimed}")]
    OtherTask {
        /// The claim's task hash.
        claimed: TaskHash,
    },
    /// The claim's turn has not begun.
    #[error("turn {turn} has not begun; it is turn {current}")]
    Early {
        /// The claim's turn.
        turn: Turn,
        /// The current turn.
        current: Turn,
    },
    /// The turn is somebody else's.
    #[error("turn {turn} is not the performer's")]
    NotHolder {
        /// The claim's turn.
        turn: Turn,
    },
    /// Another claim of the turn stands.
    #[error("turn {turn} was claimed with {earlier}")]
    TurnTaken {
        /// The turn.
        turn: Turn,
        /// The claim that stands.
        earlier: ClaimId,
    },
    /// No such claim.
    #[error("claim {claim} is not known")]
    UnknownClaim {
        /// The claim.
        claim: ClaimId,
    },
    /// No such row in the table, or one without stake.
    #[error("position {voter} has no stake in the table")]
    UnknownVoter {
        /// The position.
        voter: Position,
    },
    /// The operator voted the other way before. Both signatures together prove its fault.
    #[error("position {voter} voted {earlier} before")]
    Equivocation {
        /// The position.
        voter: Position,
        /// The verdict that stands.
        earlier: Verdict,
    },
    /// The performer rejects its own claim; its stake never counts as rejecting.
    #[error("the performer rejects its own claim")]
    OwnClaim,
    /// The claim or the task is decided.
    #[error("decided already")]
    Decided,
}

impl Refusal {
    /// The reason of [`Refusal::TurnTaken`].
    pub const TURN_TAKEN: &'static str = "turn_taken";

    /// The stable name of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OtherTask { .. } => "other_task",
            Self::Early { .. } => "early_claim",
            Self::NotHolder { .. } => "not_turn_holder",
            Self::TurnTaken { .. } => Self::TURN_TAKEN,
            Self::UnknownClaim { .. } => "unknown_claim",
            Self::UnknownVoter { .. } => "unknown_voter",
            Self::Equivocation { .. } => "equivocation",
            Self::OwnClaim => "own_claim",
            Self::Decided => "decided",
        }
    }
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Submit this certificate, and report what came of it.
    Submit(Certificate),
}

/// Votes that make a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The claim.
    pub claim: ClaimId,
    /// What is decided.
    pub kind: CertificateKind,
    /// The votes to add up.
    pub signers: Vec<(Position, BlsSignature)>,
    /// The bitmap of everybody else (3.2).
    pub non_signers: Vec<U256>,
}

/// Stake behind the two verdicts on a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The performer's included, whether or not it voted.
    pub approving: Stake,
    /// Never the performer's.
    pub rejecting: Stake,
    /// Of the whole table.
    pub total: Stake,
}

/// Where a round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Takes claims and votes.
    Collecting,
    /// A certificate is under way.
    Submitting(ClaimId),
    /// A claim was approved. Final.
    Certified(ClaimId),
}

impl State {
    /// The stable name for logs, metrics and tests.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Submitting(_) => "submitting",
            Self::Certified(_) => "certified",
        }
    }
}

#[derive(Debug)]
struct Ballot {
    turn: Turn,
    performer: Position,
    votes: BTreeMap<Position, (Verdict, BlsSignature)>,
    approving: u128,
    rejecting: u128,
    /// When approval became possible.
    approvable_since: Option<Clock>,
    outcome: ClaimOutcome,
}

/// One task at an aggregator. Reads no clock and performs no IO.
#[derive(Debug)]
pub struct Round {
    config: RoundConfig,
    schedule: Schedule,
    /// Wei.
    base_fee: u128,
    now: Clock,
    claims: BTreeMap<ClaimId, Ballot>,
    turns: BTreeMap<Turn, ClaimId>,
    state: State,
    /// A certificate that was not taken is tried again no earlier.
    not_before: Clock,
    action: Option<Action>,
}

impl Round {
    /// A round without claims.
    pub fn new(config: RoundConfig) -> Self {
        Self {
            schedule: config.schedule,
            base_fee: 0,
            config,
            now: Clock::default(),
            claims: BTreeMap::new(),
            turns: BTreeMap::new(),
            state: State::Collecting,
            not_before: Clock::default(),
            action: None,
        }
    }

    /// Takes in what happened at `now`. A clock that goes back, as it may in a reorganisation, is
    /// taken as standing still.
    ///
    /// # Errors
    /// When the input is refused; then only time has passed.
    pub fn handle(&mut self, now: Clock, input: Input) -> Result<Taken, Refusal> {
        self.now = self.now.max(now);
        let taken = match input {
            Input::Tick => Ok(Taken::Known),
            Input::Claim(claim) => self.take_claim(&claim),
            Input::Vote {
                claim,
                voter,
                verdict,
                signature,
            } => self.take_vote(claim, voter, verdict, signature),
            Input::Decided { claim, outcome } => Ok(self.take_decision(claim, outcome)),
            Input::Turns(schedule) => Ok(self.take_turns(schedule)),
            Input::BaseFee(wei) => Ok(self.take_base_fee(wei)),
            Input::NotTaken { claim } => Ok(self.take_back(claim)),
        };
        self.consider();
        taken
    }

    /// The next thing to be done.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.action.take()
    }

    /// When to call [`handle`](Self::handle) again, with a tick if nothing else happened.
    pub fn poll_deadline(&self) -> Option<Clock> {
        if self.state != State::Collecting {
            return None;
        }
        let open = self.claims.values().filter(|ballot| ballot.is_open());
        open.filter_map(|ballot| self.ready_at(ballot).map(|(at, _)| at.max(self.not_before)))
            .min()
    }

    /// Where the round stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The running count of turns, as far as this round was told.
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Stake behind the verdicts on a claim.
    pub fn tally(&self, claim: ClaimId) -> Option<Tally> {
        self.claims.get(&claim).map(|ballot| self.tally_of(ballot))
    }

    /// Claims in the order of their turns.
    pub fn claims(&self) -> impl Iterator<Item = (Turn, ClaimId)> {
        self.turns.iter().map(|(turn, claim)| (*turn, *claim))
    }

    /// The votes held on a claim, in the order of positions.
    pub fn votes(&self, claim: ClaimId) -> impl Iterator<Item = (Position, Verdict)> {
        let ballot = self.claims.get(&claim).into_iter();
        ballot.flat_map(|ballot| ballot.votes.iter().map(|(voter, (v, _))| (*voter, *v)))
    }

    /// What the first certificate on a claim said, as far as this round was told.
    pub fn outcome(&self, claim: ClaimId) -> ClaimOutcome {
        self.claims
            .get(&claim)
            .map_or(ClaimOutcome::None, |ballot| ballot.outcome)
    }

    fn take_claim(&mut self, claim: &Claim) -> Result<Taken, Refusal> {
        let (id, turn) = (claim.id(), claim.turn);
        if self.claims.contains_key(&id) {
            return Ok(Taken::Known);
        }
        if claim.task != self.config.task {
            return Err(Refusal::OtherTask {
                claimed: claim.task,
            });
        }
        if matches!(self.state, State::Certified(_)) {
            return Err(Refusal::Decided);
        }
        let current = self.schedule.current(self.now);
        if turn > current {
            return Err(Refusal::Early { turn, current });
        }
        let performer = self.config.table.holder(self.config.seed, turn);
        let holder = self.config.table.get(performer);
        if holder.is_none_or(|holder| holder.operator != claim.performer) {
            return Err(Refusal::NotHolder { turn });
        }
        if let Some(earlier) = self.turns.get(&turn) {
            return Err(Refusal::TurnTaken {
                turn,
                earlier: *earlier,
            });
        }
        let approving = self.stake(performer);
        self.turns.insert(turn, id);
        self.claims.insert(
            id,
            Ballot {
                turn,
                performer,
                votes: BTreeMap::new(),
                approving,
                rejecting: 0,
                approvable_since: None,
                outcome: ClaimOutcome::None,
            },
        );
        Ok(Taken::New)
    }

    fn take_vote(
        &mut self,
        claim: ClaimId,
        voter: Position,
        verdict: Verdict,
        signature: BlsSignature,
    ) -> Result<Taken, Refusal> {
        if self.config.table.voter(voter).is_none() {
            return Err(Refusal::UnknownVoter { voter });
        }
        let stake = self.stake(voter);
        let ballot = self
            .claims
            .get_mut(&claim)
            .ok_or(Refusal::UnknownClaim { claim })?;
        match ballot.votes.get(&voter) {
            Some((earlier, _)) if *earlier == verdict => return Ok(Taken::Known),
            Some((earlier, _)) => {
                return Err(Refusal::Equivocation {
                    voter,
                    earlier: *earlier,
                });
            }
            None => {}
        }
        if !ballot.is_open() {
            return Err(Refusal::Decided);
        }
        let own = voter == ballot.performer;
        match verdict {
            Verdict::Reject if own => return Err(Refusal::OwnClaim),
            Verdict::Reject => ballot.rejecting += stake,
            // The claim itself counted as the performer's approval.
            Verdict::Approve if own => {}
            Verdict::Approve => ballot.approving += stake,
        }
        ballot.votes.insert(voter, (verdict, signature));
        Ok(Taken::New)
    }

    fn take_base_fee(&mut self, wei: u128) -> Taken {
        if self.base_fee == wei {
            return Taken::Known;
        }
        self.base_fee = wei;
        Taken::New
    }

    fn take_turns(&mut self, schedule: Schedule) -> Taken {
        if self.schedule == schedule {
            return Taken::Known;
        }
        self.schedule = schedule;
        Taken::New
    }

    fn take_decision(&mut self, claim: ClaimId, outcome: ClaimOutcome) -> Taken {
        if outcome == ClaimOutcome::None || matches!(self.state, State::Certified(_)) {
            return Taken::Known;
        }
        // Claims that came to other aggregators only are decided as well.
        if let Some(ballot) = self.claims.get_mut(&claim) {
            if ballot.outcome == outcome {
                return Taken::Known;
            }
            ballot.outcome = outcome;
        }
        // A certificate that nobody has taken yet, of whichever claim, is considered anew.
        if self.action.take().is_some() || self.state == State::Submitting(claim) {
            self.state = State::Collecting;
        }
        if outcome == ClaimOutcome::Approved {
            self.state = State::Certified(claim);
        }
        Taken::New
    }

    fn take_back(&mut self, claim: ClaimId) -> Taken {
        if self.state != State::Submitting(claim) {
            return Taken::Known;
        }
        self.action = None;
        self.state = State::Collecting;
        self.not_before = self.now.after(1);
        Taken::New
    }

    /// Puts the certificate that is worth submitting now, if any, under way.
    fn consider(&mut self) {
        let (table, threshold) = (Arc::clone(&self.config.table), self.config.threshold);
        let (now, total) = (self.now, table.total());
        for ballot in self.claims.values_mut() {
            let approving = Stake::new(ballot.approving);
            let signed = ballot
                .votes
                .values()
                .any(|(verdict, _)| *verdict == Verdict::Approve);
            if signed && quorum::approves(threshold, approving, total) {
                ballot.approvable_since.get_or_insert(now);
            }
        }
        if self.state != State::Collecting || now < self.not_before {
            return;
        }
        let ready = self.turns.values().find_map(|id| {
            let ballot = self.claims.get(id).filter(|ballot| ballot.is_open())?;
            let (at, kind) = self.ready_at(ballot)?;
            (at <= now).then(|| ballot.certificate(*id, kind, &table))
        });
        if let Some(certificate) = ready {
            self.state = State::Submitting(certificate.claim);
            self.action = Some(Action::Submit(certificate));
        }
    }

    /// The certificate that the votes on a claim make, and from when it is worth submitting.
    fn ready_at(&self, ballot: &Ballot) -> Option<(Clock, CertificateKind)> {
        let Tally {
            rejecting, total, ..
        } = self.tally_of(ballot);
        let threshold = self.config.threshold;
        if let Some(since) = ballot.approvable_since {
            let voters = self.config.table.voters();
            let missing = voters.saturating_sub(ballot.votes.len());
            let wait = self.config.patience.blocks(missing, self.base_fee);
            return Some((since.after(wait), CertificateKind::Approve));
        }
        if quorum::rejects(threshold, rejecting, total) {
            // Nobody earns by a rejection, so there is nothing to wait for.
            return Some((Clock::default(), CertificateKind::Reject));
        }
        if quorum::blocks(threshold, rejecting, total) {
            let from = self
                .schedule
                .blocked_from(ballot.turn, self.config.voting_window);
            return Some((from, CertificateKind::Blocked));
        }
        None
    }

    fn tally_of(&self, ballot: &Ballot) -> Tally {
        Tally {
            approving: Stake::new(ballot.approving),
            rejecting: Stake::new(ballot.rejecting),
            total: self.config.table.total(),
        }
    }

    fn stake(&self, position: Position) -> u128 {
        self.config
            .table
            .get(position)
            .map_or(0, |member| member.stake.get())
    }
}

impl Ballot {
    fn is_open(&self) -> bool {
        self.outcome == ClaimOutcome::None
    }

    fn certificate(
        &self,
        claim: ClaimId,
        kind: CertificateKind,
        table: &StakeTable,
    ) -> Certificate {
        let votes = self
            .votes
            .iter()
            .filter(|(_, (verdict, _))| *verdict == kind.verdict());
        let signers: Vec<_> = votes
            .map(|(position, (_, signature))| (*position, *signature))
            .collect();
        let non_signers = table.non_signers(signers.iter().map(|(position, _)| *position));
        Certificate {
            claim,
            kind,
            signers,
            non_signers,
        }
    }
}

#[cfg(test)]
mod tests;
