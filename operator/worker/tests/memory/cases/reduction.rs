//! Windows, whole dimensions and norms.

use super::{Case, M, case, net};

fn pool(kernel: &[u64], stride: u64, padding: [u64; 2]) -> String {
    let rank = kernel.len();
    format!(
        r#""kernel":{kernel:?},"stride":{:?},"padding":{:?}"#,
        vec![stride; rank],
        vec![padding; rank]
    )
}

fn mean_pool(kernel: &[u64], stride: u64, padding: [u64; 2], count: bool) -> String {
    format!(
        r#"{},"count_padding":{count}"#,
        pool(kernel, stride, padding)
    )
}

fn reduce(dims: &str) -> String {
    format!(r#""dims":{dims},"keep_dims":false"#)
}

/// The cases of an operation of this family.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases(op: &str) -> Option<Vec<Case>> {
    Some(match op {
        "max_pool1d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 4], pool(&[2], 2, [0, 0]))
            }),
            case("kernel 3, overlapping", 3 * M, |n| {
                net(&[4, n / 4], pool(&[3], 1, [1, 1]))
            }),
            case("unequal margins", 3 * M, |n| {
                net(&[4, n / 4], pool(&[3], 2, [2, 0]))
            }),
        ],
        "max_pool2d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[2, 2], 2, [0, 0]))
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[1, 1], 1, [0, 0]))
            }),
            case("unequal margins", 4 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[3, 3], 3, [0, 2]))
            }),
            case("margins of more than half", 3 * M, |n| {
                net(&[4, n / 1024, 256], pool(&[3, 3], 1, [2, 2]))
            }),
        ],
        "avg_pool1d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 4], mean_pool(&[2], 2, [0, 0], true))
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 4], mean_pool(&[1], 1, [0, 0], true))
            }),
            case("unequal margins", 3 * M, |n| {
                net(&[4, n / 4], mean_pool(&[3], 1, [2, 0], false))
            }),
            case("unequal margins, 1 channel", 3 * M, |n| {
                net(&[1, n], mean_pool(&[3], 1, [2, 0], false))
            }),
        ],
        "avg_pool2d" => vec![
            case("kernel 2", 6 * M, |n| {
                net(&[4, n / 1024, 256], mean_pool(&[2, 2], 2, [0, 0], true))
            }),
            case("unequal margins, counted", 3 * M, |n| {
                net(&[4, n / 1024, 256], mean_pool(&[3, 3], 1, [0, 2], true))
            }),
            case("unequal margins, not counted", 3 * M, |n| {
                net(&[1, n / 256, 256], mean_pool(&[2, 2], 1, [0, 1], false))
            }),
        ],
        "mean" | "max" => vec![
            case("of the last", 8 * M, |n| net(&[n / 64, 64], reduce("[1]"))),
            case("of the first", 8 * M, |n| net(&[64, n / 64], reduce("[0]"))),
            case("of the middle", 8 * M, |n| {
                net(&[16, 4, n / 64], reduce("[1]"))
            }),
            case("of all", 12 * M, |n| net(&[n / 64, 64], reduce("[0,1]"))),
            case("of one", 4 * M, |n| net(&[n, 1], reduce("[1]"))),
            case("of two", 6 * M, |n| net(&[n / 2, 2], reduce("[1]"))),
        ],
        "batch_norm" => vec![
            case("few channels", 6 * M, |n| {
                net(&[8, n / 8], r#""epsilon":1e-5,"affine":true"#)
            }),
            case("as many as elements", M, |n| {
                net(&[n], r#""epsilon":1e-5,"affine":true"#)
            }),
            case("plain, pairs", 3 * M, |n| {
                net(&[n / 2, 2], r#""epsilon":1e-5,"affine":false"#)
            }),
        ],
        "layer_norm" => {
            const TEXT: &str = r#""dims":1,"epsilon":1e-5,"weight":true,"bias":true"#;
            vec![
                case("of 64", 5 * M, |n| net(&[n / 64, 64], TEXT)),
                case("of 1", 3 * M, |n| net(&[n, 1], TEXT)),
                case("of 3, plain", 3 * M, |n| {
                    net(
                        &[n / 3, 3],
                        r#""dims":1,"epsilon":1e-5,"weight":false,"bias":false"#,
                    )
                }),
                case("of all", 2 * M, |n| net(&[n], TEXT)),
            ]
        }
        "group_norm" => vec![
            case("1 group", 5 * M, |n| {
                net(&[8, n / 8], r#""groups":1,"epsilon":1e-5,"affine":true"#)
            }),
            case("8 groups", 5 * M, |n| {
                net(&[8, n / 8], r#""groups":8,"epsilon":1e-5,"affine":false"#)
            }),
            case("many groups", 3 * M, |n| {
                net(
                    &[n / 2, 2],
                    format!(r#""groups":{},"epsilon":1e-5,"affine":true"#, n / 2),
                )
            }),
        ],
        "rms_norm" => vec![
            case("of 64", 5 * M, |n| {
                net(&[n / 64, 64], r#""dims":1,"epsilon":1e-5,"weight":true"#)
            }),
            case("of 1", 3 * M, |n| {
                net(&[n, 1], r#""dims":1,"epsilon":1e-5,"weight":true"#)
            }),
            case("of all, plain", 5 * M, |n| {
                net(&[n], r#""dims":1,"epsilon":1e-5,"weight":false"#)
            }),
        ],
        _ => return None,
    })
}
