//! One evaluation: the files are checked in the order of the specification, then the program
//! scores each model in a store of its own.

use std::collections::TryReserveError;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Instant;

use tch::Device;
use wasmparser::{BinaryReaderError, Parser};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, OutOfMemory, Store, Trap};
use zarathustra_eval::architecture::{Architecture, MAX_ARCHITECTURE_BYTES};
use zarathustra_eval::cost::Cost;
use zarathustra_eval::faults;
use zarathustra_eval::manifest::{MAX_EVALUATOR_BYTES, Manifest};
use zarathustra_eval::parameters::{self, Expected, ParametersError};
use zarathustra_eval::wire::{
    CodeFile, Evaluate, JobFile, LocalKind, MAX_CALL_BYTES, MAX_CODE_BYTES, Seen, Spent,
};
use zarathustra_primitives::{SampleScore, SampleScores, Score, Seed, Status};

use crate::Ended;
use crate::engine::{self, CodeError};
use crate::model::{EngineError, Model};
use crate::nn::{self, EvaluatorPre, Host, Role, Rows, Stopped};
use crate::quantise::{is_beyond, quantise};

/// Compiles the evaluator: machine code for an engine of the same settings.
///
/// # Errors
/// When it is not the pinned file or no evaluator.
pub fn compile(file: &JobFile) -> Result<Vec<u8>, Ended> {
    let engine = engine::engine().map_err(internal)?;
    let bytes = read_evaluator(file)?;
    // What cannot be compiled is the owner's fault where it is no valid component, which every
    // machine finds alike. What a processor lacks, or a compiler, is none of the owner's.
    if !Parser::is_component(&bytes) {
        return Err(no_evaluator("the file is no component"));
    }
    let component = engine::compile(&engine, &bytes).map_err(|error| {
        if caused_by::<BinaryReaderError>(&error) {
            return no_evaluator(format!("{error:#}"));
        }
        lacking_resources(&error)
            .unwrap_or_else(|| Ended::local(LocalKind::Unsupported, format!("{error:#}")))
    })?;
    prepare(&engine, &component)?;
    let code = component.serialize().map_err(internal)?;
    if code.len() > MAX_CODE_BYTES as usize {
        let detail = format!("the evaluator compiles to {} bytes", code.len());
        return Err(Ended::local(LocalKind::Unsupported, detail));
    }
    Ok(code)
}

/// Scores both models.
///
/// # Errors
/// When the content is at fault, or when it cannot be done here.
pub fn evaluate(task: &Evaluate, device: Device) -> Result<(Spent, SampleScores), Ended> {
    check_processor()?;
    let started = Instant::now();
    let manifest = Manifest::from_json(task.manifest.as_bytes()).map_err(internal)?;
    let seed: Seed = task.seed.parse().map_err(internal)?;

    // The request is checked before the challenger: what is wrong with it is its owner's fault,
    // whatever was submitted to it.
    let architecture = load_architecture(&task.architecture, &manifest)?;
    let engine = engine::engine().map_err(internal)?;
    let evaluator = load_evaluator(&engine, &task.evaluator, &task.code)?;
    let load = |file| load_model(file, &manifest, &architecture, (task.engine, device));
    let challenger =
        load(&task.challenger)?.map_err(|error| Ended::failed(error.status(), error))?;
    let mut spent = Spent {
        load_micros: micros(started),
        ..Spent::default()
    };

    let runs = Runs {
        engine: &engine,
        evaluator: &evaluator,
        manifest: &manifest,
        seed,
    };
    let timer = Instant::now();
    let challenger = runs.score(challenger, Role::Challenger)?;
    (spent.challenger_micros, spent.challenger_fuel) = (micros(timer), challenger.fuel);
    spent.challenger_seen = challenger.seen;

    let timer = Instant::now();
    let champion = match load(&task.champion)? {
        Ok(model) => runs.champion(model)?,
        Err(_) => runs.worst(0),
    };
    (spent.champion_micros, spent.champion_fuel) = (micros(timer), champion.fuel);
    spent.champion_seen = champion.seen;

    let pairs = champion.scores.into_iter().zip(challenger.scores);
    let scores = pairs.map(|(champion, challenger)| SampleScore {
        champion,
        challenger,
    });
    Ok((
        spent,
        SampleScores::new(scores.collect()).map_err(internal)?,
    ))
}

