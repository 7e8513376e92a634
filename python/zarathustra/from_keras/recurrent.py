"""Keras's recurrent layers and attention."""

import numpy as np

from ..errors import Unsupported
from .activations import named
from .layer import Layer, Variable
from .tensor import Tensor

GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
"""How many times the units a recurrent layer's weights are wide."""

REFUSED = ("return_state", "stateful", "time_major")
"""Settings of recurrent layers that have no counterpart."""


def _check(layer, kind):
    for setting in REFUSED:
        if layer.get(setting):
            raise Unsupported(f"{setting} is not supported")
    activation = named(layer.get("activation", "tanh"))
    if activation not in (("tanh", "relu") if kind == "SimpleRNN" else ("tanh",)):
        raise Unsupported(f"activation {activation!r} of {kind} is not supported")
    if kind != "SimpleRNN" and named(layer.get("recurrent_activation")) != "sigmoid":
        raise Unsupported("recurrent_activation has to be sigmoid")
    if kind == "GRU" and not layer.get("reset_after", not layer.legacy):
        raise Unsupported("reset_after has to be true")
    return activation


def _add(layer, kind, source, name, direction, sequence):
    attributes = {
        "units": layer.integer("units"),
        "bias": bool(layer.get("use_bias", True)),
        "direction": direction,
        "returns": "sequence" if sequence else "last",
    }
    activation = _check(layer, kind)
    if kind == "SimpleRNN":
        return layer.graph.add("rnn", [source], name, activation=activation, layer=attributes)
    return layer.graph.add(kind.lower(), [source], name, **attributes)


def _variables(layer, kind, features, path):
    units, gates = layer.integer("units"), GATES[kind]
    shapes = [[features, gates * units], [units, gates * units]]
    if layer.get("use_bias", True):
        shapes.append([2, gates * units] if kind == "GRU" else [gates * units])
    return [Variable(f"{path}cell/vars/{i}", shape) for i, shape in enumerate(shapes)]


def _gates(array, kind):
    """Rows of gates in our order; Keras's GRU has ``z``, ``r``, ``n``."""
    if kind != "GRU":
        return array
    update, reset, new = np.split(array, 3)
    return np.concatenate([reset, update, new])


def _set(graph, node, kind, arrays, suffix=""):
    values = {"weight_ih": _gates(arrays[0].T, kind), "weight_hh": _gates(arrays[1].T, kind)}
    if len(arrays) > 2:
        both = arrays[2] if kind == "GRU" else [arrays[2], np.zeros_like(arrays[2])]
        values["bias_ih"], values["bias_hh"] = (_gates(bias, kind) for bias in both)
    graph.set(node, **{f"{key}{suffix}": value for key, value in values.items()})


def recurrent(kind):
    """``SimpleRNN``, ``LSTM`` or ``GRU``."""

    def make(layer, inputs):
        _alone(layer, inputs)
        graph, source = layer.graph, inputs[0].last()
        sequence, backward = bool(layer.get("return_sequences")), bool(layer.get("go_backwards"))
        if sequence and backward:
            raise Unsupported("go_backwards with return_sequences turns the sequence around")
        direction = "backward" if backward else "forward"
        node = _add(layer, kind, source, layer.name, direction, sequence)
        variables = _variables(layer, kind, graph.shapes[source][1], "")
        layer.weights(variables, lambda arrays: _set(graph, node, kind, arrays))
        return Tensor(graph, node)

    return make


def _alone(layer, inputs):
    if len(inputs) != 1 or layer.kwargs.get("initial_state") is not None:
        raise Unsupported("initial states are not supported")
    if layer.kwargs.get("mask") is not None:
        raise Unsupported("masks are not supported")


