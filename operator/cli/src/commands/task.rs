//! `zarathustra task`: what operators attest, whatever its kind.

use std::cmp::Ordering;

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use clap::Subcommand;
use eyre::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use zarathustra_chain::{Chain, Task as OnChain, abi::attestation_center::IAttestationCenter};
use zarathustra_primitives::{KindId, TaskId, TaskState};

use crate::{
    amount::ether,
    context::Globals,
    errors::refusal,
    events,
    output::{Answer, fields, head, progress, table},
};

/// Tasks read at a time.
const CONCURRENT: usize = 8;

/// Look at tasks: seed, turns, claims and certificates.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Show a task: state, deadline, seed, whose turn it is, and what became of claims.
    Show {
        /// The task.
        id: u64,
    },
    /// List tasks, the newest last.
    List {
        /// Most that are listed.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Appeal against the certificate of a task, with the bond that its kind asks for: the operators
    /// of its epoch judge the claim again. Who loses the appeal loses the bond.
    Appeal {
        /// The task.
        id: u64,
        /// Only show what it would cost, and send nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Show in which environments tasks are done, and from which epoch on.
    Environments {
        /// The kind of task.
        #[arg(long, default_value_t = 1)]
        kind: u16,
    },
}

impl Task {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::Show { id } => show(&globals.chain().await?, id).await,
            Self::List { limit } => list(&globals.chain().await?, limit).await,
            Self::Appeal { id, dry_run: true } => appeal(&globals.chain().await?, id, true).await,
            Self::Appeal { id, dry_run: false } => {
                appeal(&globals.chain_with_key().await?, id, false).await
            }
            Self::Environments { kind } => {
                environments(&globals.chain().await?, KindId::new(kind)).await
            }
        }
        .map(Some)
    }
}

/// A claim that a certificate decided.
struct Decided {
    outcome: &'static str,
    claim: B256,
    performer: Address,
    turn: u32,
    tx: B256,
}

impl Decided {
    fn of(log: &Log) -> Option<Self> {
        let tx = log.transaction_hash.unwrap_or_default();
        let decided = |outcome, claim, performer, turn| Self {
            outcome,
            claim,
            performer,
            turn,
            tx,
        };
        if let Ok(e) = IAttestationCenter::TaskCertified::decode_log(&log.inner) {
            return Some(decided("approved", e.claimId, e.performer, e.turn));
        }
        if let Ok(e) = IAttestationCenter::ClaimRejected::decode_log(&log.inner) {
            return Some(decided("rejected", e.claimId, e.performer, e.turn));
        }
        if let Ok(e) = IAttestationCenter::ClaimOverturned::decode_log(&log.inner) {
            return Some(decided("overturned", e.claimId, Address::ZERO, 0));
        }
        let e = IAttestationCenter::ClaimBlocked::decode_log(&log.inner).ok()?;
        Some(decided("blocked", e.claimId, e.performer, e.turn))
    }
}

/// The claims that were decided, the newest decision on each.
fn decided(logs: &[Log]) -> Vec<Decided> {
    let mut claims: Vec<Decided> = Vec::new();
    for found in logs.iter().filter_map(Decided::of) {
        match claims.iter_mut().find(|known| known.claim == found.claim) {
            // Performer and turn are in the certificate's event.
            Some(known) => {
                known.outcome = found.outcome;
                known.tx = found.tx;
            }
            None => claims.push(found),
        }
    }
    claims
}

async fn existing(chain: &Chain, id: u64) -> Result<OnChain> {
    let task = chain.task(TaskId::new(id)).await?;
    if task.state == TaskState::None {
        return Err(refusal(
            "unknown_task",
            format!("there is no task {id}"),
            "`zarathustra task list` shows all tasks",
        ));
    }
    Ok(task)
}

