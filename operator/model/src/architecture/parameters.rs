//! The parameters of an operation.

use super::{Attention, Direction, Op, Recurrent};

/// Name and shape of each parameter of a primitive operation on inputs whose shapes fit it.
pub fn of(op: &Op, inputs: &[&[u64]]) -> Vec<(String, Vec<u64>)> {
    let x = inputs[0];
    let last = x.last().copied().unwrap_or(1);
    let named = |parameters: &[(&str, &[u64], bool)]| {
        parameters
            .iter()
            .filter(|(_, _, there)| *there)
            .map(|(name, shape, _)| ((*name).to_owned(), shape.to_vec()))
            .collect()
    };
    match op {
        Op::Linear { units, bias } => named(&[
            ("weight", &[*units, last], true),
            ("bias", &[*units], *bias),
        ]),
        Op::Conv1d(c) | Op::Conv2d(c) => {
            let weight = [&[c.channels, x[0] / c.groups], c.kernel.as_slice()].concat();
            named(&[("weight", &weight, true), ("bias", &[c.channels], c.bias)])
        }
        Op::ConvTranspose1d(c) | Op::ConvTranspose2d(c) => {
            let weight = [&[x[0], c.channels / c.groups], c.kernel.as_slice()].concat();
            named(&[("weight", &weight, true), ("bias", &[c.channels], c.bias)])
        }
        Op::BatchNorm { affine, .. } => {
            let channels = [x[0]];
            named(&[
                ("weight", &channels, *affine),
                ("bias", &channels, *affine),
                ("running_mean", &channels, true),
                ("running_var", &channels, true),
            ])
        }
        Op::LayerNorm {
            dims, weight, bias, ..
        } => {
            let shape = trailing(x, *dims);
            named(&[("weight", shape, *weight), ("bias", shape, *bias)])
        }
        Op::GroupNorm { affine, .. } => {
            named(&[("weight", &[x[0]], *affine), ("bias", &[x[0]], *affine)])
        }
        Op::RmsNorm { dims, weight, .. } => named(&[("weight", trailing(x, *dims), *weight)]),
        Op::Embedding { entries, size } => named(&[("weight", &[*entries, *size], true)]),
        Op::Rnn { layer, .. } => recurrent(layer, 1, last),
        Op::Gru(layer) => recurrent(layer, 3, last),
        Op::Lstm(layer) => recurrent(layer, 4, last),
        Op::MultiHeadAttention(attention) => projections(attention, inputs),
        Op::LearnedPositions {} => named(&[("weight", x, true)]),
        Op::Prelu { per_channel } => {
            let slopes = if *per_channel { x[0] } else { 1 };
            named(&[("weight", &[slopes], true)])
        }
        _ => Vec::new(),
    }
}

/// The last `dims` dimensions.
pub fn trailing(shape: &[u64], dims: u64) -> &[u64] {
    &shape[shape.len() - dims as usize..]
}

fn recurrent(layer: &Recurrent, gates: u64, features: u64) -> Vec<(String, Vec<u64>)> {
    let rows = gates * layer.units;
    let suffixes: &[&str] = match layer.direction {
        Direction::Forward | Direction::Backward => &[""],
        Direction::Both => &["", "_reverse"],
    };
    let mut parameters = Vec::new();
    for suffix in suffixes {
        parameters.push((format!("weight_ih{suffix}"), vec![rows, features]));
        parameters.push((format!("weight_hh{suffix}"), vec![rows, layer.units]));
        if layer.bias {
            parameters.push((format!("bias_ih{suffix}"), vec![rows]));
            parameters.push((format!("bias_hh{suffix}"), vec![rows]));
        }
    }
    parameters
}

fn projections(attention: &Attention, inputs: &[&[u64]]) -> Vec<(String, Vec<u64>)> {
    let features = |index: usize| inputs[index].last().copied().unwrap_or(1);
    let queries = attention.heads * attention.head_size;
    let keys = attention.key_value_heads * attention.head_size;
    let all = [
        ("query", queries, features(0), attention.bias),
        ("key", keys, features(1), attention.bias),
        ("value", keys, features(2), attention.bias),
        ("output", attention.units, queries, attention.output_bias),
    ];
    let mut parameters = Vec::new();
    for (name, units, features, bias) in all {
        parameters.push((format!("{name}.weight"), vec![units, features]));
        if bias {
            parameters.push((format!("{name}.bias"), vec![units]));
        }
    }
    parameters
}
