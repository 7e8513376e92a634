//! Random graphs of all operations, with parameters and inputs of every kind: nothing panics, and
//! every answer has the shape that the architecture says.

#[path = "common/names.rs"]
mod names;
#[path = "common/tensors.rs"]
mod tensors;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use zarathustra_model::architecture::{Architecture, InputType};
use zarathustra_reference::{Model, Values};

use tensors::tensors;

const GRAPHS: u64 = 500;
const ROWS: usize = 2;

/// A generator of pseudo-random numbers (SplitMix64; Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 0
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Small numbers for each of some dimensions.
    fn each(&mut self, count: usize, from: u64, below: u64) -> Vec<u64> {
        (0..count)
            .map(|_| from + self.below(below - from))
            .collect()
    }

    fn pairs(&mut self, count: usize) -> Vec<[u64; 2]> {
        (0..count).map(|_| [self.below(3), self.below(3)]).collect()
    }

    /// Mostly ordinary numbers; else any bit pattern, infinities and what is not a number too.
    fn float(&mut self) -> f32 {
        match self.below(40) {
            0 => f32::from_bits(self.next() as u32),
            1 => self.pick(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0, f32::MAX]),
            _ => self.below(2001) as f32 / 1000.0 - 1.0,
        }
    }

    fn floats(&mut self, count: u64, ordinary: bool) -> Vec<f32> {
        let mut float = || match self.float() {
            x if ordinary && (x.is_nan() || x.abs() > 1.0) => 0.5,
            x => x,
        };
        (0..count).map(|_| float()).collect()
    }
}

