"""Operations that move, cut out, join and reduce elements."""

import torch

from ..errors import Unsupported
from .value import ROWS, Value, regroup, renumber
from .walk import array

END = 1 << 62
"""Beyond the end of every dimension."""


def _regrouped(w, node, value, sizes, suffix=""):
    shape, dims = regroup(value, w.shape(value), w.rows, [int(n) for n in sizes])
    return Value(w.graph.reshape(value.name, shape, f"{node.name}{suffix}"), dims)


def reshape(w, node, a):
    """Whatever keeps the elements' order: its result's sizes are known from the run."""
    return _regrouped(w, node, w.value(a.get("self", a.get("input"))), w.env[node].shape)


def squeeze(w, node, a):
    """Leaves out dimensions of size 1."""
    value, sizes = w.value(a["self"]), _sizes(w, w.value(a["self"]))
    given = a.get("dim", list(range(len(sizes))))
    given = [given] if isinstance(given, int) else given
    wanted = sorted((value.dim(d) for d in given), reverse=True)
    for dim in wanted:
        if sizes[dim] == 1 and value.dims[dim] != (ROWS,):
            value = dropped(w, node, value, dim)
    if len(value.dims) != w.env[node].ndim:
        raise Unsupported("leaves out the dimension of the rows")
    return value


def unsqueeze(w, node, a):
    """Puts in a dimension of size 1."""
    value = w.value(a["self"])
    dim = a["dim"] % (len(value.dims) + 1)
    axis = sum(atom != ROWS for d in value.dims[:dim] for atom in d)
    hidden = sum(len(d) for d in value.dims) - 1 < len(w.shape(value))
    shape = [1] if hidden else [*w.shape(value)[:axis], 1, *w.shape(value)[axis:]]

    def moved(atom):
        return atom if atom == ROWS or atom < axis else atom + 1

    dims = [tuple(moved(atom) for atom in d) for d in value.dims]
    dims.insert(dim, (axis,))
    return Value(w.graph.reshape(value.name, shape, node.name), dims)


def permuted(w, node, value, order):
    """``value`` with the tensor's dimensions in another order."""
    dims, rows = renumber([value.dims[value.dim(d)] for d in order])
    if len(rows) != len(w.shape(value)):
        return Value(value.name, dims)
    return Value(w.graph.transpose(value.name, rows, node.name), dims)


def permute(w, node, a):
    return permuted(w, node, w.value(a["self"]), a["dims"])


def transpose(w, node, a):
    value = w.value(a["self"])
    order = list(range(len(value.dims)))
    if order:
        first, second = value.dim(a.get("dim0", 0)), value.dim(a.get("dim1", -1))
        order[first], order[second] = second, first
    return permuted(w, node, value, order)


def expand(w, node, a):
    value = w.value(a["self"])
    if tuple(w.env[node].shape) != tuple(w.env[node.args[0]].shape):
        raise Unsupported("repeats what depends on the input")
    return w.same(node, value)


def cut(w, node, value, dim, start, length, suffix=""):
    """A part of the tensor's dimension ``dim``."""
    axis = value.axis(dim)
    if length < 1:
        raise Unsupported("cuts out nothing")
    if length == w.shape(value)[axis]:
        return value
    return w.add(
        "slice", [value], node, name=f"{node.name}{suffix}",
        dim=axis, start=int(start), length=int(length),
    )  # fmt: skip


def dropped(w, node, value, dim, suffix=""):
    """``value`` without the tensor's dimension ``dim``, whose size is 1."""
    dim = value.dim(dim)
    axis = value.axis(dim)
    dims, _ = renumber([d for index, d in enumerate(value.dims) if index != dim])
    shape = [n for index, n in enumerate(w.shape(value)) if index != axis] or [1]
    return Value(w.graph.reshape(value.name, shape, f"{node.name}{suffix}"), dims)


def _sizes(w, value):
    result = []
    for dim in value.dims:
        size = 1
        for atom in dim:
            size *= w.rows if atom == ROWS else w.shape(value)[atom]
        result.append(size)
    return result


