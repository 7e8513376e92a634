"""Attention out of its parts.

Models spell attention in many ways: one projection for queries, keys and values or three, heads
by views and transposes or by splits, rotation in halves or in pairs, keys shared between heads,
PyTorch's own function or a product, a mask and a softmax. So nothing is matched by its form
between the projections and the product of queries and keys. What stands there consists of
operations that are linear, and is found out by running it: numbered columns tell which column of
a projection reaches which feature of which head, and random ones confirm it and, where features
are rotated, the angles.
"""

import numpy as np
import torch

from ..errors import Unsupported, UnsupportedPart
from . import scores
from .rotary import rotation
from .value import ROWS, Bad, Value
from .walk import array

LINEAR = scores.MOVING | {
    "mul", "add", "sub", "neg", "div", "cat", "stack", "rsub", "view_as_complex", "view_as_real",
    "index_select",
}  # fmt: skip
"""Operations that are linear where one operand does not depend on the input."""


def linear_parts(w, node):
    """Input, weight ``[outputs, inputs]`` and bias of a product with a constant, or ``None``."""
    key = w.key(node)
    if key not in ("linear", "addmm", "mm", "matmul"):
        return None
    a = w.bind(node)
    bias = None
    if key == "linear":
        x, weight, bias = a["input"], a["weight"], a["bias"]
    elif key == "addmm":
        x, weight, bias = a["mat1"], a["mat2"], a["self"]
        if a["beta"] != 1 or a["alpha"] != 1:
            return None
    else:
        x, weight = a["self"], a.get("mat2", a.get("other"))
    fits = isinstance(x, torch.fx.Node) and isinstance(weight, torch.Tensor) and weight.ndim == 2
    if not fits or isinstance(bias, torch.fx.Node):
        return None
    weight = array(weight if key == "linear" else weight.T)
    if bias is not None:
        bias = np.broadcast_to(array(bias), (weight.shape[0],))
    return x, weight, bias


def attend(w, node, parts):
    """Attention whose last projection is ``node``; ``None`` where there is no attention."""
    try:
        core = scores.find(w, parts[0])
        return None if core is None else _attend(w, node, parts, core)
    except Unsupported as error:
        raise UnsupportedPart(f"attention before it: {error}") from error


def _attend(w, node, parts, core):
    sources = [_source(w, operand) for operand in core.operands]
    bad = [r for source in sources for r in w.reasons(linear_parts(w, source)[0])]
    if bad:
        return Bad(bad)
    query, key, value = (
        _Projection(w, operand, source, transposed)
        for operand, source, transposed in zip(core.operands, sources, core.transposed)
    )
    return _emit(w, node, parts, core, query, key, value)


def _source(w, operand):
    """The one projection that ``operand`` is made of by linear operations."""
    found, seen, todo = [], set(), [operand]
    while todo:
        node = todo.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op == "call_function" and linear_parts(w, node):
            found.append(node)
        elif node.op == "call_function" and w.key(node) in LINEAR:
            todo += scores.data_inputs(w, node)
        else:
            raise Unsupported(f"{node.name} ({node.target}) between a projection and attention")
    if len(found) != 1:
        raise Unsupported("queries, keys or values that are made of several projections")
    return found[0]


def replay(w, target, source, tensor):
    """``target`` if ``source`` were ``tensor``."""
    order, seen, todo = [], {source}, [(target, False)]
    while todo:
        node, done = todo.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo += [(n, False) for n in scores.data_inputs(w, node)]
    # Views depend on how the elements lie in memory.
    changed = {source: torch.empty_like(w.env[source]).copy_(tensor)}

    def look(node):
        return changed[node] if node in changed else w.env[node]

    with torch.no_grad():
        for node in order:
            args = torch.fx.node.map_arg(node.args, look)
            kwargs = torch.fx.node.map_arg(node.kwargs, look)
            changed[node] = node.target(*args, **kwargs)
    return changed[target]


