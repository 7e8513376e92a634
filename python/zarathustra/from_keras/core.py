"""Keras's dense and embedding layers, normalisations, merges and what only moves elements."""

from math import prod

import numpy as np

from ..errors import Unsupported
from .activations import behind
from .layer import Variable
from .tensor import Tensor, together, unary


def dense(layer, inputs):
    """``Dense`` over the last dimension."""
    graph, source = layer.graph, inputs[0].last()
    units, bias = layer.integer("units"), bool(layer.get("use_bias", True))
    node = graph.add("linear", [source], layer.name, units=units, bias=bias)
    variables = [Variable("vars/0", [graph.shapes[source][-1], units])]
    variables += [Variable("vars/1", [units])] if bias else []

    def convert(arrays):
        graph.set(node, weight=arrays[0].T)
        if bias:
            graph.set(node, bias=arrays[1])

    layer.weights(variables, convert)
    return behind(layer, Tensor(graph, node))


def embedding(layer, inputs):
    """``Embedding`` of an input of the model."""
    graph, source = layer.graph, inputs[0].last()
    if graph.node(source):
        raise Unsupported("only an input of the model can be embedded")
    if layer.get("mask_zero"):
        raise Unsupported("mask_zero is not supported")
    entries, size = layer.integer("input_dim"), layer.integer("output_dim")
    node = graph.add("embedding", [source], layer.name, entries=entries, size=size)
    layer.weights(
        [Variable("vars/0", [entries, size])], lambda arrays: graph.set(node, weight=arrays[0])
    )
    return Tensor(graph, node)


def batch_normalization(layer, inputs):
    """``BatchNormalization`` over the last axis, or the first behind the rows."""
    graph, tensor = layer.graph, inputs[0]
    axis = layer.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    dim, rank = tensor.axis(axis), len(tensor.shape)
    if layer.get("renorm"):
        raise Unsupported("renorm is not supported")
    if dim == rank - 1:
        source, moved = tensor.first(), True
    elif dim == 0:
        source, moved = tensor.last(), False
    else:
        raise Unsupported(f"axis {axis} is neither the last nor the first behind the rows")
    scale, center = bool(layer.get("scale", True)), bool(layer.get("center", True))
    size, affine = graph.shapes[source][0], scale or center
    node = graph.add(
        "batch_norm", [source], layer.name, epsilon=layer.number("epsilon", 1e-3), affine=affine
    )
    trained = [True] * (scale + center) + [False, False]
    variables = [Variable(f"vars/{i}", [size], t) for i, t in enumerate(trained)]

    def convert(arrays):
        arrays = list(arrays)
        if affine:
            graph.set(node, weight=arrays.pop(0) if scale else np.ones(size))
            graph.set(node, bias=arrays.pop(0) if center else np.zeros(size))
        graph.set(node, running_mean=arrays[0], running_var=arrays[1])

    layer.weights(variables, convert)
    return Tensor(graph, node, moved)


def layer_normalization(layer, inputs):
    """``LayerNormalization`` over the last axes."""
    graph, tensor = layer.graph, inputs[0]
    if layer.get("rms_scaling"):
        raise Unsupported("rms_scaling is not supported; use RMSNormalization")
    dims = _last_axes(layer, tensor)
    scale, center = bool(layer.get("scale", True)), bool(layer.get("center", True))
    shape = tensor.shape[-dims:]
    node = graph.add(
        "layer_norm", [tensor.last()], layer.name, dims=dims,
        epsilon=layer.number("epsilon", 1e-3), weight=scale or center, bias=center,
    )  # fmt: skip
    variables = [Variable(f"vars/{i}", shape) for i in range(scale + center)]

    def convert(arrays):
        arrays = list(arrays)
        if scale or center:
            graph.set(node, weight=arrays.pop(0) if scale else np.ones(shape))
        if center:
            graph.set(node, bias=arrays.pop(0))

    if variables:
        layer.weights(variables, convert)
    return Tensor(graph, node)


def _last_axes(layer, tensor):
    axis = layer.get("axis", -1)
    axes = sorted(tensor.axis(a) for a in (axis if isinstance(axis, list) else [axis]))
    rank = len(tensor.shape)
    if axes != list(range(rank - len(axes), rank)):
        raise Unsupported(f"axis {axis} is not the last")
    return len(axes)


def rms_normalization(layer, inputs):
    """``RMSNormalization`` over the last axes."""
    graph, tensor = layer.graph, inputs[0]
    dims = _last_axes(layer, tensor)
    node = graph.add(
        "rms_norm", [tensor.last()], layer.name, dims=dims,
        epsilon=layer.number("epsilon", 1e-6), weight=True,
    )  # fmt: skip
    layer.weights(
        [Variable("vars/0", tensor.shape[-dims:])],
        lambda arrays: graph.set(node, weight=arrays[0]),
    )
    return Tensor(graph, node)


