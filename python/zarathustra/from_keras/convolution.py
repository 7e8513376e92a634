"""Keras's convolutions and poolings.

``padding="same"`` follows TensorFlow: the result has ``ceil(size / stride)`` places and what is
missing is added in halves, the larger one behind.
"""

from ..errors import Unsupported
from .activations import behind
from .layer import Variable
from .tensor import Tensor


def _images(layer, tensor, spatial):
    """The node with channels first, and whether Keras has them last."""
    default = "channels_last"
    last = layer.choose("data_format", ("channels_last", "channels_first", None), default)
    if len(tensor.shape) != spatial + 1:
        raise Unsupported(f"wants {spatial} dimensions and channels, not {tensor.shape}")
    return (tensor.last(), False) if last == "channels_first" else (tensor.first(), True)


def _same(sizes, kernel, stride, dilation):
    padding = []
    for n, k, s, d in zip(sizes, kernel, stride, dilation):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        padding.append([total // 2, total - total // 2])
    return padding


def _padding(layer, sizes, kernel, stride, dilation, allowed):
    kind = layer.choose("padding", allowed, "valid")
    if kind == "same":
        return _same(sizes, kernel, stride, dilation)
    if kind == "causal":
        return [[(kernel[0] - 1) * dilation[0], 0]]
    return [[0, 0] for _ in kernel]


def _settings(layer, source, spatial):
    kernel = layer.sizes("kernel_size", spatial)
    stride = layer.sizes("strides", spatial, 1)
    dilation = layer.sizes("dilation_rate", spatial, 1)
    sizes = layer.graph.shapes[source][1:]
    allowed = ("valid", "same", "causal") if spatial == 1 else ("valid", "same")
    padding = _padding(layer, sizes, kernel, stride, dilation, allowed)
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def _kernel(array):
    """``[places…, inputs, outputs]`` as ``[outputs, inputs, places…]``."""
    spatial = array.ndim - 2
    return array.transpose([spatial + 1, spatial, *range(spatial)])


def _weigh(layer, node, shape, channels, bias, reorder):
    """Gives a node its weight, which Keras has in this shape and another order, and its bias."""
    variables = [Variable("vars/0", shape)] + ([Variable("vars/1", [channels])] if bias else [])

    def convert(arrays):
        layer.graph.set(node, weight=reorder(arrays[0]))
        if bias:
            layer.graph.set(node, bias=arrays[1])

    layer.weights(variables, convert)


def _convolved(layer, inputs, spatial, choose, reorder):
    """One convolution. ``choose`` says, by the inputs' channels, its channels, its groups and the
    last two dimensions of Keras's weight."""
    graph = layer.graph
    source, moved = _images(layer, inputs[0], spatial)
    channels, groups, ends = choose(graph.shapes[source][0])
    bias, settings = bool(layer.get("use_bias", True)), _settings(layer, source, spatial)
    node = graph.add(
        f"conv{spatial}d", [source], layer.name,
        channels=channels, **settings, groups=groups, bias=bias,
    )  # fmt: skip
    _weigh(layer, node, [*settings["kernel"], *ends], channels, bias, reorder)
    return behind(layer, Tensor(graph, node, moved))


def convolution(spatial):
    """``Conv1D`` or ``Conv2D``."""

    def make(layer, inputs):
        def choose(inner):
            channels, groups = layer.integer("filters"), layer.get("groups", 1) or 1
            return channels, groups, [inner // groups, channels]

        return _convolved(layer, inputs, spatial, choose, _kernel)

    return make


def _depthwise(array):
    """``[places…, inputs, multiplier]`` as ``[inputs · multiplier, 1, places…]``."""
    spatial = array.ndim - 2
    moved = array.transpose([spatial, spatial + 1, *range(spatial)])
    return moved.reshape(-1, 1, *array.shape[:spatial])


def depthwise(spatial):
    """``DepthwiseConv1D`` or ``DepthwiseConv2D``."""

    def make(layer, inputs):
        def choose(inner):
            times = layer.integer("depth_multiplier")
            return inner * times, inner, [inner, times]

        return _convolved(layer, inputs, spatial, choose, _depthwise)

    return make


def separable(spatial):
    """``SeparableConv1D`` or ``SeparableConv2D``, as two convolutions."""

    def make(layer, inputs):
        graph = layer.graph
        source, moved = _images(layer, inputs[0], spatial)
        inner, times = graph.shapes[source][0], layer.integer("depth_multiplier")
        channels, bias = layer.integer("filters"), bool(layer.get("use_bias", True))
        settings, one = _settings(layer, source, spatial), [1] * spatial
        depth = graph.add(
            f"conv{spatial}d", [source], f"{layer.name}_depthwise",
            channels=inner * times, **settings, groups=inner, bias=False,
        )  # fmt: skip
        point = graph.add(
            f"conv{spatial}d", [depth], f"{layer.name}_pointwise",
            channels=channels, kernel=one, stride=one, padding=[[0, 0]] * spatial, dilation=one,
            groups=1, bias=bias,
        )  # fmt: skip
        variables = [
            Variable("vars/0", [*settings["kernel"], inner, times]),
            Variable("vars/1", [*one, inner * times, channels]),
        ] + ([Variable("vars/2", [channels])] if bias else [])

        def convert(arrays):
            graph.set(depth, weight=_depthwise(arrays[0]))
            graph.set(point, weight=_kernel(arrays[1]))
            if bias:
                graph.set(point, bias=arrays[2])

        layer.weights(variables, convert)
        return behind(layer, Tensor(graph, point, moved))

    return make


def _window(kernel, stride, padding, extra):
    """How many places of the full result fall off in front and behind, below 0 for added ones.

    From Keras's rule that all backends follow: with ``valid`` the result is at least
    ``size · stride`` long; with ``same`` it is ``size · stride`` long, or follows
    ``output_padding``, and the larger half of what falls off is behind.
    """
    if padding == "valid":
        added = max(kernel, stride) - kernel if extra is None else extra
        return 0, -added
    total = stride + kernel - 2 if extra is None else kernel + kernel % 2 - 2 + extra
    left = min(total // 2 + total % 2, kernel - 1)
    return kernel - 1 - left, kernel - 1 - (total - left)


def transposed(spatial):
    """``Conv1DTranspose`` or ``Conv2DTranspose``; a ``slice`` where the ends differ."""

    def make(layer, inputs):
        graph = layer.graph
        source, moved = _images(layer, inputs[0], spatial)
        channels, bias = layer.integer("filters"), bool(layer.get("use_bias", True))
        if layer.get("groups", 1) not in (None, 1):
            raise Unsupported("groups of a transposed convolution are not supported")
        kernel, stride = layer.sizes("kernel_size", spatial), layer.sizes("strides", spatial, 1)
        dilation = layer.sizes("dilation_rate", spatial, 1)
        kind = layer.choose("padding", ("valid", "same"), "valid")
        extra = layer.get("output_padding")
        extra = [None] * spatial if extra is None else layer.sizes("output_padding", spatial)
        padding, added, cut = [], [], []
        for k, s, d, e in zip(kernel, stride, dilation, extra):
            front, behind_ = _window((k - 1) * d + 1, s, kind, e)
            if front < 0:
                raise Unsupported(f"padding {kind} with output_padding {e} is not supported")
            padding.append(front)
            added.append(max(front - behind_, 0))
            cut.append(max(behind_ - front, 0))
        node = graph.add(
            f"conv_transpose{spatial}d", [source], layer.name,
            channels=channels, kernel=kernel, stride=stride, padding=padding,
            output_padding=added, dilation=dilation, groups=1, bias=bias,
        )  # fmt: skip
        if any(a and a >= max(s, d) for a, s, d in zip(added, stride, dilation)):
            raise Unsupported(f"output_padding {added} is not less than stride and dilation")
        inner = graph.shapes[source][0]
        _weigh(layer, node, [*kernel, channels, inner], channels, bias, _kernel)
        result = node
        for dim, places in enumerate(cut, start=1):
            if places:
                length = graph.shapes[result][dim] - places
                result = graph.add(
                    "slice", [result], f"{layer.name}_cut", dim=dim, start=0, length=length
                )
        return behind(layer, Tensor(graph, result, moved))

    return make


def pooling(op, spatial):
    """``MaxPooling`` or ``AveragePooling`` over windows."""

    def make(layer, inputs):
        graph = layer.graph
        source, moved = _images(layer, inputs[0], spatial)
        kernel = layer.sizes("pool_size", spatial)
        stride = layer.sizes("strides", spatial, kernel)
        sizes = graph.shapes[source][1:]
        padding = _padding(layer, sizes, kernel, stride, [1] * spatial, ("valid", "same"))
        attributes = {"kernel": kernel, "stride": stride, "padding": padding}
        if op == "avg_pool":
            if any(front != behind_ for front, behind_ in padding):
                # Keras's backends do not agree: PyTorch's repeats the edge, TensorFlow's leaves
                # out what is outside.
                raise Unsupported("average pooling with padding that differs at both ends")
            attributes["count_padding"] = False
        node = graph.add(f"{op}{spatial}d", [source], layer.name, **attributes)
        return Tensor(graph, node, moved)

    return make


def overall(op, spatial):
    """Global pooling."""

    def make(layer, inputs):
        graph = layer.graph
        source, moved = _images(layer, inputs[0], spatial)
        keep = bool(layer.get("keepdims", False))
        dims = list(range(1, spatial + 1))
        node = graph.add(op, [source], layer.name, dims=dims, keep_dims=keep)
        return Tensor(graph, node, moved and keep)

    return make


LAYERS = {
    **{f"Conv{n}D": convolution(n) for n in (1, 2)},
    **{f"Conv{n}DTranspose": transposed(n) for n in (1, 2)},
    **{f"DepthwiseConv{n}D": depthwise(n) for n in (1, 2)},
    **{f"SeparableConv{n}D": separable(n) for n in (1, 2)},
    **{f"MaxPooling{n}D": pooling("max_pool", n) for n in (1, 2)},
    **{f"AveragePooling{n}D": pooling("avg_pool", n) for n in (1, 2)},
    **{f"GlobalMaxPooling{n}D": overall("max", n) for n in (1, 2)},
    **{f"GlobalAveragePooling{n}D": overall("mean", n) for n in (1, 2)},
}
