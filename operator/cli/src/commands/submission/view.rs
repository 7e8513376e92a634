//! A submission in words and as JSON: state, deadline, reason, every figure, and how the verdict
//! follows from them.

use serde_json::{Value, json};
use zarathustra_chain::{Head, abi::model_submission::IModelSubmissionTypes::Submission};
use zarathustra_primitives::{EvaluationResult, Reason, Seed, SubmissionState, TaskState};
use zarathustra_retain::Held;

use super::{
    history::{Certificate, History},
    retain, words,
};
use crate::{
    amount::ether,
    output::{fields, head, micros, table},
    reads::cid_text,
    token::Token,
    verdict::{Evidence, Judgement, Thresholds, judge},
};

/// The task behind a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Its number.
    pub id: u64,
    /// Where it stands.
    pub state: TaskState,
    /// The block whose randomness is the seed's source.
    pub seed_block: Option<u64>,
    /// The seed, once fixed.
    pub seed: Option<Seed>,
    /// The epoch that decides.
    pub epoch: u32,
}

/// All that is shown of a submission.
#[derive(Clone, Debug)]
pub struct View {
    /// Its number.
    pub id: u64,
    /// Its state.
    pub state: SubmissionState,
    /// Why.
    pub reason: Reason,
    /// What the chain holds of it.
    pub submission: Submission,
    /// What its task is judged by, once that is open.
    pub thresholds: Option<Thresholds>,
    /// The request's token.
    pub token: Token,
    /// Its task.
    pub task: Option<TaskView>,
    /// What events tell.
    pub history: History,
    /// Gas of the `submitTask` transaction.
    pub certificate_gas: Option<u64>,
    /// What is held back of its reward.
    pub retention: Option<Held>,
    /// The newest block.
    pub head: Head,
}

impl View {
    /// For people.
    pub fn text(&self) -> String {
        let mut parts = vec![fields(&self.summary())];
        if let Some(result) = self.result() {
            parts.push(format!("Figures\n{}", fields(&figure_lines(result))));
        }
        if let Some(judged) = self.judged() {
            parts.push(format!("Verdict\n{}", fields(&self.steps(judged))));
        }
        if let Some(certificate) = &self.history.certificate {
            parts.push(format!(
                "Certificate\n{}",
                fields(&certificate_lines(certificate, self.certificate_gas))
            ));
        }
        if let Some(paid) = &self.history.paid {
            parts.push(format!(
                "Settlement\n{}",
                fields(&[
                    ("reward paid", self.token.show(paid.reward)),
                    ("deposit returned", ether(paid.deposit_returned)),
                    ("burned", ether(paid.burned)),
                ])
            ));
        }
        if let Some(held) = &self.retention {
            parts.push(format!(
                "Held back\n{}",
                fields(&[
                    ("amount", self.token.show(held.amount)),
                    ("until", retain::when(held, self.id, &self.head)),
                ])
            ));
        }
        if !self.history.steps.is_empty() {
            let mut rows = head(["block", "event", "transaction"]);
            rows.extend(self.history.steps.iter().map(|step| {
                vec![
                    step.block.to_string(),
                    step.event.to_owned(),
                    step.tx.to_string(),
                ]
            }));
            parts.push(format!("History\n{}", table(&rows)));
        }
        parts.join("\n")
    }

    fn summary(&self) -> Vec<(&'static str, String)> {
        let s = &self.submission;
        let mut lines = vec![
            ("submission", self.id.to_string()),
            ("request", s.requestId.to_string()),
            (
                "state",
                format!("{}: {}", self.state, words::meaning(self.state)),
            ),
        ];
        if self.reason != Reason::None {
            lines.push((
                "reason",
                format!("{}: {}", self.reason, words::because(self.reason)),
            ));
        }
        if let (SubmissionState::Certified, Some(verdict)) = (self.state, self.verdict()) {
            lines.push(("will be", verdict.to_string()));
        }
        lines.push((
            "deadline",
            words::deadline(self.state, s.deadline, &self.head),
        ));
        lines.push(("optimizer", s.optimizer.to_string()));
        if s.payout.is_zero() {
            lines.push(("parameters", "not revealed".to_owned()));
        } else {
            lines.push(("paid to", s.payout.to_string()));
            lines.push((
                "parameters",
                format!("{}, {} bytes", cid_text(&s.content), s.content.size),
            ));
        }
        lines.push(("deposit held", ether(s.deposit.to::<u128>())));
        if let Some(task) = &self.task {
            lines.push((
                "task",
                format!("{}, {}, epoch {}", task.id, task.state, task.epoch),
            ));
            let from = match task.seed_block {
                Some(block) => format!("from block {block}"),
                None => "from a block whose events the node lacks".to_owned(),
            };
            lines.push(match task.seed {
                Some(seed) => ("seed", format!("{seed}, {from}")),
                None => ("seed", format!("not fixed; {from}")),
            });
        }
        lines
    }

    /// What was certified, when that is a result at all.
    fn result(&self) -> Option<&EvaluationResult> {
        self.history.certificate.as_ref()?.result.as_ref()
    }

    fn judged(&self) -> Option<Judgement> {
        let evidence = Evidence::of(self.result()?);
        Some(judge(&evidence, &self.thresholds?))
    }

