"""Keras's activations, as layers and as arguments of layers."""

from ..errors import Unsupported
from .layer import Variable
from .tensor import Tensor, unary

SIMPLE = {
    "relu": ("relu", {}),
    "relu6": ("relu6", {}),
    "elu": ("elu", {"alpha": 1.0}),
    "selu": ("selu", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "mish": ("mish", {}),
    "sigmoid": ("sigmoid", {}),
    "hard_silu": ("hard_silu", {}),
    "hard_swish": ("hard_silu", {}),
    "tanh": ("tanh", {}),
    "softplus": ("softplus", {}),
    "softsign": ("softsign", {}),
}
"""Activations by name that need nothing else."""


def named(spec):
    """The name of an activation in a config: text, or what Keras 3 writes for a function."""
    if isinstance(spec, dict):
        inner = spec.get("config")
        if spec.get("class_name") == "function" and isinstance(inner, str):
            return inner
        if not inner and isinstance(spec.get("class_name"), str):
            return spec["class_name"].lower()
    if spec is None:
        return "linear"
    if isinstance(spec, str):
        return spec
    raise Unsupported(f"activation {spec!r:.80} is not supported")


def apply(layer, tensor, spec, name):
    """``tensor`` after an activation given by name."""
    activation = named(spec)
    if activation == "linear":
        return tensor
    if activation in SIMPLE:
        op, attributes = SIMPLE[activation]
        return unary(tensor, op, name, **attributes)
    if activation == "gelu":
        return unary(tensor, "gelu", name, approximate=False)
    if activation == "leaky_relu":
        slope = 0.2
        return unary(tensor, "leaky_relu", name, negative_slope=slope)
    if activation == "hard_sigmoid":
        if layer.legacy:
            # min(max(0.2·x + 0.5, 0), 1) before Keras 3.
            tensor = unary(tensor, "scale", f"{name}_scale", factor=1.2, offset=0.0)
        return unary(tensor, "hard_sigmoid", name)
    if activation in ("softmax", "log_softmax"):
        return unary(tensor, activation, name, dim=tensor.dim(-1))
    raise Unsupported(f"activation {activation!r} is not supported")


def behind(layer, tensor):
    """``tensor`` after the activation that a layer has as an argument."""
    spec = layer.get("activation")
    return apply(layer, tensor, spec, f"{layer.name}_{_suffix(spec)}")


def _suffix(spec):
    return named(spec) if spec is not None else "linear"


def activation(layer, inputs):
    """``Activation``."""
    return apply(layer, inputs[0], layer.get("activation"), layer.name)


def relu(layer, inputs):
    """``ReLU`` with a ceiling of none or 6."""
    slope = layer.number("negative_slope", 0.0)
    ceiling = layer.get("max_value")
    if layer.number("threshold", 0.0) != 0.0 or ceiling not in (None, 6) or (ceiling and slope):
        raise Unsupported("only max_value 6 or none, threshold 0, and not both slope and ceiling")
    if slope:
        return unary(inputs[0], "leaky_relu", layer.name, negative_slope=slope)
    return unary(inputs[0], "relu6" if ceiling else "relu", layer.name)


def leaky_relu(layer, inputs):
    """``LeakyReLU``; Keras before 3 calls the slope ``alpha``."""
    slope = layer.number("alpha", 0.3) if "alpha" in layer.config else None
    slope = layer.number("negative_slope", 0.3) if slope is None else slope
    return unary(inputs[0], "leaky_relu", layer.name, negative_slope=slope)


def elu(layer, inputs):
    """``ELU``."""
    return unary(inputs[0], "elu", layer.name, alpha=layer.number("alpha", 1.0))


def softmax(layer, inputs):
    """``Softmax`` over one axis."""
    axis = layer.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    return unary(inputs[0], "softmax", layer.name, dim=inputs[0].dim(axis))


def prelu(layer, inputs):
    """``PReLU`` with one slope, or one for each channel."""
    tensor = inputs[0]
    shared = layer.get("shared_axes") or []
    shape = [1 if d + 1 in shared else n for d, n in enumerate(tensor.shape)]
    if any(n != 1 for n in shape[:-1]):
        raise Unsupported(f"slopes of shape {shape}; only one for all or one for each channel")
    each = shape[-1] != 1
    source = tensor.first() if each else tensor.some()
    node = layer.graph.add("prelu", [source], layer.name, per_channel=each)
    layer.weights(
        [Variable("vars/0", shape)],
        lambda arrays: layer.graph.set(node, weight=arrays[0].reshape(-1)),
    )
    return Tensor(layer.graph, node, each or tensor.moved)


LAYERS = {
    "Activation": activation,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "ELU": elu,
    "Softmax": softmax,
    "PReLU": prelu,
}
