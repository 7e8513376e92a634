//! What changes shapes, chooses, joins, adds and scales.

use tch::{TchError, Tensor};
use zarathustra_eval::architecture::Op;

use super::convolution::margins;
use super::layer::{Layer, Parameters, Value, behind_rows, unary, with_rows};

/// Whether the result of an operation may be the memory of its input.
pub const fn aliases(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape { .. } | Op::Transpose { .. } | Op::Dropout { .. }
    )
}

/// The layer of an operation of this family with a result of this shape.
pub fn layer(op: &Op, result: &[u64], parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let shape = with_rows(result);
    Ok(match op {
        Op::Embedding { .. } => {
            let table = parameters.next()?;
            unary(move |x| Tensor::f_embedding(&table, &x.tensor, -1, false, false))
        }
        Op::LearnedPositions {} => {
            let positions = parameters.next()?;
            unary(move |mut x| match x.unique {
                true => x.tensor.f_add_(&positions),
                false => x.tensor.f_add(&positions),
            })
        }
        Op::Dropout { .. } => unary(|x| Ok(x.tensor)),
        Op::Reshape { .. } => unary(move |x| x.tensor.f_reshape(shape.as_slice())),
        Op::Transpose { order } => {
            let mut places = vec![0];
            places.extend(order.iter().copied().map(behind_rows));
            unary(move |x| x.tensor.f_permute(places.as_slice()))
        }
        Op::Concatenate { dim } => {
            let dim = behind_rows(*dim);
            Box::new(move |values| {
                let parts: Vec<Tensor> = values.into_iter().map(|value| value.tensor).collect();
                Tensor::f_cat(&parts, dim)
            })
        }
        Op::Add {} => fold(result, Tensor::f_add, Tensor::f_add_),
        Op::Multiply {} => fold(result, Tensor::f_mul, Tensor::f_mul_),
        Op::Scale { factor, offset } => {
            let (factor, offset) = (f64::from(*factor), f64::from(*offset));
            unary(move |mut x| {
                let mut y = match x.unique {
                    true => x.tensor.f_mul_scalar_(factor)?,
                    false => x.tensor.f_mul_scalar(factor)?,
                };
                if offset == 0.0 {
                    return Ok(y);
                }
                y.f_add_scalar_(offset)
            })
        }
        Op::Slice { dim, start, length } => {
            let (dim, start, length) = (behind_rows(*dim), *start as i64, *length as i64);
            // A copy: a part of it would keep the whole input alive, which costs nothing by the
            // cost model once it is released.
            unary(move |x| {
                let part = x.tensor.f_narrow(dim, start, length)?;
                let mut copy = part.f_empty_like()?;
                copy.f_copy_(&part)?;
                Ok(copy)
            })
        }
        Op::Pad { padding } => {
            let margins = margins(padding);
            unary(move |x| x.tensor.f_constant_pad_nd(margins.as_slice()))
        }
        _ => return Err(TchError::Torch(format!("no layer for {}", op.name()))),
    })
}

/// Joins all inputs by an operation that repeats dimensions of size 1.
fn fold(
    result: &[u64],
    elsewhere: fn(&Tensor, &Tensor) -> Result<Tensor, TchError>,
    in_place: fn(&mut Tensor, &Tensor) -> Result<Tensor, TchError>,
) -> Layer {
    let row: Vec<i64> = result.iter().map(|size| *size as i64).collect();
    Box::new(move |values| {
        let mut values = values.into_iter();
        let first = values
            .next()
            .ok_or_else(|| TchError::Shape("an operation lacks inputs".to_owned()))?;
        values
            .try_fold(first, |mut sum, next| {
                // Only where the sum so far is as large as what comes of it.
                let fits = sum.unique && sum.tensor.size().get(1..) == Some(row.as_slice());
                let tensor = match fits {
                    true => in_place(&mut sum.tensor, &next.tensor)?,
                    false => elsewhere(&sum.tensor, &next.tensor)?,
                };
                Ok(Value::new(tensor))
            })
            .map(|sum| sum.tensor)
    })
}
