//! Scaled dot-product attention with several heads.

use tch::{Device, TchError, Tensor};
use zarathustra_eval::architecture::{Attention, Rotary};

use super::layer::{Layer, Parameters, exactly};
use super::linear::Linear;
use crate::determinism;

/// The operation `multi_head_attention` on rows of these shapes.
pub fn layer(
    attention: &Attention,
    inputs: &[&[u64]],
    parameters: &mut Parameters<'_>,
) -> Result<Layer, TchError> {
    let query = Linear::new(attention.bias, parameters)?;
    let key = Linear::new(attention.bias, parameters)?;
    let value = Linear::new(attention.bias, parameters)?;
    let output = Linear::new(attention.output_bias, parameters)?;
    let device = parameters.device();
    let angles = |places: u64| match &attention.rotary {
        Some(rotary) => Angles::new(rotary, places, device).map(Some),
        None => Ok(None),
    };
    let rotate_query = angles(inputs[0][0])?;
    let rotate_key = angles(inputs[1][0])?;
    let heads = attention.heads as i64;
    let shared = attention.key_value_heads as i64;
    let size = attention.head_size as i64;
    let causal = attention.causal;
    Ok(Box::new(move |values| {
        let [q, k, v] = exactly(values)?;
        let split = |x: Tensor, heads: i64, angles: &Option<Angles>| {
            let (rows, places, _) = x.size3()?;
            let mut x = x.f_view([rows, places, heads, size])?;
            if let Some(angles) = angles {
                x = angles.rotate(&x)?;
            }
            x.f_transpose(1, 2)
        };
        let q = split(query.forward(&q.tensor)?, heads, &rotate_query)?;
        let k = split(key.forward(&k.tensor)?, shared, &rotate_key)?;
        let v = split(value.forward(&v.tensor)?, shared, &None)?;
        let k = repeat(k, heads / shared)?;
        let v = repeat(v, heads / shared)?;
        let none = None::<Tensor>;
        let context =
            Tensor::f_scaled_dot_product_attention(&q, &k, &v, none, 0.0, causal, None, false)?;
        let (rows, _, places, _) = context.size4()?;
        let context = context
            .f_transpose(1, 2)?
            .f_reshape([rows, places, heads * size])?;
        output.forward(&context)
    }))
}

/// Each head so many times, one behind the other.
fn repeat(x: Tensor, times: i64) -> Result<Tensor, TchError> {
    if times == 1 {
        return Ok(x);
    }
    let (rows, heads, places, size) = x.size4()?;
    x.f_unsqueeze(2)?
        .f_expand([rows, heads, times, places, size], false)?
        .f_reshape([rows, heads * times, places, size])
}

/// Cosines and sines of the angles of all places and pairs: `[1, places, 1, pairs]`.
struct Angles {
    cosines: Tensor,
    sines: Tensor,
    pairs: i64,
    interleaved: bool,
}

impl Angles {
    /// Angles are computed in double precision: positions are large, and their angles wrap.
    fn new(rotary: &Rotary, places: u64, device: Device) -> Result<Self, TchError> {
        let pairs = rotary.size / 2;
        let angle = |place: u64, pair: u64| {
            let exponent = -2.0 * pair as f64 / rotary.size as f64;
            place as f64 * rotary.base.powf(exponent)
        };
        let all = |function: fn(f64) -> f64| {
            let pairs_at = |place| (0..pairs).map(move |pair| function(angle(place, pair)) as f32);
            determinism::unflushed(|| (0..places).flat_map(pairs_at).collect())
        };
        let table = |values: Vec<f32>| {
            let shape = [1, places as i64, 1, pairs as i64];
            Tensor::f_from_slice(&values)?
                .f_view(shape)?
                .f_to_device(device)
        };
        Ok(Self {
            cosines: table(all(f64::cos))?,
            sines: table(all(f64::sin))?,
            pairs: pairs as i64,
            interleaved: rotary.interleaved,
        })
    }

    /// Rotates the first features of each head of `[rows, places, heads, size]`.
    fn rotate(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (rows, places, heads, size) = x.size4()?;
        let rotated = 2 * self.pairs;
        let front = x.f_narrow(3, 0, rotated)?;
        let (a, b) = if self.interleaved {
            let pairs = front.f_reshape([rows, places, heads, self.pairs, 2])?;
            (pairs.f_select(4, 0)?, pairs.f_select(4, 1)?)
        } else {
            let a = front.f_narrow(3, 0, self.pairs)?;
            (a, front.f_narrow(3, self.pairs, self.pairs)?)
        };
        let first = a.f_mul(&self.cosines)?.f_sub_(&b.f_mul(&self.sines)?)?;
        let second = b.f_mul(&self.cosines)?.f_add_(&a.f_mul(&self.sines)?)?;
        let front = if self.interleaved {
            Tensor::f_stack(&[first, second], 4)?.f_view([rows, places, heads, rotated])?
        } else {
            Tensor::f_cat(&[first, second], 3)?
        };
        if rotated == size {
            return Ok(front);
        }
        let rest = x.f_narrow(3, rotated, size - rotated)?;
        Tensor::f_cat(&[front, rest], 3)
    }
}
