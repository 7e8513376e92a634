//! `zarathustra operator`: join, leave, look.

mod check;

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, Bytes, U256},
    rpc::types::Filter,
    sol,
    sol_types::{SolCall, SolEvent, SolValue},
};
use clap::Subcommand;
use eyre::{Result, WrapErr};
use serde_json::{Value, json};
use zarathustra_chain::{Call, Chain, abi::avs_governance::IAvsGovernance, read};
use zarathustra_signer::{Registration, prove_registration};

use crate::{
    amount::ether,
    commands::worker::Worker,
    context::Globals,
    errors::refusal,
    events,
    output::{Answer, fields, head, progress, table},
};

sol! {
    /// Parameters of EigenLayer's AllocationManager.
    struct RegisterParams {
        address avs;
        uint32[] operatorSetIds;
        bytes data;
    }
    /// Parameters of EigenLayer's AllocationManager.
    struct DeregisterParams {
        address operator;
        address avs;
        uint32[] operatorSetIds;
    }
    /// What is used of EigenLayer's AllocationManager.
    interface IAllocationManager {
        function registerForOperatorSets(address operator, RegisterParams params) external;
        function deregisterFromOperatorSets(DeregisterParams params) external;
    }
    /// What is used of EigenLayer's DelegationManager.
    #[sol(rpc)]
    interface IDelegationManager {
        function isOperator(address account) external view returns (bool);
    }
}

/// The operator set of this AVS.
const OPERATOR_SET: u32 = 0;

/// Join and leave the operator set, look at operators, and check a machine.
#[derive(Debug, Subcommand)]
pub enum Operator {
    /// Join the operator set, with a BLS key and an address that signs claims. The account must be
    /// an operator of EigenLayer; stake that it allocates to the set counts from the next epoch.
    Register {
        /// Keystore of the BLS key.
        #[arg(long, value_name = "FILE")]
        bls: PathBuf,
        /// File whose first line is that keystore's password; the account's when absent.
        #[arg(long, value_name = "FILE")]
        bls_password_file: Option<PathBuf>,
        /// Address that signs claims; the account itself when absent.
        #[arg(long, value_name = "ADDRESS")]
        signer: Option<Address>,
    },
    /// Replace BLS key and claim signer from the next epoch on. Tasks on epochs that are written keep
    /// the old ones: programs are given both (`keys.previous`).
    Rotate {
        /// Keystore of the new BLS key.
        #[arg(long, value_name = "FILE")]
        bls: PathBuf,
        /// File whose first line is that keystore's password; the account's when absent.
        #[arg(long, value_name = "FILE")]
        bls_password_file: Option<PathBuf>,
        /// New address that signs claims. Neither it nor the key can have been another operator's.
        #[arg(long, value_name = "ADDRESS")]
        signer: Address,
    },
    /// Leave the operator set.
    Deregister,
    /// Show an operator: membership, stake in the newest epoch, faults, missed votes, fees.
    Status {
        /// The operator; the key's account when absent.
        operator: Option<Address>,
    },
    /// List the operators of the newest epoch.
    List,
    /// Show what keeps strangers' models and programs apart from this machine.
    ///
    /// A worker enters its sandbox and tells what is in force. Exits with 1 when a guard is missing.
    /// Control groups are those of whoever runs this; a service may be given others.
    Check {
        #[command(flatten)]
        worker: Worker,
    },
}

impl Operator {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::Register {
                bls,
                bls_password_file,
                signer,
            } => register(globals, &bls, bls_password_file, signer).await,
            Self::Rotate {
                bls,
                bls_password_file,
                signer,
            } => rotate(globals, &bls, bls_password_file, signer).await,
            Self::Deregister => deregister(globals).await,
            Self::Status { operator } => {
                let operator = match operator {
                    Some(operator) => operator,
                    None => globals.wallet()?.address(),
                };
                status(&globals.chain().await?, operator).await
            }
            Self::List => list(&globals.chain().await?).await,
            Self::Check { worker } => return check::check(globals, &worker).await,
        }
        .map(Some)
    }
}

