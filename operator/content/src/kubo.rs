//! A node of the operator's own, reached through the Kubo RPC API.
//!
//! The node finds, keeps and serves blocks. It is not believed: every block it hands over
//! is hashed here, and the CID it gives to an added file is compared with our own. The
//! quota and the pins are those that *this client* made; what else the node holds is its
//! operator's business, and so is its garbage collection.

use std::future::Future;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use ipfs_api_backend_hyper::request::{self, Add, ApiRequest};
use ipfs_api_backend_hyper::{Error as ApiError, IpfsApi, IpfsClient, TryFromUri};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::assemble::{BlockSource, FileAssembler, check_block_length, complete};
use crate::error::excerpt;
use crate::file::{CHUNK_BYTES, file_id};
use crate::holdings::{Holdings, Reservation};
use crate::peer::PeerAddress;
use crate::{
    Collect, ConnectedPeer, ContentError, ContentId, ContentStore, Held, NodeIdentity, Quota, Usage,
};

/// How long the node may take over a call that comes without a deadline.
const PATIENCE: Duration = Duration::from_secs(60);

/// Blocks asked for at a time.
const WINDOW: usize = 8;

/// Longest host and port that is read, in bytes: the longest DNS name and a port.
const MAX_AUTHORITY_BYTES: usize = 260;

/// How to reach a node.
#[derive(Debug, Clone)]
pub struct KuboConfig {
    /// The node's RPC address, for example `http://127.0.0.1:5001`. The API gives full
    /// control of the node and has no password of its own: keep it on loopback or behind
    /// something that has.
    pub url: String,
    /// File in which this client remembers what it pinned on the node.
    pub ledger: PathBuf,
    /// Limits on what this client keeps on the node.
    pub quota: Quota,
    /// What may be unpinned when the quota is reached.
    pub collect: Collect,
}

/// A client of a Kubo node, or of [`serve`](crate::serve).
pub struct KuboClient {
    api: IpfsClient,
    url: String,
    holdings: Holdings,
}

impl std::fmt::Debug for KuboClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KuboClient")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl KuboClient {
    /// Prepares a client; the node is not called yet.
    ///
    /// # Errors
    /// `rpc_url_malformed`, or `io_failed` for the ledger.
    pub fn new(config: &KuboConfig) -> Result<Self, ContentError> {
        let url = checked_url(&config.url)?;
        let api = IpfsClient::from_str(&url).map_err(|error| ContentError::UrlMalformed {
            url: excerpt(&config.url),
            reason: error.to_string(),
        })?;
        if let Some(folder) = config.ledger.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| ContentError::io("create", folder, &error))?;
        }
        Ok(Self {
            api,
            url,
            holdings: Holdings::open(&config.ledger, config.quota, config.collect)?,
        })
    }

    /// Version of the node's software, which shows that it answers.
    ///
    /// # Errors
    /// `rpc_failed` and `timeout`.
    pub async fn version(&self) -> Result<String, ContentError> {
        let version = call("tell its version", self.api.version()).await?;
        Ok(version.version)
    }

    /// Makes room for a file, unpinning others on the node where that is needed.
    async fn reserve(&self, bytes: u64) -> Result<Reservation<'_>, ContentError> {
        let (reservation, victims) = self.holdings.reserve(bytes).await?;
        for victim in victims {
            if !victim.pinned {
                continue;
            }
            if let Err(error) = self.pin_rm(victim.id).await {
                // Remember it, or it would stay on the node for ever.
                self.holdings.record(victim.id, victim.bytes, true).await?;
                return Err(error);
            }
        }
        Ok(reservation)
    }

    async fn pin_rm(&self, id: ContentId) -> Result<(), ContentError> {
        let answer = timely("unpin a file", self.api.pin_rm(&id.to_string(), true)).await?;
        match answer {
            Ok(_) => Ok(()),
            // Somebody else unpinned it: what was wanted is so.
            Err(ApiError::Api(error)) if error.message.contains("not pinned") => Ok(()),
            Err(error) => Err(failed("unpin a file", &error)),
        }
    }
}

/// The URL in the form that the client library can take. It panics on others, so the check
/// is ours: `http`, a host, perhaps a port, nothing else.
fn checked_url(url: &str) -> Result<String, ContentError> {
    let malformed = |reason: &str| ContentError::UrlMalformed {
        url: excerpt(url),
        reason: reason.to_owned(),
    };
    let authority = url
        .strip_prefix("http://")
        .ok_or_else(|| malformed("does not begin with http://"))?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority = authority.strip_suffix("/api/v0").unwrap_or(authority);
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if authority.is_empty()
        || authority.len() > MAX_AUTHORITY_BYTES
        || !authority.chars().all(plain)
    {
        return Err(malformed(
            "expected a host and a port, without path or credentials",
        ));
    }
    // Colons of an IPv6 address stand between brackets.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(malformed("there is no host"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(malformed("the port is not a number up to 65535"));
    }
    Ok(format!("http://{authority}"))
}

