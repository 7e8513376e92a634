"""Writes operators/*.json: every operation of the architecture schema, computed by PyTorch.

    python operators.py        (PyTorch 2.11.0 and numpy)

Parameters and inputs are 32-bit floats with two decimals; PyTorch computes in 64 bits, and the
result is rounded to 32 bits once, at the end. The mapping to PyTorch is written by hand from the
doc comments of operator/model/src/architecture/op.rs: modules of torch.nn where there is one,
functions of torch.nn.functional otherwise, and rotary embedding as in Llama (halves) and as
multiplication of complex numbers (interleaved).
"""

import json
import math
import pathlib

import numpy
import torch
import torch.nn.functional as F

FOLDER = pathlib.Path(__file__).with_suffix("")
FILES = {}
torch.set_grad_enabled(False)
torch.set_num_threads(1)


class Case:
    """One architecture with parameters and inputs, drawn from a seed that is the case's name."""

    def __init__(self, file, name, rows=2):
        self.file, self.name, self.rows = file, name, rows
        seed = [ord(letter) for letter in f"{file}/{name}"]
        self.random = numpy.random.default_rng(seed)
        self.inputs, self.parameters, self.values = [], [], []
        self.nodes = []

    def draw(self, shape, scale):
        return numpy.round(self.random.uniform(-scale, scale, shape), 2).astype("float32")

    def input(self, shape, scale=3.0, name=None, values=None):
        """A model input of 32-bit floats; answers its rows for PyTorch."""
        if values is None:
            values = self.draw([self.rows, *shape], scale)
        values = numpy.array(values, "float32").reshape([self.rows, *shape])
        return self._input(shape, name, "f32", values)

    def integers(self, shape, below, name=None):
        values = self.random.integers(0, below, [self.rows, *shape]).astype("int32")
        return self._input(shape, name, "i32", values)

    def _input(self, shape, name, dtype, values):
        name = name or ("x" if not self.inputs else f"x{len(self.inputs)}")
        self.inputs.append({"name": name, "shape": list(shape), "dtype": dtype})
        self.values.append({"name": name, "values": flat(values)})
        tensor = torch.from_numpy(values)
        return tensor.double() if dtype == "f32" else tensor

    def node(self, op, *inputs, name="node"):
        self.nodes.append({"name": name, **op, "inputs": list(inputs or ["x"])})

    def parameter(self, suffix, shape, scale=1.0, offset=0.0, node="node"):
        """Parameters are declared in the order of the schema."""
        values = (self.draw(shape, scale) + numpy.float32(offset)).astype("float32")
        values = numpy.array([float(f"{v:.2f}") for v in values.ravel()], "float32")
        self.parameters.append(
            {"name": f"{node}.{suffix}", "shape": list(shape), "values": flat(values)}
        )
        return torch.from_numpy(values.reshape(shape)).double()

    def expect(self, result):
        assert result.dtype == torch.float64 and result.shape[0] == self.rows
        case = {
            "name": self.name,
            "architecture": {
                "version": 2,
                "inputs": self.inputs,
                "nodes": self.nodes,
                "output": self.nodes[-1]["name"],
            },
            "rows": self.rows,
            "parameters": self.parameters,
            "inputs": self.values,
            "expected": flat(result.numpy().astype("float32")),
        }
        FILES.setdefault(self.file, []).append(case)


def flat(values):
    """The shortest decimals that are these 32-bit floats again, also by way of 64 bits."""
    if values.dtype == numpy.int32:
        return values.ravel().tolist()
    assert values.dtype == numpy.float32 and numpy.isfinite(values).all()
    decimals = [float(str(value)) for value in values.ravel()]
    assert (numpy.array(decimals).astype("float32") == values.ravel()).all()
    return [int(x) if x.is_integer() and (x or math.copysign(1, x) > 0) else x for x in decimals]


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


