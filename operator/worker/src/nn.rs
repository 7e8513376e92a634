//! `wasi:nn` as an evaluation program meets it: one model under the name `model`, tensors of
//! 32-bit floats or integers, and a price for everything that the host does.
//!
//! Fuel and memory have to bound what happens on the host's side of a call too, and do so alike
//! on every machine. So a call costs [`CALL_FUEL`], each byte that passes costs one, each
//! multiply-add of the model costs one; and tensors that are alive count against the same memory
//! limit as the program's own memory.

use std::rc::Rc;
use std::time::{Duration, Instant};

use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceTable, ResourceType};
use wasmtime::{Error, ResourceLimiter, Result, StoreContextMut};
use zarathustra_eval::inputs::{all_below, all_finite};
use zarathustra_primitives::Status;

use crate::Ended;
use crate::model::{EngineError, Input, Model};
pub use bindings::EvaluatorPre;
use bindings::wasi::nn;
use nn::errors::ErrorCode;
use nn::graph::{ExecutionTarget, GraphBuilder, GraphEncoding};
use nn::tensor::TensorType;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../eval/wit",
        world: "evaluator",
        with: {
            "wasi:nn/tensor.tensor": super::Tensor,
            "wasi:nn/graph.graph": super::Graph,
            "wasi:nn/inference.graph-execution-context": super::Context,
            "wasi:nn/errors.error": super::Failure,
        },
    });
}

/// The name of the model under test, champion or challenger.
const MODEL: &str = "model";
/// The model's output.
const OUTPUT: &str = "output";
/// Fuel for a call to the host, whatever it does.
pub const CALL_FUEL: u64 = 1_000;
/// What a resource is taken to occupy besides its data, in bytes.
const RESOURCE_BYTES: u64 = 256;
/// What an entry of a list of lists occupies besides its bytes.
const ENTRY_BYTES: u64 = 24;
/// What an element of a table of functions occupies, in bytes.
const TABLE_ELEMENT_BYTES: usize = 16;
const UNSUPPORTED: ErrorCode = ErrorCode::UnsupportedOperation;
/// Most instances, tables and memories that a program may consist of.
const MAX_PARTS: usize = 1_000;

/// A tensor on the host's side.
pub struct Tensor {
    dimensions: Vec<u32>,
    ty: TensorType,
    data: Vec<u8>,
}

/// The model under test, as the program holds it.
pub struct Graph;
/// A computation on the model under test.
pub struct Context;
/// An error that a call answered.
pub struct Failure {
    code: ErrorCode,
    data: &'static str,
}

/// Which model runs; it decides what an output that is not finite means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Such an output costs the champion its sample.
    Champion,
    /// Such an output ends the evaluation.
    Challenger,
}

/// The rows that the model answered in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// How many there were, over all computations.
    pub total: u64,
    /// Which of them, in order, were answered with something that is not finite.
    pub failed: Vec<u64>,
}

/// What a store holds for one run.
pub struct Host {
    model: Rc<Model>,
    role: Role,
    rows: Rows,
    model_time: Duration,
    table: ResourceTable,
    memory: Memory,
}

/// Memory of the program and of what it holds on the host's side.
struct Memory {
    limit: u64,
    used: u64,
    peak: u64,
}

/// Why the host ended the program. Travels through wasmtime as the error of the call.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct Stopped(pub Ended);

fn stop(status: Status, detail: impl ToString) -> Error {
    Stopped(Ended::failed(status, detail)).into()
}

fn out_of_memory() -> Error {
    stop(Status::EvaluatorTrapped, zarathustra_eval::faults::MEMORY)
}

impl Memory {
    fn take(&mut self, bytes: u64) -> Result<()> {
        let used = self.used.saturating_add(bytes);
        if used > self.limit {
            return Err(out_of_memory());
        }
        self.used = used;
        self.peak = self.peak.max(used);
        Ok(())
    }

    const fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        // Beyond its own declared maximum, growing fails as WebAssembly says it does.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.take(desired.saturating_sub(current) as u64)?;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        // wasmtime tells what every machine derives alike from what failed here by text alone.
        if error.to_string().contains("memory type's limits") {
            return Ok(());
        }
        let kind = zarathustra_eval::wire::LocalKind::OutOfMemory;
        Err(Stopped(Ended::local(kind, error)).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let added = desired
            .saturating_sub(current)
            .saturating_mul(TABLE_ELEMENT_BYTES);
        self.take(added as u64)?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}

impl Host {
    /// What a run of `role` starts with.
    pub fn new(model: Rc<Model>, role: Role, memory_bytes: u64) -> Self {
        let memory = Memory {
            limit: memory_bytes,
            used: 0,
            peak: 0,
        };
        Self {
            model,
            role,
            rows: Rows::default(),
            model_time: Duration::ZERO,
            table: ResourceTable::new(),
            memory,
        }
    }