async fn timely<T>(
    during: &'static str,
    answer: impl Future<Output = T>,
) -> Result<T, ContentError> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|_| ContentError::Timeout {
            during: format!("waiting for the IPFS node to {during}"),
        })
}

async fn call<T>(
    during: &'static str,
    answer: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ContentError> {
    timely(during, answer)
        .await?
        .map_err(|error| failed(during, &error))
}

fn failed(during: &'static str, error: &ApiError) -> ContentError {
    ContentError::Rpc {
        during,
        reason: excerpt(&error.to_string()),
    }
}

/// The answer to `id`. The library's own type insists on members that newer versions of
/// Kubo no longer send; so does its type for `swarm/peers`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct IdAnswer {
    #[serde(rename = "ID")]
    id: String,
    addresses: Option<Vec<String>>,
    agent_version: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PeersAnswer {
    peers: Option<Vec<PeerAnswer>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PeerAnswer {
    addr: String,
    peer: String,
}

/// Sends a request and reads the answer as a type of ours.
async fn ask<A, Q, T>(api: &A, request: Q) -> Result<T, A::Error>
where
    A: IpfsApi + Sync,
    Q: ApiRequest,
    T: DeserializeOwned + Send + 'static,
{
    api.request(request, None).await
}

/// Finds blocks through the node.
struct RpcSource<'a> {
    client: &'a KuboClient,
    root: ContentId,
    reservation: Mutex<Option<Reservation<'a>>>,
}

#[async_trait]
impl BlockSource for RpcSource<'_> {
    async fn block(&self, id: ContentId) -> Result<Bytes, ContentError> {
        let mut stream = self.client.api.block_get(&id.to_string());
        let mut block = BytesMut::new();
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| match error {
                ApiError::Api(error) => ContentError::Unavailable {
                    block: id,
                    reason: excerpt(&error.message),
                },
                error => failed("send a block", &error),
            })?;
            // Before copying: an endless answer must not fill the memory.
            check_block_length(id, (block.len() + piece.len()) as u64)?;
            block.extend_from_slice(&piece);
        }
        Ok(block.freeze())
    }

    async fn admit(&self, content_bytes: u64) -> Result<(), ContentError> {
        if self.client.holdings.touch(self.root).await {
            return Ok(());
        }
        let reservation = self.client.reserve(content_bytes).await?;
        *self.reservation.lock().expect("no panic while locked") = Some(reservation);
        Ok(())
    }

    fn window(&self) -> usize {
        WINDOW
    }
}

impl KuboClient {
    /// Finds all blocks of a file and takes it into the ledger.
    async fn find(
        &self,
        id: ContentId,
        assembler: FileAssembler,
        deadline: Instant,
    ) -> Result<FileAssembler, ContentError> {
        let source = RpcSource {
            client: self,
            root: id,
            reservation: Mutex::new(None),
        };
        let file = complete(&source, assembler, deadline).await?;
        self.holdings
            .record(id, file.assembled_bytes(), false)
            .await?;
        Ok(file)
    }
}

#[async_trait]
impl ContentStore for KuboClient {
    async fn add(&self, file: &[u8]) -> Result<ContentId, ContentError> {
        let id = file_id(file);
        let bytes = file.len() as u64;
        let _reservation = match self.holdings.touch(id).await {
            true => None,
            false => Some(self.reserve(bytes).await?),
        };
        // The layout behind `file_id`, whatever the node's own defaults are.
        let chunker = format!("size-{CHUNK_BYTES}");
        let options = Add {
            chunker: Some(&chunker),
            cid_version: Some(1),
            raw_leaves: Some(true),
            pin: Some(true),
            ..Default::default()
        };
        let body = Cursor::new(file.to_vec());
        let answer = call("add a file", self.api.add_with_options(body, options)).await?;
        if answer.hash.parse() != Ok(id) {
            return Err(ContentError::Rpc {
                during: "add a file",
                reason: format!(
                    "it names the file {}, which is not {id}; are its import settings special?",
                    excerpt(&answer.hash)
                ),
            });
        }
        self.holdings.record(id, bytes, true).await?;
        Ok(id)
    }