def slice_(w, node, a):
    value = w.value(a["self"])
    if a["step"] != 1:
        raise Unsupported("a step other than 1")
    size = _sizes(w, value)[value.dim(a["dim"])]
    start, end = a["start"] or 0, END if a["end"] is None else a["end"]
    start, end = (max(n + size, 0) if n < 0 else min(n, size) for n in (start, end))
    if (start, end) == (0, size):
        return w.same(node, value)
    return cut(w, node, value, a["dim"], start, end - start)


def narrow(w, node, a):
    value = w.value(a["self"])
    start = a["start"]
    if not isinstance(start, int):
        raise Unsupported("a start that is no number")
    size = _sizes(w, value)[value.dim(a["dim"])]
    return cut(w, node, value, a["dim"], start + size if start < 0 else start, a["length"])


def select(w, node, a):
    value = w.value(a["self"])
    return _selected(w, node, value, a["dim"], a["index"], "")


def _selected(w, node, value, dim, index, suffix):
    size = _sizes(w, value)[value.dim(dim)]
    part = cut(w, node, value, dim, index + size if index < 0 else index, 1, f"{suffix}_part")
    return dropped(w, node, part, dim, suffix)


def unbind(w, node, a):
    value = w.value(a["self"])
    value.axis(a["dim"])
    count = _sizes(w, value)[value.dim(a["dim"])]
    return [_selected(w, node, value, a["dim"], i, f"_{i}") for i in range(count)]


def split(w, node, a):
    """``split``, ``split_with_sizes`` and ``chunk``, whose sizes are known from the run."""
    value, dim, start, parts = w.value(a["self"]), a["dim"], 0, []
    for index, part in enumerate(w.env[node]):
        length = part.shape[dim]
        parts.append(cut(w, node, value, dim, start, length, f"_{index}"))
        start += length
    return parts


def getitem(w, node, a):
    found = w.values[node.args[0]]
    if not isinstance(found, list) or not 0 <= a["1"] < len(found) or found[a["1"]] is None:
        raise Unsupported("a result that is not supported")
    return found[a["1"]]


def concatenate(w, node, a):
    """``cat``; what does not depend on the input is padding that learned positions fill."""
    parts, dim = a["tensors"], a.get("dim", 0)
    inputs = [w.value(p) for p in parts if isinstance(p, torch.fx.Node)]
    if len({v.dims for v in inputs}) != 1:
        raise Unsupported("the rows of its operands are different dimensions")
    axis = inputs[0].axis(dim)
    joined = inputs[0]
    if len(inputs) > 1:
        joined = w.add("concatenate", inputs, node, dim=axis)
    fixed = [not isinstance(p, torch.fx.Node) for p in parts]
    if not any(fixed):
        return joined
    first = fixed.index(False)
    last = len(fixed) - fixed[::-1].index(False)
    if any(fixed[first:last]):
        raise Unsupported("joins constants in between what depends on the input")
    return _filled(w, node, parts, joined, dim, axis, (first, last))


def _filled(w, node, parts, joined, dim, axis, places):
    dim, (first, last) = joined.dim(dim), places
    sizes = [(p if isinstance(p, torch.Tensor) else w.env[p]).shape[dim] for p in parts]
    padding = [[0, 0] for _ in w.shape(joined)]
    padding[axis] = [sum(sizes[:first]), sum(sizes[last:])]
    padded = w.add("pad", [joined], node, name=f"{node.name}_pad", padding=padding)
    row = joined.dims.index((ROWS,))
    pieces = []
    for part in parts:
        given = part if isinstance(part, torch.Tensor) else torch.zeros_like(w.env[part])
        each = given.expand(*given.shape).movedim(row, 0)
        if not bool((each == each[:1]).all()):
            raise Unsupported("joins something else to each row")
        pieces.append(each[0].to(torch.float32))
    weight = torch.cat(pieces, dim - (row < dim))
    value = w.add("learned_positions", [padded], node, name=w.owner(node))
    w.graph.set(value.name, weight=array(weight).reshape(w.shape(value)))
    note = f"{value.name}: constants that are joined to the input become weights of its shape"
    w.graph.notes.append(note)
    return value


