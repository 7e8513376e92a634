//! The performer: an attester that also claims when its turn comes.
//!
//! Before a claim is sent, its evidence is published, the claim is journalled and signed (once per
//! task and turn), and the message is stored. A restart finds the message and sends it again.

use futures::future::join_all;
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};
use zarathustra_attester::{Duty, Evaluated, Operator, task_prefix};
use zarathustra_chain::ChainError;
use zarathustra_node::Outcome;
use zarathustra_primitives::{Claim, ClaimBody, ClaimOutcome, Position, ResultHash, Turn};
use zarathustra_protocol::round::Refusal;
use zarathustra_wire::{ClaimMessage, ClaimView};

/// The duty to claim.
#[derive(Debug, Default)]
pub struct Claims;

/// A claim as it is stored: the parameters of `sendTask`.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    params: serde_json::Value,
}

impl Duty for Claims {
    async fn act<'a>(&'a mut self, operator: &'a mut Operator, open: &'a [Evaluated]) {
        for task in open {
            if let Err(error) = claim_if_due(operator, task).await {
                warn!(task_id = %task.task.id, code = error.code(), %error, "could not claim yet");
            }
        }
    }
}

/// Claims when the present turn is this operator's; repeats claims that an aggregator lacks.
async fn claim_if_due(operator: &mut Operator, open: &Evaluated) -> Result<(), ChainError> {
    let parts = operator.parts();
    let (turn, holder) = parts.chain.current_turn(open.task.id).await?;
    let mine = open
        .table
        .rows
        .get(holder.index())
        .is_some_and(|row| row.operator == parts.address);
    let current = claim_key(open, turn);
    // A claim stays good after its turn, until somebody's is certified.
    let mut claimed = false;
    for (key, stored) in parts
        .store
        .list::<Stored>("a claim", &claims_prefix(open))?
    {
        match ClaimMessage::from_params(&stored.params) {
            Ok(message) => {
                claimed |= key == current;
                send(operator, open, &message).await?;
            }
            Err(error) => {
                warn!(task_id = %open.task.id, %error, "a stored claim cannot be read; it is made again");
                parts.store.remove(&key)?;
            }
        }
    }
    let Some(outcome) = &open.claim else {
        let row = open.table.row_of(parts.address);
        let begins = match readiness(row.map(|row| row.position), holder, turn) {
            Readiness::Begin => true,
            Readiness::UnlessApproved => !approves_an_open_claim(operator, open).await?,
            Readiness::Wait => false,
        };
        if begins {
            operator.find_claim(open);
        }
        return Ok(());
    };
    if mine
        && !claimed
        && let Some(message) = make(operator, open, outcome, turn).await
    {
        let stored = Stored {
            params: message.to_params(),
        };
        parts.store.put("a claim", &current, &stored)?;
        send(operator, open, &message).await?;
    }
    Ok(())
}

/// Whether to find out what to claim, which can take both engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// Begin.
    Begin,
    /// Begin unless a claim that this operator approved may yet be certified.
    UnlessApproved,
    /// Not in this turn.
    Wait,
}

/// What an operator's place in the table, if it has one, says about a turn.
fn readiness(own: Option<Position>, holder: Position, turn: Turn) -> Readiness {
    match own {
        // It has no turns.
        None => Readiness::Wait,
        // Also where it approved another claim: aggregators that never decide that one would
        // otherwise keep all who approved it from claiming.
        Some(own) if own == holder => Readiness::Begin,
        // Once a turn has passed, be ready when this operator's comes.
        Some(_) if turn.get() > 0 => Readiness::UnlessApproved,
        Some(_) => Readiness::Wait,
    }
}

