//! The request file: an owner's terms and files in one TOML document.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use alloy::primitives::{Address, aliases::U96};
use eyre::{Context, Result, ensure};
use serde::Deserialize;
use zarathustra_chain::{
    Addresses,
    abi::model_submission::IModelSubmissionTypes::{Content, RetentionTerms, Terms},
};
use zarathustra_content::{ContentId, file_id};
use zarathustra_eval::{
    architecture::{Architecture, MAX_ARCHITECTURE_BYTES},
    cost::Cost,
    manifest::{ContentRef, Limits, MAX_EVALUATOR_BYTES, Manifest, bound_named},
    parameters::Parameters,
};
use zarathustra_improve::IMPROVE;
use zarathustra_primitives::{Alpha, Bound, Digest, Score, ScoreRange};
use zarathustra_retain::RETAIN;

use crate::{
    amount::Amount,
    commands::evaluator::Trial,
    context::{Files, read_file},
    errors::refusal,
    token::Token,
};

/// Largest request file.
const MAX_REQUEST_BYTES: u64 = 1 << 20;

/// A request as its owner writes it. Paths are relative to the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    name: String,
    description: String,
    architecture: PathBuf,
    evaluator: PathBuf,
    baseline: PathBuf,
    samples: u32,
    score_range: [Decimal; 2],
    #[serde(default)]
    bound: BoundName,
    limits: Limits,
    terms: TermsFile,
    escrow: EscrowFile,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TermsFile {
    reward_token: RewardToken,
    reward: Amount,
    reward_value: Amount,
    alpha_ppb: u32,
    min_samples: u32,
    min_improvement: Decimal,
    tolerance: Decimal,
    slash_margin: Decimal,
    #[serde(default)]
    advantage: Decimal,
    #[serde(default)]
    advantage_period: u32,
    #[serde(default)]
    retention_bps: u16,
    #[serde(default)]
    retention_time: u32,
    #[serde(default)]
    retention_window: u32,
    evaluation_fee: Amount,
    deposit: Amount,
    #[serde(default)]
    deposit_growth_bps: u32,
    #[serde(default)]
    deposit_decay: u32,
    unavailable_penalty: Amount,
    compensation: Amount,
    queue_cap: u16,
    reveal_window: u32,
    queue_window: u32,
    close_notice: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EscrowFile {
    reward: Amount,
    fees: Amount,
    bond: Amount,
}

/// A bound as manifests call it; empirical Bernstein where a file names none.
#[derive(Clone, Copy, Debug)]
struct BoundName(Bound);

impl Default for BoundName {
    fn default() -> Self {
        Self(Bound::EmpiricalBernstein)
    }
}

impl<'de> Deserialize<'de> for BoundName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        bound_named(&String::deserialize(d)?)
            .map(Self)
            .ok_or_else(|| {
                serde::de::Error::custom("expected \"empirical-bernstein\" or \"betting\"")
            })
    }
}

/// Which token a request pays in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RewardToken {
    Native,
    /// The token that the deployment of a development chain brings along.
    Devnet,
    At(Address),
}

impl<'de> Deserialize<'de> for RewardToken {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match String::deserialize(d)?.as_str() {
            "native" => Ok(Self::Native),
            "devnet" => Ok(Self::Devnet),
            text => text.parse().map(Self::At).map_err(|_| {
                serde::de::Error::custom(
                    "expected \"native\", \"devnet\" or the address of an ERC-20",
                )
            }),
        }
    }
}

/// A decimal number of at most six digits behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Decimal(pub(super) Score);

impl Decimal {
    fn of(value: f64) -> Result<Self, String> {
        const SCALE: f64 = Score::SCALE as f64;
        let micros = (value * SCALE).round();
        // Dividing integers below 2^53 rounds correctly, so that this holds exactly for the numbers
        // that were written with at most six decimals.
        if micros.abs() <= ScoreRange::MAX_MICROS as f64 && micros / SCALE == value {
            Ok(Self(Score::from_micros(micros as i64)))
        } else {
            Err(format!(
                "{value} has more than six decimals or is too large"
            ))
        }
    }
}