    /// The state that settlement entered, or will enter on what was certified.
    fn verdict(&self) -> Option<SubmissionState> {
        if self.state.is_final() {
            return Some(self.state);
        }
        let certificate = self.history.certificate.as_ref()?;
        if certificate.result.is_none() {
            return Some(SubmissionState::NotBetter);
        }
        let state = self.judged()?.state;
        Some(match state {
            SubmissionState::Worse if self.later_champion() => SubmissionState::NotBetter,
            state => state,
        })
    }

    const fn later_champion(&self) -> bool {
        self.submission.championAtOpen != self.submission.championAtCommit
    }

    fn steps(&self, judged: Judgement) -> Vec<(&'static str, String)> {
        let mut steps = judged.steps;
        if judged.state == SubmissionState::Worse {
            steps.push((
                "than which champion?",
                match self.later_champion() {
                    true => "one that came after the commit: not punished".to_owned(),
                    false => "the one at the commit".to_owned(),
                },
            ));
        }
        steps.extend(self.verdict().map(|verdict| ("so", verdict.to_string())));
        steps
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let s = &self.submission;
        let revealed = !s.payout.is_zero();
        json!({
            "submission": self.id,
            "request": s.requestId,
            "state": self.state.code(),
            "verdict": self.verdict().map(SubmissionState::code),
            "reason": self.reason.code(),
            "final": self.state.is_final(),
            "deadline": (!self.state.is_final()).then_some(s.deadline),
            "clock": self.head.clock,
            "block": self.head.number,
            "optimizer": s.optimizer,
            "payout": revealed.then_some(s.payout),
            "deposit": s.deposit.to_string(),
            "committed_at": s.committedAt,
            "commitment": s.commitment,
            "cid": revealed.then(|| cid_text(&s.content)),
            "digest": revealed.then_some(s.content.digest),
            "bytes": revealed.then_some(s.content.size),
            "champion_at_commit": s.championAtCommit,
            "champion_at_open": s.championAtOpen,
            "task": self.task.as_ref().map(|task| json!({
                "task": task.id,
                "state": task.state.code(),
                "epoch": task.epoch,
                "seed_block": task.seed_block,
                "seed": task.seed.map(|seed| seed.to_string()),
            })),
            "figures": self.result().map(figures_json),
            "verdict_steps": self.judged().map(|judged| {
                self.steps(judged)
                    .into_iter()
                    .map(|(what, how)| json!({ "what": what, "how": how }))
                    .collect::<Vec<_>>()
            }),
            "certificate": self.history.certificate.as_ref().map(|c| certificate_json(c, self.certificate_gas)),
            "settlement": self.history.paid.map(|paid| json!({
                "reward_token": self.token.address,
                "reward_paid": paid.reward.to_string(),
                "deposit_returned": paid.deposit_returned.to_string(),
                "burned": paid.burned.to_string(),
            })),
            "held_back": self.retention.as_ref().map(retain::json),
            "history": self.history.steps,
        })
    }
}

fn figure_lines(result: &EvaluationResult) -> Vec<(&'static str, String)> {
    let mut lines = vec![("status", result.status().to_string())];
    if let (Some(f), Some(root)) = (result.figures(), result.scores_root()) {
        lines.extend([
            ("samples", f.samples.to_string()),
            ("champion score", micros(f.champion_score.micros())),
            ("challenger score", micros(f.challenger_score.micros())),
            ("improvement", micros(f.improvement.micros())),
            ("lower bound", micros(f.lower.micros())),
            ("upper bound", micros(f.upper.micros())),
            ("bound", f.bound.to_string()),
            ("engine", result.engine().to_string()),
            ("scores root", root.to_string()),
        ]);
    }
    lines.push(("environment", result.environment().to_string()));
    lines
}

/// The figures for programs; scores in millionths.
fn figures_json(result: &EvaluationResult) -> Value {
    let f = result.figures();
    json!({
        "status": result.status().code(),
        "bound": f.map(|f| f.bound.code()),
        "engine": result.engine().code(),
        "samples": f.map(|f| f.samples),
        "champion_score": f.map(|f| f.champion_score.micros()),
        "challenger_score": f.map(|f| f.challenger_score.micros()),
        "improvement": f.map(|f| f.improvement.micros()),
        "lower_bound": f.map(|f| f.lower.micros()),
        "upper_bound": f.map(|f| f.upper.micros()),
        "environment": result.environment().to_string(),
        "scores_root": result.scores_root(),
    })
}

fn certificate_lines(c: &Certificate, gas: Option<u64>) -> Vec<(&'static str, String)> {
    let absent = match c.non_signers.as_slice() {
        [] => "none".to_owned(),
        positions => format!("at positions {positions:?}"),
    };
    let mut lines = vec![
        ("claim", c.claim.to_string()),
        ("performer", format!("{}, in turn {}", c.performer, c.turn)),
        (
            "stake that signed",
            format!("{} of {}", c.signed_stake, c.total_stake),
        ),
        ("non-signers", absent),
        ("transaction", format!("{} in block {}", c.tx, c.block)),
    ];
    lines.extend(gas.map(|gas| ("gas", gas.to_string())));
    lines
}

fn certificate_json(c: &Certificate, gas: Option<u64>) -> Value {
    json!({
        "claim": c.claim,
        "performer": c.performer,
        "turn": c.turn,
        "signed_stake": c.signed_stake.to_string(),
        "total_stake": c.total_stake.to_string(),
        "non_signers": c.non_signers,
        "tx": c.tx,
        "block": c.block,
        "gas": gas,
    })
}

#[cfg(test)]
mod tests;
