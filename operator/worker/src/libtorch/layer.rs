//! What layers are made of.

use tch::{Device, Kind, TchError, Tensor};
use zarathustra_eval::safetensors::TensorView;

/// What computes a step; it is given as many values as the operation has inputs.
pub type Layer = Box<dyn Fn(Vec<Value>) -> Result<Tensor, TchError>>;

/// A tensor of rows between two layers.
pub struct Value {
    pub tensor: Tensor,
    /// Whether nobody else has this memory, so that it may be written to.
    pub unique: bool,
}

impl Value {
    /// A tensor that was just made.
    pub const fn new(tensor: Tensor) -> Self {
        let unique = true;
        Self { tensor, unique }
    }

    /// The same for somebody else.
    pub fn share(&self) -> Self {
        Self {
            tensor: self.tensor.shallow_clone(),
            unique: false,
        }
    }
}

/// A layer of one input.
pub fn unary(compute: impl Fn(Value) -> Result<Tensor, TchError> + 'static) -> Layer {
    Box::new(move |values| {
        let [x] = exactly(values)?;
        compute(x)
    })
}

/// The inputs of an operation that has so many; the architecture's check promises it.
pub fn exactly<const N: usize>(values: Vec<Value>) -> Result<[Value; N], TchError> {
    values
        .try_into()
        .map_err(|_| TchError::Shape("another number of inputs".to_owned()))
}

/// Dimensions as libtorch takes them.
pub fn dimensions(shape: &[u64]) -> Vec<i64> {
    shape.iter().map(|size| *size as i64).collect()
}

/// A shape behind any number of rows.
pub fn with_rows(shape: &[u64]) -> Vec<i64> {
    let mut all = vec![-1];
    all.extend(shape.iter().map(|size| *size as i64));
    all
}

/// A dimension behind the rows.
pub const fn behind_rows(dim: u64) -> i64 {
    dim as i64 + 1
}

/// The parameters of an operation, made one by one so that no two copies of all are alive.
pub struct Parameters<'a> {
    views: Vec<&'a TensorView<'a>>,
    device: Device,
}

impl<'a> Parameters<'a> {
    pub fn new(views: impl DoubleEndedIterator<Item = &'a TensorView<'a>>, device: Device) -> Self {
        let views = views.rev().collect();
        Self { views, device }
    }

    /// Where the parameters are.
    pub const fn device(&self) -> Device {
        self.device
    }

    /// The next parameter.
    pub fn next(&mut self) -> Result<Tensor, TchError> {
        let missing = || TchError::Shape("a parameter is missing".to_owned());
        let view = self.views.pop().ok_or_else(missing)?;
        Tensor::f_from_data_size(view.data, &dimensions(&view.shape), Kind::Float)?
            .f_to_device(self.device)
    }

    /// The next parameter, if the operation has it.
    pub fn next_if(&mut self, there: bool) -> Result<Option<Tensor>, TchError> {
        there.then(|| self.next()).transpose()
    }

    /// All that are left.
    pub fn rest(&mut self) -> Result<Vec<Tensor>, TchError> {
        (0..self.views.len()).map(|_| self.next()).collect()
    }
}
