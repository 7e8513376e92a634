//! The libtorch engine: an architecture as a list of layers.
//!
//! Every function of libtorch that is called is the one that answers errors: nothing here panics
//! whatever a model holds. Layers own what they need and are built once, so that running them is
//! running libtorch's kernels and nothing else.

mod activation;
mod attention;
mod convolution;
mod layer;
mod linear;
mod norm;
mod pooling;
mod recurrent;
mod shape;

use tch::{Device, Kind, TchError, Tensor};
use zarathustra_eval::architecture::{Architecture, InputType, Op, plain_function};
use zarathustra_eval::cost::Cost;
use zarathustra_eval::safetensors::TensorView;

use crate::determinism;
use layer::{Layer, Parameters, Value};

/// Most bytes of activations of the rows that are computed at a time.
const MAX_STEP_BYTES: u64 = 64 << 20;

/// A model in libtorch.
pub struct Graph {
    inputs: Vec<Input>,
    steps: Vec<Step>,
    output: usize,
    output_bytes: usize,
    step_rows: usize,
    device: Device,
}

struct Input {
    shape: Vec<i64>,
    row_bytes: usize,
    kind: Kind,
}

struct Step {
    layer: Layer,
    inputs: Vec<usize>,
    releases: Vec<usize>,
    /// Whether the result shares memory with the inputs.
    aliases: bool,
}

