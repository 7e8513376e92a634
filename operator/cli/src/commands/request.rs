//! `zarathustra request`: what owners do, and what optimizers need before they can start.

mod create;
mod file;
mod plan;
mod rules;
mod show;

pub use file::RequestFile;

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, U256};
use clap::Subcommand;
use eyre::{Context, Result};
use serde_json::json;
use zarathustra_chain::{Chain, abi::model_submission::IModelSubmission};
use zarathustra_eval::{
    architecture::MAX_ARCHITECTURE_BYTES,
    manifest::{ContentRef, MAX_EVALUATOR_BYTES, MAX_MANIFEST_BYTES, Manifest},
};
use zarathustra_improve::File;
use zarathustra_primitives::{Alpha, Digest, RequestState};

use crate::{
    amount::Amount,
    context::{Files, Globals, to_market, write_files},
    errors::refusal,
    output::{Answer, progress},
    reads,
    token::Token,
};

/// Post requests and look at them.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// Post a request: adds its files to IPFS and escrows the money.
    Create(Create),
    /// Say how many samples, how much time and which fee a request takes: runs its evaluator on the
    /// baseline, and simulates what the bounds would find.
    Plan(plan::Plan),
    /// Show a request: state, terms, champion, escrow.
    Show {
        /// The request.
        id: u64,
    },
    /// List requests, the newest last.
    List {
        /// Most that are listed.
        #[arg(long, default_value_t = 100)]
        limit: u64,
    },
    /// Fetch manifest, architecture, champion and evaluator: what an optimizer starts from.
    Fetch {
        /// The request.
        id: u64,
        /// Folder for the files.
        #[arg(long, short, value_name = "FOLDER")]
        output: PathBuf,
    },
    /// Add to a request's escrow or bond.
    Topup {
        /// The request.
        id: u64,
        /// More reward, in the reward token.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        reward: Amount,
        /// More for evaluation fees, in the native token.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        fee: Amount,
        /// More evaluator bond, in the native token.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        bond: Amount,
    },
    /// Close a request. The first time this starts the closing notice; once that has passed and
    /// nothing is pending, it credits what is left to the owner, to be withdrawn by `claim`.
    Close {
        /// The request.
        id: u64,
    },
}

/// What is posted.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// The request file (TOML), such as `examples/x-squared/request.toml`.
    file: PathBuf,
    /// Print fees, gas and worst cases, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Whose balance and gas a dry run looks at, when no key is named.
    #[arg(long, value_name = "ADDRESS", requires = "dry_run")]
    from: Option<Address>,
    /// The token of the reward, in place of the file's.
    #[arg(long, value_name = "ADDRESS")]
    reward_token: Option<Address>,
    /// Replaces a value of the file, such as `terms.queue_cap=8` or `evaluator="my.wasm"`.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Request {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        match self {
            Self::Create(create) => create.run(globals).await,
            Self::Plan(plan) => plan.run(globals).await,
            Self::Show { id } => show::show(&globals.chain().await?, id).await,
            Self::List { limit } => show::list(&globals.chain().await?, limit).await,
            Self::Fetch { id, output } => fetch(globals, id, &output).await,
            Self::Topup {
                id,
                reward,
                fee,
                bond,
            } => topup(globals, id, &reward, &fee, &bond).await,
            Self::Close { id } => close(globals, id).await,
        }
        .map(Some)
    }
}

async fn topup(
    globals: &Globals,
    id: u64,
    reward: &Amount,
    fee: &Amount,
    bond: &Amount,
) -> Result<Answer> {
    let (fee, bond) = (
        fee.native().wrap_err("--fee")?,
        bond.native().wrap_err("--bond")?,
    );
    let chain = globals.chain_with_key().await?;
    let token = Token::of(&chain, reads::terms(&chain, id).await?.rewardToken).await?;
    let reward = token.amount(reward).wrap_err("--reward")?;
    if (reward, fee, bond) == (0, 0, 0) {
        return Err(refusal(
            "nothing_to_add",
            "nothing is added",
            "name --reward, --fee or --bond",
        ));
    }
    create::approve(&chain, &token, reward).await?;
    let native_reward = if token.is_native() { reward } else { 0 };
    let value = U256::from(native_reward) + U256::from(fee) + U256::from(bond);
    to_market(
        &chain,
        IModelSubmission::topUpCall {
            requestId: id,
            reward,
            fee,
            bond,
        },
        value,
    )
    .await?;
    show::show(&chain, id).await
}

