"""Import of safetensors checkpoints: parameters renamed to those of an architecture.

A table of rules says how. The rules are tried in order on each key of the checkpoint:

- ``{"prefix": old, "to": new}`` replaces the beginning of the key and goes on;
- ``{"match": regex, "to": name}`` on the whole key ends the search. ``\\1`` in the name stands for
  the first group. With ``"transpose": true`` a matrix is transposed. A list of names under
  ``"split"`` instead of ``"to"`` cuts the tensor, after that, along its first dimension into equal
  parts, or parts of ``"sizes"``; a list under ``"copy"`` gives all of it to each;
- ``{"ignore": regex}`` leaves a key out.

A key that no rule ends keeps its name.
"""

import math
import os
import re
import sys

import numpy as np

from .errors import Refused
from .files import MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, bounded, parse_json, read_text
from .parameters import implied

MAX_HEADER_BYTES = 100 << 20
"""Largest header of a checkpoint that is read, as the format allows."""

DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types of numbers that are read, and how they lie in the file."""

FORMS = ("to", "split", "copy")
"""What a rule with ``match`` does."""


def import_checkpoint(architecture, checkpoints, table):
    """Parameters for ``architecture`` (as JSON values) out of checkpoint files, by a table."""
    wanted, rules = implied(architecture), _rules(table)
    found, wrong, extra, origin = {}, [], [], {}
    for path in checkpoints:
        for key, read in tensors(path):
            for name, array in _targets(key, read, rules, wrong):
                if name not in wanted:
                    extra.append((key, f"would become {name}, which the architecture lacks"))
                elif name in found:
                    wrong.append((key, f"becomes {name}, and so does {origin[name]}"))
                elif array.shape != wanted[name]:
                    shapes = f"shape {list(array.shape)}, not {list(wanted[name])}"
                    wrong.append((key, f"becomes {name} with {shapes}"))
                else:
                    found[name], origin[name] = np.ascontiguousarray(array, np.float32), key
    missing = [(name, "comes from no key") for name in wanted if name not in found]
    if wrong or extra:
        code = "checkpoint_mismatch" if wrong else "checkpoint_left_over"
        raise Refused(code, "the checkpoint does not fit", [*wrong, *extra, *missing])
    if missing:
        raise Refused("checkpoint_missing", "the checkpoint lacks parameters", missing)
    infinite = [(name, "is not finite") for name, a in found.items() if not np.isfinite(a).all()]
    if infinite:
        raise Refused("not_finite", "parameters have to be finite", infinite)
    return {name: found[name] for name in wanted}


def read_table(path):
    """A table of rules as JSON or TOML."""
    text = read_text(path, MAX_JSON_BYTES)
    if str(path).endswith(".toml"):
        if sys.version_info < (3, 11):
            raise Refused("rename_table", "TOML needs Python 3.11; write the table as JSON")
        import tomllib

        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise Refused("rename_table", f"read {path}: {error}") from error
    return parse_json(text, "the table", "rename_table")


def _rules(table):
    rules = table.get("rules") if isinstance(table, dict) else None
    if not isinstance(rules, list):
        raise Refused("rename_table", "the table has to hold a list of rules")
    checked = []
    for index, rule in enumerate(rules):
        place = f"rule {index}"
        kinds = [k for k in ("prefix", "match", "ignore") if isinstance(rule, dict) and k in rule]
        if len(kinds) != 1 or not isinstance(rule[kinds[0]], str):
            raise _bad_rule(place, "has to have one of prefix, match and ignore")
        allowed = {
            "prefix": {"prefix", "to"},
            "match": {"match", "transpose", "sizes", *FORMS},
            "ignore": {"ignore"},
        }[kinds[0]]
        if set(rule) - allowed:
            raise _bad_rule(place, f"does not take {sorted(set(rule) - allowed)[0]}")
        if kinds[0] == "prefix" and not isinstance(rule.get("to"), str):
            raise _bad_rule(place, "has to say what the prefix becomes")
        if kinds[0] == "match":
            _check_match(place, rule)
        try:
            pattern = None if kinds[0] == "prefix" else re.compile(rule[kinds[0]])
        except re.error as error:
            raise _bad_rule(place, f"is no regular expression: {error}") from error
        checked.append((kinds[0], pattern, rule))
    return checked


def _check_match(place, rule):
    forms = [form for form in FORMS if form in rule]
    if len(forms) != 1:
        raise _bad_rule(place, "has to have one of to, split and copy")
    names = [rule["to"]] if forms == ["to"] else rule[forms[0]]
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise _bad_rule(place, "has to name parameters")
    sizes = rule.get("sizes")
    if sizes is not None and (forms != ["split"] or not _sizes_fit(sizes, names)):
        raise _bad_rule(place, "has to have one positive size for each part")


def _sizes_fit(sizes, names):
    positive = isinstance(sizes, list) and all(isinstance(n, int) and n > 0 for n in sizes)
    return positive and len(sizes) == len(names)


def _bad_rule(place, what):
    return Refused("rename_table", "the table is malformed", [(place, what)])


def _targets(key, read, rules, wrong):
    """Names and arrays that a key of the checkpoint becomes."""
    name = key
    for kind, pattern, rule in rules:
        if kind == "prefix":
            if name.startswith(rule["prefix"]):
                name = rule["to"] + name[len(rule["prefix"]) :]
            continue
        match = pattern.fullmatch(name)
        if match is None:
            continue
        if kind == "ignore":
            return []
        try:
            return _converted(match, rule, read())
        except (re.error, IndexError, ValueError) as error:
            wrong.append((key, str(error)))
            return []
    return [(name, read())]


def _converted(match, rule, array):
    if rule.get("transpose"):
        if array.ndim != 2:
            raise ValueError(f"has {array.ndim} dimensions, and only matrices are transposed")
        array = array.T
    if "to" in rule:
        return [(match.expand(rule["to"]), array)]
    if "copy" in rule:
        return [(match.expand(name), array) for name in rule["copy"]]
    names = [match.expand(name) for name in rule["split"]]
    size = array.shape[0] if array.ndim else 0
    sizes = rule.get("sizes") or [size // len(names)] * len(names)
    if sum(sizes) != size:
        raise ValueError(f"its first dimension of {size} is not split by {sizes}")
    ends = np.cumsum(sizes)[:-1]
    return list(zip(names, np.split(array, ends)))


def tensors(path):
    """Each key of a safetensors file with a function that reads its tensor as 32-bit floats."""
    bounded(path, MAX_WEIGHTS_BYTES)
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(MAX_HEADER_BYTES, size - 8):
            raise _bad_file(path, "its header is longer than the file or than 100 MB")
        text = file.read(length)
    header = parse_json(text.decode("utf-8", "replace"), path, "safetensors_header")
    if not isinstance(header, dict):
        raise _bad_file(path, "its header is no JSON object")
    start, result = 8 + length, []
    for key, entry in header.items():
        if key != "__metadata__":
            place = _place(path, key, entry, size - start)
            result.append((key, _reader(path, start, key, *place)))
    return result


def _place(path, key, entry, size):
    try:
        shape, dtype, (begin, end) = entry["shape"], entry["dtype"], entry["data_offsets"]
        numbers = [*shape, begin, end]
    except (TypeError, KeyError, ValueError) as error:
        raise _bad_file(path, f"{key} is described wrongly") from error
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        raise _bad_file(path, f"{key} is described wrongly")
    if not begin <= end <= size:
        raise _bad_file(path, f"{key} leaves the file")
    return dtype, shape, begin, end


def _reader(path, start, key, dtype, shape, begin, end):
    def read():
        if dtype not in DTYPES:
            raise Refused(
                "checkpoint_dtype", f"{path}: {key} is {dtype}; F32, F16 and BF16 are read"
            )
        kind = np.dtype(DTYPES[dtype])
        if math.prod(shape) * kind.itemsize != end - begin:
            raise _bad_file(path, f"{key}: shape and type do not fit its {end - begin} bytes")
        with open(path, "rb") as file:
            file.seek(start + begin)
            data = np.frombuffer(file.read(end - begin), kind).reshape(shape)
        if dtype == "BF16":
            return (data.astype(np.uint32) << 16).view(np.float32)
        return data.astype(np.float32)

    return read


def _bad_file(path, what):
    return Refused("safetensors_header", f"read {path}: {what}")


def read_architecture(path):
    """An architecture file as JSON values."""
    value = parse_json(read_text(path), path, "architecture_invalid")
    if not isinstance(value, dict) or not isinstance(value.get("nodes"), list):
        raise Refused("architecture_invalid", f"{path} is no architecture file")
    return value


def save(parameters, path):
    """Writes parameters as safetensors."""
    from safetensors.numpy import save_file

    save_file(parameters, path)


__all__ = ["import_checkpoint", "read_architecture", "read_table", "save", "tensors"]
