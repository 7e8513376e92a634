"""Keras weights out of files: ``.weights.h5``, ``.npz`` and JSON lists."""

import zipfile
from math import prod

import numpy as np

from ..errors import Refused
from ..files import MAX_LIST_BYTES, MAX_WEIGHTS_BYTES, bounded, parse_json, read_text

ORDERS = ("layers", "trained-first")
"""Orders of a list of weights: Keras's, layer by layer, and TensorFlow.js's, where those that are
not trained follow all others."""


def from_arrays(arrays, slots, order="layers"):
    """Gives each slot its arrays out of a list in the order of ``get_weights()``."""
    places = [(slot, variable) for slot in slots for variable in slot.variables]
    if order == "trained-first":
        places.sort(key=lambda place: not place[1].trained)
    if len(arrays) != len(places):
        message = f"the model has {len(places)} weights, and there are {len(arrays)}"
        raise Refused("keras_weights", message)
    found, wrong = {}, []
    for index, (array, (slot, variable)) in enumerate(zip(arrays, places)):
        found[variable] = _checked(array, variable, f"weight {index} ({slot.layer})", wrong)
    _hand_out(slots, found, wrong)


def _checked(array, variable, place, wrong):
    array = np.asarray(array)
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        wrong.append((place, f"has numbers of type {array.dtype}"))
    elif array.shape != variable.shape:
        wrong.append((place, f"has shape {list(array.shape)}, not {list(variable.shape)}"))
    return array


def _hand_out(slots, found, wrong):
    if wrong:
        raise Refused("keras_weights", "the weights are not those of the model", wrong)
    for slot in slots:
        arrays = [found[v].astype(np.float32) for v in slot.variables]
        for use in slot.uses:
            use(arrays)


def read(path, slots, order="layers"):
    """Reads a file of weights by its name."""
    name = str(path)
    if name.endswith((".h5", ".hdf5")):
        read_h5(path, slots)
    elif name.endswith(".npz"):
        from_arrays(read_npz(path), slots, order)
    elif name.endswith(".json"):
        from_arrays(read_list(path), slots, order)
    else:
        raise Refused("keras_weights", f"{path}: weights are .weights.h5, .npz or .json")


def read_list(path):
    """A JSON list of nested lists."""
    values = parse_json(read_text(path, MAX_LIST_BYTES), "weights", "keras_weights")
    if not isinstance(values, list):
        raise Refused("keras_weights", "the weights have to be a list of nested lists of numbers")
    arrays = []
    for index, value in enumerate(values):
        try:
            array = np.array(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            items = [(f"weight {index}", "is no nested list of numbers of one shape")]
            raise Refused("keras_weights", "the weights are malformed", items) from error
        arrays.append(array)
    return arrays


def read_npz(path):
    """The arrays of ``numpy.savez(path, *model.get_weights())``, without pickle."""
    bounded(path, MAX_WEIGHTS_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        if total > MAX_WEIGHTS_BYTES:
            raise Refused("file_too_long", f"{path} unpacks to {total} bytes")
        with np.load(path, allow_pickle=False) as archive:
            wanted = [f"arr_{index}" for index in range(len(archive.files))]
            if sorted(archive.files) != sorted(wanted):
                message = "its arrays have to be arr_0, arr_1, … as numpy.savez writes a list"
                raise Refused("keras_weights", f"{path}: {message}")
            return [archive[name] for name in wanted]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise Refused("keras_weights", f"read {path}: {error}") from error
    except (MemoryError, OverflowError) as error:
        raise Refused("keras_weights", f"read {path}: an array is too large") from error


def read_h5(path, slots):
    """A file of ``model.save_weights("….weights.h5")`` of Keras 3."""
    import h5py

    bounded(path, MAX_WEIGHTS_BYTES)
    try:
        with h5py.File(path, "r") as file:
            if "layers" not in file:
                message = "it has no group 'layers', as model.save_weights of Keras 3 writes it"
                raise Refused("keras_weights", f"read {path}: {message}")
            found, wrong, seen = {}, [], set()
            for slot in slots:
                for variable in slot.variables:
                    place = f"{slot.path}/{variable.path}"
                    seen.add(place)
                    array = _dataset(h5py, file, place, variable, slot, wrong)
                    found[variable] = array
            wrong += [(place, "belongs to no layer") for place in _others(h5py, file, seen)]
    except (OSError, RuntimeError, KeyError, ValueError, MemoryError) as error:
        raise Refused("keras_weights", f"read {path}: {error}") from error
    _hand_out(slots, found, wrong)


def _walk(h5py, file, place):
    """What stands at ``place``, reached through groups and hard links of this file alone."""
    here = file
    for part in place.split("/"):
        if not isinstance(here, h5py.Group) or part not in here:
            return None
        if not isinstance(here.get(part, getlink=True), h5py.HardLink):
            return None
        here = here[part]
    return here


def _dataset(h5py, file, place, variable, slot, wrong):
    data = _walk(h5py, file, place)
    label = f"{place} ({slot.layer})"
    if not isinstance(data, h5py.Dataset):
        wrong.append((label, "is missing"))
    elif data.external or data.is_virtual:
        wrong.append((label, "is stored in another file"))
    elif data.shape != variable.shape:
        wrong.append((label, f"has shape {data.shape}, not {variable.shape}"))
    elif data.dtype.kind != "f" or data.dtype.itemsize > 8 or prod(data.shape) > 1 << 32:
        wrong.append((label, f"has numbers of type {data.dtype}"))
    else:
        return data[()]
    return np.zeros(0, np.float32)


def _others(h5py, file, seen):
    """Weights below ``layers`` that no layer has asked for."""
    left = []

    def visit(name, found):
        place = f"layers/{name}"
        random = "seed_generator" in name
        if isinstance(found, h5py.Dataset) and place not in seen and not random:
            left.append(place)

    file["layers"].visititems(visit)
    return left