impl FromStr for Decimal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = text.parse().map_err(|_| format!("{text:?} is no number"))?;
        Self::of(value)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Self::of(f64::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// The files that a request names.
pub(super) struct Sources {
    pub(super) architecture: Vec<u8>,
    pub(super) evaluator: Vec<u8>,
    pub(super) baseline: Vec<u8>,
    /// Seconds that an evaluation with the reference engine is reckoned to take.
    pub(super) reference_seconds: u64,
}

/// What decides about an evaluation, and what it costs. Scores are in millionths, money in wei.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judging {
    pub(super) min_improvement: i64,
    pub(super) evaluation_fee: u128,
    pub(super) reward_value: u128,
}

/// A request ready to be posted.
#[derive(Debug)]
pub struct Prepared {
    /// Its terms.
    pub terms: Terms,
    /// Its manifest.
    pub manifest: Content,
    /// Its baseline.
    pub baseline: Content,
    /// The manifest's CID.
    pub manifest_cid: ContentId,
    /// The baseline's CID.
    pub baseline_cid: ContentId,
    /// Number of samples of an evaluation.
    pub samples: u32,
    /// Seconds that an evaluation with the reference engine is reckoned to take.
    pub reference_seconds: u64,
    /// Escrow for rewards, in the reward token.
    pub reward_escrow: u128,
    /// Escrow for fees, wei.
    pub fee_escrow: u128,
    /// Evaluator bond, wei.
    pub bond: u128,
}

impl RequestFile {
    /// Reads a request file, with some of its values replaced (`key.key=value`, the value as in
    /// TOML or as plain text).
    pub fn read(path: &Path, replaced: &[String]) -> Result<Self> {
        let context = || format!("read the request file {}", path.display());
        let bytes = read_file(path, MAX_REQUEST_BYTES)?;
        let text = String::from_utf8(bytes).wrap_err_with(context)?;
        let hint = "`examples/x-squared/request.toml` shows every key";
        let malformed = |e: toml::de::Error| {
            // Its own message draws the line and points at it.
            refusal(
                "request_file",
                format!("{}:\n{}", context(), e.to_string().trim_end()),
                hint,
            )
        };
        let mut file: Self = if replaced.is_empty() {
            toml::from_str(&text).map_err(malformed)?
        } else {
            let mut table: toml::Table = toml::from_str(&text).map_err(malformed)?;
            for setting in replaced {
                replace(&mut table, setting)?;
            }
            table.try_into().map_err(malformed)?
        };
        file.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(file)
    }

    /// Whether part of the reward is held back (specification 4.10).
    pub const fn retains(&self) -> bool {
        self.terms.retention_bps != 0
    }

    /// The address of the token that the request pays in.
    pub fn reward_token(&self, addresses: &Addresses) -> Result<Address> {
        match self.terms.reward_token {
            RewardToken::Native => Ok(Address::ZERO),
            RewardToken::At(address) => Ok(address),
            RewardToken::Devnet => addresses.reward_token.ok_or_else(|| {
                refusal(
                    "no_devnet_token",
                    "the request pays in the token of a development chain, and this deployment has none",
                    "name a token with --reward-token",
                )
            }),
        }
    }

    /// Reads the files and checks that the baseline fits the architecture and both fit the limits.
    pub(super) fn sources(&self) -> Result<Sources> {
        let read = |path: &Path, cap| read_file(&self.folder.join(path), cap);
        let architecture = read(&self.architecture, MAX_ARCHITECTURE_BYTES as u64)?;
        let baseline = read(&self.baseline, self.limits.parameter_bytes)?;
        let parsed = Architecture::from_json(&architecture).wrap_err("read the architecture")?;
        let cost = Cost::of(&parsed);
        if let Some(limit) = self.limits.exceeded_by(&cost) {
            return Err(refusal(
                "limit_too_low",
                format!("the architecture needs more than limits.{limit} allows"),
                "`zarathustra model inspect` shows what it needs",
            ));
        }
        // That the reference engine uses up the fuel in time is the manifest's rule.
        let (needed, allowed) = (cost.fuel(self.samples), self.limits.fuel);
        if needed > allowed {
            return Err(refusal(
                "limit_too_low",
                format!(
                    "{} samples of {} multiply-adds take {needed} fuel, and limits.fuel allows {allowed}",
                    self.samples, cost.macs_per_sample
                ),
                "allow more fuel, or ask for fewer samples or a smaller model",
            ));
        }
        Parameters::from_safetensors(&baseline, &parsed)
            .wrap_err("the baseline does not fit the architecture")?;
        let evaluator =
            read(&self.evaluator, MAX_EVALUATOR_BYTES).wrap_err("read the evaluator")?;
        Ok(Sources {
            architecture,
            evaluator,
            baseline,
            reference_seconds: cost.reference_seconds(self.samples),
        })
    }

