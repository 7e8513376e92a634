//! Claims, votes and rounds as they travel.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zarathustra_primitives::{
    Address, B256, BlsSignature, Claim, ClaimBody, ClaimId, ClaimSignature, Epoch, KindId, Purpose,
    TaskHash, TaskId, Turn, Verdict,
};

/// Longest text form of a CID that is looked at.
const MAX_PROOF_CHARS: usize = 128;

/// A message that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct WireError {
    /// Which part of the message.
    pub field: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

impl WireError {
    fn new(field: &'static str, detail: impl ToString) -> Self {
        Self {
            field,
            detail: detail.to_string(),
        }
    }

    /// Stable reason code.
    pub const fn code(&self) -> &'static str {
        "malformed_message"
    }
}

/// A claim: the parameters of `sendTask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimMessage {
    /// Where the evidence can be had; empty when there is none.
    pub proof: String,
    /// Task, turn and result bytes.
    pub body: ClaimBody,
    /// The task's kind.
    pub kind: KindId,
    /// The performer's operator address.
    pub performer: Address,
    /// By the performer's claim signer.
    pub signature: ClaimSignature,
}

impl ClaimMessage {
    /// The parameters of `sendTask`, in order.
    pub fn to_params(&self) -> Value {
        json!([
            self.proof,
            format!("0x{}", hex(&self.body.encode())),
            self.kind.get(),
            self.performer,
            self.signature.to_string(),
            "ecdsa",
        ])
    }

    /// Reads the parameters of `sendTask`.
    ///
    /// # Errors
    /// [`WireError`] naming the parameter.
    pub fn from_params(params: &Value) -> Result<Self, WireError> {
        let list = params
            .as_array()
            .ok_or_else(|| WireError::new("params", "expected a list"))?;
        if !(5..=6).contains(&list.len()) {
            return Err(WireError::new(
                "params",
                format!("expected 5 or 6, got {}", list.len()),
            ));
        }
        let text = |i: usize, field: &'static str| {
            list[i]
                .as_str()
                .ok_or_else(|| WireError::new(field, "expected text"))
        };
        if let Some(scheme) = list.get(5)
            && scheme.as_str() != Some("ecdsa")
        {
            return Err(WireError::new(
                "signatureType",
                "only ecdsa is taken for claims",
            ));
        }
        let proof = text(0, "proofOfTask")?;
        if proof.len() > MAX_PROOF_CHARS {
            return Err(WireError::new(
                "proofOfTask",
                format!("longer than {MAX_PROOF_CHARS} characters"),
            ));
        }
        let data = unhex("data", text(1, "data")?)?;
        let body = ClaimBody::decode(&data).ok_or_else(|| {
            WireError::new(
                "data",
                "not the canonical encoding of (uint64, uint32, bytes)",
            )
        })?;
        let kind = list[2]
            .as_u64()
            .and_then(|k| u16::try_from(k).ok())
            .ok_or_else(|| WireError::new("taskDefinitionId", "expected a number below 65536"))?;
        Ok(Self {
            proof: proof.to_owned(),
            body,
            kind: KindId::new(kind),
            performer: text(3, "performerAddress")?
                .parse()
                .map_err(|e| WireError::new("performerAddress", e))?,
            signature: text(4, "signature")?
                .parse()
                .map_err(|e| WireError::new("signature", e))?,
        })
    }

    /// The claim that the signature is about, given the task's hash on chain.
    pub fn claim(&self, task: TaskHash) -> Claim {
        Claim {
            task,
            turn: self.body.turn,
            performer: self.performer,
            result: zarathustra_primitives::ResultHash::of(&self.body.result),
        }
    }
}

/// A claim as an aggregator shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimView {
    /// Its name.
    pub claim_id: ClaimId,
    /// The task.
    pub task_id: TaskId,
    /// The performer's turn.
    pub turn: Turn,
    /// Parameters of `sendTask`, as they came.
    pub params: Value,
    /// Operators whose vote the aggregator holds.
    pub voters: Vec<Address>,
}

/// A BLS vote: the parameter of `zarathustra_sendVote`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteMessage {
    /// The task.
    pub task_id: TaskId,
    /// The claim.
    pub claim_id: ClaimId,
    /// `claim`, which it is when absent, or `appeal`.
    #[serde(default = "on_the_claim")]
    pub purpose: Purpose,
    /// `approve` or `reject`.
    #[serde(with = "verdict")]
    pub verdict: Verdict,
    /// The voter's operator address.
    pub operator: Address,
    /// 96 bytes, hex.
    #[serde(with = "signature")]
    pub signature: BlsSignature,
}

