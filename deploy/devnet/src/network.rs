//! The network: chain, deployment, operators' processes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::{
    primitives::{Address, U256},
    sol_types::SolValue,
};
use eyre::{ContextCompat, Result, WrapErr, eyre};
use serde::{Deserialize, Serialize};
use zarathustra_chain::{Addresses, Chain};
use zarathustra_deploy::{
    Account, Anvil, AnvilOptions, Beacon, Checkout, EigenLayer, GOVERNANCE, Hardfork, KindOptions,
    Market, MarketOptions, Mining, SeedSource, devnet_key,
    eigenlayer::{Delays, WHOLE},
    snapshot,
};
use zarathustra_signer::{import_bls_key, prove_registration};

use crate::{
    OperatorSpec, Process, Role, Started, User,
    cli::{keystore, password_file},
    liar::Liar,
    process::started,
};

/// What everybody gets to pay gas with.
const POCKET_ETHER: u64 = 100;

/// How to start a network.
#[derive(Clone, Debug)]
pub struct DevnetOptions {
    /// Folder for everything: logs, settings, keys, data.
    pub folder: PathBuf,
    /// Who takes part.
    pub operators: Vec<OperatorSpec>,
    /// Time between blocks.
    pub block_time: Duration,
    /// Whether performers' claims go through a proxy that can falsify one.
    pub proxy: bool,
    /// Longest search of an operator for one file; what is not found by then is asked for again.
    pub fetch_patience: Duration,
    /// Windows of the deployment.
    pub market: MarketOptions,
}

impl DevnetOptions {
    /// Two performers and five attesters with windows of a few blocks, in `folder`. The performers'
    /// claims go through a proxy that can falsify one.
    pub fn small(folder: &Path, block_time: Duration) -> Self {
        let improve = KindOptions {
            fetch_window: 3,
            turn_length: 2,
            voting_window: 4,
            appeal_window: 1,
            task_life: 120,
            ..KindOptions::default()
        };
        Self {
            folder: folder.to_owned(),
            operators: crate::operators(2, 5),
            block_time,
            proxy: true,
            fetch_patience: Duration::from_secs(60),
            market: MarketOptions {
                improve,
                ..MarketOptions::default()
            },
        }
    }
}

/// A worker of an operator: the network's program, asked for an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkerSpec {
    /// Rows that it computes at a time, when that is not the program's own number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<u32>,
}

/// Names of the processes that are no operators.
#[derive(Debug)]
pub struct Names;

impl Names {
    /// The aggregator.
    pub const AGGREGATOR: &'static str = "aggregator";
    /// The IPFS node of owners and optimizers.
    pub const GATEWAY: &'static str = "gateway";
}

/// What a deployed chain state holds, kept beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Deployed {
    addresses: Addresses,
    eigenlayer: EigenLayer,
}

/// A running network. Dropping it ends everything.
pub struct Devnet {
    options: DevnetOptions,
    checkout: Checkout,
    programs: PathBuf,
    anvil: Anvil,
    hardfork: &'static str,
    /// Where seeds come from, when they come from drand.
    beacon: Option<Beacon>,
    addresses_file: PathBuf,
    addresses: Addresses,
    eigenlayer: EigenLayer,
    chain: Chain,
    gateway_rpc: String,
    aggregator: Started,
    peers: Vec<String>,
    liar: Option<Liar>,
    /// Workers of the operators that do not have the default one alone.
    workers: BTreeMap<String, Vec<WorkerSpec>>,
    processes: BTreeMap<String, Process>,
}

