//! An IPFS node inside this process.
//!
//! The node speaks libp2p over TCP (noise, yamux) and bitswap. It takes part in no DHT,
//! asks no gateway and no bootstrap peer, and announces itself nowhere: it knows the peers
//! it was told of and those who dial it.
//!
//! ```text
//! repository folder
//!   identity.key   ed25519 identity of the node (libp2p protobuf form), owner-readable
//!   ledger.json    the files held, pins and the protected set
//!   blockstore/    one file per block
//!   datastore/     rust-ipfs's own (unused pins, lock)
//! ```

mod blocks;
mod identity;
mod store;
mod swarm;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rust_ipfs::builder::DefaultIpfsBuilder;
use rust_ipfs::p2p::IdentifyConfiguration;
use rust_ipfs::{Ipfs, Keypair, Multiaddr};
use tokio::sync::RwLock;

use self::blocks::{Busy, BusyGuard, NodeSource};
use self::swarm::{PeerTable, Redialer};
use crate::error::excerpt;
use crate::holdings::{Holdings, Reservation};
use crate::peer::PeerAddress;
use crate::{Collect, ContentError, ContentId, Quota};

/// Name and version that the node tells its peers.
pub(crate) const AGENT: &str = concat!("zarathustra/", env!("CARGO_PKG_VERSION"));

/// A quiet connection is kept this long; peers are few and chosen.
const IDLE_CONNECTION_SECONDS: u64 = 24 * 60 * 60;

/// Most connections at a time, and most with one peer (both sides may dial at once).
const MAX_CONNECTIONS: u32 = 512;
const MAX_CONNECTIONS_PER_PEER: u32 = 4;

/// How long to wait for the listeners to be ready.
const LISTEN_PATIENCE: Duration = Duration::from_secs(10);

/// How to run an [`EmbeddedNode`].
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// Folder of the node's identity, ledger and blocks; created if missing. One process
    /// at a time may use it.
    pub repo: PathBuf,
    /// Multiaddresses to listen on, for example `/ip4/127.0.0.1/tcp/4001`; port 0 lets the
    /// system choose.
    pub listen: Vec<String>,
    /// Peers to stay connected with. An unreachable one is dialled again and again.
    pub peers: Vec<PeerAddress>,
    /// Limits on disk space.
    pub quota: Quota,
    /// What may be removed when the quota is reached.
    pub collect: Collect,
}

impl EmbeddedConfig {
    /// A node that keeps its files in `repo`, listens on loopback at a port of the
    /// system's choice, dials nobody, and holds up to 10 GiB.
    pub fn loopback(repo: impl Into<PathBuf>) -> Self {
        Self {
            repo: repo.into(),
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            peers: Vec::new(),
            quota: Quota::with_limit(10 * 1024 * 1024 * 1024),
            collect: Collect::UnpinnedThenPins,
        }
    }
}

/// An IPFS node inside this process. Clones share it.
#[derive(Clone)]
pub struct EmbeddedNode {
    inner: Arc<Inner>,
}

struct Inner {
    ipfs: Ipfs,
    peers: PeerTable,
    redialer: Redialer,
    holdings: Holdings,
    busy: Busy,
    /// Whoever starts to need a block holds this for reading while saying so; the sweep
    /// holds it for writing, so that no block is deleted from under anybody.
    sweep_gate: RwLock<()>,
    /// An abandoned fetch may have left blocks that belong to no file.
    litter: Arc<AtomicBool>,
}

impl std::fmt::Debug for EmbeddedNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedNode")
            .field("peer_id", &self.peer_id())
            .finish_non_exhaustive()
    }
}

impl EmbeddedNode {
    /// Starts the node and waits until it listens.
    ///
    /// # Errors
    /// `io_failed` when the folder, identity or ledger cannot be used, `ipfs_node_failed`
    /// when another process uses the folder or an address cannot be listened on.
    pub async fn start(config: EmbeddedConfig) -> Result<Self, ContentError> {
        std::fs::create_dir_all(&config.repo)
            .map_err(|error| ContentError::io("create", &config.repo, &error))?;
        let keypair = identity::load_or_create(&config.repo.join("identity.key"))?;
        let listen = parse_listen(&config.listen)?;

        let peers = PeerTable::default();
        // The builder cannot move between threads, so it gets one for itself.
        let ipfs = tokio::task::spawn_blocking({
            let (repo, peers) = (config.repo.clone(), peers.clone());
            move || start_ipfs(&keypair, &repo, peers)
        })
        .await
        .map_err(|error| ContentError::node("start", error))??;
        // Only after the lock on the folder was taken.
        let ledger = config.repo.join("ledger.json");
        let holdings = Holdings::open(&ledger, config.quota, config.collect)?;
        listen_on(&ipfs, listen).await?;

        let redialer = Redialer::start(ipfs.clone(), config.peers);
        let node = Self {
            inner: Arc::new(Inner {
                ipfs,
                peers,
                redialer,
                holdings,
                busy: Busy::default(),
                sweep_gate: RwLock::new(()),
                // A crash may have left some.
                litter: Arc::new(AtomicBool::new(true)),
            }),
        };
        node.inner.sweep_if_littered().await?;
        Ok(node)
    }

