//! Parameters as the engine is given them.

use zarathustra_model::{
    architecture::Architecture,
    safetensors::{Dtype, TensorView},
};

/// The parameters of an architecture, in its order, with these bytes.
pub fn tensors<'a>(architecture: &Architecture, bytes: &'a [Vec<u8>]) -> Vec<TensorView<'a>> {
    let specs = architecture.parameters().iter().zip(bytes);
    specs
        .map(|(spec, data)| TensorView {
            name: spec.name.clone(),
            dtype: Dtype::F32,
            shape: spec.shape.clone(),
            data,
        })
        .collect()
}
