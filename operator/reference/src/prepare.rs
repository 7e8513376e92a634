//! From a step of an architecture to the kernel that computes it.

use zarathustra_model::architecture::{
    self, Convolution as ConvolutionOp, Direction, Op, Recurrent as RecurrentOp, Returns,
    TransposedConvolution, plain_function,
};

use crate::{
    activation::{Each, Prelu, Softmax},
    attention::{Attention, Rotary},
    convolution::{Convolution, Order, Phase, Sizes, direct, transposed},
    kernel::{Kernel, sizes, strides},
    linear::Linear,
    normalisation::{BatchNorm, GroupNorm, Moment},
    pooling::{Pool, Pooling, Reduce, Window},
    recurrent::{Cell, Pass, Recurrent},
    shape::{Broadcast, Concatenate, Embedding, Fold, Identity, LearnedPositions, Pad, Pick},
};

/// A step that can be computed.
pub enum Prepared {
    /// An operation on floats.
    Floats(Box<dyn Kernel>),
    /// An embedding, the only operation on integers.
    Integers(Embedding),
}

/// Prepares one operation. Shapes and parameters are those that the architecture's checks promise;
/// `parameters` come in the order in which [`Op`] lists them.
pub fn prepare(
    op: &Op,
    inputs: &[&[u64]],
    result: &[u64],
    parameters: &mut dyn Iterator<Item = Vec<f32>>,
) -> Prepared {
    let inputs: Vec<_> = inputs.iter().map(|shape| sizes(shape)).collect();
    let mut step = Step {
        x: &inputs[0],
        inputs: &inputs,
        result: sizes(result),
        parameters,
    };
    match *op {
        Op::Embedding { entries, size } => Prepared::Integers(Embedding {
            weight: step.parameter(),
            entries: entries as usize,
            size: size as usize,
        }),
        _ => Prepared::Floats(step.kernel(op)),
    }
}

/// Shapes of a step for one row, and the parameters that it has not taken yet.
struct Step<'a> {
    x: &'a [usize],
    inputs: &'a [Vec<usize>],
    result: Vec<usize>,
    parameters: &'a mut dyn Iterator<Item = Vec<f32>>,
}

