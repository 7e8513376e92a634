//! A local chain: the real anvil, as a child process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi as _},
    rpc::types::anvil::ReorgOptions,
    signers::local::PrivateKeySigner,
};
use eyre::{Result, WrapErr as _, bail, ensure, eyre};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::Account;

/// How long anvil may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// The interval with which anvil makes no block by itself. The end of automatic mining would not
/// do: it leaves an interval running.
const BY_HAND: u64 = 0;
/// What anvil prints before its address.
const LISTENING: &str = "Listening on ";

/// The rules of the chain. Both have the BLS12-381 precompiles and EIP-2935.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Hardfork {
    /// May 2025.
    Prague,
    /// December 2025.
    #[default]
    Osaka,
}

impl Hardfork {
    /// The name that anvil knows it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prague => "prague",
            Self::Osaka => "osaka",
        }
    }
}

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mining {
    /// One at once for every transaction.
    #[default]
    Auto,
    /// Only by [`Anvil::mine`].
    Manual,
    /// One each time this has passed.
    Every(Duration),
}

/// How to start anvil.
#[derive(Clone, Debug)]
pub struct AnvilOptions {
    /// The program.
    pub program: PathBuf,
    /// Chain id.
    pub chain_id: u64,
    /// Rules of the chain.
    pub hardfork: Hardfork,
    /// When blocks are made, once the chain is ready.
    pub mining: Mining,
    /// Number of the first block.
    pub first_block: u64,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Blocks in an epoch of the consensus layer; finality lags two of them.
    pub slots_in_an_epoch: u64,
    /// TCP port on loopback; 0 lets the system choose.
    pub port: u16,
    /// A state from [`Anvil::dump_state`] to begin with.
    pub state: Option<PathBuf>,
    /// File that gets what anvil prints.
    pub log: Option<PathBuf>,
}

impl AnvilOptions {
    /// An empty chain of this program, with id 31337 and a block for every transaction.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            chain_id: 31337,
            hardfork: Hardfork::default(),
            mining: Mining::default(),
            first_block: 0,
            gas_limit: 60_000_000,
            slots_in_an_epoch: 1,
            port: 0,
            state: None,
            log: None,
        }
    }
}

/// A running chain. It ends when this is dropped.
#[derive(Debug)]
pub struct Anvil {
    url: String,
    chain_id: u64,
    provider: DynProvider,
    ticker: Option<JoinHandle<()>>,
    drain: JoinHandle<()>,
    // Killed on drop.
    _child: Child,
    // Where anvil puts old states: in its own folder they would stay when it is killed.
    _states: TempDir,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        self.stop_ticker();
        self.drain.abort();
    }
}

impl Anvil {
    /// Starts anvil and waits until it answers.
    ///
    /// # Errors
    /// When the program cannot be started, ends early, says nothing for half a minute, or cannot
    /// load the state.
    pub async fn start(options: &AnvilOptions) -> Result<Self> {
        let first = ["--number", &options.first_block.to_string()];
        let mut anvil = Self::launch(options, &first).await?;
        if let Some(path) = &options.state {
            anvil.load_state(path).await?;
        }
        anvil.set_mining(options.mining).await?;
        Ok(anvil)
    }

    /// Starts another chain that begins with the newest block of this one and goes on by itself,
    /// under the chain id and rules of the options; [`AnvilOptions::first_block`] and
    /// [`AnvilOptions::state`] do not count.
    ///
    /// It asks this one for whatever it has not changed itself, and so needs it as long as it
    /// runs. Its headers have no state roots and it keeps no state but the newest: that makes it
    /// quick where thousands of blocks are to be made, and impossible to reorganise.
    ///
    /// # Errors
    /// As for [`Anvil::start`].
    pub async fn fork(&self, options: &AnvilOptions) -> Result<Self> {
        // What was fetched is not for the next chain with the same id and block number.
        let from = [
            "--fork-url",
            &self.url,
            "--prune-history",
            "--no-storage-caching",
        ];
        let mut anvil = Self::launch(options, &from).await?;
        anvil.set_mining(options.mining).await?;
        Ok(anvil)
    }