impl Devnet {
    /// Starts a network: the chain from a kept state or anew, then the programs beside the running
    /// one.
    ///
    /// # Errors
    /// When something does not start; with the end of its log.
    pub async fn start(options: DevnetOptions, progress: &mut impl FnMut(&str)) -> Result<Self> {
        let checkout = Checkout::find()?;
        let programs = programs()?;
        std::fs::create_dir_all(&options.folder)
            .wrap_err_with(|| format!("create {}", options.folder.display()))?;
        progress("chain: EigenLayer, contracts, operators");
        let (mut anvil, deployed) = deploy(&checkout, &options).await?;
        anvil.set_mining(Mining::Every(options.block_time)).await?;
        let addresses_file = options.folder.join("addresses.json");
        deployed.addresses.write(&addresses_file)?;
        let beacon = match options.market.seed_source {
            SeedSource::Randao => None,
            SeedSource::Drand(_) => Some(Beacon::start(anvil.url()).await?),
        };
        let chain = Chain::connect(anvil.url(), deployed.addresses.clone()).await?;

        let mut network = Self {
            addresses: deployed.addresses,
            eigenlayer: deployed.eigenlayer,
            checkout,
            programs,
            anvil,
            hardfork: Hardfork::default().name(),
            beacon,
            addresses_file,
            chain,
            gateway_rpc: String::new(),
            aggregator: Started {
                url: String::new(),
                content: Vec::new(),
            },
            peers: Vec::new(),
            liar: None,
            workers: BTreeMap::new(),
            processes: BTreeMap::new(),
            options,
        };
        progress("programs: IPFS node, aggregator, operators");
        network.start_gateway().await?;
        network.start_aggregator().await?;
        if network.options.proxy {
            let performers = network
                .options
                .operators
                .iter()
                .filter(|o| o.role == Role::Performer);
            let keys = performers.map(|o| devnet_key(&o.name)).collect();
            let upstream = network.aggregator.url.clone();
            network.liar = Some(Liar::start(&upstream, network.chain.clone(), keys).await?);
        }
        let names: Vec<String> = network
            .options
            .operators
            .iter()
            .map(|o| o.name.clone())
            .collect();
        for name in &names {
            network.spawn_operator(name)?;
        }
        for name in &names {
            network.wait_started(name, 0).await?;
        }
        Ok(network)
    }

    /// The chain, for reading.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The chain's process.
    pub const fn anvil(&self) -> &Anvil {
        &self.anvil
    }

    /// The chain's process, to change how it makes blocks.
    pub const fn anvil_mut(&mut self) -> &mut Anvil {
        &mut self.anvil
    }

