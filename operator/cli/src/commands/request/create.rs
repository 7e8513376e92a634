//! Posting a request, and what it would cost.

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::{
        TransactionRequest,
        simulate::{SimBlock, SimulatePayload},
    },
    sol_types::{SolCall, SolEvent},
};
use eyre::{ContextCompat, Result};
use serde_json::{Value, json};
use zarathustra_chain::{Call, Chain, ChainError, Revert, abi::model_submission::IModelSubmission};
use zarathustra_improve::IMPROVE;
use zarathustra_retain::RETAIN;

use super::{
    Create,
    file::{Prepared, RequestFile},
    rules,
};
use crate::{
    amount::ether,
    context::{Globals, to_market},
    errors::refusal,
    output::{Answer, fields, progress},
    token::{IERC20, Token},
};

impl Create {
    pub(super) async fn run(self, globals: &Globals) -> Result<Answer> {
        let mut set = self.set;
        set.extend(
            self.reward_token
                .map(|token| format!("terms.reward_token=\"{token}\"")),
        );
        let request = RequestFile::read(&self.file, &set)?;
        let (chain, payer) = match (self.dry_run, self.from) {
            (false, _) => payer(globals).await?,
            (true, Some(from)) => (globals.chain().await?, Some(from)),
            (true, None) if globals.keystore.is_none() => (globals.chain().await?, None),
            (true, None) => (globals.chain().await?, Some(globals.wallet()?.address())),
        };
        let token = Token::of(&chain, request.reward_token(chain.addresses())?).await?;
        let min_fee = chain.definition(IMPROVE).await?.min_fee;
        // Asked for only where something is held back: a market may be older than the kind.
        let retain = match request.retains() {
            true => Some(chain.definition(RETAIN).await?),
            false => None,
        };
        let retention = retain.map(|kind| u64::from(kind.fetch_window) + u64::from(kind.task_life));
        // Nothing is published before the market would take it.
        let prepared = request.prepare(&token, None).await?;
        rules::check(&prepared, &token, min_fee, retention)?;
        if self.dry_run {
            return dry_run(&chain, &prepared, &token, payer).await;
        }
        let payer = payer.wrap_err("an account pays")?;
        check_balance(&chain, &prepared, &token, payer).await?;
        progress("adding architecture, evaluator, baseline and manifest to IPFS");
        let prepared = request.prepare(&token, Some(&globals.content()?)).await?;
        post(&chain, &prepared, &token).await
    }
}

async fn payer(globals: &Globals) -> Result<(Chain, Option<Address>)> {
    let chain = globals.chain_with_key().await?;
    let payer = chain.sender()?.address();
    Ok((chain, Some(payer)))
}

async fn post(chain: &Chain, prepared: &Prepared, token: &Token) -> Result<Answer> {
    approve(chain, token, prepared.reward_escrow).await?;
    let (call, value) = creation(prepared);
    let receipt = to_market(chain, call, value).await?;
    let id = receipt
        .logs()
        .iter()
        .find_map(|log| IModelSubmission::RequestCreated::decode_log(&log.inner).ok())
        .map(|event| event.requestId)
        .wrap_err("the receipt of createRequest holds no RequestCreated")?;
    let text = fields(&[
        ("request", id.to_string()),
        ("manifest", prepared.manifest_cid.to_string()),
        ("baseline", prepared.baseline_cid.to_string()),
        ("transaction", receipt.transaction_hash.to_string()),
    ]);
    let json = json!({
        "request": id,
        "manifest": prepared.manifest_cid.to_string(),
        "baseline": prepared.baseline_cid.to_string(),
        "tx": receipt.transaction_hash,
        "block": receipt.block_number,
        "gas": receipt.gas_used,
    });
    Ok(Answer::new(text, json))
}

