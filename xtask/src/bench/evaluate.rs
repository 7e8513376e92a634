//! `cargo xtask bench evaluate`: evaluations against plain PyTorch, on the same models, data shapes,
//! dtype and thread count, in one run.

use std::{fs, path::PathBuf, process::Command};

use clap::Args;
use eyre::{OptionExt as _, Result, WrapErr as _, ensure, eyre};
use serde_json::{Value, json};

use crate::{checkout::Checkout, process};

/// Name, samples, samples in a batch as the evaluation program asks for them, and the ratio to plain
/// PyTorch that is aimed at. The examples run with their own programs.
const MODELS: [(&str, u32, u32, f64); 4] = [
    ("x-squared", 65_536, 1024, 1.0),
    ("digits", 4_096, 1024, 1.0),
    ("sequence", 4_096, 1024, 1.0),
    ("resnet-18", 32, 8, 1.05),
];
/// Rows whose answers are compared, relative to the largest answer.
const MOST_DIFFERENCE: f64 = 1e-4;
const MEBIBYTE: f64 = 1_048_576.0;

#[derive(Clone, Args)]
pub struct Evaluate {
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each side runs; they take turns, and the fastest run of each counts.
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().rounds)]
    rounds: u32,
    /// Only this model.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            json: None,
            rounds: 5,
            model: None,
        }
    }
}

/// Builds both sides, runs them in turns and prints a table.
pub fn evaluate(checkout: &Checkout, arguments: &Evaluate) -> Result<()> {
    let mut build = Command::new("cargo");
    build
        .args(["build", "--locked", "--release", "--package"])
        .args(["zarathustra-worker", "--bins", "--examples"])
        .current_dir(checkout.root());
    process::openly(&mut build)?;
    // It only starts the worker; all of the workspace, as the tests build it.
    let mut build = Command::new("cargo");
    build
        .args(["build", "--locked", "--workspace", "--bins"])
        .current_dir(checkout.root());
    process::openly(&mut build)?;
    let bench = Bench {
        checkout,
        folder: checkout.path("target/bench/evaluate"),
    };
    process::openly(&mut bench.pytorch("prepare"))?;
    for (name, ..) in MODELS {
        let evaluator = checkout.tools("evaluators").join(format!("{name}.wasm"));
        if evaluator.exists() {
            let copy = bench.folder.join(name).join("evaluator.wasm");
            fs::copy(&evaluator, &copy).wrap_err_with(|| copy.display().to_string())?;
        }
    }
    println!(
        "{:<10} {:>8} {:>10} {:>10} {:>7} {:>6} {:>11} {:>11} {:>10} {:>10}",
        "model",
        "samples",
        "ours s",
        "pytorch s",
        "ratio",
        "aim",
        "evaluator s",
        "cold start",
        "ours MiB",
        "pytorch"
    );
    let chosen = |name: &str| arguments.model.as_deref().is_none_or(|model| model == name);
    let mut rows = Vec::new();
    for (name, samples, batch, aim) in MODELS {
        if chosen(name) {
            let row = bench.measure(name, samples, batch, aim, arguments.rounds)?;
            show(&row);
            rows.push(row);
        }
    }
    ensure!(!rows.is_empty(), "no such model");
    let load = bench.libtorch_load()?;
    println!("libtorch's own load time: {load:.3} s; cold starts above it:");
    for row in &mut rows {
        let above = row["cold_start_seconds"].as_f64().unwrap_or(f64::NAN) - load;
        row["cold_start_above_libtorch_seconds"] = json!(above);
        println!(
            "  {:<10} {above:.3} s (aim 0.3)",
            row["name"].as_str().unwrap_or_default()
        );
    }
    let report = json!({ "libtorch_load_seconds": load, "rows": rows });
    if let Some(path) = &arguments.json {
        fs::write(path, format!("{report:#}\n")).wrap_err_with(|| path.display().to_string())?;
    }
    Ok(())
}

fn show(row: &Value) {
    let number = |field: &str| row[field].as_f64().unwrap_or(f64::NAN);
    println!(
        "{:<10} {:>8} {:>10.4} {:>10.4} {:>7.3} {:>6.2} {:>11.4} {:>11.3} {:>10.0} {:>10.0}",
        row["name"].as_str().unwrap_or_default(),
        row["samples"],
        number("model_seconds"),
        number("pytorch_seconds"),
        number("ratio"),
        number("aim"),
        number("evaluator_seconds"),
        number("cold_start_seconds"),
        number("peak_memory_bytes") / MEBIBYTE,
        number("pytorch_peak_memory_bytes") / MEBIBYTE,
    );
}

struct Bench<'a> {
    checkout: &'a Checkout,
    folder: PathBuf,
}