/// What the runs of both models have in common.
struct Runs<'a> {
    engine: &'a Engine,
    evaluator: &'a EvaluatorPre<Host>,
    manifest: &'a Manifest,
    seed: Seed,
}

impl Runs<'_> {
    /// Scores the champion. It can lose samples, but never void an evaluation: where the program
    /// fails on it after having scored the challenger, every sample scores the least.
    fn champion(&self, model: Model) -> Result<Scored, Ended> {
        match self.score(model, Role::Champion) {
            Err(Ended::Failed { .. }) => Ok(self.worst(self.manifest.limits.fuel)),
            other => other,
        }
    }

    /// A champion that failed on every sample.
    fn worst(&self, fuel: u64) -> Scored {
        Scored {
            scores: vec![self.manifest.score_range.lo(); self.manifest.samples as usize],
            fuel,
            seen: Seen::default(),
        }
    }

    /// Runs the program on a model.
    fn score(&self, model: Model, role: Role) -> Result<Scored, Ended> {
        let limits = &self.manifest.limits;
        let host = Host::new(Rc::new(model), role, limits.memory_bytes);
        let mut store = Store::new(self.engine, host);
        store.limiter(Host::limiter);
        store.set_fuel(limits.fuel).map_err(internal)?;
        store.set_hostcall_fuel(limits.memory_bytes.min(MAX_CALL_BYTES) as usize);
        let answer = self
            .evaluator
            .instantiate(&mut store)
            .and_then(|program| {
                let seed = self.seed.get();
                program.call_evaluate(&mut store, seed.as_slice(), self.manifest.samples)
            })
            .map_err(|error| stopped(&error))?;
        let fuel = limits
            .fuel
            .saturating_sub(store.get_fuel().map_err(internal)?);
        let (rows, memory_bytes, model_time) = store.into_data().into_seen();
        let invalid = |detail: String| Ended::failed(Status::EvaluatorInvalid, detail);
        let scores = answer.map_err(|text| invalid(format!("{}{text}", faults::SAYS)))?;
        if scores.len() != self.manifest.samples as usize {
            let words = faults::count(scores.len(), self.manifest.samples);
            return Err(invalid(words));
        }
        let range = self.manifest.score_range;
        let clipped = scores
            .iter()
            .filter(|score| is_beyond(**score, range))
            .count();
        let mut scores = scores
            .into_iter()
            .map(|score| quantise(score, range))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| invalid(faults::NOT_A_NUMBER.to_owned()))?;
        fail_samples(&mut scores, &rows, range.lo());
        let seen = Seen {
            memory_bytes,
            rows: rows.total,
            model_micros: u64::try_from(model_time.as_micros()).unwrap_or(u64::MAX),
            clipped: u32::try_from(clipped).unwrap_or(u32::MAX),
        };
        Ok(Scored { scores, fuel, seen })
    }
}

/// What the program made of one model.
struct Scored {
    scores: Vec<Score>,
    fuel: u64,
    seen: Seen,
}

/// Gives the least score to the samples whose rows the champion failed on.
///
/// The host sees rows, not samples. A program presents equally many rows for each sample, in the
/// order of the samples, so a row tells its sample. Where the number of rows is no multiple of
/// the number of samples the rows cannot be told apart, and every sample fails.
fn fail_samples(scores: &mut [Score], rows: &Rows, least: Score) {
    if rows.failed.is_empty() {
        return;
    }
    let samples = scores.len() as u64;
    if !rows.total.is_multiple_of(samples) {
        scores.fill(least);
        return;
    }
    let rows_per_sample = rows.total / samples;
    for row in &rows.failed {
        scores[(row / rows_per_sample) as usize] = least;
    }
}

