"""Import of Keras models: topologies as JSON with weights from files, or models in memory."""

import re

from ..errors import Refused, Unsupported
from ..graph import Graph
from . import activations, convolution, core, recurrent, topology, weights
from .layer import Layer, Slot
from .tensor import Tensor
from .topology import MODELS, Reference

LAYERS = {**core.LAYERS, **activations.LAYERS, **convolution.LAYERS, **recurrent.LAYERS}
"""What each class of layers becomes."""

POLICIES = (None, "float32")
"""Types of numbers that layers may compute in."""


def import_json(text, weight_file=None, *, order="layers", shapes=None):
    """Imports the topology in ``text``, and the weights in ``weight_file`` if there is one.

    ``shapes`` gives the shapes, without rows, of inputs that the topology leaves open.
    """
    importer = _Importer(topology.read(text), shapes or {})
    output = importer.run()
    if weight_file is not None:
        weights.read(weight_file, importer.slots, order)
    return importer.graph.finish(output)


def import_model(model, *, shapes=None):
    """Imports a Keras model that is in memory, with its weights."""
    importer = _Importer(topology.read(model.to_json()), shapes or {})
    output = importer.run()
    weights.from_arrays(model.get_weights(), importer.slots)
    return importer.graph.finish(output)


class _Importer:
    def __init__(self, model, shapes):
        self.model = model
        self.shapes = shapes
        self.graph = Graph()
        self.slots = []
        self.refusals = []

    def run(self):
        """Adds all layers and returns the output's node."""
        results = self._model(self.model.class_name, self.model.config, None, "", "layers", 0)
        self._settle_inputs()
        if self.refusals:
            raise Refused(
                "keras_unsupported",
                "the model uses what has no counterpart",
                list(dict.fromkeys(self.refusals)),
            )
        if len(results) != 1:
            raise Refused("keras_unsupported", f"the model has {len(results)} outputs, not one")
        unknown = set(self.shapes) - {i["name"] for i in self.graph.inputs}
        if unknown:
            raise Refused("keras_shape", f"the model has no input called {sorted(unknown)[0]}")
        return results[0].last()

    def _settle_inputs(self):
        """An input that is embedded holds integers."""
        for entry in self.graph.inputs:
            users = {n["op"] for n in self.graph.nodes if entry["name"] in n["inputs"]}
            if "embedding" in users:
                entry["dtype"] = "i32"
                if users != {"embedding"}:
                    what = "is embedded and used as numbers too"
                    self.refusals.append((entry["name"], what))

    def _model(self, class_name, config, inputs, prefix, path, depth):
        """A model's outputs; ``inputs`` are ``None`` for the model that is imported."""
        place = prefix.rstrip(".") or "model"
        if depth > topology.MAX_DEPTH:
            raise topology.malformed(place, "models are nested too deeply")
        entries = self._entries(config, place, prefix, path)
        if class_name == "Sequential":
            return self._sequential(entries, config, inputs, place, depth)
        return self._functional(entries, config, inputs, place, depth)

    def _entries(self, config, place, prefix, path):
        """Layers with their weights' place in a file, in the order of the weights."""
        entries, used = [], {}
        for index, raw in enumerate(topology.layers(config, place)):
            name = topology.name_of(raw, index)
            snake = _snake(raw["class_name"])
            count = used[snake] = used.get(snake, -1) + 1
            slot = Slot(prefix + name, f"{path}/{snake}_{count}" if count else f"{path}/{snake}")
            if raw["class_name"] not in MODELS:
                self.slots.append(slot)
            entries.append(_Entry(raw, name, prefix, slot))
            if raw["class_name"] in MODELS:
                # The weights of a model inside stand where it stands.
                entry = entries[-1]
                entry.inner = self._entries(
                    raw["config"], prefix + name, f"{prefix}{name}.", f"{slot.path}/layers"
                )
        return entries

    def _sequential(self, entries, config, inputs, place, depth):
        tensor, started = (inputs[0], True) if inputs else (None, False)
        for entry in entries:
            if entry.class_name == "InputLayer":
                if not started:
                    tensor, started = self._input(entry.name, entry.config), True
                continue
            if not started:
                built = config.get("build_input_shape") if isinstance(config, dict) else None
                shape = topology.input_shape(entry.config) or built
                tensor, started = self._input("input", {"batch_shape": shape}), True
            # After a refusal there is no tensor, and what follows is looked at all the same.
            tensor = self._call(entry, [tensor], {}, depth)[0]
        if not started:
            raise topology.malformed(place, "has no layers")
        return [tensor]

    def _functional(self, entries, config, inputs, place, depth):
        results, waiting = {}, []
        starts = topology.ends(config, "input_layers", place)
        if inputs is not None:
            if len(inputs) != len(starts):
                raise topology.malformed(place, f"has {len(starts)} inputs, not {len(inputs)}")
            results.update({s.key: [t] for s, t in zip(starts, inputs)})
        for entry in entries:
            if entry.class_name == "InputLayer":
                if (entry.name, 0) not in results:
                    results[entry.name, 0] = [self._input(entry.name, entry.config)]
                continue
            for index, (args, kwargs) in enumerate(topology.calls(entry.raw, entry.name)):
                waiting.append((entry, (entry.name, index), args, kwargs))
        while waiting:
            ready = [c for c in waiting if all(r.key in results for r in _references(c[2:]))]
            if not ready:
                raise topology.malformed(place, "calls of layers wait for each other")
            for entry, key, args, kwargs in ready:
                results[key] = self._functional_call(entry, args, kwargs, results, depth)
            waiting = [call for call in waiting if call[1] not in results]
        outputs = topology.ends(config, "output_layers", place)
        return [_pick(results, reference, place) for reference in outputs]

    def _functional_call(self, entry, args, kwargs, results, depth):
        if entry.class_name == "MultiHeadAttention":
            args = [*args, *(kwargs[k] for k in ("query", "value", "key") if k in kwargs)]
            kwargs = {k: v for k, v in kwargs.items() if k not in ("query", "value", "key")}
        tensors = [_pick(results, r, entry.name) for r in _references(args)]
        constants = [a for a in args if isinstance(a, (int, float)) and not isinstance(a, bool)]
        if constants:
            return [self._refuse(entry, "is called with numbers beside tensors")]
        kwargs = {
            k: v for k, v in kwargs.items() if v is not None and k not in ("training", "inputs")
        }
        return self._call(entry, tensors, kwargs, depth)

    def _call(self, entry, tensors, kwargs, depth):
        if any(tensor is None for tensor in tensors):
            # What comes before was refused; look at the rest all the same.
            if entry.class_name not in LAYERS and entry.class_name not in MODELS:
                self._refuse(entry, f"layers of class {entry.class_name} are not supported")
            return [None]
        if entry.class_name in MODELS:
            if entry.class_name == "Sequential":
                return self._sequential(entry.inner, entry.config, tensors, entry.full, depth + 1)
            return self._functional(entry.inner, entry.config, tensors, entry.full, depth + 1)
        make = LAYERS.get(entry.class_name)
        if make is None or not isinstance(entry.config, dict):
            what = f"layers of class {entry.class_name} are not supported"
            return [self._refuse(entry, what)]
        layer = Layer(
            self.graph, entry.class_name, entry.config, entry.full, entry.slot, self.model.legacy
        )
        layer.kwargs = kwargs
        try:
            _check_policy(entry.config.get("dtype"))
            return [make(layer, tensors)]
        except Unsupported as error:
            return [self._refuse(entry, str(error))]
        except (
            TypeError,
            ValueError,
            IndexError,
            KeyError,
            AttributeError,
            ZeroDivisionError,
        ) as e:
            return [self._refuse(entry, f"its config is malformed ({type(e).__name__}: {e})")]

    def _refuse(self, entry, what):
        self.refusals.append((f"{entry.full} ({entry.class_name})", what))

    def _input(self, name, config):
        shape = self.shapes.get(name)
        given = topology.input_shape(config)
        if shape is None and isinstance(given, list):
            shape = given[1:]
        if not isinstance(shape, (list, tuple)):
            raise topology.malformed(name, "its shape is given nowhere")
        if not shape or not all(isinstance(n, int) and 0 < n < 1 << 31 for n in shape):
            message = "every dimension behind the rows has to be known (--shape)"
            raise Refused("keras_shape", message, [(name, f"has shape {list(shape)}")])
        return Tensor(self.graph, self.graph.input(name, shape, "f32"))


class _Entry:
    def __init__(self, raw, name, prefix, slot):
        self.raw = raw
        self.class_name = raw["class_name"]
        self.config = raw["config"]
        self.name = name
        self.full = prefix + name
        self.slot = slot
        self.inner = None


def _references(value):
    """Every :class:`Reference` in nested arguments, in order."""
    if isinstance(value, Reference):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [r for inner in value for r in _references(inner)]
    return []


def _pick(results, reference, place):
    found = results.get(reference.key)
    if found is None or not 0 <= reference.tensor < len(found):
        raise topology.malformed(place, f"{reference.key[0]} has no such result")
    return found[reference.tensor]


def _check_policy(dtype):
    if isinstance(dtype, dict):
        dtype = (dtype.get("config") or {}).get("name")
    if dtype not in POLICIES:
        raise Unsupported(f"computes in {dtype!r:.40}, and only float32 is supported")


def _snake(name):
    """A class's name as Keras names its weights' group."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