async fn appeal(chain: &Chain, id: u64, dry_run: bool) -> Result<Answer> {
    let task = existing(chain, id).await?;
    let definition = chain.definition(task.kind).await?;
    let now = chain.head().await?;
    let refused = |why: String| {
        Err(refusal(
            "not_appealable",
            format!("task {id} cannot be appealed: {why}"),
            format!("`zarathustra task show {id}` tells state and deadline"),
        ))
    };
    if definition.appeal_voting == 0 {
        return refused(format!("kind {} has no appeals", task.kind));
    }
    if task.state != TaskState::Certified {
        return refused(format!("it is {}, not certified", task.state));
    }
    if task.appealed {
        return refused("it is appealed already".to_owned());
    }
    if now.clock >= task.deadline {
        return refused("its appeal window is over".to_owned());
    }
    let Some(certified) = chain.certified(&task).await? else {
        return refused("the node lacks the certificate's event".to_owned());
    };
    let until = task.deadline + u64::from(definition.appeal_voting);
    let bond = definition.appeal_bond;
    let tx = if dry_run {
        None
    } else {
        let call = IAttestationCenter::appealCall {
            taskId: id,
            committed: certified.committed,
        };
        progress("sending the appeal");
        let center = chain.addresses().attestation_center;
        let receipt = chain.transact(center, call, U256::from(bond)).await?;
        Some(receipt.transaction_hash)
    };
    let mut lines = vec![
        ("task", id.to_string()),
        ("claim", certified.claimId.to_string()),
        ("performer", certified.performer.to_string()),
        ("bond", ether(bond)),
        ("decided until", format!("clock {until}")),
    ];
    if let Some(tx) = tx {
        lines.push(("transaction", tx.to_string()));
    }
    let json = json!({
        "task": id,
        "claim": certified.claimId,
        "performer": certified.performer,
        "bond": bond.to_string(),
        "until": until,
        "tx": tx,
    });
    Ok(Answer::new(fields(&lines), json))
}