fn load_architecture(file: &JobFile, manifest: &Manifest) -> Result<Architecture, Ended> {
    let invalid = |detail: String| Ended::failed(Status::EvaluatorInvalid, detail);
    let bytes = read_pinned(file, MAX_ARCHITECTURE_BYTES as u64)?
        .ok_or_else(|| invalid("the architecture is not the pinned file".to_owned()))?;
    let architecture =
        Architecture::from_json(&bytes).map_err(|error| invalid(error.to_string()))?;
    match manifest.limits.exceeded_by(&Cost::of(&architecture)) {
        Some(limit) => Err(invalid(format!(
            "the architecture exceeds the request's {limit}"
        ))),
        None => Ok(architecture),
    }
}

/// The evaluator, from its compiled form. Its own bytes are checked as well: an operator that has
/// it compiled must not find another status than one that has not.
fn load_evaluator(
    engine: &Engine,
    file: &JobFile,
    code: &CodeFile,
) -> Result<EvaluatorPre<Host>, Ended> {
    read_evaluator(file)?;
    let component = engine::load(engine, code).map_err(|error| {
        let kind = match error {
            CodeError::Read(ref error) if error.kind() == ErrorKind::NotFound => {
                LocalKind::CodeGone
            }
            CodeError::Read(_) => LocalKind::Internal,
            CodeError::Changed => LocalKind::CodeChanged,
            CodeError::Incompatible(_) => LocalKind::CodeIncompatible,
        };
        Ended::local(kind, error)
    })?;
    prepare(engine, &component)
}

fn read_evaluator(file: &JobFile) -> Result<Vec<u8>, Ended> {
    let other = || {
        let detail = "the evaluator is not the pinned file";
        Ended::failed(Status::EvaluatorInvalid, detail)
    };
    read_pinned(file, MAX_EVALUATOR_BYTES)?.ok_or_else(other)
}

/// Fits the component to the host: it exports `evaluate` and imports nothing but `wasi:nn`.
fn prepare(engine: &Engine, component: &Component) -> Result<EvaluatorPre<Host>, Ended> {
    let mut linker = Linker::new(engine);
    nn::add_to_linker(&mut linker).map_err(internal)?;
    // Only names and types are compared.
    linker
        .instantiate_pre(component)
        .and_then(EvaluatorPre::new)
        .map_err(|error| no_evaluator(format!("{error:#}")))
}

fn no_evaluator(detail: impl ToString) -> Ended {
    Ended::failed(Status::EvaluatorInvalid, detail)
}

/// The model of a parameters file, or what is wrong with the file.
fn load_model(
    file: &JobFile,
    manifest: &Manifest,
    architecture: &Architecture,
    (engine, device): (zarathustra_primitives::Engine, Device),
) -> Result<Result<Model, ParametersError>, Ended> {
    let expected = Expected {
        sha256: file.sha256,
        size: file.size,
    };
    if let Err(error) = parameters::check_size(&expected, &manifest.limits) {
        return Ok(Err(error));
    }
    let bytes = read_at_most(file, file.size)?;
    match parameters::check(&bytes, &expected, &manifest.limits, architecture) {
        Ok(tensors) => Model::new(architecture, &tensors, engine, device)
            .map(Ok)
            .map_err(|error| engine_failed(&error)),
        Err(error) => Ok(Err(error)),
    }
}

/// The file's bytes if they are the pinned ones and not too many.
fn read_pinned(file: &JobFile, limit: u64) -> Result<Option<Vec<u8>>, Ended> {
    if file.size > limit {
        return Ok(None);
    }
    let bytes = read_at_most(file, file.size)?;
    let expected = Expected {
        sha256: file.sha256,
        size: file.size,
    };
    Ok((Expected::of(&bytes) == expected).then_some(bytes))
}

