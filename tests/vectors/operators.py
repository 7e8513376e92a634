"""Writes operators/*.json: every operation of the architecture schema, computed by PyTorch.

    python operators.py        (PyTorch 2.11.0 and numpy)

Parameters and inputs are 32-bit floats with two decimals; PyTorch computes in 64 bits, and the
result is rounded to 32 bits once, at the end. The mapping to PyTorch is written by hand from the
doc comments of operator/model/src/architecture/op.rs: modules of torch.nn where there is one,
functions of torch.nn.functional otherwise, and rotary embedding as in Llama (halves) and as
multiplication of complex numbers (interleaved).
"""

import math

import numpy
import torch
import torch.nn.functional as F

from operator_attention import attention, blocks
from operator_cases import Case, write

torch.set_grad_enabled(False)
torch.set_num_threads(1)


def linear():
    for name, shape, units, bias in [
        ("vector", [5], 3, True),
        ("no bias", [4], 11, False),
        ("each element of a sequence", [3, 4], 9, True),
        ("three dimensions", [2, 3, 4], 2, True),
    ]:
        case = Case("linear", name, rows=3)
        x = case.input(shape)
        case.node({"op": "linear", "units": units, "bias": bias})
        weight = case.parameter("weight", [units, shape[-1]])
        case.expect(F.linear(x, weight, case.parameter("bias", [units]) if bias else None))


def before_and_behind(padding):
    """Padding for F.pad, which counts dimensions from the last one."""
    return [end for pair in reversed(padding) for end in pair]


