//! A task's seed from a round of drand: the contract, the program that fixes seeds, and a local beacon
//! over HTTP. Section numbers are the specification's.

mod common;

use alloy::{
    consensus::Header,
    primitives::{B256, Bytes, U256, keccak256},
    providers::Provider as _,
    sol_types::SolValue as _,
    transports::http::reqwest,
};
use common::{Scene, refusal, refused_as};
use eyre::{ContextCompat as _, Result};
use serde_json::Value;
use zarathustra_abi::drand_seed_source::DrandSeedSource;
use zarathustra_chain::{Task, read, rlp_header};
use zarathustra_deploy::{Beacon, Checkout, DevnetOptions, SeedSource};
use zarathustra_primitives::TaskState;

/// Seconds from a block to the next that the seed source reckons with.
const BLOCK_TIME: u64 = 1;

/// A market whose seeds come from a local beacon, with one operator and an epoch.
async fn scene() -> Result<(Scene, Beacon)> {
    let mut options = DevnetOptions::new(&Checkout::find()?);
    options.market.seed_source = SeedSource::Drand(Beacon::network(BLOCK_TIME)?);
    let mut scene = Scene::start_with(&options, 1).await?;
    let beacon = Beacon::start(scene.devnet.anvil.url()).await?;
    scene.chain = scene.chain.with_beacons(&[beacon.url().to_owned()])?;
    scene.roll_epoch().await?;
    Ok((scene, beacon))
}

/// Opens the task of a submission.
async fn open(scene: &Scene) -> Result<Task> {
    let request = scene.request().await?;
    scene.submit(request, "parameters").await?;
    scene.open(request).await
}

async fn header(scene: &Scene, number: u64) -> Result<Header> {
    let block = scene.chain.provider().get_block_by_number(number.into());
    Ok(block.await?.wrap_err("a mined block")?.header.inner)
}

/// Mines a block of that time.
async fn mine_at(scene: &Scene, time: u64) -> Result<()> {
    let set = "evm_setNextBlockTimestamp";
    let provider = scene.chain.provider();
    let _answer: Value = provider.raw_request(set.into(), [time]).await?;
    scene.devnet.anvil.mine(1).await
}

/// What the beacon answers for a round, where it does.
async fn published(beacon: &Beacon, round: u64) -> Result<(u16, Option<Value>)> {
    let answer = reqwest::get(format!("{}/public/{round}", beacon.url())).await?;
    let status = answer.status();
    let body = match status.is_success() {
        true => Some(serde_json::from_slice(&answer.bytes().await?)?),
        false => None,
    };
    Ok((status.as_u16(), body))
}

fn source(
    scene: &Scene,
) -> DrandSeedSource::DrandSeedSourceInstance<impl alloy::providers::Provider> {
    let address = scene.chain.addresses().seed_source;
    DrandSeedSource::new(address, scene.chain.provider().clone())
}

