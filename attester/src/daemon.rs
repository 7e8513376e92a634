//! The process: settings to parts, parts to supervised tasks.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use clap::Parser;
use eyre::{Context, Result};
use futures::StreamExt;
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use zarathustra_chain::{Chain, ChainError};
use zarathustra_improve::{Improve, ImproveParts, StartError, Watch};
use zarathustra_node::{Health, Metrics, Supervisor, failure::CodeOf, http, logs, settings};
use zarathustra_retain::{Probe, Retain, RetainParts};
use zarathustra_signer::{Keyring, OpenError, Signer};
use zarathustra_wire::AggregatorClient;

use crate::{Evaluated, Operator, OperatorParts, Settings, SnapshotSigner};

/// Time that tasks get to stop.
const GRACE: Duration = Duration::from_secs(10);
/// Pause after a connection to an aggregator broke.
const RECONNECT_EVERY: Duration = Duration::from_secs(2);
/// Time between two looks at the snapshots of epochs, of which there is one in hours.
const SNAPSHOTS_EVERY: Duration = Duration::from_secs(12);
/// Least time between two ticks, however often an aggregator announces something.
const MIN_TICK: Duration = Duration::from_millis(20);

/// The errors that keep an operator's daemon from starting and have a code.
pub const CODES: &[CodeOf] = &[
    |cause| cause.downcast_ref().map(ChainError::code),
    |cause| cause.downcast_ref().map(OpenError::code),
    |cause| cause.downcast_ref().map(StartError::code),
];

/// What a role does beyond attesting, after each tick.
pub trait Duty: Send + 'static {
    /// Acts on the tasks that are open for claims.
    fn act<'a>(
        &'a mut self,
        operator: &'a mut Operator,
        open: &'a [Evaluated],
    ) -> impl Future<Output = ()> + Send + 'a;
}

/// The attester's: nothing more.
#[derive(Debug)]
pub struct NoDuty;

impl Duty for NoDuty {
    async fn act<'a>(&'a mut self, _operator: &'a mut Operator, _open: &'a [Evaluated]) {}
}

/// Flags of an operator's daemon.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Daemon {
    /// Settings file (TOML).
    #[arg(long, short, env = "ZARATHUSTRA_SETTINGS_FILE")]
    settings: PathBuf,
    /// Override of a setting, such as `chain.poll_ms=500`. May be repeated.
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    set: Vec<String>,
}

impl Daemon {
    /// Loads the settings as file, environment and flags say.
    ///
    /// # Errors
    /// [`settings::SettingsError`].
    pub fn settings(&self) -> Result<Settings, settings::SettingsError> {
        settings::load(Some(&self.settings), settings::environment(), &self.set)
    }
}

