"""Elementwise operations, sums and products."""

import numpy as np
import torch

from ..errors import Unsupported
from .value import ROWS, Value
from .walk import array, number


def unary(op, **fixed):
    """An operation on each element, without or with fixed attributes."""

    def handle(w, node, a):
        return w.add(op, [w.value(next(iter(a.values())))], node, **fixed)

    return handle


def identity(w, node, a):
    """Operations that change nothing for 32-bit floats."""
    if a.get("train") is True or a.get("training") is True:
        raise Unsupported("drops out in training mode; call model.eval() before the export")
    return w.same(node, w.value(next(iter(a.values()))))


def leaky_relu(w, node, a):
    return w.add(
        "leaky_relu", [w.value(a["self"])], node, negative_slope=float(a["negative_slope"])
    )


def elu(w, node, a):
    if a["scale"] != 1 or a["input_scale"] != 1:
        raise Unsupported("scales other than 1")
    return w.add("elu", [w.value(a["self"])], node, alpha=float(a["alpha"]))


def gelu(w, node, a):
    return w.add("gelu", [w.value(a["self"])], node, approximate=a["approximate"] == "tanh")


def softplus(w, node, a):
    if a["beta"] != 1 or a["threshold"] < 15:
        raise Unsupported("only beta 1 and a threshold of at least 15")
    return w.add("softplus", [w.value(a["self"])], node)


def clamp(w, node, a):
    """``relu`` and ``relu6`` by bounds."""
    low, high = a.get("min", a.get("min_val")), a.get("max", a.get("max_val"))
    if low != 0 or high not in (None, 6):
        raise Unsupported(f"bounds {low} and {high}; only 0, and none or 6")
    return w.add("relu6" if high == 6 else "relu", [w.value(a["self"])], node)


def prelu(w, node, a):
    x, weight = w.value(a["self"]), array(a["weight"]).reshape(-1)
    if weight.size > 1 and x.axis(1) != 0:
        raise Unsupported("slopes for a dimension other than the first behind the rows")
    value = w.add("prelu", [x], node, name=w.owner(node), per_channel=weight.size > 1)
    w.graph.set(value.name, weight=weight)
    return value


def softmax(op):
    def handle(w, node, a):
        x = w.value(a["self"])
        return w.add(op, [x], node, dim=x.axis(a["dim"]))

    return handle


def align(w, values, node):
    """Values of one rank with the rows at one place."""
    if len({v.dims for v in values}) == 1:
        return values
    rank = max(len(v.dims) for v in values)
    result = []
    for v in values:
        missing = rank - len(v.dims)
        if any(len(dim) != 1 for dim in v.dims):
            raise Unsupported("dimensions are folded together with the rows in different ways")
        if missing:
            shape = [1] * missing + w.shape(v)
            dims = [(d,) for d in range(missing)]
            dims += [(a if a == ROWS else a + missing,) for (a,) in v.dims]
            v = Value(w.graph.reshape(v.name, shape, f"{node.name}_wide"), dims)
        result.append(v)
    if len({v.dims for v in result}) != 1:
        raise Unsupported("the rows of its operands are different dimensions")
    return result


def scaled(w, node, value, factor, offset, suffix=""):
    """``value · factor + offset``."""
    if factor == 1 and offset == 0:
        return value
    name = f"{node.name}{suffix}"
    return w.add("scale", [value], node, name=name, factor=float(factor), offset=float(offset))


def _shifted(w, node, x, constant, sign):
    """``x`` and a tensor that does not depend on the input."""
    n = w.number(node, constant)
    if n is not None and tuple(w.env[node].shape) == _tensor_shape(w, x):
        return scaled(w, node, x, 1, sign * n)
    if tuple(w.env[node].shape) != _tensor_shape(w, x):
        raise Unsupported("a sum that widens what depends on the input")
    if any(len(dim) != 1 for dim in x.dims):
        raise Unsupported("adds to a dimension that is folded together with the rows")
    wide = constant.expand(w.env[node].shape).to(torch.float32)
    place = x.dims.index((ROWS,))
    each = wide.movedim(place, 0)
    if not bool((each == each[:1]).all()):
        raise Unsupported("adds something else to each row")
    value = w.add("learned_positions", [x], node, name=w.owner(node))
    w.graph.set(value.name, weight=sign * array(each[0]).reshape(w.shape(x)))
    return value


def _tensor_shape(w, value):
    sizes = {ROWS: w.rows, **dict(enumerate(w.shape(value)))}
    return tuple(int(np.prod([sizes[a] for a in dim], dtype=int)) for dim in value.dims)


def plus(sign):
    """``add`` or ``sub``."""

    def handle(w, node, a):
        x, y, alpha = a["self"], a["other"], sign * a.get("alpha", 1)
        if isinstance(x, torch.fx.Node):
            if not isinstance(y, torch.fx.Node):
                return _shifted(w, node, w.value(x), y, alpha)
            y = scaled(w, node, w.value(y), alpha, 0, "_scaled")
            return _together(w, "add", node, [w.value(x), y])
        y = scaled(w, node, w.value(y), alpha, 0, "_scaled")
        return _shifted(w, node, y, x, 1)

    return handle


def _together(w, op, node, values):
    return w.add(op, align(w, values, node), node)


