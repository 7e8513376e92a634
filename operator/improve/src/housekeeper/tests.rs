//! Housekeeping against a node whose answers are set by hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use alloy::{
    primitives::{B256, Bytes, aliases::U96},
    rpc::types::{Block, Log},
    signers::local::PrivateKeySigner,
    sol_types::SolEvent,
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use zarathustra_chain::{
    Addresses, FeePolicy,
    abi::{
        attestation_center::IAttestationCenterTypes::{self, FeeCommitment},
        avs_governance::IAvsGovernanceTypes::Fault,
        model_submission::IModelSubmissionTypes::{Content, Request, Submission},
    },
};

use super::*;

const CENTER: Address = Address::repeat_byte(0xa1);
pub(crate) const MARKET: Address = Address::repeat_byte(0xa2);
const GOVERNANCE: Address = Address::repeat_byte(0xa3);

/// A node at block 0 of a chain. It cannot answer other calls than those that it was told of, and
/// refuses every transaction.
#[derive(Default)]
pub(crate) struct Node {
    answers: HashMap<(Address, Bytes), Bytes>,
    logs: Vec<alloy::primitives::Log>,
    /// What somebody wanted to send.
    asked: Mutex<Vec<(Address, Bytes)>>,
}

impl Node {
    pub(crate) fn answers<C: SolCall>(&mut self, to: Address, call: &C, answer: &C::Return) {
        let call = call.abi_encode().into();
        self.answers
            .insert((to, call), C::abi_encode_returns(answer).into());
    }

    fn answer(&self, method: &str, params: &Value) -> Result<Value, Value> {
        let busy = json!({ "code": -32000, "message": "busy" });
        match method {
            "eth_chainId" => Ok(json!("0x1")),
            "eth_blockNumber" => Ok(json!("0x0")),
            "eth_getBlockByNumber" => Ok(json!(Block::<Value>::default())),
            "eth_getLogs" => Ok(json!(
                self.logs
                    .iter()
                    .map(|log| Log {
                        inner: log.clone(),
                        ..Log::default()
                    })
                    .collect::<Vec<Log>>()
            )),
            "eth_call" => self
                .answers
                .get(&call(&params[0]))
                .map(|a| json!(a))
                .ok_or(busy),
            "eth_estimateGas" => {
                self.asked.lock().expect("no panic").push(call(&params[0]));
                Err(json!({ "code": 3, "message": "execution reverted", "data": "0x" }))
            }
            _ => Err(busy),
        }
    }

    /// Starts it, with a housekeeper on it.
    async fn housekeeper(self) -> (Arc<Self>, Housekeeper) {
        let (node, chain) = self.chain().await;
        (node, Housekeeper::new(chain))
    }

    /// Starts it, and connects to it.
    pub(crate) async fn chain(self) -> (Arc<Self>, Chain) {
        let node = Arc::new(self);
        let app = Router::new()
            .route("/", post(serve))
            .with_state(node.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });

        let other = Address::repeat_byte(0xbb);
        let addresses = Addresses {
            chain_id: 1,
            deployed_block: 0,
            allocation_manager: other,
            delegation_manager: other,
            strategy_manager: other,
            avs_directory: other,
            permission_controller: other,
            rewards_coordinator: other,
            strategy: other,
            stake_token: other,
            access_manager: other,
            avs_governance: GOVERNANCE,
            attestation_center: CENTER,
            model_submission: MARKET,
            avs_logic: other,
            seed_source: other,
            reward_token: None,
        };
        let folder = tempfile::tempdir().expect("a folder");
        let store = Chain::open_store(&folder.path().join("store.redb")).expect("a store");
        let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).expect("a key");
        let chain = Chain::connect(&url, addresses).await.expect("a chain");
        (node, chain.with_sender(signer, store, FeePolicy::default()))
    }
}

async fn serve(State(node): State<Arc<Node>>, Json(request): Json<Value>) -> Json<Value> {
    let method = request["method"].as_str().expect("a method");
    let mut response = json!({ "jsonrpc": "2.0", "id": request["id"] });
    match node.answer(method, &request["params"]) {
        Ok(result) => response["result"] = result,
        Err(error) => response["error"] = error,
    }
    Json(response)
}

fn call(call: &Value) -> (Address, Bytes) {
    let to = call["to"].as_str().expect("a contract");
    let input = call["input"].as_str().or(call["data"].as_str());
    (
        to.parse().expect("an address"),
        input.expect("input").parse().expect("hex"),
    )
}

