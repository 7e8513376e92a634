//! What most commands need: the chain, a key, content, a folder.

use std::{
    fs::{DirBuilder, File},
    io::Read,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, U256},
    providers::{DynProvider, Provider},
    rpc::types::TransactionReceipt,
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use clap::Args;
use eyre::{Context as _, Result};
use tempfile::TempDir;
use zarathustra_chain::{Addresses, Chain, ChainError, FeePolicy};
use zarathustra_content::{Collect, ContentId, ContentStore, KuboClient, KuboConfig, Quota};
use zarathustra_eval::parameters::Expected;
use zarathustra_improve::File as NamedFile;

use crate::{errors::refusal, output::progress};

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;
/// How long a file is searched for.
const PATIENCE: Duration = Duration::from_secs(120);

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Globals {
    /// JSON-RPC address of a node of the chain.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_RPC_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8545"
    )]
    pub rpc_url: String,
    /// The addresses file of the deployment.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_ADDRESSES",
        value_name = "FILE"
    )]
    pub addresses: Option<PathBuf>,
    /// Keystore of the account that sends transactions.
    #[arg(long, global = true, env = "ZARATHUSTRA_KEYSTORE", value_name = "FILE")]
    pub keystore: Option<PathBuf>,
    /// File whose first line is the keystore's password.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_PASSWORD_FILE",
        value_name = "FILE"
    )]
    pub password_file: Option<PathBuf>,
    /// Most that is paid for a unit of gas, in gwei.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_MAX_FEE_GWEI",
        value_name = "GWEI",
        default_value_t = 200
    )]
    pub max_fee_gwei: u64,
    /// Beacons of the drand network that seeds come from, where they do, with commas between them:
    /// addresses that end with the hash of its chain.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_DRAND",
        value_name = "URLS",
        value_delimiter = ','
    )]
    pub drand: Vec<String>,
    /// RPC address of an IPFS node: `zarathustra ipfs serve`, or Kubo.
    #[arg(
        long,
        global = true,
        env = "ZARATHUSTRA_IPFS",
        value_name = "URL",
        default_value = "http://127.0.0.1:5001"
    )]
    pub ipfs: String,
    /// Folder for salts, journals and the compile cache; `~/.zarathustra` when absent.
    #[arg(long, global = true, env = "ZARATHUSTRA_HOME", value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// Print results and errors as JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Globals {
    /// The folder for what must be kept between commands; made when absent.
    pub fn home(&self) -> Result<PathBuf> {
        let folder = match (&self.home, std::env::var_os("HOME")) {
            (Some(folder), _) => folder.clone(),
            (None, Some(home)) => PathBuf::from(home).join(".zarathustra"),
            (None, None) => {
                return Err(refusal(
                    "no_home",
                    "there is no home folder",
                    "name a folder with --home",
                ));
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .wrap_err_with(|| format!("create {}", folder.display()))?;
        Ok(folder)
    }

    /// The chain, for reading.
    pub async fn chain(&self) -> Result<Chain> {
        let file = self.addresses.as_ref().ok_or_else(|| {
            refusal(
                "no_addresses",
                "the addresses file of the deployment was not named",
                "name it with --addresses or ZARATHUSTRA_ADDRESSES",
            )
        })?;
        let chain = Chain::connect(&self.rpc_url, Addresses::read(file)?).await?;
        Ok(chain.with_beacons(&self.drand)?)
    }

    /// The key that was named.
    pub fn wallet(&self) -> Result<PrivateKeySigner> {
        let (Some(keystore), Some(password)) = (&self.keystore, &self.password_file) else {
            return Err(refusal(
                "no_key",
                "this command sends a transaction and no key was named",
                "name a key with --keystore and --password-file; `zarathustra keys new` makes one",
            ));
        };
        Ok(zarathustra_signer::open_wallet(keystore, password)?)
    }

    /// The chain with the key that was named.
    pub async fn chain_with_key(&self) -> Result<Chain> {
        let wallet = self.wallet()?;
        let chain = self.chain().await?;
        let journal = self.journal(chain.provider(), wallet.address()).await?;
        let store = Chain::open_store(&journal)?;
        Ok(chain.with_sender(wallet, store, self.fee_policy()))
    }

    /// The file in which an account's transactions on a chain are written down.
    pub async fn journal(&self, node: &DynProvider, account: Address) -> Result<PathBuf> {
        // A local chain that was started anew has the id of the one before; what was sent there
        // must not be sent here.
        let origin = node
            .get_block_by_number(BlockNumberOrTag::Earliest)
            .await
            .map_err(ChainError::transport("eth_getBlockByNumber"))?
            .ok_or(ChainError::UnknownBlock { number: 0 })?;
        let name = format!("journal-{account}-{}.redb", origin.header.hash);
        Ok(self.home()?.join(name))
    }

    /// How transactions are paid.
    pub fn fee_policy(&self) -> FeePolicy {
        FeePolicy {
            max_fee_wei: u128::from(self.max_fee_gwei) * GWEI,
            ..FeePolicy::default()
        }
    }

    /// The IPFS node.
    pub fn content(&self) -> Result<Files> {
        // What is added stays on the node; there is nothing that this client must remember.
        let memory = tempfile::tempdir().wrap_err("make a folder")?;
        let client = KuboClient::new(&KuboConfig {
            url: self.ipfs.clone(),
            ledger: memory.path().join("ledger.json"),
            quota: Quota::with_limit(u64::MAX),
            collect: Collect::Unpinned,
        })?;
        Ok(Files {
            client,
            _memory: memory,
        })
    }
}

/// Files on IPFS.
#[derive(Debug)]
pub struct Files {
    client: KuboClient,
    _memory: TempDir,
}

impl Files {
    /// Adds a file.
    pub async fn add(&self, bytes: &[u8]) -> Result<ContentId> {
        self.client.add(bytes).await.wrap_err("add a file to IPFS")
    }

    /// Fetches a file of at most `max_bytes`.
    pub async fn fetch(&self, id: ContentId, max_bytes: u64) -> Result<Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        let found = self.client.fetch(id, max_bytes, deadline).await;
        found.wrap_err_with(|| format!("fetch {id} from IPFS"))
    }

    /// Fetches a file that the chain or a manifest names, and checks that it is the one.
    pub async fn named(&self, what: &str, file: &NamedFile, max_bytes: u64) -> Result<Vec<u8>> {
        let id = file
            .id
            .clone()
            .wrap_err_with(|| format!("read the CID of the {what}"))?;
        if file.size > max_bytes {
            return Err(refusal(
                "content_too_large",
                format!(
                    "the {what} has {} bytes, more than the {max_bytes} that are fetched",
                    file.size
                ),
                "operators would not fetch it either; do not submit to this request",
            ));
        }
        progress(&format!("fetching the {what}, {} bytes", file.size));
        let bytes = self.fetch(id, file.size).await?;
        let found = Expected::of(&bytes);
        if (found.sha256, found.size) == (file.digest, file.size) {
            return Ok(bytes);
        }
        Err(refusal(
            "content_not_promised",
            format!("{id} is not the {what} whose digest was promised"),
            "operators will find the same; do not submit to this request",
        ))
    }
}

