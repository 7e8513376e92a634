"""Tensors of Keras, with channels last, as nodes of an architecture, with channels first."""

from ..errors import Unsupported


class Tensor:
    """A result in one or both of two layouts: as Keras has it, or with its last dimension moved
    to the front.

    A layout is made by a ``transpose`` node when an operation first asks for it. So a chain of
    convolutions has one in front and one behind, and what flattens or leaves the model sees the
    elements in Keras's order.
    """

    def __init__(self, graph, name, moved=False):
        self.graph = graph
        self.label = name
        self._last = None if moved else name
        self._first = name if moved else None

    @property
    def shape(self):
        """Shape of a row as Keras has it."""
        if self._last is not None:
            return self.graph.shapes[self._last]
        moved = self.graph.shapes[self._first]
        return [*moved[1:], moved[0]]

    @property
    def moved(self):
        """Whether only the layout with channels first is there."""
        return self._last is None

    def last(self):
        """The node with Keras's layout."""
        if self._last is None:
            order = [*range(1, len(self.shape)), 0]
            self._last = self.graph.transpose(self._first, order, f"{self.label}_channels_last")
        return self._last

    def first(self):
        """The node with the last dimension in front."""
        if self._first is None:
            order = [len(self.shape) - 1, *range(len(self.shape) - 1)]
            self._first = self.graph.transpose(self._last, order, f"{self.label}_channels_first")
        return self._first

    def some(self):
        """The node that is there."""
        return self._first if self.moved else self._last

    def axis(self, axis):
        """Dimension of a row for an axis of Keras, which counts the rows as axis 0."""
        rank = len(self.shape)
        if not isinstance(axis, int) or not -rank <= axis <= rank or axis == 0:
            raise Unsupported(f"axis {axis} of a tensor with {rank} dimensions behind the rows")
        return axis + rank if axis < 0 else axis - 1

    def dim(self, axis):
        """The dimension of :meth:`some` for an axis of Keras."""
        dim = self.axis(axis)
        return (dim + 1) % len(self.shape) if self.moved else dim


def unary(tensor, op, name, **attributes):
    """``op`` on each element, in the layout that is there."""
    node = tensor.graph.add(op, [tensor.some()], name, **attributes)
    return Tensor(tensor.graph, node, tensor.moved)


def together(tensors):
    """The nodes of several tensors in a common layout, and whether it has channels first."""
    moved = all(tensor.moved for tensor in tensors)
    return [t.first() if moved else t.last() for t in tensors], moved
