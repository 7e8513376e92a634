//! A model in libtorch, built from an architecture and its parameters.

use tch::{Kind, TchError, Tensor};
use zarathustra_eval::architecture::{Architecture, Op};
use zarathustra_eval::cost::Cost;
use zarathustra_eval::safetensors::TensorView;

use crate::determinism;

/// Most bytes of activations of the rows that are computed at a time.
const MAX_STEP_BYTES: u64 = 64 << 20;

enum Step {
    Dense {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    Other(Op),
}

/// A model that answers rows of 32-bit floats with rows of 32-bit floats.
pub struct Model {
    steps: Vec<Step>,
    input_shape: Vec<i64>,
    input_elements: usize,
    output_shape: Vec<u32>,
    output_elements: usize,
    cost: Cost,
    step_rows: usize,
}

impl Model {
    /// Builds the model; the tensors are those of the architecture, in its order, as
    /// [`zarathustra_eval::parameters`] returns them.
    ///
    /// # Errors
    /// When libtorch fails, most likely for lack of memory.
    pub fn new(
        architecture: &Architecture,
        parameters: &[TensorView<'_>],
    ) -> Result<Self, TchError> {
        // Outputs depend on the number of threads.
        tch::set_num_threads(determinism::threads());
        let mut parameters = parameters.iter();
        let mut next = || -> Result<Tensor, TchError> {
            let view = parameters.next().expect("checked against the architecture");
            let shape: Vec<_> = view
                .shape
                .iter()
                .map(|dimension| *dimension as i64)
                .collect();
            Tensor::f_from_data_size(view.data, &shape, Kind::Float)
        };
        let steps = architecture
            .steps()
            .iter()
            .map(|step| match step.op {
                Op::Linear { bias, .. } => {
                    let weight = next()?;
                    let bias = if bias { Some(next()?) } else { None };
                    Ok(Step::Dense { weight, bias })
                }
                ref other => Ok(Step::Other(other.clone())),
            })
            .collect::<Result<_, TchError>>()?;
        let input = &architecture.inputs()[0].shape;
        let output = architecture.output_shape();
        let cost = Cost::of(architecture);
        let rows = (MAX_STEP_BYTES / cost.activation_bytes).max(1) as usize;
        Ok(Self {
            steps,
            input_shape: input.iter().map(|dimension| *dimension as i64).collect(),
            input_elements: input.iter().product::<u64>() as usize,
            output_shape: output.iter().map(|dimension| *dimension as u32).collect(),
            output_elements: output.iter().product::<u64>() as usize,
            cost,
            step_rows: rows.min(determinism::batch_rows()),
        })
    }

    /// Dimensions of one row of input.
    pub fn input_shape(&self) -> impl Iterator<Item = u32> + '_ {
        self.input_shape.iter().map(|dimension| *dimension as u32)
    }

    /// Elements of one row of input.
    pub const fn input_elements(&self) -> usize {
        self.input_elements
    }

    /// Dimensions of one row of output.
    pub fn output_shape(&self) -> &[u32] {
        &self.output_shape
    }

    /// Elements of one row of output.
    pub const fn output_elements(&self) -> usize {
        self.output_elements
    }

    /// Multiply-adds for one row.
    pub const fn macs_per_row(&self) -> u64 {
        self.cost.macs_per_sample
    }

    /// Answers rows, some at a time so that memory is bounded by the architecture and not by the
    /// number of rows.
    ///
    /// # Errors
    /// When libtorch fails.
    ///
    /// # Panics
    /// When the input is no whole number of rows.
    pub fn forward(&self, input: &[f32]) -> Result<Vec<f32>, TchError> {
        let _guard = tch::no_grad_guard();
        let _flushed = determinism::flush_denormals();
        let rows = input.len() / self.input_elements;
        assert_eq!(rows * self.input_elements, input.len(), "whole rows");
        let mut output = vec![0.0; rows * self.output_elements];
        let inputs = input.chunks(self.step_rows * self.input_elements);
        let outputs = output.chunks_mut(self.step_rows * self.output_elements);
        for (input, output) in inputs.zip(outputs) {
            let answer = self.step(input)?;
            answer.f_copy_data(output, output.len())?;
        }
        Ok(output)
    }

    fn step(&self, input: &[f32]) -> Result<Tensor, TchError> {
        let mut shape = vec![(input.len() / self.input_elements) as i64];
        shape.extend(&self.input_shape);
        let mut value = Tensor::f_from_slice(input)?.f_view(shape.as_slice())?;
        for step in &self.steps {
            value = match step {
                Step::Dense { weight, bias } => value.f_linear(weight, bias.as_ref())?,
                Step::Other(op) => apply(op, &value)?,
            };
        }
        value.f_contiguous()
    }
}

fn apply(op: &Op, x: &Tensor) -> Result<Tensor, TchError> {
    match op {
        Op::Reshape { shape } => {
            let mut rows = vec![-1];
            rows.extend(shape.iter().map(|size| *size as i64));
            x.f_reshape(rows.as_slice())
        }
        Op::Relu {} => x.f_relu(),
        Op::LeakyRelu { negative_slope } => {
            let scaled = x.f_mul_scalar(f64::from(*negative_slope))?;
            x.f_where_self(&x.f_gt(0.0)?, &scaled)
        }
        Op::Elu { alpha } => {
            // expm1 of what is above zero could overflow and is not needed.
            let below = x
                .f_clamp_max(0.0)?
                .f_expm1()?
                .f_mul_scalar(f64::from(*alpha))?;
            x.f_where_self(&x.f_gt(0.0)?, &below)
        }
        Op::Selu {} => x.f_selu(),
        Op::Gelu { approximate: true } => x.f_gelu("tanh"),
        Op::Gelu { approximate: false } => x.f_gelu("none"),
        Op::Silu {} => x.f_silu(),
        Op::Sigmoid {} => x.f_sigmoid(),
        Op::Tanh {} => x.f_tanh(),
        Op::Softplus {} => x.f_softplus(),
        Op::Softsign {} => x.f_div(&x.f_abs()?.f_add_scalar(1.0)?),
        Op::Softmax { dim } => x.f_softmax(*dim as i64 + 1, Kind::Float),
        other => Err(TchError::Torch(format!("no operation {}", other.name()))),
    }
}

#[cfg(test)]
mod tests;
