//! The story that the demo plays: one request, six submissions, a lie, two missing operators.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, U256},
    sol,
};
use eyre::{ContextCompat, Result, WrapErr, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use tokio::{process::Command, time::sleep};
use zarathustra_chain::read;
use zarathustra_primitives::SubmissionState;

use crate::{
    Devnet, User,
    liar::Lie,
    record::{self, Credit, Slashed, SubmissionRecord},
};

sol! {
    interface IMintable {
        function mint(address to, uint256 amount) external;
    }
}

/// How long a submission may take to its end.
const SETTLED_WITHIN: Duration = Duration::from_secs(240);
/// Between two looks at a submission.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The request's money over the story, smallest units as decimal text.
#[derive(Clone, Debug, Serialize)]
pub struct Escrow {
    /// Reward escrow before the first submission.
    pub reward_before: String,
    /// Reward escrow after the last.
    pub reward_after: String,
    /// Fee escrow before the first submission.
    pub fee_before: String,
    /// Fee escrow after the last.
    pub fee_after: String,
}

/// The champion at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Champion {
    /// CID of its parameters.
    pub cid: String,
    /// Its certified score, millionths.
    pub score: i64,
    /// Champions so far, the baseline included.
    pub history: u64,
}

/// Everything that was played.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// The request.
    pub request: u64,
    /// Its submissions, in order.
    pub submissions: Vec<SubmissionRecord>,
    /// The champion at the end.
    pub champion: Champion,
    /// The request's money.
    pub escrow: Escrow,
}

/// Who plays and what was made so far.
pub struct Stage<'a> {
    network: &'a mut Devnet,
    owner: User,
    optimizer: User,
    token: Address,
    request: u64,
    folder: PathBuf,
    tell: &'a mut dyn FnMut(&str),
}

impl<'a> Stage<'a> {
    /// An owner posts the x² request with an untrained network; an optimizer fetches it.
    ///
    /// # Errors
    /// When a program fails, with what it said.
    pub async fn set(network: &'a mut Devnet, tell: &'a mut dyn FnMut(&str)) -> Result<Self> {
        Self::set_with(network, tell, |_| {}).await
    }

    /// As [`Stage::set`], with some of the request's terms changed.
    ///
    /// # Errors
    /// As for [`Stage::set`].
    pub async fn set_with(
        network: &'a mut Devnet,
        tell: &'a mut dyn FnMut(&str),
        change: impl FnOnce(&mut toml::Table),
    ) -> Result<Self> {
        let (owner, optimizer) = (
            network.user("owner").await?,
            network.user("optimizer").await?,
        );
        let token = network
            .addresses()
            .reward_token
            .wrap_err("the deployment has no reward token")?;
        let minter =
            zarathustra_deploy::Account::new(network.anvil().url(), owner.signer().clone())?;
        let supply = U256::from(10_000) * U256::from(10).pow(U256::from(18));
        minter
            .send(
                token,
                &IMintable::mintCall {
                    to: owner.address(),
                    amount: supply,
                },
            )
            .await?;
        let folder = network.folder().join("models");
        std::fs::create_dir_all(&folder)
            .wrap_err_with(|| format!("create {}", folder.display()))?;
        let mut stage = Self {
            network,
            owner,
            optimizer,
            token,
            request: 0,
            folder,
            tell,
        };
        stage.post(change).await?;
        Ok(stage)
    }

    /// The request.
    pub const fn request(&self) -> u64 {
        self.request
    }

    /// The request file that the owner posted.
    pub fn request_file(&self) -> PathBuf {
        self.model("request.toml")
    }

    /// The network.
    pub const fn network(&mut self) -> &mut Devnet {
        self.network
    }

    /// The owner.
    pub const fn owner(&self) -> &User {
        &self.owner
    }

    /// The reward token.
    pub const fn token(&self) -> Address {
        self.token
    }

    /// The optimizer.
    pub const fn optimizer(&self) -> &User {
        &self.optimizer
    }