    /// Rules of the chain.
    pub const fn hardfork(&self) -> &'static str {
        self.hardfork
    }

    /// EigenLayer's core.
    pub const fn eigenlayer(&self) -> &EigenLayer {
        &self.eigenlayer
    }

    /// The deployment.
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The deployment's addresses file.
    pub fn addresses_file(&self) -> &Path {
        &self.addresses_file
    }

    /// The checkout that the programs belong to.
    pub const fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// The folder that holds everything.
    pub fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// Folder of the programs.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// The aggregator's address.
    pub fn aggregator_url(&self) -> &str {
        &self.aggregator.url
    }

    /// RPC address of the owners' and optimizers' IPFS node.
    pub fn gateway_rpc(&self) -> &str {
        &self.gateway_rpc
    }

    /// The proxy that can falsify a claim, where the options asked for one.
    pub const fn liar(&self) -> Option<&Liar> {
        self.liar.as_ref()
    }

    /// The operators.
    pub fn operators(&self) -> &[OperatorSpec] {
        &self.options.operators
    }

    /// Address of an operator, by its name.
    pub fn operator_address(&self, name: &str) -> Address {
        devnet_key(name).address()
    }

    /// Account of the staker behind an operator.
    ///
    /// # Errors
    /// When the chain's address is no URL.
    pub fn staker(&self, operator: &str) -> Result<Account> {
        Account::new(self.anvil.url(), devnet_key(&staker_name(operator)))
    }

    /// A running process.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn process(&self, name: &str) -> Result<&Process> {
        self.processes
            .get(name)
            .wrap_err_with(|| format!("no process is called {name}"))
    }

    /// All running processes.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// A user of the command line with money to pay gas with.
    ///
    /// # Errors
    /// When the keystore cannot be written or the chain does not answer.
    pub async fn user(&self, name: &str) -> Result<User> {
        let signer = devnet_key(name);
        self.anvil
            .set_balance(signer.address(), ether(POCKET_ETHER))
            .await?;
        User::create(
            &self.programs.join("zarathustra"),
            &self.options.folder.join(name),
            signer,
            self.anvil.url(),
            &self.addresses_file,
            &self.gateway_rpc,
            &self.beacon_urls(),
        )
    }

    /// Kills a process as a power failure would.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        self.processes
            .remove(name)
            .wrap_err_with(|| format!("no process is called {name}"))?
            .kill()
            .await
    }

    /// Asks a process to stop and waits until it has.
    ///
    /// # Errors
    /// When there is none of that name, or it does not stop in an orderly way.
    pub async fn stop(&mut self, name: &str) -> Result<()> {
        self.processes
            .remove(name)
            .wrap_err_with(|| format!("no process is called {name}"))?
            .stop()
            .await
    }

    /// Starts an operator that was stopped or killed, with its data as it was left.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self, name: &str) -> Result<()> {
        let log = self.options.folder.join(format!("{name}.log"));
        let from = match std::fs::metadata(&log) {
            Ok(log) => log.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error).wrap_err_with(|| format!("look at {}", log.display())),
        };
        if name == Names::AGGREGATOR {
            // Others know it and its content node by their addresses.
            let listen = self.aggregator.url.trim_start_matches("http://").to_owned();
            let content = self.aggregator.content.first();
            let content = content
                .and_then(|address| address.rsplit_once("/p2p/"))
                .map(|(address, _)| address.to_owned());
            self.spawn_aggregator(&listen, content)?;
        } else {
            self.spawn_operator(name)?;
        }
        self.wait_started(name, from).await.map(drop)
    }

    /// Chooses an operator's workers, from its next start on.
    pub fn set_workers(&mut self, operator: &str, workers: Vec<WorkerSpec>) {
        self.workers.insert(operator.to_owned(), workers);
    }

    async fn wait_started(&mut self, name: &str, from: u64) -> Result<Started> {
        self.processes
            .get_mut(name)
            .wrap_err_with(|| format!("no process is called {name}"))?
            .wait_for(from, started)
            .await
    }

    async fn start_gateway(&mut self) -> Result<()> {
        let repo = self.options.folder.join(Names::GATEWAY);
        let arguments = ["ipfs", "serve", "--listen", "127.0.0.1:0", "--repo"].map(str::to_owned);
        let arguments: Vec<String> = arguments
            .into_iter()
            .chain([repo.to_string_lossy().into_owned()])
            .collect();
        let program = self.programs.join("zarathustra");
        let mut process =
            Process::spawn(Names::GATEWAY, &program, &arguments, &self.options.folder)?;
        self.gateway_rpc = process
            .wait_for(0, |l| l.strip_prefix("rpc ").map(str::to_owned))
            .await?;
        self.peers = vec![
            process
                .wait_for(0, |l| l.strip_prefix("swarm ").map(str::to_owned))
                .await?,
        ];
        self.processes.insert(Names::GATEWAY.to_owned(), process);
        Ok(())
    }

    async fn start_aggregator(&mut self) -> Result<()> {
        self.spawn_aggregator("127.0.0.1:0", None)?;
        self.aggregator = self.wait_started(Names::AGGREGATOR, 0).await?;
        let content = self
            .aggregator
            .content
            .first()
            .wrap_err("the aggregator has no content address")?;
        self.peers.push(content.clone());
        Ok(())
    }

    fn spawn_aggregator(&mut self, listen: &str, content: Option<String>) -> Result<()> {
        let name = Names::AGGREGATOR;
        let folder = self.options.folder.join(name);
        let (ecdsa, password) = keystore(&folder, &devnet_key(name))?;
        let settings = AggregatorFile {
            name,
            data_dir: folder.join("data"),
            chain: self.chain_file(),
            keys: AggregatorKeys {
                ecdsa,
                password_file: password,
            },
            http: Http {
                listen: listen.to_owned(),
            },
            content: Content {
                listen: content,
                fetch_seconds: self.options.fetch_patience.as_secs(),
                // It is one of the peers that others are told.
                peers: self.peers.iter().take(1).cloned().collect(),
            },
            log: Log::default(),
        };
        self.spawn(name, "zarathustra-aggregator", &folder, &settings)
    }

    fn spawn_operator(&mut self, name: &str) -> Result<()> {
        let role = self
            .options
            .operators
            .iter()
            .find(|o| o.name == name)
            .map(|o| o.role)
            .wrap_err_with(|| format!("no operator is called {name}"))?;
        let folder = self.options.folder.join(name);
        let (ecdsa, password_file) = keystore(&folder, &devnet_key(name))?;
        let bls = bls_keystore(&folder, name)?;
        let aggregator = match &self.liar {
            Some(liar) if role == Role::Performer => liar.url.clone(),
            _ => self.aggregator.url.clone(),
        };
        let settings = OperatorFile {
            name,
            operator: devnet_key(name).address(),
            data_dir: folder.join("data"),
            aggregators: vec![aggregator],
            chain: self.chain_file(),
            keys: OperatorKeys {
                ecdsa,
                bls,
                password_file,
            },
            content: Content {
                listen: None,
                fetch_seconds: self.options.fetch_patience.as_secs(),
                peers: self.peers.clone(),
            },
            evaluation: Evaluation {
                cache_dir: self.cache_dir(),
                workers: self.workers.get(name).cloned().unwrap_or_default(),
            },
            log: Log::default(),
        };
        self.spawn(name, role.program(), &folder, &settings)
    }

    fn spawn(
        &mut self,
        name: &str,
        program: &str,
        folder: &Path,
        settings: &impl Serialize,
    ) -> Result<()> {
        let file = folder.join("settings.toml");
        let text = toml::to_string_pretty(settings).wrap_err("write the settings")?;
        std::fs::write(&file, text).wrap_err_with(|| format!("write {}", file.display()))?;
        let arguments = ["--settings".to_owned(), file.to_string_lossy().into_owned()];
        let process = Process::spawn(
            name,
            &self.programs.join(program),
            &arguments,
            &self.options.folder,
        )?;
        self.processes.insert(name.to_owned(), process);
        Ok(())
    }

    fn chain_file(&self) -> ChainFile {
        ChainFile {
            rpc_url: self.anvil.url().to_owned(),
            addresses: self.addresses_file.clone(),
            confirmations: 1,
            drand: self.beacon_urls(),
            poll_ms: u64::try_from(self.options.block_time.as_millis() / 4)
                .unwrap_or(250)
                .max(50),
            low_balance_gwei: 1_000_000,
        }
    }

    fn beacon_urls(&self) -> Vec<String> {
        let beacon = self.beacon.as_ref();
        beacon.map(|b| b.url().to_owned()).into_iter().collect()
    }

    /// One compile cache for all programs and all networks of this checkout.
    pub fn cache_dir(&self) -> PathBuf {
        self.checkout.root().join(".tools/cache/evaluators")
    }
}