/// Sends a call to the market and says so.
pub async fn to_market<C: SolCall>(
    chain: &Chain,
    call: C,
    value: U256,
) -> Result<TransactionReceipt> {
    let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
    progress(&format!("sending {name}"));
    Ok(chain
        .transact(chain.addresses().model_submission, call, value)
        .await?)
}

/// Reads a file of at most `max_bytes`; a pipe as well.
pub fn read_file(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let context = || format!("read {}", path.display());
    let file = File::open(path).wrap_err_with(context)?;
    let mut bytes = Vec::new();
    let cap = max_bytes.saturating_add(1);
    // Before reading, so that a huge file costs nothing.
    let stated = file.metadata().wrap_err_with(context)?.len();
    let size = match stated {
        stated if stated > max_bytes => stated,
        _ => file
            .take(cap)
            .read_to_end(&mut bytes)
            .wrap_err_with(context)? as u64,
    };
    if size <= max_bytes {
        return Ok(bytes);
    }
    Err(refusal(
        "file_too_large",
        format!(
            "{} has more than the {max_bytes} bytes that are read",
            path.display()
        ),
        "is this the right file?",
    ))
}

/// Writes files below a folder. It and the folders within that paths name are made when absent.
pub fn write_files(folder: &Path, files: &[(&str, &[u8])]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::with_capacity(files.len());
    for (name, bytes) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).wrap_err_with(|| format!("create {}", parent.display()))?;
        std::fs::write(&path, bytes).wrap_err_with(|| format!("write {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_up_to_their_cap() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"four").expect("written");
        assert_eq!(read_file(&path, 4).expect("read"), b"four");
        assert!(read_file(&path, 3).is_err());
        // Endless, and of size 0 as the system states it.
        let error = read_file(Path::new("/dev/zero"), 100).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "/dev/zero has more than the 100 bytes that are read"
        );
    }
}