/// The call that posts a request, and the native token that it takes along.
fn creation(prepared: &Prepared) -> (IModelSubmission::createRequestCall, U256) {
    let native_reward = if prepared.terms.rewardToken.is_zero() {
        prepared.reward_escrow
    } else {
        0
    };
    let value =
        U256::from(prepared.fee_escrow) + U256::from(prepared.bond) + U256::from(native_reward);
    let call = IModelSubmission::createRequestCall {
        terms: prepared.terms.clone(),
        manifest: prepared.manifest.clone(),
        baseline: prepared.baseline.clone(),
        rewardEscrow: prepared.reward_escrow,
        feeEscrow: prepared.fee_escrow,
        evaluatorBond: prepared.bond,
    };
    (call, value)
}

async fn check_balance(
    chain: &Chain,
    prepared: &Prepared,
    token: &Token,
    payer: Address,
) -> Result<()> {
    let native = Token::native();
    let mut needs = vec![(&native, creation(prepared).1)];
    if !token.is_native() {
        needs.push((token, U256::from(prepared.reward_escrow)));
    }
    for (token, need) in needs {
        let have = token.balance(chain, payer).await?;
        if have < need {
            return Err(refusal(
                "balance_too_low",
                format!(
                    "{payer} has {} and the request takes {}",
                    token.show(have),
                    token.show(need)
                ),
                "fund the account, or lower the escrow in the request file",
            ));
        }
    }
    Ok(())
}

/// Lets the market pull an escrow in an ERC-20, where it may not yet.
pub(super) async fn approve(chain: &Chain, token: &Token, amount: u128) -> Result<()> {
    let sender = chain.sender()?;
    if amount == 0 || token.allowance(chain, sender.address()).await? >= U256::from(amount) {
        return Ok(());
    }
    progress(&format!("approving {}", token.show(amount)));
    sender.send(approval(chain, token, amount)).await?;
    Ok(())
}

fn approval(chain: &Chain, token: &Token, amount: u128) -> Call {
    let spender = chain.addresses().model_submission;
    Call {
        action: "approve the reward token".to_owned(),
        to: token.address,
        data: IERC20::approveCall {
            spender,
            amount: U256::from(amount),
        }
        .abi_encode()
        .into(),
        value: U256::ZERO,
    }
}

/// What the owner can gain and lose with these terms.
fn worst_cases(prepared: &Prepared, token: &Token) -> Vec<(&'static str, String)> {
    let t = &prepared.terms;
    let [fee, deposit, compensation] =
        [t.evaluationFee, t.deposit, t.compensation].map(|v| v.to::<u128>());
    let wins = (prepared.reward_escrow / t.reward.max(1)).min(prepared.fee_escrow / fee.max(1));
    let fault = fee + compensation;
    let mut cases = vec![
        ("improvements that the escrow covers", wins.to_string()),
        (
            "each costs",
            format!("{} and {}", token.show(t.reward), ether(fee)),
        ),
        (
            "faults of the evaluator that the bond covers",
            (prepared.bond / fault.max(1)).to_string(),
        ),
        ("each costs", ether(fault)),
        ("at worst you spend", {
            let native = U256::from(prepared.fee_escrow) + U256::from(prepared.bond);
            match token.is_native() {
                true => ether(native + U256::from(prepared.reward_escrow)),
                false => format!(
                    "{} and {}",
                    token.show(prepared.reward_escrow),
                    ether(native)
                ),
            }
        }),
        (
            "an equal model is accepted by chance",
            format!("in at most {} of 1000000000 evaluations", t.alphaPpb),
        ),
        (
            "a submission that is not better costs its optimizer",
            ether(fee),
        ),
        ("a worse or invalid one", ether(deposit)),
    ];
    if t.depositGrowthBps != 0 {
        cases.push((
            "and after many rejections at most",
            ether(U256::from(deposit) * U256::from(rules::MAX_FACTOR)),
        ));
    }
    cases
}

/// Gas of the approval, where one is needed, and of the request itself.
struct Gas {
    approval: Option<u64>,
    request: u64,
    price_wei: u128,
}