class _Projection:
    """One operand of attention: which column of its projection is which feature of which head.

    ``columns`` is ``[heads, size]``; ``factor`` scales all; ``rotary`` turns queries and keys.
    """

    def __init__(self, w, operand, source, transposed):
        self.w, self.operand, self.node, self.transposed = w, operand, source, transposed
        source, self.weight, self.bias = linear_parts(w, source)
        self.value = w.value(source)
        shape = w.shape(self.value)
        if len(shape) != 2 or self.value.dims[-1] != (1,):
            raise Unsupported(f"attention over {shape}, which is not [time, features]")
        self.time, self.width = shape[0], self.weight.shape[0]
        self._probe()

    def _run(self, columns):
        """The operand as ``[rows, heads, time, size]`` for projections ``[rows, time, width]``."""
        w = self.w
        atoms = [atom for dim in self.value.dims[:-1] for atom in dim]
        order = [{ROWS: 0, 0: 1}[atom] for atom in atoms] + [2]
        tensor = columns.permute(order).reshape(w.env[self.node].shape)
        found = replay(w, self.operand, self.node, tensor)
        found = found.transpose(-1, -2) if self.transposed else found
        if found.ndim == 3 and found.shape[0] % w.rows == 0:
            found = found.reshape(w.rows, -1, *found.shape[1:])
        if found.ndim != 4 or found.shape[0] != w.rows or found.shape[2] != self.time:
            raise Unsupported(f"an operand of attention of shape {list(found.shape)}")
        return found

    def _probe(self):
        shape = (self.w.rows, self.time, self.width)
        ones = self._run(torch.ones(shape))[:, :, 0]
        self.factor = float(ones.reshape(-1)[0])
        if not self.factor or not bool((ones == self.factor).all()):
            raise Unsupported("attention whose first place is more than a part of a projection")
        numbered = self._run(torch.arange(self.width).float().expand(shape))[0, :, 0]
        self.columns = (numbered / self.factor).round().long()
        if int(self.columns.min()) < 0 or int(self.columns.max()) >= self.width:
            raise Unsupported("queries, keys or values that are not columns of a projection")
        generator = torch.Generator().manual_seed(7)
        x = torch.randn(shape, generator=generator)
        expected = x[:, :, self.columns].permute(0, 2, 1, 3)
        self.rotary = rotation(self, expected, self._run(x) / self.factor)

    def turned(self, column):
        """Where place 1 of ``column`` is seen: features of head 0."""
        x = torch.zeros(self.w.rows, self.time, self.width)
        x[:, 1, column] = 1
        return self._run(x)[0, 0, 1].double() / self.factor

    def heads(self):
        """The columns of each head that differs, and how often each is repeated."""
        rows = [tuple(head) for head in self.columns.tolist()]
        distinct = list(dict.fromkeys(rows))
        times = len(rows) // len(distinct)
        if rows != [head for head in distinct for _ in range(times)]:
            return rows, 1
        return distinct, times

    def arrays(self, heads, factor=1.0):
        """Weight and bias of the given heads; the bias may be ``None``."""
        columns = np.array(heads).reshape(-1)
        factor = factor * self.factor
        bias = None if self.bias is None else self.bias[columns] * factor
        return self.weight[columns] * factor, bias


def _emit(w, node, parts, core, query, key, value):
    heads, size = query.columns.shape
    if key.columns.shape[1] != size or value.columns.shape[1] != size:
        raise Unsupported("values whose heads have another size than those of keys")
    if query.rotary != key.rotary or value.rotary is not None:
        raise Unsupported("a rotation that differs between queries and keys, or of values")
    shared, _ = key.heads()
    values, _ = value.heads()
    if len(shared) != len(values):
        shared, values = key.columns.tolist(), value.columns.tolist()
    if heads % len(shared) or len(shared) != len(values):
        raise Unsupported(f"{len(shared)} heads of keys for {heads} of queries")
    runs, order = _output(w, core.node, parts[0], heads, query.time, size)
    arrays = {
        "query": query.arrays(query.columns.tolist(), core.scale * key.factor * size**0.5),
        "key": (key.arrays(shared, 1 / key.factor)),
        "value": value.arrays(values),
    }
    bias = any(offset is not None for _, offset in arrays.values())
    weight = np.empty_like(parts[1])
    weight[:, order] = parts[1]
    name = w.owner(node).rpartition(".")[0] or "attention"
    made = w.graph.add(
        "multi_head_attention", [query.value.name, key.value.name, value.value.name], name,
        heads=heads, key_value_heads=len(shared), head_size=size, units=weight.shape[0],
        bias=bias, output_bias=parts[2] is not None, causal=core.causal, rotary=query.rotary,
    )  # fmt: skip
    for part, (matrix, offset) in arrays.items():
        w.graph.set(made, **{f"{part}__weight": matrix})
        if bias:
            offset = np.zeros(matrix.shape[0]) if offset is None else offset
            w.graph.set(made, **{f"{part}__bias": offset})
    w.graph.set(made, output__weight=weight)
    if parts[2] is not None:
        w.graph.set(made, output__bias=parts[2])
    return Value(made, [*runs, (1,)])


def _output(w, core, target, heads, time, size):
    """How the result of attention reaches the last projection: what its leading dimensions run
    over, and the place of each column among ``[heads, size]``."""
    shape = (w.rows, heads, time, size)
    given = w.env[core].shape
    if int(np.prod(given)) != int(np.prod(shape)):
        raise Unsupported(f"a result of attention of shape {list(given)}")
    place = torch.arange(w.rows * time).reshape(w.rows, 1, time, 1).expand(shape)
    column = torch.arange(heads * size).reshape(1, heads, 1, size).expand(shape)
    place = replay(w, target, core, place.float().reshape(given))
    column = replay(w, target, core, column.float().reshape(given)).reshape(-1, heads * size)
    order = column[0].long().tolist()
    if not bool((column == column[:1]).all()) or sorted(order) != list(range(heads * size)):
        raise Unsupported("heads are joined in a way that differs between places")
    lead = place[..., 0]
    rows_first = torch.arange(w.rows * time, dtype=lead.dtype).reshape(w.rows, time)
    candidates = [
        (rows_first, [(ROWS,), (0,)]),
        (rows_first.T, [(0,), (ROWS,)]),
        (rows_first.reshape(-1), [(ROWS, 0)]),
        (rows_first.T.reshape(-1), [(0, ROWS)]),
    ]
    for tensor, runs in candidates:
        if tensor.shape == lead.shape and bool((tensor == lead).all()):
            return runs, order
    raise Unsupported("the result of attention changes places before its projection")
