//! A double of a chain's node: it answers the calls that a test gives it, and reverts others.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use alloy::{
    consensus::{Transaction, TxEnvelope},
    eips::Decodable2718,
    primitives::{Address, B256, Bloom, Bytes, Log, LogData, TxHash, U64, hex},
    rpc::types::Filter,
    sol_types::{SolCall, SolError, SolEvent},
};
use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use zarathustra_chain::Addresses;

use crate::program::Program;

pub const CHAIN_ID: u64 = 31337;
pub const NEWEST_BLOCK: u64 = 5000;
/// Blocks of which the node gives the logs at a time, as hosted ones do.
const WIDEST: u64 = 1000;
pub const MARKET: Address = Address::repeat_byte(0xa1);
pub const CENTER: Address = Address::repeat_byte(0xa2);
pub const GOVERNANCE: Address = Address::repeat_byte(0xa3);
pub const TOKEN: Address = Address::repeat_byte(0xa4);

#[derive(Default)]
struct Script {
    answers: HashMap<(Address, Bytes), Bytes>,
    refusals: HashMap<(Address, [u8; 4]), Bytes>,
    logs: Vec<(u64, Log)>,
    /// Transactions that were mined; none can be sent where absent.
    mined: Option<Vec<(TxHash, Address, Bytes)>>,
}

/// The running double.
pub struct Node {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Node {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let app = Router::new()
            .route("/", post(answer))
            .with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, script }
    }

    /// Answers one call with these exact arguments.
    pub fn answers<C: SolCall>(&self, to: Address, call: &C, answer: &C::Return) -> &Self {
        let encoded = C::abi_encode_returns(answer).into();
        let key = (to, Bytes::from(call.abi_encode()));
        self.script
            .lock()
            .expect("no panic")
            .answers
            .insert(key, encoded);
        self
    }

    /// Refuses a call, whatever its arguments, unless they are answered.
    pub fn refuses<C: SolCall>(&self, to: Address, error: &impl SolError) -> &Self {
        let encoded = error.abi_encode().into();
        self.script
            .lock()
            .expect("no panic")
            .refusals
            .insert((to, C::SELECTOR), encoded);
        self
    }

    /// Has an event in a block.
    pub fn logs(&self, block: u64, address: Address, event: &impl SolEvent) -> &Self {
        let data = event.encode_log_data();
        let log = Log { address, data };
        self.script
            .lock()
            .expect("no panic")
            .logs
            .push((block, log));
        self
    }

    /// Mines every transaction from now on.
    pub fn mines(&self) -> &Self {
        self.script.lock().expect("no panic").mined = Some(Vec::new());
        self
    }

    /// The transactions that were mined: to whom, and the call.
    pub fn mined(&self) -> Vec<(Address, Bytes)> {
        let script = self.script.lock().expect("no panic");
        let mined = script.mined.iter().flatten();
        mined.map(|(_, to, input)| (*to, input.clone())).collect()
    }

    /// A program that is told of this node and of a deployment on it.
    pub fn program(&self) -> Program {
        let program = Program::new();
        let addresses = write_addresses(&program, CHAIN_ID);
        program
            .with("ZARATHUSTRA_RPC_URL", format!("http://{}", self.address))
            .with("ZARATHUSTRA_ADDRESSES", addresses.display())
    }
}