    /// What `zarathustra evaluator check` tries: the files, and the manifest that they make.
    pub async fn trial(&self) -> Result<Trial> {
        let sources = self.sources()?;
        let manifest = self.manifest(&sources, None).await?;
        Ok(Trial {
            evaluator: sources.evaluator,
            architecture: sources.architecture,
            parameters: sources.baseline,
            manifest,
            tolerance: self.terms.tolerance.0,
        })
    }

    /// Makes the manifest of the files. With `content` these are added to IPFS.
    pub(super) async fn manifest(
        &self,
        sources: &Sources,
        content: Option<&Files>,
    ) -> Result<Manifest> {
        let [lo, hi] = self.score_range;
        let manifest = Manifest {
            name: self.name.clone(),
            description: self.description.clone(),
            architecture: reference(content, &sources.architecture).await?,
            evaluator: reference(content, &sources.evaluator).await?,
            samples: self.samples,
            score_range: ScoreRange::new(lo.0, hi.0).wrap_err("read score_range")?,
            alpha: Alpha::from_ppb(self.terms.alpha_ppb).wrap_err("read terms.alpha_ppb")?,
            bound: self.bound.0,
            limits: self.limits,
        };
        Manifest::from_json(manifest.to_json().as_bytes())
            .wrap_err("the request does not make a valid manifest")
    }

    /// What a plan needs of the terms.
    pub(super) fn judging(&self) -> Result<Judging> {
        let t = &self.terms;
        Ok(Judging {
            min_improvement: t.min_improvement.0.micros(),
            evaluation_fee: t
                .evaluation_fee
                .native()
                .wrap_err("read terms.evaluation_fee")?,
            reward_value: t
                .reward_value
                .native()
                .wrap_err("read terms.reward_value")?,
        })
    }

    /// Reads and checks the files and makes the manifest. With `content` the files are added to
    /// IPFS; without, only their CIDs are computed.
    pub async fn prepare(&self, token: &Token, content: Option<&Files>) -> Result<Prepared> {
        let sources = self.sources()?;
        let terms = self.terms(token)?;
        let manifest = self.manifest(&sources, content).await?;
        let baseline = &sources.baseline;
        let manifest_bytes = manifest.to_json().into_bytes();
        let manifest_cid = place(content, &manifest_bytes).await?;
        let baseline_cid = place(content, baseline).await?;
        let escrow = &self.escrow;
        Ok(Prepared {
            terms,
            manifest: on_chain(manifest_cid, &manifest_bytes),
            baseline: on_chain(baseline_cid, baseline),
            manifest_cid,
            baseline_cid,
            samples: self.samples,
            reference_seconds: sources.reference_seconds,
            reward_escrow: token
                .amount(&escrow.reward)
                .wrap_err("read escrow.reward")?,
            fee_escrow: escrow.fees.native().wrap_err("read escrow.fees")?,
            bond: escrow.bond.native().wrap_err("read escrow.bond")?,
        })
    }

