//! Pooling by windows and over whole dimensions.

use tch::{Device, Kind, TchError, Tensor};
use zarathustra_eval::architecture::{AvgPool, MaxPool};

use super::convolution::{lower, margins, plane, raise, sizes};
use super::layer::{Layer, behind_rows, unary, with_rows};
use crate::determinism;

/// The padding that libtorch's pooling does itself: equal at both ends and at most half a window.
fn within(padding: &[[u64; 2]], kernel: &[u64]) -> Option<[i64; 2]> {
    let fits =
        |([before, after], kernel): (&[u64; 2], &u64)| before == after && 2 * before <= *kernel;
    let before: Vec<u64> = padding.iter().map(|[before, _]| *before).collect();
    padding
        .iter()
        .zip(kernel)
        .all(fits)
        .then(|| sizes(&before, 0))
}

/// The operations `max_pool1d` and `max_pool2d`.
pub fn max(pool: &MaxPool) -> Layer {
    let flat = pool.kernel.len() == 1;
    let kernel = sizes(&pool.kernel, 1);
    let stride = sizes(&pool.stride, 1);
    let padding = within(&pool.padding, &pool.kernel);
    let ahead = margins(&pool.padding);
    unary(move |x| {
        let (x, padding) = match padding {
            Some(padding) => (x.tensor, padding),
            None => {
                let least = f64::NEG_INFINITY;
                let x = x.tensor.f_pad(ahead.as_slice(), "constant", least)?;
                (x, [0, 0])
            }
        };
        let y = raise(x, flat)?.f_max_pool2d(kernel, stride, padding, [1, 1], false)?;
        lower(y, flat)
    })
}

/// The operations `avg_pool1d` and `avg_pool2d`, for rows of these shapes.
pub fn mean(
    pool: &AvgPool,
    input: &[u64],
    result: &[u64],
    device: Device,
) -> Result<Layer, TchError> {
    let flat = pool.kernel.len() == 1;
    let kernel = sizes(&pool.kernel, 1);
    let stride = sizes(&pool.stride, 1);
    let count = pool.count_padding;
    if let Some(padding) = within(&pool.padding, &pool.kernel) {
        return Ok(unary(move |x| {
            let x = raise(x.tensor, flat)?;
            let y = x.f_avg_pool2d(kernel, stride, padding, false, count, None)?;
            lower(y, flat)
        }));
    }
    // Margins of our own, which count as zeros; else sums are divided by what is inside.
    let ahead = margins(&pool.padding);
    let counts = if count {
        None
    } else {
        Some(insides(pool, input, result)?.f_to_device(device)?)
    };
    let divisor = if count { None } else { Some(1) };
    Ok(unary(move |x| {
        let x = raise(x.tensor.f_constant_pad_nd(ahead.as_slice())?, flat)?;
        let mut y = x.f_avg_pool2d(kernel, stride, [0, 0], false, true, divisor)?;
        if let Some(counts) = &counts {
            y = y.f_div_(counts)?;
        }
        lower(y, flat)
    }))
}

/// How many places of the input each window covers: `[1, 1, height, width]`.
fn insides(pool: &AvgPool, input: &[u64], result: &[u64]) -> Result<Tensor, TchError> {
    let kernel = plane(&pool.kernel, 1);
    let stride = plane(&pool.stride, 1);
    let padding = plane(&pool.padding, [0, 0]);
    let size = plane(&input[1..], 1);
    let places = plane(&result[1..], 1);
    let along = |dim: usize| {
        (0..places[dim]).map(move |place| {
            let begin = place * stride[dim];
            let end = begin + kernel[dim];
            // Places of the padded input, of which those of the input itself begin behind.
            let first = padding[dim][0];
            let inside = end.min(first + size[dim]).saturating_sub(begin.max(first));
            inside as f32
        })
    };
    let counts: Vec<f32> = determinism::unflushed(|| {
        along(0)
            .flat_map(|rows| along(1).map(move |columns| rows * columns))
            .collect()
    });
    let shape = [1, 1, places[0] as i64, places[1] as i64];
    Tensor::f_from_slice(&counts)?.f_view(shape)
}

/// The operation `mean`.
pub fn mean_over(dims: &[u64], result: &[u64]) -> Layer {
    let dims: Vec<i64> = dims.iter().copied().map(behind_rows).collect();
    let shape = with_rows(result);
    unary(move |x| {
        let mean = x.tensor.f_mean_dim(dims.as_slice(), true, Kind::Float)?;
        mean.f_reshape(shape.as_slice())
    })
}

/// The operation `max`.
pub fn max_over(dims: &[u64], result: &[u64]) -> Layer {
    let dims: Vec<i64> = dims.iter().copied().map(behind_rows).collect();
    let shape = with_rows(result);
    unary(move |x| {
        let most = x.tensor.f_amax(dims.as_slice(), true)?;
        most.f_reshape(shape.as_slice())
    })
}
