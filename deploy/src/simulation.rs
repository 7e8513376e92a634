//! What a creation code makes, byte by byte, without looking at what lies on the chain.
//!
//! The creation code is put in the place of the contract for one `eth_call` and run: it then sees
//! the address, the nonce and the creator that the real creation sees, and what it returns is the
//! code that the real creation stores, immutables included. Contracts that it creates along the way
//! lie where the real ones lie, and are read in the same call.

use alloy::{
    network::TransactionBuilder as _,
    primitives::{Address, B256, Bytes, bytes, map::B256HashMap},
    providers::{DynProvider, Provider as _},
    rpc::types::{
        TransactionRequest,
        state::{AccountOverride, StateOverride},
    },
    sol_types::SolValue as _,
};
use eyre::Result;
use zarathustra_chain::ChainError;

use crate::{DeployError, create2::PROXY, revert::reason};

/// Code that stands in for the deployment proxy. It takes two words: the contract to be, which it
/// calls and so creates, and a contract whose code it then returns, zero for the first one's.
///
/// ```text
/// call(gas, word 0, 0, 0, 0, 0, 0); if it fails, revert with what it returned
/// if word 1 is zero, return what the call returned; else return the code at word 1
/// ```
const STAND_IN: Bytes = bytes!(
    "5f5f5f5f5f5f355af1156028576020358015602057803b90815f5f833c505ff35b3d5f5f3e3d5ff35b3d5f5f3e3d5ffd"
);

/// Longest code of a contract (EIP-170), which a call does not check.
const MOST_CODE: usize = 24_576;

/// Most contracts that one contract creates in its constructor.
const MOST_NESTED: u64 = 4;

/// The code that a creation makes: the contract's own first, then that of every contract that it
/// creates in its constructor.
///
/// # Errors
/// [`DeployError::ConstructorRefused`], [`DeployError::CodeTooLarge`],
/// [`DeployError::NoSimulation`]; transport errors.
pub async fn creates(
    provider: &DynProvider,
    contract: &str,
    address: Address,
    creation: &Bytes,
) -> Result<Vec<(Address, Bytes)>> {
    let call = |subject: Address| run(provider, contract, address, creation, subject);
    let own = call(Address::ZERO).await?;
    if own.is_empty() {
        return Err(DeployError::NoSimulation.into());
    }
    let mut made = vec![(address, own)];
    let mut parents = vec![address];
    while let Some(parent) = parents.pop() {
        for child in nested(parent) {
            let code = call(child).await?;
            if code.is_empty() {
                break;
            }
            made.push((child, code));
            parents.push(child);
        }
    }
    for (address, code) in &made {
        if code.len() > MOST_CODE {
            return Err(DeployError::CodeTooLarge {
                contract: contract.to_owned(),
                address: *address,
                bytes: code.len(),
                most: MOST_CODE,
            }
            .into());
        }
    }
    Ok(made)
}

/// Where a contract puts those that it creates first.
fn nested(parent: Address) -> impl Iterator<Item = Address> {
    // A contract's nonce begins with 1 (EIP-161).
    (1..=MOST_NESTED).map(move |nonce| parent.create(nonce))
}

async fn run(
    provider: &DynProvider,
    contract: &str,
    address: Address,
    creation: &Bytes,
    subject: Address,
) -> Result<Bytes> {
    let account = |code: Bytes, nonce: u64| AccountOverride {
        code: Some(code),
        nonce: Some(nonce),
        state: Some(B256HashMap::<B256>::default()),
        ..AccountOverride::default()
    };
    let mut overrides = StateOverride::default();
    for child in nested(address) {
        overrides.insert(child, account(Bytes::new(), 0));
        for grandchild in nested(child) {
            overrides.insert(grandchild, account(Bytes::new(), 0));
        }
    }
    overrides.insert(address, account(creation.clone(), 1));
    overrides.insert(PROXY, account(STAND_IN, 1));
    let request = TransactionRequest::default()
        .with_to(PROXY)
        .with_input((address, subject).abi_encode_params());
    let answer = provider.call(request).overrides(overrides).await;
    answer.map_err(|error| match error.as_error_resp() {
        Some(payload) => match payload.as_revert_data() {
            Some(data) => DeployError::ConstructorRefused {
                contract: contract.to_owned(),
                reason: reason(&data),
            }
            .into(),
            None => ChainError::transport("eth_call with state overrides")(error).into(),
        },
        None => ChainError::transport("eth_call")(error).into(),
    })
}
