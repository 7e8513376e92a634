//! The deterministic deployment proxy: contracts whose addresses follow from what they are.
//!
//! A call of the proxy with 32 bytes of salt and creation code creates a contract by CREATE2. Its
//! address depends on these alone, so whoever deploys the same again finds it there. The proxy is
//! Nick Johnson's, at one address on every chain: it comes from a pre-signed transaction without
//! chain id, whose signature was made up so that nobody has the key of its sender.

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, bytes, keccak256},
    providers::{DynProvider, Provider as _},
};
use eyre::{Result, WrapErr as _};
use zarathustra_chain::ChainError;

use crate::DeployError;

/// Where the proxy is on every chain that has it.
pub const PROXY: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The proxy's code.
pub(crate) const PROXY_CODE: Bytes = bytes!(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
);

/// The transaction that deploys the proxy.
const PRESIGNED: Bytes = bytes!(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222222222222222a02222222222222222222222222222222222222222222222222222222222222222"
);

/// Who signed it, and what it costs: 100,000 gas at 100 gwei, wei.
const SIGNER: Address = address!("3fab184622dc19b6109349b94811493bf2a45362");
const PRICE: U256 = U256::from_limbs([10_000_000_000_000_000, 0, 0, 0]);

/// Distinguishes contracts of equal code.
const SALT_DOMAIN: &str = "Zarathustra.Deployment.v1";

/// The salt of a contract in a deployment. `label` is unique within it.
pub fn salt(deployment: &str, label: &str) -> B256 {
    use alloy::sol_types::SolValue as _;
    keccak256((SALT_DOMAIN, deployment, label).abi_encode_params())
}

/// What to call the proxy with.
pub fn input(salt: B256, creation: &[u8]) -> Bytes {
    [salt.as_slice(), creation].concat().into()
}

/// Makes sure that the proxy is there; where it is missing and paid for, sends the pre-signed
/// transaction if `send` allows that.
///
/// # Errors
/// [`DeployError::ForeignProxy`], [`DeployError::NoProxy`], [`DeployError::ProxyRefused`];
/// transport errors.
pub async fn ensure_proxy(provider: &DynProvider, send: bool) -> Result<()> {
    let code = code_at(provider, PROXY).await?;
    if code == PROXY_CODE {
        return Ok(());
    }
    if !code.is_empty() {
        return Err(DeployError::ForeignProxy { address: PROXY }.into());
    }
    let balance = provider
        .get_balance(SIGNER)
        .await
        .map_err(ChainError::transport("eth_getBalance"))?;
    if balance < PRICE {
        let missing = PRICE - balance;
        let signer = SIGNER;
        return Err(DeployError::NoProxy { signer, missing }.into());
    }
    if !send {
        return Ok(());
    }
    let refused = |reason: String| DeployError::ProxyRefused { reason };
    let pending = provider.send_raw_transaction(&PRESIGNED).await;
    let receipt = pending
        .map_err(|error| refused(error.to_string()))?
        .get_receipt()
        .await
        .wrap_err("the receipt of the deployment proxy")?;
    if code_at(provider, PROXY).await? != PROXY_CODE {
        let hash = receipt.transaction_hash;
        return Err(refused(format!("{hash} was mined without effect")).into());
    }
    Ok(())
}

/// The code at an address; empty where there is none.
pub(crate) async fn code_at(provider: &DynProvider, address: Address) -> Result<Bytes> {
    let code = provider.get_code_at(address).await;
    Ok(code.map_err(ChainError::transport("eth_getCode"))?)
}

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{Transaction as _, TxEnvelope},
        eips::Decodable2718 as _,
    };

    use super::*;

    /// The first contract of the signer is the proxy, so the signer is who signed.
    #[test]
    fn the_presigned_transaction_is_the_signers_first_and_costs_what_is_asked_for() {
        assert_eq!(SIGNER.create(0), PROXY);
        let transaction = TxEnvelope::decode_2718(&mut PRESIGNED.as_ref()).expect("decodes");
        assert_eq!((transaction.nonce(), transaction.chain_id()), (0, None));
        let gas = U256::from(transaction.gas_limit());
        assert_eq!(U256::from(transaction.max_fee_per_gas()) * gas, PRICE);
    }

    #[test]
    fn a_salt_is_of_one_deployment_and_one_label() {
        let salts = [("a", "b"), ("ab", ""), ("", "ab"), ("b", "a")].map(|(d, l)| salt(d, l));
        for (i, one) in salts.iter().enumerate() {
            assert!(!salts[i + 1..].contains(one));
        }
    }
}
