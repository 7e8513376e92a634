//! Linear layers, also those inside attention.

use tch::{Device, Kind, TchError, Tensor};

use super::layer::{Layer, Parameters, unary};

/// Weights from which on oneDNN multiplies. The environment lock has MKL use what every processor
/// has, which is several times slower than the AVX2 that oneDNN is held to; for smaller weights
/// the way into oneDNN's layout and back costs more than it saves.
const PACKED_WEIGHTS: i64 = 1 << 12;

/// `x · weightᵀ + bias` over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Sizes of the last dimension in front and behind, if the weight is in oneDNN's layout.
    packed: Option<[i64; 2]>,
}

impl Linear {
    /// Takes the layer's parameters.
    pub fn new(bias: bool, parameters: &mut Parameters<'_>) -> Result<Self, TchError> {
        let weight = parameters.next()?;
        let bias = parameters.next_if(bias)?;
        let (units, features) = weight.size2()?;
        let packs = cfg!(target_arch = "x86_64") && parameters.device() == Device::Cpu;
        if packs && units * features >= PACKED_WEIGHTS {
            return Ok(Self {
                weight: weight.f_to_mkldnn(Kind::Float)?,
                bias,
                packed: Some([features, units]),
            });
        }
        Ok(Self {
            weight,
            bias,
            packed: None,
        })
    }

    /// Applies the layer.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let Some([features, units]) = self.packed else {
            return x.f_linear(&self.weight, self.bias.as_ref());
        };
        let mut shape = x.size();
        if let Some(last) = shape.last_mut() {
            *last = units;
        }
        x.f_reshape([-1, features])?
            .f_to_mkldnn(Kind::Float)?
            .f_mkldnn_linear(&self.weight, self.bias.as_ref())?
            .f_to_dense(Kind::Float, false)?
            .f_view(shape.as_slice())
    }
}

/// The operation `linear`.
pub fn layer(bias: bool, parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let linear = Linear::new(bias, parameters)?;
    Ok(unary(move |x| linear.forward(&x.tensor)))
}
