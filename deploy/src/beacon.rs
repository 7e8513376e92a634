//! A beacon for local chains: a drand network of one, whose key is no secret.

use std::sync::Arc;

use alloy::{
    eips::BlockNumberOrTag,
    hex,
    primitives::{B256, keccak256},
    providers::{DynProvider, Provider as _, ProviderBuilder},
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use eyre::{Result, WrapErr as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use zarathustra_bls::{SecretKey, chain_hash};

use crate::Drand;

/// What beacons call the network.
const NAME: &str = "local";

/// Time of round 1: before that of any block that is made.
const GENESIS: u64 = 1_700_000_000;

/// Seconds from a round to the next, as in quicknet.
const PERIOD: u32 = 3;

/// Block times that a seed block of a local chain can be late.
const LATE: u64 = 10;

/// A beacon of the local network. It gives the rounds that are public by the time of the chain's newest
/// block, since the clock of a local chain runs as its blocks do. Dropping it ends it.
#[derive(Debug)]
pub struct Beacon {
    url: String,
    server: JoinHandle<()>,
}

/// What the server works with.
struct Served {
    key: SecretKey,
    chain_hash: B256,
    node: DynProvider,
}

impl Beacon {
    /// The local network, for a chain with so many seconds from a block to the next.
    ///
    /// # Errors
    /// Never: the key's seed is long enough.
    pub fn network(block_time: u64) -> Result<Drand> {
        Ok(Drand {
            genesis: GENESIS,
            period: PERIOD,
            key: key()?.public_key().encode().to_bytes(),
            block_time,
            margin: LATE * block_time,
        })
    }

    /// Starts it on a port of this machine, for the chain of the node at `rpc_url`.
    ///
    /// # Errors
    /// When `rpc_url` is no URL, or no port is to be had.
    pub async fn start(rpc_url: &str) -> Result<Self> {
        let key = key()?;
        let chain_hash = chain_hash(PERIOD, GENESIS, &key.public_key(), &B256::ZERO, NAME);
        let node = ProviderBuilder::new()
            .disable_recommended_fillers()
            .connect_http(rpc_url.parse().wrap_err("the node's address")?)
            .erased();
        let served = Arc::new(Served {
            key,
            chain_hash,
            node,
        });
        let app = Router::new()
            .route("/{chain}/info", get(info))
            .route("/{chain}/public/{round}", get(round))
            .with_state(served);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .wrap_err("a port for the beacon")?;
        let address = listener.local_addr().wrap_err("the beacon's address")?;
        Ok(Self {
            url: format!("http://{address}/{}", hex::encode(chain_hash)),
            server: tokio::spawn(async move {
                // It answers until it is aborted.
                let _ended = axum::serve(listener, app).await;
            }),
        })
    }

    /// Its address, with the hash of the network's chain.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The network's key, which everybody can derive.
fn key() -> Result<SecretKey> {
    SecretKey::from_seed(keccak256("Zarathustra local beacon").as_slice())
        .wrap_err("the local beacon's key")
}

async fn info(
    State(served): State<Arc<Served>>,
    Path(chain): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    served.check(&chain)?;
    Ok(Json(json!({
        "public_key": hex::encode(served.key.public_key().compress()),
        "period": PERIOD,
        "genesis_time": GENESIS,
        "hash": hex::encode(served.chain_hash),
        "groupHash": hex::encode(B256::ZERO),
        "schemeID": "bls-unchained-g1-rfc9380",
        "metadata": { "beaconID": NAME },
    })))
}

async fn round(
    State(served): State<Arc<Served>>,
    Path((chain, round)): Path<(String, u64)>,
) -> Result<Json<Value>, StatusCode> {
    served.check(&chain)?;
    let newest = served.node.get_block_by_number(BlockNumberOrTag::Latest);
    let newest = newest
        .await
        .ok()
        .flatten()
        .ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let rounds = newest
        .header
        .timestamp
        .checked_sub(GENESIS)
        .map_or(0, |age| 1 + age / u64::from(PERIOD));
    if round == 0 || round > rounds {
        return Err(StatusCode::TOO_EARLY);
    }
    let signature = served.key.sign_round(round);
    Ok(Json(json!({
        "round": round,
        "randomness": hex::encode(signature.randomness()),
        "signature": hex::encode(signature.compress()),
    })))
}

impl Served {
    fn check(&self, chain: &str) -> Result<(), StatusCode> {
        match chain == hex::encode(self.chain_hash) {
            true => Ok(()),
            false => Err(StatusCode::NOT_FOUND),
        }
    }
}
