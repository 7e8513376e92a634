//! Convolutions.

use super::{Case, M, case, net};

struct Conv {
    channels: u64,
    kernel: Vec<u64>,
    stride: u64,
    padding: [u64; 2],
    dilation: u64,
    groups: u64,
}

impl Conv {
    fn new(channels: u64, kernel: &[u64]) -> Self {
        Self {
            channels,
            kernel: kernel.to_vec(),
            stride: 1,
            padding: [0, 0],
            dilation: 1,
            groups: 1,
        }
    }

    fn stride(self, stride: u64) -> Self {
        Self { stride, ..self }
    }

    fn padding(self, padding: [u64; 2]) -> Self {
        Self { padding, ..self }
    }

    fn dilation(self, dilation: u64) -> Self {
        Self { dilation, ..self }
    }

    fn groups(self, groups: u64) -> Self {
        Self { groups, ..self }
    }

    fn direct(&self) -> String {
        let Self {
            channels,
            kernel,
            groups,
            ..
        } = self;
        let rank = kernel.len();
        format!(
            r#""channels":{channels},"kernel":{kernel:?},"stride":{:?},"padding":{:?},"dilation":{:?},"groups":{groups},"bias":true"#,
            vec![self.stride; rank],
            vec![self.padding; rank],
            vec![self.dilation; rank],
        )
    }

    fn transposed(&self) -> String {
        let Self {
            channels,
            kernel,
            groups,
            ..
        } = self;
        let rank = kernel.len();
        format!(
            r#""channels":{channels},"kernel":{kernel:?},"stride":{:?},"padding":{:?},"output_padding":{:?},"dilation":{:?},"groups":{groups},"bias":true"#,
            vec![self.stride; rank],
            vec![self.padding[0]; rank],
            vec![0; rank],
            vec![self.dilation; rank],
        )
    }
}