async fn register(
    globals: &Globals,
    bls: &Path,
    bls_password: Option<PathBuf>,
    signer: Option<Address>,
) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let operator = chain.sender()?.address();
    let addresses = chain.addresses();
    let registry = addresses.avs_governance;
    let keys = prove(globals, &chain, bls, bls_password)?;
    let delegation =
        IDelegationManager::new(addresses.delegation_manager, chain.provider().clone());
    if !read("isOperator", delegation.isOperator(operator)).await? {
        return Err(refusal(
            "not_an_eigenlayer_operator",
            format!("{operator} is no operator of EigenLayer"),
            "register it with EigenLayer's DelegationManager first, and allocate stake to this AVS",
        ));
    }
    let signer = signer.unwrap_or(operator);
    let data = (keys.key.to_bytes(), keys.possession.to_bytes(), signer).abi_encode_params();
    let params = RegisterParams {
        avs: registry,
        operatorSetIds: vec![OPERATOR_SET],
        data: data.into(),
    };
    let call = IAllocationManager::registerForOperatorSetsCall { operator, params };
    let to = addresses.allocation_manager;
    send(&chain, to, "registerForOperatorSets", call.abi_encode()).await?;
    status(&chain, operator).await
}

async fn deregister(globals: &Globals) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let operator = chain.sender()?.address();
    let params = DeregisterParams {
        operator,
        avs: chain.addresses().avs_governance,
        operatorSetIds: vec![OPERATOR_SET],
    };
    let call = IAllocationManager::deregisterFromOperatorSetsCall { params };
    let to = chain.addresses().allocation_manager;
    send(&chain, to, "deregisterFromOperatorSets", call.abi_encode()).await?;
    status(&chain, operator).await
}

async fn rotate(
    globals: &Globals,
    bls: &Path,
    bls_password: Option<PathBuf>,
    signer: Address,
) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let operator = chain.sender()?.address();
    let keys = prove(globals, &chain, bls, bls_password)?;
    let call = IAvsGovernance::rotateKeyCall {
        key: keys.key.to_bytes(),
        possession: keys.possession.to_bytes(),
        signer,
    };
    let to = chain.addresses().avs_governance;
    send(&chain, to, "rotateKey", call.abi_encode()).await?;
    status(&chain, operator).await
}

/// Proves possession of a BLS key to the registry, for the account.
fn prove(
    globals: &Globals,
    chain: &Chain,
    bls: &Path,
    bls_password: Option<PathBuf>,
) -> Result<Registration> {
    let password = bls_password
        .or_else(|| globals.password_file.clone())
        .ok_or_else(|| {
            refusal(
                "no_password",
                "no password was named",
                "name one with --bls-password-file",
            )
        })?;
    let addresses = chain.addresses();
    let (chain_id, registry) = (addresses.chain_id, addresses.avs_governance);
    let operator = chain.sender()?.address();
    prove_registration(bls, &password, chain_id, registry, operator).wrap_err("open the BLS key")
}

async fn send(chain: &Chain, to: Address, action: &str, data: Vec<u8>) -> Result<()> {
    progress(&format!("sending {action}"));
    let call = Call {
        action: action.to_owned(),
        to,
        data: Bytes::from(data),
        value: U256::ZERO,
    };
    chain.sender()?.send(call).await?;
    Ok(())
}

/// A fault and where it stands.
struct Fault {
    id: U256,
    task: u64,
    state: &'static str,
}

async fn faults(chain: &Chain, operator: Address) -> Result<Vec<Fault>> {
    let filter = Filter::new()
        .address(chain.addresses().avs_governance)
        .event_signature(IAvsGovernance::FaultRecorded::SIGNATURE_HASH)
        .topic2(operator.into_word());
    let mut faults = Vec::new();
    for log in events::since(chain, &filter, 0).await? {
        let event = IAvsGovernance::FaultRecorded::decode_log(&log.inner)
            .wrap_err("read a FaultRecorded event")?;
        let fault = read("fault", chain.governance().fault(event.faultId)).await?;
        let state = match (fault.executed, fault.vetoed) {
            (true, _) => "slashed",
            (false, true) => "vetoed",
            (false, false) => "open",
        };
        faults.push(Fault {
            id: event.faultId,
            task: event.taskId,
            state,
        });
    }
    Ok(faults)
}

