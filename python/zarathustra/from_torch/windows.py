"""Convolutions and pooling."""

from ..errors import Unsupported
from .value import Value
from .walk import array


def _list(value, spatial):
    found = [value] if isinstance(value, int) else list(value)
    return [int(n) for n in (found * spatial if len(found) == 1 else found)]


def _image(w, node, spatial):
    value = w.value(node)
    if not value.first() or len(w.shape(value)) != spatial + 1:
        raise Unsupported(f"wants rows, channels and {spatial} dimensions, in this order")
    return value


def _add(w, node, x, a, op, weight, attributes):
    bias = a["bias"] is not None
    value = w.add(f"{op}", [x], node, name=w.owner(node), bias=bias, **attributes)
    w.graph.set(value.name, weight=weight)
    if bias:
        w.graph.set(value.name, bias=array(a["bias"]))
    return value


def convolution(w, node, a):
    """``conv1d``, ``conv2d`` and, not transposed, ``convolution``."""
    if a.get("transposed"):
        return transposed(w, node, a)
    weight = array(a["weight"])
    spatial = weight.ndim - 2
    x = _image(w, a["input"], spatial)
    kernel = list(weight.shape[2:])
    stride, dilation = _list(a["stride"], spatial), _list(a["dilation"], spatial)
    padding = a["padding"]
    if padding == "valid":
        padding = 0
    if padding == "same":
        ends = [d * (k - 1) for d, k in zip(dilation, kernel)]
        padding = [[n // 2, n - n // 2] for n in ends]
    else:
        padding = [[p, p] for p in _list(padding, spatial)]
    attributes = {
        "channels": weight.shape[0], "kernel": kernel, "stride": stride, "padding": padding,
        "dilation": dilation, "groups": int(a["groups"]),
    }  # fmt: skip
    return _add(w, node, x, a, f"conv{spatial}d", weight, attributes)


def transposed(w, node, a):
    """``conv_transpose1d``, ``conv_transpose2d`` and, transposed, ``convolution``."""
    weight, groups = array(a["weight"]), int(a["groups"])
    spatial = weight.ndim - 2
    x = _image(w, a["input"], spatial)
    attributes = {
        "channels": weight.shape[1] * groups, "kernel": list(weight.shape[2:]),
        "stride": _list(a["stride"], spatial), "padding": _list(a["padding"], spatial),
        "output_padding": _list(a["output_padding"], spatial),
        "dilation": _list(a["dilation"], spatial), "groups": groups,
    }  # fmt: skip
    return _add(w, node, x, a, f"conv_transpose{spatial}d", weight, attributes)


def pool(op, spatial):
    """``max_pool`` or ``avg_pool`` over windows."""

    def handle(w, node, a):
        x = _image(w, a["self"], spatial)
        kernel = _list(a["kernel_size"], spatial)
        stride = _list(a["stride"] or kernel, spatial)
        padding = [[p, p] for p in _list(a["padding"], spatial)]
        if a.get("ceil_mode") or a.get("divisor_override") is not None:
            raise Unsupported("ceil_mode and divisor_override are not supported")
        if any(d != 1 for d in _list(a.get("dilation", 1), spatial)):
            raise Unsupported("dilated pooling is not supported")
        attributes = {"kernel": kernel, "stride": stride, "padding": padding}
        if op == "avg_pool":
            attributes["count_padding"] = bool(a["count_include_pad"])
        return w.add(f"{op}{spatial}d", [x], node, **attributes)

    return handle


def adaptive(op, spatial):
    """Adaptive pooling to sizes that divide the input's."""

    def handle(w, node, a):
        x = _image(w, a["self"], spatial)
        sizes, wanted = w.shape(x)[1:], _list(a["output_size"], spatial)
        if wanted == [1] * spatial:
            dims = list(range(1, spatial + 1))
            return w.add(
                "mean" if op == "avg_pool" else "max", [x], node, dims=dims, keep_dims=True
            )
        if any(n % m for n, m in zip(sizes, wanted)):
            raise Unsupported(f"pools {sizes} to {wanted}, which does not divide it")
        kernel = [n // m for n, m in zip(sizes, wanted)]
        attributes = {"kernel": kernel, "stride": kernel, "padding": [[0, 0]] * spatial}
        if op == "avg_pool":
            attributes["count_padding"] = True
        return w.add(f"{op}{spatial}d", [x], node, **attributes)

    return handle


def _first(handler):
    return lambda w, node, a: [handler(w, node, a), None]


def nearest(w, node, a):
    """Enlarging by whole factors that repeats each element, as reshapes and concatenations."""
    x = w.value(a.get("input", a.get("self")))
    spatial = len(w.shape(x)) - 1
    x = _image(w, a.get("input", a.get("self")), spatial)
    before, behind = w.shape(x)[1:], list(w.env[node].shape[2:])
    if any(m % n for n, m in zip(before, behind)):
        raise Unsupported(f"enlarges {before} to {behind}, which is no multiple")
    name = x.name
    for axis, (n, m) in enumerate(zip(before, behind), 1):
        if m == n:
            continue
        shape = w.graph.shapes[name]
        tall = w.graph.reshape(name, [*shape[: axis + 1], 1, *shape[axis + 1 :]], node.name)
        name = w.graph.add("concatenate", [tall] * (m // n), node.name, dim=axis + 1)
        shape = [*shape[:axis], m, *shape[axis + 1 :]]
        name = w.graph.reshape(name, shape, node.name)
    return Value(name, x.dims)


HANDLERS = {
    **dict.fromkeys(("conv1d", "conv2d", "convolution"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), transposed),
    "max_pool1d": pool("max_pool", 1),
    "max_pool2d": pool("max_pool", 2),
    "max_pool2d_with_indices": _first(pool("max_pool", 2)),
    "avg_pool1d": pool("avg_pool", 1),
    "avg_pool2d": pool("avg_pool", 2),
    "adaptive_avg_pool1d": adaptive("avg_pool", 1),
    "adaptive_avg_pool2d": adaptive("avg_pool", 2),
    "_adaptive_avg_pool2d": adaptive("avg_pool", 2),
    "adaptive_max_pool1d": _first(adaptive("max_pool", 1)),
    "adaptive_max_pool2d": _first(adaptive("max_pool", 2)),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d"), nearest),
}
"""Handlers by the operation's name; each gets the walk, the node and its bound arguments."""