/// An operation whose attributes often fit a value of this shape.
fn operation(random: &mut Random, shape: &[u64]) -> Value {
    let rank = shape.len();
    let dim = random.below(rank as u64);
    let plane = random.pick(&[1, 2]);
    let window = |random: &mut Random, op: &str| {
        json!({"op": op, "kernel": random.each(plane, 1, 4), "stride": random.each(plane, 1, 4),
            "padding": random.pairs(plane)})
    };
    let with = |mut value: Value, key: &str, extra: Value| {
        value[key] = extra;
        value
    };
    let groups = random.pick(&[1, 1, 2, 3]);
    let layer = json!({"units": 1 + random.below(4), "bias": random.flag(),
        "direction": random.pick(&["forward", "backward", "both"]),
        "returns": random.pick(&["sequence", "last"])});
    let rotary = match random.flag() {
        true => Value::Null,
        false => json!({"base": 10.0, "size": 2, "interleaved": random.flag()}),
    };
    let block = json!({"heads": random.pick(&[1, 2]), "feed_forward": 1 + random.below(4),
        "activation": random.pick(&["relu", "gelu", "gelu_tanh"]), "norm_first": random.flag(),
        "epsilon": 1e-5, "causal": random.flag(), "rotary": rotary});
    let merge = |mut base: Value, op: &str| {
        base["op"] = op.into();
        base
    };
    match random.below(48) {
        0 => json!({"op": "linear", "units": 1 + random.below(12), "bias": random.flag()}),
        1 | 2 => {
            let conv = window(random, ["conv1d", "conv2d"][plane - 1]);
            let conv = with(conv, "dilation", json!(random.each(plane, 1, 3)));
            let conv = with(conv, "groups", json!(groups));
            let conv = with(conv, "channels", json!(groups * (1 + random.below(3))));
            with(conv, "bias", json!(random.flag()))
        }
        3 | 4 => {
            let conv = window(random, ["conv_transpose1d", "conv_transpose2d"][plane - 1]);
            let conv = with(conv, "padding", json!(random.each(plane, 0, 3)));
            let conv = with(conv, "output_padding", json!(random.each(plane, 0, 3)));
            let conv = with(conv, "dilation", json!(random.each(plane, 1, 3)));
            let conv = with(conv, "groups", json!(groups));
            let conv = with(conv, "channels", json!(groups * (1 + random.below(3))));
            with(conv, "bias", json!(random.flag()))
        }
        5 => window(random, ["max_pool1d", "max_pool2d"][plane - 1]),
        6 => {
            let pool = window(random, ["avg_pool1d", "avg_pool2d"][plane - 1]);
            with(pool, "count_padding", json!(random.flag()))
        }
        7 => json!({"op": "mean", "dims": [dim], "keep_dims": random.flag()}),
        8 => json!({"op": "max", "dims": [dim], "keep_dims": random.flag()}),
        9 => json!({"op": "batch_norm", "epsilon": 1e-3, "affine": random.flag()}),
        10 => json!({"op": "layer_norm", "dims": dim + 1, "epsilon": 1e-5, "weight": true,
            "bias": random.flag()}),
        11 => json!({"op": "group_norm", "groups": groups, "epsilon": 1e-5,
            "affine": random.flag()}),
        12 => json!({"op": "rms_norm", "dims": dim + 1, "epsilon": 1e-5, "weight": random.flag()}),
        13 => json!({"op": "rnn", "activation": random.pick(&["tanh", "relu"]), "layer": layer}),
        14 => merge(layer, "lstm"),
        15 => merge(layer, "gru"),
        16 => json!({"op": "multi_head_attention", "heads": 4, "units": 1 + random.below(4),
            "key_value_heads": random.pick(&[1, 2, 4]), "head_size": 2 + random.below(2),
            "bias": random.flag(), "output_bias": random.flag(), "causal": random.flag(),
            "rotary": rotary}),
        17 => merge(block, "transformer_encoder"),
        18 => merge(block, "transformer_decoder"),
        19 => json!({"op": "learned_positions"}),
        20 => json!({"op": "relu"}),
        21 => json!({"op": "relu6"}),
        22 => json!({"op": "leaky_relu", "negative_slope": 0.1}),
        23 => json!({"op": "prelu", "per_channel": random.flag()}),
        24 => json!({"op": "elu", "alpha": 0.5}),
        25 => json!({"op": "selu"}),
        26 => json!({"op": "gelu", "approximate": random.flag()}),
        27 => json!({"op": "silu"}),
        28 => json!({"op": "mish"}),
        29 => json!({"op": "sigmoid"}),
        30 => json!({"op": "hard_sigmoid"}),
        31 => json!({"op": "hard_silu"}),
        32 => json!({"op": "tanh"}),
        33 => json!({"op": "softplus"}),
        34 => json!({"op": "softsign"}),
        35 => json!({"op": "softmax", "dim": dim}),
        36 => json!({"op": "log_softmax", "dim": dim}),
        37 => json!({"op": "dropout", "rate": 0.5}),
        38 => json!({"op": "reshape", "shape": [shape.iter().product::<u64>()]}),
        39 => match shape {
            [.., last] if last % 2 == 0 => {
                let elements: u64 = shape.iter().product();
                json!({"op": "reshape", "shape": [elements / last, 2, last / 2]})
            }
            _ => json!({"op": "reshape", "shape": [1, shape.iter().product::<u64>()]}),
        },
        40 => json!({"op": "transpose", "order": (0..rank).rev().collect::<Vec<_>>()}),
        41 | 42 => json!({"op": "concatenate", "dim": dim}),
        43 => json!({"op": "add"}),
        44 => json!({"op": "multiply"}),
        45 => json!({"op": "scale", "factor": -1.5, "offset": 0.25}),
        46 => json!({"op": "slice", "dim": dim, "start": random.below(3),
            "length": 1 + random.below(3)}),
        _ => json!({"op": "pad", "padding": random.pairs(rank)}),
    }
}

