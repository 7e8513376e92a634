//! `zarathustra deploy`: the contracts, on any chain.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, B256, U256, utils::format_ether},
    providers::{DynProvider, Provider as _, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use clap::Args;
use eyre::{Context as _, Result};
use serde_json::{Value, json};
use zarathustra_chain::{Addresses, Chain, ChainError, Sender};
use zarathustra_deploy::{Artifacts, Checkout, Description, DryRun, Missing, Prepared, Progress};

use crate::{
    context::Globals,
    errors::refusal,
    output::{Answer, head, progress, table},
};

/// Deploy the market on a chain, or see what is missing of it: looks for every contract and every
/// setting first, checks those that are there byte by byte, and sends what is missing. A run that
/// was interrupted goes on where it stopped.
#[derive(Debug, Args)]
pub struct Deploy {
    /// The description of the chain (TOML), such as `deploy/chains/anvil.toml`.
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// Print what would be sent, with its gas, and send nothing. Needs no key where the description
    /// names the deployer.
    #[arg(long)]
    dry_run: bool,
    /// Where the addresses file is written that all programs read; `<name>.addresses.json` when
    /// absent.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder of the compiled contracts; that of the checkout around the current folder when
    /// absent.
    #[arg(long, value_name = "FOLDER")]
    artifacts: Option<PathBuf>,
}

impl Deploy {
    /// Runs the command.
    pub async fn run(self, globals: &Globals) -> Result<Option<Answer>> {
        let description = Description::read(&self.chain)?;
        let rpc_url = description.rpc_url.as_ref().unwrap_or(&globals.rpc_url);
        let artifacts = self.artifacts()?;
        let output = self.output.clone();
        let output =
            output.unwrap_or_else(|| format!("{}.addresses.json", description.name).into());
        let unfinished = output.with_extension("unfinished");
        let earlier = [&output, &unfinished]
            .into_iter()
            .find(|file| file.exists());
        let earlier = earlier.map(|file| Addresses::read(file)).transpose()?;

        let stated = description.deployer.address.filter(|_| self.dry_run);
        let (deployer, key) = match stated {
            Some(address) => (address, None),
            None => {
                let key = key(&description, globals)?;
                (key.address(), Some(key))
            }
        };
        let prepared = description
            .prepare(rpc_url, &artifacts, deployer, earlier.as_ref())
            .await?;
        if output.exists() && earlier.as_ref() != Some(&prepared.addresses) {
            return Err(refusal(
                "addresses_exist",
                format!("{} is of another deployment", output.display()),
                "name another file with --output",
            ));
        }
        match key.filter(|_| !self.dry_run) {
            None => dry_run(rpc_url, deployer, &prepared).await.map(Some),
            Some(key) => {
                let files = (output.as_path(), unfinished.as_path());
                send(globals, rpc_url, key, &prepared, files)
                    .await
                    .map(Some)
            }
        }
    }

    fn artifacts(&self) -> Result<Artifacts> {
        if let Some(folder) = &self.artifacts {
            return Ok(Artifacts::at(folder));
        }
        let checkout = Checkout::find().map_err(|error| {
            refusal(
                "no_artifacts",
                format!("the compiled contracts are not known: {error}"),
                "run this in the checkout, or name their folder with --artifacts",
            )
        })?;
        Ok(checkout.artifacts())
    }
}

/// The deployer's key, from where the description says, or the options of every command.
fn key(description: &Description, globals: &Globals) -> Result<PrivateKeySigner> {
    let deployer = &description.deployer;
    if let Some(variable) = &deployer.key_env {
        let text = std::env::var(variable).map_err(|_| {
            refusal(
                "no_key",
                format!("the variable {variable} does not hold the deployer's key"),
                "set it, or name a keystore in the description",
            )
        })?;
        // The error of a parser could repeat what it was given.
        let bytes = text.trim().parse::<B256>().ok();
        return bytes
            .and_then(|bytes| PrivateKeySigner::from_bytes(&bytes).ok())
            .ok_or_else(|| {
                refusal(
                    "key_malformed",
                    format!("the variable {variable} holds no key"),
                    "32 bytes of hexadecimal are expected",
                )
            });
    }
    match (&deployer.keystore, &deployer.password_file) {
        (Some(keystore), Some(password)) => {
            Ok(zarathustra_signer::open_wallet(keystore, password)?)
        }
        _ => globals.wallet(),
    }
}

/// Says what is missing.
async fn dry_run(rpc_url: &str, deployer: Address, prepared: &Prepared) -> Result<Answer> {
    let DryRun { missing, no_gas } = prepared.deployment.dry_run().await?;
    let steps = prepared.deployment.steps().len();
    let node = node(rpc_url)?;
    let price = node
        .get_gas_price()
        .await
        .map_err(ChainError::transport("eth_gasPrice"))?;
    let balance = node
        .get_balance(deployer)
        .await
        .map_err(ChainError::transport("eth_getBalance"))?;
    let gas: Option<u64> = missing.iter().map(|step| step.gas).sum();
    let cost = gas.map(|gas| U256::from(gas) * U256::from(price));
    let mut text = String::new();
    if missing.is_empty() {
        prepared.check_rights().await?;
        text.push_str("nothing is missing: ");
        text.push_str(&format!(
            "{steps} steps were found and checked, and the deployer has no role\n"
        ));
    } else {
        let mut rows = head(["step", "transaction", "to", "gas"]);
        rows.extend(missing.iter().map(|step| {
            let gas = step
                .gas
                .map_or_else(|| "not known".to_owned(), |gas| gas.to_string());
            vec![
                format!("{}/{steps}", step.number),
                step.name.clone(),
                step.to.to_string(),
                gas,
            ]
        }));
        text.push_str(&table(&rows));
        let total = match (gas, cost) {
            (Some(gas), Some(cost)) => format!(
                "{gas} gas, {} at the present price; the deployer {deployer} has {}\n",
                format_ether(cost),
                format_ether(balance)
            ),
            _ => format!(
                "the node does not say how much gas that takes: {}\n",
                no_gas.as_deref().unwrap_or("no reason")
            ),
        };
        text.push_str(&total);
    }
    let json = json!({
        "deployer": deployer,
        "steps": steps,
        "missing": missing.iter().map(transaction).collect::<Vec<_>>(),
        "gas": gas,
        "no_gas_because": no_gas,
        "cost": cost.map(|cost| cost.to_string()),
        "balance": balance.to_string(),
        "addresses": prepared.addresses,
    });
    Ok(Answer::new(text, json))
}

fn transaction(step: &Missing) -> Value {
    json!({
        "step": step.number,
        "name": step.name,
        "to": step.to,
        "data": step.data,
        "gas": step.gas,
    })
}

/// Sends what is missing and writes the addresses file.
async fn send(
    globals: &Globals,
    rpc_url: &str,
    key: PrivateKeySigner,
    prepared: &Prepared,
    (output, unfinished): (&Path, &Path),
) -> Result<Answer> {
    let sender = sender(globals, rpc_url, key, prepared.addresses.chain_id).await?;
    // Whoever goes on with this deployment knows its first block without an archive.
    prepared.addresses.write(unfinished)?;
    let mut told = Vec::new();
    let mut tell = |step: Progress| {
        let what = match step.sent {
            Some((hash, gas)) => format!("sent in {hash}, {gas} gas"),
            None => "found and checked".to_owned(),
        };
        progress(&format!(
            "{}/{} {}: {what}",
            step.number, step.of, step.name
        ));
        told.push(step);
    };
    prepared.run(&sender, &mut tell).await?;
    prepared.addresses.write(output)?;
    std::fs::remove_file(unfinished)
        .wrap_err_with(|| format!("remove {}", unfinished.display()))?;
    let sent = told.iter().filter(|step| step.sent.is_some()).count();
    let gas: u64 = told.iter().filter_map(|step| step.sent).map(|s| s.1).sum();
    let text = format!(
        "{} steps, {sent} sent with {gas} gas; the deployer has no role; addresses in {}\n",
        told.len(),
        output.display()
    );
    let steps: Vec<Value> = told
        .iter()
        .map(|step| {
            json!({
                "step": step.number,
                "name": step.name,
                "transaction": step.sent.map(|sent| sent.0),
                "gas": step.sent.map(|sent| sent.1),
            })
        })
        .collect();
    let json = json!({
        "file": output,
        "steps": steps,
        "gas": gas,
        "addresses": prepared.addresses,
    });
    Ok(Answer::new(text, json))
}

fn node(rpc_url: &str) -> Result<DynProvider> {
    let url = rpc_url.parse().map_err(|error| ChainError::UrlMalformed {
        url: rpc_url.to_owned(),
        reason: format!("{error}"),
    })?;
    let node = ProviderBuilder::new().disable_recommended_fillers();
    Ok(node.connect_http(url).erased())
}

/// Sends the deployer's transactions and writes each down before it is sent.
async fn sender(
    globals: &Globals,
    rpc_url: &str,
    key: PrivateKeySigner,
    chain_id: u64,
) -> Result<Sender> {
    let node = node(rpc_url)?;
    let name = globals.journal(&node, key.address()).await?;
    let store = Chain::open_store(&name)?;
    let policy = globals.fee_policy();
    Ok(Sender::new(node, key, chain_id, store, policy))
}
