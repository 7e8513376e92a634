//! The shape behind an operation, after its attributes were checked.

use super::{
    ArchitectureError, Attention, Convolution, Direction, MAX_DIMENSION, MAX_RANK, Op, Recurrent,
    Returns, Rotary, TransposedConvolution, plain_function,
};

/// Most inputs of an operation that takes several.
const MAX_OPERANDS: usize = 64;

/// Checks how many inputs a node names.
pub fn check_input_count(node: &str, op: &Op, inputs: usize) -> Result<(), ArchitectureError> {
    let (range, expected) = match op {
        Op::MultiHeadAttention(_) => (3..=3, "3"),
        Op::TransformerDecoder(_) => (2..=2, "2"),
        Op::Concatenate { .. } | Op::Add {} | Op::Multiply {} => (2..=MAX_OPERANDS, "2 to 64"),
        _ => (1..=1, "1"),
    };
    if range.contains(&inputs) {
        return Ok(());
    }
    Err(ArchitectureError::InputCount {
        node: node.to_owned(),
        inputs,
        expected,
    })
}

/// Shape of one row of the result of a primitive operation. It may still be out of the bounds of
/// shapes.
pub fn result(node: &str, op: &Op, inputs: &[&[u64]]) -> Result<Vec<u64>, ArchitectureError> {
    let at = At {
        node,
        shape: inputs[0],
    };
    let x = inputs[0];
    match op {
        Op::Linear { units, .. } => {
            at.whole("units", *units)?;
            Ok([&x[..x.len() - 1], &[*units]].concat())
        }
        Op::Conv1d(convolution) => at.convolution(convolution, 1),
        Op::Conv2d(convolution) => at.convolution(convolution, 2),
        Op::ConvTranspose1d(convolution) => at.transposed_convolution(convolution, 1),
        Op::ConvTranspose2d(convolution) => at.transposed_convolution(convolution, 2),
        Op::MaxPool1d(pool) => at.pool(1, &pool.kernel, &pool.stride, &pool.padding),
        Op::MaxPool2d(pool) => at.pool(2, &pool.kernel, &pool.stride, &pool.padding),
        Op::AvgPool1d(pool) => at.pool(1, &pool.kernel, &pool.stride, &pool.padding),
        Op::AvgPool2d(pool) => at.pool(2, &pool.kernel, &pool.stride, &pool.padding),
        Op::Mean { dims, keep_dims } | Op::Max { dims, keep_dims } => at.reduced(dims, *keep_dims),
        Op::BatchNorm { epsilon, .. } => {
            at.epsilon(*epsilon)?;
            Ok(x.to_vec())
        }
        Op::LayerNorm {
            dims,
            epsilon,
            weight,
            bias,
        } => {
            at.trailing(*dims)?;
            at.epsilon(*epsilon)?;
            at.require(*weight || !*bias, "bias", "false without weight")?;
            Ok(x.to_vec())
        }
        Op::GroupNorm {
            groups, epsilon, ..
        } => {
            let divides = *groups > 0 && x[0].is_multiple_of(*groups);
            at.require(divides, "groups", "a divisor of dimension 0")?;
            at.epsilon(*epsilon)?;
            Ok(x.to_vec())
        }
        Op::RmsNorm { dims, epsilon, .. } => {
            at.trailing(*dims)?;
            at.epsilon(*epsilon)?;
            Ok(x.to_vec())
        }
        Op::Embedding { entries, size } => {
            at.whole("entries", *entries)?;
            at.whole("size", *size)?;
            Ok([x, &[*size]].concat())
        }
        Op::Rnn { layer, .. } | Op::Lstm(layer) | Op::Gru(layer) => at.recurrent(layer),
        Op::MultiHeadAttention(attention) => at.attention(attention, inputs),
        Op::TransformerEncoder(_) | Op::TransformerDecoder(_) => {
            unreachable!("blocks are taken apart before")
        }
        Op::LeakyRelu { negative_slope } => {
            at.require(negative_slope.is_finite(), "negative_slope", "finite")?;
            Ok(x.to_vec())
        }
        Op::Elu { alpha } => {
            at.require(alpha.is_finite(), "alpha", "finite")?;
            Ok(x.to_vec())
        }
        Op::Softmax { dim } | Op::LogSoftmax { dim } => {
            at.dimension(*dim)?;
            Ok(x.to_vec())
        }
        Op::Dropout { rate } => {
            at.require((0.0..=1.0).contains(rate), "rate", "0 to 1")?;
            Ok(x.to_vec())
        }
        Op::Reshape { shape } => at.reshaped(shape),
        Op::Transpose { order } => {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            let permutes = sorted.iter().copied().eq(0..x.len() as u64);
            at.require(permutes, "order", "each dimension once")?;
            Ok(order.iter().map(|dim| x[*dim as usize]).collect())
        }
        Op::Concatenate { dim } => at.concatenated(*dim, inputs),
        Op::Add {} | Op::Multiply {} => at.broadcast(inputs),
        Op::Scale { factor, offset } => {
            at.require(factor.is_finite(), "factor", "finite")?;
            at.require(offset.is_finite(), "offset", "finite")?;
            Ok(x.to_vec())
        }
        Op::Slice { dim, start, length } => {
            let size = at.dimension(*dim)?;
            let within = start.checked_add(*length).is_some_and(|end| end <= size);
            at.require(
                *length > 0 && within,
                "length",
                "positive, within the dimension",
            )?;
            let mut shape = x.to_vec();
            shape[*dim as usize] = *length;
            Ok(shape)
        }
        Op::Pad { padding } => {
            at.require(
                padding.len() == x.len(),
                "padding",
                "a pair for each dimension",
            )?;
            at.margins("padding", padding)?;
            let padded = x.iter().zip(padding);
            Ok(padded.map(|(size, [a, b])| size + a + b).collect())
        }
        Op::LearnedPositions {} | Op::Prelu { .. } | plain_function!() => Ok(x.to_vec()),
    }
}

