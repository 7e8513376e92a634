"""One layer of a Keras model while it is imported, and the weights that it asks for."""

from ..errors import Unsupported


class Variable:
    """One weight: its place below its layer in ``.weights.h5``, shape, whether it is trained."""

    def __init__(self, path, shape, trained=True):
        self.path = path
        self.shape = tuple(int(n) for n in shape)
        self.trained = trained


class Slot:
    """The weights of one layer, and what is done with them for each of its calls."""

    def __init__(self, layer, path):
        self.layer = layer
        self.path = path
        self.variables = []
        self.uses = []


class Layer:
    """A layer's config, with the graph that its calls are added to.

    ``kwargs`` are the named arguments of the call that is imported.
    """

    def __init__(self, graph, class_name, config, name, slot, legacy):
        self.graph = graph
        self.class_name = class_name
        self.config = config
        self.name = name
        self.slot = slot
        self.legacy = legacy
        self.kwargs = {}

    def get(self, key, default=None):
        """An entry of the config."""
        return self.config.get(key, default)

    def integer(self, key, least=1):
        """An entry that has to be an integer."""
        value = self.config.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise Unsupported(f"{key} has to be an integer from {least}, not {value!r:.60}")
        return value

    def number(self, key, default):
        """An entry that has to be a number."""
        value = self.config.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Unsupported(f"{key} has to be a number, not {value!r:.60}")
        return float(value)

    def sizes(self, key, rank, default=None):
        """An entry that is one integer or a list of ``rank`` of them."""
        value = self.config.get(key)
        value = default if value is None else value
        found = [value] * rank if isinstance(value, int) else value
        fits = isinstance(found, (list, tuple)) and len(found) == rank
        if not fits or not all(isinstance(n, int) and n >= 0 for n in found):
            raise Unsupported(f"{key} has to be {rank} integers, not {value!r:.60}")
        return [int(n) for n in found]

    def choose(self, key, allowed, default=None):
        """An entry that has to be one of a few."""
        value = self.config.get(key, default)
        if value not in allowed:
            wanted = " or ".join(repr(a) for a in allowed)
            raise Unsupported(f"{key} {value!r:.60} is not supported, only {wanted}")
        return value

    def weights(self, variables, convert):
        """Asks for weights; ``convert`` gets their arrays and sets parameters."""
        if not self.slot.uses:
            self.slot.variables = variables
        elif [v.shape for v in variables] != [v.shape for v in self.slot.variables]:
            raise Unsupported("is called with inputs of different shapes")
        else:
            note = f"{self.name}: its weights, which several calls share, become separate copies"
            self.graph.notes.append(note)
        self.slot.uses.append(convert)
