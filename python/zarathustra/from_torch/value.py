"""Tensors of an exported program as results of nodes."""

from ..errors import Unsupported

ROWS = "rows"
"""Stands for the rows in the dimensions of a :class:`Value`."""


class Value:
    """A tensor that depends on the input.

    ``dims`` has one entry for each dimension of the tensor: the things that it runs over, each
    either :data:`ROWS` or a dimension of the node's result. Programs move the rows to other
    places, and fold them together with other dimensions; the node knows nothing of that. The
    node's dimensions stand in ascending order.
    """

    def __init__(self, name, dims):
        self.name = name
        self.dims = tuple(tuple(dim) for dim in dims)

    @classmethod
    def of(cls, name, rank):
        """A tensor whose first dimension is the rows."""
        return cls(name, [(ROWS,), *((d,) for d in range(rank))])

    def dim(self, index):
        """The tensor's dimension ``index``, which may be negative, as one from 0."""
        rank = len(self.dims)
        if not -rank <= index < rank:
            raise Unsupported(f"dimension {index} of a tensor with {rank}")
        return index % rank

    def axis(self, index):
        """The node's dimension for the tensor's dimension ``index``."""
        dim = self.dims[self.dim(index)]
        if dim == (ROWS,):
            raise Unsupported("it mixes rows, which have to be independent")
        if len(dim) != 1:
            raise Unsupported("it works on a dimension that is folded together with the rows")
        return dim[0]

    def first(self):
        """Whether rows come first and nothing is folded together."""
        return self.dims == Value.of(self.name, len(self.dims) - 1).dims


class Bad:
    """What stands for a tensor that cannot be expressed: all reasons that led to it."""

    def __init__(self, reasons):
        self.reasons = tuple(dict.fromkeys(reasons))


def renumber(dims):
    """``dims`` with the node's dimensions counted anew, and their order before."""
    order = [atom for dim in dims for atom in dim if atom != ROWS]
    place = {atom: index for index, atom in enumerate(order)}
    return [tuple(a if a == ROWS else place[a] for a in dim) for dim in dims], order


def regroup(value, shape, rows, sizes):
    """The tensor's elements in the same order under the sizes ``sizes``.

    ``shape`` is that of the node, ``rows`` the number of rows. Returns the new shape of the node
    and the new ``dims``. Rows may be folded together with whole neighbours, and unfolded again.
    """
    atoms = [(a, rows if a == ROWS else shape[a]) for dim in value.dims for a in dim]
    result, dims, lone = [], [], False
    i = j = 0
    while i < len(atoms) or j < len(sizes):
        group, targets, have, want = [], [], 1, 1
        more, wanted = i < len(atoms), j < len(sizes)
        if wanted and sizes[j] == 1 and not (more and atoms[i][1] == 1):
            targets, j = [1], j + 1
        elif more and atoms[i][1] == 1 and not (wanted and sizes[j] == 1):
            group, i = [atoms[i]], i + 1
        else:
            while not group or have != want:
                if have <= want and i < len(atoms):
                    group.append(atoms[i])
                    have, i = have * atoms[i][1], i + 1
                elif j < len(sizes):
                    targets.append(sizes[j])
                    want, j = want * sizes[j], j + 1
                else:
                    raise Unsupported("it folds rows together with parts of other dimensions")
                if group and not targets and j < len(sizes):
                    targets.append(sizes[j])
                    want, j = want * sizes[j], j + 1
        if not targets and group == [(ROWS, 1)]:
            # One row that is folded together with a neighbour.
            lone = lone or not dims
            dims[-1:] = [(*dim, ROWS) for dim in dims[-1:]]
            continue
        _place(group, targets, result, dims)
        if lone and dims:
            dims[0], lone = (ROWS, *dims[0]), False
    return result or [1], dims


def _place(group, targets, result, dims):
    def new(size):
        result.append(size)
        return len(result) - 1

    if all(atom != ROWS for atom, _ in group):
        dims.extend((new(size),) for size in targets)
    elif len(targets) == 1:
        dims.append(tuple(a if a == ROWS else new(size) for a, size in group))
    else:
        raise Unsupported("it folds rows together with parts of other dimensions")
