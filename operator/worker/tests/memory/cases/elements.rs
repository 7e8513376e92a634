//! Linear maps, functions of elements, and what moves and joins them.

use std::fmt::Write as _;

use super::{Case, M, Net, case, joined, net};

/// Eight values, of each of which one row is kept until all are joined.
fn slices() -> String {
    let mut nodes = String::new();
    let mut kept = Vec::new();
    for index in 0..8 {
        write!(
            nodes,
            r#"{{"name":"v{index}","op":"scale","inputs":["x0"],"factor":2.0,"offset":{index}.0}},
                {{"name":"s{index}","op":"slice","inputs":["v{index}"],"dim":0,"start":0,"length":1}},"#
        )
        .expect("text");
        kept.push(format!(r#""s{index}""#));
    }
    write!(
        nodes,
        r#"{{"name":"last","op":"concatenate","inputs":[{}],"dim":0}}"#,
        kept.join(",")
    )
    .expect("text");
    nodes
}

/// The cases of an operation of this family.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases(op: &str) -> Option<Vec<Case>> {
    Some(match op {
        "linear" => vec![
            case("1 to 1", 4 * M, |n| {
                net(&[n, 1], r#""units":1,"bias":true"#)
            }),
            case("64 to 64", 4 * M, |n| {
                net(&[n / 64, 64], r#""units":64,"bias":true"#)
            }),
            case("512 to 8", 5 * M, |n| {
                net(&[n / 512, 512], r#""units":8,"bias":true"#)
            }),
            case("8 to 512", 5 * M, |n| {
                net(&[n / 512, 8], r#""units":512,"bias":true"#)
            }),
            case("256 to 4", 8 * M, |n| {
                net(&[n / 256, 256], r#""units":4,"bias":false"#)
            }),
        ],
        "learned_positions" => vec![case("64", 3 * M, |n| net(&[n / 64, 64], ""))],
        "relu" | "relu6" | "selu" | "silu" | "mish" | "sigmoid" | "hard_sigmoid" | "hard_silu"
        | "tanh" | "softplus" | "softsign" => {
            vec![case("64", 5 * M, |n| net(&[n / 64, 64], ""))]
        }
        "leaky_relu" => {
            vec![case("64", 5 * M, |n| {
                net(&[n / 64, 64], r#""negative_slope":0.1"#)
            })]
        }
        "prelu" => vec![
            case("one slope", 5 * M, |n| {
                net(&[n / 64, 64], r#""per_channel":false"#)
            }),
            case("a slope each", 2 * M, |n| {
                net(&[n], r#""per_channel":true"#)
            }),
        ],
        "elu" => vec![
            case("1", 5 * M, |n| net(&[n / 64, 64], r#""alpha":1.0"#)),
            case("0.5", 5 * M, |n| net(&[n / 64, 64], r#""alpha":0.5"#)),
        ],
        "gelu" => vec![
            case("exact", 5 * M, |n| {
                net(&[n / 64, 64], r#""approximate":false"#)
            }),
            case("by tanh", 5 * M, |n| {
                net(&[n / 64, 64], r#""approximate":true"#)
            }),
        ],
        "softmax" | "log_softmax" => vec![
            case("of 64", 5 * M, |n| net(&[n / 64, 64], r#""dim":1"#)),
            case("of all", 5 * M, |n| net(&[n], r#""dim":0"#)),
            case("of the first", 5 * M, |n| net(&[n / 64, 64], r#""dim":0"#)),
            case("of one", 5 * M, |n| net(&[n, 1], r#""dim":1"#)),
        ],
        "dropout" => vec![case("64", 8 * M, |n| net(&[n / 64, 64], r#""rate":0.5"#))],
        "reshape" => vec![case("64", 8 * M, |n| {
            net(&[n / 64, 64], format!(r#""shape":[{n}]"#))
        })],
        "transpose" => vec![
            case("2", 8 * M, |n| net(&[n / 64, 64], r#""order":[1,0]"#)),
            case("3", 8 * M, |n| net(&[n / 64, 8, 8], r#""order":[2,0,1]"#)),
        ],
        "concatenate" => vec![
            case("itself", 4 * M, |n| {
                joined(&[&[n / 64, 64]], &[0, 0], r#""dim":1"#)
            }),
            case("another", 4 * M, |n| {
                joined(&[&[n / 64, 64], &[n / 64, 64]], &[0, 1], r#""dim":0"#)
            }),
        ],
        "add" | "multiply" => vec![
            case("itself", 4 * M, |n| joined(&[&[n / 64, 64]], &[0, 0], "")),
            case("three", 3 * M, |n| {
                joined(
                    &[&[n / 64, 64], &[n / 64, 64], &[n / 64, 64]],
                    &[0, 1, 2],
                    "",
                )
            }),
            case("repeated", 5 * M, |n| {
                joined(&[&[n / 1024, 1], &[1, 1024]], &[0, 1], "")
            }),
            case("repeated step by step", 3 * M, |n| {
                joined(&[&[n / 256, 1], &[n / 256, 256], &[1, 256]], &[0, 1, 2], "")
            }),
        ],
        "scale" => vec![case("64", 8 * M, |n| {
            net(&[n / 64, 64], r#""factor":2.0,"offset":1.0"#)
        })],
        "slice" => vec![
            case("half of the first", 10 * M, |n| {
                net(
                    &[n / 64, 64],
                    format!(r#""dim":0,"start":0,"length":{}"#, n / 128),
                )
            }),
            case("half of the last", 10 * M, |n| {
                net(&[n / 64, 64], r#""dim":1,"start":16,"length":32"#)
            }),
            // Each of them is a part of a value of its own, which is so large that the C library
            // gives it back.
            case("one of each", 33 * M, |n| Net {
                nodes: Some(slices()),
                ..net(&[n / 64, 64], "")
            }),
        ],
        "pad" => vec![
            case("around", 8 * M, |n| {
                net(&[n / 64, 64], r#""padding":[[1,2],[3,4]]"#)
            }),
            case("far", 12 * M, |n| {
                net(&[1], format!(r#""padding":[[{},{}]]"#, n / 2, n / 2))
            }),
        ],
        _ => return None,
    })
}