async fn dry_run(
    chain: &Chain,
    prepared: &Prepared,
    token: &Token,
    payer: Option<Address>,
) -> Result<Answer> {
    let (_, value) = creation(prepared);
    let worst = worst_cases(prepared, token);
    let mut lines = vec![
        ("manifest", prepared.manifest_cid.to_string()),
        ("baseline", prepared.baseline_cid.to_string()),
        ("sent along", ether(value)),
        ("escrowed reward", token.show(prepared.reward_escrow)),
        (
            "reference evaluation",
            format!("about {} s", prepared.reference_seconds),
        ),
    ];
    let gas = match payer {
        Some(payer) => {
            check_balance(chain, prepared, token, payer).await?;
            simulate(chain, prepared, token, payer).await?
        }
        None => None,
    };
    match &gas {
        Some(gas) => {
            let all = gas.request + gas.approval.unwrap_or(0);
            if let Some(approval) = gas.approval {
                lines.push(("gas of the approval", approval.to_string()));
            }
            lines.push(("gas of the request", gas.request.to_string()));
            lines.push((
                "gas costs, at today's price",
                ether(U256::from(all) * U256::from(gas.price_wei)),
            ));
        }
        None if payer.is_none() => {
            lines.push(("gas", "name an account with --from to know it".to_owned()))
        }
        None => lines.push((
            "gas",
            "the node does not simulate transactions (eth_simulateV1)".to_owned(),
        )),
    }
    lines.extend(worst.iter().cloned());
    let json = json!({
        "dry_run": true,
        "manifest": prepared.manifest_cid.to_string(),
        "baseline": prepared.baseline_cid.to_string(),
        "value": value.to_string(),
        "reward_token": token.address,
        "reward_escrow": prepared.reward_escrow.to_string(),
        "reference_seconds": prepared.reference_seconds,
        "gas": gas.map_or(Value::Null, |gas| json!({
            "approval": gas.approval, "request": gas.request, "price_wei": gas.price_wei.to_string(),
        })),
        "worst_cases": worst.iter().map(|(what, value)| json!({ "what": what, "value": value })).collect::<Vec<_>>(),
    });
    Ok(Answer::new(fields(&lines), json))
}

/// Plays approval and request one after the other on the newest state. `None` where the node cannot.
async fn simulate(
    chain: &Chain,
    prepared: &Prepared,
    token: &Token,
    payer: Address,
) -> Result<Option<Gas>> {
    let transport = |method| move |source| ChainError::Transport { method, source };
    let (call, value) = creation(prepared);
    let allowance = token.allowance(chain, payer).await?;
    let approval = (allowance < U256::from(prepared.reward_escrow))
        .then(|| approval(chain, token, prepared.reward_escrow))
        .map(|call| {
            TransactionRequest::default()
                .with_from(payer)
                .with_to(call.to)
                .with_input(call.data)
        });
    let request = TransactionRequest::default()
        .with_from(payer)
        .with_to(chain.addresses().model_submission)
        .with_value(value)
        .with_input(call.abi_encode());
    let needs_approval = approval.is_some();
    let block = SimBlock::default().extend_calls(approval.into_iter().chain([request]));
    let payload = SimulatePayload::default().extend(block);
    let blocks = match chain.provider().simulate(&payload).await {
        Ok(blocks) => blocks,
        Err(error) if error.is_error_resp() => return Ok(None),
        Err(error) => return Err(transport("eth_simulateV1")(error).into()),
    };
    let results = blocks
        .into_iter()
        .next()
        .wrap_err("the node simulated nothing")?
        .calls;
    let mut gas = Vec::with_capacity(results.len());
    for result in &results {
        if !result.status {
            let action = "createRequest".to_owned();
            return Err(ChainError::Reverted {
                action,
                revert: Revert::decode(&result.return_data),
            }
            .into());
        }
        gas.push(result.gas_used);
    }
    let price_wei = chain
        .provider()
        .get_gas_price()
        .await
        .map_err(transport("eth_gasPrice"))?;
    Ok(match (needs_approval, gas.as_slice()) {
        (true, &[approval, request]) => Some(Gas {
            approval: Some(approval),
            request,
            price_wei,
        }),
        (false, &[request]) => Some(Gas {
            approval: None,
            request,
            price_wei,
        }),
        _ => None,
    })
}