def rotate(x, base, size, interleaved):
    """Rotary position embedding of [rows, heads, time, features]."""
    turned, rest = x[..., :size], x[..., size:]
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.outer(torch.arange(x.shape[2], dtype=torch.float64), frequencies)
    if interleaved:
        pairs = torch.view_as_complex(turned.reshape(*turned.shape[:-1], size // 2, 2).contiguous())
        turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    else:
        angles = torch.cat([angles, angles], -1)
        half = torch.cat([-turned[..., size // 2:], turned[..., :size // 2]], -1)
        turned = turned * angles.cos() + half * angles.sin()
    return torch.cat([turned, rest], -1)


def attend(q, k, v, heads, key_value_heads, causal, rotary):
    """Attention of projected queries, keys and values, before the last projection."""
    q, k, v = (
        x.unflatten(-1, [count, -1]).transpose(1, 2)
        for x, count in [(q, heads), (k, key_value_heads), (v, key_value_heads)]
    )
    if rotary:
        q, k = (rotate(x, rotary["base"], rotary["size"], rotary["interleaved"]) for x in (q, k))
    result = F.scaled_dot_product_attention(
        q, k, v, is_causal=causal, enable_gqa=heads != key_value_heads
    )
    return result.transpose(1, 2).flatten(-2)


def attention():
    halves = {"base": 10000.0, "size": 4, "interleaved": False}
    pairs = {"base": 100.0, "size": 2, "interleaved": True}
    # name, [t, dq], [s, dk], [s, dv], heads, key and value heads, head size, units, bias,
    # bias of the output, causal, rotary
    cases = [
        ("self", [4, 6], None, None, 2, 2, 3, 6, True, True, False, None),
        ("self, causal, no bias", [5, 4], None, None, 2, 2, 2, 3, False, False, True, None),
        ("cross, sizes differ", [3, 4], [5, 3], [5, 2], 2, 2, 3, 5, True, True, False, None),
        ("grouped queries", [4, 6], None, None, 4, 2, 2, 6, True, False, True, None),
        ("one key and value head", [4, 3], [2, 3], [2, 3], 3, 1, 2, 4, False, True, False, None),
        ("rotary halves", [5, 8], None, None, 2, 2, 4, 8, False, False, False, halves),
        ("rotary pairs of a part, causal, grouped", [6, 5], None, None, 4, 2, 4, 5, True, True,
         True, pairs),
        ("cross, rotary", [3, 4], [5, 4], [5, 4], 2, 1, 4, 4, True, True, False, halves),
    ]
    for (name, query, key, value, heads, key_value_heads, head_size, units, bias, output_bias,
         causal, rotary) in cases:
        case = Case("multi_head_attention", name)
        q = case.input(query, 2.0)
        k = case.input(key, 2.0, "key") if key else q
        v = case.input(value, 2.0, "value") if value else q
        case.node(
            {"op": case.file, "heads": heads, "key_value_heads": key_value_heads,
             "head_size": head_size, "units": units, "bias": bias, "output_bias": output_bias,
             "causal": causal, "rotary": rotary},
            "x", "key" if key else "x", "value" if value else "x",
        )

        def project(x, suffix, out, bias):
            weight = case.parameter(f"{suffix}.weight", [out, x.shape[-1]])
            return F.linear(x, weight, case.parameter(f"{suffix}.bias", [out]) if bias else None)

        q = project(q, "query", heads * head_size, bias)
        k = project(k, "key", key_value_heads * head_size, bias)
        v = project(v, "value", key_value_heads * head_size, bias)
        result = attend(q, k, v, heads, key_value_heads, causal, rotary)
        case.expect(project(result, "output", units, output_bias))

    # The module that most models have, where it can express the operation.
    case = Case("multi_head_attention", "as torch.nn.MultiheadAttention")
    q, k, v = case.input([3, 6], 2.0), case.input([4, 5], 2.0), case.input([4, 3], 2.0)
    case.node({"op": case.file, "heads": 3, "key_value_heads": 3, "head_size": 2, "units": 6,
               "bias": True, "output_bias": True, "causal": False, "rotary": None},
              "x", "x1", "x2")
    module = torch.nn.MultiheadAttention(6, 3, kdim=5, vdim=3, batch_first=True).double()
    module.load_state_dict(attention_state(case, "", "", [6, 5, 3], 6))
    case.expect(module(q, k, v, need_weights=False)[0])


def attention_state(case, ours, theirs, sizes, features):
    """Parameters of one torch.nn.MultiheadAttention, drawn in the order of the schema."""
    drawn = {}
    for part, size in zip(["query", "key", "value", "output"], [*sizes, features]):
        drawn[part] = (
            case.parameter(f"{ours}{part}.weight", [features, size]),
            case.parameter(f"{ours}{part}.bias", [features]),
        )
    state = {f"{theirs}out_proj.weight": drawn["output"][0],
             f"{theirs}out_proj.bias": drawn["output"][1]}
    weights, biases = zip(*(drawn[part] for part in ["query", "key", "value"]))
    state[f"{theirs}in_proj_bias"] = torch.cat(biases)
    if len(set(sizes)) == 1:
        state[f"{theirs}in_proj_weight"] = torch.cat(weights)
    else:
        for letter, weight in zip("qkv", weights):
            state[f"{theirs}{letter}_proj_weight"] = weight
    return state


def block(decoder, name, heads, features, wide, activation, norm_first, causal, rotary=None):
    case = Case("transformer_decoder" if decoder else "transformer_encoder", name)
    x = case.input([4, features], 2.0)
    memory = case.input([3, features], 2.0, "memory") if decoder else None
    case.node(
        {"op": case.file, "heads": heads, "feed_forward": wide, "activation": activation,
         "norm_first": norm_first, "epsilon": 1e-5, "causal": causal, "rotary": rotary},
        "x", *(["memory"] if decoder else []),
    )

    def pair(ours, theirs, shape, offset=0.0):
        return {
            f"{theirs}.weight": case.parameter(f"{ours}.weight", shape, 0.8, offset),
            f"{theirs}.bias": case.parameter(f"{ours}.bias", shape[:1], 0.8),
        }

    state = pair("norm_1", "norm1", [features], 1.0)
    sizes = [features] * 3
    state |= attention_state(case, "self_attention.", "self_attn.", sizes, features)
    if decoder:
        state |= pair("norm_2", "norm2", [features], 1.0)
        state |= attention_state(case, "cross_attention.", "multihead_attn.", sizes, features)
        state |= pair("norm_3", "norm3", [features], 1.0)
    else:
        state |= pair("norm_2", "norm2", [features], 1.0)
    state |= pair("linear_1", "linear1", [wide, features])
    state |= pair("linear_2", "linear2", [features, wide])

    functions = {"relu": F.relu, "gelu": F.gelu,
                 "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}
    function = functions[activation]
    if rotary:
        assert not decoder and norm_first
        case.expect(rotary_encoder(state, x, heads, function, causal, rotary))
        return
    kind = torch.nn.TransformerDecoderLayer if decoder else torch.nn.TransformerEncoderLayer
    module = kind(features, heads, wide, 0.0, function, 1e-5, True, norm_first).double().eval()
    module.load_state_dict(state)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    mask = mask if causal else None
    case.expect(module(x, memory, tgt_mask=mask) if decoder else module(x, src_mask=mask))


def rotary_encoder(state, x, heads, function, causal, rotary):
    """An encoder block with norms first, which PyTorch has no module for once it is rotary."""
    features = [x.shape[-1]]
    y = F.layer_norm(x, features, state["norm1.weight"], state["norm1.bias"], 1e-5)
    y = F.linear(y, state["self_attn.in_proj_weight"], state["self_attn.in_proj_bias"])
    y = attend(*y.chunk(3, -1), heads, heads, causal, rotary)
    x = x + F.linear(y, state["self_attn.out_proj.weight"], state["self_attn.out_proj.bias"])
    y = F.layer_norm(x, features, state["norm2.weight"], state["norm2.bias"], 1e-5)
    y = function(F.linear(y, state["linear1.weight"], state["linear1.bias"]))
    return x + F.linear(y, state["linear2.weight"], state["linear2.bias"])


def blocks():
    for decoder in (False, True):
        block(decoder, "norms behind, relu", 2, 4, 6, "relu", False, False)
        block(decoder, "norms first, gelu, causal", 2, 6, 5, "gelu", True, True)
        block(decoder, "norms behind, gelu by tanh, causal", 3, 6, 4, "gelu_tanh", False, True)
    block(False, "norms first, relu, rotary halves", 2, 8, 5, "relu", True, False,
          {"base": 10000.0, "size": 4, "interleaved": False})
    block(False, "norms first, gelu, rotary pairs, causal", 2, 8, 5, "gelu", True, True,
          {"base": 50.0, "size": 2, "interleaved": True})


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


def write():
    FOLDER.mkdir(exist_ok=True)
    for file, cases in FILES.items():
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
        (FOLDER / f"{file}.json").write_text(f"[\n{lines}\n]\n")
    names = [f"{file}/{case['name']}" for file, cases in FILES.items() for case in cases]
    assert len(names) == len(set(names)), "a name stands twice"
    print(f"{len(names)} cases in {len(FILES)} files")


if __name__ == "__main__":
    assert torch.__version__.split("+")[0] == "2.11.0", torch.__version__
    for family in [linear, convolution, transposed_convolution, pooling, normalisation, embedding,
                   recurrent, attention, blocks, activations, shapes, graphs]:
        family()
    write()
