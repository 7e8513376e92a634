//! Tasks as they stand on the chain.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    rpc::types::Filter,
    sol_types::{SolEvent, SolValue as _},
};
use zarathustra_abi::attestation_center::{IAttestationCenter, IAttestationCenterTypes};
use zarathustra_primitives::{
    ClaimId, ClaimOutcome, Digest, Epoch, KindId, Position, Seed, SubjectHash, TaskHash, TaskId,
    TaskState, Turn,
};

use crate::{Chain, ChainError, client::read};

/// A task; times are market clock, `seed_block` is a real block number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Its kind.
    pub kind: KindId,
    /// Where it stands.
    pub state: TaskState,
    /// Whether it was reopened after it had expired.
    pub retried: bool,
    /// Whether it expired for good.
    pub is_final: bool,
    /// Whether the logic heard of its certificate.
    pub delivered: bool,
    /// Whether an appeal was filed against its certificate, and no quorum has upheld it.
    pub appealed: bool,
    /// The table of operators that decides it.
    pub epoch: Epoch,
    /// Turn from which the present count starts.
    pub turn_base: Turn,
    /// Clock at which that turn started.
    pub turn_base_at: u64,
    /// Block whose randomness is the seed's source; 0 once it was certified, also when the
    /// certificate was overturned; see [`Chain::seed_block`].
    pub seed_block: u64,
    /// What the source of seeds fixed beside it when the task opened, a drand round; 0 for RANDAO,
    /// and once certified.
    pub seed_target: u64,
    /// Clock at which the seed was fixed; 0 before, and once certified.
    pub seed_fixed_at: u64,
    /// From when the task can expire: a block number while Fetching, market clock while Evaluating;
    /// from when its result can be delivered while Certified; 0 otherwise.
    pub deadline: u64,
    /// Clock at which it was certified; 0 before.
    pub certified_at: u64,
    /// What its certificate committed to (see [`commitment`]).
    pub commitment: Option<B256>,
    /// Operators' fee, wei.
    pub fee: u128,
    /// The seed, once fixed.
    pub seed: Option<Seed>,
    /// What it is about.
    pub subject: SubjectHash,
    /// The environment that is scheduled for its kind and epoch (2.9); `None` when none is.
    pub environment: Option<Digest>,
}

/// A kind's windows and threshold; see the specification, 2.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The contract that opens tasks of the kind.
    pub source: Address,
    /// The contract that hears of outcomes.
    pub logic: Address,
    /// p of the threshold p/q.
    pub threshold_numerator: u16,
    /// q of the threshold p/q.
    pub threshold_denominator: u16,
    /// Share of the fee that is the performer's, basis points.
    pub performer_share_bps: u16,
    /// Real blocks from opening to the seed block.
    pub fetch_window: u32,
    /// Blocks a turn lasts.
    pub turn_length: u32,
    /// Blocks after a turn during which votes are awaited before it can be blocked.
    pub voting_window: u32,
    /// Blocks from opening to the deadline.
    pub task_life: u32,
    /// Blocks from certificate to settlement, when nobody appeals.
    pub appeal_window: u32,
    /// Blocks after that during which an appeal can be decided; 0 where there is no appeal.
    pub appeal_voting: u32,
    /// What an appeal costs who loses it, wei.
    pub appeal_bond: u128,
    /// Blocks after the certificate during which late votes count.
    pub supplement_window: u32,
    /// Least fee, wei.
    pub min_fee: u128,
}

/// The hash by which the contract knows what a certificate committed to (3.3).
pub fn commitment(task: TaskId, committed: &IAttestationCenterTypes::FeeCommitment) -> B256 {
    keccak256((task.get(), committed.clone()).abi_encode_params())
}

impl Chain {
    /// A task as it stands at the newest block.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::OutOfRange`] for a state unknown here.
    pub async fn task(&self, id: TaskId) -> Result<Task, ChainError> {
        let raw = read("task", self.attestation().task(id.get())).await?;
        // What holds for an epoch that exists does not change, so that two reads are as good as one.
        let environment = read(
            "environmentAt",
            self.attestation().environmentAt(raw.kind, raw.epoch),
        )
        .await?;
        Task::from_chain(id, &raw, environment)
    }