    /// Starts the program with arguments that say where the chain begins.
    async fn launch(options: &AnvilOptions, beginning: &[&str]) -> Result<Self> {
        let program = options.program.display();
        let states = tempfile::tempdir().wrap_err("a folder for old states")?;
        let mut child = Command::new(&options.program)
            .args([
                "--host",
                "127.0.0.1",
                "--accounts",
                "0",
                "--no-request-size-limit",
            ])
            .arg("--cache-path")
            .arg(states.path())
            .args(["--port", &options.port.to_string()])
            .args(["--chain-id", &options.chain_id.to_string()])
            .args(["--hardfork", options.hardfork.name()])
            .args(["--gas-limit", &options.gas_limit.to_string()])
            .args([
                "--slots-in-an-epoch",
                &options.slots_in_an_epoch.to_string(),
            ])
            .args(beginning)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .wrap_err_with(|| format!("{program} cannot be started"))?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| eyre!("anvil has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let (address, printed) = timeout(READY_WITHIN, listening(&mut lines))
            .await
            .map_err(|_| eyre!("{program} did not listen within {READY_WITHIN:?}"))?
            .wrap_err_with(|| format!("{program} did not start"))?;
        let log = match &options.log {
            Some(path) => {
                let mut file = tokio::fs::File::create(path)
                    .await
                    .wrap_err_with(|| path.display().to_string())?;
                file.write_all(printed.as_bytes()).await?;
                Some(file)
            }
            None => None,
        };
        let url = format!("http://{address}");
        let endpoint = url
            .parse()
            .map_err(|error| eyre!("anvil listens on {address:?}: {error}"))?;
        let anvil = Self {
            provider: ProviderBuilder::default().connect_http(endpoint).erased(),
            url,
            chain_id: options.chain_id,
            ticker: None,
            drain: tokio::spawn(drain(lines, log)),
            _child: child,
            _states: states,
        };
        let chain_id = anvil.provider.get_chain_id().await?;
        ensure!(chain_id == options.chain_id, "anvil is on chain {chain_id}");
        Ok(anvil)
    }

    async fn load_state(&self, path: &Path) -> Result<()> {
        let what = || format!("state {}", path.display());
        let state = tokio::fs::read(path).await.wrap_err_with(what)?;
        let loaded = self.provider.anvil_load_state(Bytes::from(state)).await;
        ensure!(loaded.wrap_err_with(what)?, "anvil refused the {}", what());
        Ok(())
    }

    /// JSON-RPC address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Chain id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The node, without a key.
    pub fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// An account on this chain, given a balance of `wei` where it has less.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn account(&self, signer: PrivateKeySigner, wei: U256) -> Result<Account> {
        let account = Account::new(&self.url, signer)?;
        if self.provider.get_balance(account.address()).await? < wei {
            self.set_balance(account.address(), wei).await?;
        }
        Ok(account)
    }

    /// Sets a balance, in wei.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn set_balance(&self, address: Address, wei: U256) -> Result<()> {
        let set = self.provider.anvil_set_balance(address, wei).await;
        set.wrap_err("anvil_setBalance")
    }

    /// Changes when blocks are made. A transaction that waits is mined with the next block.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn set_mining(&mut self, mining: Mining) -> Result<()> {
        self.stop_ticker();
        // For anvil too, each of the modes ends the others.
        let node = &self.provider;
        match mining {
            Mining::Auto => node.anvil_set_auto_mine(true).await?,
            Mining::Manual => node.anvil_set_interval_mining(BY_HAND).await?,
            Mining::Every(time) if time.subsec_nanos() == 0 && !time.is_zero() => {
                node.anvil_set_interval_mining(time.as_secs()).await?;
            }
            Mining::Every(time) => {
                ensure!(
                    !time.is_zero(),
                    "blocks cannot follow each other without time between"
                );
                node.anvil_set_interval_mining(BY_HAND).await?;
                self.ticker = Some(tokio::spawn(tick(node.clone(), time)));
            }
        }
        Ok(())
    }

    /// Makes blocks now; the first has the transactions that wait.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn mine(&self, blocks: u64) -> Result<()> {
        let mined = self.provider.anvil_mine(Some(blocks), None).await;
        mined.wrap_err("anvil_mine")
    }

    /// Makes blocks until `number` is the newest or an older one.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn mine_to(&self, number: u64) -> Result<()> {
        let newest = self.provider.get_block_number().await?;
        match number.saturating_sub(newest) {
            0 => Ok(()),
            blocks => self.mine(blocks).await,
        }
    }

    /// Replaces the newest `depth` blocks by empty ones. Their transactions are gone for good.
    ///
    /// # Errors
    /// When anvil does not answer or has fewer blocks in memory.
    pub async fn reorg(&self, depth: u64) -> Result<()> {
        let options = ReorgOptions {
            depth,
            tx_block_pairs: Vec::new(),
        };
        let done = self.provider.anvil_reorg(options).await;
        done.wrap_err("anvil_reorg")
    }

    /// The state with blocks and receipts, for [`AnvilOptions::state`]. History of balances and
    /// storage before the newest block is not in it.
    ///
    /// # Errors
    /// When anvil does not answer.
    pub async fn dump_state(&self) -> Result<Bytes> {
        let state = self.provider.anvil_dump_state().await;
        state.wrap_err("anvil_dumpState")
    }

    fn stop_ticker(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.abort();
        }
    }
}

/// Reads until anvil says where it listens; returns that and everything read.
async fn listening(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<(String, String)> {
    let mut printed = String::new();
    while let Some(line) = lines.next_line().await? {
        printed.push_str(&line);
        printed.push('\n');
        if let Some(address) = line.strip_prefix(LISTENING) {
            return Ok((address.trim().to_owned(), printed));
        }
    }
    bail!("it ended after printing\n{printed}")
}

/// Reads what anvil prints, so that its pipe never fills.
async fn drain(mut lines: Lines<BufReader<ChildStdout>>, mut log: Option<tokio::fs::File>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = &mut log {
            // A log that cannot be written must not stop the chain.
            if file
                .write_all(format!("{line}\n").as_bytes())
                .await
                .is_err()
            {
                log = None;
            }
        }
    }
}

/// Makes a block every `time`, until the node is gone.
async fn tick(provider: DynProvider, time: Duration) {
    let mut interval = interval(time);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        if provider.anvil_mine(Some(1), None).await.is_err() {
            return;
        }
    }
}