/// Where the programs are: beside the running one, or above it for tests.
fn programs() -> Result<PathBuf> {
    let here = std::env::current_exe().wrap_err("find the running program")?;
    here.ancestors()
        .skip(1)
        .take(2)
        .find(|folder| folder.join("zarathustra-worker").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| eyre!("the programs are not built: run `cargo build --workspace --bins`"))
}

/// A chain with EigenLayer, our contracts and registered operators, from a kept state where the
/// same was deployed before.
async fn deploy(checkout: &Checkout, options: &DevnetOptions) -> Result<(Anvil, Deployed)> {
    let artifacts = checkout.artifacts();
    let mut key = EigenLayer::key(snapshot::Key::new(), &artifacts, Delays::default())?;
    key = Market::key(key, &artifacts, &options.market)?;
    for operator in &options.operators {
        key = key.with(format!("{}:{}", operator.name, operator.stake_tokens));
    }
    let anvil = AnvilOptions {
        first_block: Delays::default().first_block(),
        log: Some(options.folder.join("anvil.log")),
        ..AnvilOptions::new(checkout.tool("anvil"))
    };
    let build = async |anvil: &Anvil| -> Result<Deployed> {
        let deployer = anvil
            .account(devnet_key("deployer"), ether(10 * POCKET_ETHER))
            .await?;
        let eigenlayer = EigenLayer::deploy(&deployer, &artifacts, Delays::default()).await?;
        let governance = anvil
            .account(devnet_key(GOVERNANCE), ether(POCKET_ETHER))
            .await?
            .address();
        let addresses = Market::deploy(
            &deployer,
            &artifacts,
            &eigenlayer,
            &options.market,
            governance,
        )
        .await?;

        for operator in &options.operators {
            join(anvil, &eigenlayer, &addresses, operator)
                .await
                .wrap_err_with(|| format!("register {}", operator.name))?;
        }
        anvil
            .set_balance(devnet_key(Names::AGGREGATOR).address(), ether(POCKET_ETHER))
            .await?;
        Ok(Deployed {
            addresses,
            eigenlayer,
        })
    };
    snapshot::load_or_build(checkout.snapshots(), key, &anvil, build).await
}