/// Up to one byte more than `limit`, so that a longer file is seen to be longer.
fn read_at_most(file: &JobFile, limit: u64) -> Result<Vec<u8>, Ended> {
    use std::io::Read;

    let read = || {
        let mut bytes = Vec::new();
        std::fs::File::open(&file.path)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().map_err(|error| internal(format!("read {}: {error}", file.path.display())))
}

/// Sorts what ended the program into what every machine derives alike and what is local.
fn stopped(error: &wasmtime::Error) -> Ended {
    if let Some(Stopped(ended)) = error.downcast_ref() {
        return ended.clone();
    }
    if let Some(ended) = lacking_resources(error) {
        return ended;
    }
    match error.downcast_ref() {
        Some(Trap::OutOfFuel) => Ended::failed(Status::FuelExhausted, "all fuel is used"),
        Some(Trap::StackOverflow) => Ended::local(LocalKind::StackExhausted, format!("{error:#}")),
        _ => Ended::failed(Status::EvaluatorTrapped, format!("{error:#}")),
    }
}

/// The local condition behind an error, when the machine and not the program caused it.
///
/// wasmtime passes on what the operating system or its own allocations say. Its text does not
/// count: a program chooses names, and these are part of it.
fn lacking_resources(error: &wasmtime::Error) -> Option<Ended> {
    let lacks = caused_by::<OutOfMemory>(error)
        || caused_by::<std::io::Error>(error)
        || caused_by::<rustix::io::Errno>(error)
        || caused_by::<TryReserveError>(error);
    lacks.then(|| Ended::local(LocalKind::OutOfMemory, format!("{error:#}")))
}

/// Whether an error of this kind is behind another.
fn caused_by<E: std::error::Error + Send + Sync + 'static>(error: &wasmtime::Error) -> bool {
    error.is::<E>() || error.chain().any(|cause| cause.is::<E>())
}

/// Refuses to compute on a processor whose results would differ from what the lock promises.
pub fn check_processor() -> Result<(), Ended> {
    #[cfg(target_arch = "x86_64")]
    if !(std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")) {
        return Err(Ended::local(
            LocalKind::Unsupported,
            "the processor lacks AVX2 or FMA",
        ));
    }
    Ok(())
}

/// What a failure of an engine means: lack of memory, or a mistake of ours.
pub fn engine_failed(error: &EngineError) -> Ended {
    let text = error.to_string();
    let kind = if text.contains("allocate memory") || text.contains("bad_alloc") {
        LocalKind::OutOfMemory
    } else {
        LocalKind::Internal
    };
    Ended::local(kind, text)
}

pub fn internal(error: impl ToString) -> Ended {
    Ended::local(LocalKind::Internal, error)
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(samples: usize, total: u64, failed: &[u64], expected: &[i64]) {
        let least = Score::from_micros(-9);
        let mut scores = vec![Score::from_micros(5); samples];
        fail_samples(
            &mut scores,
            &Rows {
                total,
                failed: failed.to_vec(),
            },
            least,
        );
        let micros: Vec<_> = scores.iter().map(|score| score.micros()).collect();
        assert_eq!(micros, expected);
    }

    #[test]
    fn a_failed_row_costs_its_sample() {
        check(3, 3, &[], &[5, 5, 5]);
        check(3, 3, &[1], &[5, -9, 5]);
        check(3, 6, &[1, 4], &[-9, 5, -9]);
        check(3, 6, &[0, 1], &[-9, 5, 5]);
    }

    #[test]
    fn lack_of_memory_is_told_by_the_kind_of_error() {
        use wasmtime::error::Context as _;

        const NO_MEMORY: i32 = 12;
        let kind = |error: wasmtime::Error| match stopped(&error) {
            Ended::Local { kind, .. } => Some(kind),
            _ => None,
        };
        let memory = Some(LocalKind::OutOfMemory);
        let of_the_system = || std::io::Error::from_raw_os_error(NO_MEMORY);
        assert_eq!(kind(of_the_system().into()), memory);
        let wrapped: wasmtime::Result<()> = Err(of_the_system()).context("a mapping");
        assert_eq!(kind(wrapped.expect_err("it")), memory);
        let mapping: wasmtime::Result<()> = Err(rustix::io::Errno::NOMEM).context("a mapping");
        assert_eq!(kind(mapping.expect_err("it")), memory);
        // What an owner can write into a name.
        let text = "unknown import: `failed to allocate: out of memory (os error 12)`";
        assert_eq!(kind(wasmtime::Error::msg(text)), None);
    }

    #[test]
    fn rows_that_cannot_be_told_apart_cost_every_sample() {
        check(3, 4, &[0], &[-9, -9, -9]);
        check(3, 2, &[1], &[-9, -9, -9]);
        check(3, 4, &[], &[5, 5, 5]);
    }
}