    /// A file among the models.
    pub fn model(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn say(&mut self, line: &str) {
        (self.tell)(line);
    }

    /// Posts the request with untrained parameters.
    async fn post(&mut self, change: impl FnOnce(&mut toml::Table)) -> Result<()> {
        self.say("the owner posts the x² request: a Dense 5-10-1 network, untrained");
        self.train(&["init", &path(&self.model("untrained.safetensors"))])
            .await?;
        let example = self.network.checkout().root().join("examples/x-squared");
        // The request file names its neighbours; the baseline is ours.
        let text = std::fs::read_to_string(example.join("request.toml"))
            .wrap_err("read the request file")?;
        let mut file: toml::Table = text.parse().wrap_err("read the request file")?;
        let absolute = |value: &toml::Value| {
            value
                .as_str()
                .map(|p| toml::Value::String(path(&example.join(p))))
        };
        for key in ["architecture", "evaluator"] {
            let place = file
                .get(key)
                .and_then(absolute)
                .wrap_err_with(|| format!("the request file lacks {key}"))?;
            file.insert(key.to_owned(), place);
        }
        file.insert(
            "baseline".to_owned(),
            toml::Value::String(path(&self.model("untrained.safetensors"))),
        );
        let terms = file
            .get_mut("terms")
            .and_then(toml::Value::as_table_mut)
            .wrap_err("the request file lacks terms")?;
        terms.insert(
            "reward_token".to_owned(),
            toml::Value::String(self.token.to_string()),
        );
        change(terms);
        let request = self.request_file();
        std::fs::write(&request, toml::to_string_pretty(&file)?)
            .wrap_err("write the request file")?;
        let answer = self
            .owner
            .run(&["request", "create", &path(&request)])
            .await?;
        self.request = answer["request"]
            .as_u64()
            .wrap_err("the answer names no request")?;
        let start = path(&self.model("start"));
        self.optimizer
            .run(&[
                "request",
                "fetch",
                &self.request.to_string(),
                "--output",
                &start,
            ])
            .await?;
        Ok(())
    }

    /// Runs the example's trainer.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn train(&self, arguments: &[&str]) -> Result<()> {
        let program = self.network.programs().join("x-squared-train");
        let output = Command::new(&program)
            .args(arguments)
            .output()
            .await
            .wrap_err_with(|| format!("run {}", program.display()))?;
        ensure!(
            output.status.success(),
            "training failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// The optimizer commits and reveals parameters; answers the submission's number.
    ///
    /// # Errors
    /// When the program fails, with what it said.
    pub async fn send(&self, parameters: &Path) -> Result<u64> {
        self.send_as(&self.optimizer, parameters).await
    }

    async fn send_as(&self, optimizer: &User, parameters: &Path) -> Result<u64> {
        let answer = optimizer
            .run(&[
                "submission",
                "submit",
                "--request",
                &self.request.to_string(),
                "--parameters",
                &path(parameters),
            ])
            .await?;
        answer["submission"]
            .as_u64()
            .wrap_err("the answer names no submission")
    }

    /// Submits parameters and follows them to their end.
    ///
    /// # Errors
    /// When a program fails or the submission does not end in time.
    pub async fn submit(&mut self, title: &str, parameters: &Path) -> Result<SubmissionRecord> {
        self.say(title);
        let chain = self.network.chain().clone();
        let before = Credit::of(&chain, self.optimizer.address(), self.token).await?;
        let stakes = self.withdrawable().await?;
        let faults = record::executed_faults(&chain).await?.len();
        let id = self.send(parameters).await?;
        self.follow(id).await?;
        let slashed = self.slashed_since(faults, &stakes).await?;
        let record = record::submission(&chain, title, id, self.token, before, slashed).await?;
        self.tell_end(&record);
        Ok(record)
    }

    /// Submits parameters of several optimizers at once and follows them in the order of the queue.
    async fn submit_all(&mut self, entries: &[(&str, PathBuf)]) -> Result<Vec<SubmissionRecord>> {
        let chain = self.network.chain().clone();
        let mut sent = Vec::new();
        for (number, (title, parameters)) in entries.iter().enumerate() {
            // Each of its own account, so that each has its own balance.
            let optimizer = self
                .network
                .user(&format!("optimizer-{}", number + 2))
                .await?;
            let before = Credit::of(&chain, optimizer.address(), self.token).await?;
            let id = self.send_as(&optimizer, parameters).await?;
            self.say(&format!("submission {id} waits in the queue: {title}"));
            sent.push((*title, id, before));
        }
        let mut records = Vec::new();
        for (title, id, before) in sent {
            self.say(title);
            self.follow(id).await?;
            let record = record::submission(&chain, title, id, self.token, before, vec![]).await?;
            self.tell_end(&record);
            records.push(record);
        }
        Ok(records)
    }

    fn tell_end(&mut self, record: &SubmissionRecord) {
        let figures = match (record.improvement, record.lower_bound, record.upper_bound) {
            (Some(mean), Some(lower), Some(upper)) => {
                format!(
                    " improvement {} in [{}, {}]",
                    decimal(mean),
                    decimal(lower),
                    decimal(upper)
                )
            }
            _ => String::new(),
        };
        self.say(&format!(
            "  => {} ({}){figures}; {} of {} tokens of stake signed, {} gas",
            record.state,
            record.reason,
            tokens(&record.signed_stake),
            tokens(&record.total_stake),
            record.settle_gas
        ));
        for slash in &record.slashed {
            self.say(&format!(
                "  => operator {} slashed in EigenLayer: its staker lost {} tokens",
                slash.operator,
                tokens(&slash.shares)
            ));
        }
    }

    /// Tells each state of a submission until it is final.
    ///
    /// # Errors
    /// The chain's, and when that takes too long.
    pub async fn follow(&mut self, id: u64) -> Result<()> {
        let chain = self.network.chain().clone();
        let deadline = Instant::now() + SETTLED_WITHIN;
        let mut last = None;
        loop {
            let submission = read("submission", chain.market().submission(id)).await?;
            let state = SubmissionState::from_u8(submission.state)?;
            if last != Some(state) {
                let head = chain.head().await?;
                self.say(&format!("  block {:>4}  {}", head.number, state.code()));
                last = Some(state);
            }
            if state.is_final() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "submission {id} is still {} after {SETTLED_WITHIN:?}",
                    state.code()
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What each operator's staker could withdraw now.
    async fn withdrawable(&self) -> Result<Vec<(Address, U256)>> {
        let mut found = Vec::new();
        for operator in self.network.operators() {
            let staker = self.network.staker(&operator.name)?;
            let shares = self
                .network
                .eigenlayer()
                .withdrawable_shares(&staker, staker.address())
                .await?;
            found.push((self.network.operator_address(&operator.name), shares));
        }
        Ok(found)
    }

    /// Operators slashed since, once every recorded fault is executed.
    async fn slashed_since(
        &self,
        faults: usize,
        before: &[(Address, U256)],
    ) -> Result<Vec<Slashed>> {
        let chain = self.network.chain();
        let deadline = Instant::now() + SETTLED_WITHIN;
        let executed = loop {
            let recorded: usize = read("faultCount", chain.governance().faultCount())
                .await?
                .saturating_to();
            let executed = record::executed_faults(chain).await?;
            if executed.len() == recorded {
                break executed;
            }
            ensure!(
                Instant::now() < deadline,
                "a recorded fault was not executed in time"
            );
            sleep(LOOK_EVERY).await;
        };
        let after = self.withdrawable().await?;
        let mut slashed: Vec<Slashed> = Vec::new();
        for (operator, task_id) in executed.into_iter().skip(faults) {
            let shares = |list: &[(Address, U256)]| {
                list.iter()
                    .find(|(a, _)| *a == operator)
                    .map_or(U256::ZERO, |(_, s)| *s)
            };
            let lost = shares(before).saturating_sub(shares(&after));
            if slashed.iter().all(|s| s.operator != operator) {
                slashed.push(Slashed {
                    operator,
                    task_id,
                    shares: lost.to_string(),
                });
            }
        }
        Ok(slashed)
    }

    /// Plays the whole story.
    ///
    /// # Errors
    /// When a part of it cannot be played. That it turns out as told is for tests to check.
    pub async fn play(mut self) -> Result<Story> {
        let before = self.money().await?;
        let start = self.model("start/champion.safetensors");
        let [better, noisy, worse, nan, shape, best, last] =
            ["better", "noisy", "worse", "nan", "shape", "best", "last"]
                .map(|n| self.model(&format!("{n}.safetensors")));
        let mut told = Vec::new();

        self.say("the optimizer trains it with libtorch");
        self.train(&["train", &path(&start), &path(&better), "--steps", "200"])
            .await?;
        told.push(
            self.submit("the trained weights are submitted", &better)
                .await?,
        );

        self.say("four other optimizers try it with less");
        for (file, how, scale) in [
            (&noisy, "noise", "1e-5"),
            (&worse, "noise", "0.5"),
            (&nan, "nan", "0"),
            (&shape, "shape", "0"),
        ] {
            let (from, to) = (path(&better), path(file));
            self.train(&["perturb", &from, &to, "--how", how, "--scale", scale])
                .await?;
        }
        let rest = self
            .submit_all(&[
                ("the same weights with tiny noise", noisy),
                ("clearly worse weights", worse),
                ("weights with a NaN", nan),
                ("weights of a wrong shape", shape),
            ])
            .await?;
        told.extend(rest);

        self.train(&["train", &path(&better), &path(&best), "--steps", "4000"])
            .await?;
        told.push(self.lie(&best).await?);

        self.say("two attesters are switched off");
        for name in ["attester-4", "attester-5"] {
            self.network.stop(name).await?;
        }
        self.train(&[
            "--seed",
            "7",
            "perturb",
            &path(&best),
            &path(&last),
            "--how",
            "noise",
            "--scale",
            "1e-5",
        ])
        .await?;
        told.push(self.submit("a submission without them", &last).await?);

        let after = self.money().await?;
        let champion = self
            .owner
            .run(&["request", "show", &self.request.to_string()])
            .await?;
        Ok(Story {
            request: self.request,
            submissions: told,
            champion: Champion {
                cid: champion["champion"]["cid"]
                    .as_str()
                    .wrap_err("the request has no champion")?
                    .to_owned(),
                score: champion["champion"]["score"]
                    .as_i64()
                    .wrap_err("the champion has no score")?,
                history: champion["champion"]["history"]
                    .as_u64()
                    .wrap_err("there is no history")?,
            },
            escrow: Escrow {
                reward_before: before.0,
                reward_after: after.0,
                fee_before: before.1,
                fee_after: after.1,
            },
        })
    }

    /// Submits better weights, and has whoever claims first claim false scores.
    async fn lie(&mut self, parameters: &Path) -> Result<SubmissionRecord> {
        self.network
            .liar()
            .wrap_err("the network has no proxy")?
            .lie_once(Lie::Better);
        self.submit(
            "better weights, while a performer claims false scores",
            parameters,
        )
        .await
    }

    /// Reward and fee escrow of the request.
    async fn money(&self) -> Result<(String, String)> {
        let request: Value = self
            .owner
            .run(&["request", "show", &self.request.to_string()])
            .await?;
        let text = |key: &str| -> Result<String> {
            Ok(request[key]
                .as_str()
                .wrap_err_with(|| format!("the request has no {key}"))?
                .to_owned())
        };
        Ok((text("reward_escrow")?, text("fee_escrow")?))
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A number of millionths as a decimal number.
fn decimal(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    format!(
        "{sign}{}.{:06}",
        magnitude / 1_000_000,
        magnitude % 1_000_000
    )
}

/// A number of 1e18ths as tokens.
pub fn tokens(units: &str) -> String {
    const DECIMALS: usize = 18;
    let padded = format!("{units:0>width$}", width = DECIMALS + 1);
    let (whole, rest) = padded.split_at(padded.len() - DECIMALS);
    match rest.trim_end_matches('0') {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_shown_as_tokens() {
        assert_eq!(tokens("0"), "0");
        assert_eq!(tokens("28000000000000000000"), "28");
        assert_eq!(tokens("1500000000000000000"), "1.5");
        assert_eq!(tokens("1"), "0.000000000000000001");
    }
}
