//! Transformer blocks, taken apart into the operations that they stand for.

use super::{ArchitectureError, Attention, Block, BlockActivation, Build, Op};

/// Adds the steps of an encoder block.
pub fn encoder(
    build: &mut Build,
    node: &str,
    block: &Block,
    x: usize,
) -> Result<usize, ArchitectureError> {
    let mut parts = Parts::new(build, node, block, x)?;
    let attended = parts.residual(1, x, |parts, value| {
        parts.attention("self_attention", value, value, true)
    })?;
    parts.residual(2, attended, Parts::feed_forward)
}

/// Adds the steps of a decoder block.
pub fn decoder(
    build: &mut Build,
    node: &str,
    block: &Block,
    x: usize,
    memory: usize,
) -> Result<usize, ArchitectureError> {
    let mut parts = Parts::new(build, node, block, x)?;
    let attended = parts.residual(1, x, |parts, value| {
        parts.attention("self_attention", value, value, true)
    })?;
    let attended = parts.residual(2, attended, |parts, value| {
        parts.attention("cross_attention", value, memory, false)
    })?;
    parts.residual(3, attended, Parts::feed_forward)
}

struct Parts<'a> {
    build: &'a mut Build,
    node: &'a str,
    block: &'a Block,
    features: u64,
}

impl<'a> Parts<'a> {
    fn new(
        build: &'a mut Build,
        node: &'a str,
        block: &'a Block,
        x: usize,
    ) -> Result<Self, ArchitectureError> {
        let shape = build.shape_of(x);
        let &[_, features] = shape else {
            return Err(ArchitectureError::InputShape {
                node: node.to_owned(),
                shape: shape.to_vec(),
                expected: "[time, features]",
            });
        };
        if block.heads == 0 || !features.is_multiple_of(block.heads) {
            return Err(ArchitectureError::Attribute {
                node: node.to_owned(),
                attribute: "heads",
                expected: "a divisor of the number of features",
            });
        }
        Ok(Self {
            build,
            node,
            block,
            features,
        })
    }

    fn step(&mut self, part: &str, op: Op, inputs: &[usize]) -> Result<usize, ArchitectureError> {
        let prefix = format!("{}.{part}", self.node);
        self.build.step(self.node, prefix, op, inputs)
    }

    /// A part with its residual connection and the norm of this number, in front or behind.
    fn residual(
        &mut self,
        norm: u32,
        x: usize,
        part: impl FnOnce(&mut Self, usize) -> Result<usize, ArchitectureError>,
    ) -> Result<usize, ArchitectureError> {
        let name = format!("norm_{norm}");
        let op = Op::LayerNorm {
            dims: 1,
            epsilon: self.block.epsilon,
            weight: true,
            bias: true,
        };
        if self.block.norm_first {
            let normed = self.step(&name, op, &[x])?;
            let value = part(self, normed)?;
            self.step("sum", Op::Add {}, &[x, value])
        } else {
            let value = part(self, x)?;
            let sum = self.step("sum", Op::Add {}, &[x, value])?;
            self.step(&name, op, &[sum])
        }
    }

    /// Attention of `query` to `memory`, masked and rotated where it is the self-attention.
    fn attention(
        &mut self,
        part: &str,
        query: usize,
        memory: usize,
        to_itself: bool,
    ) -> Result<usize, ArchitectureError> {
        let op = Op::MultiHeadAttention(Attention {
            heads: self.block.heads,
            key_value_heads: self.block.heads,
            head_size: self.features / self.block.heads,
            units: self.features,
            bias: true,
            output_bias: true,
            causal: self.block.causal && to_itself,
            rotary: self.block.rotary.clone().filter(|_| to_itself),
        });
        self.step(part, op, &[query, memory, memory])
    }

    fn feed_forward(&mut self, x: usize) -> Result<usize, ArchitectureError> {
        let units = self.block.feed_forward;
        let inner = self.step("linear_1", Op::Linear { units, bias: true }, &[x])?;
        let activation = match self.block.activation {
            BlockActivation::Relu => Op::Relu {},
            BlockActivation::Gelu => Op::Gelu { approximate: false },
            BlockActivation::GeluTanh => Op::Gelu { approximate: true },
        };
        let inner = self.step("activation", activation, &[inner])?;
        let units = self.features;
        self.step("linear_2", Op::Linear { units, bias: true }, &[inner])
    }
}