#[tokio::test]
async fn a_seed_comes_from_the_round_that_was_fixed_at_opening() -> Result<()> {
    let (scene, beacon) = scene().await?;
    let network = Beacon::network(BLOCK_TIME)?;

    // The first round that is public a margin after the expected time of the seed block (2.3).
    let task = open(&scene).await?;
    let opened = header(&scene, scene.block().await?).await?.timestamp;
    let window = scene.chain.definition(task.kind).await?.fetch_window;
    let from = opened + u64::from(window) * BLOCK_TIME + network.margin;
    let period = u64::from(network.period);
    let round = 1 + (from - network.genesis).div_ceil(period);
    assert_eq!((task.state, task.seed_target), (TaskState::Fetching, round));
    let public_at = network.genesis + (round - 1) * period;
    let answer = read("timeOf", source(&scene).timeOf(round)).await?;
    assert_eq!(answer, U256::from(public_at));

    // The seed block is there and the round is not: nobody knows the seed.
    scene.devnet.anvil.mine_to(task.seed_block).await?;
    assert!(header(&scene, task.seed_block).await?.timestamp + BLOCK_TIME <= public_at);
    mine_at(&scene, public_at - 1).await?;
    assert_eq!(published(&beacon, round).await?, (425, None));
    assert_eq!(scene.chain.coming_seed(&task).await?, None);
    let early = scene.chain.fix_seed(&task).await.expect_err("not public");
    assert_eq!(early.code(), "round_not_public");

    // The round before, which is public, is not the task's.
    let (_, before) = published(&beacon, round - 1).await?;
    let before = before.wrap_err("a round that is public")?;
    let seed_header = rlp_header(scene.chain.provider(), task.seed_block).await?;
    let signature = before["signature"].as_str().wrap_err("a signature")?;
    let signature = alloy::hex::decode_to_array(signature)?;
    let signature = zarathustra_bls::Signature::decode_compressed(&signature)?.encode();
    let proof = [signature.as_bytes().as_slice(), &seed_header].concat();
    let shown = scene.show(task.id, proof.into()).await;
    let expected = format!("InvalidSeedProof {{ seedBlock: {} }}", task.seed_block);
    assert_eq!(refusal(shown), expected);
    let shown = scene.show(task.id, Bytes::new()).await;
    assert_eq!(refused_as(shown), "SeedProofTooShort");

    // The round comes.
    mine_at(&scene, public_at).await?;
    let (status, answer) = published(&beacon, round).await?;
    assert_eq!(status, 200);
    let answer = answer.wrap_err("the round")?;
    let randomness: B256 = answer["randomness"].as_str().wrap_err("hex")?.parse()?;
    let words = (
        keccak256("Zarathustra.Seed.v1"),
        U256::from(31337),
        scene.center(),
        U256::from(task.id.get()),
        randomness,
    );
    let expected = Some(keccak256(words.abi_encode()));
    let coming = scene.chain.coming_seed(&task).await?;
    assert_eq!(coming.map(|seed| seed.get()), expected);
    scene.chain.fix_seed(&task).await?;
    let fixed = scene.chain.task(task.id).await?;
    assert_eq!(fixed.seed.map(|seed| seed.get()), expected);
    assert_eq!(fixed.state, TaskState::Evaluating);
    Ok(())
}

#[tokio::test]
async fn a_round_that_was_public_before_the_seed_block_gives_no_seed() -> Result<()> {
    let (scene, beacon) = scene().await?;
    let task = open(&scene).await?;
    let public_at = read("timeOf", source(&scene).timeOf(task.seed_target)).await?;
    let public_at: u64 = public_at.to();

    // Blocks are slow: the round is public before the last blocks of the fetch window.
    scene.devnet.anvil.mine_to(task.seed_block - 2).await?;
    mine_at(&scene, public_at).await?;
    let (status, _) = published(&beacon, task.seed_target).await?;
    assert_eq!(status, 200);
    scene.devnet.anvil.mine_to(task.seed_block).await?;
    assert!(header(&scene, task.seed_block).await?.timestamp >= public_at);

    assert_eq!(scene.chain.coming_seed(&task).await?, None);
    let refused = scene.chain.fix_seed(&task).await.expect_err("too late");
    assert_eq!(refused.revert_name(), Some("RoundBeforeSeedBlock"));
    assert_eq!(scene.chain.task(task.id).await?, task);
    Ok(())
}

#[tokio::test]
async fn without_a_beacon_a_seed_is_left_to_others() -> Result<()> {
    let (mut scene, beacon) = scene().await?;
    let task = open(&scene).await?;
    let public_at = read("timeOf", source(&scene).timeOf(task.seed_target)).await?;
    scene.devnet.anvil.mine_to(task.seed_block).await?;
    mine_at(&scene, public_at.to()).await?;

    let (url, chain) = (beacon.url().to_owned(), scene.chain.clone());
    drop(beacon);
    scene.chain = chain.clone().with_beacons(&[])?;
    let refused = scene.chain.fix_seed(&task).await.expect_err("no beacon");
    assert_eq!(refused.code(), "no_beacon");
    assert_eq!(scene.chain.coming_seed(&task).await?, None);
    scene.chain = chain.with_beacons(&[url])?;
    let refused = scene.chain.fix_seed(&task).await.expect_err("it is gone");
    assert_eq!(refused.code(), "beacon_failed");
    assert_eq!(scene.chain.coming_seed(&task).await?, None);
    Ok(())
}
