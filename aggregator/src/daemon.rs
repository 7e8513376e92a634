//! The process: settings to parts, parts to supervised tasks.

use std::{sync::Arc, time::Duration};

use eyre::{Context, Result};
use tokio::net::TcpListener;
use tracing::info;
use zarathustra_chain::Chain;
use zarathustra_improve::{ContentHandle, Housekeeper, Watch};
use zarathustra_node::{Health, Metrics, Supervisor, http, logs};

use crate::{Desk, Settings, routes, submitter::Submitter};

/// Time that tasks get to stop.
const GRACE: Duration = Duration::from_secs(10);

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
    let chain = settings.chain.connect_with(wallet, store.clone()).await?;
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
    let mut supervisor = Supervisor::new(GRACE);
    let stop = supervisor.stop_token();
    let listener = TcpListener::bind(settings.http.listen)
        .await
        .wrap_err_with(|| format!("listen on {}", settings.http.listen))?;
    let listen = listener.local_addr()?;
    let router = routes(Arc::clone(&desk)).merge(http::pages(
        &settings.name,
        health.clone(),
        metrics.clone(),
    ));
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
        content,
        settings.chain.confirmations,
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