/// Whether this operator approved a claim that no certificate has decided. It found the claim
/// right, so others probably do as well, and then there is nothing left to claim.
async fn approves_an_open_claim(operator: &Operator, open: &Evaluated) -> Result<bool, ChainError> {
    for claim in operator.approved(open.task.id) {
        // Aggregators could hide the claim, or show it for ever.
        if operator
            .parts()
            .chain
            .claim_outcome(open.task.id, claim)
            .await?
            == ClaimOutcome::None
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Sends a claim to the aggregators that do not show it, while it is undecided.
async fn send(
    operator: &Operator,
    open: &Evaluated,
    message: &ClaimMessage,
) -> Result<(), ChainError> {
    let parts = operator.parts();
    let (id, turn) = (message.claim(open.hash).id(), message.body.turn);
    // Only an aggregator that shows this very message has it; what others show says nothing.
    let params = message.to_params();
    let lacks = |shown: &[ClaimView]| !shown.iter().any(|v| v.claim_id == id && v.params == params);
    let aggregators: Vec<_> = parts
        .aggregators
        .iter()
        .zip(&open.shown)
        .filter(|(_, shown)| lacks(shown))
        .map(|(aggregator, _)| aggregator)
        .collect();
    if aggregators.is_empty()
        || parts.chain.claim_outcome(open.task.id, id).await? != ClaimOutcome::None
    {
        return Ok(());
    }
    let sent = join_all(aggregators.iter().map(|a| a.send_task(message))).await;
    for (aggregator, answer) in aggregators.into_iter().zip(sent) {
        match answer {
            Ok(_) => {
                parts.metrics.claims.with_label_values(&["sent"]).inc();
                info!(task_id = %open.task.id, claim_id = %id, turn = %turn, aggregator = aggregator.url(), "claimed");
            }
            // It holds another claim of the turn; this one is repeated in case it loses that.
            Err(error) if error.code() == Refusal::TURN_TAKEN => {
                debug!(task_id = %open.task.id, claim_id = %id, aggregator = aggregator.url(), "an aggregator holds another claim of the turn");
            }
            Err(error) => {
                warn!(task_id = %open.task.id, claim_id = %id, aggregator = aggregator.url(), code = error.code(), %error, "an aggregator did not take the claim");
            }
        }
    }
    Ok(())
}

/// Publishes the evidence and signs the claim; nothing when either is not possible now.
async fn make(
    operator: &Operator,
    open: &Evaluated,
    outcome: &Outcome,
    turn: Turn,
) -> Option<ClaimMessage> {
    let parts = operator.parts();
    let kind = operator.kind(open.task.kind)?;
    let proof = match kind.publish(open.task.id, outcome).await {
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
        result: ResultHash::of(&outcome.result),
    };
    // The claim signer that the operator had when the epoch was written.
    let row = open.table.row_of(parts.address);
    let Some(signer) = row.and_then(|row| parts.keys.with_claim_signer(row.signer)) else {
        warn!(task_id = %open.task.id, epoch = %open.task.epoch, code = "not_the_epochs_signer", "none of the keys is the operator's claim signer in the task's epoch; no claim");
        return None;
    };
    let signature = match signer.sign_claim(&claim) {
        Ok(signature) => signature,
        Err(error) => {
            warn!(task_id = %open.task.id, code = error.code(), %error, "the journal refuses the claim");
            return None;
        }
    };
    let body = ClaimBody {
        task: open.task.id,
        turn,
        result: outcome.result.clone().into(),
    };
    Some(ClaimMessage {
        proof,
        body,
        kind: open.task.kind,
        performer: parts.address,
        signature,
    })
}

/// What begins the names of an operator's claims under a task's present seed.
fn claims_prefix(open: &Evaluated) -> String {
    format!("{}claim/{}/", task_prefix(open.task.id), open.hash)
}

fn claim_key(open: &Evaluated, turn: Turn) -> String {
    format!("{}{turn}", claims_prefix(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operator_of_the_table_begins_to_find_what_to_claim() {
        let (own, other) = (Position::new(2), Position::new(0));
        for turn in [0, 1, 7].map(Turn::new) {
            for holder in [own, other] {
                assert_eq!(readiness(None, holder, turn), Readiness::Wait);
            }
            assert_eq!(readiness(Some(own), own, turn), Readiness::Begin);
        }
        let before_own_turn = |turn| readiness(Some(own), other, Turn::new(turn));
        assert_eq!(before_own_turn(0), Readiness::Wait);
        assert_eq!(before_own_turn(1), Readiness::UnlessApproved);
        assert_eq!(before_own_turn(7), Readiness::UnlessApproved);
    }
}