    /// The environment that is scheduled for a kind's tasks of an epoch (2.9); `None` when none is.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn environment_at(
        &self,
        kind: KindId,
        epoch: Epoch,
    ) -> Result<Option<Digest>, ChainError> {
        let raw = read(
            "environmentAt",
            self.attestation().environmentAt(kind.get(), epoch.get()),
        )
        .await?;
        Ok((!raw.is_zero()).then(|| Digest::new(raw.0)))
    }

    /// How many tasks there were so far.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn task_count(&self) -> Result<u64, ChainError> {
        read("taskCount", self.attestation().taskCount()).await
    }

    /// The hash that claims and votes on the task are about. It depends on the seed and epoch.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn task_hash(&self, id: TaskId) -> Result<TaskHash, ChainError> {
        read("taskHash", self.attestation().taskHash(id.get()))
            .await
            .map(TaskHash::new)
    }

    /// What the first certificate on a claim of a task said.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::OutOfRange`] for an outcome unknown here.
    pub async fn claim_outcome(
        &self,
        task: TaskId,
        claim: ClaimId,
    ) -> Result<ClaimOutcome, ChainError> {
        let raw = read("claimOutcome", self.attestation().claimOutcome(claim.get())).await?;
        let refused = ClaimOutcome::from_u8(raw).map_err(|e| ChainError::OutOfRange {
            what: "claim outcome",
            value: e.to_string(),
        })?;
        if refused != ClaimOutcome::None {
            return Ok(refused);
        }
        // Of the approved claim the contract keeps a commitment only.
        let task = self.task(task).await?;
        let approved = match task.state {
            TaskState::Certified => self.certified(&task).await?,
            _ => None,
        };
        Ok(match approved {
            Some(event) if event.claimId == claim.get() => ClaimOutcome::Approved,
            _ => ClaimOutcome::None,
        })
    }

    /// A kind's definition.
    ///
    /// # Errors
    /// [`ChainError::Transport`]; [`ChainError::Reverted`] for an unknown kind.
    pub async fn definition(&self, kind: KindId) -> Result<Definition, ChainError> {
        let raw = read("definition", self.attestation().definition(kind.get())).await?;
        Ok(Definition {
            source: raw.source,
            logic: raw.logic,
            threshold_numerator: raw.thresholdNumerator,
            threshold_denominator: raw.thresholdDenominator,
            performer_share_bps: raw.performerShareBps,
            fetch_window: raw.fetchWindow,
            turn_length: raw.turnLength,
            voting_window: raw.votingWindow,
            task_life: raw.taskLife,
            appeal_window: raw.appealWindow,
            supplement_window: raw.supplementWindow,
            appeal_voting: raw.appealVoting,
            appeal_bond: raw.appealBond.to(),
            min_fee: raw.minFee.to(),
        })
    }
}

/// From which epoch on tasks of a kind are done in an environment (2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The first epoch of which that holds.
    pub epoch: Epoch,
    /// Digest of the environment.
    pub environment: Digest,
}

impl Chain {
    /// Every activation of a kind, by rising epoch; the last may lie in the future.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn environments(&self, kind: KindId) -> Result<Vec<Activation>, ChainError> {
        let raw = read("environments", self.attestation().environments(kind.get())).await?;
        let activation = |raw: IAttestationCenterTypes::Activation| Activation {
            epoch: Epoch::new(raw.epoch),
            environment: Digest::new(raw.digest.0),
        };
        Ok(raw.into_iter().map(activation).collect())
    }
}

