//! The performer: an attester that also claims when its turn comes.
//!
//! Before a claim is sent, its evidence is published, the claim is journalled and signed (once per
//! task and turn), and the message is stored. A restart finds the message and sends it again.

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use zarathustra_attester::{Duty, Evaluated, Operator};
use zarathustra_chain::ChainError;
use zarathustra_primitives::{Claim, ClaimBody, ResultHash, TaskHash, Turn};
use zarathustra_wire::ClaimMessage;

/// The duty to claim.
#[derive(Debug, Default)]
pub struct Claims;

/// A claim as it is stored: the parameters of `sendTask`.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    params: serde_json::Value,
}

impl Duty for Claims {
    async fn act<'a>(&'a mut self, operator: &'a Operator, open: &'a [Evaluated]) {
        for task in open {
            if let Err(error) = claim_if_due(operator, task).await {
                warn!(task_id = %task.task.id, code = error.code(), %error, "could not claim yet");
            }
        }
    }
}

/// Claims when the present turn is this operator's; repeats a claim that an aggregator lacks.
async fn claim_if_due(operator: &Operator, open: &Evaluated) -> Result<(), ChainError> {
    let parts = operator.parts();
    let (turn, holder) = parts.chain.current_turn(open.task.id).await?;
    let mine = open
        .table
        .rows
        .get(holder.index())
        .is_some_and(|row| row.operator == parts.address);
    let key = claim_key(open.hash, turn);
    let message = match parts.store.get::<Stored>("a claim", &key)? {
        Some(stored) => match ClaimMessage::from_params(&stored.params) {
            Ok(message) => message,
            Err(error) => {
                warn!(task_id = %open.task.id, %error, "the stored claim cannot be read; it is made again");
                parts.store.remove(&key)?;
                return Ok(());
            }
        },
        None if mine => match make(operator, open, turn).await {
            Some(message) => {
                parts.store.put(
                    "a claim",
                    &key,
                    &Stored {
                        params: message.to_params(),
                    },
                )?;
                message
            }
            None => return Ok(()),
        },
        None => return Ok(()),
    };
    let id = message.claim(open.hash).id();
    if parts.chain.claim_outcome(id).await? != zarathustra_primitives::ClaimOutcome::None {
        return Ok(());
    }
    let shown = open
        .claims
        .iter()
        .filter(|view| view.claim_id == id)
        .count();
    if shown >= parts.aggregators.len() {
        return Ok(());
    }
    let sent = join_all(parts.aggregators.iter().map(|a| a.send_task(&message))).await;
    for (aggregator, answer) in parts.aggregators.iter().zip(sent) {
        match answer {
            Ok(_) => {
                parts.metrics.claims.with_label_values(&["sent"]).inc();
                info!(task_id = %open.task.id, claim_id = %id, turn = %turn, aggregator = aggregator.url(), "claimed");
            }
            Err(error) => {
                warn!(task_id = %open.task.id, claim_id = %id, aggregator = aggregator.url(), code = error.code(), %error, "an aggregator did not take the claim");
            }
        }
    }
    Ok(())
}

/// Publishes the evidence and signs the claim; nothing when either is not possible now.
async fn make(operator: &Operator, open: &Evaluated, turn: Turn) -> Option<ClaimMessage> {
    let parts = operator.parts();
    let kind = operator.kind(open.task.kind)?;
    let proof = match kind.publish(open.task.id, &open.outcome).await {
        Ok(proof) => proof,
        Err(abstain) => {
            warn!(task_id = %open.task.id, code = abstain.code, reason = %abstain, "the evidence could not be published");
            return None;
        }
    };
    let claim = Claim {
        task: open.hash,
        turn,
        performer: parts.address,
        result: ResultHash::of(&open.outcome.result),
    };
    let signature = match parts.signer.sign_claim(&claim) {
        Ok(signature) => signature,
        Err(error) => {
            warn!(task_id = %open.task.id, code = error.code(), %error, "the journal refuses the claim");
            return None;
        }
    };
    let body = ClaimBody {
        task: open.task.id,
        turn,
        result: open.outcome.result.clone().into(),
    };
    Some(ClaimMessage {
        proof,
        body,
        kind: open.task.kind,
        performer: parts.address,
        signature,
    })
}

fn claim_key(hash: TaskHash, turn: Turn) -> String {
    format!("claim/{hash}/{turn}")
}