def multiply(w, node, a):
    x, y = a["self"], a["other"]
    if not isinstance(x, torch.fx.Node):
        x, y = y, x
    if isinstance(y, torch.fx.Node):
        return rms_norm_pattern(w, node, x, y) or _together(
            w, "multiply", node, [w.value(x), w.value(y)]
        )
    value, n = w.value(x), w.number(node, y)
    made = w.graph.node(value.name)
    width = w.shape(value)[-1]
    weightless = made and made["op"] == "rms_norm" and not made["weight"]
    if weightless and isinstance(y, torch.Tensor) and y.shape == (width,):
        scaled_ = w.graph.add(
            "rms_norm", made["inputs"], w.owner(node),
            dims=1, epsilon=made["epsilon"], weight=True,
        )  # fmt: skip
        w.graph.set(scaled_, weight=array(y))
        return Value(scaled_, value.dims)
    if n is None:
        raise Unsupported("multiplies by a tensor that is not one number everywhere")
    return scaled(w, node, value, n, 0)


def divide(w, node, a):
    if isinstance(a["self"], torch.fx.Node) and not isinstance(a["other"], torch.fx.Node):
        n = w.number(node, a["other"])
        if n and a.get("rounding_mode") is None:
            return scaled(w, node, w.value(a["self"]), 1 / n, 0)
    if isinstance(a["self"], torch.fx.Node) and isinstance(a["other"], torch.fx.Node):
        found = rms_norm_pattern(w, node, a["self"], a["other"], "sqrt")
        found = found or _softsign(w, node, a["self"], a["other"])
        if found:
            return found
    raise Unsupported("divides by something other than a number")


def _softsign(w, node, x, y):
    """``x / (1 + |x|)``."""
    if w.key(y) != "add":
        return None
    a = w.bind(y)
    parts = [a["self"], a["other"]]
    inner = next((p for p in parts if isinstance(p, torch.fx.Node)), None)
    one = next((number(p) for p in parts if not isinstance(p, torch.fx.Node)), None)
    if inner is None or one != 1 or w.key(inner) != "abs" or w.bind(inner)["self"] is not x:
        return None
    return w.add("softsign", [w.value(x)], node)


def rms_norm_pattern(w, node, x, y, root="rsqrt"):
    """``x · rsqrt(mean(x²) + epsilon)`` over the last dimension, as models spell RMS norm."""
    if w.key(x) == root:
        x, y = y, x
    x = _plain(w, x)
    if w.key(y) != root:
        return None
    total = w.bind(y)["self"]
    if w.key(total) != "add":
        return None
    a = w.bind(total)
    parts = [a["self"], a["other"]]
    mean = next((p for p in parts if isinstance(p, torch.fx.Node)), None)
    epsilon = next((number(p) for p in parts if not isinstance(p, torch.fx.Node)), None)
    if mean is None or epsilon is None or w.key(mean) != "mean":
        return None
    a = w.bind(mean)
    if a.get("dim") not in ([-1], [len(w.env[x].shape) - 1]) or not a.get("keepdim"):
        return None
    squared = _plain(w, a["self"])
    b = w.bind(squared)
    power = w.key(squared) == "pow" and b.get("exponent") == 2
    twice = w.key(squared) == "mul" and b["self"] is b["other"]
    if not (power or twice or w.key(squared) == "square") or _plain(w, b["self"]) is not x:
        return None
    value = w.value(x)
    if value.axis(-1) != len(w.shape(value)) - 1:
        return None
    return w.add("rms_norm", [value], node, dims=1, epsilon=epsilon, weight=False)


def _plain(w, node):
    while w.key(node) in ("to", "_to_copy", "clone", "contiguous") and node.args[0] in w.data:
        node = node.args[0]
    return node


def negative(w, node, a):
    return scaled(w, node, w.value(a["self"]), -1, 0)


def reverse_subtract(w, node, a):
    n = w.number(node, a["other"])
    if n is None or a["alpha"] != 1:
        raise Unsupported("subtracts from something other than a number")
    return scaled(w, node, w.value(a["self"]), -1, n)


def log_sigmoid(w, node, a):
    """``−softplus(−x)``."""
    minus = scaled(w, node, w.value(a["self"]), -1, 0, "_minus")
    soft = w.add("softplus", [minus], node, name=f"{node.name}_softplus")
    return scaled(w, node, soft, -1, 0)


HANDLERS = {
    **{
        op: unary(ours)
        for op, ours in {
            "relu": "relu", "relu_": "relu", "relu6": "relu6", "selu": "selu", "selu_": "selu",
            "silu": "silu", "silu_": "silu", "mish": "mish", "mish_": "mish",
            "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_silu",
            "hardswish_": "hard_silu", "tanh": "tanh",
        }.items()
    },
    **dict.fromkeys(
        (
            "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout", "contiguous",
            "clone", "detach", "detach_", "alias", "to", "_to_copy", "lift_fresh_copy",
            "native_dropout_eval", "dropout_",
        ),
        identity,
    ),
    "leaky_relu": leaky_relu,
    "leaky_relu_": leaky_relu,
    "elu": elu,
    "elu_": elu,
    "gelu": gelu,
    "softplus": softplus,
    "log_sigmoid": log_sigmoid,
    **dict.fromkeys(("clamp", "clamp_min", "hardtanh", "hardtanh_", "clamp_"), clamp),
    "prelu": prelu,
    "softmax": softmax("softmax"),
    "_softmax": softmax("softmax"),
    "log_softmax": softmax("log_softmax"),
    "_log_softmax": softmax("log_softmax"),
    "add": plus(1),
    "add_": plus(1),
    "sub": plus(-1),
    "rsub": reverse_subtract,
    "mul": multiply,
    "mul_": multiply,
    "div": divide,
    "div_": divide,
    "neg": negative,
}  # fmt: skip
"""Handlers by the operation's name; each gets the walk, the node and its bound arguments."""
