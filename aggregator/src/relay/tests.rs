//! Two chains: epochs are published on the one, signed by operators over HTTP, and brought to the
//! other.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::ext::AnvilApi as _,
};
use eyre::{ContextCompat as _, Result};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use zarathustra_abi::{
    avs_governance::IAvsGovernance::setSnapshotEvidenceCall, spoke::ISpoke::reseedCall,
};
use zarathustra_attester::SnapshotSigner;
use zarathustra_chain::{AsOf, Chain, FeePolicy, OtherChain, Spoke};
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Checkout, DevnetOptions, ETHER, IMPROVE, devnet_key,
};
use zarathustra_node::{Metrics, http};
use zarathustra_primitives::{B256, Epoch, Threshold};
use zarathustra_protocol::Patience;
use zarathustra_wire::{AggregatorClient, SnapshotMessage};

use super::Relay;
use crate::{
    Appeals, Desk, SnapshotDesk, routes,
    scene::{Operator, Scene},
    test_keys::rotated,
};

const AWAY: u64 = 42_161;
/// Seconds between two blocks at home, where the other chain's clock goes by the wall's.
const BLOCK_TIME: u64 = 10;
/// Blocks after which anvil calls one final, and a few more.
const FINAL_AFTER: u64 = 70;

struct Crossing {
    scene: Scene,
    evidence: Address,
    away: Anvil,
    relayer: Account,
    spoke: Address,
    folder: TempDir,
}

impl Crossing {
    /// Four operators with an epoch at home, and a Spoke away that knows nothing.
    async fn start() -> Result<Self> {
        let checkout = Checkout::find()?;
        let artifacts = checkout.artifacts();
        let scene = Scene::start_with(&DevnetOptions::new(&checkout), 4).await?;
        scene.roll_epoch().await?;
        let registry = scene.governance();
        let evidence = scene
            .stranger
            .deploy_artifact(&artifacts, "SnapshotEvidence", &(registry, 1_u32, 1_u32))
            .await?;
        let name = setSnapshotEvidenceCall {
            snapshotEvidence: evidence,
        };
        scene.devnet.governance.send(registry, &name).await?;
        let away = Anvil::start(&AnvilOptions {
            chain_id: AWAY,
            ..AnvilOptions::new(checkout.tool("anvil"))
        })
        .await?;
        let relayer = away
            .account(devnet_key("relayer"), U256::from(1000 * ETHER))
            .await?;
        let manager = relayer
            .deploy_artifact(&artifacts, "AccessManager", &(relayer.address(),))
            .await?;
        let home_chain = U256::from(scene.devnet.anvil.chain_id());
        let home = (home_chain, registry, scene.center());
        let arguments = (manager, home, 2_u16, 3_u16, IMPROVE, 60_u32);
        let spoke = relayer
            .deploy_artifact(&artifacts, "Spoke", &arguments)
            .await?;
        Ok(Self {
            scene,
            evidence,
            away,
            relayer,
            spoke,
            folder: tempfile::tempdir()?,
        })
    }

    fn fees() -> FeePolicy {
        FeePolicy {
            poll_every: Duration::from_millis(15),
            ..FeePolicy::default()
        }
    }

    /// A relay with its desk.
    async fn relay(&self) -> Result<(Relay, Arc<SnapshotDesk>, Spoke)> {
        let devnet = &self.scene.devnet;
        let path = |name: &str| self.folder.path().join(name);
        let account = devnet.account("aggregator").await?.signer().clone();
        let store = Chain::open_store(&path("home.redb"))?;
        let chain = Chain::connect(devnet.anvil.url(), devnet.addresses.clone())
            .await?
            .with_sender(account, store.clone(), Self::fees());
        let other = OtherChain::connect(
            self.away.url(),
            self.relayer.signer().clone(),
            Chain::open_store(&path("away.redb"))?,
            Self::fees(),
        )
        .await?;
        let spoke = other.spoke(self.spoke);
        let desk = Arc::new(SnapshotDesk::new(store));
        let metrics = Metrics::new("aggregator")?;
        let relay = Relay::new(chain, Arc::clone(&desk), true, vec![spoke.clone()], metrics);
        Ok((relay, desk, spoke))
    }

    /// Blocks at home. By itself anvil gives several the same time, which real chains do not.
    async fn pass(&self, blocks: u64) -> Result<()> {
        let node = self.scene.devnet.anvil.provider();
        Ok(node.anvil_mine(Some(blocks), Some(BLOCK_TIME)).await?)
    }

    /// Governance away from home starts from an epoch that was published.
    async fn seed(&self, epoch: Epoch) -> Result<()> {
        let chain = &self.scene.chain;
        let table = chain.epoch_table(epoch).await?;
        let call = reseedCall {
            snapshot: chain
                .snapshot(self.evidence, epoch)
                .await?
                .wrap_err("not published")?,
            stakes: table.rows.iter().map(|row| row.stake.get()).collect(),
            chunks: chain.new_chunks(epoch).await?,
            keepChampions: false,
        };
        self.relayer.send(self.spoke, &call).await.map(drop)
    }

    /// What an operator's program signs snapshots with.
    fn signer(&self, operator: &Operator, url: &str) -> Result<SnapshotSigner> {
        let folder = self.folder.path().join(operator.address().to_string());
        std::fs::create_dir(&folder)?;
        Ok(SnapshotSigner::new(
            self.scene.chain.clone(),
            Arc::new(rotated(&self.scene, operator, &folder)?),
            operator.address(),
            vec![AggregatorClient::new(url)?],
        ))
    }
}