const fn on_the_claim() -> Purpose {
    Purpose::Claim
}

/// A signature of an epoch's snapshot (7.1): the parameter of `zarathustra_sendSnapshotSignature`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotMessage {
    /// The epoch of the snapshot. The operators of the one before sign.
    pub epoch: Epoch,
    /// What is signed.
    pub digest: B256,
    /// The signer's operator address.
    pub operator: Address,
    /// 96 bytes, hex.
    #[serde(with = "signature")]
    pub signature: BlsSignature,
}

/// One claim's round in an aggregator's status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundView {
    /// The task.
    pub task_id: TaskId,
    /// The claim.
    pub claim_id: ClaimId,
    /// Stake that approves, the performer's included. Decimal text, since JSON numbers end at 2^53.
    pub approving_stake: String,
    /// Stake that rejects.
    pub rejecting_stake: String,
    /// All stake of the epoch.
    pub total_stake: String,
}

/// Answer of `zarathustra_status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Newest block the aggregator saw.
    pub head: u64,
    /// Rounds that are open.
    pub rounds: Vec<RoundView>,
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            write!(text, "{byte:02x}").expect("a String takes every character");
            text
        })
}

fn unhex(field: &'static str, text: &str) -> Result<Vec<u8>, WireError> {
    let digits = text
        .strip_prefix("0x")
        .ok_or_else(|| WireError::new(field, "expected 0x and hex digits"))?;
    if !digits.is_ascii() || digits.len() % 2 != 0 {
        return Err(WireError::new(
            field,
            "expected an even number of hex digits",
        ));
    }
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16))
        .collect::<Result<_, _>>()
        .map_err(|e| WireError::new(field, e))
}

mod verdict {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zarathustra_primitives::Verdict;

    pub(super) fn serialize<S: Serializer>(verdict: &Verdict, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(match verdict {
            Verdict::Approve => "approve",
            Verdict::Reject => "reject",
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Verdict, D::Error> {
        match String::deserialize(d)?.as_str() {
            "approve" => Ok(Verdict::Approve),
            "reject" => Ok(Verdict::Reject),
            _ => Err(D::Error::custom("expected approve or reject")),
        }
    }
}

mod signature {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zarathustra_primitives::BlsSignature;

    pub(super) fn serialize<S: Serializer>(
        signature: &BlsSignature,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_str(signature)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BlsSignature, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> ClaimMessage {
        ClaimMessage {
            proof: "bafkrei".to_owned(),
            body: ClaimBody {
                task: TaskId::new(3),
                turn: Turn::new(1),
                result: vec![1, 2, 3].into(),
            },
            kind: KindId::new(1),
            performer: Address::repeat_byte(7),
            signature: ClaimSignature::new([9; 65]),
        }
    }

    #[test]
    fn a_claim_survives_the_wire() {
        assert_eq!(ClaimMessage::from_params(&claim().to_params()), Ok(claim()));
    }

    #[test]
    fn a_malformed_claim_names_its_parameter() {
        let check = |index: usize, value: Value, field: &str| {
            let mut params = claim().to_params();
            params[index] = value;
            let error = ClaimMessage::from_params(&params).expect_err(field);
            assert_eq!(error.field, field);
        };
        check(0, json!(3), "proofOfTask");
        check(0, json!("x".repeat(200)), "proofOfTask");
        check(1, json!("0x01"), "data");
        check(1, json!("01"), "data");
        check(1, json!("0xé"), "data");
        check(2, json!(70000), "taskDefinitionId");
        check(3, json!("0x12"), "performerAddress");
        check(4, json!("0x12"), "signature");
        check(5, json!("bls"), "signatureType");
        assert_eq!(
            ClaimMessage::from_params(&json!({}))
                .expect_err("an object")
                .field,
            "params"
        );
        assert_eq!(
            ClaimMessage::from_params(&json!([1]))
                .expect_err("too few")
                .field,
            "params"
        );
    }

    #[test]
    fn a_vote_has_one_form() {
        let vote = VoteMessage {
            task_id: TaskId::new(3),
            claim_id: ClaimId::new([5; 32].into()),
            purpose: Purpose::Appeal,
            verdict: Verdict::Reject,
            operator: Address::repeat_byte(1),
            signature: BlsSignature::new([2; 96]),
        };
        let json = serde_json::to_value(&vote).expect("json");
        assert_eq!(json["verdict"], "reject");
        assert_eq!(
            serde_json::from_value::<VoteMessage>(json.clone()).expect("a vote"),
            vote
        );
        let mut more = json;
        more["extra"] = json!(1);
        assert!(serde_json::from_value::<VoteMessage>(more).is_err());
    }
}
