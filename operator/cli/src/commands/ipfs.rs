//! `zarathustra ipfs`: the embedded node as a service, and files by hand.

use std::{net::SocketAddr, path::PathBuf};

use clap::Subcommand;
use eyre::{Context, Result};
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use zarathustra_content::{
    Collect, ContentId, ContentStore, EmbeddedConfig, EmbeddedNode, PeerAddress, Quota,
    ServeConfig, serve,
};

use crate::{
    context::{Globals, read_file},
    output::Answer,
};

/// Serve, add and get content on IPFS.
#[derive(Debug, Subcommand)]
pub enum Ipfs {
    /// Run an IPFS node with the calls of the Kubo RPC API that our programs use, until it is
    /// interrupted. Its addresses are printed once it listens.
    Serve(Serve),
    /// Add a file to the node and print its CID.
    Add {
        /// The file.
        file: PathBuf,
        /// Largest file that is added.
        #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
        max_bytes: u64,
    },
    /// Fetch a file by its CID, and check it.
    Get {
        /// The CID.
        cid: ContentId,
        /// Where it is written.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Largest file that is fetched.
        #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
        max_bytes: u64,
    },
}

/// How the node runs.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// Address of the RPC API. Whoever reaches it controls the node.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5001")]
    listen: SocketAddr,
    /// Multiaddress on which peers reach the node; port 0 lets the system choose.
    #[arg(
        long,
        value_name = "MULTIADDRESS",
        default_value = "/ip4/127.0.0.1/tcp/0"
    )]
    swarm: String,
    /// Folder of the node's identity and blocks; `ipfs` in the home folder when absent.
    #[arg(long, value_name = "FOLDER")]
    repo: Option<PathBuf>,
    /// A peer to stay connected with; may be repeated.
    #[arg(long, value_name = "MULTIADDRESS")]
    peer: Vec<PeerAddress>,
    /// Most bytes held. Nothing that was added is removed to make room.
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 30)]
    quota_bytes: u64,
    /// Largest file that the RPC API takes or gives.
    #[arg(long, value_name = "BYTES", default_value_t = ServeConfig::default().max_file_bytes)]
    max_file_bytes: u64,
    /// Serve the RPC API to other machines as well.
    #[arg(long)]
    allow_remote: bool,
}

impl Ipfs {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::Serve(options) => options.run(globals).await.map(|()| None),
            Self::Add { file, max_bytes } => {
                let bytes = read_file(&file, max_bytes)?;
                let cid = globals.content()?.add(&bytes).await?.to_string();
                Ok(Some(Answer::new(
                    format!("{cid}\n"),
                    json!({ "cid": cid, "bytes": bytes.len() }),
                )))
            }
            Self::Get {
                cid,
                output,
                max_bytes,
            } => {
                let bytes = globals.content()?.fetch(cid, max_bytes).await?;
                std::fs::write(&output, &bytes)
                    .wrap_err_with(|| format!("write {}", output.display()))?;
                let text = format!("{} bytes written to {}\n", bytes.len(), output.display());
                let json = json!({ "cid": cid.to_string(), "bytes": bytes.len(), "path": output });
                Ok(Some(Answer::new(text, json)))
            }
        }
    }
}

impl Serve {
    async fn run(self, globals: &Globals) -> Result<()> {
        let repo = match self.repo {
            Some(repo) => repo,
            None => globals.home()?.join("ipfs"),
        };
        // Asked for first: a signal that comes early must not be lost.
        let mut terminate = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(self.listen)
            .await
            .wrap_err_with(|| format!("listen on {}", self.listen))?;
        let node = EmbeddedNode::start(EmbeddedConfig {
            repo,
            listen: vec![self.swarm],
            peers: self.peer,
            quota: Quota::with_limit(self.quota_bytes),
            collect: Collect::Unpinned,
        })
        .await?;
        announce(globals, listener.local_addr()?, &node).await?;
        let config = ServeConfig {
            max_file_bytes: self.max_file_bytes,
            allow_remote: self.allow_remote,
            ..ServeConfig::default()
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let wait = async move {
            // Stopped when asked to, and when nobody is left to ask.
            stopped.await.ok();
        };
        let mut server = tokio::spawn(serve(listener, node.clone(), config, wait));
        let outcome = tokio::select! {
            ended = &mut server => ended,
            _ = tokio::signal::ctrl_c() => {
                drop(stop);
                server.await
            }
            _ = terminate.recv() => {
                drop(stop);
                server.await
            }
        };
        node.shutdown().await;
        Ok(outcome??)
    }
}

async fn announce(globals: &Globals, rpc: SocketAddr, node: &EmbeddedNode) -> Result<()> {
    let identity = node.identity().await?;
    let mut text = format!("rpc http://{rpc}\n");
    for address in &identity.addresses {
        text.push_str(&format!("swarm {address}\n"));
    }
    let json = json!({
        "rpc": format!("http://{rpc}"), "peer_id": identity.peer_id, "swarm": identity.addresses,
    });
    Answer::new(text, json)
        .announce(globals.json)
        .wrap_err("print the node's addresses")
}
