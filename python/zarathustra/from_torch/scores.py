"""The middle of attention: the product of queries and keys, a mask, a softmax, and values."""

import torch

from ..errors import Unsupported

MOVING = {
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "permute",
    "transpose", "t", "swapaxes", "contiguous", "clone", "alias", "detach", "expand", "expand_as",
    "repeat", "repeat_interleave", "slice", "narrow", "select", "split", "split_with_sizes",
    "chunk", "unbind", "getitem", "dropout", "to", "_to_copy", "view_as", "movedim",
}  # fmt: skip
"""Operations that only move elements."""

SCORING = MOVING | {"add", "sub", "mul", "div", "masked_fill", "where"}
"""Operations between the product of queries and keys and the softmax."""

MASKED = -1e4
"""Scores below have no weight after the softmax."""


class Core:
    """The product of weights and values: operands, scale of the scores, and causality."""

    def __init__(self, node, operands, transposed, scale, causal):
        self.node = node
        self.operands = operands
        self.transposed = transposed
        self.scale = scale
        self.causal = causal


def data_inputs(w, node):
    """The operands of a node that depend on the input."""
    return [n for n in node.all_input_nodes if n in w.data]


def _back(w, node, through):
    """The first node before ``node`` that is not in ``through`` or has several operands."""
    while w.key(node) in through and node.op == "call_function":
        before = data_inputs(w, node)
        if len(before) != 1:
            break
        node = before[0]
    return node


def find(w, node):
    """The :class:`Core` whose result reaches ``node`` by moving elements, or ``None``."""
    node = _back(w, node, MOVING)
    if node.op != "call_function":
        return None
    key = w.key(node)
    if key == "scaled_dot_product_attention":
        return _fused(w, node)
    if key in ("matmul", "bmm") and all(isinstance(n, torch.fx.Node) for n in node.args[:2]):
        weights = _back(w, node.args[0], MOVING) if node.args[0] in w.data else None
        called = weights is not None and weights.op == "call_function"
        if called and w.key(weights) in ("softmax", "_softmax") and node.args[1] in w.data:
            return _spelled(w, node, weights)
    return None


def _fused(w, node):
    a = w.bind(node)
    operands = [a["query"], a["key"], a["value"]]
    if not all(isinstance(n, torch.fx.Node) for n in operands):
        raise Unsupported("attention with operands that do not depend on the input")
    if a["dropout_p"]:
        raise Unsupported("drops out in training mode; call model.eval() before the export")
    size = w.env[operands[0]].shape[-1]
    scale = size**-0.5 if a["scale"] is None else float(a["scale"])
    causal, mask = bool(a["is_causal"]), a["attn_mask"]
    if isinstance(mask, torch.fx.Node):
        raise Unsupported("a mask that depends on the input")
    if mask is not None:
        times = (w.env[operands[0]].shape[-2], w.env[operands[1]].shape[-2])
        wide = mask.expand(*mask.shape[:-2], *times)
        hidden = ~wide if wide.dtype == torch.bool else wide < MASKED
        if wide.dtype != torch.bool and bool((wide[~hidden] != 0).any()):
            raise Unsupported("a mask that adds to scores")
        causal = _causal(hidden) or causal
    return Core(node, operands, (False, False, False), scale, causal)


def _causal(hidden):
    """Whether a mask hides what is behind each place; raises if it hides anything else."""
    if not bool(hidden.any()):
        return False
    rows, columns = hidden.shape[-2:]
    later = torch.ones(rows, columns, dtype=torch.bool).triu(1)
    if rows != columns or not bool((hidden == later).all()):
        raise Unsupported("a mask that is not the causal one")
    return True


def _spelled(w, node, softmax):
    """Attention as a product, a mask, a softmax and a product."""
    a = w.bind(softmax)
    if a["dim"] not in (-1, w.env[softmax].ndim - 1):
        raise Unsupported("a softmax over something other than keys")
    product = _product(w, a["self"])
    b = w.bind(product)
    query, key = (b[n] for n in (("batch1", "batch2") if "batch1" in b else _names(b)))
    if not isinstance(query, torch.fx.Node) or not isinstance(key, torch.fx.Node):
        raise Unsupported("attention with operands that do not depend on the input")
    raw, scores = w.env[query] @ w.env[key], w.env[a["self"]].reshape(-1)
    raw = raw.reshape(-1)
    if raw.numel() != scores.numel():
        raise Unsupported("scores that are not the product of queries and keys")
    hidden = scores < MASKED
    seen, given = scores[~hidden].double(), raw[~hidden].double()
    scale = float((seen * given).sum() / (given * given).sum())
    error = (seen - scale * given).abs().max()
    if not error <= 1e-4 * seen.abs().max() + 1e-7:
        raise Unsupported("scores that are more than the product of queries and keys, and a mask")
    shape = (-1, w.env[query].shape[-2], w.env[key].shape[-1])
    causal = _causal(hidden.reshape(shape))
    return Core(node, [query, key, node.args[1]], (False, True, False), scale, causal)


def _names(bound):
    return ("self", "mat2") if "mat2" in bound else ("self", "other")


def _product(w, node):
    while True:
        key = w.key(node)
        if key in ("matmul", "bmm", "baddbmm"):
            return node
        before = data_inputs(w, node)
        if key not in SCORING or len(before) != 1 or node.op != "call_function":
            raise Unsupported(f"{key} between the product of queries and keys and the softmax")
        node = before[0]