async fn show(chain: &Chain, id: u64) -> Result<Answer> {
    let task = existing(chain, id).await?;
    let now = chain.head().await?;
    let seed_block = chain.seed_block(&task).await?;
    let turn = match task.state {
        TaskState::Evaluating => Some(chain.current_turn(task.id).await?),
        _ => None,
    };
    let filter = Filter::new()
        .address(chain.addresses().attestation_center)
        .event_signature(vec![
            IAttestationCenter::TaskCertified::SIGNATURE_HASH,
            IAttestationCenter::ClaimRejected::SIGNATURE_HASH,
            IAttestationCenter::ClaimBlocked::SIGNATURE_HASH,
            IAttestationCenter::ClaimOverturned::SIGNATURE_HASH,
        ])
        .topic1(B256::from(U256::from(id)));
    let logs = events::since(chain, &filter, 0).await?;
    let claims = decided(&logs);

    let mut lines = vec![
        ("task", id.to_string()),
        ("kind", task.kind.to_string()),
        ("state", task.state.to_string()),
        ("deadline", deadline(&task, now.number, now.clock)),
        (
            "appealed",
            if task.appealed { "yes" } else { "no" }.to_owned(),
        ),
        (
            "tried again",
            if task.retried { "yes" } else { "no" }.to_owned(),
        ),
        ("epoch", task.epoch.to_string()),
        (
            "environment",
            task.environment
                .map_or_else(|| "none scheduled".to_owned(), |digest| digest.to_string()),
        ),
        ("fee", ether(task.fee)),
        ("subject", task.subject.to_string()),
        (
            "seed block",
            seed_block.map_or_else(|| "not known to the node".to_owned(), |b| b.to_string()),
        ),
        (
            "seed",
            task.seed
                .map_or_else(|| "not fixed".to_owned(), |seed| seed.to_string()),
        ),
    ];
    if let Some((turn, holder)) = turn {
        lines.push((
            "turn",
            format!("{turn}, of the operator at position {holder}"),
        ));
    }
    let mut text = fields(&lines);
    if !claims.is_empty() {
        let mut rows = head(["turn", "outcome", "performer", "claim", "transaction"]);
        rows.extend(claims.iter().map(|c| {
            vec![
                c.turn.to_string(),
                c.outcome.to_owned(),
                c.performer.to_string(),
                c.claim.to_string(),
                c.tx.to_string(),
            ]
        }));
        text.push_str(&format!("\nClaims\n{}", table(&rows)));
    }
    let json = json!({
        "task": id,
        "kind": task.kind.get(),
        "state": task.state.code(),
        "final": task.is_final,
        "deadline": (task.deadline != 0).then_some(task.deadline),
        "block": now.number,
        "clock": now.clock,
        "appealed": task.appealed,
        "retried": task.retried,
        "epoch": task.epoch.get(),
        "environment": task.environment.map(|digest| digest.to_string()),
        "fee": task.fee.to_string(),
        "subject": task.subject.to_string(),
        "seed_block": seed_block,
        "seed": task.seed.map(|seed| seed.to_string()),
        "turn": turn.map(|(turn, _)| turn.get()),
        "turn_holder": turn.map(|(_, holder)| holder.get()),
        "claims": claims.iter().map(|c| json!({
            "turn": c.turn, "outcome": c.outcome, "performer": c.performer, "claim": c.claim, "tx": c.tx,
        })).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

fn deadline(task: &OnChain, block: u64, clock: u64) -> String {
    let (unit, now) = match task.state {
        TaskState::Fetching => ("block", block),
        TaskState::Evaluating => ("clock", clock),
        TaskState::Certified if !task.delivered => ("clock", clock),
        _ => return "none".to_owned(),
    };
    match task.deadline.checked_sub(now) {
        Some(left @ 1..) => format!("{unit} {}, {left} blocks from now", task.deadline),
        _ => format!("{unit} {}, passed", task.deadline),
    }
}

async fn list(chain: &Chain, limit: u64) -> Result<Answer> {
    let count = chain.task_count().await?;
    let tasks: Vec<OnChain> = stream::iter(count.saturating_sub(limit) + 1..=count)
        .map(|id| async move { eyre::Ok(chain.task(TaskId::new(id)).await?) })
        .buffered(CONCURRENT)
        .try_collect()
        .await?;
    let mut rows = head(["id", "kind", "state", "epoch", "fee", "tried again"]);
    let mut all = Vec::with_capacity(tasks.len());
    for task in tasks {
        rows.push(vec![
            task.id.to_string(),
            task.kind.to_string(),
            task.state.to_string(),
            task.epoch.to_string(),
            ether(task.fee),
            if task.retried { "yes" } else { "no" }.to_owned(),
        ]);
        all.push(json!({
            "task": task.id.get(),
            "kind": task.kind.get(),
            "state": task.state.code(),
            "epoch": task.epoch.get(),
            "fee": task.fee.to_string(),
            "retried": task.retried,
        }));
    }
    Ok(Answer::new(table(&rows), json!(all)))
}

async fn environments(chain: &Chain, kind: KindId) -> Result<Answer> {
    chain.definition(kind).await?;
    let newest = chain.current_epoch().await?;
    let activations = chain.environments(kind).await?;
    let present = activations.iter().rposition(|a| a.epoch <= newest);
    let state = |index| match Some(index).cmp(&present) {
        Ordering::Less => "past",
        Ordering::Equal => "in force",
        Ordering::Greater => "to come",
    };
    let mut rows = head(["from epoch", "environment", "state"]);
    rows.extend(activations.iter().enumerate().map(|(index, a)| {
        vec![
            a.epoch.to_string(),
            a.environment.to_string(),
            state(index).to_owned(),
        ]
    }));
    let text = format!("newest epoch  {newest}\n\n{}", table(&rows));
    let json = json!({
        "kind": kind.get(),
        "newest_epoch": newest.get(),
        "environments": activations.iter().enumerate().map(|(index, a)| json!({
            "from_epoch": a.epoch.get(),
            "environment": a.environment.to_string(),
            "state": state(index),
        })).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}