    /// What keeps the program within its memory.
    pub fn limiter(&mut self) -> &mut dyn ResourceLimiter {
        &mut self.memory
    }

    /// The rows that the model answered, the most memory that was held at once, and the time that
    /// the model took.
    pub fn into_seen(self) -> (Rows, u64, Duration) {
        (self.rows, self.memory.peak, self.model_time)
    }

    fn push<T: Send + 'static>(&mut self, resource: T, bytes: u64) -> Result<Resource<T>> {
        self.memory.take(RESOURCE_BYTES.saturating_add(bytes))?;
        Ok(self.table.push(resource)?)
    }

    fn delete<T: Send + 'static>(
        &mut self,
        resource: Resource<T>,
        bytes: impl FnOnce(&T) -> u64,
    ) -> Result<T> {
        let resource = self.table.delete(resource)?;
        self.memory
            .give_back(RESOURCE_BYTES.saturating_add(bytes(&resource)));
        Ok(resource)
    }

    /// Answers a call with an error that the program can read.
    fn fail<T>(&mut self, code: ErrorCode, data: &'static str) -> Fallible<T> {
        Ok(Err(self.push(Failure { code, data }, 0)?))
    }

    /// The tensors of the model's inputs, in its order, and how many rows each has; or why they
    /// are none.
    fn arrange<'a>(
        &self,
        given: &'a [(String, Tensor)],
    ) -> std::result::Result<(u64, Vec<&'a Tensor>), &'static str> {
        let inputs = self.model.inputs();
        if given.len() != inputs.len() {
            return Err("the model has another number of inputs");
        }
        let mut rows = None;
        let mut tensors = Vec::with_capacity(inputs.len());
        for input in inputs {
            let tensor = given
                .iter()
                .find(|(name, _)| *name == input.name)
                .map(|(_, tensor)| tensor)
                .ok_or("an input of the model is missing")?;
            let own = rows_of(tensor, input)?;
            if *rows.get_or_insert(own) != own {
                return Err("the inputs have different numbers of rows");
            }
            tensors.push(tensor);
        }
        Ok((rows.unwrap_or_default(), tensors))
    }

    /// Runs the model on inputs of the right shape.
    fn run_model(&mut self, rows: u64, tensors: &[&Tensor]) -> Result<Tensor> {
        let mut inputs = Vec::with_capacity(tensors.len());
        for (tensor, input) in tensors.iter().zip(self.model.inputs()) {
            let (fits, wrong) = match input.below {
                // An infinite question would make any model's answer infinite.
                None => (all_finite(&tensor.data), zarathustra_eval::faults::INPUT),
                Some(below) => (
                    all_below(&tensor.data, below),
                    zarathustra_eval::faults::INDEX,
                ),
            };
            if !fits {
                return Err(stop(Status::EvaluatorInvalid, wrong));
            }
            inputs.push(tensor.data.as_slice());
        }
        let mut data = self
            .model
            .forward(&inputs, rows as usize)
            .map_err(|error| engine_failed(&error))?;
        self.note_rows(&mut data)?;
        let mut dimensions = vec![rows as u32];
        dimensions.extend(self.model.output_shape());
        Ok(Tensor {
            dimensions,
            ty: TensorType::Fp32,
            data,
        })
    }

    /// Counts answered rows. A challenger's row that is not finite ends the evaluation; the
    /// champion's becomes zeros, so that the program neither fails on it nor learns of it.
    fn note_rows(&mut self, answers: &mut [u8]) -> Result<()> {
        let row_bytes = self.model.output_row_bytes() as usize;
        let first = self.rows.total;
        self.rows.total += (answers.len() / row_bytes) as u64;
        if all_finite(answers) {
            return Ok(());
        }
        for (row, answer) in (first..).zip(answers.chunks_mut(row_bytes)) {
            if !all_finite(answer) {
                if self.role == Role::Challenger {
                    return Err(stop(
                        Status::NonFinite,
                        "an output of the model is not finite",
                    ));
                }
                self.rows.failed.push(row);
                answer.fill(0);
            }
        }
        Ok(())
    }
}

