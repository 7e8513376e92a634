//! The process: settings to parts, parts to supervised tasks.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use alloy::{primitives::U256, signers::local::PrivateKeySigner};
use eyre::{Context, Result, ensure};
use tokio::net::TcpListener;
use tracing::info;
use zarathustra_chain::{Chain, OtherChain, Spoke};
use zarathustra_improve::{ContentHandle, Housekeeper, Watch};
use zarathustra_node::{Health, Metrics, Supervisor, http, logs};

use crate::{Appeals, Desk, Settings, SnapshotDesk, relay::Relay, routes, submitter::Submitter};

/// Time that tasks get to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Time between two looks at snapshots of epochs, of which there is one in hours.
const SNAPSHOTS_EVERY: Duration = Duration::from_secs(12);

/// Runs an aggregator until it is told to stop.
///
/// # Errors
/// Everything that keeps it from starting or makes it stop.
pub async fn run(settings: Settings) -> Result<()> {
    logs::start(&settings.log)?;
    std::fs::create_dir_all(&settings.data_dir)
        .wrap_err_with(|| format!("create the data folder {}", settings.data_dir.display()))?;
    let store = Chain::open_store(&settings.data_dir.join("state.redb"))?;
    let wallet =
        zarathustra_signer::open_wallet(&settings.keys.ecdsa, &settings.keys.password_file)
            .wrap_err("open the key that sends transactions")?;
    let chain = settings
        .chain
        .connect_with(wallet.clone(), store.clone())
        .await?;
    let metrics = Metrics::new("aggregator")?;
    let health = Health::default();
    health.declare("chain", "Chain", "Follows the chain");
    health.declare("content", "Content", "Pins the evidence of claims");
    health.declare("aggregation", "Aggregation", "Takes claims and votes");

    let content = ContentHandle::start(&settings.content, &settings.data_dir.join("ipfs"))
        .await
        .wrap_err("start the content node")?;
    health.up("content");

    let desk = Arc::new(Desk::new(
        chain.clone(),
        store.clone(),
        settings.policy.patience(),
    ));
    let appeals = Arc::new(Appeals::new(chain.domain(), store.clone()));
    let snapshots = Arc::new(SnapshotDesk::new(store.clone()));
    let mut supervisor = Supervisor::new(GRACE);
    let stop = supervisor.stop_token();
    let listener = TcpListener::bind(settings.http.listen)
        .await
        .wrap_err_with(|| format!("listen on {}", settings.http.listen))?;
    let listen = listener.local_addr()?;
    let router = routes(
        Arc::clone(&desk),
        Arc::clone(&appeals),
        Arc::clone(&snapshots),
    )
    .merge(http::pages(&settings.name, health.clone(), metrics.clone()));
    supervisor.spawn("http", http::serve(listener, router, stop.clone()));
    health.up("aggregation");

    let recovered = chain.sender()?.recover().await?;
    let identity = content.store().identity().await?;
    info!(
        role = "aggregator",
        name = settings.name,
        account = %chain.sender()?.address(),
        %listen,
        content = %identity.addresses.join(","),
        recovered_transactions = recovered,
        "started"
    );
    if settings.housekeeping {
        let housekeeper = Housekeeper::new(chain.clone());
        supervisor.spawn(
            "housekeeping",
            housekeeper.run(settings.chain.poll_every(), stop.clone()),
        );
        let retentions = zarathustra_retain::Housekeeper::new(chain.clone());
        supervisor.spawn(
            "retentions",
            retentions.run(settings.chain.poll_every(), stop.clone()),
        );
    }
    let relay = Relay::new(
        chain.clone(),
        snapshots,
        settings.snapshots.publish,
        spokes(&settings, &chain, &wallet).await?,
        metrics.clone(),
    );
    supervisor.spawn("snapshots", relay.run(SNAPSHOTS_EVERY, stop.clone()));
    let watch = Watch {
        chain: chain.clone(),
        content: content.clone(),
        low_balance_gwei: settings.chain.low_balance_gwei,
        metrics: metrics.clone(),
    };
    supervisor.spawn("warnings", watch.run(stop.clone()));
    let submitter = Submitter::open(
        chain,
        store,
        desk,
        appeals,
        content,
        settings.chain.confirmations,
        settings.policy.supplements.into(),
        settings.policy.misses(),
        metrics,
        health,
    )?;
    supervisor.spawn(
        "certificates",
        submitter.run(settings.chain.poll_every(), stop),
    );
    supervisor.run().await?;
    info!("stopped");
    Ok(())
}

/// Connects to the Spokes of the settings, and checks that they are this market's. Those on one
/// chain share a node and a journal: one key has one nonce there.
async fn spokes(
    settings: &Settings,
    chain: &Chain,
    wallet: &PrivateKeySigner,
) -> Result<Vec<Spoke>> {
    let here = chain.addresses();
    let mut chains: BTreeMap<u64, OtherChain> = BTreeMap::new();
    let mut spokes = Vec::new();
    for spoke in &settings.snapshots.spokes {
        let (_, chain_id) = zarathustra_chain::connect(&spoke.rpc_url)
            .await
            .wrap_err_with(|| format!("reach the chain of the Spoke {}", spoke.address))?;
        ensure!(
            chain_id != here.chain_id,
            "the Spoke {} is on the market's own chain",
            spoke.address
        );
        let other = match chains.entry(chain_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let name = format!("spoke-chain-{chain_id}.redb");
                let store = Chain::open_store(&settings.data_dir.join(name))?;
                let (wallet, policy) = (wallet.clone(), spoke.fee_policy());
                let other = OtherChain::connect(&spoke.rpc_url, wallet, store, policy).await?;
                other.sender().recover().await?;
                place.insert(other)
            }
        };
        let found = other.spoke(spoke.address);
        let home = found
            .home()
            .await
            .wrap_err_with(|| format!("ask {} for its home", spoke.address))?;
        ensure!(
            home.chainId == U256::from(here.chain_id)
                && home.registry == here.avs_governance
                && home.center == here.attestation_center,
            "the Spoke {} is of another market",
            spoke.address
        );
        spokes.push(found);
    }
    Ok(spokes)
}
