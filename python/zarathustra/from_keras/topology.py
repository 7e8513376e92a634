"""Keras topologies as JSON: what is in them, in one form for all versions."""

from ..errors import Refused
from ..files import parse_json

MAX_ENCODINGS = 3
"""How often JSON may be a string that holds JSON."""

MAX_DEPTH = 16
"""How deep models may stand in models."""

MAX_LAYERS = 4096
"""Most layers of a model."""

MODELS = ("Sequential", "Functional", "Model")
"""Classes of models; ``Model`` is what Keras 2 and TensorFlow.js call functional ones."""


class Topology:
    """A model's class and config, and whether a version before Keras 3 wrote it."""

    def __init__(self, class_name, config, legacy):
        self.class_name = class_name
        self.config = config
        self.legacy = legacy


class Reference:
    """The result ``tensor`` of call ``node`` of the layer called ``layer``."""

    def __init__(self, layer, node, tensor):
        self.key = (layer, node)
        self.tensor = tensor


def read(text):
    """Reads ``model.to_json()``, plain or encoded twice, alone or in what Keras and TensorFlow.js
    wrap it in."""
    value, legacy = text, False
    for _ in range(MAX_ENCODINGS):
        if not isinstance(value, str):
            break
        value = parse_json(value, "topology", "keras_json")
        for wrapper in ("modelTopology", "model_config"):
            if isinstance(value, dict) and wrapper in value:
                legacy = legacy or _legacy(value)
                value = value[wrapper]
                if isinstance(value, dict) and wrapper == "modelTopology":
                    legacy = legacy or _legacy(value)
                    value = value.get("model_config", value)
    if not isinstance(value, dict) or value.get("class_name") not in MODELS:
        found = value.get("class_name") if isinstance(value, dict) else type(value).__name__
        message = "the topology has to be a Sequential or functional model"
        raise Refused("keras_topology", message, [("class_name", f"is {found!r}")])
    return Topology(value["class_name"], value.get("config"), legacy or _legacy(value))


def _legacy(value):
    version = str(value.get("keras_version", "3"))
    return not version.startswith("3")


def layers(config, place):
    """The list of a model's layers, each with class, name and config."""
    found = config if isinstance(config, list) else None
    if isinstance(config, dict):
        found = config.get("layers")
    if not isinstance(found, list) or not found:
        raise malformed(place, "config.layers has to be a list of layers")
    if len(found) > MAX_LAYERS:
        raise malformed(place, f"has more than {MAX_LAYERS} layers")
    for index, layer in enumerate(found):
        inner = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(inner, (dict, list)) or not isinstance(layer.get("class_name"), str):
            raise malformed(f"{place} layer {index}", "has to have a class_name and a config")
    return found


def name_of(layer, index):
    """The name of a layer."""
    config = layer["config"]
    name = layer.get("name") or (config.get("name") if isinstance(config, dict) else None)
    return name if isinstance(name, str) else f"layer_{index}"


def input_shape(config):
    """The shape that a layer's config gives for its input, rows included, or ``None``."""
    if not isinstance(config, dict):
        return None
    return config.get("batch_shape") or config.get("batch_input_shape")


def calls(layer, place):
    """The calls of a layer of a functional model: lists of positional and named arguments, with
    every tensor as a :class:`Reference`."""
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list):
        raise malformed(place, "inbound_nodes has to be a list")
    return [_call(node, place) for node in nodes]


def _call(node, place):
    if isinstance(node, dict):
        return _resolve(node.get("args", [])), _resolve(node.get("kwargs", {}))
    # Keras 2: a list of [layer, node, tensor, named arguments].
    if not isinstance(node, list):
        raise malformed(place, "a call in inbound_nodes has to be a list or an object")
    if node and isinstance(node[0], str):
        node = [node]
    positional, named = [], {}
    for entry in node:
        if not _is_key(entry):
            raise malformed(place, f"{entry!r:.60} in inbound_nodes names no tensor")
        positional.append(Reference(entry[0], int(entry[1]), int(entry[2])))
        if len(entry) > 3 and isinstance(entry[3], dict):
            named.update({k: _legacy_argument(v) for k, v in entry[3].items()})
    return positional, named


def _is_key(value):
    return (
        isinstance(value, list)
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(n, (int, float)) for n in value[1:3])
    )


def _legacy_argument(value):
    return Reference(value[0], int(value[1]), int(value[2])) if _is_key(value) else value


def _resolve(value, depth=0):
    if depth > MAX_DEPTH:
        raise malformed("inbound_nodes", "arguments are nested too deeply")
    if isinstance(value, list):
        return [_resolve(inner, depth + 1) for inner in value]
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            history = (value.get("config") or {}).get("keras_history")
            if not _is_key(history):
                raise malformed("inbound_nodes", "a tensor has no keras_history")
            return Reference(history[0], int(history[1]), int(history[2]))
        return {k: _resolve(inner, depth + 1) for k, inner in value.items()}
    return value


def ends(config, field, place):
    """The references under ``input_layers`` or ``output_layers``."""
    found = config.get(field)
    if isinstance(found, dict):
        found = list(found.values())
    if _is_key(found):
        found = [found]
    if not isinstance(found, list) or not found or not all(map(_is_key, found)):
        raise malformed(place, f"{field} has to name layers")
    return [Reference(entry[0], int(entry[1]), int(entry[2])) for entry in found]


def malformed(place, what):
    """A topology that is not what Keras writes."""
    return Refused("keras_topology", "the topology is malformed", [(place, what)])
