//! Sequences.

use super::{Case, M, Net, case, joined, net};

const ROTARY: &str = r#"{"base":10000.0,"size":16,"interleaved":false}"#;
const INTERLEAVED: &str = r#"{"base":10000.0,"size":8,"interleaved":true}"#;
const ROTARY4: &str = r#"{"base":10000.0,"size":4,"interleaved":true}"#;

fn recurrent(units: u64, direction: &str, returns: &str) -> String {
    format!(r#""units":{units},"bias":true,"direction":"{direction}","returns":"{returns}""#)
}

fn plain(activation: &str, units: u64, direction: &str, returns: &str) -> String {
    let layer = recurrent(units, direction, returns);
    format!(r#""activation":"{activation}","layer":{{{layer}}}"#)
}

fn attention(heads: [u64; 2], head_size: u64, units: u64, causal: bool, rotary: &str) -> String {
    let [heads, shared] = heads;
    format!(
        r#""heads":{heads},"key_value_heads":{shared},"head_size":{head_size},"units":{units},"bias":true,"output_bias":true,"causal":{causal},"rotary":{rotary}"#
    )
}

fn block(norm_first: bool, causal: bool) -> String {
    format!(
        r#""heads":4,"feed_forward":256,"activation":"gelu","norm_first":{norm_first},"epsilon":1e-5,"causal":{causal},"rotary":null"#
    )
}

/// The cases of an operation of this family.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases(op: &str) -> Option<Vec<Case>> {
    Some(match op {
        "embedding" => vec![
            case("of 1", 6 * M, |n| Net {
                dtype: "i32",
                ..net(&[n], r#""entries":16,"size":1"#)
            }),
            case("of 16", 12 * M, |n| Net {
                dtype: "i32",
                ..net(&[n / 16], r#""entries":16,"size":16"#)
            }),
        ],
        "rnn" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], plain("tanh", 1, "forward", "sequence"))
            }),
            case("16 units, both, last", 4 << 10, |n| {
                net(&[n, 16], plain("relu", 16, "both", "last"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], plain("tanh", 1, "backward", "sequence"))
            }),
        ],
        "lstm" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], recurrent(1, "forward", "sequence"))
            }),
            case("1 unit, both", 4 << 10, |n| {
                net(&[n, 1], recurrent(1, "both", "sequence"))
            }),
            case("16 units, last", 8 << 10, |n| {
                net(&[n, 1], recurrent(16, "forward", "last"))
            }),
            case("64 units, backward", 2 << 10, |n| {
                net(&[n, 8], recurrent(64, "backward", "sequence"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], recurrent(1, "both", "last"))
            }),
        ],
        "gru" => vec![
            case("1 unit", 8 << 10, |n| {
                net(&[n, 1], recurrent(1, "forward", "sequence"))
            }),
            case("16 units, both", 4 << 10, |n| {
                net(&[n, 1], recurrent(16, "both", "sequence"))
            }),
            case("wide input", 1 << 10, |n| {
                net(&[n, 2048], recurrent(1, "backward", "last"))
            }),
        ],
        "multi_head_attention" => vec![
            case("4 heads of 16", 512, |n| {
                joined(
                    &[&[n, 64]],
                    &[0, 0, 0],
                    attention([4, 4], 16, 64, false, "null"),
                )
            }),
            case("4 heads of 16, causal", 512, |n| {
                joined(
                    &[&[n, 64]],
                    &[0, 0, 0],
                    attention([4, 4], 16, 64, true, "null"),
                )
            }),
            case("64 heads of 1", 512, |n| {
                joined(
                    &[&[n, 1]],
                    &[0, 0, 0],
                    attention([64, 64], 1, 1, false, "null"),
                )
            }),
            case("1 head of 1", 1 << 11, |n| {
                joined(
                    &[&[n, 1]],
                    &[0, 0, 0],
                    attention([1, 1], 1, 1, true, "null"),
                )
            }),
            case("many heads, few places", 32, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 1024], 16, 4, false, "null"),
                )
            }),
            case("shared heads, rotary", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 2], 16, 8, true, ROTARY),
                )
            }),
            case("rotary, interleaved", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1024, 1024], 16, 8, false, INTERLEAVED),
                )
            }),
            case("wide inputs", 64, |n| {
                joined(
                    &[&[n, 16384], &[n, 16384], &[n, 8192]],
                    &[0, 1, 2],
                    attention([1, 1], 8, 8, false, "null"),
                )
            }),
            case("wide result", 64, |n| {
                joined(
                    &[&[n, 8]],
                    &[0, 0, 0],
                    attention([1, 1], 8, 16384, false, "null"),
                )
            }),
            case("many queries", 1 << 16, |n| {
                joined(
                    &[&[n, 8], &[4, 8]],
                    &[0, 1, 1],
                    attention([2, 1], 4, 8, false, "null"),
                )
            }),
            case("many keys", 1 << 16, |n| {
                joined(
                    &[&[4, 8], &[n, 8]],
                    &[0, 1, 1],
                    attention([2, 1], 4, 8, false, ROTARY4),
                )
            }),
        ],
        "transformer_encoder" => vec![
            case("norm first", 512, |n| net(&[n, 64], block(true, true))),
            case("norm last", 512, |n| net(&[n, 64], block(false, false))),
        ],
        "transformer_decoder" => vec![case("norm first", 512, |n| {
            joined(&[&[n, 64], &[n / 2, 64]], &[0, 1], block(true, true))
        })],
        _ => return None,
    })
}