impl Graph {
    /// Builds the layers; the parameters are those of the architecture, in its order.
    ///
    /// # Errors
    /// When libtorch fails, most likely for lack of memory.
    pub fn new(
        architecture: &Architecture,
        parameters: &[TensorView<'_>],
        device: Device,
    ) -> Result<Self, TchError> {
        // Outputs depend on the number of threads.
        tch::set_num_threads(determinism::threads());
        let _guard = tch::no_grad_guard();
        // Threads that libtorch starts while weights are put in order keep this.
        let _flushed = determinism::flush_denormals();
        let mut steps = Vec::with_capacity(architecture.steps().len());
        for step in architecture.steps() {
            let views = step.parameters.iter().map(|index| &parameters[*index]);
            let mut parameters = Parameters::new(views, device);
            let shapes: Vec<&[u64]> = step
                .inputs
                .iter()
                .map(|value| architecture.shape_of(*value))
                .collect();
            steps.push(Step {
                layer: build(&step.op, &shapes, &step.shape, &mut parameters)?,
                inputs: step.inputs.clone(),
                releases: step.releases.clone(),
                aliases: shape::aliases(&step.op),
            });
        }
        let inputs = architecture.inputs().iter().map(|input| Input {
            shape: layer::dimensions(&input.shape),
            row_bytes: input.shape.iter().product::<u64>() as usize * size_of::<f32>(),
            kind: match input.dtype {
                InputType::F32 => Kind::Float,
                InputType::I32 => Kind::Int,
            },
        });
        let rows = (MAX_STEP_BYTES / Cost::of(architecture).activation_bytes).max(1) as usize;
        let output = architecture.output_shape().iter().product::<u64>() as usize;
        Ok(Self {
            inputs: inputs.collect(),
            steps,
            output: architecture.output_value(),
            output_bytes: output * size_of::<f32>(),
            step_rows: rows.min(determinism::batch_rows()),
            device,
        })
    }

    /// Answers rows, some at a time so that memory is bounded by the architecture and not by the
    /// number of rows. Inputs and answers are little-endian, in row-major order.
    ///
    /// # Errors
    /// When libtorch fails, or an input has not as many rows.
    pub fn forward(&self, inputs: &[&[u8]], rows: usize) -> Result<Vec<u8>, TchError> {
        let _guard = tch::no_grad_guard();
        let _flushed = determinism::flush_denormals();
        let mut output = vec![0; rows * self.output_bytes];
        let mut first = 0;
        for output in output.chunks_mut(self.step_rows * self.output_bytes) {
            let rows = output.len() / self.output_bytes;
            let answer = self.batch(inputs, first, rows)?;
            answer.f_copy_data_u8(output, rows * self.output_bytes / size_of::<f32>())?;
            first += rows;
        }
        Ok(output)
    }

    fn batch(&self, inputs: &[&[u8]], first: usize, rows: usize) -> Result<Tensor, TchError> {
        let missing = || TchError::Shape("an input lacks rows".to_owned());
        let mut values = Vec::with_capacity(self.inputs.len() + self.steps.len());
        for (index, input) in self.inputs.iter().enumerate() {
            let bytes = first * input.row_bytes..(first + rows) * input.row_bytes;
            let bytes = inputs
                .get(index)
                .and_then(|all| all.get(bytes))
                .ok_or_else(missing)?;
            let shape = [&[rows as i64], input.shape.as_slice()].concat();
            let tensor = Tensor::f_from_data_size(bytes, &shape, input.kind)?;
            values.push(Some(Value::new(tensor.f_to_device(self.device)?)));
        }
        for step in &self.steps {
            let operands = step.take(&mut values).ok_or_else(missing)?;
            let unique = !step.aliases || operands.iter().all(|value| value.unique);
            let tensor = (step.layer)(operands)?;
            for value in &step.releases {
                values[*value] = None;
            }
            values.push(Some(Value { tensor, unique }));
        }
        let answer = values[self.output].take().ok_or_else(missing)?;
        answer.tensor.f_to_device(Device::Cpu)?.f_contiguous()
    }
}

impl Step {
    /// The step's inputs: moved out where this is the last that needs them, else shared.
    fn take(&self, values: &mut [Option<Value>]) -> Option<Vec<Value>> {
        self.inputs
            .iter()
            .map(|value| {
                let once = self.inputs.iter().filter(|other| *other == value).count() == 1;
                if once && self.releases.contains(value) {
                    return values[*value].take();
                }
                let value = values[*value].as_mut()?;
                // The result will be a second one that has this memory.
                value.unique &= !self.aliases;
                Some(value.share())
            })
            .collect()
    }
}

fn build(
    op: &Op,
    inputs: &[&[u64]],
    result: &[u64],
    parameters: &mut Parameters<'_>,
) -> Result<Layer, TchError> {
    match op {
        Op::Linear { bias, .. } => linear::layer(*bias, parameters),
        Op::Conv1d(c) | Op::Conv2d(c) => convolution::layer(c, parameters),
        Op::ConvTranspose1d(c) | Op::ConvTranspose2d(c) => convolution::transposed(c, parameters),
        Op::MaxPool1d(pool) | Op::MaxPool2d(pool) => Ok(pooling::max(pool)),
        Op::AvgPool1d(pool) | Op::AvgPool2d(pool) => {
            pooling::mean(pool, inputs[0], result, parameters.device())
        }
        Op::Mean { dims, .. } => Ok(pooling::mean_over(dims, result)),
        Op::Max { dims, .. } => Ok(pooling::max_over(dims, result)),
        Op::BatchNorm { .. } | Op::LayerNorm { .. } | Op::GroupNorm { .. } | Op::RmsNorm { .. } => {
            norm::layer(op, inputs[0], parameters)
        }
        Op::Rnn { .. } | Op::Lstm(_) | Op::Gru(_) => recurrent::layer(op, parameters),
        Op::MultiHeadAttention(attention) => attention::layer(attention, inputs, parameters),
        Op::Embedding { .. }
        | Op::LearnedPositions {}
        | Op::Dropout { .. }
        | Op::Reshape { .. }
        | Op::Transpose { .. }
        | Op::Concatenate { .. }
        | Op::Add {}
        | Op::Multiply {}
        | Op::Scale { .. }
        | Op::Slice { .. }
        | Op::Pad { .. } => shape::layer(op, result, parameters),
        Op::LeakyRelu { .. }
        | Op::Prelu { .. }
        | Op::Elu { .. }
        | Op::Softmax { .. }
        | Op::LogSoftmax { .. }
        | plain_function!() => activation::layer(op, parameters),
        Op::TransformerEncoder(_) | Op::TransformerDecoder(_) => {
            Err(TchError::Torch("a transformer block is no step".to_owned()))
        }
    }
}