def group_normalization(layer, inputs):
    """``GroupNormalization`` over the last axis."""
    graph, tensor = layer.graph, inputs[0]
    if tensor.axis(layer.get("axis", -1)) != len(tensor.shape) - 1:
        raise Unsupported(f"axis {layer.get('axis')} is not the last")
    source, size = tensor.first(), tensor.shape[-1]
    groups = layer.get("groups", 32)
    groups = size if groups == -1 else layer.integer("groups")
    scale, center = bool(layer.get("scale", True)), bool(layer.get("center", True))
    node = graph.add(
        "group_norm", [source], layer.name, groups=groups,
        epsilon=layer.number("epsilon", 1e-3), affine=scale or center,
    )  # fmt: skip
    variables = [Variable(f"vars/{i}", [size]) for i in range(scale + center)]

    def convert(arrays):
        arrays = list(arrays)
        graph.set(node, weight=arrays.pop(0) if scale else np.ones(size))
        graph.set(node, bias=arrays.pop(0) if center else np.zeros(size))

    if variables:
        layer.weights(variables, convert)
    return Tensor(graph, node, True)


def identity(layer, inputs):
    """Layers that do nothing when a model answers."""
    return inputs[0]


def flatten(layer, inputs):
    """``Flatten``, in Keras's order of elements."""
    if layer.get("data_format") == "channels_first" and len(inputs[0].shape) > 1:
        raise Unsupported("data_format channels_first is not supported")
    graph, source = layer.graph, inputs[0].last()
    return Tensor(graph, graph.reshape(source, [prod(graph.shapes[source])], layer.name))


def reshape(layer, inputs):
    """``Reshape``."""
    graph, source = layer.graph, inputs[0].last()
    shape = layer.get("target_shape")
    if not isinstance(shape, list) or not all(isinstance(n, int) for n in shape):
        raise Unsupported(f"target_shape {shape!r:.60} is no list of integers")
    total, known = prod(graph.shapes[source]), prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or known < 1 or total % known:
        raise Unsupported(f"target_shape {shape} does not fit {graph.shapes[source]}")
    shape = [total // known if n == -1 else n for n in shape]
    return Tensor(graph, graph.reshape(source, shape, layer.name))


def permute(layer, inputs):
    """``Permute``, which counts from 1."""
    graph, source = layer.graph, inputs[0].last()
    dims = layer.get("dims")
    if not isinstance(dims, list) or sorted(dims) != list(range(1, len(inputs[0].shape) + 1)):
        raise Unsupported(f"dims {dims!r:.60} do not name every dimension once")
    return Tensor(graph, graph.transpose(source, [d - 1 for d in dims], layer.name))


def zero_padding(spatial):
    """``ZeroPadding1D`` or ``ZeroPadding2D``."""

    def make(layer, inputs):
        tensor, graph = inputs[0], layer.graph
        if layer.get("data_format") == "channels_first":
            raise Unsupported("data_format channels_first is not supported")
        padding = layer.get("padding", 1)
        if spatial == 1 and isinstance(padding, list):
            padding = [padding]
        if isinstance(padding, int):
            padding = [padding] * spatial
        padding = [[p, p] if isinstance(p, int) else list(p) for p in padding]
        if len(padding) != spatial or len(tensor.shape) != spatial + 1:
            raise Unsupported(f"padding {padding} does not fit {tensor.shape}")
        moved = tensor.moved
        padding = [[0, 0], *padding] if moved else [*padding, [0, 0]]
        return Tensor(graph, graph.add("pad", [tensor.some()], layer.name, padding=padding), moved)

    return make


def rescaling(layer, inputs):
    """``Rescaling`` by one number."""
    factor, offset = layer.number("scale", 1.0), layer.number("offset", 0.0)
    return unary(inputs[0], "scale", layer.name, factor=factor, offset=offset)


def concatenate(layer, inputs):
    """``Concatenate``."""
    if len(inputs) < 2:
        return inputs[0]
    nodes, moved = together(inputs)
    dim = inputs[0].dim(layer.get("axis", -1)) if moved else inputs[0].axis(layer.get("axis", -1))
    return Tensor(layer.graph, layer.graph.add("concatenate", nodes, layer.name, dim=dim), moved)


def merge(op):
    """``Add`` or ``Multiply``, of tensors or with a number."""

    def make(layer, inputs):
        nodes, moved = together(inputs)
        if len(nodes) == 1:
            raise Unsupported("merges fewer than two tensors")
        return Tensor(layer.graph, layer.graph.add(op, nodes, layer.name), moved)

    return make


def subtract(layer, inputs):
    """``Subtract``: the first less the second."""
    if len(inputs) != 2:
        raise Unsupported("takes exactly two tensors")
    minus = unary(inputs[1], "scale", f"{layer.name}_minus", factor=-1.0, offset=0.0)
    nodes, moved = together([inputs[0], minus])
    return Tensor(layer.graph, layer.graph.add("add", nodes, layer.name), moved)


def average(layer, inputs):
    """``Average``."""
    total = merge("add")(layer, inputs)
    return unary(total, "scale", f"{layer.name}_mean", factor=1 / len(inputs), offset=0.0)


LAYERS = {
    "Dense": dense,
    "Embedding": embedding,
    "BatchNormalization": batch_normalization,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "RMSNormalization": rms_normalization,
    "Flatten": flatten,
    "Reshape": reshape,
    "Permute": permute,
    "ZeroPadding1D": zero_padding(1),
    "ZeroPadding2D": zero_padding(2),
    "Rescaling": rescaling,
    "Concatenate": concatenate,
    "Add": merge("add"),
    "Multiply": merge("multiply"),
    "Subtract": subtract,
    "Average": average,
    **dict.fromkeys(
        (
            "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise",
            "AlphaDropout", "ActivityRegularization", "Identity",
        ),
        identity,
    ),
}  # fmt: skip