async fn close(globals: &Globals, id: u64) -> Result<Answer> {
    let chain = globals.chain_with_key().await?;
    let request = reads::request(&chain, id).await?;
    match RequestState::from_u8(request.state)? {
        RequestState::Closing => {
            to_market(
                &chain,
                IModelSubmission::reclaimCall { requestId: id },
                U256::ZERO,
            )
            .await?;
            progress("what was left is credited to the owner; `zarathustra claim` withdraws it");
        }
        _ => {
            to_market(
                &chain,
                IModelSubmission::closeCall { requestId: id },
                U256::ZERO,
            )
            .await?;
            progress("the closing notice runs; close again when it has passed");
        }
    }
    show::show(&chain, id).await
}

/// The files of a request, each checked against what chain and manifest promise.
pub struct Bundle {
    /// The manifest, checked against the request's terms.
    pub manifest: Manifest,
    /// The manifest's bytes.
    pub manifest_bytes: Vec<u8>,
    /// The architecture's bytes.
    pub architecture: Vec<u8>,
    /// The evaluator's bytes.
    pub evaluator: Vec<u8>,
    /// The champion's bytes.
    pub champion: Vec<u8>,
}

impl Bundle {
    /// Fetches all of a request's files.
    pub async fn fetch(chain: &Chain, content: &Files, id: u64) -> Result<Self> {
        let terms = reads::terms(chain, id).await?;
        let manifest_file = reads::manifest(chain, id).await?;
        let champion_file = File::from(&reads::champion(chain, id).await?.content);
        let manifest_bytes = content
            .named("manifest", &manifest_file, MAX_MANIFEST_BYTES as u64)
            .await?;
        let unusable =
            "operators call the evaluator of such a request invalid; do not submit to it";
        let manifest = Manifest::from_json(&manifest_bytes)
            .and_then(|m| match Alpha::from_ppb(terms.alphaPpb) {
                Ok(alpha) => m.check_terms(alpha, terms.minSamples).map(|()| m),
                Err(_) => Ok(m),
            })
            .map_err(|e| {
                refusal(
                    e.code(),
                    format!("the request's manifest is unusable: {e}"),
                    unusable,
                )
            })?;
        Ok(Self {
            architecture: content
                .named(
                    "architecture",
                    &named(&manifest.architecture),
                    MAX_ARCHITECTURE_BYTES as u64,
                )
                .await?,
            evaluator: content
                .named(
                    "evaluator",
                    &named(&manifest.evaluator),
                    MAX_EVALUATOR_BYTES,
                )
                .await?,
            champion: content
                .named("champion", &champion_file, terms.maxParameterBytes)
                .await?,
            manifest,
            manifest_bytes,
        })
    }
}

/// A file that a manifest names.
fn named(reference: &ContentRef) -> File {
    File {
        id: reference.cid.parse(),
        digest: reference.sha256,
        size: reference.size,
    }
}

async fn fetch(globals: &Globals, id: u64, output: &Path) -> Result<Answer> {
    let chain = globals.chain().await?;
    let bundle = Bundle::fetch(&chain, &globals.content()?, id).await?;
    let files: [(&str, &[u8]); 4] = [
        ("manifest.json", &bundle.manifest_bytes),
        ("architecture.json", &bundle.architecture),
        ("champion.safetensors", &bundle.champion),
        ("evaluator.wasm", &bundle.evaluator),
    ];
    let paths = write_files(output, &files)?;
    let mut text = String::new();
    let mut list = Vec::new();
    for (path, (_, bytes)) in paths.iter().zip(files) {
        let digest = Digest::of(bytes).to_string();
        text.push_str(&format!(
            "{}  {} bytes  sha256 {digest}\n",
            path.display(),
            bytes.len()
        ));
        list.push(json!({ "path": path, "bytes": bytes.len(), "sha256": digest }));
    }
    Ok(Answer::new(text, json!({ "request": id, "files": list })))
}