impl Step<'_> {
    fn parameter(&mut self) -> Vec<f32> {
        let next = self.parameters.next();
        next.expect("the architecture lists the parameters of each operation")
    }

    fn parameter_if(&mut self, there: bool) -> Option<Vec<f32>> {
        there.then(|| self.parameter())
    }

    fn linear(&mut self, units: usize, features: usize, bias: bool) -> Linear {
        let weight = self.parameter();
        Linear::new(units, features, &weight, self.parameter_if(bias))
    }

    /// Elements behind one element of a dimension.
    fn inner(&self, dim: usize) -> usize {
        self.x[dim + 1..].iter().product()
    }

    fn kernel(&mut self, op: &Op) -> Box<dyn Kernel> {
        if let Some(each) = Each::of(op) {
            return Box::new(each);
        }
        let last = self.x[self.x.len() - 1];
        match op {
            Op::Linear { units, bias } => Box::new(self.linear(*units as usize, last, *bias)),
            Op::Conv1d(c) | Op::Conv2d(c) => Box::new(self.convolution(c)),
            Op::ConvTranspose1d(c) | Op::ConvTranspose2d(c) => {
                Box::new(self.transposed_convolution(c))
            }
            Op::MaxPool1d(p) | Op::MaxPool2d(p) => {
                Box::new(self.pool(Pooling::Max, &p.kernel, &p.stride, &p.padding))
            }
            Op::AvgPool1d(p) | Op::AvgPool2d(p) => {
                let count_padding = p.count_padding;
                let mean = Pooling::Mean { count_padding };
                Box::new(self.pool(mean, &p.kernel, &p.stride, &p.padding))
            }
            Op::Mean { dims, .. } => {
                let count_padding = true;
                Box::new(self.reduce(Pooling::Mean { count_padding }, dims))
            }
            Op::Max { dims, .. } => Box::new(self.reduce(Pooling::Max, dims)),
            Op::BatchNorm { epsilon, affine } => Box::new(BatchNorm {
                affine: affine.then(|| [self.parameter(), self.parameter()]),
                mean: self.parameter(),
                variance: self.parameter(),
                epsilon: *epsilon,
                inner: self.inner(0),
            }),
            Op::LayerNorm {
                dims,
                epsilon,
                weight,
                bias,
            } => Box::new(self.norm_of_last(Moment::Variance, *dims, *epsilon, [*weight, *bias])),
            Op::GroupNorm {
                groups,
                epsilon,
                affine,
            } => Box::new(GroupNorm {
                moment: Moment::Variance,
                size: self.x.iter().product::<usize>() / *groups as usize,
                weight: self.parameter_if(*affine),
                bias: self.parameter_if(*affine),
                sharing: self.inner(0),
                epsilon: *epsilon,
            }),
            Op::RmsNorm {
                dims,
                epsilon,
                weight,
            } => Box::new(self.norm_of_last(Moment::MeanSquare, *dims, *epsilon, [*weight, false])),
            Op::Rnn { activation, layer } => {
                Box::new(self.recurrent(Cell::Rnn(*activation), layer))
            }
            Op::Lstm(layer) => Box::new(self.recurrent(Cell::Lstm, layer)),
            Op::Gru(layer) => Box::new(self.recurrent(Cell::Gru, layer)),
            Op::MultiHeadAttention(attention) => Box::new(self.attention(attention)),
            Op::LearnedPositions {} => Box::new(LearnedPositions {
                weight: self.parameter(),
            }),
            Op::Prelu { per_channel } => Box::new(Prelu {
                slopes: self.parameter(),
                inner: if *per_channel {
                    self.inner(0)
                } else {
                    self.x.iter().product()
                },
            }),
            Op::Softmax { dim } => Box::new(self.softmax(*dim, false)),
            Op::LogSoftmax { dim } => Box::new(self.softmax(*dim, true)),
            Op::Dropout { .. } | Op::Reshape { .. } => Box::new(Identity),
            Op::Transpose { order } => {
                let strides = strides(self.x);
                Box::new(Pick {
                    shape: self.result.clone(),
                    strides: order.iter().map(|dim| strides[*dim as usize]).collect(),
                    start: 0,
                })
            }
            Op::Slice { dim, start, .. } => {
                let strides = strides(self.x);
                Box::new(Pick {
                    shape: self.result.clone(),
                    start: *start as usize * strides[*dim as usize],
                    strides,
                })
            }
            Op::Pad { padding } => {
                let strides = strides(&self.result);
                let before = padding.iter().map(|[before, _]| *before as usize);
                Box::new(Pad {
                    shape: self.x.to_vec(),
                    start: before
                        .zip(&strides)
                        .map(|(size, stride)| size * stride)
                        .sum(),
                    strides,
                    elements: self.result.iter().product(),
                })
            }
            Op::Concatenate { dim } => {
                let dim = *dim as usize;
                let inner = self.inner(dim);
                Box::new(Concatenate {
                    chunks: self.inputs.iter().map(|shape| shape[dim] * inner).collect(),
                    outer: self.x[..dim].iter().product(),
                })
            }
            Op::Add {} => Box::new(self.broadcast(Fold::Add)),
            Op::Multiply {} => Box::new(self.broadcast(Fold::Multiply)),
            Op::TransformerEncoder(_) | Op::TransformerDecoder(_) => {
                unreachable!("steps are primitive")
            }
            Op::Embedding { .. } => unreachable!("embeddings take integers"),
            Op::LeakyRelu { .. } | Op::Elu { .. } | Op::Scale { .. } | plain_function!() => {
                unreachable!("functions of single elements")
            }
        }
    }

    fn convolution(&mut self, c: &ConvolutionOp) -> Convolution {
        let sizes = self.convolution_sizes(&c.kernel, c.groups);
        let phases = both(&c.kernel).map(|dim| match dim {
            Some(dim) => direct(
                c.kernel[dim] as usize,
                c.stride[dim] as usize,
                c.padding[dim][0] as usize,
                c.dilation[dim] as usize,
                self.result[dim + 1],
            ),
            None => direct(1, 1, 0, 1, 1),
        });
        self.convolution_of(sizes, phases, Order::OutputFirst, c.bias)
    }

    fn transposed_convolution(&mut self, c: &TransposedConvolution) -> Convolution {
        let sizes = self.convolution_sizes(&c.kernel, c.groups);
        let phases = both(&c.kernel).map(|dim| match dim {
            Some(dim) => transposed(
                c.kernel[dim] as usize,
                c.stride[dim] as usize,
                c.padding[dim] as usize,
                c.dilation[dim] as usize,
                self.result[dim + 1],
            ),
            None => direct(1, 1, 0, 1, 1),
        });
        self.convolution_of(sizes, phases, Order::InputFirst, c.bias)
    }

    fn convolution_of(
        &mut self,
        sizes: Sizes,
        phases: [Vec<Phase>; 2],
        order: Order,
        bias: bool,
    ) -> Convolution {
        let weight = self.parameter();
        let bias = self.parameter_if(bias);
        Convolution::new(sizes, phases, order, &weight, bias)
    }

    fn convolution_sizes(&self, kernel: &[u64], groups: u64) -> Sizes {
        let plane = |shape: &[usize]| both(kernel).map(|dim| dim.map_or(1, |dim| shape[dim + 1]));
        Sizes {
            channels: [self.x[0], self.result[0]],
            groups: groups as usize,
            input: plane(self.x),
            kernel: both(kernel).map(|dim| dim.map_or(1, |dim| kernel[dim] as usize)),
            result: plane(&self.result),
        }
    }

    fn pool(&self, pooling: Pooling, kernel: &[u64], stride: &[u64], padding: &[[u64; 2]]) -> Pool {
        let [height, width] = both(kernel).map(|dim| match dim {
            Some(dim) => Window {
                size: self.x[dim + 1],
                kernel: kernel[dim] as usize,
                stride: stride[dim] as usize,
                before: padding[dim][0] as usize,
                places: self.result[dim + 1],
            },
            None => Window {
                size: 1,
                kernel: 1,
                stride: 1,
                before: 0,
                places: 1,
            },
        });
        Pool {
            pooling,
            height,
            width,
        }
    }

    fn reduce(&self, pooling: Pooling, dims: &[u64]) -> Reduce {
        let mut kept = self.x.to_vec();
        for dim in dims {
            kept[*dim as usize] = 1;
        }
        Reduce {
            pooling,
            shape: self.x.to_vec(),
            strides: repeated(&kept),
            elements: kept.iter().product(),
        }
    }

    fn norm_of_last(
        &mut self,
        moment: Moment,
        dims: u64,
        epsilon: f64,
        [weight, bias]: [bool; 2],
    ) -> GroupNorm {
        GroupNorm {
            moment,
            size: self.x[self.x.len() - dims as usize..].iter().product(),
            weight: self.parameter_if(weight),
            bias: self.parameter_if(bias),
            sharing: 1,
            epsilon,
        }
    }

    fn recurrent(&mut self, cell: Cell, layer: &RecurrentOp) -> Recurrent {
        let units = layer.units as usize;
        let directions: &[bool] = match layer.direction {
            Direction::Forward => &[false],
            Direction::Backward => &[true],
            Direction::Both => &[false, true],
        };
        let passes = directions.iter().map(|backward| {
            let weights = [self.parameter(), self.parameter()];
            let biases = [(); 2].map(|()| self.parameter_if(layer.bias));
            let rows = cell.gates() * units;
            let [input, hidden] = [self.x[1], units];
            let [of_input, of_hidden] = biases;
            Pass {
                input: Linear::new(rows, input, &weights[0], of_input),
                hidden: Linear::new(rows, hidden, &weights[1], of_hidden),
                backward: *backward,
            }
        });
        let passes = passes.collect();
        Recurrent {
            cell,
            units,
            time: self.x[0],
            passes,
            last: layer.returns == Returns::Last,
        }
    }

    fn attention(&mut self, a: &architecture::Attention) -> Attention {
        let [heads, key_value_heads, head_size, units] =
            [a.heads, a.key_value_heads, a.head_size, a.units].map(|size| size as usize);
        let [queries, keys] = [self.inputs[0][0], self.inputs[1][0]];
        let [query, key, value] = [0, 1, 2].map(|input| self.inputs[input][1]);
        let rotary = a.rotary.as_ref().map(|rotary| {
            let places = if queries > keys { queries } else { keys };
            let size = rotary.size as usize;
            Rotary::new(rotary.base, size, rotary.interleaved, places)
        });
        Attention {
            query: self.linear(heads * head_size, query, a.bias),
            key: self.linear(key_value_heads * head_size, key, a.bias),
            value: self.linear(key_value_heads * head_size, value, a.bias),
            output: self.linear(units, heads * head_size, a.output_bias),
            heads,
            key_value_heads,
            head_size,
            units,
            queries,
            keys,
            causal: a.causal,
            rotary,
        }
    }

    fn softmax(&self, dim: u64, logarithm: bool) -> Softmax {
        Softmax {
            size: self.x[dim as usize],
            inner: self.inner(dim as usize),
            logarithm,
        }
    }

    fn broadcast(&self, fold: Fold) -> Broadcast {
        Broadcast {
            fold,
            shape: self.result.clone(),
            strides: self.inputs.iter().map(|shape| repeated(shape)).collect(),
        }
    }
}

/// For height and width, which spatial dimension it is: a signal has no height.
fn both(kernel: &[u64]) -> [Option<usize>; 2] {
    match kernel.len() {
        1 => [None, Some(0)],
        _ => [Some(0), Some(1)],
    }
}

/// Strides of a tensor whose dimensions of size 1 are repeated.
fn repeated(shape: &[usize]) -> Vec<usize> {
    let strides = strides(shape).into_iter().zip(shape);
    strides
        .map(|(stride, size)| if *size == 1 { 0 } else { stride })
        .collect()
}
