//! Linear layers, also those inside attention.

use tch::{Device, TchError, Tensor};

use super::layer::{Layer, Parameters, unary};

/// Weights from which on oneDNN multiplies. The environment lock has MKL use what every processor
/// has, which is several times slower than the AVX2 that oneDNN is held to; for smaller weights its
/// start costs more than it saves.
const CONVOLVED_WEIGHTS: i64 = 1 << 9;

/// `x · weightᵀ + bias` over the last dimension.
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    /// Whether the weight is `[units, features, 1, 1]`. oneDNN takes plain tensors only for
    /// convolutions; one of single points, over channels that lie last, is this product.
    convolves: bool,
    units: i64,
    features: i64,
}

impl Linear {
    /// Takes the layer's parameters.
    pub fn new(bias: bool, parameters: &mut Parameters<'_>) -> Result<Self, TchError> {
        let mut weight = parameters.next()?;
        let bias = parameters.next_if(bias)?;
        let (units, features) = weight.size2()?;
        let has_one_dnn = cfg!(target_arch = "x86_64") && parameters.device() == Device::Cpu;
        let convolves = has_one_dnn && units * features >= CONVOLVED_WEIGHTS;
        if convolves {
            weight = weight.f_view([units, features, 1, 1])?;
        }
        Ok(Self {
            weight,
            bias,
            convolves,
            units,
            features,
        })
    }

    /// Applies the layer.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        if !self.convolves {
            return x.f_linear(&self.weight, self.bias.as_ref());
        }
        let mut shape = x.size();
        if let Some(last) = shape.last_mut() {
            *last = self.units;
        }
        // In order, as otherwise channels are not seen to lie last, and the result is copied.
        x.f_reshape([1, 1, -1, self.features])?
            .f_contiguous()?
            .f_permute([0, 3, 1, 2])?
            .f_mkldnn_convolution(&self.weight, self.bias.as_ref(), [0, 0], [1, 1], [1, 1], 1)?
            .f_permute([0, 2, 3, 1])?
            .f_reshape(shape.as_slice())
    }
}

/// The operation `linear`.
pub fn layer(bias: bool, parameters: &mut Parameters<'_>) -> Result<Layer, TchError> {
    let linear = Linear::new(bias, parameters)?;
    Ok(unary(move |x| linear.forward(&x.tensor)))
}