async fn status(chain: &Chain, operator: Address) -> Result<Answer> {
    let governance = chain.governance();
    let info = read("operatorInfo", governance.operatorInfo(operator)).await?;
    let member = info.position != 0;
    let epoch = chain.current_epoch().await?;
    let row = match epoch.get() {
        0 => None,
        _ => {
            let table = chain.epoch_table(epoch).await?;
            table
                .row_of(operator)
                .map(|row| (row.position, row.stake, table.total))
        }
    };
    let faults = faults(chain, operator).await?;
    let fees = read("credit", chain.attestation().credit(operator)).await?;
    let misses = read("missesOf", governance.missesOf(operator)).await?;
    let limit = read("missLimit", governance.missLimit()).await?;
    let mut lines = vec![
        ("operator", operator.to_string()),
        ("member", if member { "yes" } else { "no" }.to_owned()),
    ];
    if member {
        lines.push(("registered in block", info.registeredAt.to_string()));
        lines.push(("claim signer", info.signer.to_string()));
        lines.push(("BLS key hash", info.keyHash.to_string()));
    }
    lines.push(("newest epoch", epoch.to_string()));
    match &row {
        Some((position, stake, total)) => {
            lines.push(("position", position.to_string()));
            lines.push(("stake", format!("{} of {}", stake.get(), total.get())));
        }
        None => lines.push(("stake", "none in the newest epoch".to_owned())),
    }
    for fault in &faults {
        lines.push((
            "fault",
            format!("{} in task {}, {}", fault.id, fault.task, fault.state),
        ));
    }
    if faults.is_empty() {
        lines.push(("faults", "none".to_owned()));
    }
    let (level, total) = (misses.level, misses.total);
    lines.push((
        "missed votes",
        format!("{level} that count, {total} in all; above {limit} anyone can take it out"),
    ));
    lines.push(("fees credited", ether(fees)));
    let json = json!({
        "operator": operator,
        "member": member,
        "registered_at": member.then_some(info.registeredAt),
        "signer": member.then_some(info.signer),
        "bls_key_hash": member.then_some(info.keyHash),
        "epoch": epoch.get(),
        "position": row.as_ref().map(|(position, ..)| position.get()),
        "stake": row.as_ref().map(|(_, stake, _)| stake.get().to_string()),
        "total_stake": row.as_ref().map(|(.., total)| total.get().to_string()),
        "faults": faults.iter().map(|fault| json!({
            "fault": fault.id.to_string(), "task": fault.task, "state": fault.state,
        })).collect::<Vec<_>>(),
        "misses": { "level": level, "total": total, "limit": limit },
        "fees": fees.to_string(),
    });
    Ok(Answer::new(fields(&lines), json))
}

async fn list(chain: &Chain) -> Result<Answer> {
    let epoch = chain.current_epoch().await?;
    if epoch.get() == 0 {
        return Ok(Answer::new(
            "there is no epoch yet\n".to_owned(),
            Value::Array(Vec::new()),
        ));
    }
    let epoch_table = chain.epoch_table(epoch).await?;
    let mut rows = head(["position", "operator", "claim signer", "stake"]);
    let mut all = Vec::with_capacity(epoch_table.rows.len());
    for row in epoch_table.voters() {
        rows.push(vec![
            row.position.to_string(),
            row.operator.to_string(),
            row.signer.to_string(),
            row.stake.get().to_string(),
        ]);
        all.push(json!({
            "position": row.position.get(),
            "operator": row.operator,
            "signer": row.signer,
            "stake": row.stake.get().to_string(),
        }));
    }
    let text = format!(
        "epoch {epoch}, stakes of block {}, {} in all\n\n{}",
        epoch_table.snapshot_block,
        epoch_table.total.get(),
        table(&rows)
    );
    let json = json!({
        "epoch": epoch.get(),
        "snapshot_block": epoch_table.snapshot_block,
        "total_stake": epoch_table.total.get().to_string(),
        "operators": all,
    });
    Ok(Answer::new(text, json))
}
