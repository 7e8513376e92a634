//! Convolutions, those over one dimension as those over two of which the first has size 1.

use tch::{TchError, Tensor};
use zarathustra_eval::architecture::{Convolution, TransposedConvolution};

use super::layer::{Layer, Parameters, unary};

/// A list for one spatial dimension or two, as one for two.
pub fn plane<T: Copy>(list: &[T], missing: T) -> [T; 2] {
    match *list {
        [height, width] => [height, width],
        [width] => [missing, width],
        _ => [missing, missing],
    }
}

/// Sizes for two spatial dimensions.
pub fn sizes(list: &[u64], missing: u64) -> [i64; 2] {
    plane(list, missing).map(|size| size as i64)
}

/// Margins as libtorch's `pad` takes them: last dimension first, both ends.
pub fn margins(padding: &[[u64; 2]]) -> Vec<i64> {
    let ends = padding.iter().rev().flatten();
    ends.map(|size| *size as i64).collect()
}

/// Gives signals a height of 1, if `flat`.
pub fn raise(x: Tensor, flat: bool) -> Result<Tensor, TchError> {
    if flat { x.f_unsqueeze(2) } else { Ok(x) }
}

/// Takes the height of 1 away again, if `flat`.
pub fn lower(x: Tensor, flat: bool) -> Result<Tensor, TchError> {
    if flat { x.f_squeeze_dim(2) } else { Ok(x) }
}

/// The operations `conv1d` and `conv2d`.
pub fn layer(c: &Convolution, parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let flat = c.kernel.len() == 1;
    let weight = raise(parameters.next()?, flat)?;
    let bias = parameters.next_if(c.bias)?;
    let stride = sizes(&c.stride, 1);
    let dilation = sizes(&c.dilation, 1);
    let groups = c.groups as i64;
    // Margins of different size are put there before, equal ones by the convolution itself.
    let equal = c.padding.iter().all(|[before, after]| before == after);
    let ahead = (!equal).then(|| margins(&c.padding));
    let within: Vec<u64> = c.padding.iter().map(|[before, _]| *before).collect();
    let padding = if equal { sizes(&within, 0) } else { [0, 0] };
    Ok(unary(move |x| {
        let x = match &ahead {
            Some(margins) => x.tensor.f_constant_pad_nd(margins.as_slice())?,
            None => x.tensor,
        };
        let x = raise(x, flat)?;
        let y = x.f_conv2d(&weight, bias.as_ref(), stride, padding, dilation, groups)?;
        lower(y, flat)
    }))
}

/// The operations `conv_transpose1d` and `conv_transpose2d`.
pub fn transposed(
    c: &TransposedConvolution,
    parameters: &mut Parameters<'_>,
) -> Result<Layer, TchError> {
    let flat = c.kernel.len() == 1;
    let weight = raise(parameters.next()?, flat)?;
    let bias = parameters.next_if(c.bias)?;
    let stride = sizes(&c.stride, 1);
    let padding = sizes(&c.padding, 0);
    let added = sizes(&c.output_padding, 0);
    let dilation = sizes(&c.dilation, 1);
    let groups = c.groups as i64;
    Ok(unary(move |x| {
        let x = raise(x.tensor, flat)?;
        let bias = bias.as_ref();
        let y = x.f_conv_transpose2d(&weight, bias, stride, padding, added, groups, dilation)?;
        lower(y, flat)
    }))
}
