//! Programs of the project as child processes, with their logs in files.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use eyre::{Result, WrapErr, bail, eyre};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    time::sleep,
};

/// How long a program may take to say that it has started.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How long a program may take to stop after it was asked to.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at a log.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program whose output goes to `<folder>/<name>.log`, after what is there.
    ///
    /// # Errors
    /// When the program or the log file cannot be opened.
    pub fn spawn(name: &str, program: &Path, arguments: &[String], folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .wrap_err_with(|| format!("open {}", log.display()))?;
        let child = Command::new(program)
            .args(arguments)
            // Their settings say what they log.
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(file.try_clone().wrap_err("share the log file")?)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .wrap_err_with(|| format!("start {}", program.display()))?;
        Ok(Self {
            name: name.to_owned(),
            log,
            child,
        })
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process number, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for a line of the log, from byte `from` on, for which `find` gives something.
    ///
    /// # Errors
    /// When the program ends first, or too much time passes; with the end of its log.
    pub async fn wait_for<T>(&mut self, from: u64, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            let text = self.text()?;
            let new = text.get(usize::try_from(from)?..).unwrap_or_default();
            if let Some(found) = new.lines().find_map(&find) {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended with {status}; the end of its log:\n{}",
                    self.name,
                    tail(&text)
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} did not start within {START_WITHIN:?}; the end of its log:\n{}",
                    self.name,
                    tail(&text)
                );
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Everything it has logged.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn text(&self) -> Result<String> {
        let bytes =
            std::fs::read(&self.log).wrap_err_with(|| format!("read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Kills it as a power failure would.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .await
            .wrap_err_with(|| format!("kill {}", self.name))
    }

    /// Asks it to stop and waits until it has.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub async fn stop(mut self) -> Result<()> {
        let id = self
            .child
            .id()
            .ok_or_else(|| eyre!("{} has ended already", self.name))?;
        let asked = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        eyre::ensure!(asked.success(), "{} cannot be signalled", self.name);
        match tokio::time::timeout(STOP_WITHIN, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                eyre::ensure!(status.success(), "{} stopped with {status}", self.name);
                Ok(())
            }
            Err(_) => bail!("{} did not stop within {STOP_WITHIN:?}", self.name),
        }
    }

    /// Resident memory, bytes; `None` when it has ended.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    }
}

/// Where a daemon listens, as its line "started" says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Address of its pages.
    pub url: String,
    /// Addresses of its content node.
    pub content: Vec<String>,
}

/// Reads the line "started" of a daemon that logs JSON.
pub fn started(line: &str) -> Option<Started> {
    let entry: Value = serde_json::from_str(line).ok()?;
    if entry.get("message")?.as_str()? != "started" {
        return None;
    }
    Some(Started {
        url: format!("http://{}", entry.get("listen")?.as_str()?),
        content: entry
            .get("content")?
            .as_str()?
            .split(',')
            .map(str::to_owned)
            .collect(),
    })
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
