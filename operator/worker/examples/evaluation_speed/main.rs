//! How long evaluations take, for `cargo xtask bench evaluate`, which compares with plain PyTorch.
//!
//! `evaluation_speed WORKER FOLDER NAME SAMPLES BATCH ROUNDS`: FOLDER/NAME holds `architecture.json`,
//! `parameters.safetensors` and, unless the program that asks about noise will do, `evaluator.wasm`.
//! Prints one JSON object; times are in seconds, those of the model for one run over all samples. A
//! cold start is what an evaluation of the fewest samples takes but for scoring them: a new process,
//! both models, the program from the cache, the result.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use zarathustra_eval::architecture::{Architecture, InputType};
use zarathustra_eval::cost::{Cost, REFERENCE_MACS_PER_SECOND};
use zarathustra_eval::manifest::{ContentRef, Limits, Manifest};
use zarathustra_eval::parameters::Expected;
use zarathustra_eval::{Content, EvaluationJob, Submitted, WorkerSettings, evaluate};
use zarathustra_primitives::{Alpha, B256, Bound, Engine, Score, ScoreRange, Seed, Status};

const NOISE: &str = include_str!("noise.wat");
/// Integers of the noise are below this.
const TOKENS: u32 = 32;
/// Least samples of a request.
const LEAST_SAMPLES: u32 = 2;
/// Longer than any of these evaluations takes.
const WALL_SECONDS: u64 = 36_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [worker, folder, name, samples, batch, rounds] = arguments.as_slice() else {
        return Err("WORKER FOLDER NAME SAMPLES BATCH ROUNDS".into());
    };
    let folder = Path::new(folder).join(name);
    let job = job(&folder, samples.parse()?, batch.parse()?)?;
    let settings = WorkerSettings {
        wall: Duration::from_secs(WALL_SECONDS),
        worker: PathBuf::from(worker),
        ..WorkerSettings::discover(folder.join("cache"))?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // The first one compiles the program.
    runtime.block_on(evaluate(&job, &settings))?;
    // As little as there can be to score and to make a result of.
    let mut least = job.clone();
    least.manifest.samples = LEAST_SAMPLES;
    let (mut model, mut evaluator, mut start, mut peak) = (vec![], vec![], vec![], 0);
    for _ in 0..rounds.parse::<u32>()? {
        let done = runtime.block_on(evaluate(&job, &settings))?;
        if done.result.status() != Status::Ok {
            return Err(format!("{}: {:?}", done.result.status(), done.detail).into());
        }
        let spent = done.timings.spent;
        let seconds = |micros: u64| micros as f64 / 1e6;
        for (whole, of_model) in [
            (spent.champion_micros, spent.champion_seen.model_micros),
            (spent.challenger_micros, spent.challenger_seen.model_micros),
        ] {
            model.push(seconds(of_model));
            evaluator.push(seconds(whole.saturating_sub(of_model)));
        }
        peak = peak.max(done.timings.peak_memory_bytes);
        let done = runtime.block_on(evaluate(&least, &settings))?;
        if done.result.status() != Status::Ok {
            return Err(format!("{}: {:?}", done.result.status(), done.detail).into());
        }
        let spent = done.timings.spent;
        let scoring = seconds(spent.champion_micros + spent.challenger_micros);
        start.push(done.timings.total.as_secs_f64() - scoring);
    }
    let report = json!({
        "name": name,
        "model_seconds": model,
        "evaluator_seconds": evaluator,
        "cold_start_seconds": start,
        "peak_memory_bytes": peak,
    });
    println!("{report}");
    Ok(())
}

/// Both models are the same one; the terms allow what it costs.
fn job(folder: &Path, samples: u32, batch: u32) -> Result<EvaluationJob, Box<dyn Error>> {
    let text = std::fs::read(folder.join("architecture.json"))?;
    let architecture = Architecture::from_json(&text)?;
    let cost = Cost::of(&architecture);
    let parameters = folder.join("parameters.safetensors").canonicalize()?;
    let bytes = std::fs::read(&parameters)?;
    let own = folder.join("evaluator.wasm");
    let program = if own.exists() {
        std::fs::read(own)?
    } else {
        noise(&architecture, batch)?
    };
    let model = Submitted {
        expected: Expected::of(&bytes),
        content: Content::File(parameters),
    };
    let bound = 1_000_000_000_000;
    Ok(EvaluationJob {
        manifest: Manifest {
            name: "speed".to_owned(),
            description: String::new(),
            architecture: ContentRef::unpublished(&text),
            evaluator: ContentRef::unpublished(&program),
            samples,
            score_range: ScoreRange::new(Score::from_micros(-bound), Score::from_micros(bound))?,
            alpha: Alpha::from_ppb(1_000_000)?,
            bound: Bound::EmpiricalBernstein,
            limits: Limits {
                parameter_bytes: bytes.len() as u64,
                parameters: cost.parameters,
                macs_per_sample: cost.macs_per_sample,
                activation_bytes: cost.activation_bytes,
                // As much as the manifest may allow for this time.
                fuel: WALL_SECONDS * REFERENCE_MACS_PER_SECOND / 2,
                memory_bytes: 1 << 30,
                wall_seconds: WALL_SECONDS,
            },
        },
        architecture: text.into(),
        evaluator: program.into(),
        champion: model.clone(),
        challenger: model,
        seed: Seed::new(B256::repeat_byte(7)),
        engine: Engine::Libtorch,
    })
}

/// The program for the one input of a model.
fn noise(architecture: &Architecture, batch: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let [input] = architecture.inputs() else {
        return Err("a model with one input".into());
    };
    let row_bytes = 4 * input.shape.iter().product::<u64>();
    let value = match input.dtype {
        InputType::F32 => {
            // The upper 24 bits, from -1 to 1.
            "f32.store (i32.add (local.get $input) (local.get $i)) (f32.sub (f32.mul \
             (f32.convert_i32_u (i32.shr_u (local.get $state) (i32.const 8))) \
             (f32.const 0x1p-23)) (f32.const 1))"
                .to_owned()
        }
        InputType::I32 => format!(
            "i32.store (i32.add (local.get $input) (local.get $i)) (i32.rem_u \
             (i32.shr_u (local.get $state) (i32.const 16)) (i32.const {TOKENS}))"
        ),
    };
    let kind = match input.dtype {
        InputType::F32 => 1,
        InputType::I32 => 5,
    };
    let dimensions: Vec<u32> = std::iter::once(0)
        .chain(input.shape.iter().map(|size| *size as u32))
        .collect();
    let bytes = dimensions.iter().flat_map(|size| size.to_le_bytes());
    let escaped: String = bytes.map(|byte| format!("\\{byte:02x}")).collect();
    // Longer words first: some begin with others.
    let words = [
        ("NAME_LENGTH", input.name.len().to_string()),
        ("NAME", input.name.clone()),
        ("DIMENSIONS", escaped),
        ("RANK", dimensions.len().to_string()),
        ("TYPE", kind.to_string()),
        ("ROW_BYTES", row_bytes.to_string()),
        ("BATCH_BYTES", (u64::from(batch) * row_bytes).to_string()),
        ("BATCH", batch.to_string()),
        ("VALUE", value),
    ];
    let (head, body) = NOISE.split_at(NOISE.find("(component").ok_or("a component")?);
    let mut text = body.to_owned();
    for (word, with) in words {
        text = text.replace(word, &with);
    }
    Ok(wat::parse_str(head.to_owned() + &text)?)
}