    /// The node's peer identity.
    pub fn peer_id(&self) -> String {
        self.inner.ipfs.keypair().public().to_peer_id().to_string()
    }

    /// One block, checked against its CID, from here or from peers. Belongs to no file:
    /// the next sweep removes it unless a file that is held contains it.
    ///
    /// # Errors
    /// As [`ContentStore::fetch`], about the single block.
    pub async fn block(&self, id: ContentId, deadline: Instant) -> Result<Bytes, ContentError> {
        let guard = self.inner.guard();
        let source = NodeSource::new(&self.inner, &guard, id);
        source.block_until(id, deadline).await
    }

    /// One block, if it is here.
    ///
    /// # Errors
    /// `content_unavailable`, and failures of the node.
    pub async fn local_block(&self, id: ContentId) -> Result<Bytes, ContentError> {
        match self.inner.ipfs.repo().get_block_now(id.to_cid()).await {
            Ok(Some(block)) => Ok(block.inner_data().clone()),
            Ok(None) => Err(ContentError::Unavailable {
                block: id,
                reason: "it is not here".to_owned(),
            }),
            Err(error) => Err(ContentError::node("read a block", error)),
        }
    }

    /// Stops the node: no more listening, dialling or serving. Calls that are under way
    /// fail. The folder is free for another process soon after the last clone is dropped.
    pub async fn shutdown(&self) {
        self.inner.redialer.stop();
        self.inner.ipfs.clone().exit_daemon().await;
    }
}

/// Starts libp2p and bitswap. Blocks until they run.
///
/// Being a plain function has a second merit: the body of an `async fn`, and with it all of
/// libp2p, would be compiled anew in every crate that starts a node.
fn start_ipfs(keypair: &Keypair, repo: &Path, peers: PeerTable) -> Result<Ipfs, ContentError> {
    let builder = DefaultIpfsBuilder::with_keypair(keypair)
        .map_err(|error| ContentError::node("use its identity", error))?
        .set_path(repo)
        .enable_tcp()
        .with_bitswap()
        .with_identify(IdentifyConfiguration {
            agent_version: AGENT.to_owned(),
            ..Default::default()
        })
        .with_ping(Default::default())
        .set_idle_connection_timeout(IDLE_CONNECTION_SECONDS)
        .set_connection_limits(|limits| {
            limits
                .with_max_established(Some(MAX_CONNECTIONS))
                .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER))
        })
        .swarm_events(move |_, event| peers.note(event));
    tokio::runtime::Handle::current()
        .block_on(builder.start())
        .map_err(|error| ContentError::node("start", error))
}

fn parse_listen(addresses: &[String]) -> Result<Vec<Multiaddr>, ContentError> {
    addresses
        .iter()
        .map(|address| {
            address
                .parse::<Multiaddr>()
                .map_err(|error| ContentError::AddressMalformed {
                    address: excerpt(address),
                    reason: excerpt(&error.to_string()),
                })
        })
        .collect()
}

async fn listen_on(ipfs: &Ipfs, addresses: Vec<Multiaddr>) -> Result<(), ContentError> {
    for address in addresses {
        let started = ipfs.add_listening_address(address.clone());
        tokio::time::timeout(LISTEN_PATIENCE, started)
            .await
            .map_err(|_| ContentError::Timeout {
                during: format!("starting to listen on {address}"),
            })?
            .map_err(|error| ContentError::node("listen", format!("{address}: {error}")))?;
    }
    Ok(())
}

impl Inner {
    fn guard(&self) -> BusyGuard<'_> {
        self.busy.guard(Arc::clone(&self.litter))
    }

    /// Makes room for a file that is about to be stored.
    async fn reserve(&self, bytes: u64) -> Result<Reservation<'_>, ContentError> {
        self.sweep_if_littered().await?;
        let (reservation, victims) = self.holdings.reserve(bytes).await?;
        if !victims.is_empty() {
            self.sweep().await?;
        }
        Ok(reservation)
    }

    async fn sweep_if_littered(&self) -> Result<(), ContentError> {
        if self.litter.swap(false, Ordering::AcqRel) {
            self.sweep().await?;
        }
        Ok(())
    }
}