/// Writes the addresses file of a deployment on a chain.
pub fn write_addresses(program: &Program, chain_id: u64) -> PathBuf {
    let other = Address::repeat_byte(0xbb);
    let addresses = Addresses {
        chain_id,
        deployed_block: 1,
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
        reward_token: Some(TOKEN),
        extensions: zarathustra_chain::ExtensionAddresses::default(),
    };
    let path = program.home().join("addresses.json");
    addresses.write(&path).expect("written");
    path
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    Json(request): Json<Value>,
) -> Json<Value> {
    let (id, method) = (
        &request["id"],
        request["method"].as_str().unwrap_or_default(),
    );
    let result = match method {
        "eth_chainId" => Ok(json!(format!("{CHAIN_ID:#x}"))),
        "eth_blockNumber" => Ok(json!(U64::from(NEWEST_BLOCK))),
        "eth_getBlockByNumber" => Ok(json!(alloy::rpc::types::Block::<Value>::default())),
        "eth_getLogs" => logs(&script.lock().expect("no panic"), &request["params"][0]),
        "eth_call" => call(&script.lock().expect("no panic"), &request["params"][0]),
        other => {
            let mined = &mut script.lock().expect("no panic").mined;
            mined
                .as_mut()
                .and_then(|mined| transact(mined, other, &request["params"][0]))
                .ok_or_else(
                    || json!({ "code": -32601, "message": format!("{other} is not scripted") }),
                )
        }
    };
    Json(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    })
}

/// The logs that a filter for one contract and event takes, of no more than [`WIDEST`] blocks.
fn logs(script: &Script, filter: &Value) -> Result<Value, Value> {
    let filter: Filter = serde_json::from_value(filter.clone()).expect("a filter");
    let from = filter.get_from_block().expect("a first block");
    let to = filter.get_to_block().expect("a last block");
    if to - from >= WIDEST {
        return Err(json!({ "code": -32602, "message": "block range is too wide" }));
    }
    let found = script
        .logs
        .iter()
        .filter(|(block, log)| (from..=to).contains(block) && filter.matches(log))
        .map(|(block, log)| alloy::rpc::types::Log::<LogData> {
            inner: log.clone(),
            block_number: Some(*block),
            block_hash: Some(B256::ZERO),
            transaction_hash: Some(B256::ZERO),
            ..Default::default()
        })
        .collect::<Vec<_>>();
    Ok(json!(found))
}

/// What sending a transaction needs.
fn transact(
    mined: &mut Vec<(TxHash, Address, Bytes)>,
    method: &str,
    param: &Value,
) -> Option<Value> {
    match method {
        "eth_estimateGas" | "eth_gasPrice" => Some(json!("0x5208")),
        "eth_getTransactionCount" => Some(json!(U64::from(mined.len()))),
        "eth_sendRawTransaction" => {
            let raw = hex::decode(param.as_str().expect("text")).expect("hex");
            let transaction = TxEnvelope::decode_2718_exact(&raw).expect("a transaction");
            let hash = *transaction.tx_hash();
            let to = transaction.to().expect("a contract");
            mined.push((hash, to, transaction.input().clone()));
            Some(json!(hash))
        }
        "eth_getTransactionReceipt" => {
            let hash: TxHash = serde_json::from_value(param.clone()).expect("a hash");
            let known = mined.iter().any(|(mined, ..)| *mined == hash);
            Some(if known { receipt(hash) } else { Value::Null })
        }
        _ => None,
    }
}

fn receipt(hash: TxHash) -> Value {
    json!({
        "transactionHash": hash, "transactionIndex": "0x0",
        "blockHash": B256::ZERO, "blockNumber": U64::from(NEWEST_BLOCK),
        "from": Address::ZERO, "to": Address::ZERO, "contractAddress": null,
        "type": "0x2", "status": "0x1", "gasUsed": "0x5208", "cumulativeGasUsed": "0x5208",
        "effectiveGasPrice": "0x1", "logs": [], "logsBloom": Bloom::ZERO,
    })
}

fn call(script: &Script, call: &Value) -> Result<Value, Value> {
    let text = |field: &str| call[field].as_str().unwrap_or_default().to_owned();
    let to: Address = text("to").parse().expect("an address");
    let input = if call["input"].is_string() {
        text("input")
    } else {
        text("data")
    };
    let input = Bytes::from(hex::decode(input).expect("hex"));
    let selector: [u8; 4] = input[..4].try_into().expect("a selector");
    if let Some(answer) = script.answers.get(&(to, input)) {
        return Ok(json!(answer));
    }
    let data = script
        .refusals
        .get(&(to, selector))
        .cloned()
        .unwrap_or_default();
    Err(json!({ "code": 3, "message": "execution reverted", "data": data }))
}