/// A staker deposits and delegates, the operator allocates and joins the set.
async fn join(
    anvil: &Anvil,
    eigenlayer: &EigenLayer,
    addresses: &Addresses,
    spec: &OperatorSpec,
) -> Result<()> {
    const SET: u32 = 0;
    let operator = anvil
        .account(devnet_key(&spec.name), ether(POCKET_ETHER))
        .await?;
    let staker = anvil
        .account(devnet_key(&staker_name(&spec.name)), ether(1))
        .await?;
    eigenlayer.register_as_operator(&operator, 0, "").await?;
    anvil.mine(2).await?;
    eigenlayer.deposit(&staker, spec.stake()).await?;
    eigenlayer.delegate(&staker, operator.address()).await?;
    eigenlayer
        .modify_allocations(&operator, addresses.avs_governance, SET, WHOLE)
        .await?;
    let folder = tempfile::tempdir().wrap_err("a folder for a key")?;
    let bls = bls_keystore(folder.path(), &spec.name)?;
    let proof = prove_registration(
        &bls,
        &password_file(folder.path())?,
        addresses.chain_id,
        addresses.avs_governance,
        operator.address(),
    )?;
    let data = (
        proof.key.to_bytes(),
        proof.possession.to_bytes(),
        operator.address(),
    )
        .abi_encode_params();
    eigenlayer
        .register_for_operator_sets(&operator, addresses.avs_governance, &[SET], data.into())
        .await
}

/// Keystore of the BLS key that belongs to a name; for chains without worth.
fn bls_keystore(folder: &Path, name: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).wrap_err_with(|| format!("create {}", folder.display()))?;
    let path = folder.join("bls.json");
    if !path.exists() {
        let mut secret =
            alloy::primitives::keccak256(format!("Zarathustra.Devnet.Bls.v1:{name}")).0;
        // The group's order is below 2^255.
        secret[0] &= 0x3f;
        import_bls_key(&path, &password_file(folder)?, &secret)?;
    }
    Ok(path)
}

fn staker_name(operator: &str) -> String {
    format!("staker of {operator}")
}

fn ether(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}

#[derive(Serialize)]
struct ChainFile {
    rpc_url: String,
    addresses: PathBuf,
    confirmations: u64,
    drand: Vec<String>,
    poll_ms: u64,
    low_balance_gwei: u64,
}

#[derive(Serialize)]
struct OperatorKeys {
    ecdsa: PathBuf,
    bls: PathBuf,
    password_file: PathBuf,
}

#[derive(Serialize)]
struct AggregatorKeys {
    ecdsa: PathBuf,
    password_file: PathBuf,
}

#[derive(Serialize)]
struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<String>,
    fetch_seconds: u64,
    peers: Vec<String>,
}

#[derive(Serialize)]
struct Evaluation {
    cache_dir: PathBuf,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    workers: Vec<WorkerSpec>,
}

#[derive(Serialize)]
struct Http {
    listen: String,
}

#[derive(Serialize)]
struct Log {
    json: bool,
    filter: &'static str,
}

impl Default for Log {
    /// Everything of our own programs, which is worth having where a scenario fails.
    fn default() -> Self {
        Self {
            json: true,
            filter: "warn,zarathustra=debug",
        }
    }
}

#[derive(Serialize)]
struct OperatorFile<'a> {
    name: &'a str,
    operator: Address,
    data_dir: PathBuf,
    aggregators: Vec<String>,
    chain: ChainFile,
    keys: OperatorKeys,
    content: Content,
    evaluation: Evaluation,
    log: Log,
}

#[derive(Serialize)]
struct AggregatorFile<'a> {
    name: &'a str,
    data_dir: PathBuf,
    chain: ChainFile,
    keys: AggregatorKeys,
    http: Http,
    content: Content,
    log: Log,
}
