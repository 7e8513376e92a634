//! A local chain with everything deployed: fresh, and from a state on disk.

use std::time::Duration;

use alloy::{
    primitives::{Bytes, U256},
    providers::Provider as _,
    sol_types::SolValue as _,
};
use eyre::Result;
use zarathustra_abi::avs_governance::IAvsGovernance;
use zarathustra_bls::SecretKey;
use zarathustra_deploy::{Account, Checkout, Devnet, DevnetOptions, Mining};
use zarathustra_primitives::possession_digest;

const STAKE: u64 = 500;

/// What an operator hands to the registrar (`IAvsGovernance.registerOperator`).
fn registration(devnet: &Devnet, operator: &Account) -> Bytes {
    let key = SecretKey::from_seed(&[7; 32]).expect("long enough");
    let public = key.public_key().encode();
    let digest = possession_digest(
        devnet.anvil.chain_id(),
        devnet.avs(),
        operator.address(),
        &public,
    );
    let possession = key.prove_possession(&digest).encode();
    let public = Bytes::copy_from_slice(public.as_bytes());
    let possession = Bytes::copy_from_slice(possession.as_bytes());
    (public, possession, operator.address())
        .abi_encode_params()
        .into()
}

/// Takes one operator through EigenLayer into an epoch of the market.
async fn first_epoch(devnet: &Devnet) -> Result<()> {
    let operator = devnet.account("operator").await?;
    let staker = devnet.account("staker").await?;
    devnet.enlist(&operator, &staker, U256::from(STAKE)).await?;
    let data = registration(devnet, &operator);
    let (avs, set) = (devnet.avs(), devnet.operator_set());
    devnet
        .core
        .register_for_operator_sets(&operator, avs, &[set], data)
        .await?;

    let governance = IAvsGovernance::new(avs, operator.provider());
    assert_eq!(governance.members().call().await?, [operator.address()]);
    operator
        .send(avs, &IAvsGovernance::rollEpochCall {})
        .await?;
    let head = governance.epochHead(1).call().await?;
    assert_eq!((head.count, head.totalStake), (1, u128::from(STAKE)));
    Ok(())
}

#[tokio::test]
async fn an_operator_joins_through_eigenlayer_and_its_stake_counts() -> Result<()> {
    let checkout = Checkout::find()?;
    let devnet = Devnet::fresh(&checkout, &DevnetOptions::new(&checkout)).await?;
    first_epoch(&devnet).await
}

#[tokio::test]
async fn a_state_from_disk_is_the_same_chain() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let checkout = Checkout::find()?.with_snapshots(folder.path());
    let options = DevnetOptions::new(&checkout);
    let built = Devnet::load(&checkout, &options).await?;
    let loaded = Devnet::load(&checkout, &options).await?;
    assert_eq!(built.addresses, loaded.addresses);

    for number in options.anvil.first_block..=built.anvil.provider().get_block_number().await? {
        let a = built
            .anvil
            .provider()
            .get_block_by_number(number.into())
            .await?;
        let b = loaded
            .anvil
            .provider()
            .get_block_by_number(number.into())
            .await?;
        assert_eq!(
            a.map(|a| a.header.hash),
            b.map(|b| b.header.hash),
            "block {number}"
        );
    }
    first_epoch(&loaded).await
}

#[tokio::test]
async fn blocks_come_as_told() -> Result<()> {
    let checkout = Checkout::find()?;
    let mut options = DevnetOptions::new(&checkout);
    options.anvil.mining = Mining::Manual;
    let mut devnet = Devnet::load(&checkout, &options).await?;
    let number = async |devnet: &Devnet| devnet.anvil.provider().get_block_number().await;

    let start = number(&devnet).await?;
    devnet.anvil.mine(3).await?;
    devnet.anvil.mine_to(start + 5).await?;
    devnet.anvil.mine_to(start).await?;
    assert_eq!(number(&devnet).await?, start + 5);

    devnet
        .anvil
        .set_mining(Mining::Every(Duration::from_millis(50)))
        .await?;
    // Waits for its own block, which nobody here makes.
    first_epoch(&devnet).await?;
    devnet.anvil.set_mining(Mining::Manual).await?;
    let newest = number(&devnet).await?;
    assert!(newest > start + 5);

    let before = devnet
        .anvil
        .provider()
        .get_block_by_number(newest.into())
        .await?;
    devnet.anvil.reorg(2).await?;
    let after = devnet
        .anvil
        .provider()
        .get_block_by_number(newest.into())
        .await?;
    assert_eq!(number(&devnet).await?, newest);
    assert_ne!(before.map(|b| b.header.hash), after.map(|b| b.header.hash));
    Ok(())
}