def convolution():
    # name, shape, channels, kernel, stride, padding, dilation, groups, bias
    cases = [
        ("plain", [2, 7], 3, [3], [1], [[0, 0]], [1], 1, True),
        ("causal padding, dilation 2", [2, 8], 3, [3], [1], [[4, 0]], [2], 1, True),
        ("stride 2, uneven padding", [3, 9], 2, [4], [2], [[1, 2]], [1], 1, False),
        ("groups", [4, 6], 6, [2], [1], [[1, 0]], [1], 2, True),
        ("depthwise", [3, 11], 3, [3], [1], [[1, 1]], [1], 3, True),
        ("pointwise", [5, 4], 2, [1], [1], [[0, 0]], [1], 1, True),
        ("padding beyond the input", [1, 2], 2, [5], [1], [[4, 3]], [1], 1, True),
        ("plain", [2, 5, 6], 3, [3, 3], [1, 1], [[0, 0], [0, 0]], [1, 1], 1, True),
        ("uneven everywhere", [2, 7, 8], 3, [3, 2], [2, 3], [[1, 0], [2, 1]], [1, 2], 1, True),
        ("groups", [4, 5, 5], 6, [3, 3], [2, 2], [[1, 1], [1, 1]], [1, 1], 2, False),
        ("depthwise", [3, 6, 5], 6, [3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1], 3, True),
        ("dilation 3", [1, 9, 9], 2, [3, 3], [1, 1], [[3, 3], [3, 3]], [3, 3], 1, True),
        ("pointwise, stride 2", [6, 5, 5], 4, [1, 1], [2, 2], [[0, 0], [0, 0]], [1, 1], 1, True),
    ]
    for name, shape, channels, kernel, stride, padding, dilation, groups, bias in cases:
        op = f"conv{len(kernel)}d"
        case = Case(op, name)
        x = case.input(shape)
        case.node({
            "op": op, "channels": channels, "kernel": kernel, "stride": stride,
            "padding": padding, "dilation": dilation, "groups": groups, "bias": bias,
        })
        weight = case.parameter("weight", [channels, shape[0] // groups, *kernel])
        bias = case.parameter("bias", [channels]) if bias else None
        x = F.pad(x, before_and_behind(padding))
        function = F.conv1d if len(kernel) == 1 else F.conv2d
        case.expect(function(x, weight, bias, stride, 0, dilation, groups))


def transposed_convolution():
    # name, shape, channels, kernel, stride, padding, output_padding, dilation, groups, bias
    cases = [
        ("plain", [2, 5], 3, [3], [1], [0], [0], [1], 1, True),
        ("stride 2, padding, output padding", [2, 5], 3, [4], [2], [1], [1], [1], 1, True),
        ("stride beyond the kernel", [2, 4], 2, [2], [3], [0], [2], [1], 1, False),
        ("dilation and groups", [4, 5], 6, [3], [2], [2], [0], [2], 2, True),
        ("plain", [2, 3, 4], 3, [3, 2], [1, 1], [0, 0], [0, 0], [1, 1], 1, True),
        ("upsampling by 2", [3, 4, 4], 2, [4, 4], [2, 2], [1, 1], [0, 0], [1, 1], 1, True),
        ("uneven everywhere", [2, 3, 4], 3, [3, 2], [2, 3], [1, 0], [1, 2], [1, 2], 1, False),
        ("groups", [4, 3, 3], 4, [3, 3], [2, 2], [1, 1], [1, 1], [1, 1], 2, True),
    ]
    for name, shape, channels, kernel, stride, padding, beyond, dilation, groups, bias in cases:
        op = f"conv_transpose{len(kernel)}d"
        case = Case(op, name)
        x = case.input(shape)
        case.node({
            "op": op, "channels": channels, "kernel": kernel, "stride": stride,
            "padding": padding, "output_padding": beyond, "dilation": dilation,
            "groups": groups, "bias": bias,
        })
        weight = case.parameter("weight", [shape[0], channels // groups, *kernel])
        bias = case.parameter("bias", [channels]) if bias else None
        function = F.conv_transpose1d if len(kernel) == 1 else F.conv_transpose2d
        case.expect(function(x, weight, bias, stride, padding, beyond, groups, dilation))


def pooling():
    # name, shape, kernel, stride, padding
    cases = [
        ("plain", [2, 7], [2], [2], [[0, 0]]),
        ("overlapping, uneven padding", [2, 7], [3], [1], [[2, 1]]),
        ("plain", [2, 4, 6], [2, 3], [2, 3], [[0, 0], [0, 0]]),
        ("overlapping, uneven padding", [2, 5, 6], [3, 3], [2, 1], [[1, 0], [2, 1]]),
    ]
    for name, shape, kernel, stride, padding in cases:
        dims = len(kernel)
        case = Case(f"max_pool{dims}d", name)
        x = case.input(shape)
        case.node({"op": case.file, "kernel": kernel, "stride": stride, "padding": padding})
        x = F.pad(x, before_and_behind(padding), value=-math.inf)
        case.expect((F.max_pool1d if dims == 1 else F.max_pool2d)(x, kernel, stride))

        function = F.avg_pool1d if dims == 1 else F.avg_pool2d
        for count, what in [(True, "padding counts"), (False, "padding does not count")]:
            case = Case(f"avg_pool{dims}d", f"{name}, {what}")
            x = case.input(shape)
            case.node({
                "op": case.file, "kernel": kernel, "stride": stride, "padding": padding,
                "count_padding": count,
            })
            ones = F.pad(torch.ones_like(x), before_and_behind(padding), value=float(count))
            sums = function(F.pad(x, before_and_behind(padding)), kernel, stride)
            case.expect(sums / function(ones, kernel, stride))

    for op, function in [("mean", torch.mean), ("max", torch.amax)]:
        for dims, keep in [([1, 2], False), ([0], True), ([0, 2], False), ([0, 1, 2], False)]:
            case = Case(op, f"over {dims}{', kept' if keep else ''}")
            x = case.input([3, 4, 2])
            case.node({"op": op, "dims": dims, "keep_dims": keep})
            result = function(x, [1 + dim for dim in dims], keep)
            case.expect(result.reshape(-1, 1) if len(dims) == 3 and not keep else result)


def normalisation():
    for name, shape, affine in [("image", [3, 4, 2], True), ("vector", [5], True),
                                ("not affine", [2, 3], False)]:
        case = Case("batch_norm", name)
        x = case.input(shape)
        case.node({"op": "batch_norm", "epsilon": 1e-3, "affine": affine})
        weight = case.parameter("weight", shape[:1]) if affine else None
        bias = case.parameter("bias", shape[:1]) if affine else None
        mean = case.parameter("running_mean", shape[:1])
        variance = case.parameter("running_var", shape[:1], 0.4, 0.5)
        case.expect(F.batch_norm(x, mean, variance, weight, bias, False, 0.0, 1e-3))

    for dims, weight, bias in [(1, True, True), (2, True, False), (1, False, False),
                               (3, True, True)]:
        case = Case("layer_norm", f"last {dims}{', weight' * weight}{', bias' * bias}")
        shape = [2, 3, 5]
        x = case.input(shape)
        case.node({"op": "layer_norm", "dims": dims, "epsilon": 1e-5,
                   "weight": weight, "bias": bias})
        last = shape[3 - dims:]
        weight = case.parameter("weight", last) if weight else None
        bias = case.parameter("bias", last) if bias else None
        case.expect(F.layer_norm(x, last, weight, bias, 1e-5))
    case = Case("layer_norm", "all elements alike", rows=1)
    x = case.input([4], values=[1.5] * 4)
    case.node({"op": "layer_norm", "dims": 1, "epsilon": 1e-5, "weight": True, "bias": True})
    case.expect(F.layer_norm(x, [4], case.parameter("weight", [4]),
                             case.parameter("bias", [4]), 1e-5))

    for groups, shape, affine in [(2, [4, 3, 2], True), (1, [3, 5], True), (3, [6], False)]:
        case = Case("group_norm", f"{groups} groups of {shape}")
        x = case.input(shape)
        case.node({"op": "group_norm", "groups": groups, "epsilon": 1e-5, "affine": affine})
        weight = case.parameter("weight", shape[:1]) if affine else None
        bias = case.parameter("bias", shape[:1]) if affine else None
        case.expect(F.group_norm(x, groups, weight, bias, 1e-5))

    for dims, weight in [(1, True), (1, False), (2, True)]:
        case = Case("rms_norm", f"last {dims}{', weight' * weight}")
        shape = [3, 4]
        x = case.input(shape)
        case.node({"op": "rms_norm", "dims": dims, "epsilon": 1e-6, "weight": weight})
        last = shape[2 - dims:]
        case.expect(F.rms_norm(x, last, case.parameter("weight", last) if weight else None, 1e-6))


def embedding():
    for name, shape in [("sequence", [5]), ("two dimensions", [2, 3])]:
        case = Case("embedding", name)
        x = case.integers(shape, 7)
        case.node({"op": "embedding", "entries": 7, "size": 4})
        case.expect(F.embedding(x, case.parameter("weight", [7, 4])))


def recurrent_module(case, kind, units, features, bias, both, activation):
    """A module of torch.nn with parameters of the case, in the order of the schema."""
    classes = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    options = {"nonlinearity": activation} if activation else {}
    module = classes[kind](features, units, bias=bias, batch_first=True, bidirectional=both,
                           **options).double()
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind] * units
    for suffix in ["", "_reverse"] if both else [""]:
        for name, shape in [("weight_ih", [gates, features]), ("weight_hh", [gates, units]),
                            ("bias_ih", [gates]), ("bias_hh", [gates])]:
            if bias or name.startswith("weight"):
                values = case.parameter(name + suffix, shape)
                parts = name.split("_")
                getattr(module, f"{parts[0]}_{parts[1]}_l0{suffix}").copy_(values)
    return module


def recurrent():
    settings = [
        ("forward", "sequence", True), ("forward", "last", False), ("backward", "sequence", False),
        ("backward", "last", True), ("both", "sequence", True), ("both", "last", True),
    ]
    for kind, activations in [("rnn", ["tanh", "relu"]), ("gru", [None]), ("lstm", [None])]:
        for activation in activations:
            for direction, returns, bias in settings:
                if activation == "relu" and direction == "backward":
                    continue
                what = f"{activation + ', ' if activation else ''}{direction}, {returns}"
                case = Case(kind, what + ("" if bias else ", no bias"))
                units, features, time = 3, 2, 4
                x = case.input([time, features], 2.0)
                layer = {"units": units, "bias": bias, "direction": direction, "returns": returns}
                case.node({"op": kind, "activation": activation, "layer": layer}
                          if kind == "rnn" else {"op": kind, **layer})
                both, backward = direction == "both", direction == "backward"
                module = recurrent_module(case, kind, units, features, bias, both, activation)
                sequence, state = module(x.flip(1) if backward else x)
                state = state[0] if kind == "lstm" else state
                if returns == "last":
                    case.expect(torch.cat(list(state), 1))
                else:
                    case.expect(sequence.flip(1) if backward else sequence)


def activations():
    values = [-12.0, -8.0, -6.5, -3.5, -3.0, -2.25, -1.0, -0.5, -0.01, 0.0,
              0.01, 0.3, 0.75, 1.0, 2.5, 3.0, 5.5, 6.0, 7.25, 30.0]
    plain = {
        "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "silu": F.silu, "mish": F.mish,
        "sigmoid": torch.sigmoid, "hard_sigmoid": F.hardsigmoid, "hard_silu": F.hardswish,
        "tanh": torch.tanh, "softplus": F.softplus, "softsign": F.softsign,
    }
    cases = [(op, "plain", {}, function) for op, function in plain.items()]
    cases += [
        ("leaky_relu", "slope 0.1", {"negative_slope": 0.1},
         lambda x: F.leaky_relu(x, single(0.1))),
        ("elu", "alpha 1", {"alpha": 1.0}, F.elu),
        ("elu", "alpha 0.3", {"alpha": 0.3}, lambda x: F.elu(x, single(0.3))),
        ("gelu", "exact", {"approximate": False}, exact_gelu),
        ("gelu", "approximated by tanh", {"approximate": True},
         lambda x: F.gelu(x, approximate="tanh")),
        ("scale", "factor and offset", {"factor": -1.7, "offset": 0.35},
         lambda x: x * single(-1.7) + single(0.35)),
        ("dropout", "rate 0.5", {"rate": 0.5}, lambda x: F.dropout(x, 0.5, training=False)),
    ]
    for op, name, settings, function in cases:
        case = Case(op, name, rows=2)
        x = case.input([2, 5], values=values)
        case.node({"op": op, **settings})
        case.expect(function(x))
    for per_channel, shape in [(False, [3, 4]), (True, [3, 4]), (True, [5])]:
        case = Case("prelu", f"{'a slope for each of' if per_channel else 'one slope for'} {shape}")
        x = case.input(shape)
        case.node({"op": "prelu", "per_channel": per_channel})
        weight = case.parameter("weight", shape[:1] if per_channel else [1])
        case.expect(F.prelu(x, weight))
    for op, function in [("softmax", F.softmax), ("log_softmax", F.log_softmax)]:
        for dim, shape in [(0, [6]), (1, [2, 4]), (0, [3, 2, 2])]:
            case = Case(op, f"dimension {dim} of {shape}")
            x = case.input(shape, 6.0)
            case.node({"op": op, "dim": dim})
            case.expect(function(x, dim + 1))
        case = Case(op, "far apart", rows=1)
        x = case.input([4], values=[-1000.0, 0.0, 999.0, 1000.0])
        case.node({"op": op, "dim": 0})
        case.expect(function(x, 1))


def exact_gelu(x):
    return F.gelu(x, approximate="none")


def single(number):
    """The 32-bit float next to a number, as a 64-bit one."""
    return float(numpy.float32(number))


def shapes():
    def one(op, name, shape, settings, function):
        case = Case(op, name)
        x = case.input(shape)
        case.node({"op": op, **settings})
        case.expect(function(x).contiguous())

    one("reshape", "to a vector", [2, 3, 2], {"shape": [12]}, lambda x: x.reshape(2, 12))
    one("reshape", "to three dimensions", [6, 2], {"shape": [3, 1, 4]},
        lambda x: x.reshape(2, 3, 1, 4))
    one("transpose", "of two", [2, 3], {"order": [1, 0]}, lambda x: x.permute(0, 2, 1))
    one("transpose", "of three", [2, 3, 4], {"order": [2, 0, 1]}, lambda x: x.permute(0, 3, 1, 2))
    one("slice", "of the last", [2, 5], {"dim": 1, "start": 1, "length": 3}, lambda x: x[:, :, 1:4])
    one("slice", "of the first", [4, 2, 2], {"dim": 0, "start": 3, "length": 1}, lambda x: x[:, 3:])
    for padding, shape in [([[1, 2]], [3]), ([[0, 1], [2, 0]], [2, 2]),
                           ([[1, 0], [0, 0], [1, 2]], [1, 2, 2])]:
        one("pad", f"by {padding}", shape, {"padding": padding},
            lambda x: F.pad(x, before_and_behind(padding)))
    for shape in [[4], [2, 3]]:
        case = Case("learned_positions", f"of {shape}")
        x = case.input(shape)
        case.node({"op": "learned_positions"})
        case.expect(x + case.parameter("weight", shape))
    for dim, sizes in [(0, [[2], [3], [1]]), (0, [[1, 3], [2, 3]]), (1, [[2, 1], [2, 2], [2, 1]])]:
        case = Case("concatenate", f"{len(sizes)} along {dim} of {len(sizes[0])}")
        inputs = [case.input(shape, name=f"part_{i}") for i, shape in enumerate(sizes)]
        case.node({"op": "concatenate", "dim": dim}, *(i["name"] for i in case.inputs))
        case.expect(torch.cat(inputs, dim + 1))
    for op, function in [("add", torch.add), ("multiply", torch.mul)]:
        for sizes in [[[3], [3]], [[2, 3], [2, 1], [1, 3]], [[1, 2, 1], [3, 1, 2]],
                      [[2, 2], [2, 2], [2, 2], [1, 1]]]:
            case = Case(op, " with ".join(str(shape) for shape in sizes))
            inputs = [case.input(shape, name=f"part_{i}") for i, shape in enumerate(sizes)]
            case.node({"op": op}, *(i["name"] for i in case.inputs))
            result = inputs[0]
            for other in inputs[1:]:
                result = function(result, other)
            case.expect(result)
    case = Case("add", "of an input with itself")
    x = case.input([3])
    case.node({"op": "add"}, "x", "x")
    case.expect(2 * x)


def graphs():
    """Several nodes: values that are used twice, and inputs of both types."""
    case = Case("graph", "residual")
    x = case.input([2, 5, 5])
    convolution = {"op": "conv2d", "channels": 2, "kernel": [3, 3], "stride": [1, 1],
                   "padding": [[1, 1], [1, 1]], "dilation": [1, 1], "groups": 1, "bias": True}
    case.node(convolution, name="first")
    case.node({"op": "relu"}, "first", name="between")
    case.node(convolution, "between", name="second")
    case.node({"op": "add"}, "second", "x", name="sum")
    case.node({"op": "mean", "dims": [1, 2], "keep_dims": False}, "sum", name="pool")
    case.node({"op": "linear", "units": 3, "bias": False}, "pool", name="head")
    y = x
    for name in ["first", "second"]:
        weight = case.parameter("weight", [2, 2, 3, 3], node=name)
        y = F.conv2d(y, weight, case.parameter("bias", [2], node=name), padding=1)
        y = F.relu(y) if name == "first" else y
    y = (y + x).mean([2, 3])
    case.expect(F.linear(y, case.parameter("weight", [3, 2], node="head")))

    case = Case("graph", "integers and floats", rows=3)
    words = case.integers([4], 5, "words")
    x = case.input([2], name="features")
    case.node({"op": "embedding", "entries": 5, "size": 3}, "words", name="embed")
    case.node({"op": "learned_positions"}, "embed", name="positions")
    case.node({"op": "max", "dims": [0], "keep_dims": False}, "positions", name="pool")
    case.node({"op": "concatenate", "dim": 0}, "pool", "features", name="both")
    case.node({"op": "linear", "units": 2, "bias": True}, "both", name="head")
    y = F.embedding(words, case.parameter("weight", [5, 3], node="embed"))
    y = (y + case.parameter("weight", [4, 3], node="positions")).amax(1)
    y = torch.cat([y, x], 1)
    weight = case.parameter("weight", [2, 5], node="head")
    case.expect(F.linear(y, weight, case.parameter("bias", [2], node="head")))


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", torch.__version__
    for family in [linear, convolution, transposed_convolution, pooling, normalisation, embedding,
                   recurrent, attention, blocks, activations, shapes, graphs]:
        family()
    write()
