//! A local chain with everything deployed: fresh, and from a state on disk.

mod common;

use std::time::Duration;

use alloy::{
    network::TransactionBuilder as _, primitives::U256, providers::Provider as _,
    rpc::types::TransactionRequest,
};
use common::{Operator, STAKE};
use eyre::Result;
use tokio::time::{sleep, timeout};
use zarathustra_abi::avs_governance::IAvsGovernance;
use zarathustra_deploy::{Checkout, Devnet, DevnetOptions, Mining};

/// Takes one operator through EigenLayer into an epoch of the market.
async fn first_epoch(devnet: &Devnet) -> Result<()> {
    let operator = Operator::new(devnet, 0).await?;
    operator.join(devnet).await?;

    let avs = devnet.avs();
    let governance = IAvsGovernance::new(avs, operator.account.provider());
    assert_eq!(governance.members().call().await?, [operator.address()]);
    let roll = IAvsGovernance::rollEpochCall { maxRows: u32::MAX };
    operator.account.send(avs, &roll).await?;
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

/// Number of the newest block.
async fn number(devnet: &Devnet) -> Result<u64> {
    Ok(devnet.anvil.provider().get_block_number().await?)
}

/// Waits for a block later than one.
async fn later(devnet: &Devnet, than: u64) -> Result<u64> {
    loop {
        let newest = number(devnet).await?;
        if newest > than {
            return Ok(newest);
        }
        sleep(Duration::from_millis(15)).await;
    }
}

#[tokio::test]
async fn blocks_come_as_told() -> Result<()> {
    let checkout = Checkout::find()?;
    let mut options = DevnetOptions::new(&checkout);
    options.anvil.mining = Mining::Manual;
    let mut devnet = Devnet::load(&checkout, &options).await?;

    // By hand: a transaction waits for the next block and makes none.
    let start = number(&devnet).await?;
    let deployer = devnet.deployer.provider();
    let payment = TransactionRequest::default()
        .with_to(devnet.deployer.address())
        .with_value(U256::ONE);
    let waiting = *deployer.send_transaction(payment).await?.tx_hash();
    devnet.anvil.mine(3).await?;
    assert_eq!(number(&devnet).await?, start + 3);
    let paid = deployer.get_transaction_receipt(waiting).await?;
    assert_eq!(paid.and_then(|paid| paid.block_number), Some(start + 1));
    devnet.anvil.mine_to(start + 5).await?;
    devnet.anvil.mine_to(start).await?;
    assert_eq!(number(&devnet).await?, start + 5);

    // By the clock, several in a second.
    let short = Mining::Every(Duration::from_millis(50));
    devnet.anvil.set_mining(short).await?;
    // Waits for its own block, which nobody here makes.
    first_epoch(&devnet).await?;
    devnet.anvil.set_mining(Mining::Manual).await?;
    let newest = number(&devnet).await?;
    assert!(newest > start + 5);

    let block = async |devnet: &Devnet| {
        let block = devnet.anvil.provider().get_block_by_number(newest.into());
        block.await.map(|block| block.map(|b| b.header.hash))
    };
    let before = block(&devnet).await?;
    devnet.anvil.reorg(2).await?;
    assert_eq!(number(&devnet).await?, newest);
    assert_ne!(before, block(&devnet).await?);

    // By the clock in whole seconds, which anvil counts itself, and by hand again.
    let second = Duration::from_secs(1);
    devnet.anvil.set_mining(Mining::Every(second)).await?;
    timeout(10 * second, later(&devnet, newest)).await??;
    devnet.anvil.set_mining(Mining::Manual).await?;
    let last = number(&devnet).await?;
    let further = timeout(2 * second, later(&devnet, last)).await;
    assert!(further.is_err(), "block {further:?} after {last}");
    Ok(())
}
