"""Shapes of the results of operations, as the architecture's contract defines them.

All shapes are those of one row, as lists of positive integers.
"""

from math import prod

from .errors import Unsupported

KEEPING = {
    "batch_norm", "layer_norm", "group_norm", "rms_norm", "learned_positions", "relu", "relu6",
    "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "hard_sigmoid",
    "hard_silu", "tanh", "softplus", "softsign", "softmax", "log_softmax", "dropout", "scale",
    "transformer_encoder", "transformer_decoder",
}  # fmt: skip
"""Operations whose result has the shape of their first input."""


def infer(op, inputs, attributes):
    """The shape of the result of ``op``; raises :class:`Unsupported` where there is none."""
    shape = _shape(op, [list(shape) for shape in inputs], attributes)
    if not shape or any(size < 1 for size in shape):
        raise Unsupported(f"{op} of {inputs} has no result")
    return shape


def _shape(op, inputs, a):
    x = inputs[0]
    if op in KEEPING:
        return x
    if op == "linear":
        return [*x[:-1], a["units"]]
    if op in ("conv1d", "conv2d"):
        return [a["channels"], *_windows(x, a, int(op[4]))]
    if op in ("conv_transpose1d", "conv_transpose2d"):
        return [a["channels"], *_transposed(x, a, int(op[14]))]
    if op in ("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d"):
        return [x[0], *_windows(x, a, int(op[8]))]
    if op in ("mean", "max"):
        left = [1 if d in a["dims"] else n for d, n in enumerate(x)]
        if not a["keep_dims"]:
            left = [n for d, n in enumerate(x) if d not in a["dims"]]
        return left or [1]
    if op == "embedding":
        return [*x, a["size"]]
    if op in ("rnn", "lstm", "gru"):
        layer = a["layer"] if op == "rnn" else a
        width = layer["units"] * (2 if layer["direction"] == "both" else 1)
        _need(len(x) == 2, f"{op} wants [time, features], not {x}")
        return [x[0], width] if layer["returns"] == "sequence" else [width]
    if op == "multi_head_attention":
        return [x[0], a["units"]]
    if op == "reshape":
        _need(prod(a["shape"]) == prod(x), f"{x} cannot be reshaped to {a['shape']}")
        return list(a["shape"])
    if op == "transpose":
        return [x[d] for d in a["order"]]
    if op == "concatenate":
        return _concatenated(inputs, a["dim"])
    if op in ("add", "multiply"):
        return _broadcast(inputs)
    if op == "slice":
        _need(a["start"] + a["length"] <= x[a["dim"]], f"slice leaves dimension {a['dim']} of {x}")
        return [a["length"] if d == a["dim"] else n for d, n in enumerate(x)]
    if op == "pad":
        return [before + n + behind for n, (before, behind) in zip(x, a["padding"])]
    raise Unsupported(f"no operation is called {op}")


def _need(holds, message):
    if not holds:
        raise Unsupported(message)


def _windows(x, a, spatial):
    _need(len(x) == spatial + 1, f"{spatial} dimensions behind the channels wanted, not {x}")
    dilations = a.get("dilation", [1] * spatial)
    return [
        (n + before + behind - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, behind), d in zip(
            x[1:], a["kernel"], a["stride"], a["padding"], dilations
        )
    ]


def _transposed(x, a, spatial):
    _need(len(x) == spatial + 1, f"{spatial} dimensions behind the channels wanted, not {x}")
    return [
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, o, d in zip(
            x[1:], a["kernel"], a["stride"], a["padding"], a["output_padding"], a["dilation"]
        )
    ]


def _concatenated(inputs, dim):
    first = inputs[0]
    for other in inputs[1:]:
        same = len(other) == len(first) and all(
            d == dim or m == n for d, (m, n) in enumerate(zip(first, other))
        )
        _need(same, f"{first} and {other} cannot stand behind each other in dimension {dim}")
    return [sum(x[d] for x in inputs) if d == dim else n for d, n in enumerate(first)]


def _broadcast(inputs):
    _need(len({len(x) for x in inputs}) == 1, f"ranks differ: {inputs}")
    result = []
    for sizes in zip(*inputs):
        wide = {n for n in sizes if n != 1}
        _need(len(wide) <= 1, f"shapes do not fit: {inputs}")
        result.append(wide.pop() if wide else 1)
    return result
