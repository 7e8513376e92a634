//! Runs the program with an environment of its own.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Bad input is refused within this time.
const SOON: Duration = Duration::from_secs(1);
/// A busy machine may be slow now and then.
const TRIES: usize = 5;

/// A home folder and what the program is told by its environment.
pub struct Program {
    home: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// What a run printed.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Program {
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
            environment: Vec::new(),
        }
    }

    /// Sets one of the program's environment variables.
    pub fn with(mut self, variable: &'static str, value: impl ToString) -> Self {
        self.environment.push((variable, value.to_string()));
        self
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file that only its owner may read into the home folder.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.home().join(name);
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("narrowed");
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zarathustra"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .envs(
                self.environment
                    .iter()
                    .map(|(variable, value)| (variable, value)),
            )
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the program and leaves it running.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the program starts")
    }

    pub async fn run(&self, arguments: &[&str]) -> Output {
        let started = Instant::now();
        let output = self
            .command(arguments)
            .output()
            .await
            .expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Output {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            took: started.elapsed(),
        }
    }

    /// What a command that succeeds prints.
    pub async fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        assert_eq!(output.code, Some(0), "{arguments:?}: {}", output.stderr);
        output.stdout
    }

    /// The JSON that a command that succeeds prints.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let text = self.succeeds(&[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&text).expect("JSON")
    }

    /// Checks that a command refuses soon, with these words, a hint and this stable code.
    pub async fn refuses(&self, arguments: &[&str], code: &str, message: &str, hint: &str) {
        let mut slow = Vec::new();
        for _ in 0..TRIES {
            let output = self.run(arguments).await;
            assert_eq!(output.code, Some(1), "{arguments:?}: {}", output.stderr);
            assert_eq!(output.stdout, "", "{arguments:?}");
            let expected = match hint {
                "" => format!("error: {message}\n"),
                hint => format!("error: {message}\nhint: {hint}\n"),
            };
            assert_eq!(output.stderr, expected, "{arguments:?}");
            if output.took < SOON {
                return self.refuses_in_json(arguments, code, message, hint).await;
            }
            slow.push(output.took);
        }
        panic!("{arguments:?} took {slow:?}");
    }

    async fn refuses_in_json(&self, arguments: &[&str], code: &str, message: &str, hint: &str) {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (Some(1), ""),
            "{arguments:?}"
        );
        let error: Value = serde_json::from_str(&output.stderr).expect("JSON");
        let hint = if hint.is_empty() {
            Value::Null
        } else {
            hint.into()
        };
        let expected =
            serde_json::json!({ "error": { "code": code, "message": message, "hint": hint } });
        assert_eq!(error, expected, "{arguments:?}");
    }
}