impl Task {
    fn from_chain(
        id: TaskId,
        raw: &IAttestationCenterTypes::Task,
        environment: B256,
    ) -> Result<Self, ChainError> {
        let state = TaskState::from_u8(raw.state).map_err(|e| ChainError::OutOfRange {
            what: "task state",
            value: e.to_string(),
        })?;
        Ok(Self {
            id,
            kind: KindId::new(raw.kind),
            state,
            retried: raw.retried,
            is_final: raw.isFinal,
            delivered: raw.delivered,
            appealed: raw.appealed,
            epoch: Epoch::new(raw.epoch),
            turn_base: Turn::new(raw.turnBase),
            turn_base_at: raw.turnBaseAt,
            seed_block: raw.seedBlock,
            seed_target: raw.seedTarget,
            seed_fixed_at: raw.seedFixedAt,
            deadline: raw.deadline,
            certified_at: raw.certifiedAt,
            commitment: (!raw.commitment.is_zero()).then_some(raw.commitment),
            fee: raw.fee.to(),
            seed: (!raw.seed.is_zero()).then(|| Seed::new(raw.seed)),
            subject: SubjectHash::new(raw.subjectHash),
            environment: (!environment.is_zero()).then(|| Digest::new(environment.0)),
        })
    }
}

impl Chain {
    /// The turn of a task at the newest block, and the position of the operator whose it is.
    ///
    /// # Errors
    /// [`ChainError::Reverted`] when the task has no seed; [`ChainError::Transport`].
    pub async fn current_turn(&self, id: TaskId) -> Result<(Turn, Position), ChainError> {
        let raw = read("currentTurn", self.attestation().currentTurn(id.get())).await?;
        Ok((Turn::new(raw.turn), Position::new(raw.holder)))
    }

    /// The position of the operator whose turn `turn` is.
    ///
    /// # Errors
    /// As for [`Chain::current_turn`].
    pub async fn turn_holder(&self, id: TaskId, turn: Turn) -> Result<Position, ChainError> {
        let raw = read(
            "turnHolder",
            self.attestation().turnHolder(id.get(), turn.get()),
        )
        .await?;
        Ok(Position::new(raw))
    }

    /// What a certified task's certificate said; its commitment is the present one, with all who
    /// signed late. `None` when there is none, or the node lacks its events.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn certified(
        &self,
        task: &Task,
    ) -> Result<Option<IAttestationCenter::TaskCertified>, ChainError> {
        let of_task = |signature| {
            Filter::new()
                .address(self.addresses().attestation_center)
                .event_signature(signature)
                .topic1(U256::from(task.id.get()))
        };
        // The market clock is never ahead of the block's number.
        let earliest = task.certified_at;
        let filter = of_task(IAttestationCenter::TaskCertified::SIGNATURE_HASH);
        let log = self.newest_log(&filter, earliest).await?;
        let event =
            log.and_then(|log| IAttestationCenter::TaskCertified::decode_log(&log.inner).ok());
        let Some(mut event) = event.map(|event| event.data) else {
            return Ok(None);
        };
        if task.commitment != Some(commitment(task.id, &event.committed)) {
            let filter = of_task(IAttestationCenter::Supplemented::SIGNATURE_HASH);
            let log = self.newest_log(&filter, earliest).await?;
            let late =
                log.and_then(|log| IAttestationCenter::Supplemented::decode_log(&log.inner).ok());
            if let Some(late) = late {
                event.committed.nonSigners = late.data.nonSigners;
            }
        }
        Ok(Some(event))
    }

    /// The block whose randomness is the source of a task's seed. The contract forgets it with the
    /// certificate; then the event of the opening tells. `None` when the node lacks that.
    ///
    /// # Errors
    /// [`ChainError::Transport`].
    pub async fn seed_block(&self, task: &Task) -> Result<Option<u64>, ChainError> {
        if task.seed_block != 0 {
            return Ok(Some(task.seed_block));
        }
        let filter = Filter::new()
            .address(self.addresses().attestation_center)
            .event_signature(IAttestationCenter::TaskOpened::SIGNATURE_HASH)
            .topic1(U256::from(task.id.get()));
        let log = self.newest_log(&filter, 0).await?;
        let event = log.and_then(|log| IAttestationCenter::TaskOpened::decode_log(&log.inner).ok());
        Ok(event.map(|event| event.seedBlock))
    }
}
