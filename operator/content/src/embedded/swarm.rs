//! Who the embedded node is connected with, and staying connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connexa::behaviour::BehaviourEvent;
use connexa::behaviour::peer_store::store::memory::MemoryStore;
use rust_ipfs::p2p::Behaviour;
use rust_ipfs::swarm::SwarmEvent;
use rust_ipfs::{DialOpts, Ipfs, PeerId, dummy, identify};

use super::AGENT;
use crate::peer::PeerAddress;
use crate::{ConnectedPeer, ContentError};

/// How long one attempt to connect may take.
const DIAL_PATIENCE: Duration = Duration::from_secs(10);

/// Pause between attempts to reach the peers that should be connected and are not.
const FIRST_REDIAL_PAUSE: Duration = Duration::from_millis(500);
const MAX_REDIAL_PAUSE: Duration = Duration::from_secs(30);

/// Longest agent name that is remembered, in bytes.
const MAX_AGENT_BYTES: usize = 64;

/// What the swarm of a node without extra behaviours tells.
type Event = SwarmEvent<BehaviourEvent<Behaviour<dummy::Behaviour>, MemoryStore>>;

/// The connected peers, kept up to date by the swarm's events.
#[derive(Debug, Clone, Default)]
pub(super) struct PeerTable {
    peers: Arc<Mutex<HashMap<PeerId, Peer>>>,
}

#[derive(Debug)]
struct Peer {
    address: String,
    /// What the peer says it runs; `None` until it said so.
    agent: Option<String>,
}

impl PeerTable {
    /// Takes notice of an event of the swarm.
    pub fn note(&self, event: &Event) {
        let mut peers = self.peers.lock().expect("no panic while locked");
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id, endpoint, ..
            } => {
                peers.entry(*peer_id).or_insert_with(|| Peer {
                    address: endpoint.get_remote_address().to_string(),
                    agent: None,
                });
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                peers.remove(peer_id);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                peer_id,
                info,
                ..
            })) => {
                if let Some(peer) = peers.get_mut(peer_id) {
                    let mut agent = info.agent_version.clone();
                    agent.truncate(agent.floor_char_boundary(MAX_AGENT_BYTES));
                    peer.agent = Some(agent);
                }
            }
            _ => {}
        }
    }

    pub fn connected(&self) -> Vec<ConnectedPeer> {
        let peers = self.peers.lock().expect("no panic while locked");
        peers
            .iter()
            .map(|(id, peer)| ConnectedPeer {
                peer_id: id.to_string(),
                address: peer.address.clone(),
            })
            .collect()
    }

    /// Whether blocks must be asked for one at a time.
    ///
    /// Kubo sends every bitswap message on a stream of its own. rust-ipfs 0.16 reads one
    /// inbound stream per connection and drops it, with what it has not read, when the
    /// next one opens: of several answers under way at once, most are lost. Its own
    /// messages share one stream, so our own software does not suffer from this.
    pub fn is_sequential(&self) -> bool {
        let ours = AGENT.split('/').next().unwrap_or(AGENT);
        let peers = self.peers.lock().expect("no panic while locked");
        peers.values().any(|peer| {
            peer.agent
                .as_deref()
                .is_none_or(|agent| agent.split('/').next() != Some(ours))
        })
    }
}

/// Connects to a peer, unless it is connected already.
pub(super) async fn dial(ipfs: &Ipfs, address: &PeerAddress) -> Result<(), ContentError> {
    let connected = ipfs
        .is_connected(address.peer)
        .await
        .map_err(|error| ContentError::node("list its connections", error))?;
    if connected {
        return Ok(());
    }
    let attempt = async {
        let options = DialOpts::peer_id(address.peer)
            .addresses(address.resolve().await?)
            .build();
        ipfs.connect(options)
            .await
            .map_err(|error| address.unreachable(error))
    };
    tokio::time::timeout(DIAL_PATIENCE, attempt)
        .await
        .map_err(|_| address.unreachable("no answer"))??;
    Ok(())
}

/// Keeps dialling the peers that should be connected.
#[derive(Debug)]
pub(super) struct Redialer {
    task: tokio::task::JoinHandle<()>,
}

impl Redialer {
    pub fn start(ipfs: Ipfs, peers: Vec<PeerAddress>) -> Self {
        Self {
            task: tokio::spawn(async move {
                futures::future::join_all(peers.into_iter().map(|peer| keep(&ipfs, peer))).await;
            }),
        }
    }

    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Redialer {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep(ipfs: &Ipfs, address: PeerAddress) {
    let mut pause = FIRST_REDIAL_PAUSE;
    loop {
        match dial(ipfs, &address).await {
            Ok(()) => pause = FIRST_REDIAL_PAUSE,
            Err(error) => {
                tracing::debug!(%address, %error, "a peer is not reachable yet");
                pause = (pause * 2).min(MAX_REDIAL_PAUSE);
            }
        }
        tokio::time::sleep(pause).await;
    }
}
