//! The commands of the RPC API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::MultipartRejection;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Multipart, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::Deserialize;
use tokio::sync::SemaphorePermit;

use super::Service;
use super::answer::{
    Added, BlockStat, Id, Peer, Peers, PinKind, PinList, Pins, Refusal, RepoStat, Strings, Version,
};
use crate::{CHUNK_BYTES, ContentError, ContentId, ContentStore};

type Shared = State<Arc<Service>>;
type Arguments<T> = Result<Query<T>, QueryRejection>;

const PIN_KIND: &str = "recursive";

/// Arguments of a command about one CID.
#[derive(Debug, Deserialize)]
pub(super) struct About {
    arg: String,
    /// Look here only.
    #[serde(default)]
    offline: bool,
    recursive: Option<bool>,
}

impl About {
    /// The CID, alone or as `/ipfs/CID`.
    fn id(&self) -> Result<ContentId, Refusal> {
        let text = self.arg.strip_prefix("/ipfs/").unwrap_or(&self.arg);
        Ok(text.parse::<ContentId>()?)
    }

    fn recursive_id(&self) -> Result<ContentId, Refusal> {
        if self.recursive == Some(false) {
            return Err(Refusal::argument("only whole files are pinned (recursive)"));
        }
        self.id()
    }
}

fn arguments<T>(query: Arguments<T>) -> Result<T, Refusal> {
    match query {
        Ok(Query(arguments)) => Ok(arguments),
        Err(rejection) => Err(Refusal::argument(rejection.body_text())),
    }
}

impl Service {
    /// A place in memory for one file. Callers wait for theirs.
    async fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.files_in_memory
            .acquire()
            .await
            .map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down"))
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.config.patience
    }

    /// A whole file, from here and, unless `offline`, from peers.
    async fn read(&self, id: ContentId, offline: bool) -> Result<Vec<u8>, Refusal> {
        if offline && !self.node.held().await?.iter().any(|held| held.id == id) {
            return Err(Refusal::from(ContentError::NotHeld { id }));
        }
        let max_bytes = self.config.max_file_bytes;
        Ok(self.node.fetch(id, max_bytes, self.deadline()).await?)
    }

    async fn find_block(&self, about: &About) -> Result<Bytes, Refusal> {
        let id = about.id()?;
        Ok(if about.offline {
            self.node.local_block(id).await?
        } else {
            self.node.block(id, self.deadline()).await?
        })
    }
}

pub(super) async fn version() -> Json<Version> {
    Json(Version {
        version: env!("CARGO_PKG_VERSION"),
        commit: "",
        repo: "",
        system: format!("{}/{}", std::env::consts::ARCH, std::env::consts::OS),
    })
}

pub(super) async fn id(State(service): Shared) -> Result<Json<Id>, Refusal> {
    let identity = service.node.identity().await?;
    Ok(Json(Id {
        id: identity.peer_id,
        public_key: String::new(),
        addresses: identity.addresses,
        agent_version: identity.agent,
        protocol_version: "ipfs/0.1.0",
        protocols: vec!["/ipfs/bitswap/1.2.0".to_owned()],
    }))
}

pub(super) async fn repo_stat(State(service): Shared) -> Result<Json<RepoStat>, Refusal> {
    let usage = service.node.usage().await?;
    Ok(Json(RepoStat {
        num_objects: usage.files as u64,
        repo_size: usage.used_bytes,
        storage_max: usage.quota.limit_bytes,
        repo_path: "",
        version: "",
    }))
}

/// Arguments of `add` that change the CID or what happens to the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AddOptions {
    cid_version: Option<u32>,
    raw_leaves: Option<bool>,
    chunker: Option<String>,
    hash: Option<String>,
    pin: Option<bool>,
    #[serde(default)]
    trickle: bool,
    #[serde(default)]
    only_hash: bool,
    #[serde(default)]
    wrap_with_directory: bool,
    #[serde(default)]
    inline: bool,
    #[serde(default)]
    nocopy: bool,
    to_files: Option<String>,
}

impl AddOptions {
    fn check(&self) -> Result<(), Refusal> {
        let chunker = format!("size-{CHUNK_BYTES}");
        let refused = [
            ("cid-version", self.cid_version.is_some_and(|v| v != 1)),
            ("raw-leaves", self.raw_leaves == Some(false)),
            (
                "chunker",
                self.chunker.as_ref().is_some_and(|c| *c != chunker),
            ),
            ("hash", self.hash.as_ref().is_some_and(|h| h != "sha2-256")),
            ("pin", self.pin == Some(false)),
            ("trickle", self.trickle),
            ("only-hash", self.only_hash),
            ("wrap-with-directory", self.wrap_with_directory),
            ("inline", self.inline),
            ("nocopy", self.nocopy),
            ("to-files", self.to_files.is_some()),
        ];
        match refused.iter().find(|(_, refused)| *refused) {
            Some((option, _)) => Err(Refusal::argument(format!(
                "this value of {option} is not supported; files are added with CIDv1, raw \
                 leaves, {chunker} and sha2-256, and pinned"
            ))),
            None => Ok(()),
        }
    }
}