/// How many rows of an input a tensor has, or why it is none.
fn rows_of(tensor: &Tensor, input: &Input) -> std::result::Result<u64, &'static str> {
    let Some((rows, shape)) = tensor.dimensions.split_first() else {
        return Err("an input has no rows");
    };
    if input.shape != shape {
        return Err("an input's shape is not the model's");
    }
    let ty = match input.below {
        None => TensorType::Fp32,
        Some(_) => TensorType::I32,
    };
    if tensor.ty != ty {
        return Err("an input is FP32 where the model has floats, I32 where it has integers");
    }
    let rows = u64::from(*rows);
    if Some(tensor.data.len() as u64) != rows.checked_mul(input.row_bytes) {
        return Err("an input's data has not the length that its dimensions say");
    }
    Ok(rows)
}

fn engine_failed(error: &EngineError) -> Error {
    Stopped(crate::evaluate::engine_failed(error)).into()
}

impl Tensor {
    fn bytes(&self) -> u64 {
        (self.data.len() + self.dimensions.len() * size_of::<u32>()) as u64
    }
}

/// Takes fuel for a call and for the bytes or operations that it moves.
fn charge(store: &mut Call<'_>, amount: u64) -> Result<()> {
    let left = store
        .get_fuel()?
        .checked_sub(CALL_FUEL.saturating_add(amount));
    store.set_fuel(left.unwrap_or(0))?;
    match left {
        Some(_) => Ok(()),
        None => Err(wasmtime::Trap::OutOfFuel.into()),
    }
}

/// Bytes of a list whose entries have these bytes: they are copied, and each has a head.
fn passed(entries: impl Iterator<Item = usize>) -> u64 {
    entries
        .map(|bytes| (bytes as u64).saturating_add(ENTRY_BYTES))
        .fold(0, u64::saturating_add)
}

/// Offers `wasi:nn`, and nothing else.
///
/// Written out rather than through the generated traits, because these see the state of a run but
/// not its fuel.
pub fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    add_errors(&mut linker.instance("wasi:nn/errors@0.2.0-rc-2024-10-28")?)?;
    add_tensor(&mut linker.instance("wasi:nn/tensor@0.2.0-rc-2024-10-28")?)?;
    add_inference(&mut linker.instance("wasi:nn/inference@0.2.0-rc-2024-10-28")?)?;
    add_graph(&mut linker.instance("wasi:nn/graph@0.2.0-rc-2024-10-28")?)
}

fn add_errors(errors: &mut LinkerInstance<'_, Host>) -> Result<()> {
    errors.resource(
        "error",
        ResourceType::host::<Failure>(),
        |mut store, rep| {
            store
                .data_mut()
                .delete::<Failure>(Resource::new_own(rep), |_| 0)
                .map(drop)
        },
    )?;
    errors.func_wrap(
        "[method]error.code",
        |mut store: Call<'_>, (failure,): (Resource<Failure>,)| {
            charge(&mut store, 0)?;
            Ok((store.data().table.get(&failure)?.code,))
        },
    )?;
    errors.func_wrap(
        "[method]error.data",
        |mut store: Call<'_>, (failure,): (Resource<Failure>,)| {
            let data = store.data().table.get(&failure)?.data;
            charge(&mut store, data.len() as u64)?;
            Ok((data.to_owned(),))
        },
    )
}

fn add_tensor(tensor: &mut LinkerInstance<'_, Host>) -> Result<()> {
    tensor.resource(
        "tensor",
        ResourceType::host::<Tensor>(),
        |mut store, rep| {
            store
                .data_mut()
                .delete(Resource::new_own(rep), Tensor::bytes)
                .map(drop)
        },
    )?;
    tensor.func_wrap(
        "[constructor]tensor",
        |mut store: Call<'_>, (dimensions, ty, data): (Vec<u32>, TensorType, Vec<u8>)| {
            let tensor = Tensor {
                dimensions,
                ty,
                data,
            };
            let bytes = tensor.bytes();
            charge(&mut store, bytes)?;
            Ok((store.data_mut().push(tensor, bytes)?,))
        },
    )?;
    tensor.func_wrap(
        "[method]tensor.dimensions",
        |mut store: Call<'_>, (tensor,): (Resource<Tensor>,)| {
            let count = store.data().table.get(&tensor)?.dimensions.len();
            charge(&mut store, (count * size_of::<u32>()) as u64)?;
            Ok((store.data().table.get(&tensor)?.dimensions.clone(),))
        },
    )?;
    tensor.func_wrap(
        "[method]tensor.ty",
        |mut store: Call<'_>, (tensor,): (Resource<Tensor>,)| {
            charge(&mut store, 0)?;
            Ok((store.data().table.get(&tensor)?.ty,))
        },
    )?;
    tensor.func_wrap(
        "[method]tensor.data",
        |mut store: Call<'_>, (tensor,): (Resource<Tensor>,)| {
            let bytes = store.data().table.get(&tensor)?.bytes();
            charge(&mut store, bytes)?;
            Ok((store.data().table.get(&tensor)?.data.clone(),))
        },
    )
}

