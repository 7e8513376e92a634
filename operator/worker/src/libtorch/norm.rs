//! Normalisation.

use tch::TchError;
use zarathustra_eval::architecture::Op;

use super::layer::{Layer, Parameters, dimensions, unary};

/// The layer of a normalisation of rows of this shape.
pub fn layer(op: &Op, input: &[u64], parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let trailing = |dims: u64| dimensions(&input[input.len() - dims as usize..]);
    Ok(match *op {
        Op::BatchNorm { epsilon, affine } => {
            let weight = parameters.next_if(affine)?;
            let bias = parameters.next_if(affine)?;
            let mean = parameters.next()?;
            let variance = parameters.next()?;
            unary(move |x| {
                x.tensor.f_batch_norm(
                    weight.as_ref(),
                    bias.as_ref(),
                    Some(&mean),
                    Some(&variance),
                    false,
                    0.0,
                    epsilon,
                    false,
                )
            })
        }
        Op::LayerNorm {
            dims,
            epsilon,
            weight,
            bias,
        } => {
            let shape = trailing(dims);
            let weight = parameters.next_if(weight)?;
            let bias = parameters.next_if(bias)?;
            unary(move |x| {
                let (weight, bias) = (weight.as_ref(), bias.as_ref());
                x.tensor
                    .f_layer_norm(shape.as_slice(), weight, bias, epsilon, false)
            })
        }
        Op::GroupNorm {
            groups,
            epsilon,
            affine,
        } => {
            let weight = parameters.next_if(affine)?;
            let bias = parameters.next_if(affine)?;
            unary(move |x| {
                let (weight, bias) = (weight.as_ref(), bias.as_ref());
                x.tensor
                    .f_group_norm(groups as i64, weight, bias, epsilon, false)
            })
        }
        Op::RmsNorm {
            dims,
            epsilon,
            weight,
        } => {
            let shape = trailing(dims);
            let weight = parameters.next_if(weight)?;
            unary(move |x| {
                x.tensor
                    .f_rms_norm(shape.as_slice(), weight.as_ref(), epsilon)
            })
        }
        _ => return Err(TchError::Torch(format!("{} is no norm", op.name()))),
    })
}