/// The cases of an operation of this family.
#[allow(clippy::too_many_lines, reason = "a table")]
pub fn cases(op: &str) -> Option<Vec<Case>> {
    Some(match op {
        "conv1d" => vec![
            case("1 channel", 4 * M, |n| {
                net(&[1, n], Conv::new(1, &[3]).direct())
            }),
            case("kernel 1", 2 * M, |n| {
                net(&[8, n / 8], Conv::new(8, &[1]).direct())
            }),
            case("16 to 1, kernel 9", M, |n| {
                net(&[16, n / 16], Conv::new(1, &[9]).direct())
            }),
            case("1 to 16, kernel 9", 8 * M, |n| {
                net(&[1, n / 16], Conv::new(16, &[9]).direct())
            }),
            case("depthwise", M, |n| {
                net(
                    &[8, n / 8],
                    Conv::new(8, &[5]).groups(8).padding([2, 2]).direct(),
                )
            }),
            case("unequal margins, stride 2", 2 * M, |n| {
                net(
                    &[4, n / 4],
                    Conv::new(4, &[4]).padding([0, 3]).stride(2).direct(),
                )
            }),
            case("dilated", M, |n| {
                net(&[8, n / 8], Conv::new(8, &[3]).dilation(16).direct())
            }),
            case("one place of 1 channel", M, |n| {
                net(&[1, n], Conv::new(1, &[n]).direct())
            }),
            case("one place of 4 channels", M, |n| {
                net(&[4, n / 4], Conv::new(1, &[n / 4]).direct())
            }),
            case("a kernel longer than the signal", M, |n| {
                net(
                    &[1, n],
                    Conv::new(2, &[2 * n]).padding([n, n]).stride(n).direct(),
                )
            }),
            case("one place", 4 * M, |n| {
                net(&[2, n / 2], Conv::new(1, &[n / 2]).direct())
            }),
        ],
        "conv2d" => vec![
            case("kernel 1", 4 * M, |n| {
                net(&[8, n / 2048, 256], Conv::new(8, &[1, 1]).direct())
            }),
            case("kernel 3", M, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(8, &[3, 3]).padding([1, 1]).direct(),
                )
            }),
            case("kernel 5", M / 2, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(8, &[5, 5]).padding([2, 2]).direct(),
                )
            }),
            case("kernel 5, 1 channel", 2 * M, |n| {
                net(
                    &[1, n / 1024, 1024],
                    Conv::new(1, &[5, 5]).padding([2, 2]).direct(),
                )
            }),
            case("kernel 5, 8 to 1", M, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(1, &[5, 5]).padding([2, 2]).direct(),
                )
            }),
            case("kernel 5, 1 to 8, stride 4", 8 * M, |n| {
                net(
                    &[1, n / 1024, 1024],
                    Conv::new(8, &[5, 5]).stride(4).direct(),
                )
            }),
            case("kernel 7, 3 to 16, stride 2", M, |n| {
                net(
                    &[3, n / 1024, 256],
                    Conv::new(16, &[7, 7]).stride(2).padding([3, 3]).direct(),
                )
            }),
            case("kernel 4 x 4, stride 4 (patches)", 4 * M, |n| {
                net(
                    &[4, n / 1024, 256],
                    Conv::new(12, &[4, 4]).stride(4).direct(),
                )
            }),
            case("depthwise 3", 2 * M, |n| {
                net(
                    &[16, n / 4096, 256],
                    Conv::new(16, &[3, 3]).groups(16).padding([1, 1]).direct(),
                )
            }),
            case("depthwise 1", 4 * M, |n| {
                net(
                    &[16, n / 4096, 256],
                    Conv::new(16, &[1, 1]).groups(16).direct(),
                )
            }),
            case("3 groups of 1", 4 * M, |n| {
                net(
                    &[3, n / 1024, 256],
                    Conv::new(3, &[1, 1]).groups(3).direct(),
                )
            }),
            case("2 groups of 3", M, |n| {
                net(
                    &[6, n / 2048, 256],
                    Conv::new(6, &[3, 3]).groups(2).padding([1, 1]).direct(),
                )
            }),
            case("8 groups, 1 to 3", 2 * M, |n| {
                net(
                    &[8, n / 4096, 256],
                    Conv::new(24, &[2, 2]).groups(8).direct(),
                )
            }),
            case("unequal margins", M, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(4, &[2, 2]).padding([0, 1]).direct(),
                )
            }),
            case("dilated", M, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(8, &[3, 3]).dilation(3).padding([3, 3]).direct(),
                )
            }),
            case("dilated 5", M / 2, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(8, &[5, 5]).dilation(3).padding([6, 6]).direct(),
                )
            }),
        ],
        "conv_transpose1d" => vec![
            case("kernel 4, stride 2", M, |n| {
                net(
                    &[8, n / 8],
                    Conv::new(8, &[4]).stride(2).padding([1, 1]).transposed(),
                )
            }),
            case("1 channel", 4 * M, |n| {
                net(&[1, n], Conv::new(1, &[1]).transposed())
            }),
            case("kernel 1, stride 4", M / 2, |n| {
                net(&[1, n], Conv::new(1, &[1]).stride(4).transposed())
            }),
            case("a long kernel", 8 << 10, |n| {
                net(&[1, 2], Conv::new(1, &[n]).stride(3).transposed())
            }),
        ],
        "conv_transpose2d" => vec![
            case("kernel 4, stride 2", M / 2, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(8, &[4, 4]).stride(2).padding([1, 1]).transposed(),
                )
            }),
            case("kernel 2, stride 2, 8 to 1", 2 * M, |n| {
                net(
                    &[8, n / 2048, 256],
                    Conv::new(1, &[2, 2]).stride(2).transposed(),
                )
            }),
            case("kernel 2, stride 2, 1 to 8", M / 2, |n| {
                net(
                    &[1, n / 256, 256],
                    Conv::new(8, &[2, 2]).stride(2).transposed(),
                )
            }),
            case("kernel 1", 4 * M, |n| {
                net(&[4, n / 1024, 256], Conv::new(4, &[1, 1]).transposed())
            }),
            case("kernel 5", M / 2, |n| {
                net(
                    &[4, n / 1024, 256],
                    Conv::new(4, &[5, 5]).padding([2, 2]).transposed(),
                )
            }),
            case("4 groups", M, |n| {
                net(
                    &[4, n / 1024, 256],
                    Conv::new(4, &[3, 3]).stride(2).groups(4).transposed(),
                )
            }),
            case("dilated", M / 2, |n| {
                net(
                    &[4, n / 1024, 256],
                    Conv::new(4, &[3, 3]).dilation(4).transposed(),
                )
            }),
        ],
        _ => return None,
    })
}