def stack(w, node, a):
    parts, dim = a["tensors"], a.get("dim", 0)
    dim = dim % w.env[node].ndim
    inputs = []
    for index, part in enumerate(parts):
        value = w.value(part)
        sizes = _sizes(w, value)
        sizes.insert(dim, 1)
        inputs.append(_regrouped(w, node, value, sizes, f"_{index}"))
    if len({v.dims for v in inputs}) != 1 or len(inputs) < 2:
        raise Unsupported("the rows of its operands are different dimensions")
    return w.add("concatenate", inputs, node, dim=inputs[0].axis(dim))


def reduce(op):
    """``mean`` or ``max`` over some dimensions."""

    def handle(w, node, a):
        value = w.value(a["self"])
        given = a.get("dim")
        given = [given] if isinstance(given, int) else given
        if not given:
            raise Unsupported("it mixes rows, which have to be independent")
        axes = sorted(value.axis(d) for d in given)
        keep, rank = bool(a.get("keepdim")), len(w.shape(value))
        dims = value.dims
        if not keep:
            gone = {(axis,) for axis in axes}
            dims, _ = renumber([dim for dim in value.dims if dim not in gone])
            if len(axes) == rank:
                dims = [(ROWS,)]
        return w.add(op, [value], node, runs=dims, dims=axes, keep_dims=keep)

    return handle


def total(w, node, a):
    """``sum``, as a mean times the number of elements."""
    value = w.value(a["self"])
    count = 1
    for d in a.get("dim") or []:
        count *= w.shape(value)[value.axis(d)]
    mean = reduce("mean")(w, node, a)
    return w.add("scale", [mean], node, factor=float(count), offset=0.0)


def pad(w, node, a):
    """Zeros around the last dimensions."""
    value, given = w.value(a["self"]), a["pad"]
    if a.get("mode", "constant") != "constant" or a.get("value") not in (None, 0):
        raise Unsupported("pads with something other than zeros")
    if any(n < 0 for n in given):
        raise Unsupported("cuts by padding")
    padding = [[0, 0] for _ in w.shape(value)]
    for index in range(len(given) // 2):
        ends = [int(given[2 * index]), int(given[2 * index + 1])]
        if ends != [0, 0]:
            padding[value.axis(-1 - index)] = ends
    return w.add("pad", [value], node, padding=padding)


def glu(w, node, a):
    """The first half times the sigmoid of the second."""
    value, dim = w.value(a["self"]), a["dim"]
    half = w.shape(value)[value.axis(dim)] // 2
    first = cut(w, node, value, dim, 0, half, "_value")
    second = cut(w, node, value, dim, half, half, "_gate")
    gate = w.add("sigmoid", [second], node, name=f"{node.name}_sigmoid")
    return w.add("multiply", [first, gate], node)


HANDLERS = {
    **dict.fromkeys(
        (
            "view", "reshape", "_unsafe_view", "flatten", "unflatten",
            "view_as",
        ),
        reshape,
    ),
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "permute": permute,
    **dict.fromkeys(("transpose", "t", "swapaxes"), transpose),
    **dict.fromkeys(("expand", "expand_as"), expand),
    "slice": slice_,
    "narrow": narrow,
    "select": select,
    "unbind": unbind,
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), split),
    "getitem": getitem,
    **dict.fromkeys(("cat", "concat", "concatenate"), concatenate),
    "stack": stack,
    "mean": reduce("mean"),
    "amax": reduce("max"),
    "max": lambda w, node, a: [reduce("max")(w, node, a), None],
    "sum": total,
    "pad": pad,
    "constant_pad_nd": pad,
    "glu": glu,
}  # fmt: skip
"""Handlers by the operation's name; each gets the walk, the node and its bound arguments."""