/// A random architecture. Operations that do not fit are dropped.
fn architecture(random: &mut Random) -> Architecture {
    let rank = 1 + random.below(3) as usize;
    let shape = random.each(rank, 1, 7);
    let integers = random.below(5) == 0;
    let mut inputs = vec![json!({"name": "x", "shape": shape, "dtype": "f32"})];
    let mut nodes = Vec::new();
    if integers {
        inputs[0]["dtype"] = "i32".into();
        nodes.push(
            json!({"name": "node_0", "inputs": ["x"], "op": "embedding", "entries": 3,
            "size": 1 + random.below(6)}),
        );
    } else {
        nodes.push(json!({"name": "node_0", "inputs": ["x"], "op": "relu"}));
    }
    let build = |nodes: &[Value]| {
        let output = &nodes[nodes.len() - 1]["name"];
        let file = json!({"version": 2, "inputs": inputs, "nodes": nodes, "output": output});
        Architecture::from_json(file.to_string().as_bytes())
    };
    let mut architecture = build(&nodes).expect("one node");
    for _ in 0..12 {
        let name = nodes[nodes.len() - 1]["name"].clone();
        let mut node = operation(random, architecture.output_shape());
        let sources = match node["op"].as_str() {
            Some("multi_head_attention") => 3,
            Some("concatenate" | "add" | "multiply" | "transformer_decoder") => 2,
            _ => 1,
        };
        // The first source is the value before, so that nothing stays unused.
        let mut from = vec![name];
        for _ in 1..sources {
            let other = random.below(nodes.len() as u64) as usize;
            from.push(nodes[other]["name"].clone());
        }
        node["inputs"] = from.into();
        node["name"] = format!("node_{}", nodes.len()).into();
        nodes.push(node);
        match build(&nodes) {
            Ok(larger) if larger.output_shape().iter().product::<u64>() < 3000 => {
                architecture = larger;
            }
            _ => drop(nodes.pop()),
        }
    }
    architecture
}

#[test]
fn random_graphs_are_computed_without_panic() {
    let mut used = BTreeMap::new();
    let mut finite = 0;
    for seed in 0..GRAPHS {
        let mut random = Random(seed);
        let architecture = architecture(&mut random);
        // Every other graph has ordinary numbers only, so that something comes out of it.
        let ordinary = seed % 2 == 0;
        let values: Vec<Vec<u8>> = architecture
            .parameters()
            .iter()
            .map(|spec| random.floats(spec.elements(), ordinary))
            .map(|values| values.iter().flat_map(|x| x.to_le_bytes()).collect())
            .collect();
        let model = Model::new(&architecture, &tensors(&architecture, &values))
            .expect("the parameters fit");

        let input = &architecture.inputs()[0];
        let size = input.shape.iter().product::<u64>() as usize;
        let floats = random.floats((ROWS * size) as u64, ordinary);
        let integers: Vec<i32> = (0..ROWS * size).map(|_| random.below(3) as i32).collect();
        let rows = |range: std::ops::Range<usize>| match input.dtype {
            InputType::F32 => Values::F32(&floats[range.start * size..range.end * size]),
            InputType::I32 => Values::I32(&integers[range.start * size..range.end * size]),
        };
        let compute = |range: std::ops::Range<usize>| {
            let answer = model.forward(&[rows(range.clone())], range.len());
            let answer = answer.unwrap_or_else(|error| panic!("graph {seed}: {error}"));
            answer.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        let together = compute(0..ROWS);
        let elements = architecture.output_shape().iter().product::<u64>() as usize;
        assert_eq!(together.len(), ROWS * elements, "graph {seed}");
        let apart: Vec<u32> = (0..ROWS).flat_map(|row| compute(row..row + 1)).collect();
        assert_eq!(together, apart, "graph {seed}");
        finite += usize::from(
            together
                .iter()
                .all(|bits| f32::from_bits(*bits).is_finite()),
        );
        for node in architecture.nodes() {
            let op = serde_json::to_value(&node.op).expect("JSON");
            let name = op["op"].as_str().expect("a name").to_owned();
            *used.entry(name).or_insert(0) += 1;
        }
    }
    println!("{GRAPHS} graphs, {finite} answers all finite, operations used: {used:?}");
    let used: BTreeSet<String> = used.into_keys().collect();
    assert_eq!(used, names::operations(), "an operation is in no graph");
    assert!(finite > GRAPHS as usize / 4, "nearly nothing comes out");
}