def bidirectional(layer, inputs):
    """``Bidirectional`` around a recurrent layer."""
    _alone(layer, inputs)
    graph, source = layer.graph, inputs[0].last()
    inner = layer.get("layer")
    kind = inner.get("class_name") if isinstance(inner, dict) else None
    if kind not in GATES or not isinstance(inner.get("config"), dict):
        raise Unsupported(f"a layer of class {kind!r} inside is not supported")
    forward = Layer(graph, kind, inner["config"], layer.name, layer.slot, layer.legacy)
    other = layer.get("backward_layer")
    if isinstance(other, dict):
        _alike(inner["config"], other.get("config"))
    if inner["config"].get("go_backwards"):
        raise Unsupported("go_backwards inside is not supported")
    merge = layer.choose("merge_mode", ("concat", "sum", "mul", "ave"), "concat")
    sequence = bool(forward.get("return_sequences"))
    features = graph.shapes[source][1]
    variables = _variables(forward, kind, features, "forward_layer/")
    half = len(variables)
    variables += _variables(forward, kind, features, "backward_layer/")
    if merge == "concat":
        node = _add(forward, kind, source, layer.name, "both", sequence)

        def convert(arrays):
            _set(graph, node, kind, arrays[:half])
            _set(graph, node, kind, arrays[half:], "_reverse")

        layer.weights(variables, convert)
        return Tensor(graph, node)
    ways = [
        _add(forward, kind, source, f"{layer.name}_{way}", way, sequence)
        for way in ("forward", "backward")
    ]

    def convert_ways(arrays):
        _set(graph, ways[0], kind, arrays[:half])
        _set(graph, ways[1], kind, arrays[half:])

    layer.weights(variables, convert_ways)
    node = graph.add("multiply" if merge == "mul" else "add", ways, layer.name)
    if merge == "ave":
        node = graph.add("scale", [node], f"{layer.name}_mean", factor=0.5, offset=0.0)
    return Tensor(graph, node)


def _alike(forward, backward):
    keys = ("units", "activation", "recurrent_activation", "use_bias", "reset_after")
    if not isinstance(backward, dict) or any(forward.get(k) != backward.get(k) for k in keys):
        raise Unsupported("a backward_layer of another kind is not supported")


def attention(layer, inputs):
    """``MultiHeadAttention``, without masks but the causal one."""
    graph = layer.graph
    for mask in ("attention_mask", "query_mask", "value_mask", "key_mask"):
        if layer.kwargs.get(mask) is not None:
            raise Unsupported(f"{mask} is not supported")
    if layer.kwargs.get("return_attention_scores"):
        raise Unsupported("return_attention_scores is not supported")
    for setting in ("use_gate", "sliding_window"):
        if layer.get(setting):
            raise Unsupported(f"{setting} is not supported")
    if len(inputs) < 2:
        raise Unsupported("takes a query and a value")
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 else value
    if any(len(t.shape) != 2 for t in (query, key, value)):
        raise Unsupported("only sequences [time, features] are supported")
    if layer.get("attention_axes") not in (None, [1], 1):
        raise Unsupported(f"attention_axes {layer.get('attention_axes')} are not supported")
    heads, size = layer.integer("num_heads"), layer.integer("key_dim")
    if layer.get("value_dim") not in (None, size):
        raise Unsupported("value_dim has to be key_dim")
    units = layer.get("output_shape")
    units = units[0] if isinstance(units, list) and len(units) == 1 else units
    units = query.shape[-1] if units is None else units
    if not isinstance(units, int):
        raise Unsupported(f"output_shape {units!r:.60} is not supported")
    bias = bool(layer.get("use_bias", True))
    node = graph.add(
        "multi_head_attention", [query.last(), key.last(), value.last()], layer.name,
        heads=heads, key_value_heads=heads, head_size=size, units=units, bias=bias,
        output_bias=bias, causal=bool(layer.kwargs.get("use_causal_mask")), rotary=None,
    )  # fmt: skip
    parts = [("query", query.shape[-1]), ("key", key.shape[-1]), ("value", value.shape[-1])]
    shapes = [(f"{part}_dense", [width, heads, size], [heads, size]) for part, width in parts]
    shapes.append(("output_dense", [heads, size, units], [units]))
    variables = []
    for path, kernel, offset in shapes:
        variables.append(Variable(f"{path}/vars/0", kernel))
        variables += [Variable(f"{path}/vars/1", offset)] if bias else []

    def convert(arrays):
        arrays = iter(arrays)
        for part, width in [*parts, ("output", heads * size)]:
            weight = {f"{part}__weight": next(arrays).reshape(width, -1).T}
            if bias:
                weight[f"{part}__bias"] = next(arrays).reshape(-1)
            graph.set(node, **weight)

    layer.weights(variables, convert)
    return Tensor(graph, node)


LAYERS = {
    **{kind: recurrent(kind) for kind in GATES},
    "Bidirectional": bidirectional,
    "MultiHeadAttention": attention,
}
