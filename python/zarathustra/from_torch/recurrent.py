"""``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``."""

import torch

from ..errors import Unsupported
from .value import ROWS, Value
from .walk import array


def recurrent(kind, activation=None):
    """Layers over sequences; the results are the sequence and the last hidden states."""

    def handle(w, node, a):
        x = w.value(a["input"])
        states = a["hx"] if isinstance(a["hx"], list) else [a["hx"]]
        for state in states:
            if isinstance(state, torch.fx.Node) or bool((state != 0).any()):
                raise Unsupported("begins with a state other than zeros")
        if a["train"] and a["dropout"]:
            raise Unsupported("drops out in training mode; call model.eval() before the export")
        if len(x.dims) != 3 or x.axis(-1) != 1 or x.axis(1 if a["batch_first"] else 0) != 0:
            raise Unsupported("wants rows, time and features")
        ways = 2 if a["bidirectional"] else 1
        each = 4 if a["has_biases"] else 2
        if len(a["params"]) != each * ways * a["num_layers"]:
            raise Unsupported("projections are not supported")
        lasts, name = [], x.name
        for layer in range(a["num_layers"]):
            given = a["params"][layer * each * ways : (layer + 1) * each * ways]
            wish = f"{w.owner(node)}_{layer}" if a["num_layers"] > 1 else w.owner(node)
            name = _layer(w, name, wish, [array(p) for p in given], ways, a["has_biases"])
            lasts += _lasts(w, name, ways)
        hidden = (
            w.graph.add("concatenate", lasts, f"{node.name}_hidden", dim=0)
            if len(lasts) > 1
            else lasts[0]
        )
        results = [Value(name, x.dims), Value(hidden, [(0,), (ROWS,), (1,)])]
        return [*results, None] if kind == "lstm" else results

    def _layer(w, source, wish, arrays, ways, biases):
        attributes = {
            "units": arrays[1].shape[1], "bias": bool(biases),
            "direction": "both" if ways == 2 else "forward", "returns": "sequence",
        }  # fmt: skip
        if kind == "rnn":
            attributes = {"activation": activation, "layer": attributes}
        name = w.graph.add(kind, [source], wish, **attributes)
        keys = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"][: len(arrays) // ways]
        keys += [f"{key}_reverse" for key in keys] if ways == 2 else []
        w.graph.set(name, **dict(zip(keys, arrays)))
        return name

    return handle


def _lasts(w, name, ways):
    """The hidden states after the whole sequence, each ``[1, units]``."""
    time, width = w.graph.shapes[name]
    units = width // ways
    result = []
    for way in range(ways):
        # Backwards the last element that is read is the first.
        start = 0 if way else time - 1
        last = w.graph.add("slice", [name], f"{name}_end", dim=0, start=start, length=1)
        if ways == 2:
            last = w.graph.add(
                "slice", [last], f"{name}_state", dim=1, start=way * units, length=units
            )
        result.append(last)
    return result


HANDLERS = {
    "lstm": recurrent("lstm"),
    "gru": recurrent("gru"),
    "rnn_tanh": recurrent("rnn", "tanh"),
    "rnn_relu": recurrent("rnn", "relu"),
}
"""Handlers by the operation's name; each gets the walk, the node and its bound arguments."""
