//! Functions of single elements, and softmax. They write over their input where nobody else has
//! it: that saves a trip through memory.

use tch::{Kind, TchError, Tensor};
use zarathustra_eval::architecture::Op;

use super::layer::{Layer, Parameters, Value, behind_rows, unary};

/// A layer that uses one function of libtorch on its own memory and another elsewhere.
macro_rules! in_place {
    ($elsewhere:ident, $in_place:ident $(, $argument:expr)*) => {
        unary(move |x: Value| {
            let mut tensor = x.tensor;
            if x.unique {
                tensor.$in_place($($argument),*)
            } else {
                tensor.$elsewhere($($argument),*)
            }
        })
    };
}

/// The layer of an activation.
pub fn layer(op: &Op, parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    Ok(match *op {
        Op::Relu {} => in_place!(f_relu, f_relu_),
        Op::Relu6 {} => in_place!(f_clamp, f_clamp_, 0.0, 6.0),
        // libtorch's own has no slope in the bindings; that of one parameter computes the same.
        Op::LeakyRelu { negative_slope } => {
            let slope = Tensor::f_from_slice(&[negative_slope])?;
            let slope = slope.f_to_device(parameters.device())?;
            unary(move |x| x.tensor.f_prelu(&slope))
        }
        Op::Prelu { .. } => {
            let slopes = parameters.next()?;
            unary(move |x| x.tensor.f_prelu(&slopes))
        }
        Op::Elu { alpha: 1.0 } => in_place!(f_elu, f_elu_),
        Op::Elu { alpha } => unary(move |x| {
            // expm1 of what is above zero could overflow and is not needed.
            let below = x
                .tensor
                .f_clamp_max(0.0)?
                .f_expm1_()?
                .f_mul_scalar_(f64::from(alpha))?;
            x.tensor.f_where_self(&x.tensor.f_gt(0.0)?, &below)
        }),
        Op::Selu {} => in_place!(f_selu, f_selu_),
        Op::Gelu { approximate: true } => in_place!(f_gelu, f_gelu_, "tanh"),
        Op::Gelu { approximate: false } => in_place!(f_gelu, f_gelu_, "none"),
        Op::Silu {} => in_place!(f_silu, f_silu_),
        Op::Mish {} => in_place!(f_mish, f_mish_),
        Op::Sigmoid {} => in_place!(f_sigmoid, f_sigmoid_),
        Op::HardSigmoid {} => in_place!(f_hardsigmoid, f_hardsigmoid_),
        Op::HardSilu {} => in_place!(f_hardswish, f_hardswish_),
        Op::Tanh {} => in_place!(f_tanh, f_tanh_),
        Op::Softplus {} => unary(|x| x.tensor.f_softplus()),
        Op::Softsign {} => unary(|x| {
            let divisor = x.tensor.f_abs()?.f_add_scalar_(1.0)?;
            x.tensor.f_div(&divisor)
        }),
        Op::Softmax { dim } => {
            let dim = behind_rows(dim);
            unary(move |x| x.tensor.f_softmax(dim, Kind::Float))
        }
        Op::LogSoftmax { dim } => {
            let dim = behind_rows(dim);
            unary(move |x| x.tensor.f_log_softmax(dim, Kind::Float))
        }
        _ => {
            let name = op.name();
            return Err(TchError::Torch(format!("{name} is no activation")));
        }
    })
}
