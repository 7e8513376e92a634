//! Trains the model of the x² request with libtorch, as an optimizer would.
//!
//! `init` writes untrained parameters, `train` improves given ones, `perturb` adds noise or breaks
//! them in ways that a market has to withstand. Architecture: `architecture.json` in this example.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use eyre::{ContextCompat, Result, WrapErr, ensure};
use tch::{Device, Kind, Tensor, nn, nn::OptimizerConfig};

/// Dense layers: name, inputs, units. Tanh between them.
const LAYERS: [(&str, i64, i64); 3] = [("hidden_1", 1, 5), ("hidden_2", 5, 10), ("answer", 10, 1)];
/// Points in one step.
const BATCH: i64 = 256;

#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Seed of all randomness; runs with the same seed are the same.
    #[arg(long, default_value_t = 1, global = true)]
    seed: i64,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write untrained parameters.
    Init {
        /// Where to write them (safetensors).
        output: PathBuf,
    },
    /// Train parameters.
    Train {
        /// Where to start from (safetensors).
        start: PathBuf,
        /// Where to write the result.
        output: PathBuf,
        /// Steps of Adam.
        #[arg(long, default_value_t = 4000)]
        steps: u32,
    },
    /// Change parameters without training them.
    Perturb {
        /// Where to start from (safetensors).
        start: PathBuf,
        /// Where to write the result.
        output: PathBuf,
        /// What to do.
        #[arg(long)]
        how: Change,
        /// Standard deviation of the noise.
        #[arg(long, default_value_t = 1e-4)]
        scale: f64,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Change {
    /// Add normal noise to every parameter.
    Noise,
    /// Put a NaN into the last layer.
    Nan,
    /// Give the first layer another shape.
    Shape,
}

type Parameters = Vec<(String, Tensor)>;

fn main() -> Result<()> {
    let cli = Cli::parse();
    tch::set_num_threads(1);
    tch::manual_seed(cli.seed);
    match cli.command {
        Command::Init { output } => write(&output, &init()),
        Command::Train {
            start,
            output,
            steps,
        } => {
            let trained = train(&read(&start)?, steps)?;
            write(&output, &trained)
        }
        Command::Perturb {
            start,
            output,
            how,
            scale,
        } => {
            let changed = perturb(read(&start)?, how, scale)?;
            write(&output, &changed)
        }
    }
}

/// Uniform weights as Keras and PyTorch begin with (Glorot and Bengio 2010), biases of zero.
fn init() -> Parameters {
    let mut parameters = Vec::new();
    for (name, inputs, units) in LAYERS {
        let bound = (6.0 / (inputs + units) as f64).sqrt();
        let mut weight = Tensor::zeros([units, inputs], (Kind::Float, Device::Cpu));
        let weight = weight.uniform_(-bound, bound);
        parameters.push((format!("{name}.weight"), weight));
        parameters.push((
            format!("{name}.bias"),
            Tensor::zeros([units], (Kind::Float, Device::Cpu)),
        ));
    }
    parameters
}

/// Minimises the mean squared error on fresh points between -1 and 1.
fn train(start: &Parameters, steps: u32) -> Result<Parameters> {
    let store = nn::VarStore::new(Device::Cpu);
    let root = store.root();
    let mut variables = Vec::new();
    for (name, tensor) in start {
        // A variable's path may hold no dots; the name is kept beside it.
        variables.push((name.clone(), root.var_copy(&name.replace('.', "_"), tensor)));
    }
    let find = |name: String| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, tensor)| tensor)
            .wrap_err_with(|| format!("the parameters lack {name}"))
    };
    let layers = LAYERS
        .iter()
        .map(|(name, ..)| {
            Ok((
                find(format!("{name}.weight"))?,
                find(format!("{name}.bias"))?,
            ))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut optimizer = nn::Adam::default().build(&store, 1e-2)?;
    for step in 0..steps {
        // A falling rate settles the last digits.
        optimizer.set_lr(1e-2 * (1.0 - f64::from(step) / f64::from(steps)));
        let x = Tensor::rand([BATCH, 1], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        let mut y = x.shallow_clone();
        for (i, (weight, bias)) in layers.iter().enumerate() {
            y = y.linear(weight, Some(*bias));
            if i + 1 < layers.len() {
                y = y.tanh();
            }
        }
        let loss = y.mse_loss(&x.square(), tch::Reduction::Mean);
        optimizer.backward_step(&loss);
    }
    Ok(variables
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.detach().copy()))
        .collect())
}

fn perturb(start: Parameters, how: Change, scale: f64) -> Result<Parameters> {
    let mut parameters = start;
    match how {
        Change::Noise => {
            for (_, tensor) in &mut parameters {
                *tensor = &*tensor + tensor.randn_like() * scale;
            }
        }
        Change::Nan => {
            let (_, last) = parameters.last_mut().wrap_err("there are no parameters")?;
            *last = last.full_like(f64::NAN);
        }
        Change::Shape => {
            let (_, first) = parameters.first_mut().wrap_err("there are no parameters")?;
            *first = Tensor::cat(&[&*first, &*first], 0);
        }
    }
    Ok(parameters)
}

fn read(path: &Path) -> Result<Parameters> {
    let parameters =
        Tensor::read_safetensors(path).wrap_err_with(|| format!("read {}", path.display()))?;
    ensure!(
        !parameters.is_empty(),
        "{} holds no parameters",
        path.display()
    );
    Ok(parameters)
}

fn write(path: &Path, parameters: &Parameters) -> Result<()> {
    let named: Vec<(&str, &Tensor)> = parameters.iter().map(|(n, t)| (n.as_str(), t)).collect();
    Tensor::write_safetensors(&named, path).wrap_err_with(|| format!("write {}", path.display()))
}