impl Bench<'_> {
    fn measure(
        &self,
        name: &str,
        samples: u32,
        batch: u32,
        aim: f64,
        rounds: u32,
    ) -> Result<Value> {
        let difference = self.difference(name)?;
        ensure!(
            difference <= MOST_DIFFERENCE,
            "{name}: the two sides' answers differ by {difference:e} of the largest"
        );
        let [mut model, mut evaluator, mut start, mut pytorch] = [f64::INFINITY; 4];
        let (mut peak, mut pytorch_peak) = (0, 0);
        let numbers = [samples, batch].map(|number| number.to_string());
        for _ in 0..rounds {
            let mut ours = Command::new(self.release("examples/evaluation_speed"));
            ours.arg(self.release("zarathustra-worker"))
                .arg(&self.folder)
                .args([name, &numbers[0], &numbers[1], "1"]);
            let ours = json_of(&mut ours)?;
            model = least(&ours, "model_seconds")?.min(model);
            evaluator = least(&ours, "evaluator_seconds")?.min(evaluator);
            start = least(&ours, "cold_start_seconds")?.min(start);
            peak = peak_memory_bytes(&ours)?.max(peak);

            let mut theirs = self.pytorch("time");
            theirs.args([name, "--samples", &numbers[0], "--batch", &numbers[1]]);
            let theirs = json_of(theirs.args(["--threads", "1", "--rounds", "2"]))?;
            pytorch = least(&theirs, "seconds")?.min(pytorch);
            pytorch_peak = peak_memory_bytes(&theirs)?.max(pytorch_peak);
        }
        Ok(json!({
            "name": name,
            "samples": samples,
            "batch": batch,
            "threads": 1,
            "model_seconds": model,
            "pytorch_seconds": pytorch,
            "ratio": model / pytorch,
            "aim": aim,
            "evaluator_seconds": evaluator,
            "cold_start_seconds": start,
            "peak_memory_bytes": peak,
            "pytorch_peak_memory_bytes": pytorch_peak,
            "difference": difference,
        }))
    }

    /// How far the answers of both sides are apart for the same rows.
    fn difference(&self, name: &str) -> Result<f64> {
        let folder = self.folder.join(name);
        let mut run = Command::new(self.checkout.path("target/debug/zarathustra"));
        run.args(["model", "run", "--worker"])
            .arg(self.release("zarathustra-worker"))
            .arg("--architecture")
            .arg(folder.join("architecture.json"))
            .arg("--parameters")
            .arg(folder.join("parameters.safetensors"))
            .arg("--inputs")
            .arg(folder.join("inputs.safetensors"))
            .arg("--output")
            .arg(folder.join("answers.safetensors"));
        process::quietly(&mut run)?;
        let mut compare = self.pytorch("compare");
        compare.arg(name).arg(folder.join("answers.safetensors"));
        json_of(&mut compare)?["difference"]
            .as_f64()
            .ok_or_eyre("no difference was told")
    }

    /// The fastest of a few starts of a worker that only says which environment it is, so that the
    /// loader's work on libtorch is all that it does.
    fn libtorch_load(&self) -> Result<f64> {
        let mut fastest = f64::INFINITY;
        for _ in 0..5 {
            let start = std::time::Instant::now();
            let mut worker = Command::new(self.release("zarathustra-worker"));
            process::quietly(worker.arg("--environment"))?;
            fastest = start.elapsed().as_secs_f64().min(fastest);
        }
        Ok(fastest)
    }

    fn release(&self, program: &str) -> PathBuf {
        self.checkout.path("target/release").join(program)
    }

    fn pytorch(&self, command: &str) -> Command {
        let mut python = Command::new("python3");
        let modules = [
            self.checkout.path("python"),
            self.checkout.tools("python-models"),
        ];
        python
            .arg(self.checkout.path("xtask/bench/plain_pytorch.py"))
            .arg(command)
            .arg(&self.folder)
            .env(
                "PYTHONPATH",
                modules.map(|path| path.display().to_string()).join(":"),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1");
        python
    }
}

/// The least of the numbers in a field of what a side says.
fn least(said: &Value, field: &str) -> Result<f64> {
    let numbers = said[field].as_array().into_iter().flatten();
    let numbers: Option<Vec<_>> = numbers.map(Value::as_f64).collect();
    numbers
        .and_then(|numbers| numbers.into_iter().reduce(f64::min))
        .ok_or_else(|| eyre!("{field} are no numbers in {said}"))
}

fn peak_memory_bytes(said: &Value) -> Result<u64> {
    said["peak_memory_bytes"]
        .as_u64()
        .ok_or_else(|| eyre!("no peak memory in {said}"))
}

fn json_of(command: &mut Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "`{}` ended with {}: {}",
        process::describe(command),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}