/// A node with the shape of its first input.
struct At<'a> {
    node: &'a str,
    shape: &'a [u64],
}

type Shape = Result<Vec<u64>, ArchitectureError>;

impl At<'_> {
    fn require(
        &self,
        holds: bool,
        attribute: &'static str,
        expected: &'static str,
    ) -> Result<(), ArchitectureError> {
        if holds {
            return Ok(());
        }
        Err(self.unfit(attribute, expected))
    }

    fn unfit(&self, attribute: &'static str, expected: &'static str) -> ArchitectureError {
        ArchitectureError::Attribute {
            node: self.node.to_owned(),
            attribute,
            expected,
        }
    }

    fn refuse(&self, shape: &[u64], expected: &'static str) -> ArchitectureError {
        ArchitectureError::InputShape {
            node: self.node.to_owned(),
            shape: shape.to_vec(),
            expected,
        }
    }

    fn whole(&self, attribute: &'static str, value: u64) -> Result<(), ArchitectureError> {
        let fits = (1..=MAX_DIMENSION).contains(&value);
        self.require(fits, attribute, "1 to 16777216")
    }

    fn epsilon(&self, epsilon: f64) -> Result<(), ArchitectureError> {
        let fits = epsilon.is_finite() && epsilon > 0.0;
        self.require(fits, "epsilon", "positive and finite")
    }

    fn dimension(&self, dim: u64) -> Result<u64, ArchitectureError> {
        let size = usize::try_from(dim)
            .ok()
            .and_then(|dim| self.shape.get(dim));
        size.copied()
            .ok_or_else(|| self.unfit("dim", "a dimension of the input"))
    }

    fn trailing(&self, dims: u64) -> Result<(), ArchitectureError> {
        let fits = (1..=self.shape.len() as u64).contains(&dims);
        self.require(fits, "dims", "1 to the number of dimensions")
    }

    fn margins(
        &self,
        attribute: &'static str,
        margins: &[[u64; 2]],
    ) -> Result<(), ArchitectureError> {
        let fits = margins
            .iter()
            .flatten()
            .all(|margin| *margin <= MAX_DIMENSION);
        self.require(fits, attribute, "at most 16777216")
    }

    /// The spatial dimensions behind the channels.
    fn spatial(&self, rank: usize) -> Result<&[u64], ArchitectureError> {
        match self.shape.split_first() {
            Some((_, spatial)) if spatial.len() == rank => Ok(spatial),
            _ if rank == 1 => Err(self.refuse(self.shape, "[channels, length]")),
            _ => Err(self.refuse(self.shape, "[channels, height, width]")),
        }
    }

    /// Checks one positive attribute for each spatial dimension.
    fn each(
        &self,
        attribute: &'static str,
        values: &[u64],
        rank: usize,
    ) -> Result<(), ArchitectureError> {
        let fits = values.len() == rank
            && values
                .iter()
                .all(|value| (1..=MAX_DIMENSION).contains(value));
        self.require(fits, attribute, "1 to 16777216 for each spatial dimension")
    }

    fn groups(&self, groups: u64, channels: u64) -> Result<(), ArchitectureError> {
        let divides =
            groups > 0 && self.shape[0].is_multiple_of(groups) && channels.is_multiple_of(groups);
        self.require(
            divides,
            "groups",
            "a divisor of the channels of input and result",
        )
    }

    fn places(
        &self,
        size: u64,
        [before, after]: [u64; 2],
        extent: u64,
        stride: u64,
    ) -> Result<u64, ArchitectureError> {
        let room = (size + before + after)
            .checked_sub(extent)
            .ok_or_else(|| self.refuse(self.shape, "at least the size of the kernel"))?;
        Ok(room / stride + 1)
    }

    fn convolution(&self, c: &Convolution, rank: usize) -> Shape {
        let spatial = self.spatial(rank)?;
        self.whole("channels", c.channels)?;
        self.each("kernel", &c.kernel, rank)?;
        self.each("stride", &c.stride, rank)?;
        self.each("dilation", &c.dilation, rank)?;
        self.require(
            c.padding.len() == rank,
            "padding",
            "a pair for each spatial dimension",
        )?;
        self.margins("padding", &c.padding)?;
        self.groups(c.groups, c.channels)?;
        let mut shape = vec![c.channels];
        for (i, size) in spatial.iter().enumerate() {
            let extent = c.dilation[i] * (c.kernel[i] - 1) + 1;
            // So that no window lies outside altogether.
            let within = c.padding[i].iter().all(|margin| *margin < extent);
            self.require(within, "padding", "less than the extent of the kernel")?;
            shape.push(self.places(*size, c.padding[i], extent, c.stride[i])?);
        }
        Ok(shape)
    }

    fn transposed_convolution(&self, c: &TransposedConvolution, rank: usize) -> Shape {
        let spatial = self.spatial(rank)?;
        self.whole("channels", c.channels)?;
        self.each("kernel", &c.kernel, rank)?;
        self.each("stride", &c.stride, rank)?;
        self.each("dilation", &c.dilation, rank)?;
        self.groups(c.groups, c.channels)?;
        let lists = c.padding.len() == rank && c.output_padding.len() == rank;
        self.require(lists, "padding", "a number for each spatial dimension")?;
        let mut shape = vec![c.channels];
        for (i, size) in spatial.iter().enumerate() {
            let added = c.output_padding[i];
            let fits = added < c.stride[i].max(c.dilation[i]);
            self.require(fits, "output_padding", "less than stride or dilation")?;
            self.require(c.padding[i] <= MAX_DIMENSION, "padding", "at most 16777216")?;
            // Factors below 2^25 each: no sum here leaves 64 bits.
            let whole = (size - 1) * c.stride[i] + c.dilation[i] * (c.kernel[i] - 1) + added + 1;
            let left = whole.checked_sub(2 * c.padding[i]).filter(|left| *left > 0);
            shape.push(left.ok_or_else(|| self.unfit("padding", "less than what is there"))?);
        }
        Ok(shape)
    }

    fn pool(&self, rank: usize, kernel: &[u64], stride: &[u64], padding: &[[u64; 2]]) -> Shape {
        let spatial = self.spatial(rank)?;
        self.each("kernel", kernel, rank)?;
        self.each("stride", stride, rank)?;
        self.require(
            padding.len() == rank,
            "padding",
            "a pair for each spatial dimension",
        )?;
        // So that no window lies outside altogether.
        let pairs = padding.iter().zip(kernel);
        let inside = pairs
            .into_iter()
            .all(|(pair, kernel)| pair.iter().all(|p| p < kernel));
        self.require(inside, "padding", "less than the kernel")?;
        let mut shape = vec![self.shape[0]];
        for (i, size) in spatial.iter().enumerate() {
            shape.push(self.places(*size, padding[i], kernel[i], stride[i])?);
        }
        Ok(shape)
    }

    fn reduced(&self, dims: &[u64], keep: bool) -> Shape {
        let ascending = dims.windows(2).all(|pair| pair[0] < pair[1]);
        let within = dims.iter().all(|dim| *dim < self.shape.len() as u64);
        let fits = ascending && within && !dims.is_empty();
        self.require(fits, "dims", "dimensions of the input, ascending")?;
        let mut shape = Vec::new();
        for (dim, size) in (0..).zip(self.shape) {
            match (dims.contains(&dim), keep) {
                (false, _) => shape.push(*size),
                (true, true) => shape.push(1),
                (true, false) => {}
            }
        }
        if shape.is_empty() {
            shape.push(1);
        }
        Ok(shape)
    }

    fn recurrent(&self, layer: &Recurrent) -> Shape {
        let &[time, _] = self.shape else {
            return Err(self.refuse(self.shape, "[time, features]"));
        };
        self.whole("units", layer.units)?;
        let units = match layer.direction {
            Direction::Forward | Direction::Backward => layer.units,
            Direction::Both => 2 * layer.units,
        };
        Ok(match layer.returns {
            Returns::Sequence => vec![time, units],
            Returns::Last => vec![units],
        })
    }

    fn attention(&self, attention: &Attention, inputs: &[&[u64]]) -> Shape {
        let mut times = [0; 3];
        for (time, input) in times.iter_mut().zip(inputs) {
            let &[size, _] = *input else {
                return Err(self.refuse(input, "[time, features]"));
            };
            *time = size;
        }
        let [query, key, value] = times;
        if key != value {
            return Err(self.refuse(inputs[2], "as many places as the key"));
        }
        if attention.causal && query != key {
            return Err(self.refuse(inputs[1], "as many places as the query"));
        }
        self.whole("heads", attention.heads)?;
        self.whole("key_value_heads", attention.key_value_heads)?;
        self.whole("head_size", attention.head_size)?;
        self.whole("units", attention.units)?;
        let divides = attention.heads.is_multiple_of(attention.key_value_heads);
        self.require(divides, "key_value_heads", "a divisor of heads")?;
        if let Some(Rotary { base, size, .. }) = &attention.rotary {
            let fits = base.is_finite() && *base >= 1.0;
            self.require(fits, "rotary.base", "finite and at least 1")?;
            let fits = *size > 0 && size.is_multiple_of(2) && *size <= attention.head_size;
            self.require(fits, "rotary.size", "even, 2 to head_size")?;
        }
        Ok(vec![query, attention.units])
    }

    fn reshaped(&self, shape: &[u64]) -> Shape {
        let fits = (1..=MAX_RANK).contains(&shape.len());
        let before: u64 = self.shape.iter().product();
        let after = shape
            .iter()
            .try_fold(1_u64, |product, size| product.checked_mul(*size));
        let same = fits && after == Some(before);
        self.require(same, "shape", "of as many elements as the input")?;
        Ok(shape.to_vec())
    }

    fn concatenated(&self, dim: u64, inputs: &[&[u64]]) -> Shape {
        self.dimension(dim)?;
        let dim = dim as usize;
        let mut shape = self.shape.to_vec();
        for input in &inputs[1..] {
            let equal = input.len() == shape.len()
                && (0..shape.len()).all(|i| i == dim || input[i] == shape[i]);
            if !equal {
                return Err(self.refuse(input, "that of the first input, but for the dimension"));
            }
            shape[dim] += input[dim];
        }
        Ok(shape)
    }

    fn broadcast(&self, inputs: &[&[u64]]) -> Shape {
        let mut shape = self.shape.to_vec();
        for input in &inputs[1..] {
            let expected = "that of the other inputs, or 1 for a dimension";
            if input.len() != shape.len() {
                return Err(self.refuse(input, expected));
            }
            for (size, other) in shape.iter_mut().zip(*input) {
                match (*size, *other) {
                    (a, b) if a == b => {}
                    (1, b) => *size = b,
                    (_, 1) => {}
                    _ => return Err(self.refuse(input, expected)),
                }
            }
        }
        Ok(shape)
    }
}