    fn terms(&self, token: &Token) -> Result<Terms> {
        let t = &self.terms;
        Ok(Terms {
            kind: IMPROVE.get(),
            queueCap: t.queue_cap,
            minSamples: t.min_samples,
            alphaPpb: t.alpha_ppb,
            revealWindow: t.reveal_window,
            queueWindow: t.queue_window,
            closeNotice: t.close_notice,
            maxParameterBytes: self.limits.parameter_bytes,
            minImprovement: t.min_improvement.0.micros(),
            tolerance: t.tolerance.0.micros(),
            slashMargin: t.slash_margin.0.micros(),
            advantage: t.advantage.0.micros(),
            rewardToken: token.address,
            advantagePeriod: t.advantage_period,
            reward: token.amount(&t.reward).wrap_err("read terms.reward")?,
            rewardValue: t
                .reward_value
                .native()
                .wrap_err("read terms.reward_value")?,
            evaluationFee: small("terms.evaluation_fee", &t.evaluation_fee)?,
            deposit: small("terms.deposit", &t.deposit)?,
            depositGrowthBps: t.deposit_growth_bps,
            depositDecay: t.deposit_decay,
            unavailablePenalty: small("terms.unavailable_penalty", &t.unavailable_penalty)?,
            compensation: small("terms.compensation", &t.compensation)?,
            retention: RetentionTerms {
                time: t.retention_time,
                window: t.retention_window,
                bps: t.retention_bps,
                kind: match t.retention_bps {
                    0 => 0,
                    _ => RETAIN.get(),
                },
            },
        })
    }
}

/// Sets one value of a TOML document.
fn replace(table: &mut toml::Table, setting: &str) -> Result<()> {
    let (key, value) = setting.split_once('=').ok_or_else(|| {
        refusal(
            "setting_malformed",
            format!("--set {setting}: there is no ="),
            "write --set terms.queue_cap=8",
        )
    })?;
    // What is no TOML value by itself, such as an address, is meant as text.
    let value = toml::from_str::<toml::Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let last = path.pop().unwrap_or_default();
    let mut at = table;
    for part in path {
        let inner = at
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = inner.as_table_mut().ok_or_else(|| {
            refusal(
                "setting_malformed",
                format!("--set {key}: {part} is no table"),
                "write --set terms.queue_cap=8",
            )
        })?;
    }
    at.insert(last.to_owned(), value);
    Ok(())
}

fn small(field: &str, amount: &Amount) -> Result<U96> {
    let wei = amount.native().wrap_err_with(|| format!("read {field}"))?;
    ensure!(
        wei < 1 << 96,
        "read {field}: {amount} is more than 2^96 wei"
    );
    Ok(U96::from(wei))
}

async fn place(content: Option<&Files>, bytes: &[u8]) -> Result<ContentId> {
    match content {
        Some(files) => files.add(bytes).await,
        None => Ok(file_id(bytes)),
    }
}

async fn reference(content: Option<&Files>, bytes: &[u8]) -> Result<ContentRef> {
    let cid = place(content, bytes).await?;
    Ok(ContentRef {
        cid: cid.to_string(),
        sha256: Digest::of(bytes),
        size: bytes.len() as u64,
    })
}

fn on_chain(cid: ContentId, bytes: &[u8]) -> Content {
    Content {
        cid: cid.to_bytes().to_vec().into(),
        digest: Digest::of(bytes).word(),
        size: bytes.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, setting: &str) -> Result<toml::Table> {
        let mut table = text.parse::<toml::Table>().expect("TOML");
        replace(&mut table, setting)?;
        Ok(table)
    }

    #[test]
    fn values_are_replaced_by_their_path() {
        let changed = set("a = 1\n[t]\nb = 2", "t.b=3").expect("set");
        assert_eq!(changed.to_string(), "a = 1\n\n[t]\nb = 3\n");
        let changed = set("", "t.token=0xab cd").expect("set");
        assert_eq!(changed.to_string(), "[t]\ntoken = \"0xab cd\"\n");
        assert!(set("a = 1", "a.b=1").is_err());
        assert!(set("a = 1", "a").is_err());
    }

    #[test]
    fn decimals_are_exact() {
        #[derive(Deserialize)]
        struct Of {
            x: Decimal,
        }
        let read =
            |text: &str| toml::from_str::<Of>(&format!("x = {text}")).map(|of| of.x.0.micros());
        assert_eq!(read("0.000001"), Ok(1));
        assert_eq!(read("-1.0"), Ok(-1_000_000));
        assert_eq!(read("0.3"), Ok(300_000));
        for text in ["0.0000015", "1e300", "nan", "inf"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