/// Of everything the first is something that the node cannot tell, and the second is due.
#[tokio::test]
async fn one_that_fails_keeps_no_other_waiting() {
    let mut node = Node::default();
    node.answers(GOVERNANCE, &IAvsGovernance::clockCall {}, &0);
    node.answers(GOVERNANCE, &IAvsGovernance::pausedCall {}, &false);
    node.answers(GOVERNANCE, &IAvsGovernance::epochUsableCall {}, &true);

    node.answers(CENTER, &IAttestationCenter::taskCountCall {}, &2);
    let task = IAttestationCenter::taskCall { taskId: 2 };
    node.answers(CENTER, &task, &undelivered());
    let environment = IAttestationCenter::environmentAtCall { kind: 1, epoch: 1 };
    node.answers(CENTER, &environment, &B256::ZERO);
    let result = Bytes::from("the result");
    node.logs.push(certified(2, result.clone()));

    node.answers(MARKET, &IModelSubmission::requestCountCall {}, &3);
    let request = IModelSubmission::requestCall { requestId: 2 };
    node.answers(MARKET, &request, &closing(0));
    let request = IModelSubmission::requestCall { requestId: 3 };
    node.answers(MARKET, &request, &closing(3));
    for index in 0..3 {
        let place = IModelSubmission::queueAtCall {
            requestId: 3,
            index,
        };
        node.answers(MARKET, &place, &(u64::from(index) + 1));
    }
    // Of the queue, the first is not known, the second is overdue, and the third cannot be opened
    // because the first may be before it.
    let second = IModelSubmission::submissionCall { submissionId: 2 };
    node.answers(MARKET, &second, &submission(SubmissionState::Committed, 0));
    let third = IModelSubmission::submissionCall { submissionId: 3 };
    node.answers(MARKET, &third, &submission(SubmissionState::Queued, 1));

    node.answers(
        GOVERNANCE,
        &IAvsGovernance::faultCountCall {},
        &U256::from(2),
    );
    let fault = IAvsGovernance::faultCall {
        faultId: U256::from(2),
    };
    node.answers(GOVERNANCE, &fault, &executable());

    let due: [(Address, Bytes); 4] = [
        (
            CENTER,
            IAttestationCenter::deliverCall {
                taskId: 2,
                turn: 0,
                performer: Address::ZERO,
                committed: committed(),
                result,
            }
            .abi_encode()
            .into(),
        ),
        (
            MARKET,
            IModelSubmission::reclaimCall { requestId: 2 }
                .abi_encode()
                .into(),
        ),
        (
            MARKET,
            IModelSubmission::forfeitCall { submissionId: 2 }
                .abi_encode()
                .into(),
        ),
        (
            GOVERNANCE,
            IAvsGovernance::executeFaultCall {
                faultId: U256::from(2),
            }
            .abi_encode()
            .into(),
        ),
    ];
    let (node, mut housekeeper) = node.housekeeper().await;
    // What failed is not over, and is tried again.
    for _ in 0..2 {
        let failed = housekeeper.tick().await.expect_err("the node is busy");
        assert!(
            matches!(failed, ChainError::Transport { method: "task", .. }),
            "the first is told: {failed}"
        );
        let asked = std::mem::take(&mut *node.asked.lock().expect("no panic"));
        assert_eq!(asked, due);
    }
}

/// A seed that this program cannot fix, or not yet, keeps nothing else from being done.
#[test]
fn a_round_that_is_not_to_be_had_does_not_end_housekeeping() {
    let not_public = ChainError::RoundNotPublic {
        round: 2,
        public_at: 3,
    };
    let failed = ChainError::Beacon {
        round: 2,
        detail: "answers with status 404".to_owned(),
    };
    for error in [not_public, failed, ChainError::NoBeacon] {
        assert!(report(Err(error), "seed fixed", 1).is_ok());
    }
    let other = report(Err(ChainError::NoSigner), "seed fixed", 1);
    assert_eq!(other.expect_err("no key").code(), "no_signer");
}

fn undelivered() -> IAttestationCenterTypes::Task {
    IAttestationCenterTypes::Task {
        kind: 1,
        state: 3,
        retried: false,
        isFinal: false,
        delivered: false,
        swept: false,
        epoch: 1,
        turnBase: 0,
        seedBlock: 0,
        seedTarget: 0,
        seedFixedAt: 0,
        turnBaseAt: 0,
        deadline: 0,
        certifiedAt: 0,
        fee: U96::ZERO,
        seed: B256::repeat_byte(1),
        subjectHash: B256::ZERO,
        commitment: zarathustra_chain::commitment(TaskId::new(2), &committed()),
    }
}

fn certified(task: u64, result: Bytes) -> alloy::primitives::Log {
    let event = IAttestationCenter::TaskCertified {
        taskId: task,
        claimId: B256::ZERO,
        performer: Address::ZERO,
        turn: 0,
        signedStake: 4,
        totalStake: 5,
        committed: committed(),
        result,
    };
    alloy::primitives::Log {
        address: CENTER,
        data: event.encode_log_data(),
    }
}

fn committed() -> FeeCommitment {
    FeeCommitment {
        epoch: 1,
        claimId: B256::ZERO,
        performerIndex: 0,
        fee: U96::ZERO,
        nonSigners: Vec::new(),
    }
}

fn closing(pending: u32) -> Request {
    Request {
        owner: Address::ZERO,
        state: RequestState::Closing.to_u8(),
        closesAt: 0,
        head: 0,
        queueLength: pending,
        pending,
        championIndex: 0,
        active: 0,
        rewardEscrow: 0,
        feeEscrow: 0,
        evaluatorBond: 0,
    }
}

fn submission(state: SubmissionState, deadline: u64) -> Submission {
    Submission {
        requestId: 3,
        state: state.to_u8(),
        reason: 0,
        optimizer: Address::ZERO,
        payout: Address::ZERO,
        deposit: U96::ZERO,
        committedAt: 0,
        deadline,
        taskId: 0,
        championAtCommit: 0,
        championAtOpen: 0,
        commitment: B256::ZERO,
        content: Content {
            cid: Bytes::new(),
            digest: B256::ZERO,
            size: 1,
        },
    }
}

fn executable() -> Fault {
    Fault {
        operator: Address::ZERO,
        kind: 1,
        executed: false,
        vetoed: false,
        executableAt: 0,
        taskId: 1,
        claimId: B256::ZERO,
    }
}
