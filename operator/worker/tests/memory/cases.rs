//! Architectures of one operation each, of any size.

mod convolution;
mod elements;
mod reduction;
mod sequence;

use std::fmt::Write as _;

/// An architecture of one operation.
pub struct Case {
    pub label: &'static str,
    pub size: u64,
    build: fn(u64) -> Net,
}

/// What an operation is fed, and its attributes as JSON.
pub struct Net {
    shapes: Vec<Vec<u64>>,
    dtype: &'static str,
    /// Which input stands at each place.
    fed: Vec<usize>,
    attributes: String,
    /// All nodes, where there is more than the operation.
    nodes: Option<String>,
}

/// Elements of a mebibyte.
///
/// Inputs are such that libtorch chooses the same way for models of a quarter of the size: from
/// 20,480 elements on, convolutions are oneDNN's.
const M: u64 = 1 << 18;

impl Case {
    /// The architecture at this size, as JSON. Behind a transposition, if so: what feeds the
    /// operation is then not in the order of memory. `None` where that makes no difference.
    pub fn architecture(&self, op: &str, size: u64, transposed: bool) -> Option<String> {
        let net = (self.build)(size);
        let mut inputs = Vec::new();
        let mut nodes = String::new();
        for (index, shape) in net.shapes.iter().enumerate() {
            let mut shape = shape.clone();
            if transposed {
                if shape.len() < 2 || net.dtype != "f32" || net.nodes.is_some() {
                    return None;
                }
                let order: Vec<_> = (0..shape.len()).rev().collect();
                write!(
                    nodes,
                    r#"{{"name":"t{index}","op":"transpose","inputs":["x{index}"],"order":{order:?}}},"#
                )
                .expect("text");
                shape.reverse();
            }
            let dtype = net.dtype;
            inputs.push(format!(
                r#"{{"name":"x{index}","shape":{shape:?},"dtype":"{dtype}"}}"#
            ));
        }
        let source = if transposed { 't' } else { 'x' };
        let fed: Vec<_> = net
            .fed
            .iter()
            .map(|i| format!(r#""{source}{i}""#))
            .collect();
        match &net.nodes {
            Some(all) => nodes.push_str(all),
            None => {
                let comma = if net.attributes.is_empty() { "" } else { "," };
                write!(
                    nodes,
                    r#"{{"name":"last","op":"{op}","inputs":[{}]{comma}{}}}"#,
                    fed.join(","),
                    net.attributes
                )
                .expect("text");
            }
        }
        Some(format!(
            r#"{{"version":2,"inputs":[{}],"nodes":[{nodes}],"output":"last"}}"#,
            inputs.join(",")
        ))
    }
}

fn case(label: &'static str, size: u64, build: fn(u64) -> Net) -> Case {
    Case { label, size, build }
}

/// An operation of one input.
fn net(shape: &[u64], attributes: impl Into<String>) -> Net {
    Net {
        shapes: vec![shape.to_vec()],
        dtype: "f32",
        fed: vec![0],
        attributes: attributes.into(),
        nodes: None,
    }
}

/// An operation of several inputs.
fn joined(shapes: &[&[u64]], fed: &[usize], attributes: impl Into<String>) -> Net {
    Net {
        shapes: shapes.iter().map(|shape| shape.to_vec()).collect(),
        fed: fed.to_vec(),
        ..net(&[], attributes)
    }
}

/// Shapes that differ in what an engine makes of them. An operation without a case fails.
pub fn cases(op: &str) -> Vec<Case> {
    let families = [
        convolution::cases,
        elements::cases,
        reduction::cases,
        sequence::cases,
    ];
    let found = families.iter().find_map(|cases| cases(op));
    found.unwrap_or_else(|| panic!("the operation {op} has no case"))
}
