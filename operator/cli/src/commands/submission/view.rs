//! A submission in words and as JSON: state, deadline, reason, every figure, and how the verdict
//! follows from them.

use serde_json::{Value, json};
use zarathustra_chain::{
    Head,
    abi::model_submission::IModelSubmissionTypes::{Figures, Submission, Terms},
};
use zarathustra_primitives::{Bound, Engine, Reason, Seed, Status, SubmissionState, TaskState};

use super::{
    history::{Certificate, History},
    words,
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
    pub seed_block: u64,
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
    /// The state that settlement will enter.
    pub verdict: SubmissionState,
    /// Why.
    pub reason: Reason,
    /// What the chain holds of it.
    pub submission: Submission,
    /// The request's terms.
    pub terms: Terms,
    /// The request's token.
    pub token: Token,
    /// What was certified.
    pub figures: Option<Figures>,
    /// Its task.
    pub task: Option<TaskView>,
    /// What events tell.
    pub history: History,
    /// Gas of the `submitTask` transaction.
    pub certificate_gas: Option<u64>,
    /// The newest block.
    pub head: Head,
}

impl View {
    /// For people.
    pub fn text(&self) -> String {
        let mut parts = vec![fields(&self.summary())];
        if let Some(figures) = &self.figures {
            parts.push(format!("Figures\n{}", fields(&figure_lines(figures))));
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
        if self.state == SubmissionState::Certified {
            lines.push(("will be", self.verdict.to_string()));
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
            lines.push(match task.seed {
                Some(seed) => ("seed", format!("{seed}, from block {}", task.seed_block)),
                None => ("seed", format!("not fixed; from block {}", task.seed_block)),
            });
        }
        lines
    }

    fn judged(&self) -> Option<Judgement> {
        let evidence = Evidence::of(self.figures.as_ref()?)?;
        Some(judge(&evidence, &Thresholds::from(&self.terms)))
    }

    fn steps(&self, judged: Judgement) -> Vec<(&'static str, String)> {
        let mut steps = judged.steps;
        let s = &self.submission;
        let later = s.championAtOpen != s.championAtCommit;
        if judged.state == SubmissionState::Worse {
            steps.push((
                "than which champion?",
                match later {
                    true => "one that came after the commit: not punished".to_owned(),
                    false => "the one at the commit".to_owned(),
                },
            ));
        }
        steps.push(("so", self.verdict.to_string()));
        steps
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let s = &self.submission;
        let revealed = !s.payout.is_zero();
        let decided =
            |state: SubmissionState| (state != SubmissionState::None).then(|| state.code());
        json!({
            "submission": self.id,
            "request": s.requestId,
            "state": self.state.code(),
            "verdict": decided(self.verdict),
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
            "figures": self.figures.as_ref().map(figures_json),
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
            "history": self.history.steps,
        })
    }
}

fn figure_lines(f: &Figures) -> Vec<(&'static str, String)> {
    let status = Status::from_u8(f.status).map_or_else(|e| e.to_string(), |s| s.to_string());
    let mut lines = vec![("status", status)];
    if f.status == Status::Ok.to_u8() {
        let bound = Bound::from_u8(f.bound).map_or_else(|e| e.to_string(), |b| b.to_string());
        let engine = Engine::from_u8(f.engine).map_or_else(|e| e.to_string(), |e| e.to_string());
        lines.extend([
            ("samples", f.samples.to_string()),
            ("champion score", micros(f.championScore)),
            ("challenger score", micros(f.challengerScore)),
            ("improvement", micros(f.improvement)),
            ("lower bound", micros(f.lower)),
            ("upper bound", micros(f.upper)),
            ("bound", bound),
            ("engine", engine),
            ("scores root", f.scoresRoot.to_string()),
        ]);
    }
    lines.push(("environment", f.environment.to_string()));
    lines
}

/// The figures for programs; scores in millionths.
fn figures_json(f: &Figures) -> Value {
    json!({
        "status": Status::from_u8(f.status).map_or("unknown", Status::code),
        "bound": Bound::from_u8(f.bound).map_or("unknown", Bound::code),
        "engine": Engine::from_u8(f.engine).map_or("unknown", Engine::code),
        "samples": f.samples,
        "champion_score": f.championScore,
        "challenger_score": f.challengerScore,
        "improvement": f.improvement,
        "lower_bound": f.lower,
        "upper_bound": f.upper,
        "environment": f.environment,
        "scores_root": f.scoresRoot,
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