/// Runs an operator's daemon until it is told to stop.
///
/// # Errors
/// Everything that keeps it from starting or makes it stop.
pub async fn run(role: &'static str, settings: Settings, duty: impl Duty) -> Result<()> {
    logs::start(&settings.log)?;
    std::fs::create_dir_all(&settings.data_dir)
        .wrap_err_with(|| format!("create the data folder {}", settings.data_dir.display()))?;
    let store = Chain::open_store(&settings.data_dir.join("state.redb"))?;
    let keys = &settings.keys;
    let signer = Signer::open(
        &keys.ecdsa,
        &keys.bls,
        &keys.password_file,
        &settings.data_dir.join("journal.redb"),
    )
    .wrap_err("open the keys and the journal")?;
    let previous = match &keys.previous {
        Some(old) => Some(
            signer
                .beside(&old.ecdsa, &old.bls, &old.password_file)
                .wrap_err("open the keys before the rotation")?,
        ),
        None => None,
    };
    let chain = settings
        .chain
        .connect_with(signer.wallet().clone(), store.clone())
        .await?;
    let domain = chain.domain();
    let keys = Arc::new(Keyring::new(
        signer.bind(domain),
        previous.map(|previous| previous.bind(domain)),
    ));

    let metrics = Metrics::new(role)?;
    let health = Health::default();
    health.declare("chain", "Chain", "Follows the chain");
    health.declare(
        "content",
        "Content",
        "Fetches, pins and serves files on IPFS",
    );

    let mut supervisor = Supervisor::new(GRACE);
    let stop = supervisor.stop_token();

    let listener = TcpListener::bind(settings.http.listen)
        .await
        .wrap_err_with(|| format!("listen on {}", settings.http.listen))?;
    let listen = listener.local_addr()?;
    supervisor.spawn(
        "http",
        http::serve(
            listener,
            http::pages(&settings.name, health.clone(), metrics.clone()),
            stop.clone(),
        ),
    );

    let improve = Improve::start(ImproveParts {
        chain: chain.clone(),
        store: store.clone(),
        content: settings.content.clone(),
        data_dir: settings.data_dir.clone(),
        workers: settings
            .evaluation
            .workers
            .iter()
            .cloned()
            .map(Into::into)
            .collect(),
        cache_dir: settings.evaluation.cache_dir.clone(),
        cache_key: settings.evaluation.cache_key.clone(),
        memory_bytes: settings.evaluation.memory_bytes,
        wall: Duration::from_secs(settings.evaluation.wall_seconds),
        concurrent: settings.evaluation.concurrent,
        allow_unsandboxed: settings.evaluation.allow_unsandboxed,
    })
    .await
    .wrap_err("start the content node and find the workers")?;
    health.up("content");
    let folder = settings.data_dir.join("retain");
    let retain = Retain::start(RetainParts {
        chain: chain.clone(),
        probe: Probe::new(
            Arc::clone(improve.content().store()),
            settings.content.peers.clone(),
            folder.join("probes"),
            Duration::from_secs(settings.content.fetch_seconds),
        ),
        folder: folder.join("files"),
        memory_bytes: settings.evaluation.memory_bytes,
    })
    .wrap_err_with(|| format!("empty the folder {}", folder.display()))?;

    let aggregators = settings
        .aggregators
        .iter()
        .map(|url| AggregatorClient::new(url))
        .collect::<Result<Vec<_>, _>>()?;
    let wake = Arc::new(Notify::new());
    for aggregator in aggregators.clone() {
        supervisor.spawn(
            "announcements",
            listen_to(aggregator, Arc::clone(&wake), stop.clone()),
        );
    }

    let recovered = chain.sender()?.recover().await?;
    info!(
        role,
        name = settings.name,
        operator = %settings.operator,
        %listen,
        content = %improve.addresses(),
        environments = %improve.workers(),
        aggregators = aggregators.len(),
        recovered_transactions = recovered,
        "started"
    );

    let snapshots = SnapshotSigner::new(
        chain.clone(),
        Arc::clone(&keys),
        settings.operator,
        aggregators.clone(),
    );
    supervisor.spawn("snapshots", snapshots.run(SNAPSHOTS_EVERY, stop.clone()));
    let operator = Operator::open(OperatorParts {
        role,
        address: settings.operator,
        chain: chain.clone(),
        store,
        data_dir: settings.data_dir.clone(),
        confirmations: settings.chain.confirmations,
        kinds: vec![Arc::new(improve.clone()), Arc::new(retain)],
        keys,
        aggregators,
        metrics: metrics.clone(),
        health: health.clone(),
    })?;
    if settings.housekeeping {
        let housekeeper = zarathustra_improve::Housekeeper::new(chain.clone());
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
    supervisor.spawn("champions", improve.clone().tend_champions(stop.clone()));
    let watch = Watch {
        chain,
        content: improve.content().clone(),
        low_balance_gwei: settings.chain.low_balance_gwei,
        metrics,
    };
    supervisor.spawn("warnings", watch.run(stop.clone()));
    supervisor.spawn(
        "tasks",
        follow(operator, duty, settings.chain.poll_every(), wake, stop),
    );
    supervisor.run().await?;
    info!("stopped");
    Ok(())
}

/// Ticks until told to stop: every so often, and at once when an aggregator announces something.
async fn follow(
    mut operator: Operator,
    mut duty: impl Duty,
    every: Duration,
    wake: Arc<Notify>,
    stop: CancellationToken,
) -> Result<(), ChainError> {
    loop {
        match operator.tick().await {
            Ok(open) => duty.act(&mut operator, &open).await,
            // A read that reverts met a state that another read did not.
            Err(error) if error.is_transient() || error.revert_name().is_some() => {
                operator.parts().health.down("chain", error.code());
                warn!(code = error.code(), %error, "the chain cannot be read; trying again");
            }
            Err(error) => {
                error!(code = error.code(), %error, "the chain cannot be followed");
                return Err(error);
            }
        }
        sleep(MIN_TICK).await;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(every) => {}
            () = wake.notified() => {}
        }
    }
}

/// Keeps listening to an aggregator's announcements, which only make the next tick come sooner.
async fn listen_to(
    aggregator: AggregatorClient,
    wake: Arc<Notify>,
    stop: CancellationToken,
) -> Result<(), std::convert::Infallible> {
    while !stop.is_cancelled() {
        let listening = async {
            if let Ok(mut announcements) = aggregator.announcements().await {
                while announcements.next().await.is_some() {
                    wake.notify_one();
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = listening => {
                // Either outcome ends the wait; what matters is that time passed.
                drop(timeout(RECONNECT_EVERY, stop.cancelled()).await);
            }
        }
    }
    Ok(())
}