    async fn fetch(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, ContentError> {
        let assembler = FileAssembler::new(id, max_bytes);
        self.find(id, assembler, deadline).await?.into_file()
    }

    async fn hold(
        &self,
        id: ContentId,
        max_bytes: u64,
        deadline: Instant,
    ) -> Result<u64, ContentError> {
        if let Some(bytes) = self.holdings.use_held(id, max_bytes).await? {
            return Ok(bytes);
        }
        let assembler = FileAssembler::new(id, max_bytes).without_bytes();
        let checked = self.find(id, assembler, deadline).await?;
        Ok(checked.assembled_bytes())
    }

    async fn pin(&self, id: ContentId) -> Result<(), ContentError> {
        // Only what was checked here: asked to pin, the node would fetch a tree of any size.
        let Some(held) = self.holdings.get(id).await else {
            return Err(ContentError::NotHeld { id });
        };
        call("pin a file", self.api.pin_add(&id.to_string(), true)).await?;
        self.holdings.record(id, held.bytes, true).await
    }

    async fn unpin(&self, id: ContentId) -> Result<(), ContentError> {
        if self.holdings.get(id).await.is_some_and(|held| held.pinned) {
            self.pin_rm(id).await?;
        }
        self.holdings.unpin(id).await
    }

    async fn set_protected(&self, id: ContentId, protected: bool) -> Result<(), ContentError> {
        self.holdings.set_protected(id, protected).await
    }

    async fn held(&self) -> Result<Vec<Held>, ContentError> {
        Ok(self.holdings.held().await)
    }

    async fn usage(&self) -> Result<Usage, ContentError> {
        Ok(self.holdings.usage().await)
    }

    async fn connect(&self, address: &str) -> Result<(), ContentError> {
        let address: PeerAddress = address.parse()?;
        let text = address.to_string();
        match timely("connect to a peer", self.api.swarm_connect(&text)).await? {
            Ok(_) => Ok(()),
            Err(ApiError::Api(error)) => Err(address.unreachable(error.message)),
            Err(error) => Err(failed("connect to a peer", &error)),
        }
    }

    async fn identity(&self) -> Result<NodeIdentity, ContentError> {
        let request = ask(&self.api, request::Id { peer: None });
        let id: IdAnswer = call("tell its identity", request).await?;
        Ok(NodeIdentity {
            peer_id: id.id,
            addresses: id.addresses.unwrap_or_default(),
            agent: id.agent_version.unwrap_or_default(),
        })
    }

    async fn peers(&self) -> Result<Vec<ConnectedPeer>, ContentError> {
        let request = ask(&self.api, request::SwarmPeers);
        let answer: PeersAnswer = call("list its peers", request).await?;
        Ok(answer
            .peers
            .unwrap_or_default()
            .into_iter()
            .map(|peer| ConnectedPeer {
                peer_id: peer.peer,
                address: peer.addr,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_before_the_library_sees_them() {
        for (given, kept) in [
            ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
            ("http://127.0.0.1:5001/", "http://127.0.0.1:5001"),
            (
                "http://ipfs.example:5001/api/v0",
                "http://ipfs.example:5001",
            ),
            ("http://[::1]:5001", "http://[::1]:5001"),
            ("http://[::1]", "http://[::1]"),
            ("http://localhost", "http://localhost"),
            ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ] {
            assert_eq!(checked_url(given).as_deref(), Ok(kept));
        }
        for bad in [
            "",
            "127.0.0.1:5001",
            "https://127.0.0.1:5001",
            "http://",
            "http://user:secret@host:5001",
            "http://host:5001/other?x=1",
            "/ip4/127.0.0.1/tcp/5001",
            "http://127.0.0.1:65536",
            "http://[::1]:99999",
            "http://host:port",
            "http://host:",
            "http://:5001",
        ] {
            let error = checked_url(bad).expect_err("refused");
            assert_eq!(error.code(), "rpc_url_malformed", "{bad}");
        }
        // Whatever passes the check must not make the library panic.
        for odd in [
            "http://:",
            "http://]",
            "http://a:b:c",
            "http://[",
            "http://a:999999",
            "http://-",
        ] {
            let folder = tempfile::tempdir().expect("folder");
            let config = KuboConfig {
                url: odd.to_owned(),
                ledger: folder.path().join("ledger.json"),
                quota: Quota::with_limit(1),
                collect: Collect::Unpinned,
            };
            if let Err(error) = KuboClient::new(&config) {
                assert_eq!(error.code(), "rpc_url_malformed", "{odd}");
            }
        }
    }
}
