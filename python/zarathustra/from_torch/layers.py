"""Linear layers, normalisations and embeddings."""

import numpy as np
import torch

from ..errors import Unsupported
from .attention import attend, linear_parts
from .walk import array


def linear(w, node, a):
    parts = linear_parts(w, node)
    if parts is None:
        raise Unsupported("a product that is neither a linear layer nor part of attention")
    found = attend(w, node, parts)
    if found:
        return found
    source, weight, bias = parts
    x = w.value(source)
    if x.axis(-1) != len(w.shape(x)) - 1:
        raise Unsupported("a linear layer over a dimension that is not the last")
    value = w.add(
        "linear", [x], node, name=w.owner(node), units=weight.shape[0], bias=bias is not None
    )
    w.graph.set(value.name, weight=weight)
    if bias is not None:
        w.graph.set(value.name, bias=bias)
    return value


def batch_norm(w, node, a):
    x = w.value(a.get("input"))
    if a.get("training") or a.get("running_mean") is None:
        raise Unsupported("uses the statistics of the rows; call model.eval() before the export")
    if not x.first():
        raise Unsupported("the rows have to be the first dimension")
    affine = a["weight"] is not None or a["bias"] is not None
    value = w.add(
        "batch_norm", [x], node, name=w.owner(node), epsilon=float(a["eps"]), affine=affine
    )
    mean, variance = array(a["running_mean"]), array(a["running_var"])
    if affine:
        _affine(w, value, a, mean.shape)
    w.graph.set(value.name, running_mean=mean, running_var=variance)
    return value


def _affine(w, value, a, shape, bias=True):
    weight = np.ones(shape) if a["weight"] is None else array(a["weight"])
    w.graph.set(value.name, weight=weight)
    if bias:
        w.graph.set(value.name, bias=np.zeros(shape) if a["bias"] is None else array(a["bias"]))


def layer_norm(w, node, a):
    x, shape = w.value(a["input"]), [int(n) for n in a["normalized_shape"]]
    rank = len(w.shape(x))
    if [x.axis(d) for d in range(-len(shape), 0)] != list(range(rank - len(shape), rank)):
        raise Unsupported("normalises dimensions that are not the last")
    weight, bias = a["weight"] is not None, a["bias"] is not None
    value = w.add(
        "layer_norm", [x], node, name=w.owner(node), dims=len(shape),
        epsilon=float(a["eps"]), weight=weight or bias, bias=bias,
    )  # fmt: skip
    if weight or bias:
        _affine(w, value, a, shape, bias)
    return value


def rms_norm(w, node, a):
    x, shape = w.value(a["input"]), [int(n) for n in a["normalized_shape"]]
    rank = len(w.shape(x))
    if [x.axis(d) for d in range(-len(shape), 0)] != list(range(rank - len(shape), rank)):
        raise Unsupported("normalises dimensions that are not the last")
    epsilon = torch.finfo(torch.float32).eps if a["eps"] is None else a["eps"]
    weight = a["weight"] is not None
    value = w.add(
        "rms_norm", [x], node, name=w.owner(node), dims=len(shape), epsilon=epsilon, weight=weight
    )
    if weight:
        w.graph.set(value.name, weight=array(a["weight"]))
    return value


def group_norm(w, node, a, groups=None):
    x = w.value(a["input"])
    if not x.first():
        raise Unsupported("the rows have to be the first dimension")
    affine = a["weight"] is not None or a["bias"] is not None
    value = w.add(
        "group_norm", [x], node, name=w.owner(node), groups=int(groups or a["num_groups"]),
        epsilon=float(a["eps"]), affine=affine,
    )  # fmt: skip
    if affine:
        _affine(w, value, a, [w.shape(x)[0]])
    return value


def instance_norm(w, node, a):
    if not a["use_input_stats"]:
        raise Unsupported("running statistics of an instance norm")
    return group_norm(w, node, a, w.shape(w.value(a["input"]))[0])


def embedding(w, node, a):
    indices, weight = w.value(a["indices"]), array(a["weight"])
    if w.graph.node(indices.name):
        raise Unsupported("only an input of the model can be embedded")
    rank = len(w.shape(indices))
    if len(indices.dims) != rank + 1:
        raise Unsupported("an input without a dimension behind the rows cannot be embedded")
    value = w.add(
        "embedding", [indices], node, runs=[*indices.dims, (rank,)], name=w.owner(node),
        entries=weight.shape[0], size=weight.shape[1],
    )  # fmt: skip
    w.graph.set(value.name, weight=weight)
    return value


def alone(handler):
    """For operations that answer several tensors of which the first is wanted."""
    return lambda w, node, a: [handler(w, node, a)]


def attention_alone(w, node, a):
    """Attention that no projection follows; with one, :func:`linear` takes all of it."""
    raise Unsupported("attention whose result does not reach a linear layer directly")


HANDLERS = {
    "scaled_dot_product_attention": attention_alone,
    **dict.fromkeys(("linear", "addmm", "mm", "matmul"), linear),
    "batch_norm": batch_norm,
    "_native_batch_norm_legit_no_training": alone(batch_norm),
    "layer_norm": layer_norm,
    "native_layer_norm": alone(layer_norm),
    "rms_norm": rms_norm,
    "group_norm": group_norm,
    "instance_norm": instance_norm,
    "embedding": embedding,
}
"""Handlers by the operation's name; each gets the walk, the node and its bound arguments."""
