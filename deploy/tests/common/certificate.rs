//! What performers and attesters sign, and what an aggregator submits.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    rpc::types::TransactionReceipt,
    signers::SignerSync as _,
};
use eyre::{ContextCompat as _, Result};
use zarathustra_abi::attestation_center::{
    IAttestationCenter::submitTaskCall,
    IAttestationCenterTypes::{self, Certificate, Votes},
};
use zarathustra_bls::aggregate;
use zarathustra_chain::{EpochTable, Task};
use zarathustra_primitives::{
    Bound, CertificateKind, Claim, Digest, Domain, Engine, EvaluationResult, Figures, Position,
    Purpose, ResultHash, Score, TaskId, Turn, Verdict, Vote,
};

use super::Scene;

/// A claim that nobody has signed yet, and the table that decides it.
#[derive(Clone, Debug)]
pub struct Statement {
    pub task: TaskId,
    pub table: EpochTable,
    pub performer: Position,
    pub claim: Claim,
    pub result: Bytes,
}

impl Statement {
    /// Every operator of the epoch.
    pub fn everybody(&self) -> Vec<Address> {
        self.table.voters().map(|row| row.operator).collect()
    }

    /// Every operator of the epoch but the performer.
    pub fn others(&self) -> Vec<Address> {
        let mut voters = self.everybody();
        voters.retain(|voter| *voter != self.claim.performer);
        voters
    }

    /// Bitmap of those who did not vote (3.2). The tables here fit one word.
    fn non_signers(&self, voters: &[Address]) -> Vec<U256> {
        let mut word = U256::ZERO;
        for row in self.table.voters() {
            word.set_bit(row.position.index(), !voters.contains(&row.operator));
        }
        vec![word]
    }
}

impl Scene {
    /// What whoever holds a turn of a task claims in it.
    pub async fn statement(
        &self,
        task: &Task,
        turn: u32,
        result: &EvaluationResult,
    ) -> Result<Statement> {
        let result = Bytes::copy_from_slice(&result.encode());
        self.statement_of(task, turn, result).await
    }

    /// The same of any bytes.
    pub async fn statement_of(&self, task: &Task, turn: u32, result: Bytes) -> Result<Statement> {
        let domain = self.domain();
        let turn = Turn::new(turn);
        let seed = task.seed.wrap_err("the seed is not fixed")?;
        let table = self.chain.epoch_table(task.epoch).await?;
        let performer = self.chain.turn_holder(task.id, turn).await?;
        Ok(Statement {
            task: task.id,
            claim: Claim {
                task: domain.task_hash(task.id, task.kind, task.epoch, seed, task.subject),
                turn,
                performer: table.rows[performer.index()].operator,
                result: ResultHash::of(&result),
            },
            table,
            performer,
            result,
        })
    }

    /// The statement with its performer's signature, and a certificate with the votes of `voters`.
    pub fn certified(
        &self,
        domain: &Domain,
        statement: &Statement,
        kind: CertificateKind,
        voters: &[Address],
    ) -> submitTaskCall {
        submitTaskCall {
            taskId: statement.task.get(),
            claim: self.signed(domain, statement),
            result: statement.result.clone(),
            certificate: self.certificate(domain, statement, kind, voters),
        }
    }

    /// The claim with its performer's signature (2.6).
    fn signed(&self, domain: &Domain, statement: &Statement) -> IAttestationCenterTypes::Claim {
        let claim = &statement.claim;
        let key = self.operator(claim.performer).account.signer();
        let signature = key
            .sign_hash_sync(&claim.digest(domain))
            .expect("a key in memory signs");
        IAttestationCenterTypes::Claim {
            turn: claim.turn.get(),
            performerIndex: statement.performer.get(),
            signature: Bytes::copy_from_slice(&signature.as_bytes()),
        }
    }

    fn certificate(
        &self,
        domain: &Domain,
        statement: &Statement,
        kind: CertificateKind,
        voters: &[Address],
    ) -> Certificate {
        let votes = self.votes(domain, statement, Purpose::Claim, kind.verdict(), voters);
        Certificate {
            kind: kind.to_u8(),
            nonSigners: votes.nonSigners,
            signature: votes.signature,
        }
    }

    /// The votes of `voters`, added up (2.7, 3.2).
    pub fn votes(
        &self,
        domain: &Domain,
        statement: &Statement,
        purpose: Purpose,
        verdict: Verdict,
        voters: &[Address],
    ) -> Votes {
        let vote = Vote {
            task: statement.claim.task,
            claim: statement.claim.id(),
            purpose,
            verdict,
        };
        let digest = vote.digest(domain);
        let votes: Vec<_> = voters
            .iter()
            .map(|voter| self.operator(*voter).bls.sign(&digest))
            .collect();
        Votes {
            nonSigners: statement.non_signers(voters),
            signature: aggregate(&votes).expect("there are votes").to_words(),
        }
    }

    /// A stranger submits what an aggregator would.
    pub async fn submit_task(&self, call: &submitTaskCall) -> Result<TransactionReceipt> {
        self.stranger.send(self.center(), call).await
    }
}

/// A result that wins: the lower bound lies above the least improvement by more than the tolerance.
pub fn better() -> EvaluationResult {
    scored(20_000, 10_000)
}

/// A result that does not: zero lies between the bounds.
pub fn slightly_better() -> EvaluationResult {
    scored(500, 10_000)
}

/// A result that loses by more than the slash margin.
pub fn worse() -> EvaluationResult {
    scored(-20_000, 10_000)
}

/// A mean improvement and the half-width of its bound, millionths.
fn scored(improvement: i64, width: i64) -> EvaluationResult {
    let score = Score::from_micros;
    let figures = Figures {
        bound: Bound::EmpiricalBernstein,
        samples: 4096,
        champion_score: score(400_000),
        challenger_score: score(400_000 + improvement),
        improvement: score(improvement),
        lower: score(improvement - width),
        upper: score(improvement + width),
    };
    let root = B256::repeat_byte(0x55);
    EvaluationResult::scored(Digest::of(b"environment"), Engine::Libtorch, figures, root)
        .expect("figures that hold together")
}