fn add_graph(graph: &mut LinkerInstance<'_, Host>) -> Result<()> {
    graph.resource("graph", ResourceType::host::<Graph>(), |mut store, rep| {
        store
            .data_mut()
            .delete::<Graph>(Resource::new_own(rep), |_| 0)
            .map(drop)
    })?;
    graph.func_wrap(
        "[method]graph.init-execution-context",
        |mut store: Call<'_>, (graph,): (Resource<Graph>,)| {
            charge(&mut store, 0)?;
            store.data().table.get(&graph)?;
            answer(store.data_mut().push(Context, 0).map(Ok))
        },
    )?;
    graph.func_wrap(
        "load",
        |mut store: Call<'_>,
         (builders, ..): (Vec<GraphBuilder>, GraphEncoding, ExecutionTarget)| {
            charge(&mut store, passed(builders.iter().map(Vec::len)))?;
            let message = "models are loaded by name only";
            answer::<Resource<Graph>>(store.data_mut().fail(UNSUPPORTED, message))
        },
    )?;
    graph.func_wrap("load-by-name", |mut store: Call<'_>, (name,): (String,)| {
        charge(&mut store, name.len() as u64)?;
        answer(if name == MODEL {
            store.data_mut().push(Graph, 0).map(Ok)
        } else {
            store
                .data_mut()
                .fail(ErrorCode::NotFound, "the only model is named \"model\"")
        })
    })
}

fn add_inference(inference: &mut LinkerInstance<'_, Host>) -> Result<()> {
    let context = ResourceType::host::<Context>();
    inference.resource("graph-execution-context", context, |mut store, rep| {
        store
            .data_mut()
            .delete::<Context>(Resource::new_own(rep), |_| 0)
            .map(drop)
    })?;
    inference.func_wrap(
        "[method]graph-execution-context.compute",
        |mut store: Call<'_>, (context, inputs): (Resource<Context>, Vec<Named>)| {
            charge(
                &mut store,
                passed(inputs.iter().map(|(name, _)| name.len())),
            )?;
            store.data().table.get(&context)?;
            answer(compute(store, inputs))
        },
    )
}

type Call<'a> = StoreContextMut<'a, Host>;
type Named = (String, Resource<Tensor>);
/// What a call that may fail answers; the outer result ends the program.
type Fallible<T> = Result<std::result::Result<T, Resource<Failure>>>;

/// A call's results are a tuple of one.
fn answer<T>(result: Fallible<T>) -> Result<(std::result::Result<T, Resource<Failure>>,)> {
    result.map(|result| (result,))
}

fn compute(mut store: Call<'_>, inputs: Vec<Named>) -> Fallible<Vec<Named>> {
    let host = store.data_mut();
    // The tensors are handed over: they are gone, whatever comes of it.
    let inputs = inputs
        .into_iter()
        .map(|(name, tensor)| Ok((name, host.delete(tensor, Tensor::bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    let model = Rc::clone(&host.model);
    let (rows, tensors) = match host.arrange(&inputs) {
        Ok(arranged) => arranged,
        Err(message) => return host.fail(ErrorCode::InvalidArgument, message),
    };
    // Paid for before it is done. Inputs, output and a copy of each are alive together. What the
    // model needs between them is bounded apart, by the request's limit for activations and the
    // rows that are computed at a time.
    let output_bytes = rows.saturating_mul(model.output_row_bytes());
    let input_bytes = tensors
        .iter()
        .fold(0_u64, |sum, tensor| sum.saturating_add(tensor.bytes()));
    let working_bytes = output_bytes.saturating_add(input_bytes).saturating_mul(2);
    host.memory.take(working_bytes)?;
    charge(
        &mut store,
        rows.saturating_mul(model.macs_per_row())
            .saturating_add(output_bytes),
    )?;
    let host = store.data_mut();
    let started = Instant::now();
    let output = host.run_model(rows, &tensors)?;
    host.model_time += started.elapsed();
    host.memory.give_back(working_bytes);
    let bytes = output.bytes();
    Ok(Ok(vec![(OUTPUT.to_owned(), host.push(output, bytes)?)]))
}