pub(super) async fn add(
    State(service): Shared,
    options: Arguments<AddOptions>,
    body: Result<Multipart, MultipartRejection>,
) -> Result<Json<Added>, Refusal> {
    arguments(options)?.check()?;
    let mut body = body.map_err(|rejection| Refusal::argument(rejection.body_text()))?;
    let _place = service.place().await?;
    let bad_body = |error: axum::extract::multipart::MultipartError| {
        Refusal::new(error.status(), error.body_text())
    };
    let Some(mut part) = body.next_field().await.map_err(bad_body)? else {
        return Err(Refusal::argument("no file in the body"));
    };
    let name = part.file_name().unwrap_or_default().to_owned();
    let mut file = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(bad_body)? {
        if (file.len() + piece.len()) as u64 > service.config.max_file_bytes {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "a file of more than {} bytes",
                    service.config.max_file_bytes
                ),
            ));
        }
        file.extend_from_slice(&piece);
    }
    drop(part);
    if body.next_field().await.map_err(bad_body)?.is_some() {
        return Err(Refusal::argument("more than one file in the body"));
    }
    let id = service.node.add(&file).await?;
    Ok(Json(Added {
        name: if name.is_empty() {
            id.to_string()
        } else {
            name
        },
        hash: id.to_string(),
        size: file.len().to_string(),
    }))
}

pub(super) async fn cat(
    State(service): Shared,
    about: Arguments<About>,
) -> Result<impl IntoResponse, Refusal> {
    let about = arguments(about)?;
    let _place = service.place().await?;
    let file = service.read(about.id()?, about.offline).await?;
    Ok(octets(file.into()))
}

pub(super) async fn block_get(
    State(service): Shared,
    about: Arguments<About>,
) -> Result<impl IntoResponse, Refusal> {
    Ok(octets(service.find_block(&arguments(about)?).await?))
}

fn octets(bytes: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes)
}

pub(super) async fn block_stat(
    State(service): Shared,
    about: Arguments<About>,
) -> Result<Json<BlockStat>, Refusal> {
    let about = arguments(about)?;
    let block = service.find_block(&about).await?;
    Ok(Json(BlockStat {
        key: about.id()?.to_string(),
        size: block.len() as u64,
    }))
}

pub(super) async fn pin_add(
    State(service): Shared,
    about: Arguments<About>,
) -> Result<Json<Pins>, Refusal> {
    let about = arguments(about)?;
    let id = about.recursive_id()?;
    let _place = service.place().await?;
    service.read(id, about.offline).await?;
    service.node.pin(id).await?;
    Ok(Json(Pins {
        pins: vec![id.to_string()],
    }))
}

pub(super) async fn pin_rm(
    State(service): Shared,
    about: Arguments<About>,
) -> Result<Json<Pins>, Refusal> {
    let id = arguments(about)?.recursive_id()?;
    let held = service.node.held().await?;
    if !held.iter().any(|held| held.id == id && held.pinned) {
        // The words by which clients recognise this case.
        return Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "not pinned or pinned indirectly",
        ));
    }
    service.node.unpin(id).await?;
    Ok(Json(Pins {
        pins: vec![id.to_string()],
    }))
}

#[derive(Debug, Deserialize)]
pub(super) struct PinListOptions {
    arg: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) async fn pin_ls(
    State(service): Shared,
    options: Arguments<PinListOptions>,
) -> Result<Json<PinList>, Refusal> {
    let options = arguments(options)?;
    let about = match options.arg {
        Some(arg) => Some(
            About {
                arg,
                offline: true,
                recursive: None,
            }
            .id()?,
        ),
        None => None,
    };
    let any = match options.kind.as_deref() {
        None | Some("all" | PIN_KIND) => true,
        Some("direct" | "indirect") => false,
        Some(_) => return Err(Refusal::argument("no such type of pin")),
    };
    let keys = service
        .node
        .held()
        .await?
        .into_iter()
        .filter(|held| any && held.pinned && about.is_none_or(|id| id == held.id))
        .map(|held| (held.id.to_string(), PinKind { kind: PIN_KIND }))
        .collect::<BTreeMap<_, _>>();
    match about {
        Some(id) if keys.is_empty() => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("path '{id}' is not pinned"),
        )),
        _ => Ok(Json(PinList { keys })),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ConnectOptions {
    arg: String,
}

pub(super) async fn swarm_connect(
    State(service): Shared,
    options: Arguments<ConnectOptions>,
) -> Result<Json<Strings>, Refusal> {
    let ConnectOptions { arg } = arguments(options)?;
    service.node.connect(&arg).await?;
    let peer = arg.rsplit('/').next().unwrap_or_default();
    Ok(Json(Strings {
        strings: vec![format!("connect {peer} success")],
    }))
}

pub(super) async fn swarm_peers(State(service): Shared) -> Result<Json<Peers>, Refusal> {
    let peers = service.node.peers().await?;
    Ok(Json(Peers {
        peers: peers
            .into_iter()
            .map(|peer| Peer {
                addr: peer.address,
                peer: peer.peer_id,
                latency: "",
                muxer: "",
                streams: [],
            })
            .collect(),
    }))
}