/// An aggregator's server, as far as snapshots are concerned.
async fn serve(crossing: &Crossing, snapshots: Arc<SnapshotDesk>) -> Result<String> {
    let store = Chain::open_store(&crossing.folder.path().join("desk.redb"))?;
    let patience = Patience {
        max_blocks: 0,
        cost_per_block: 0,
    };
    let chain = crossing.scene.chain.clone();
    let appeals = Arc::new(Appeals::new(chain.domain(), store.clone()));
    let desk = Arc::new(Desk::new(chain, store, patience));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let router = routes(desk, appeals, snapshots);
    tokio::spawn(http::serve(listener, router, CancellationToken::new()));
    Ok(url)
}

#[tokio::test]
async fn a_quorums_signatures_bring_an_epoch_to_the_other_chain() -> Result<()> {
    let crossing = Crossing::start().await?;
    let (relay, desk, spoke) = crossing.relay().await?;
    let url = serve(&crossing, Arc::clone(&desk)).await?;
    let [first, second] = [1, 2].map(Epoch::new);

    relay.tick().await?;
    let chain = &crossing.scene.chain;
    let published = chain.published(crossing.evidence, AsOf::Newest).await?;
    assert_eq!(published, first);
    crossing.seed(first).await?;
    assert_eq!(spoke.current_epoch().await?, first);

    crossing.pass(60).await?;
    crossing.scene.roll_epoch().await?;
    relay.tick().await?;
    let mut signers = Vec::new();
    for operator in &crossing.scene.operators[..3] {
        signers.push(crossing.signer(operator, &url)?);
    }
    // Published, but not final: nothing is signed, and nothing would be taken.
    let digest = chain
        .snapshot_digest(crossing.evidence, second, AsOf::Newest)
        .await?
        .wrap_err("published")?;
    signers[0].look().await?;
    assert!(!desk.is_open(second, digest));

    crossing.pass(FINAL_AFTER).await?;
    // It is sent again when the aggregator knows the epoch, too.
    signers[0].look().await?;
    relay.tick().await?;
    assert!(desk.is_open(second, digest));
    for signer in &mut signers[..2] {
        signer.look().await?;
    }
    relay.tick().await?;
    assert_eq!(spoke.current_epoch().await?, first, "two of four");

    // What an attacker sends is refused, with a reason.
    let [honest, other] = [0, 3].map(|index| &crossing.scene.operators[index]);
    let message = |epoch, digest: B256, operator: Address| SnapshotMessage {
        epoch,
        digest,
        operator,
        signature: honest.bls.sign(&digest).encode(),
    };
    let refused = |message: SnapshotMessage| {
        let answer = desk.take(&message);
        answer.map_err(|e| e.reason().unwrap_or_default().to_owned())
    };
    let wrong = B256::repeat_byte(9);
    let stranger = crossing.scene.stranger.address();
    for (message, code) in [
        (
            message(Epoch::new(3), digest, honest.address()),
            "unknown_snapshot",
        ),
        (message(second, wrong, honest.address()), "other_snapshot"),
        (message(second, digest, stranger), "unknown_operator"),
        (
            message(second, digest, other.address()),
            "signature_invalid",
        ),
    ] {
        assert_eq!(refused(message), Err(code.to_owned()));
    }
    assert_eq!(refused(message(second, digest, honest.address())), Ok(()));

    signers[2].look().await?;
    relay.tick().await?;
    assert_eq!(spoke.current_epoch().await?, second);
    // There is nothing more to bring.
    relay.tick().await?;
    assert_eq!(spoke.current_epoch().await?, second);
    Ok(())
}

/// A restart keeps what was acknowledged.
#[tokio::test]
async fn signatures_outlive_the_process() -> Result<()> {
    let crossing = Crossing::start().await?;
    let (relay, desk, spoke) = crossing.relay().await?;
    relay.tick().await?;
    crossing.pass(60).await?;
    crossing.scene.roll_epoch().await?;
    relay.tick().await?;
    crossing.pass(FINAL_AFTER).await?;
    relay.tick().await?;
    let second = Epoch::new(2);
    let chain = &crossing.scene.chain;
    let digest = chain
        .snapshot_digest(crossing.evidence, second, AsOf::Final)
        .await?
        .wrap_err("published")?;
    for operator in &crossing.scene.operators[1..] {
        let message = SnapshotMessage {
            epoch: second,
            digest,
            operator: operator.address(),
            signature: operator.bls.sign(&digest).encode(),
        };
        desk.take(&message).map_err(|e| eyre::eyre!(e.message))?;
    }
    let two_thirds = Threshold::TWO_THIRDS;
    let before = desk.quorum(second, two_thirds).wrap_err("a quorum")?;
    let position = chain
        .epoch_table(Epoch::new(1))
        .await?
        .row_of(crossing.scene.operators[0].address())
        .wrap_err("a member")?
        .position;
    assert_eq!(before.non_signers, [U256::ONE << position.index()]);
    drop((relay, desk, spoke));

    let (relay, desk, _) = crossing.relay().await?;
    assert_eq!(desk.quorum(second, two_thirds), None);
    relay.tick().await?;
    assert_eq!(desk.quorum(second, two_thirds), Some(before));
    Ok(())
}
