"""Which parameters an architecture implies, as the architecture's contract says."""

from .errors import Refused, Unsupported
from .shapes import infer

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
"""How many times its units a recurrent layer's weights have rows."""


def implied(architecture):
    """Maps the name of each parameter of an architecture file to its shape."""
    try:
        shapes = {i["name"]: list(i["shape"]) for i in architecture["inputs"]}
        found = {}
        for node in architecture["nodes"]:
            inputs = [shapes[name] for name in node["inputs"]]
            shapes[node["name"]] = infer(node["op"], inputs, node)
            for suffix, shape in of(node["op"], inputs, node):
                found[f"{node['name']}.{suffix}"] = tuple(shape)
        return found
    except Unsupported as error:
        raise Refused("architecture_invalid", f"the architecture is invalid: {error}") from error
    except (KeyError, TypeError, IndexError, ValueError, ZeroDivisionError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise Refused("architecture_invalid", f"the architecture is invalid: {detail}") from error


def of(op, inputs, a):
    """Suffix and shape of each parameter of an operation."""
    x = inputs[0]
    if op == "linear":
        return _biased([a["units"], x[-1]], a)
    if op in ("conv1d", "conv2d"):
        return _biased([a["channels"], x[0] // a["groups"], *a["kernel"]], a)
    if op in ("conv_transpose1d", "conv_transpose2d"):
        weight = [x[0], a["channels"] // a["groups"], *a["kernel"]]
        return _biased(weight, a, a["channels"])
    if op == "batch_norm":
        affine = ["weight", "bias"] if a["affine"] else []
        return [(name, [x[0]]) for name in [*affine, "running_mean", "running_var"]]
    if op in ("layer_norm", "rms_norm"):
        shape = x[len(x) - a["dims"] :]
        return [(name, shape) for name in ("weight", "bias") if a.get(name)]
    if op == "group_norm":
        return [(name, [x[0]]) for name in ("weight", "bias") if a["affine"]]
    if op == "embedding":
        return [("weight", [a["entries"], a["size"]])]
    if op in GATES:
        return _recurrent(a["layer"] if op == "rnn" else a, GATES[op], x[-1])
    if op == "multi_head_attention":
        return _attention(inputs, a)
    if op == "learned_positions":
        return [("weight", x)]
    if op == "prelu":
        return [("weight", [x[0] if a["per_channel"] else 1])]
    if op in ("transformer_encoder", "transformer_decoder"):
        return _block(op, x[-1], a)
    return []


def _biased(weight, a, size=None):
    bias = [("bias", [weight[0] if size is None else size])] if a["bias"] else []
    return [("weight", weight), *bias]


def _recurrent(a, gates, features):
    rows, result = gates * a["units"], []
    for suffix in ("", "_reverse") if a["direction"] == "both" else ("",):
        result.append((f"weight_ih{suffix}", [rows, features]))
        result.append((f"weight_hh{suffix}", [rows, a["units"]]))
        if a["bias"]:
            result += [(f"bias_{side}{suffix}", [rows]) for side in ("ih", "hh")]
    return result


def _attention(inputs, a):
    queries, keys = a["heads"] * a["head_size"], a["key_value_heads"] * a["head_size"]
    result = []
    for part, rows, width, bias in (
        ("query", queries, inputs[0][-1], a["bias"]),
        ("key", keys, inputs[1][-1], a["bias"]),
        ("value", keys, inputs[2][-1], a["bias"]),
        ("output", a["units"], queries, a["output_bias"]),
    ):
        result.append((f"{part}.weight", [rows, width]))
        result += [(f"{part}.bias", [rows])] if bias else []
    return result


def _block(op, features, a):
    norm, attention = [("weight", [features]), ("bias", [features])], []
    for part in ("query", "key", "value", "output"):
        attention += [(f"{part}.weight", [features, features]), (f"{part}.bias", [features])]
    wide = a["feed_forward"]
    parts = [("norm_1", norm), ("self_attention", attention)]
    if op == "transformer_decoder":
        parts += [("norm_2", norm), ("cross_attention", attention), ("norm_3", norm)]
    else:
        parts += [("norm_2", norm)]
    parts += [
        ("linear_1", [("weight", [wide, features]), ("bias", [wide])]),
        ("linear_2", [("weight", [features, wide]), ("bias", [features])]),
    ]
    return [(f"{part}.{suffix}", shape) for part, inner in parts for suffix, shape in inner]
